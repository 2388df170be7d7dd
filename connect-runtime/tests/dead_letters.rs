//! Dead letters and what waits for them: nothing is told delivered, and no offset is committed,
//! before the letter that tells of it is durable.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

mod common;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use common::*;
use connect_api::config::ConfigDef;
use connect_api::config::FromConfig;
use connect_api::data::Datum;
use connect_api::metrics::Counter;
use connect_api::plugin::PluginInfo;
use connect_api::record::Delivery;
use connect_api::record::RawHeaders;
use connect_api::record::Record;
use connect_api::record::SinkRecord;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_api::record::SourceRecord;
use connect_api::*;
use connect_broker::Admin;
use connect_broker::AdminOptions;
use connect_broker::Broker;
use connect_broker::BrokerError;
use connect_broker::Consumer;
use connect_broker::ConsumerOptions;
use connect_broker::Producer;
use connect_broker::ProducerOptions;
use connect_broker::Receipt;
use connect_broker::Receipts;
use connect_log::LocalBroker;
use connect_runtime::Connect;
use connect_runtime::MetricValue;
use connect_runtime::State;
use connect_runtime::WorkerConfig;
use tokio::sync::watch;

/// A log in memory that keeps back what becomes of dead letters until the test says so.
#[derive(Debug)]
struct SlowLetters {
    log: LocalBroker,
    open: watch::Receiver<bool>,
}

#[async_trait]
impl Broker for SlowLetters {
    async fn cluster_id(&self) -> Result<String, BrokerError> {
        self.log.cluster_id().await
    }

    async fn admin(&self, options: AdminOptions) -> Result<Box<dyn Admin>, BrokerError> {
        self.log.admin(options).await
    }

    async fn producer(
        &self,
        options: ProducerOptions,
    ) -> Result<(Box<dyn Producer>, Box<dyn Receipts>), BrokerError> {
        let is_slow = options.client_id.starts_with("connector-dlq");
        let (producer, receipts) = self.log.producer(options).await?;
        let open = self.open.clone();
        Ok((
            producer,
            if is_slow {
                Box::new(SlowReceipts { receipts, open })
            } else {
                receipts
            },
        ))
    }

    async fn consumer(&self, options: ConsumerOptions) -> Result<Box<dyn Consumer>, BrokerError> {
        self.log.consumer(options).await
    }
}

struct SlowReceipts {
    receipts: Box<dyn Receipts>,
    open: watch::Receiver<bool>,
}

#[async_trait]
impl Receipts for SlowReceipts {
    async fn next(&mut self) -> Option<Vec<Receipt>> {
        self.open.wait_for(|open| *open).await.ok()?;
        self.receipts.next().await
    }
}

/// What the plugins of these tests have seen.
#[derive(Clone, Default)]
struct Log {
    /// Records that were told delivered.
    delivered: Arc<AtomicUsize>,
    /// Messages that were settled in the other system.
    settled: Arc<AtomicUsize>,
    calls: Arc<Mutex<Vec<&'static str>>>,
}

/// A queue: its first message is good, its second no record can be made of, its third is refused by
/// a transform.
#[derive(Clone, Default)]
struct Queue {
    def: ConfigDef,
    log: Log,
}

#[async_trait]
impl Connector for Queue {
    fn config_def(&self) -> &ConfigDef {
        &self.def
    }
    async fn start(&mut self, _: ConnectorContext, _: ConfigMap) -> Result<()> {
        Ok(())
    }
    async fn task_configs(&mut self, _: usize) -> Result<Vec<ConfigMap>> {
        Ok(vec![ConfigMap::new()])
    }
}

impl SourceConnector for Queue {
    fn task(&self) -> Box<dyn SourceTask> {
        Box::new(QueueTask {
            log: self.log.clone(),
            context: None,
            next: 0,
            waiting: None,
            polls: Counter::default(),
        })
    }
}

struct QueueTask {
    log: Log,
    context: Option<SourceTaskContext>,
    next: i64,
    waiting: Option<Reported>,
    polls: Counter,
}

impl Task for QueueTask {}

#[async_trait]
impl SourceTask for QueueTask {
    async fn start(&mut self, context: SourceTaskContext, _: ConfigMap) -> Result<()> {
        let metrics = context.metrics();
        self.polls = metrics.counter("polls", "How often the queue was asked");
        self.context = Some(context);
        Ok(())
    }

    async fn poll(&mut self) -> Result<Vec<SourceRecord>> {
        if let Some(waiting) = &mut self.waiting {
            waiting.await;
            self.waiting = None;
            self.log.settled.fetch_add(1, Ordering::SeqCst);
        }
        self.next += 1;
        self.polls.add(1);
        match self.next {
            2 => {
                let message = RawMessage {
                    key: Some(Bytes::from_static(b"id")),
                    value: Some(Bytes::from_static(b"\x00\x01")),
                    headers: RawHeaders::new(),
                    timestamp: None,
                };
                let reporter = self.context.as_ref().unwrap().errant_records().unwrap();
                let error = Error::data("not a text message");
                self.waiting = Some(reporter.report(message, error)?);
                Ok(Vec::new())
            }
            1 | 3 => Ok(vec![SourceRecord::new(
                SourcePartition::new([("queue", "q")]),
                SourceOffset::new("next", self.next),
                Record::new("out", Datum::from(self.next.to_string())),
            )]),
            _ => std::future::pending().await,
        }
    }

    async fn delivered(&mut self, deliveries: &[Delivery]) -> Result<()> {
        let records = deliveries.iter().map(|d| d.records.end - d.records.start);
        let records = usize::try_from(records.sum::<u64>()).unwrap();
        self.log.delivered.fetch_add(records, Ordering::SeqCst);
        Ok(())
    }
}

async fn start(log: &Log, broker: impl Broker, more: ConfigMap) -> Connect {
    let seen = Seen::default();
    let mut plugins = registry(&seen);
    let queue = Queue {
        log: log.clone(),
        ..Queue::default()
    };
    plugins.source(PluginInfo::new("test.Queue", "1"), move || queue.clone());
    let mut config = worker_config();
    config.extend(more);
    Connect::builder()
        .registry(plugins)
        .broker(broker)
        .worker(WorkerConfig::from_config(&config).unwrap())
        .build()
        .await
        .unwrap()
}

fn queue() -> ConfigMap {
    config_map! {
        "connector.class" => "test.Queue",
        "errors.tolerance" => "all",
        "errors.deadletterqueue.topic.name" => "letters",
        "errors.deadletterqueue.context.headers.enable" => "true",
        "transforms" => "refuse",
        "transforms.refuse.type" => "test.Refuse",
    }
}

#[tokio::test]
async fn a_source_forgets_nothing_before_its_dead_letter_is_durable() {
    let (log, broker) = (Log::default(), LocalBroker::memory());
    let (open, is_open) = watch::channel(false);
    let slow = SlowLetters {
        log: broker.clone(),
        open: is_open,
    };
    let connect = start(&log, slow, config_map! { "offset.flush.interval.ms" => 10 }).await;
    connect.create_connector("q", queue()).await.unwrap();

    // The first record is good; the message behind it waits for its letter.
    let delivered = || log.delivered.load(Ordering::SeqCst);
    eventually(async || (delivered() == 1).then_some(())).await;
    eventually(async || (connect.source_offsets("q").len() == 1).then_some(())).await;
    assert_eq!(
        log.settled.load(Ordering::SeqCst),
        0,
        "its letter is not durable"
    );
    open.send(true).unwrap();
    eventually(async || (log.settled.load(Ordering::SeqCst) == 1).then_some(())).await;
    eventually(async || (delivered() == 2).then_some(())).await;
    let letters = dead_letters(&broker, "letters").await;
    let stages: Vec<_> = letters
        .iter()
        .map(|(_, headers)| header(headers, "stage").unwrap().to_owned())
        .collect();
    assert_eq!(stages, ["TASK_POLL", "TRANSFORMATION"]);
    let polls = MetricValue::Counter(4);
    eventually(async || {
        let metrics = connect.plugin_metrics();
        let metric = metrics.first()?;
        (metric.name == "polls" && metric.value == polls).then_some(())
    })
    .await;
    assert!(connect.shutdown(Duration::from_secs(30)).await.is_clean());
    assert!(connect.plugin_metrics().is_empty(), "no plugin runs");
}

#[tokio::test]
async fn a_report_that_is_not_tolerated_fails_the_task() {
    let (log, broker) = (Log::default(), LocalBroker::memory());
    let connect = start(&log, broker.clone(), ConfigMap::new()).await;
    let mut config = queue();
    config.insert("errors.tolerance", "none");
    connect.create_connector("q", config).await.unwrap();
    let status = task_in(&connect, "q", State::Failed).await;
    let trace = status.tasks.first().unwrap().trace.clone().unwrap();
    assert!(trace.contains("not a text message"), "{trace}");
    let letters = dead_letters(&broker, "letters").await;
    assert_eq!(
        header(&letters.first().unwrap().1, "stage"),
        Some("TASK_POLL")
    );
    assert_eq!(log.settled.load(Ordering::SeqCst), 0);
    assert!(connect.shutdown(Duration::from_secs(30)).await.is_clean());
}

/// A sink that panics in `put`, and remembers what it is called after that.
#[derive(Clone, Default)]
struct Panics {
    def: ConfigDef,
    log: Log,
}

#[async_trait]
impl Connector for Panics {
    fn config_def(&self) -> &ConfigDef {
        &self.def
    }
    async fn start(&mut self, _: ConnectorContext, _: ConfigMap) -> Result<()> {
        Ok(())
    }
    async fn task_configs(&mut self, _: usize) -> Result<Vec<ConfigMap>> {
        Ok(vec![ConfigMap::new()])
    }
}

impl SinkConnector for Panics {
    fn task(&self) -> Box<dyn SinkTask> {
        Box::new(PanicsTask(self.log.clone()))
    }
}

struct PanicsTask(Log);

impl PanicsTask {
    fn called(&self, name: &'static str) {
        self.0.calls.lock().unwrap().push(name);
    }
}

#[async_trait]
impl Task for PanicsTask {
    async fn stop(&mut self) -> Result<()> {
        self.called("stop");
        Ok(())
    }
}

#[async_trait]
impl SinkTask for PanicsTask {
    async fn start(&mut self, _: SinkTaskContext, _: ConfigMap) -> Result<()> {
        Ok(())
    }

    async fn put(&mut self, _: &[SinkRecord]) -> Result<()> {
        self.called("put");
        panic!("a bug")
    }

    async fn close(&mut self, _: &[TopicPartition]) -> Result<()> {
        self.called("close");
        Ok(())
    }
}

#[tokio::test]
async fn after_a_panic_nothing_but_stop_is_called() {
    let log = Log::default();
    let seen = Seen::default();
    let mut plugins = registry(&seen);
    let panics = Panics {
        log: log.clone(),
        ..Panics::default()
    };
    plugins.sink(PluginInfo::new("test.Panics", "1"), move || panics.clone());
    let connect = Connect::builder()
        .registry(plugins)
        .broker(LocalBroker::memory())
        .worker(WorkerConfig::from_config(&worker_config()).unwrap())
        .build()
        .await
        .unwrap();
    connect.create_connector("in", lines(10)).await.unwrap();
    let mut config = collect();
    config.insert("connector.class", "test.Panics");
    connect.create_connector("out", config).await.unwrap();
    let status = task_in(&connect, "out", State::Failed).await;
    let trace = status.tasks.first().unwrap().trace.clone().unwrap();
    assert!(trace.contains("a bug"), "{trace}");
    assert!(connect.shutdown(Duration::from_secs(30)).await.is_clean());
    assert_eq!(*log.calls.lock().unwrap(), ["put", "stop"]);
}
