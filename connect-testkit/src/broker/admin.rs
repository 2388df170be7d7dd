//! Cases about administration.

use std::collections::BTreeMap;

use connect_api::LogOffsets;
use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_broker::BrokerError;
use connect_broker::ConsumerOptions;
use connect_broker::Isolation;
use connect_broker::Subscription;
use connect_broker::admin::NewTopic;

use crate::broker::Fixture;
use crate::broker::fixture::eventually;
use crate::broker::fixture::patiently;
use crate::broker::reader::Reader;

/// The log has a cluster id, which does not change.
pub async fn the_cluster_id_is_stable(fixture: Fixture) {
    let id = patiently("an id", fixture.broker.cluster_id())
        .await
        .unwrap();
    assert!(!id.is_empty());
    assert_eq!(fixture.broker.cluster_id().await.unwrap(), id);
}

/// A topic has the partitions and options that it was created with.
pub async fn a_topic_is_described_as_it_was_created(fixture: Fixture) {
    let admin = fixture.admin().await;
    let name = fixture.name("topic");
    let new = NewTopic::new(name)
        .partitions(3)
        .compacted()
        .with("delete.retention.ms", "1234");
    let topic = fixture.create(new).await;
    let description = admin.describe_topic(&topic).await.unwrap().unwrap();
    assert_eq!((&description.name, description.partitions), (&topic, 3));
    let config = admin.topic_config(&topic).await.unwrap();
    assert_eq!(config["cleanup.policy"], "compact");
    assert_eq!(config["delete.retention.ms"], "1234");
    let plain = fixture.create(NewTopic::new(fixture.name("plain"))).await;
    let config = admin.topic_config(&plain).await.unwrap();
    assert_eq!(config["cleanup.policy"], "delete");
    assert!(
        config.contains_key("retention.ms"),
        "defaults are shown as well"
    );
    let listed = eventually("both topics", || async {
        let all = admin.list_topics().await.unwrap();
        let own: Vec<_> = all
            .into_iter()
            .filter(|t| t.name == topic || t.name == plain)
            .collect();
        (own.len() == 2).then_some(own)
    })
    .await;
    assert!(listed.is_sorted_by(|a, b| a.name < b.name));
    assert_eq!(
        listed.iter().find(|t| t.name == topic).unwrap().partitions,
        3
    );
    let unknown = TopicName::from(fixture.name("unknown"));
    assert_eq!(admin.describe_topic(&unknown).await.unwrap(), None);
    let error = admin.topic_config(&unknown).await.unwrap_err();
    assert!(matches!(error, BrokerError::UnknownTopic { .. }), "{error}");
}

/// A topic that exists, or has an invalid name or option, is not created.
pub async fn a_bad_topic_is_refused(fixture: Fixture) {
    let admin = fixture.admin().await;
    let topic = fixture.topic(1).await;
    let error = admin
        .create_topic(NewTopic::new(topic.clone()))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, BrokerError::TopicExists { topic: t } if *t == topic),
        "{error}"
    );
    let fresh = || NewTopic::new(fixture.name("fresh"));
    for bad in [
        NewTopic::new("no spaces"),
        NewTopic::new("x".repeat(250)),
        fresh().partitions(0),
        fresh().with("cleanup.policy", "nonsense"),
        fresh().with("retention.ms", "soon"),
    ] {
        let error = admin.create_topic(bad).await.unwrap_err();
        assert!(matches!(error, BrokerError::InvalidTopic(_)), "{error}");
    }
}

/// A deleted topic is gone; a new one of the same name starts empty.
pub async fn a_deleted_topic_is_gone_with_its_records(fixture: Fixture) {
    let admin = fixture.admin().await;
    let topic = fixture.topic(1).await;
    fixture.write(&topic, &["a", "b"]).await;
    patiently("a deletion", admin.delete_topic(&topic))
        .await
        .unwrap();
    eventually("the topic is gone", || async {
        admin
            .describe_topic(&topic)
            .await
            .unwrap()
            .is_none()
            .then_some(())
    })
    .await;
    let error = eventually("an error", || async {
        admin.delete_topic(&topic).await.err()
    })
    .await;
    assert!(matches!(error, BrokerError::UnknownTopic { .. }), "{error}");
    eventually("creation", || async {
        admin
            .create_topic(NewTopic::new(topic.clone()).partitions(2))
            .await
            .ok()
    })
    .await;
    eventually("the topic is known", || async {
        admin
            .describe_topic(&topic)
            .await
            .unwrap()
            .filter(|found| found.partitions == 2)
            .map(drop)
    })
    .await;
    fixture.write(&topic, &["c"]).await;
    let mut reader = Reader::of(&fixture, &topic, Isolation::ReadUncommitted).await;
    reader.read(1).await;
    assert_eq!(reader.values(), ["c"]);
}

/// The first and the next offset of partitions.
pub async fn start_and_end_offsets_are_known(fixture: Fixture) {
    let admin = fixture.admin().await;
    let topic = fixture.topic(2).await;
    let both = [0, 1].map(|number| TopicPartition::new(topic.clone(), number));
    let mut sender = fixture.producer().await;
    let mut batch = Vec::new();
    for _ in 0..3 {
        let mut record = sender.record(&topic, "value");
        record.partition = Some(1);
        batch.push(record);
    }
    sender.send(batch).await;
    sender.flush().await;
    let offsets = |ends: [i64; 2]| both.iter().cloned().zip(ends).collect::<LogOffsets>();
    assert_eq!(admin.start_offsets(&both).await.unwrap(), offsets([0, 0]));
    for isolation in [Isolation::ReadCommitted, Isolation::ReadUncommitted] {
        assert_eq!(
            admin.end_offsets(&both, isolation).await.unwrap(),
            offsets([0, 3])
        );
    }
    let unknown = [TopicPartition::new(fixture.name("unknown"), 0)];
    let error = admin.start_offsets(&unknown).await.unwrap_err();
    assert!(matches!(error, BrokerError::UnknownTopic { .. }), "{error}");
    let error = admin
        .end_offsets(&unknown, Isolation::ReadCommitted)
        .await
        .unwrap_err();
    assert!(matches!(error, BrokerError::UnknownTopic { .. }), "{error}");
}

/// Offsets can be set, removed and deleted only while their group has no members.
pub async fn offsets_of_an_idle_group_can_be_altered(fixture: Fixture) {
    let admin = fixture.admin().await;
    let topic = fixture.topic(3).await;
    let group = fixture.name("group");
    let partition = |number| TopicPartition::new(topic.clone(), number);
    assert_eq!(
        admin.group_offsets(&group).await.unwrap(),
        LogOffsets::new()
    );
    let set = BTreeMap::from([(partition(0), Some(4)), (partition(1), Some(5))]);
    patiently("a change", admin.alter_group_offsets(&group, &set))
        .await
        .unwrap();
    let expected = LogOffsets::from_iter([(partition(0), 4), (partition(1), 5)]);
    assert_eq!(admin.group_offsets(&group).await.unwrap(), expected);
    let mixed = BTreeMap::from([(partition(0), None), (partition(2), Some(6))]);
    patiently("a change", admin.alter_group_offsets(&group, &mixed))
        .await
        .unwrap();
    let expected = LogOffsets::from_iter([(partition(1), 5), (partition(2), 6)]);
    assert_eq!(admin.group_offsets(&group).await.unwrap(), expected);

    let mut options = ConsumerOptions::new(Subscription::Topics(vec![topic.clone()]));
    options.group = Some(group.clone());
    let mut reader = Reader::open(&fixture, options).await;
    reader
        .until("an assignment", |reader| reader.owned.len() == 3)
        .await;
    let in_use = |result: Result<(), BrokerError>| matches!(result, Err(BrokerError::GroupInUse { group: g }) if g == group);
    assert!(in_use(admin.alter_group_offsets(&group, &set).await));
    assert!(in_use(admin.delete_group(&group).await));
    drop(reader);
    eventually("the deletion", || async {
        admin.delete_group(&group).await.ok()
    })
    .await;
    assert_eq!(
        admin.group_offsets(&group).await.unwrap(),
        LogOffsets::new()
    );
}
