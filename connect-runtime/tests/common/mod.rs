//! Plugins for tests: a source of given lines, a sink that remembers, and ones that misbehave.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "shared by test files, each of which uses a part of it"
)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests may fail like tests"
)]

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::data::Datum;
use connect_api::data::Text;
use connect_api::data::Value;
use connect_api::plugin::PluginInfo;
use connect_api::record::Header;
use connect_api::record::Origin;
use connect_api::record::RawHeaders;
use connect_api::record::Record;
use connect_api::record::SinkRecord;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_api::record::SourceRecord;
use connect_api::*;
use connect_broker::Broker;
use connect_log::LocalBroker;
use connect_runtime::Connect;
use connect_runtime::ConnectorStatus;
use connect_runtime::State;
use connect_runtime::WorkerConfig;

/// What the plugins of one worker have seen and done.
#[derive(Clone, Default)]
pub struct Seen {
    pub put: Arc<Mutex<Vec<String>>>,
    /// Put calls, the ones that failed included.
    pub puts: Arc<AtomicUsize>,
    pub delivered: Arc<AtomicUsize>,
    pub stopped: Arc<AtomicUsize>,
    /// Steps that block their thread.
    pub stuck: Arc<AtomicUsize>,
}

impl Seen {
    pub fn lines(&self) -> Vec<String> {
        self.put.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.put.lock().unwrap().len()
    }
}

/// A registry with all plugins of this file.
pub fn registry(seen: &Seen) -> PluginRegistry {
    let mut registry = PluginRegistry::new();
    let info = |name: &str| PluginInfo::new(format!("test.{name}"), "1");
    registry.converter(info("TextConverter"), TextConverter::default);
    registry.header_converter(info("TextConverter"), TextConverter::default);
    registry.transform(info("DropOdd"), DropOdd::default);
    registry.transform(info("Refuse"), Refuse::default);
    let clone = seen.clone();
    registry.source(info("Lines"), move || Lines {
        seen: clone.clone(),
        ..Lines::default()
    });
    let clone = seen.clone();
    registry.sink(info("Collect"), move || Collect {
        seen: clone.clone(),
        ..Collect::default()
    });
    registry
}

pub fn worker_config() -> ConfigMap {
    config_map! {
        "key.converter" => "test.TextConverter",
        "value.converter" => "test.TextConverter",
        "header.converter" => "test.TextConverter",
        "task.shutdown.graceful.timeout.ms" => 6000,
    }
}

pub async fn worker(broker: &LocalBroker, seen: &Seen) -> Connect {
    worker_with(broker.clone(), ConfigMap::new(), seen).await
}

/// A worker with more options.
pub async fn worker_with(broker: impl Broker, more: ConfigMap, seen: &Seen) -> Connect {
    let mut config = worker_config();
    config.extend(more);
    Connect::builder()
        .registry(registry(seen))
        .broker(broker)
        .worker(WorkerConfig::from_config(&config).unwrap())
        .build()
        .await
        .unwrap()
}

/// A sink connector of its own memory.
pub fn collect_plugin(seen: &Seen) -> impl SinkConnector + use<> {
    Collect {
        seen: seen.clone(),
        ..Collect::default()
    }
}

pub fn lines(count: usize) -> ConfigMap {
    config_map! { "connector.class" => "Lines", "topic" => "lines", "count" => count }
}

pub fn collect() -> ConfigMap {
    config_map! { "connector.class" => "Collect", "topics" => "lines" }
}

/// Waits for a status; the worker's own events drive it, the deadline only ends a hanging test.
pub async fn status_when(
    connect: &Connect,
    name: &str,
    accept: impl Fn(&ConnectorStatus) -> bool,
) -> ConnectorStatus {
    eventually(async || {
        let status = connect.status(name).await.unwrap();
        accept(&status).then_some(status)
    })
    .await
}

pub async fn task_in(connect: &Connect, name: &str, state: State) -> ConnectorStatus {
    status_when(connect, name, |s| {
        s.tasks.iter().any(|task| task.state == state)
    })
    .await
}

pub async fn eventually<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::task::yield_now().await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    waited.await.expect("it never happened")
}

#[derive(Default)]
pub struct TextConverter(ConfigDef);

impl TextConverter {
    fn text(datum: &Datum) -> Result<Option<Bytes>> {
        match &datum.value {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.as_bytes().clone())),
            other => Err(Error::data(format!("not text: {}", other.java_class()))),
        }
    }
}

impl Converter for TextConverter {
    fn config_def(&self) -> &ConfigDef {
        &self.0
    }
    fn configure(&mut self, _: &ConfigMap, _: DatumRole) -> Result<()> {
        Ok(())
    }
    fn encode(&mut self, _: &TopicName, _: &mut RawHeaders, d: &Datum) -> Result<Option<Bytes>> {
        Self::text(d)
    }
    fn decode(&mut self, _: &TopicName, _: &RawHeaders, bytes: Option<Bytes>) -> Result<Datum> {
        Ok(bytes.map_or(Datum::NULL, |bytes| {
            Datum::string(Text::from_utf8_lossy(bytes))
        }))
    }
}

impl HeaderConverter for TextConverter {
    fn config_def(&self) -> &ConfigDef {
        &self.0
    }
    fn configure(&mut self, _: &ConfigMap) -> Result<()> {
        Ok(())
    }
    fn encode(&mut self, _: &TopicName, header: &Header) -> Result<Option<Bytes>> {
        Self::text(&header.value)
    }
    fn decode(&mut self, _: &TopicName, _: &Text, bytes: Option<Bytes>) -> Result<Datum> {
        Ok(bytes.map_or(Datum::NULL, |bytes| {
            Datum::string(Text::from_utf8_lossy(bytes))
        }))
    }
}

/// Drops lines with an odd number.
#[derive(Default)]
pub struct DropOdd(ConfigDef);

impl Transform for DropOdd {
    fn config_def(&self) -> &ConfigDef {
        &self.0
    }
    fn configure(&mut self, _: &ConfigMap) -> Result<()> {
        Ok(())
    }
    fn apply(&mut self, record: Record, _: Origin<'_>) -> Result<Option<Record>> {
        let number: usize = record.value.value.as_str().unwrap().parse().unwrap();
        Ok(number.is_multiple_of(2).then_some(record))
    }
}

/// Refuses the line "3".
#[derive(Default)]
pub struct Refuse(ConfigDef);

impl Transform for Refuse {
    fn config_def(&self) -> &ConfigDef {
        &self.0
    }
    fn configure(&mut self, _: &ConfigMap) -> Result<()> {
        Ok(())
    }
    fn apply(&mut self, record: Record, _: Origin<'_>) -> Result<Option<Record>> {
        match record.value.value.as_str() {
            Some("3") => Err(Error::data("three is not liked")),
            _ => Ok(Some(record)),
        }
    }
}

/// A source of the lines "0", "1", … It can be told to misbehave.
#[derive(Debug, Clone, ConfigDef)]
struct LinesConfig {
    topic: TopicName,
    /// How many lines there are.
    count: i64,
    /// How many lines per poll.
    #[config(default = 10)]
    batch: i64,
    /// At this line: `panic`, `error` or `never.stop`.
    #[config(default = "")]
    misbehave: String,
    #[config(default = 5)]
    at: i64,
    #[config(default = "")]
    start: String,
    /// When the lines were made, in ms; 0 does not say.
    #[config(default = 0)]
    made: i64,
}

#[derive(Default)]
struct Lines {
    seen: Seen,
    config: ConfigMap,
}

#[async_trait]
impl Connector for Lines {
    fn config_def(&self) -> &ConfigDef {
        LinesConfig::config_def()
    }
    async fn start(&mut self, _: ConnectorContext, config: ConfigMap) -> Result<()> {
        match config.get("start") {
            Some("error") => return Err(Error::external("the source is not there")),
            Some("panic") => panic!("the connector panics"),
            _ => {}
        }
        self.config = config;
        Ok(())
    }
    async fn task_configs(&mut self, _: usize) -> Result<Vec<ConfigMap>> {
        Ok(vec![self.config.clone()])
    }
}

impl SourceConnector for Lines {
    fn task(&self) -> Box<dyn SourceTask> {
        Box::new(LinesTask {
            seen: self.seen.clone(),
            next: 0,
            config: None,
            context: None,
            partition: SourcePartition::new([("lines", "test")]),
        })
    }
}

struct LinesTask {
    seen: Seen,
    next: i64,
    config: Option<LinesConfig>,
    context: Option<SourceTaskContext>,
    partition: SourcePartition,
}

#[async_trait]
impl Task for LinesTask {
    async fn stop(&mut self) -> Result<()> {
        self.seen.stopped.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[async_trait]
impl SourceTask for LinesTask {
    async fn start(&mut self, context: SourceTaskContext, config: ConfigMap) -> Result<()> {
        let offset = context.offset(&self.partition).await?;
        self.next = offset
            .and_then(|offset| offset.get("next")?.as_i64())
            .unwrap_or(0);
        self.config = Some(LinesConfig::from_config(&config)?);
        self.context = Some(context);
        Ok(())
    }

    async fn poll(&mut self) -> Result<Vec<SourceRecord>> {
        let config = self.config.clone().unwrap();
        if self.next >= config.count {
            self.context.as_ref().unwrap().caught_up();
            std::future::pending::<()>().await;
        }
        let until = (self.next + config.batch).min(config.count);
        let mut records = Vec::new();
        for number in self.next..until {
            if number == config.at {
                match config.misbehave.as_str() {
                    "panic" => panic!("line {number} makes me panic"),
                    "error" => return Err(Error::external(format!("line {number} is broken"))),
                    "never.stop" => loop {
                        self.seen.stuck.fetch_add(1, Ordering::SeqCst);
                        // Blocks every way out: what a badly written plugin does.
                        std::thread::park_timeout(Duration::from_millis(100));
                        if self.seen.stopped.load(Ordering::SeqCst) > 0 {
                            std::future::pending::<()>().await;
                        }
                    },
                    _ => {}
                }
            }
            let mut record = Record::new(config.topic.clone(), Datum::string(number.to_string()));
            record.timestamp = (config.made > 0).then(|| Timestamp::from_millis(config.made));
            records.push(SourceRecord::new(
                self.partition.clone(),
                SourceOffset::new("next", number + 1),
                record,
            ));
        }
        self.next = until;
        Ok(records)
    }

    async fn delivered(&mut self, deliveries: &[record::Delivery]) -> Result<()> {
        let count: u64 = deliveries
            .iter()
            .map(|d| d.records.end - d.records.start)
            .sum();
        self.seen
            .delivered
            .fetch_add(usize::try_from(count).unwrap(), Ordering::SeqCst);
        Ok(())
    }
}

/// A sink that remembers. It can be told to fail its first `put` calls for now.
#[derive(Debug, Clone, ConfigDef)]
struct CollectConfig {
    #[config(name = "fail.puts", default = 0)]
    fail_puts: i32,
    #[config(name = "panic.at", default = "")]
    panic_at: String,
    /// Milliseconds that each record takes.
    #[config(name = "delay.ms", default = 0)]
    delay_ms: i32,
    /// This line is reported, not written.
    #[config(default = "")]
    report: String,
}

#[derive(Default)]
struct Collect {
    seen: Seen,
    config: ConfigMap,
}

#[async_trait]
impl Connector for Collect {
    fn config_def(&self) -> &ConfigDef {
        CollectConfig::config_def()
    }
    async fn start(&mut self, _: ConnectorContext, config: ConfigMap) -> Result<()> {
        self.config = config;
        Ok(())
    }
    async fn task_configs(&mut self, max_tasks: usize) -> Result<Vec<ConfigMap>> {
        Ok(vec![self.config.clone(); max_tasks])
    }
}

impl SinkConnector for Collect {
    fn task(&self) -> Box<dyn SinkTask> {
        Box::new(CollectTask {
            seen: self.seen.clone(),
            config: None,
            context: None,
        })
    }
}

struct CollectTask {
    seen: Seen,
    config: Option<CollectConfig>,
    context: Option<SinkTaskContext>,
}

#[async_trait]
impl Task for CollectTask {
    async fn stop(&mut self) -> Result<()> {
        self.seen.stopped.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[async_trait]
impl SinkTask for CollectTask {
    async fn start(&mut self, context: SinkTaskContext, config: ConfigMap) -> Result<()> {
        self.config = Some(CollectConfig::from_config(&config)?);
        self.context = Some(context);
        Ok(())
    }

    async fn put(&mut self, records: &[SinkRecord]) -> Result<()> {
        let config = self.config.clone().unwrap();
        let calls = self.seen.puts.fetch_add(1, Ordering::SeqCst);
        if calls < usize::try_from(config.fail_puts).unwrap() {
            self.context
                .as_ref()
                .unwrap()
                .retry_after(Duration::from_millis(1));
            return Err(Error::retriable("the other system is busy"));
        }
        for record in records {
            let line = record.record.value.value.as_str().unwrap().to_owned();
            if config.delay_ms > 0 {
                let delay = Duration::from_millis(config.delay_ms.unsigned_abs().into());
                self.context.as_ref().unwrap().sleep(delay).await;
            }
            if line == config.report {
                let reporter = self.context.as_ref().unwrap().errant_records().unwrap();
                // Swallows the answer, as a careless task would.
                let _ = reporter.report(record, Error::data("four is not writable"));
                continue;
            }
            assert_ne!(line, config.panic_at, "this line makes me panic");
            self.seen.put.lock().unwrap().push(line);
        }
        Ok(())
    }
}

/// All records of a topic, with what `__connect.errors.` headers say.
pub async fn dead_letters(
    broker: &LocalBroker,
    topic: &str,
) -> Vec<(String, Vec<(String, String)>)> {
    let partition = connect_api::TopicPartition::new(topic, 0);
    let admin = broker.admin(Default::default()).await.unwrap();
    let isolation = connect_broker::Isolation::ReadCommitted;
    let ends = admin
        .end_offsets(std::slice::from_ref(&partition), isolation)
        .await
        .unwrap();
    let options =
        connect_broker::ConsumerOptions::new(connect_broker::Subscription::Partitions(vec![
            partition.clone(),
        ]));
    let mut consumer = broker.consumer(options).await.unwrap();
    let mut found = Vec::new();
    while Some(&(found.len() as i64)) < ends.get(&partition) {
        let event = consumer.poll(Duration::from_secs(1)).await.unwrap();
        let connect_broker::ConsumerEvent::Records(read) = event else {
            continue;
        };
        for record in read.into_iter().flat_map(|part| part.records) {
            let text = |bytes: bytes::Bytes| String::from_utf8(bytes.to_vec()).unwrap();
            let headers = record.headers.into_iter().map(|header| {
                let name = header
                    .key
                    .trim_start_matches("__connect.errors.")
                    .to_owned();
                (name, header.value.map(text).unwrap_or_default())
            });
            found.push((
                record.value.map(text).unwrap_or_default(),
                headers.collect(),
            ));
        }
    }
    found
}

pub fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(other, _)| other == name)
        .map(|(_, value)| value.as_str())
}
