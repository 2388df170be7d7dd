//! The cluster of this test binary, workers on it, and a record of the calls of their plugins.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use connect_api::ConfigMap;
use connect_api::Error;
use connect_api::LogPosition;
use connect_api::PluginRegistry;
use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_api::config::FromConfig;
use connect_api::config_map;
use connect_api::plugin::PluginInfo;
use connect_broker::Admin;
use connect_broker::AdminOptions;
use connect_broker::Broker;
use connect_broker::ConsumerEvent;
use connect_broker::ConsumerOptions;
use connect_broker::FetchedRecord;
use connect_broker::Isolation;
use connect_broker::ProducerOptions;
use connect_broker::ProducerRecord;
use connect_broker::Subscription;
use connect_broker::admin::NewTopic;
use connect_kafka::KafkaBroker;
use connect_runtime::Connect;
use connect_runtime::ConnectorStatus;
use connect_runtime::State;
use connect_runtime::WorkerConfig;
use connect_testkit::kafka::KafkaCluster;
use tokio::sync::Notify;

use crate::numbers::Moody;
use crate::numbers::Numbers;
use crate::witness::Witness;

/// A wait that takes longer fails its test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

static KAFKA: LazyLock<KafkaCluster> =
    LazyLock::new(|| KafkaCluster::builder().sasl().proxied().start());

/// The broker of this test binary: one node without automatic creation of topics.
pub(crate) async fn kafka() -> &'static KafkaCluster {
    LazyLock::force(&LOG);
    tokio::task::spawn_blocking(|| &*KAFKA).await.unwrap()
}

pub(crate) async fn broker() -> KafkaBroker {
    broker_at(kafka().await.bootstrap())
}

pub(crate) fn broker_at(bootstrap: &str) -> KafkaBroker {
    let options = config_map! {
        "bootstrap.servers" => bootstrap,
        // Patterns find new topics soon.
        "metadata.max.age.ms" => 1000,
        "reconnect.backoff.max.ms" => 500,
    };
    KafkaBroker::new(options).unwrap()
}

pub(crate) async fn admin() -> Box<dyn Admin> {
    broker().await.admin(AdminOptions::default()).await.unwrap()
}

pub(crate) async fn create_topic(name: &str, partitions: i32) {
    let topic = NewTopic::new(name).partitions(partitions);
    admin().await.create_topic(topic).await.unwrap();
}

/// What plugins report, and what tests tell them.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Told>);

#[derive(Default)]
struct Told {
    events: Mutex<Vec<Event>>,
    firsts: Mutex<BTreeSet<&'static str>>,
    puts: AtomicI32,
    moods: AtomicI32,
    healed: AtomicBool,
    released: AtomicBool,
    bell: Notify,
}

/// A call of a sink task, with the number of the task.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    Close(usize, Vec<TopicPartition>),
    Open(usize, Vec<TopicPartition>),
    Put(usize, LogPosition, String),
}

impl Seen {
    pub(crate) fn add(&self, event: Event) {
        self.0.events.lock().unwrap().push(event);
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.0.events.lock().unwrap().clone()
    }

    /// The values that were put, in order.
    pub(crate) fn values(&self) -> Vec<String> {
        let value = |event| match event {
            Event::Put(_, _, value) => Some(value),
            _ => None,
        };
        self.events().into_iter().filter_map(value).collect()
    }

    /// Waits until all these numbers were put.
    pub(crate) async fn has_all(&self, numbers: std::ops::Range<usize>) {
        let what = format!("all of {numbers:?}");
        eventually(&what, async || {
            let seen: BTreeSet<_> = self.values().into_iter().collect();
            let all = numbers
                .clone()
                .all(|number| seen.contains(&number.to_string()));
            all.then_some(())
        })
        .await;
    }

    /// True on the first call with a name.
    pub(crate) fn first(&self, name: &'static str) -> bool {
        self.0.firsts.lock().unwrap().insert(name)
    }

    pub(crate) fn count_puts(&self) -> i32 {
        self.0.puts.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// True after `heal`; counts the calls.
    pub(crate) fn try_moody(&self) -> bool {
        self.0.moods.fetch_add(1, Ordering::SeqCst);
        self.0.healed.load(Ordering::SeqCst)
    }

    pub(crate) fn moods(&self) -> i32 {
        self.0.moods.load(Ordering::SeqCst)
    }

    pub(crate) fn heal(&self) {
        self.0.healed.store(true, Ordering::SeqCst);
    }

    /// Releases the number that is held.
    pub(crate) fn release(&self) {
        self.0.released.store(true, Ordering::SeqCst);
        self.0.bell.notify_waiters();
    }

    pub(crate) async fn released(&self) {
        loop {
            let bell = self.0.bell.notified();
            if self.0.released.load(Ordering::SeqCst) {
                return;
            }
            bell.await;
        }
    }
}

/// A worker's configuration with an offsets topic for one test, merged with more options.
pub(crate) async fn config(offsets: &str, more: ConfigMap) -> ConfigMap {
    let mut config = config_map! {
        "bootstrap.servers" => kafka().await.bootstrap(),
        "key.converter" => "org.apache.kafka.connect.storage.StringConverter",
        "value.converter" => "org.apache.kafka.connect.storage.StringConverter",
        "group.id" => offsets,
        "offset.storage.topic" => offsets,
        "offset.storage.partitions" => 5,
        "offset.storage.replication.factor" => 1,
        "offset.flush.interval.ms" => 100,
        // A busy machine may take longer than the default.
        "offset.flush.timeout.ms" => PATIENCE.as_millis(),
        "task.shutdown.graceful.timeout.ms" => PATIENCE.as_millis(),
    };
    config.extend(more);
    config
}

pub(crate) fn registry(seen: &Seen) -> PluginRegistry {
    let mut registry = connect_runtime::plugins();
    let info = |name: &str| PluginInfo::new(format!("test.{name}"), "1");
    let clone = seen.clone();
    registry.source(info("Numbers"), move || Numbers {
        seen: clone.clone(),
        ..Numbers::default()
    });
    let clone = seen.clone();
    registry.sink(info("Witness"), move || Witness {
        seen: clone.clone(),
        ..Witness::default()
    });
    let clone = seen.clone();
    registry.transform(info("Moody"), move || Moody {
        seen: clone.clone(),
        ..Moody::default()
    });
    registry
}

pub(crate) async fn try_worker(config: ConfigMap, seen: &Seen) -> Result<Connect, Error> {
    let broker = broker_at(config.get("bootstrap.servers").unwrap());
    try_worker_on(broker, config, seen).await
}

pub(crate) async fn try_worker_on(
    broker: KafkaBroker,
    config: ConfigMap,
    seen: &Seen,
) -> Result<Connect, Error> {
    Connect::builder()
        .registry(registry(seen))
        .broker(broker)
        .worker(WorkerConfig::from_config(&config)?)
        .build()
        .await
}

/// A worker with an offsets topic for one test.
pub(crate) async fn worker(offsets: &str, seen: &Seen) -> Connect {
    worker_with(offsets, ConfigMap::new(), seen).await
}

pub(crate) async fn worker_with(offsets: &str, more: ConfigMap, seen: &Seen) -> Connect {
    try_worker(config(offsets, more).await, seen).await.unwrap()
}

pub(crate) async fn end(connect: Connect) {
    assert!(connect.shutdown(PATIENCE).await.is_clean());
}

pub(crate) fn numbers(topic: &str, count: usize) -> ConfigMap {
    config_map! { "connector.class" => "Numbers", "topic" => topic, "count" => count }
}

pub(crate) fn witness(topics: &str) -> ConfigMap {
    config_map! { "connector.class" => "Witness", "topics" => topics }
}

pub(crate) fn with(mut config: ConfigMap, more: ConfigMap) -> ConfigMap {
    config.extend(more);
    config
}

/// Waits for a failed task and returns its trace.
pub(crate) async fn failure(connect: &Connect, name: &str) -> String {
    let is_failed = |status: &ConnectorStatus| {
        let mut tasks = status.tasks.iter();
        let task = tasks.find(|task| task.state == State::Failed);
        task.and_then(|task| task.trace.clone())
    };
    eventually("a failed task", async || {
        is_failed(&connect.status(name).await.unwrap())
    })
    .await
}

/// The committed offset of a task of [`Numbers`].
pub(crate) fn next(connect: &Connect, name: &str, task: usize) -> Option<i64> {
    let partition = crate::numbers::partition(task);
    let offsets = connect.source_offsets(name);
    let (_, offset) = offsets.into_iter().find(|(known, _)| *known == partition)?;
    offset.get("next")?.as_i64()
}

/// Waits until the first task of a connector has committed an offset.
pub(crate) async fn reaches(connect: &Connect, name: &str, offset: i64) {
    eventually("the offset", async || {
        let status = connect.status(name).await.unwrap();
        for task in status.tasks {
            assert_ne!(task.state, State::Failed, "{:?}", task.trace);
        }
        (next(connect, name, 0) == Some(offset)).then_some(())
    })
    .await;
}

/// Waits until `look` returns something. The deadline only ends a test that hangs.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited
        .await
        .unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}\n{}", log()))
}

/// Reads a topic to the end, with an isolation level. Returns each record with its partition.
pub(crate) async fn read(topic: &str, isolation: Isolation) -> Vec<(i32, FetchedRecord)> {
    read_to(topic, isolation, isolation).await
}

async fn read_to(topic: &str, isolation: Isolation, end: Isolation) -> Vec<(i32, FetchedRecord)> {
    let (broker, admin) = (broker().await, admin().await);
    let found = admin.describe_topic(&topic.into()).await.unwrap().unwrap();
    let partitions: Vec<_> = (0..found.partitions)
        .map(|index| TopicPartition::new(topic, index))
        .collect();
    let ends = admin.end_offsets(&partitions, end).await.unwrap();
    let mut options = ConsumerOptions::new(Subscription::Partitions(partitions.clone()));
    options.isolation = isolation;
    let mut consumer = broker.consumer(options).await.unwrap();
    let mut records = Vec::new();
    loop {
        let mut at_end = true;
        for partition in &partitions {
            at_end &= consumer.position(partition).await.unwrap() >= ends[partition];
        }
        if at_end {
            return records;
        }
        let event = consumer.poll(Duration::from_millis(100)).await.unwrap();
        if let ConsumerEvent::Records(groups) = event {
            for group in groups {
                let index = group.partition.partition;
                records.extend(group.records.into_iter().map(|record| (index, record)));
            }
        }
    }
}

/// The values of the committed records of a topic.
pub(crate) async fn values(topic: &str) -> Vec<String> {
    let records = read(topic, Isolation::ReadCommitted).await.into_iter();
    records.map(|(_, record)| text(record.value)).collect()
}

pub(crate) fn text(bytes: Option<Bytes>) -> String {
    String::from_utf8(bytes.unwrap_or_default().to_vec()).unwrap()
}

/// [`values`] once no transaction is open: the log may still be completing one that was committed.
pub(crate) async fn settled(topic: &str) -> Vec<String> {
    let end = Isolation::ReadUncommitted;
    let records = read_to(topic, Isolation::ReadCommitted, end)
        .await
        .into_iter();
    records.map(|(_, record)| text(record.value)).collect()
}

/// The newest value of each key, once no transaction is open.
pub(crate) async fn table(topic: &str) -> BTreeMap<String, String> {
    let end = Isolation::ReadUncommitted;
    let records = read_to(topic, Isolation::ReadCommitted, end)
        .await
        .into_iter();
    records
        .map(|(_, record)| (text(record.key), text(record.value)))
        .collect()
}

pub(crate) fn range(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

/// Writes keys and values, and waits until they are durable.
pub(crate) async fn write(topic: &str, records: &[(&str, &str)]) {
    write_to(&broker().await, topic, records).await;
}

pub(crate) async fn write_to(broker: &KafkaBroker, topic: &str, records: &[(&str, &str)]) {
    let options = ProducerOptions::default();
    let (mut producer, mut receipts) = broker.producer(options).await.unwrap();
    let record = |(token, (key, value)): (u64, &(&str, &str))| {
        let mut record = ProducerRecord::new(token, topic, value.as_bytes().to_vec());
        record.key = (!key.is_empty()).then(|| Bytes::copy_from_slice(key.as_bytes()));
        record
    };
    producer
        .send((0..).zip(records).map(record).collect())
        .await
        .unwrap();
    producer.flush().await.unwrap();
    let mut missing = records.len() as u64;
    while missing > 0 {
        for receipt in receipts.next().await.unwrap() {
            receipt.outcome.unwrap();
            missing -= receipt.tokens.end - receipt.tokens.start;
        }
    }
}

/// The committed offsets of a group by partition.
pub(crate) async fn group(name: &str) -> BTreeMap<i32, i64> {
    let offsets = admin().await.group_offsets(name).await.unwrap();
    offsets
        .into_iter()
        .map(|(partition, offset)| (partition.partition, offset))
        .collect()
}

pub(crate) async fn exists(topic: &str) -> bool {
    let name = TopicName::new(topic);
    admin().await.describe_topic(&name).await.unwrap().is_some()
}

/// Waits for a line that is logged after this call and contains all these words. The log is that of
/// all tests, so one of the words must be unique to the caller.
pub(crate) fn logged<'a>(words: &'a [&str]) -> impl Future<Output = ()> + 'a {
    let before = log().len();
    async move {
        eventually(&format!("a line with {words:?}"), async || {
            let log = log();
            let mut lines = log.get(before..).unwrap_or_default().lines();
            lines
                .any(|line| words.iter().all(|word| line.contains(word)))
                .then_some(())
        })
        .await;
    }
}

/// The log as text.
pub(crate) fn log() -> String {
    String::from_utf8_lossy(&LOG.0.lock().unwrap()).into_owned()
}

static LOG: LazyLock<Log> = LazyLock::new(|| {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::INFO)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    log
});

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(text);
        Ok(text.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
