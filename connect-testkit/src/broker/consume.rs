//! Cases about consumers with assigned partitions.

use std::time::Duration;

use connect_api::TopicPartition;
use connect_broker::BrokerError;
use connect_broker::ConsumerEvent;
use connect_broker::ConsumerOptions;
use connect_broker::Isolation;
use connect_broker::StartOffset;
use connect_broker::Subscription;

use crate::broker::Fixture;
use crate::broker::fixture::patiently;
use crate::broker::reader::Reader;

fn partitions(partitions: &[TopicPartition]) -> ConsumerOptions {
    ConsumerOptions::new(Subscription::Partitions(partitions.to_vec()))
}

/// Without a committed offset a reader starts at the first record or after the last.
pub async fn readers_start_where_they_are_told(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    let partition = TopicPartition::new(topic.clone(), 0);
    fixture.write(&topic, &["a", "b"]).await;
    let mut early = Reader::open(&fixture, partitions(std::slice::from_ref(&partition))).await;
    let mut options = partitions(std::slice::from_ref(&partition));
    options.start = StartOffset::Latest;
    let mut late = Reader::open(&fixture, options).await;
    // Some logs look up the end only when it is needed.
    late.glance().await;
    let start = patiently("a position", late.consumer.position(&partition))
        .await
        .unwrap();
    assert_eq!(start, 2);
    fixture.write(&topic, &["c"]).await;
    early.read(3).await;
    late.read(1).await;
    assert_eq!(early.values(), ["a", "b", "c"]);
    assert_eq!(late.values(), ["c"]);
}

/// A poll that finds nothing returns `Idle` after its wait.
pub async fn a_poll_without_news_is_idle(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    let mut reader = Reader::of(&fixture, &topic, Isolation::ReadUncommitted).await;
    for wait in [Duration::ZERO, Duration::from_millis(100)] {
        let event = patiently("a poll", reader.consumer.poll(wait))
            .await
            .unwrap();
        assert!(matches!(event, ConsumerEvent::Idle), "{event:?}");
    }
}

/// A poll returns as soon as records arrive, not after its whole wait.
pub async fn a_waiting_poll_is_woken(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    let mut reader = Reader::of(&fixture, &topic, Isolation::ReadUncommitted).await;
    let long = Duration::from_secs(3_600);
    let (event, _) = patiently("records", async {
        tokio::join!(reader.consumer.poll(long), fixture.write(&topic, &["a"]))
    })
    .await;
    let event = event.unwrap();
    assert!(matches!(event, ConsumerEvent::Records(_)), "{event:?}");
}

/// The position is the offset of the next record; `poll` and `seek` move it.
pub async fn position_follows_poll_and_seek(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    let partition = TopicPartition::new(topic.clone(), 0);
    fixture.write(&topic, &["a", "b", "c", "d"]).await;
    let mut reader = Reader::open(&fixture, partitions(std::slice::from_ref(&partition))).await;
    reader.read(4).await;
    assert_eq!(reader.consumer.position(&partition).await.unwrap(), 4);
    reader.consumer.seek(&partition, 1).unwrap();
    assert_eq!(reader.consumer.position(&partition).await.unwrap(), 1);
    reader.read(7).await;
    assert_eq!(reader.values(), ["a", "b", "c", "d", "b", "c", "d"]);
    reader.consumer.seek(&partition, 3).unwrap();
    reader.consumer.seek(&partition, 2).unwrap();
    reader.read(9).await;
    assert_eq!(&reader.values()[7..], ["c", "d"]);
    assert_eq!(reader.consumer.position(&partition).await.unwrap(), 4);
}

/// Records of a paused partition arrive once it is resumed.
pub async fn paused_partitions_wait(fixture: Fixture) {
    let topic = fixture.topic(2).await;
    let mut reader = Reader::of(&fixture, &topic, Isolation::ReadUncommitted).await;
    let first = TopicPartition::new(topic.clone(), 0);
    let unknown = TopicPartition::new("unknown", 0);
    reader.consumer.pause(&[first.clone(), unknown.clone()]);
    let mut sender = fixture.producer().await;
    let mut batch = Vec::new();
    for (partition, value) in [(0, "a"), (1, "b"), (0, "c")] {
        let mut record = sender.record(&topic, value);
        record.partition = Some(partition);
        batch.push(record);
    }
    sender.send(batch).await;
    sender.flush().await;
    reader.read(1).await;
    assert_eq!(reader.values(), ["b"]);
    assert_eq!(reader.consumer.position(&first).await.unwrap(), 0);
    reader.consumer.resume(&[first, unknown]);
    reader.read(3).await;
    assert_eq!(reader.values(), ["b", "a", "c"]);
}

/// A reader that pauses at the end of a partition continues with the very next record.
pub async fn a_pause_at_the_end_skips_nothing(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    let partition = TopicPartition::new(topic.clone(), 0);
    let mut reader = Reader::open(&fixture, partitions(std::slice::from_ref(&partition))).await;
    for count in 0..5 {
        reader.read(count).await;
        // Long enough to reach the end.
        for _ in 0..2 {
            reader.step(Duration::from_secs(1)).await;
        }
        reader.consumer.pause(std::slice::from_ref(&partition));
        fixture.write(&topic, &[count.to_string().as_str()]).await;
        reader.glance().await;
        assert_eq!(reader.records.len(), count, "it is paused");
        reader.consumer.resume(std::slice::from_ref(&partition));
    }
    reader.read(5).await;
    assert_eq!(reader.values(), ["0", "1", "2", "3", "4"]);
}

/// A poll returns no more records and bytes than its limits.
pub async fn a_poll_keeps_its_bounds(fixture: Fixture) {
    let topic = fixture.topic(2).await;
    let value = "x".repeat(100);
    fixture.write(&topic, &[value.as_str(); 100]).await;
    fixture.write(&topic, &[value.as_str(); 100]).await;
    let all = [0, 1].map(|partition| TopicPartition::new(topic.clone(), partition));
    for (records, bytes) in [(7, 1_000_000), (1_000, 1_000)] {
        let mut options = partitions(&all);
        options.max_poll_records = records;
        options.max_poll_bytes = bytes;
        let mut reader = Reader::open(&fixture, options).await;
        while reader.records.len() < 200 {
            let before = reader.records.len();
            reader.step(Duration::from_secs(10)).await;
            let count = reader.records.len() - before;
            assert!(count <= records && count * 100 <= bytes, "{count} records");
        }
    }
}

/// A record above the byte limit is returned alone.
pub async fn a_large_record_comes_alone(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    let large = "x".repeat(500_000);
    fixture.write(&topic, &["a", &large, "b"]).await;
    let mut options = partitions(&[TopicPartition::new(topic, 0)]);
    options.max_poll_bytes = 1_000;
    let mut reader = Reader::open(&fixture, options).await;
    while reader.records.len() < 3 {
        let before = reader.records.len();
        reader.step(Duration::from_secs(10)).await;
        let came = &reader.values()[before..];
        assert!(
            came.len() <= 1 || came.iter().all(|value| value.len() == 1),
            "{}",
            came.len()
        );
    }
}

/// Partitions that are not assigned to the consumer are refused.
pub async fn unassigned_partitions_are_refused(fixture: Fixture) {
    let topic = fixture.topic(2).await;
    let mut reader = Reader::open(
        &fixture,
        partitions(&[TopicPartition::new(topic.clone(), 0)]),
    )
    .await;
    let other = TopicPartition::new(topic, 1);
    let refused = |result: Result<i64, BrokerError>| matches!(result, Err(BrokerError::NotAssigned { partition }) if partition == other);
    assert!(refused(reader.consumer.position(&other).await));
    assert!(refused(reader.consumer.seek(&other, 0).map(|()| 0)));
    let error = reader.commit(&other, 0).await.unwrap_err();
    assert!(matches!(error, BrokerError::InvalidState(_)), "{error}");
    let error = reader.consumer.committed(&[other]).await.unwrap_err();
    assert!(matches!(error, BrokerError::InvalidState(_)), "{error}");
}

/// A dropped poll loses no records.
pub async fn a_dropped_poll_loses_nothing(fixture: Fixture) {
    let topic = fixture.topic(2).await;
    let values: Vec<String> = (0..300).map(|number| number.to_string()).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    for chunk in values.chunks(10) {
        fixture.write(&topic, chunk).await;
    }
    let all = [0, 1].map(|partition| TopicPartition::new(topic.clone(), partition));
    let mut options = partitions(&all);
    options.max_poll_records = 20;
    let mut reader = Reader::open(&fixture, options).await;
    let hour = Duration::from_secs(3_600);
    for turn in 0_u64.. {
        let short = Duration::from_micros(turn % 7 * 50);
        let polled = tokio::time::timeout(short, reader.consumer.poll(hour)).await;
        match polled.map(Result::unwrap) {
            Ok(ConsumerEvent::Records(groups)) => reader.take(groups),
            _ if reader.records.len() >= values.len() => break,
            _ if turn % 3 == 0 => reader.step(Duration::from_millis(1)).await,
            _ => {}
        }
        assert!(turn < 100_000, "only {} records came", reader.records.len());
    }
    let mut read = reader.values();
    read.sort_by_key(|value| value.parse::<u32>().unwrap());
    assert_eq!(read, values);
}

/// Many records of several partitions all arrive, in order within each partition.
pub async fn many_records_come_in_order(fixture: Fixture) {
    let topic = fixture.topic(3).await;
    let mut sender = fixture.producer().await;
    for batch in 0..20 {
        let mut records = Vec::new();
        for number in 0..1_000 {
            let mut record = sender.record(&topic, &format!("{:06}", batch * 1_000 + number));
            record.partition = Some(number % 3);
            records.push(record);
        }
        sender.send(records).await;
    }
    sender.flush().await;
    let mut reader = Reader::of(&fixture, &topic, Isolation::ReadUncommitted).await;
    reader.read(20_000).await;
    for partition in 0..3 {
        let own = reader
            .records
            .iter()
            .filter(|(from, _)| from.partition == partition);
        let own: Vec<_> = own.map(|(_, record)| record).collect();
        assert!(own.is_sorted_by(|a, b| a.offset < b.offset && a.value < b.value));
    }
}
