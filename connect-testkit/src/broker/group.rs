//! Cases about consumer groups.

use std::collections::BTreeSet;
use std::time::Duration;

use connect_api::LogOffsets;
use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_api::pattern::Pattern;
use connect_broker::BrokerError;
use connect_broker::ConsumerEvent;
use connect_broker::ConsumerOptions;
use connect_broker::Subscription;
use connect_broker::admin::NewTopic;
use tokio::time::Instant;

use crate::broker::Fixture;
use crate::broker::fixture::GLANCE;
use crate::broker::fixture::PATIENCE;
use crate::broker::fixture::patiently;
use crate::broker::reader::Reader;

fn member(group: &str, topic: &TopicName) -> ConsumerOptions {
    let mut options = ConsumerOptions::new(Subscription::Topics(vec![topic.clone()]));
    options.group = Some(group.to_owned());
    options
}

/// Drives members until something holds; checks that no partition has two owners.
async fn drive(what: &str, readers: &mut [&mut Reader], done: impl Fn(&[&mut Reader]) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done(readers) {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        for reader in &mut *readers {
            reader.step(Duration::from_millis(20)).await;
        }
        let owners: usize = readers.iter().map(|reader| reader.owned.len()).sum();
        let owned: BTreeSet<_> = readers.iter().flat_map(|reader| &reader.owned).collect();
        assert_eq!(owned.len(), owners, "a partition has two owners");
    }
}

/// Records of a partition arrive only after the member has acknowledged the assignment.
pub async fn a_member_answers_before_it_reads(fixture: Fixture) {
    let topic = fixture.topic(2).await;
    fixture.write(&topic, &["a", "b"]).await;
    let mut reader = Reader::open(&fixture, member(&fixture.name("group"), &topic)).await;
    let partitions = loop {
        let event = patiently("an assignment", reader.consumer.poll(GLANCE))
            .await
            .unwrap();
        match event {
            ConsumerEvent::Assigned(partitions) => break partitions,
            ConsumerEvent::Idle => {}
            other => panic!("{other:?}"),
        }
    };
    let both: Vec<_> = [0, 1]
        .map(|number| TopicPartition::new(topic.clone(), number))
        .into();
    assert_eq!(
        partitions.iter().collect::<BTreeSet<_>>(),
        both.iter().collect()
    );
    let event = patiently("a poll", reader.consumer.poll(GLANCE))
        .await
        .unwrap();
    assert!(matches!(event, ConsumerEvent::Idle), "{event:?}");
    reader.owned.extend(partitions);
    reader.answer().await;
    reader.read(2).await;
}

/// Two members share; a partition moves only after its owner has acknowledged the revocation.
pub async fn two_members_share_and_hand_over(fixture: Fixture) {
    let topic = fixture.topic(4).await;
    let group = fixture.name("group");
    let mut first = Reader::open(&fixture, member(&group, &topic)).await;
    first
        .until("all partitions", |reader| reader.owned.len() == 4)
        .await;
    let mut second = Reader::open(&fixture, member(&group, &topic)).await;
    let deadline = Instant::now() + PATIENCE;
    let revoked = loop {
        assert!(Instant::now() < deadline, "nothing was revoked");
        let wait = Duration::from_millis(20);
        match patiently("a poll", first.consumer.poll(wait))
            .await
            .unwrap()
        {
            ConsumerEvent::Revoked(revoked) => break revoked,
            ConsumerEvent::Idle => {}
            other => panic!("{other:?}"),
        }
        second.step(wait).await;
        assert!(second.owned.is_empty(), "{:?}", second.owned);
    };
    // Until the first acknowledges, it is the owner: it may commit, and nobody else has the
    // partitions.
    let handed = revoked.first().unwrap().clone();
    first.commit(&handed, 7).await.unwrap();
    second.glance().await;
    assert!(second.owned.is_empty(), "{:?}", second.owned);
    first.owned.retain(|partition| !revoked.contains(partition));
    first.answer().await;
    drive("an even share", &mut [&mut first, &mut second], |readers| {
        readers.iter().all(|reader| reader.owned.len() == 2)
    })
    .await;
    let moved = second.owned.iter().next().unwrap().clone();
    let error = first.commit(&moved, 1).await.unwrap_err();
    assert!(matches!(error, BrokerError::NotAssigned { .. }), "{error}");
    second.commit(&moved, 1).await.unwrap();
}

/// The partitions of a member that leaves go to the others.
pub async fn a_dropped_member_gives_its_partitions_back(fixture: Fixture) {
    let topic = fixture.topic(3).await;
    let group = fixture.name("group");
    let mut first = Reader::open(&fixture, member(&group, &topic)).await;
    let mut second = Reader::open(&fixture, member(&group, &topic)).await;
    drive(
        "a share for both",
        &mut [&mut first, &mut second],
        |readers| {
            readers.iter().all(|reader| !reader.owned.is_empty())
                && readers
                    .iter()
                    .map(|reader| reader.owned.len())
                    .sum::<usize>()
                    == 3
        },
    )
    .await;
    drop(second);
    first
        .until("all partitions", |reader| reader.owned.len() == 3)
        .await;
}

/// A member that does not poll loses its partitions, is told so, and can rejoin.
pub async fn a_silent_member_loses_its_partitions(fixture: Fixture) {
    let topic = fixture.topic(2).await;
    let group = fixture.name("group");
    let mut options = member(&group, &topic);
    // The shortest timeout that Kafka accepts by default.
    options.session_timeout = Duration::from_secs(6);
    let mut silent = Reader::open(&fixture, options.clone()).await;
    silent
        .until("all partitions", |reader| reader.owned.len() == 2)
        .await;
    let mut other = Reader::open(&fixture, options).await;
    other
        .until("all partitions", |reader| reader.owned.len() == 2)
        .await;
    let partition = TopicPartition::new(topic, 0);
    let error = silent.commit(&partition, 1).await.unwrap_err();
    assert!(matches!(error, BrokerError::NotAssigned { .. }), "{error}");
    let deadline = Instant::now() + PATIENCE;
    while silent.lost.len() < 2 {
        assert!(Instant::now() < deadline, "the loss is not reported");
        silent.step(Duration::from_millis(20)).await;
        other.step(Duration::from_millis(20)).await;
    }
    drive(
        "a share for both",
        &mut [&mut silent, &mut other],
        |readers| readers.iter().all(|reader| reader.owned.len() == 1),
    )
    .await;
}

/// A group continues from its committed offset, with any member.
pub async fn a_group_continues_at_its_committed_offsets(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    let partition = TopicPartition::new(topic.clone(), 0);
    let group = fixture.name("group");
    fixture.write(&topic, &["a", "b", "c"]).await;
    let mut reader = Reader::open(&fixture, member(&group, &topic)).await;
    reader.read(3).await;
    let none = reader
        .consumer
        .committed(std::slice::from_ref(&partition))
        .await
        .unwrap();
    assert!(none.is_empty(), "{none:?}");
    reader.commit(&partition, 2).await.unwrap();
    let committed = reader
        .consumer
        .committed(std::slice::from_ref(&partition))
        .await
        .unwrap();
    assert_eq!(committed, LogOffsets::from_iter([(partition, 2)]));
    drop(reader);
    let mut reader = Reader::open(&fixture, member(&group, &topic)).await;
    reader.read(1).await;
    assert_eq!(reader.values(), ["c"]);
}

/// Each group gets all records.
pub async fn two_groups_both_get_everything(fixture: Fixture) {
    let topic = fixture.topic(2).await;
    fixture.write(&topic, &["a", "b", "c"]).await;
    for group in ["one", "two"] {
        let mut reader = Reader::open(&fixture, member(&fixture.name(group), &topic)).await;
        reader.read(3).await;
    }
}

/// A pattern subscribes to all topics whose whole name matches, even if they are created later.
pub async fn a_pattern_finds_topics_that_come_later(fixture: Fixture) {
    let name = |what: &str| fixture.name(what);
    fixture
        .create(NewTopic::new(name("p-1")).partitions(1))
        .await;
    fixture
        .create(NewTopic::new(name("xp-1")).partitions(1))
        .await;
    fixture
        .create(NewTopic::new(name("p-1") + "-x").partitions(1))
        .await;
    let pattern = name("p-N").replace('N', "[0-9]+");
    let mut options = ConsumerOptions::new(Subscription::Pattern(Pattern::new(&pattern).unwrap()));
    options.group = Some(name("group"));
    let mut reader = Reader::open(&fixture, options).await;
    reader
        .until("the first topic", |reader| !reader.owned.is_empty())
        .await;
    let topic = fixture
        .create(NewTopic::new(name("p-2")).partitions(2))
        .await;
    fixture.write(&topic, &["a"]).await;
    reader
        .until("a record of the new topic", |reader| {
            !reader.records.is_empty()
        })
        .await;
    let topics: BTreeSet<&str> = reader.owned.iter().map(|p| p.topic.as_str()).collect();
    assert_eq!(
        topics,
        [name("p-1"), name("p-2")]
            .iter()
            .map(String::as_str)
            .collect()
    );
}

/// A consumer that names a topic does not create it, so that its source can create it with its own
/// options. The consumer gets all partitions once it exists.
pub async fn a_consumer_does_not_create_topics(fixture: Fixture) {
    let topic = TopicName::new(fixture.name("topic"));
    let mut reader = Reader::open(&fixture, member(&fixture.name("group"), &topic)).await;
    reader.glance().await;
    let admin = fixture.admin().await;
    assert_eq!(admin.describe_topic(&topic).await.unwrap(), None);
    assert!(reader.owned.is_empty(), "{:?}", reader.owned);
    fixture
        .create(NewTopic::new(topic.clone()).partitions(3))
        .await;
    fixture.write(&topic, &["a"]).await;
    reader
        .until("all partitions and a record", |reader| {
            reader.owned.len() == 3 && reader.records.len() == 1
        })
        .await;
}

/// Only a member of a group can commit.
pub async fn commits_are_for_owners_of_a_group(fixture: Fixture) {
    let topic = fixture.topic(2).await;
    let partition = TopicPartition::new(topic.clone(), 0);
    let group = fixture.name("group");
    let mut options = ConsumerOptions::new(Subscription::Partitions(vec![partition.clone()]));
    options.group = Some(group.clone());
    let mut reader = Reader::open(&fixture, options).await;
    reader.commit(&partition, 5).await.unwrap();
    let committed = reader
        .consumer
        .committed(std::slice::from_ref(&partition))
        .await
        .unwrap();
    assert_eq!(committed, LogOffsets::from_iter([(partition, 5)]));
    let options = ConsumerOptions::new(Subscription::Topics(vec![topic]));
    let refused = patiently("a refusal", fixture.broker.consumer(options)).await;
    let error = refused.map(drop).unwrap_err();
    assert!(matches!(error, BrokerError::InvalidOption(_)), "{error}");
}
