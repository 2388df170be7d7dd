//! Cases about transactions.

use std::time::Duration;

use connect_api::LogOffsets;
use connect_api::TopicPartition;
use connect_broker::BrokerError;
use connect_broker::Isolation;
use connect_broker::ProducerOptions;
use connect_broker::admin::NewTopic;

use crate::broker::Fixture;
use crate::broker::fixture::Sender;
use crate::broker::fixture::eventually;
use crate::broker::fixture::patiently;
use crate::broker::reader::Reader;

async fn begin(sender: &mut Sender) {
    patiently("a beginning", sender.producer.begin())
        .await
        .unwrap();
}

async fn commit(sender: &mut Sender) -> Result<(), BrokerError> {
    patiently("a commit", sender.producer.commit()).await
}

async fn abort(sender: &mut Sender) -> Result<(), BrokerError> {
    patiently("an abort", sender.producer.abort()).await
}

/// The records and offsets of a transaction become visible with its commit; the receipts are queued
/// before it returns.
pub async fn a_committed_transaction_becomes_visible_with_its_offsets(fixture: Fixture) {
    let topic = fixture.topic(2).await;
    let group = fixture.name("group");
    let source = TopicPartition::new(topic.clone(), 0);
    let mut sender = fixture.transactional(&fixture.name("id")).await;
    begin(&mut sender).await;
    let tokens = sender.send_values(&topic, &["a", "b"]).await;
    let offsets = LogOffsets::from_iter([(source.clone(), 42)]);
    patiently("offsets", sender.producer.send_offsets(&group, &offsets))
        .await
        .unwrap();
    commit(&mut sender).await.unwrap();
    let mut count = 0;
    while count < 2 {
        let next = tokio::time::timeout(Duration::ZERO, sender.receipts.next()).await;
        let receipts = next
            .expect("receipts are queued")
            .expect("the producer lives");
        for receipt in receipts {
            assert!(receipt.outcome.is_ok(), "{receipt:?}");
            count += receipt.tokens.end - receipt.tokens.start;
        }
    }
    assert_eq!(count, tokens.end - tokens.start);
    let mut reader = Reader::of(&fixture, &topic, Isolation::ReadCommitted).await;
    reader.read(2).await;
    let admin = fixture.admin().await;
    let committed = eventually("committed offsets", || async {
        Some(admin.group_offsets(&group).await.unwrap()).filter(|offsets| !offsets.is_empty())
    })
    .await;
    assert_eq!(committed, offsets);
}

/// Nothing of an aborted transaction becomes visible, and the log continues.
pub async fn aborted_records_and_offsets_stay_invisible(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    let group = fixture.name("group");
    let mut sender = fixture.transactional(&fixture.name("id")).await;
    begin(&mut sender).await;
    sender.send_values(&topic, &["a", "b"]).await;
    let offsets = LogOffsets::from_iter([(TopicPartition::new(topic.clone(), 0), 42)]);
    patiently("offsets", sender.producer.send_offsets(&group, &offsets))
        .await
        .unwrap();
    abort(&mut sender).await.unwrap();
    // Each has a receipt: its position before the abort, or the error that it was aborted.
    for outcome in sender.outcomes(0..2).await {
        assert!(
            matches!(outcome, Ok(_) | Err(BrokerError::TransactionAborted)),
            "{outcome:?}"
        );
    }
    begin(&mut sender).await;
    sender.send_values(&topic, &["c"]).await;
    commit(&mut sender).await.unwrap();
    let mut reader = Reader::of(&fixture, &topic, Isolation::ReadCommitted).await;
    reader.read(1).await;
    assert_eq!(reader.values(), ["c"]);
    let partition = TopicPartition::new(topic, 0);
    let end = fixture.end(&partition, Isolation::ReadCommitted).await;
    reader.glance().await;
    assert_eq!(reader.consumer.position(&partition).await.unwrap(), end);
    assert!(
        fixture
            .admin()
            .await
            .group_offsets(&group)
            .await
            .unwrap()
            .is_empty()
    );
}

/// Readers of committed data stop before the first open transaction, even if records of other
/// producers follow it.
pub async fn an_open_transaction_holds_committed_readers_back(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    let partition = TopicPartition::new(topic.clone(), 0);
    fixture.write(&topic, &["before"]).await;
    let mut sender = fixture.transactional(&fixture.name("id")).await;
    begin(&mut sender).await;
    sender.send_values(&topic, &["inside"]).await;
    sender.flush().await;
    fixture.write(&topic, &["behind"]).await;
    assert_eq!(fixture.end(&partition, Isolation::ReadCommitted).await, 1);
    assert_eq!(fixture.end(&partition, Isolation::ReadUncommitted).await, 3);
    let mut committed = Reader::of(&fixture, &topic, Isolation::ReadCommitted).await;
    let mut all = Reader::of(&fixture, &topic, Isolation::ReadUncommitted).await;
    committed.read(1).await;
    all.read(3).await;
    commit(&mut sender).await.unwrap();
    committed.read(3).await;
    assert_eq!(committed.values(), ["before", "inside", "behind"]);
}

/// Taking over a transactional id fences its previous producer.
pub async fn a_newer_producer_fences_the_older(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    let id = fixture.name("id");
    let mut old = fixture.transactional(&id).await;
    begin(&mut old).await;
    old.send_values(&topic, &["old"]).await;
    old.flush().await;
    let mut new = fixture.transactional(&id).await;
    let record = old.record(&topic, "late");
    // The log may notice at once or with the commit.
    let sent = patiently("an answer", old.producer.send(vec![record])).await;
    let error = match sent {
        Ok(()) => commit(&mut old).await.unwrap_err(),
        Err(error) => error,
    };
    assert!(matches!(error, BrokerError::Fenced { .. }), "{error}");
    assert!(old.outcomes(0..2).await[1].is_err());
    begin(&mut new).await;
    new.send_values(&topic, &["new"]).await;
    commit(&mut new).await.unwrap();
    let mut reader = Reader::of(&fixture, &topic, Isolation::ReadCommitted).await;
    reader.read(1).await;
    assert_eq!(reader.values(), ["new"]);
}

/// The open transaction of a dead producer is aborted when its id is taken over.
pub async fn a_newer_producer_aborts_what_the_older_left_open(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    let id = fixture.name("id");
    let mut old = fixture.transactional(&id).await;
    begin(&mut old).await;
    old.send_values(&topic, &["old"]).await;
    old.flush().await;
    drop(old);
    drop(fixture.transactional(&id).await);
    fixture.write(&topic, &["after"]).await;
    let mut reader = Reader::of(&fixture, &topic, Isolation::ReadCommitted).await;
    reader.read(1).await;
    assert_eq!(reader.values(), ["after"]);
}

/// An administrator can fence a producer.
pub async fn fencing_by_the_admin_stops_a_producer(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    let id = fixture.name("id");
    let mut sender = fixture.transactional(&id).await;
    begin(&mut sender).await;
    sender.send_values(&topic, &["a"]).await;
    sender.flush().await;
    let admin = fixture.admin().await;
    let unused = fixture.name("unused");
    patiently("fencing", admin.fence_producers(&[id, unused]))
        .await
        .unwrap();
    let error = commit(&mut sender).await.unwrap_err();
    assert!(matches!(error, BrokerError::Fenced { .. }), "{error}");
    fixture.write(&topic, &["after"]).await;
    let mut reader = Reader::of(&fixture, &topic, Isolation::ReadCommitted).await;
    reader.read(1).await;
    assert_eq!(reader.values(), ["after"]);
}

/// A transaction with a failed record cannot be committed; after an abort, the next one works.
pub async fn a_failed_record_fails_the_commit(fixture: Fixture) {
    let name = fixture.name("topic");
    let topic = fixture
        .create(NewTopic::new(name).with("max.message.bytes", "2000"))
        .await;
    let mut sender = fixture.transactional(&fixture.name("id")).await;
    begin(&mut sender).await;
    sender.send_values(&topic, &["a"]).await;
    sender.send_values(&topic, &[&"x".repeat(10_000)]).await;
    commit(&mut sender).await.unwrap_err();
    abort(&mut sender).await.unwrap();
    assert!(sender.outcomes(0..2).await[1].is_err());
    begin(&mut sender).await;
    sender.send_values(&topic, &["b"]).await;
    commit(&mut sender).await.unwrap();
    let mut reader = Reader::of(&fixture, &topic, Isolation::ReadCommitted).await;
    reader.read(1).await;
    assert_eq!(reader.values(), ["b"]);
}

/// The log aborts a transaction that is never ended.
pub async fn a_transaction_that_takes_too_long_is_aborted(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    let partition = TopicPartition::new(topic.clone(), 0);
    let mut options = ProducerOptions::default();
    options.transactional_id = Some(fixture.name("id"));
    options.transaction_timeout = Duration::from_secs(1);
    let mut sender = Sender::open(&fixture, options).await;
    begin(&mut sender).await;
    sender.send_values(&topic, &["a"]).await;
    sender.flush().await;
    eventually("the abort", || async {
        let stable = fixture.end(&partition, Isolation::ReadCommitted).await;
        (stable == fixture.end(&partition, Isolation::ReadUncommitted).await).then_some(())
    })
    .await;
    commit(&mut sender).await.unwrap_err();
    let mut reader = Reader::of(&fixture, &topic, Isolation::ReadCommitted).await;
    reader.glance().await;
    assert!(reader.values().is_empty());
}

/// Calls in the wrong state are refused and change nothing.
pub async fn calls_at_the_wrong_moment_are_refused(fixture: Fixture) {
    let refused = |result: Result<(), BrokerError>| {
        assert!(
            matches!(result, Err(BrokerError::InvalidState(_))),
            "{result:?}"
        );
    };
    let mut plain = fixture.producer().await;
    refused(plain.producer.begin().await);
    let mut sender = fixture.transactional(&fixture.name("id")).await;
    refused(commit(&mut sender).await);
    refused(abort(&mut sender).await);
    refused(
        sender
            .producer
            .send_offsets("group", &LogOffsets::new())
            .await,
    );
    begin(&mut sender).await;
    refused(sender.producer.begin().await);
    abort(&mut sender).await.unwrap();
}

/// Transactions of one producer are independent; they may be empty.
pub async fn transactions_follow_each_other(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    let mut sender = fixture.transactional(&fixture.name("id")).await;
    let mut expected = Vec::new();
    for number in 0..20 {
        begin(&mut sender).await;
        let value = number.to_string();
        if number % 4 != 3 {
            sender.send_values(&topic, &[&value, &value]).await;
        }
        if number % 2 == 0 {
            commit(&mut sender).await.unwrap();
            expected.extend([value.clone(), value]);
        } else {
            abort(&mut sender).await.unwrap();
        }
    }
    let mut reader = Reader::of(&fixture, &topic, Isolation::ReadCommitted).await;
    reader.read(expected.len()).await;
    assert_eq!(reader.values(), expected);
}
