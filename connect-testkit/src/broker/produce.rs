//! Cases about producers.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use connect_api::Timestamp;
use connect_api::TimestampType;
use connect_api::data::Text;
use connect_api::record::RawHeader;
use connect_broker::BrokerError;
use connect_broker::Isolation;
use connect_broker::ProducerOptions;
use connect_broker::admin::NewTopic;
use connect_core::partitioner::partition_for_key;

use crate::broker::Fixture;
use crate::broker::fixture::Sender;
use crate::broker::fixture::patiently;
use crate::broker::reader::Reader;

/// Records of one producer to one partition keep the order in which they were sent.
pub async fn accepted_records_become_durable_in_order(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    let mut sender = fixture.producer().await;
    for batch in [&["a", "b"][..], &["c"], &["d", "e", "f"]] {
        sender.send_values(&topic, batch).await;
    }
    sender.flush().await;
    let offsets: Vec<i64> = sender
        .positions(0..6)
        .await
        .iter()
        .map(|p| p.offset)
        .collect();
    assert!(offsets.is_sorted_by(|a, b| a < b), "{offsets:?}");
    let mut reader = Reader::of(&fixture, &topic, Isolation::ReadUncommitted).await;
    reader.read(6).await;
    assert_eq!(reader.values(), ["a", "b", "c", "d", "e", "f"]);
    let read: Vec<i64> = reader
        .records
        .iter()
        .map(|(_, record)| record.offset)
        .collect();
    assert_eq!(read, offsets);
}

/// Each token comes back once, with the position of its record.
pub async fn every_record_gets_exactly_one_receipt(fixture: Fixture) {
    let topic = fixture.topic(3).await;
    let mut sender = fixture.producer().await;
    for batch in 0..10 {
        let mut records = Vec::new();
        for number in 0..100 {
            let text = format!("{batch}-{number}");
            let mut record = sender.record(&topic, &text);
            record.key = (number % 3 > 0).then(|| Bytes::from(text));
            records.push(record);
        }
        sender.send(records).await;
    }
    sender.flush().await;
    let positions = sender.positions(0..1_000).await;
    let mut reader = Reader::of(&fixture, &topic, Isolation::ReadUncommitted).await;
    reader.read(1_000).await;
    for (token, position) in positions.iter().enumerate() {
        let at = |(partition, record): &&(_, connect_broker::FetchedRecord)| {
            *partition == position.topic_partition() && record.offset == position.offset
        };
        let (_, record) = reader.records.iter().find(at).unwrap();
        let expected = format!("{}-{}", token / 100, token % 100);
        assert_eq!(record.value.as_deref(), Some(expected.as_bytes()));
    }
}

/// A refused record gets an error; those before and after it are stored.
pub async fn too_large_a_record_fails_alone(fixture: Fixture) {
    let name = fixture.name("topic");
    let topic = fixture
        .create(NewTopic::new(name).with("max.message.bytes", "2000"))
        .await;
    let mut sender = fixture.producer().await;
    let large = "x".repeat(10_000);
    for value in ["a", &large, "b"] {
        sender.send_values(&topic, &[value]).await;
        sender.flush().await;
    }
    let outcomes = sender.outcomes(0..3).await;
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok(), "{outcomes:?}");
    let error = outcomes[1].as_ref().unwrap_err();
    assert!(
        matches!(error, BrokerError::RecordTooLarge { .. }),
        "{error}"
    );
    let mut reader = Reader::of(&fixture, &topic, Isolation::ReadUncommitted).await;
    reader.read(2).await;
    assert_eq!(reader.values(), ["a", "b"]);
}

/// A partition beyond the last is an error of the record, not of the producer.
pub async fn a_partition_that_does_not_exist_is_an_error_of_its_record(fixture: Fixture) {
    let topic = fixture.topic(2).await;
    let mut sender = fixture.producer().await;
    let mut record = sender.record(&topic, "nowhere");
    record.partition = Some(2);
    sender.send(vec![record]).await;
    sender.send_values(&topic, &["somewhere"]).await;
    sender.flush().await;
    let outcomes = sender.outcomes(0..2).await;
    assert!(outcomes[0].is_err() && outcomes[1].is_ok(), "{outcomes:?}");
}

/// A record goes to the partition that it names, whatever its key.
pub async fn a_given_partition_is_used(fixture: Fixture) {
    let topic = fixture.topic(4).await;
    let mut sender = fixture.producer().await;
    let mut batch = Vec::new();
    for partition in [3, 0, 2, 1] {
        let mut record = sender.record(&topic, "value");
        record.key = Some(Bytes::from_static(b"same"));
        record.partition = Some(partition);
        batch.push(record);
    }
    sender.send(batch).await;
    sender.flush().await;
    let positions = sender.positions(0..4).await;
    assert_eq!(
        positions.iter().map(|p| p.partition).collect::<Vec<_>>(),
        [3, 0, 2, 1]
    );
}

/// Keyed records go to the partition that Java's client would pick.
pub async fn keys_choose_the_partitions_of_the_java_client(fixture: Fixture) {
    let topic = fixture.topic(7).await;
    let mut sender = fixture.producer().await;
    let keys: Vec<Vec<u8>> = (0..50_u8)
        .map(|n| (0..n).collect())
        .chain([b"foobar".to_vec(), b"21".to_vec()])
        .collect();
    let mut batch = Vec::new();
    for key in &keys {
        let mut record = sender.record(&topic, "value");
        record.key = Some(Bytes::from(key.clone()));
        batch.push(record);
    }
    sender.send(batch).await;
    sender.flush().await;
    let positions = sender.positions(0..keys.len() as u64).await;
    for (key, position) in keys.iter().zip(positions) {
        assert_eq!(position.partition, partition_for_key(key, 7), "{key:?}");
    }
}

/// Records without keys are spread over the partitions.
pub async fn records_without_keys_reach_all_partitions(fixture: Fixture) {
    let topic = fixture.topic(3).await;
    let mut sender = fixture.producer().await;
    let mut partitions = BTreeSet::new();
    for _ in 0..500 {
        let tokens = sender.send_values(&topic, &["value"]).await;
        sender.flush().await;
        partitions.extend(sender.positions(tokens).await.iter().map(|p| p.partition));
        if partitions.len() == 3 {
            return;
        }
    }
    panic!("only {partitions:?} of three partitions were used");
}

/// Keys, values and headers come back byte for byte; null is not empty.
pub async fn bytes_headers_and_nulls_come_back_unchanged(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    let mut sender = fixture.producer().await;
    let header = |key: &str, value: Option<&'static [u8]>| RawHeader {
        key: Text::from(key),
        value: value.map(Bytes::from_static),
    };
    let bytes = |bytes: &'static [u8]| Some(Bytes::from_static(bytes));
    let table = [
        (bytes(b"k"), bytes(b"v"), vec![]),
        (None, bytes(b"v"), vec![header("a", Some(b"1"))]),
        (bytes(b"k"), None, vec![header("a", None)]),
        (None, None, vec![]),
        (bytes(b""), bytes(b""), vec![header("", Some(b""))]),
        (
            bytes(&[0, 255, 128]),
            bytes(&[0; 300]),
            vec![header("a", Some(b"1")), header("a", None)],
        ),
    ];
    let mut batch = Vec::new();
    for (key, value, headers) in &table {
        let mut record = sender.record(&topic, "");
        record.key.clone_from(key);
        record.value.clone_from(value);
        record.headers.clone_from(headers);
        batch.push(record);
    }
    sender.send(batch).await;
    sender.flush().await;
    let mut reader = Reader::of(&fixture, &topic, Isolation::ReadUncommitted).await;
    reader.read(table.len()).await;
    for ((key, value, headers), (_, record)) in table.iter().zip(&reader.records) {
        assert_eq!(
            (&record.key, &record.value, &record.headers),
            (key, value, headers)
        );
    }
}

/// The log keeps the timestamp of a record and fills in a missing one.
pub async fn timestamps_are_kept_or_filled_in(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    let mut sender = fixture.producer().await;
    let recent = Timestamp::from_millis(super::fixture::now().as_millis() - 3_600_000);
    let times = [
        Some(recent),
        None,
        Some(Timestamp::from_millis(recent.as_millis() - 5)),
    ];
    let mut batch = Vec::new();
    for time in times {
        let mut record = sender.record(&topic, "value");
        record.timestamp = time;
        batch.push(record);
    }
    sender.send(batch).await;
    sender.flush().await;
    let mut reader = Reader::of(&fixture, &topic, Isolation::ReadUncommitted).await;
    reader.read(3).await;
    let read: Vec<_> = reader
        .records
        .iter()
        .map(|(_, record)| record.timestamp)
        .collect();
    assert_eq!((read[0], read[2]), (times[0], times[2]));
    assert!(read[1].unwrap() > recent, "{:?}", read[1]);
    for (_, record) in &reader.records {
        assert_eq!(record.timestamp_type, TimestampType::CreateTime);
    }
}

/// With `message.timestamp.type=LogAppendTime` the log sets the timestamp and marks it so.
pub async fn a_topic_can_let_the_log_set_the_time(fixture: Fixture) {
    let name = fixture.name("topic");
    let new = NewTopic::new(name).with("message.timestamp.type", "LogAppendTime");
    let topic = fixture.create(new).await;
    let mut sender = fixture.producer().await;
    let mut record = sender.record(&topic, "value");
    let old = Timestamp::from_millis(super::fixture::now().as_millis() - 3_600_000);
    record.timestamp = Some(old);
    sender.send(vec![record]).await;
    sender.flush().await;
    let mut reader = Reader::of(&fixture, &topic, Isolation::ReadUncommitted).await;
    reader.read(1).await;
    let (_, record) = &reader.records[0];
    assert_eq!(record.timestamp_type, TimestampType::LogAppendTime);
    assert!(record.timestamp.unwrap() > old);
}

/// After a flush, the receipts of everything sent before are queued.
pub async fn flush_waits_for_all_receipts(fixture: Fixture) {
    let topic = fixture.topic(3).await;
    let mut sender = fixture.producer().await;
    for _ in 0..10 {
        sender.send_values(&topic, &["value"; 50]).await;
    }
    sender.flush().await;
    let mut count = 0;
    while count < 500 {
        let next = tokio::time::timeout(Duration::ZERO, sender.receipts.next()).await;
        let receipts = next
            .expect("all receipts are queued")
            .expect("the producer lives");
        count += receipts
            .iter()
            .map(|r| r.tokens.end - r.tokens.start)
            .sum::<u64>();
    }
    assert_eq!(count, 500);
}

/// Records of a dropped producer still become durable; then the receipts end.
pub async fn receipts_end_with_the_producer(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    let Sender {
        mut producer,
        mut receipts,
        ..
    } = fixture.producer().await;
    let record = |token| connect_broker::ProducerRecord::new(token, topic.clone(), "value");
    patiently("acceptance", producer.send((0..100).map(record).collect()))
        .await
        .unwrap();
    drop(producer);
    let mut count = 0;
    while let Some(some) = patiently("receipts", receipts.next()).await {
        count += some
            .iter()
            .map(|r| r.tokens.end - r.tokens.start)
            .sum::<u64>();
    }
    assert_eq!(count, 100);
}

/// A producer that is faster than the log waits and loses nothing.
pub async fn back_pressure_lets_everything_through(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    let mut options = ProducerOptions::default();
    options.max_in_flight_bytes = 1_024;
    let mut sender = Sender::open(&fixture, options).await;
    let value = "x".repeat(500);
    for _ in 0..100 {
        sender.send_values(&topic, &[value.as_str(); 5]).await;
    }
    sender.flush().await;
    assert_eq!(sender.positions(0..500).await.len(), 500);
}

/// If a send is dropped halfway, every record still gets its receipt, and a prefix is accepted.
pub async fn a_dropped_send_still_gives_receipts(fixture: Fixture) {
    let topic = fixture.topic(1).await;
    let mut options = ProducerOptions::default();
    options.max_in_flight_bytes = 100;
    let mut sender = Sender::open(&fixture, options).await;
    for _ in 0..20 {
        let batch = (0..50)
            .map(|_| sender.record(&topic, "some value"))
            .collect();
        let _ = tokio::time::timeout(Duration::ZERO, sender.producer.send(batch)).await;
    }
    sender.flush().await;
    let outcomes = sender.outcomes(0..1_000).await;
    for batch in outcomes.chunks(50) {
        let accepted = batch.iter().take_while(|outcome| outcome.is_ok()).count();
        assert!(batch[accepted..].iter().all(Result::is_err), "not a prefix");
    }
    let durable = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let mut reader = Reader::of(&fixture, &topic, Isolation::ReadUncommitted).await;
    reader.read(durable).await;
}
