//! What retention removes, what it keeps for whom, and what readers are told.

#![cfg(test)]

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use connect_api::LogOffsets;
use connect_api::Timestamp;
use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_broker::Admin;
use connect_broker::AdminOptions;
use connect_broker::Broker;
use connect_broker::Consumer;
use connect_broker::ConsumerEvent;
use connect_broker::ConsumerOptions;
use connect_broker::Gap;
use connect_broker::Isolation;
use connect_broker::ProducerOptions;
use connect_broker::ProducerRecord;
use connect_broker::StartOffset;
use connect_broker::Subscription;
use connect_broker::admin::NewTopic;
use connect_log::Clock;
use connect_log::LocalBroker;
use connect_log::LocalOptions;
use tempfile::TempDir;

const MINUTE: i64 = 60 * 1000;
const DAY: i64 = 24 * 60 * MINUTE;

/// The middle of 2023: when the records of a backfill were made.
const LONG_AGO: i64 = 1_690_000_000_000;

/// A log whose clock does not move by itself. Its topics keep records for a minute.
struct Lab {
    log: LocalBroker,
    hand: Arc<AtomicI64>,
    folder: Option<TempDir>,
}

impl Lab {
    async fn both() -> [Self; 2] {
        [Self::memory(), Self::durable().await]
    }

    fn memory() -> Self {
        let hand = hand();
        Self {
            log: LocalBroker::memory_with(options(&hand)),
            hand,
            folder: None,
        }
    }

    async fn durable() -> Self {
        let (hand, folder) = (hand(), TempDir::new().unwrap());
        let log = LocalBroker::open_with(folder.path(), options(&hand)).await;
        Self {
            log: log.unwrap(),
            hand,
            folder: Some(folder),
        }
    }

    /// Closes the log and opens it again; a log in memory stays as it is.
    async fn reopen(&mut self) {
        if let Some(folder) = &self.folder {
            self.log.close().await.unwrap();
            let log = LocalBroker::open_with(folder.path(), options(&self.hand)).await;
            self.log = log.unwrap();
        }
    }

    async fn admin(&self) -> Box<dyn Admin> {
        self.log.admin(AdminOptions::default()).await.unwrap()
    }

    /// Appends values with a timestamp, each in a separate batch.
    async fn write(&self, topic: &str, values: &[&str], made: i64) {
        let (mut producer, mut receipts) =
            self.log.producer(ProducerOptions::default()).await.unwrap();
        for (token, value) in (0..).zip(values) {
            let mut record = ProducerRecord::new(token, topic, value.as_bytes().to_vec());
            record.timestamp = Some(Timestamp::from_millis(made));
            producer.send(vec![record]).await.unwrap();
            for receipt in receipts.next().await.unwrap() {
                receipt.outcome.unwrap();
            }
        }
    }

    /// Moves the clock and has the log look for old records.
    async fn pass(&self, time: i64) {
        self.hand.fetch_add(time, Ordering::SeqCst);
        // The writer looks after each group of requests, before it takes the next.
        self.write("other", &["tick"], LONG_AGO).await;
        self.write("other", &["tock"], LONG_AGO).await;
    }

    async fn start(&self) -> i64 {
        let partition = partition();
        let starts = self
            .admin()
            .await
            .start_offsets(std::slice::from_ref(&partition))
            .await;
        starts.unwrap()[&partition]
    }

    async fn join(&self, group: &str, start: StartOffset) -> Reader {
        let mut options = ConsumerOptions::new(Subscription::Topics(vec!["t".into()]));
        options.group = Some(group.to_owned());
        options.start = start;
        options.isolation = Isolation::ReadCommitted;
        let consumer = self.log.consumer(options).await.unwrap();
        let mut reader = Reader {
            consumer,
            values: Vec::new(),
            gaps: Vec::new(),
        };
        reader
            .until(|_, event| matches!(event, ConsumerEvent::Assigned(_)))
            .await;
        reader.consumer.rebalanced().await.unwrap();
        reader
    }

    async fn declare(&self, group: &str) {
        let mut options = ConsumerOptions::new(Subscription::Topics(vec!["t".into()]));
        options.group = Some(group.to_owned());
        self.log.declare_group(&options).await.unwrap();
    }
}

struct Reader {
    consumer: Box<dyn Consumer>,
    values: Vec<String>,
    gaps: Vec<Gap>,
}

impl Reader {
    /// Polls until something holds after an event.
    async fn until(&mut self, done: impl Fn(&Self, &ConsumerEvent) -> bool) {
        loop {
            let event = self.consumer.poll(Duration::from_secs(60)).await.unwrap();
            match &event {
                ConsumerEvent::Gaps(gaps) => self.gaps.extend(gaps.iter().cloned()),
                ConsumerEvent::Records(groups) => {
                    for record in groups.iter().flat_map(|group| &group.records) {
                        let value = record.value.clone().unwrap_or_default().to_vec();
                        self.values.push(String::from_utf8(value).unwrap());
                    }
                }
                _ => {}
            }
            if done(self, &event) {
                return;
            }
        }
    }

    async fn read(&mut self, count: usize) -> &[String] {
        self.until(|reader, _| reader.values.len() >= count).await;
        &self.values
    }

    async fn commit(&mut self, offset: i64) {
        let offsets: LogOffsets = [(partition(), offset)].into_iter().collect();
        self.consumer.commit(&offsets).await.unwrap();
    }
}

fn hand() -> Arc<AtomicI64> {
    Arc::new(AtomicI64::new(LONG_AGO + 900 * DAY))
}

fn options(hand: &Arc<AtomicI64>) -> LocalOptions {
    let now = Arc::clone(hand);
    let mut options = LocalOptions::default();
    options.clock = Clock::new(move || Timestamp::from_millis(now.load(Ordering::SeqCst)));
    options.retention = Some(Duration::from_secs(60));
    options
}

fn partition() -> TopicPartition {
    TopicPartition::new("t", 0)
}

#[tokio::test]
async fn the_age_of_a_record_counts_from_its_append() {
    for lab in Lab::both().await {
        lab.write("t", &["a", "b"], LONG_AGO).await;
        lab.pass(MINUTE - 1).await;
        assert_eq!(lab.start().await, 0, "made in 2023, appended just now");
        lab.pass(MINUTE).await;
        assert_eq!(lab.start().await, 2, "old enough");
    }
}

#[tokio::test]
async fn a_paused_member_gets_everything_however_old() {
    for lab in Lab::both().await {
        lab.write("t", &["a"], LONG_AGO).await;
        let mut reader = lab.join("g", StartOffset::Earliest).await;
        reader.consumer.pause(&[partition()]);
        lab.write("t", &["b", "c"], LONG_AGO).await;
        for _ in 0..30 {
            lab.pass(DAY).await;
        }
        reader.consumer.resume(&[partition()]);
        assert_eq!(reader.read(3).await, ["a", "b", "c"]);
        assert!(reader.gaps.is_empty(), "{:?}", reader.gaps);
        reader.commit(2).await;
        lab.pass(MINUTE).await;
        assert_eq!(lab.start().await, 2, "what is committed can go");
    }
}

#[tokio::test]
async fn a_group_is_known_for_seven_days_after_its_last_member() {
    for mut lab in Lab::both().await {
        lab.write("t", &["a", "b", "c"], LONG_AGO).await;
        let mut reader = lab.join("g", StartOffset::Earliest).await;
        reader.read(1).await;
        reader.commit(1).await;
        drop(reader);
        lab.pass(3 * DAY).await;
        lab.reopen().await;
        lab.pass(3 * DAY).await;
        assert_eq!(lab.start().await, 1, "the group may come back");
        lab.pass(2 * DAY).await;
        assert_eq!(lab.start().await, 3, "nobody waits for it");
        lab.write("t", &["d"], LONG_AGO).await;
        let mut reader = lab.join("g", StartOffset::Earliest).await;
        assert_eq!(reader.read(1).await, ["d"]);
        assert_eq!(reader.gaps, [Gap::new(partition(), 1, 3)]);
        assert_eq!(reader.gaps[0].records(), 2);
    }
}

#[tokio::test]
async fn a_group_that_never_committed_is_known_after_a_restart() {
    for mut lab in Lab::both().await {
        drop(lab.join_later().await);
        lab.write("t", &["a", "b"], LONG_AGO).await;
        lab.reopen().await;
        lab.pass(DAY).await;
        let mut reader = lab.join("g", StartOffset::Earliest).await;
        assert_eq!(reader.read(2).await, ["a", "b"]);
        assert!(reader.gaps.is_empty(), "{:?}", reader.gaps);
    }
}

impl Lab {
    /// Joins a group before its topic exists.
    async fn join_later(&self) -> Box<dyn Consumer> {
        let mut options = ConsumerOptions::new(Subscription::Topics(vec!["t".into()]));
        options.group = Some("g".to_owned());
        self.log.consumer(options).await.unwrap()
    }
}

#[tokio::test]
async fn a_declared_group_needs_no_member() {
    for mut lab in Lab::both().await {
        lab.declare("g").await;
        lab.write("t", &["a"], LONG_AGO).await;
        for _ in 0..3 {
            lab.pass(5 * DAY).await;
            lab.reopen().await;
            lab.declare("g").await;
        }
        assert_eq!(lab.start().await, 0);
        lab.admin().await.delete_group("g").await.unwrap();
        lab.pass(MINUTE).await;
        assert_eq!(lab.start().await, 1, "a deleted group wants nothing");
    }
}

#[tokio::test]
async fn a_group_that_starts_at_the_end_holds_only_what_comes_then() {
    for lab in Lab::both().await {
        lab.write("t", &["a", "b"], LONG_AGO).await;
        let mut reader = lab.join("g", StartOffset::Latest).await;
        reader.consumer.pause(&[partition()]);
        lab.write("t", &["c"], LONG_AGO).await;
        lab.pass(DAY).await;
        assert_eq!(lab.start().await, 2);
        reader.consumer.resume(&[partition()]);
        assert_eq!(reader.read(1).await, ["c"]);
    }
}

#[tokio::test]
async fn a_limit_by_size_holds_and_its_readers_learn_of_the_gap() {
    for lab in Lab::both().await {
        let admin = lab.admin().await;
        let topic = NewTopic::new("t").with("retention.bytes", "2500");
        admin.create_topic(topic).await.unwrap();
        let mut reader = lab.join("g", StartOffset::Earliest).await;
        reader.consumer.pause(&[partition()]);
        let value = "x".repeat(1_000);
        lab.write("t", &[value.as_str(); 5], LONG_AGO).await;
        lab.pass(MINUTE / 2).await;
        assert_eq!(lab.start().await, 2, "the rest is within the limit, nearly");
        reader.consumer.resume(&[partition()]);
        reader.read(3).await;
        assert_eq!(reader.gaps, [Gap::new(partition(), 0, 2)]);
        assert_eq!(reader.consumer.position(&partition()).await.unwrap(), 5);
    }
}

#[tokio::test]
async fn a_reader_of_a_partition_is_woken_by_its_topic() {
    for lab in Lab::both().await {
        let subscription = Subscription::Partitions(vec![partition()]);
        let mut consumer = lab
            .log
            .consumer(ConsumerOptions::new(subscription))
            .await
            .unwrap();
        let topic = TopicName::new("t");
        let admin = lab.admin().await;
        assert_eq!(admin.describe_topic(&topic).await.unwrap(), None);
        let (event, ()) = tokio::join!(
            consumer.poll(Duration::MAX),
            lab.write("t", &["a"], LONG_AGO)
        );
        assert!(matches!(event.unwrap(), ConsumerEvent::Records(_)));
    }
}

#[tokio::test]
async fn a_consumer_creates_topics_if_it_asks_for_that() {
    for lab in Lab::both().await {
        let mut options = ConsumerOptions::new(Subscription::Topics(vec!["t".into()]));
        options.group = Some("g".to_owned());
        options.client_config = connect_api::config_map! { "allow.auto.create.topics" => "true" };
        let _consumer = lab.log.consumer(options).await.unwrap();
        let admin = lab.admin().await;
        assert!(admin.describe_topic(&"t".into()).await.unwrap().is_some());
    }
}
