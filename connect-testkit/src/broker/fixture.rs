//! The fixture of every case: a broker, unique names, and waiting with a deadline.

use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use connect_api::LogPosition;
use connect_api::Timestamp;
use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_broker::Admin;
use connect_broker::AdminOptions;
use connect_broker::Broker;
use connect_broker::BrokerError;
use connect_broker::Isolation;
use connect_broker::Producer;
use connect_broker::ProducerOptions;
use connect_broker::ProducerRecord;
use connect_broker::Receipt;
use connect_broker::Receipts;
use connect_broker::admin::NewTopic;

/// The fixture of one case.
#[derive(Debug)]
pub struct Fixture {
    /// The broker under test.
    pub broker: Arc<dyn Broker>,
    case: &'static str,
    run: u64,
}

/// How long a case waits for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How long a case watches for something that must not happen.
pub(crate) const GLANCE: Duration = Duration::from_millis(300);

impl Fixture {
    /// The fixture of a case against a broker.
    pub async fn new(case: &'static str, broker: Arc<dyn Broker>) -> Self {
        static RUNS: AtomicU64 = AtomicU64::new(0);
        // The broker may have seen earlier processes, so a counter alone is not enough.
        let run = (u64::from(std::process::id()) << 32)
            ^ now().as_millis().cast_unsigned()
            ^ (RUNS.fetch_add(1, Ordering::Relaxed) << 48);
        Self { broker, case, run }
    }

    /// A name that is unique to this run of this case.
    pub(crate) fn name(&self, what: &str) -> String {
        format!("{}-{what}-{:x}", self.case, self.run)
    }

    pub(crate) async fn admin(&self) -> Box<dyn Admin> {
        self.broker.admin(AdminOptions::default()).await.unwrap()
    }

    /// Creates a topic and waits until it is there.
    pub(crate) async fn create(&self, topic: NewTopic) -> TopicName {
        let admin = self.admin().await;
        let name = topic.name.clone();
        admin.create_topic(topic).await.unwrap();
        eventually("the topic is known", || async {
            admin.describe_topic(&name).await.unwrap().map(drop)
        })
        .await;
        name
    }

    /// Creates a topic with some partitions.
    pub(crate) async fn topic(&self, partitions: i32) -> TopicName {
        self.create(NewTopic::new(self.name("topic")).partitions(partitions))
            .await
    }

    /// Opens a producer.
    pub(crate) async fn producer(&self) -> Sender {
        Sender::open(self, ProducerOptions::default()).await
    }

    /// Opens a transactional producer.
    pub(crate) async fn transactional(&self, id: &str) -> Sender {
        let mut options = ProducerOptions::default();
        options.transactional_id = Some(id.to_owned());
        Sender::open(self, options).await
    }

    /// Writes values to a topic, waits until they are durable, and returns their positions.
    pub(crate) async fn write(&self, topic: &TopicName, values: &[&str]) -> Vec<LogPosition> {
        let mut sender = self.producer().await;
        let tokens = sender.send_values(topic, values).await;
        sender.flush().await;
        sender.positions(tokens).await
    }

    pub(crate) async fn end(&self, partition: &TopicPartition, isolation: Isolation) -> i64 {
        let admin = self.admin().await;
        let partitions = std::slice::from_ref(partition);
        admin.end_offsets(partitions, isolation).await.unwrap()[partition]
    }
}

/// A producer with its receipts and its next token.
pub(crate) struct Sender {
    pub(crate) producer: Box<dyn Producer>,
    pub(crate) receipts: Box<dyn Receipts>,
    pub(crate) next: u64,
    seen: Vec<Receipt>,
}

impl Sender {
    pub(crate) async fn open(fixture: &Fixture, options: ProducerOptions) -> Self {
        let (producer, receipts) = patiently("a producer", fixture.broker.producer(options))
            .await
            .unwrap();
        Self {
            producer,
            receipts,
            next: 0,
            seen: Vec::new(),
        }
    }

    /// A record with the next token.
    pub(crate) fn record(&mut self, topic: &TopicName, value: &str) -> ProducerRecord {
        self.next += 1;
        ProducerRecord::new(self.next - 1, topic.clone(), value.as_bytes().to_vec())
    }

    /// Sends values as one batch and returns their tokens.
    pub(crate) async fn send_values(&mut self, topic: &TopicName, values: &[&str]) -> Range<u64> {
        let first = self.next;
        let batch = values
            .iter()
            .map(|value| self.record(topic, value))
            .collect();
        self.send(batch).await;
        first..self.next
    }

    pub(crate) async fn send(&mut self, batch: Vec<ProducerRecord>) {
        patiently("acceptance", self.producer.send(batch))
            .await
            .unwrap();
    }

    pub(crate) async fn flush(&mut self) {
        patiently("a flush", self.producer.flush()).await.unwrap();
    }

    /// The outcomes of tokens, in order, each exactly once.
    pub(crate) async fn outcomes(
        &mut self,
        tokens: Range<u64>,
    ) -> Vec<Result<LogPosition, BrokerError>> {
        let missing = |seen: &[Receipt]| {
            tokens
                .clone()
                .find(|token| !seen.iter().any(|r| r.tokens.contains(token)))
        };
        while let Some(token) = missing(&self.seen) {
            let next = patiently("receipts", self.receipts.next()).await;
            self.seen
                .extend(next.unwrap_or_else(|| panic!("no receipt for token {token}")));
        }
        let outcome = |token: u64| {
            let mut receipts = self
                .seen
                .iter()
                .filter(|receipt| receipt.tokens.contains(&token));
            let receipt = receipts.next().unwrap();
            assert!(receipts.next().is_none(), "token {token} has two receipts");
            let step = i64::try_from(token - receipt.tokens.start).unwrap();
            receipt.outcome.clone().map(|mut position| {
                position.offset += step;
                position
            })
        };
        tokens.map(outcome).collect()
    }

    /// The positions of records that must be durable.
    pub(crate) async fn positions(&mut self, tokens: Range<u64>) -> Vec<LogPosition> {
        self.outcomes(tokens)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect()
    }
}

/// Waits for a future that must complete in time.
pub(crate) async fn patiently<T>(what: &str, future: impl Future<Output = T>) -> T {
    let result = tokio::time::timeout(PATIENCE, future).await;
    result.unwrap_or_else(|_| panic!("no {what} within {PATIENCE:?}"))
}

/// Polls until there is an answer.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    ask: impl Fn() -> F,
) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            // There is nothing to await: the state may be on another machine.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    patiently(what, asking).await
}

#[expect(
    clippy::disallowed_methods,
    reason = "names have to differ from those of earlier runs"
)]
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp::from_millis(since.map_or(0, |since| since.as_millis() as i64))
}
