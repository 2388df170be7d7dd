//! What the durable log keeps across closing, crashing and cleaning up.

#![cfg(test)]

use std::collections::BTreeMap;
use std::io::BufRead as _;
use std::io::BufReader;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use connect_api::LogOffsets;
use connect_api::Timestamp;
use connect_api::TopicPartition;
use connect_api::pattern::Pattern;
use connect_broker::Admin;
use connect_broker::AdminOptions;
use connect_broker::Broker;
use connect_broker::BrokerError;
use connect_broker::ConsumerEvent;
use connect_broker::ConsumerOptions;
use connect_broker::FetchedRecord;
use connect_broker::Isolation;
use connect_broker::Producer;
use connect_broker::ProducerOptions;
use connect_broker::ProducerRecord;
use connect_broker::Receipts;
use connect_broker::Subscription;
use connect_broker::admin::NewTopic;
use connect_log::Clock;
use connect_log::Durability;
use connect_log::LocalBroker;
use connect_log::LocalOptions;
use tempfile::TempDir;

struct Sender {
    producer: Box<dyn Producer>,
    receipts: Box<dyn Receipts>,
    next: u64,
}

impl Sender {
    async fn open(log: &LocalBroker) -> Self {
        let (producer, receipts) = log.producer(ProducerOptions::default()).await.unwrap();
        Self {
            producer,
            receipts,
            next: 0,
        }
    }

    /// Hands records over without waiting for their receipts.
    async fn accept(&mut self, topic: &str, records: &[(&str, Option<&str>)]) {
        let mut batch = Vec::new();
        for (key, value) in records {
            let mut record = ProducerRecord::new(self.next, topic, Bytes::new());
            self.next += 1;
            record.key = (!key.is_empty()).then(|| Bytes::from(key.as_bytes().to_vec()));
            record.value = value.map(|value| Bytes::from(value.as_bytes().to_vec()));
            batch.push(record);
        }
        self.producer.send(batch).await.unwrap();
    }

    async fn settled(&mut self, until: u64) {
        let mut last = 0;
        while last < until {
            for receipt in self.receipts.next().await.unwrap() {
                receipt.outcome.unwrap();
                last = last.max(receipt.tokens.end);
            }
        }
    }

    async fn write(&mut self, topic: &str, values: &[&str]) {
        let records: Vec<_> = values.iter().map(|value| ("", Some(*value))).collect();
        self.accept(topic, &records).await;
        self.settled(self.next).await;
    }
}

async fn admin(log: &LocalBroker) -> Box<dyn Admin> {
    log.admin(AdminOptions::default()).await.unwrap()
}

/// All records of a partition up to its end.
async fn read(log: &LocalBroker, topic: &str) -> Vec<FetchedRecord> {
    let partition = TopicPartition::new(topic, 0);
    let ends = admin(log).await;
    let ends = ends
        .end_offsets(std::slice::from_ref(&partition), Isolation::ReadUncommitted)
        .await
        .unwrap();
    let subscription = Subscription::Partitions(vec![partition.clone()]);
    let mut consumer = log
        .consumer(ConsumerOptions::new(subscription))
        .await
        .unwrap();
    let mut records = Vec::new();
    while consumer.position(&partition).await.unwrap() < ends[&partition] {
        if let ConsumerEvent::Records(groups) =
            consumer.poll(Duration::from_secs(10)).await.unwrap()
        {
            records.extend(groups.into_iter().flat_map(|group| group.records));
        }
    }
    records
}

fn texts(records: &[FetchedRecord]) -> Vec<String> {
    let text = |record: &FetchedRecord| {
        String::from_utf8(record.value.clone().unwrap_or_default().to_vec()).unwrap()
    };
    records.iter().map(text).collect()
}

fn key_and_value(record: &FetchedRecord) -> (String, Option<String>) {
    let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    (
        record.key.as_ref().map(text).unwrap(),
        record.value.as_ref().map(text),
    )
}

async fn commit(log: &LocalBroker, group: &str, partition: &TopicPartition, offset: i64) {
    let offsets = BTreeMap::from([(partition.clone(), Some(offset))]);
    admin(log)
        .await
        .alter_group_offsets(group, &offsets)
        .await
        .unwrap();
}

/// A clock that does not move by itself.
fn clock() -> (Clock, Arc<AtomicI64>) {
    let now = Arc::new(AtomicI64::new(1_700_000_000_000));
    let hand = Arc::clone(&now);
    (
        Clock::new(move || Timestamp::from_millis(now.load(Ordering::SeqCst))),
        hand,
    )
}

#[tokio::test]
async fn everything_is_there_after_closing_and_opening() {
    let folder = TempDir::new().unwrap();
    let log = LocalBroker::open(folder.path()).await.unwrap();
    let id = log.cluster_id().await.unwrap();
    assert_eq!(id.len(), 22);
    let new = NewTopic::new("t")
        .partitions(2)
        .with("retention.ms", "-1")
        .with("x.own", "kept");
    admin(&log).await.create_topic(new).await.unwrap();
    let mut sender = Sender::open(&log).await;
    sender.write("u", &["a", "b"]).await;
    commit(&log, "group", &TopicPartition::new("u", 0), 1).await;
    log.close().await.unwrap();
    let log = LocalBroker::open(folder.path()).await.unwrap();
    assert_eq!(log.cluster_id().await.unwrap(), id);
    let admin = admin(&log).await;
    assert_eq!(
        admin
            .describe_topic(&"t".into())
            .await
            .unwrap()
            .unwrap()
            .partitions,
        2
    );
    assert_eq!(
        admin.topic_config(&"t".into()).await.unwrap()["x.own"],
        "kept"
    );
    let offsets = LogOffsets::from_iter([(TopicPartition::new("u", 0), 1)]);
    assert_eq!(admin.group_offsets("group").await.unwrap(), offsets);
    assert_eq!(texts(&read(&log, "u").await), ["a", "b"]);
    let mut sender = Sender::open(&log).await;
    sender.write("u", &["c"]).await;
    assert_eq!(read(&log, "u").await.last().unwrap().offset, 2);
}

#[tokio::test]
async fn a_folder_belongs_to_one_log_at_a_time() {
    let folder = TempDir::new().unwrap();
    let log = LocalBroker::open(folder.path()).await.unwrap();
    let error = LocalBroker::open(folder.path()).await.unwrap_err();
    assert!(
        matches!(&error, BrokerError::Locked { path } if path == folder.path()),
        "{error}"
    );
    assert!(error.to_string().contains(folder.path().to_str().unwrap()));
    let producer = Sender::open(&log).await;
    drop(log);
    let error = LocalBroker::open(folder.path()).await.unwrap_err();
    assert!(
        matches!(error, BrokerError::Locked { .. }),
        "a client keeps the log open: {error}"
    );
    drop(producer);
    LocalBroker::open(folder.path()).await.unwrap();
}

#[tokio::test]
async fn clients_of_a_closed_log_are_told() {
    let folder = TempDir::new().unwrap();
    for log in [
        LocalBroker::memory(),
        LocalBroker::open(folder.path()).await.unwrap(),
    ] {
        let mut sender = Sender::open(&log).await;
        sender.accept("t", &[("", Some("a"))]).await;
        let partition = TopicPartition::new("t", 0);
        let mut options = ConsumerOptions::new(Subscription::Topics(vec!["t".into()]));
        options.group = Some("group".to_owned());
        let mut consumer = log.consumer(options).await.unwrap();
        let admin = admin(&log).await;
        let waiting = tokio::spawn(async move {
            loop {
                match consumer.poll(Duration::from_secs(3_600)).await {
                    Ok(_) => consumer.rebalanced().await.unwrap(),
                    Err(error) => break (error, consumer),
                }
            }
        });
        tokio::task::yield_now().await;
        log.close().await.unwrap();
        log.close().await.unwrap();
        let (error, mut consumer) = waiting.await.unwrap();
        assert!(matches!(error, BrokerError::Closed), "{error}");
        let offsets = LogOffsets::from_iter([(partition, 1)]);
        assert!(consumer.commit(&offsets).await.is_err());
        let record = ProducerRecord::new(1, "t", "b");
        assert!(matches!(
            sender.producer.send(vec![record]).await,
            Err(BrokerError::Closed)
        ));
        assert!(matches!(
            admin.list_topics().await,
            Err(BrokerError::Closed)
        ));
        assert!(matches!(
            log.consumer(ConsumerOptions::new(Subscription::Topics(vec![])))
                .await,
            Err(BrokerError::Closed)
        ));
        drop(sender.producer);
        let mut outcomes = Vec::new();
        while let Some(receipts) = sender.receipts.next().await {
            outcomes.extend(receipts);
        }
        assert_eq!(outcomes.len(), 2);
        assert!(
            outcomes[0].outcome.is_ok() && outcomes[1].outcome.is_err(),
            "{outcomes:?}"
        );
    }
}

#[tokio::test]
async fn a_reader_far_behind_reads_from_the_disk() {
    let folder = TempDir::new().unwrap();
    let mut options = LocalOptions::default();
    options.tail_bytes = 10_000;
    options.durability = Durability::Interval(Duration::from_millis(5));
    let log = LocalBroker::open_with(folder.path(), options)
        .await
        .unwrap();
    let mut sender = Sender::open(&log).await;
    let values: Vec<String> = (0..20_000)
        .map(|number| format!("{number:0>100}"))
        .collect();
    for chunk in values.chunks(100) {
        let records: Vec<_> = chunk
            .iter()
            .map(|value| ("", Some(value.as_str())))
            .collect();
        sender.accept("t", &records).await;
    }
    sender.settled(20_000).await;
    assert_eq!(texts(&read(&log, "t").await), values);
    log.close().await.unwrap();
    let log = LocalBroker::open(folder.path()).await.unwrap();
    assert_eq!(texts(&read(&log, "t").await), values);
}

#[tokio::test]
async fn a_large_record_is_kept() {
    let folder = TempDir::new().unwrap();
    let log = LocalBroker::open(folder.path()).await.unwrap();
    let mut sender = Sender::open(&log).await;
    let large = "x".repeat(20_000_000);
    sender.write("t", &["a", &large, "b"]).await;
    let read = texts(&read(&log, "t").await);
    assert_eq!(
        (read.len(), &read[0], &read[2]),
        (3, &"a".to_owned(), &"b".to_owned())
    );
    assert!(read[1] == large);
}

#[tokio::test]
async fn a_thousand_topics_are_no_burden() {
    let folder = TempDir::new().unwrap();
    let mut options = LocalOptions::default();
    options.durability = Durability::None;
    let log = LocalBroker::open_with(folder.path(), options)
        .await
        .unwrap();
    let mut sender = Sender::open(&log).await;
    for topic in 0..1_000 {
        sender
            .accept(&format!("topic-{topic}"), &[("", Some("value"))])
            .await;
    }
    sender.settled(1_000).await;
    log.close().await.unwrap();
    let log = LocalBroker::open(folder.path()).await.unwrap();
    let pattern = Pattern::new("topic-.*").unwrap();
    let mut options = ConsumerOptions::new(Subscription::Pattern(pattern));
    options.group = Some("group".to_owned());
    let mut consumer = log.consumer(options).await.unwrap();
    let mut count = 0;
    while count < 1_000 {
        match consumer.poll(Duration::from_secs(10)).await.unwrap() {
            ConsumerEvent::Records(groups) => count += groups.len(),
            ConsumerEvent::Assigned(partitions) => {
                assert_eq!(partitions.len(), 1_000);
                consumer.rebalanced().await.unwrap();
            }
            event => panic!("{event:?}"),
        }
    }
}

#[tokio::test]
async fn compaction_keeps_the_last_value_of_each_key_under_load() {
    let folder = TempDir::new().unwrap();
    for log in [
        LocalBroker::memory(),
        LocalBroker::open(folder.path()).await.unwrap(),
    ] {
        admin(&log)
            .await
            .create_topic(NewTopic::new("t").compacted())
            .await
            .unwrap();
        let mut sender = Sender::open(&log).await;
        let mut expected = BTreeMap::new();
        let filler = "x".repeat(50);
        for round in 0..300 {
            let mut batch = Vec::new();
            for number in 0..100 {
                let key = format!("key-{}", (round * 31 + number * 7) % 150);
                let value = (number % 10 > 0).then(|| format!("{round}-{number}-{filler}"));
                expected.insert(key.clone(), value.clone());
                batch.push((key, value));
            }
            let batch: Vec<_> = batch
                .iter()
                .map(|(k, v)| (k.as_str(), v.as_deref()))
                .collect();
            sender.accept("t", &batch).await;
        }
        sender.settled(30_000).await;
        let mut left = read(&log, "t").await;
        // The writer compacts between commits; a few small ones give it the time.
        for _ in 0..200 {
            if left.len() < 5_000 {
                break;
            }
            sender.accept("other", &[("", Some("tick"))]).await;
            sender.settled(sender.next).await;
            left = read(&log, "t").await;
        }
        assert!(left.len() < 5_000, "{} records are left", left.len());
        assert!(left.is_sorted_by(|a, b| a.offset < b.offset));
        let last: BTreeMap<_, _> = left.iter().map(key_and_value).collect();
        assert_eq!(last, expected);
        log.close().await.unwrap();
    }
    let log = LocalBroker::open(folder.path()).await.unwrap();
    assert!(read(&log, "t").await.len() < 5_000);
}

#[tokio::test]
async fn tombstones_go_after_their_time() {
    let (clock, hand) = clock();
    let mut options = LocalOptions::default();
    options.clock = clock;
    let log = LocalBroker::memory_with(options);
    let new = NewTopic::new("t")
        .compacted()
        .with("delete.retention.ms", "1000");
    admin(&log).await.create_topic(new).await.unwrap();
    let mut sender = Sender::open(&log).await;
    let large = "x".repeat(10_000);
    sender
        .accept("t", &[("gone", Some("a")), ("gone", None)])
        .await;
    for round in 0..3 {
        for _ in 0..20 {
            sender.accept("t", &[("kept", Some(&large))]).await;
        }
        for _ in 0..20 {
            sender.accept("other", &[("", Some("tick"))]).await;
        }
        let left = read(&log, "t").await;
        let gone: Vec<_> = left
            .iter()
            .map(key_and_value)
            .filter(|(key, _)| key == "gone")
            .collect();
        let expected = if round == 0 {
            vec![("gone".to_owned(), None)]
        } else {
            vec![]
        };
        assert_eq!(gone, expected, "round {round}");
        hand.fetch_add(5_000, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn old_records_go_by_their_age() {
    let (clock, hand) = clock();
    let mut options = LocalOptions::default();
    options.clock = clock;
    let log = LocalBroker::memory_with(options);
    let admin = admin(&log).await;
    admin
        .create_topic(NewTopic::new("t").with("retention.ms", "60000"))
        .await
        .unwrap();
    let mut sender = Sender::open(&log).await;
    sender.write("t", &["a", "b"]).await;
    hand.fetch_add(50_000, Ordering::SeqCst);
    sender.write("t", &["c"]).await;
    hand.fetch_add(50_000, Ordering::SeqCst);
    sender.write("t", &["d"]).await;
    assert_eq!(texts(&read(&log, "t").await), ["c", "d"]);
    let partition = [TopicPartition::new("t", 0)];
    assert_eq!(
        admin.start_offsets(&partition).await.unwrap()[&partition[0]],
        2
    );
}

#[tokio::test]
async fn what_a_group_has_not_read_stays_and_producers_wait() {
    let folder = TempDir::new().unwrap();
    let mut options = LocalOptions::default();
    options.max_bytes = Some(100_000);
    let durable = LocalBroker::open_with(folder.path(), options.clone())
        .await
        .unwrap();
    for log in [LocalBroker::memory_with(options), durable] {
        let partition = TopicPartition::new("t", 0);
        let value = "x".repeat(10_000);
        let mut sender = Sender::open(&log).await;
        sender.write("t", &[value.as_str(); 2]).await;
        commit(&log, "group", &partition, 1).await;
        for _ in 0..20 {
            sender.accept("t", &[("", Some(&value))]).await;
        }
        // Compacted topics hold the worker's own state and take records all the same.
        admin(&log)
            .await
            .create_topic(NewTopic::new("own").compacted())
            .await
            .unwrap();
        let mut own = Sender::open(&log).await;
        own.write("own", &["a"]).await;
        let first = read(&log, "t").await;
        assert!(first.len() < 12, "{}", first.len());
        assert_eq!(
            first[0].offset, 0,
            "the group has not read all of the batch"
        );
        for offset in [8, 16, 22] {
            commit(&log, "group", &partition, offset).await;
        }
        sender.settled(22).await;
        let left = read(&log, "t").await;
        assert_eq!(left.last().unwrap().offset, 21);
        assert!(left.len() < 12 && left[0].offset > 2, "{}", left.len());
    }
}

#[tokio::test]
async fn a_killed_process_keeps_what_it_acknowledged() {
    for kill_after in [3, 40, 200] {
        let folder = TempDir::new().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "child_that_appends_until_it_is_killed",
                "--nocapture",
            ])
            .env("CONNECT_TEST_FOLDER", folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let acknowledged: Vec<i64> = lines
            .by_ref()
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("durable ").map(|n| n.parse().unwrap()))
            .take(kill_after)
            .collect();
        let error = LocalBroker::open(folder.path()).await.unwrap_err();
        assert!(matches!(error, BrokerError::Locked { .. }), "{error}");
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(acknowledged.len(), kill_after);
        let log = LocalBroker::open(folder.path()).await.unwrap();
        let read = texts(&read(&log, "t").await);
        assert!(read.len() as i64 > *acknowledged.last().unwrap());
        let expected: Vec<String> = (0..read.len()).map(|number| number.to_string()).collect();
        assert_eq!(read, expected);
    }
}

#[tokio::test]
#[ignore = "runs as a child of another test"]
async fn child_that_appends_until_it_is_killed() {
    let folder = std::env::var_os("CONNECT_TEST_FOLDER").unwrap();
    let log = LocalBroker::open(folder).await.unwrap();
    let (mut producer, mut receipts) = log.producer(ProducerOptions::default()).await.unwrap();
    for batch in 0.. {
        let record = |token: u64| ProducerRecord::new(token, "t", token.to_string().into_bytes());
        producer
            .send((batch * 10..batch * 10 + 10).map(record).collect())
            .await
            .unwrap();
        for receipt in receipts.next().await.unwrap() {
            let position = receipt.outcome.unwrap();
            println!("durable {}", position.offset);
        }
    }
}
