//! How many records per second does one core handle on the record path alone: a source with its
//! lines in memory, one transform, String converters, offset tracking, the log in memory?
//!
//! Measured with everything on one thread, and with plugins on the worker's own threads, the
//! default. Records are counted at the end of the topic.
#![expect(clippy::unwrap_used, reason = "a bench that cannot start ends")]

use std::time::Duration;
use std::time::Instant;

use async_trait::async_trait;
use connect_api::Connector;
use connect_api::ConnectorContext;
use connect_api::PluginRegistry;
use connect_api::Result;
use connect_api::SourceConnector;
use connect_api::SourceTask;
use connect_api::SourceTaskContext;
use connect_api::Task;
use connect_api::TopicPartition;
use connect_api::Transform;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::config_map;
use connect_api::plugin::PluginInfo;
use connect_api::record::Origin;
use connect_api::record::Record;
use connect_api::record::SourceRecord;
use connect_benches::records::BATCH;
use connect_benches::records::Chunk;
use connect_broker::Broker;
use connect_broker::Isolation;
use connect_log::LocalBroker;
use connect_runtime::Connect;
use connect_runtime::WorkerConfig;
use criterion::Criterion;
use criterion::Throughput;
use tokio::runtime::Builder;

fn main() {
    // Only `cargo bench` passes this; a run as a test shall be short.
    let batches = if std::env::args().any(|argument| argument == "--bench") {
        2000
    } else {
        3
    };
    let records = (batches * BATCH) as u64;
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("record_path");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(records));
    for (name, own_threads) in [
        ("one core, one transform, strings", false),
        ("own threads, one transform, strings", true),
    ] {
        group.bench_function(name, |bench| {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            let once = || runtime.block_on(run(batches, own_threads));
            bench.iter_custom(|times| (0..times).map(|_| once()).sum());
        });
    }
    group.finish();
    criterion.final_summary();
}

async fn run(batches: usize, own_threads: bool) -> Duration {
    let mut registry = connect_runtime::plugins();
    registry.install(plugins);
    let strings = "org.apache.kafka.connect.storage.StringConverter";
    let config = config_map! { "key.converter" => strings, "value.converter" => strings };
    let broker = LocalBroker::memory();
    let mut builder = Connect::builder()
        .registry(registry)
        .broker(broker.clone())
        .worker(WorkerConfig::from_config(&config).unwrap());
    if !own_threads {
        builder = builder.plugins_on_host_runtime();
    }
    let connect = builder.build().await.unwrap();
    let config = config_map! {
        "connector.class" => "Lines", "batches" => batches,
        "transforms" => "move", "transforms.move.type" => "Move",
    };
    let start = Instant::now();
    connect.create_connector("lines", config).await.unwrap();
    connect.until_end().await.unwrap();
    let time = start.elapsed();
    let admin = broker.admin(Default::default()).await.unwrap();
    let partition = TopicPartition::new("moved", 0);
    let ends = admin
        .end_offsets(std::slice::from_ref(&partition), Isolation::ReadCommitted)
        .await
        .unwrap();
    assert_eq!(
        ends.get(&partition).copied(),
        i64::try_from(batches * BATCH).ok()
    );
    assert!(connect.shutdown(Duration::from_secs(30)).await.is_clean());
    time
}

fn plugins(registry: &mut PluginRegistry) {
    registry.source(PluginInfo::new("bench.Lines", "1"), Lines::default);
    registry.transform(PluginInfo::new("bench.Move", "1"), Move::default);
}

/// Sends records to another topic.
#[derive(Default)]
struct Move {
    def: ConfigDef,
    topic: Option<connect_api::TopicName>,
}

impl Transform for Move {
    fn config_def(&self) -> &ConfigDef {
        &self.def
    }

    fn configure(&mut self, _: &ConfigMap) -> Result<()> {
        self.topic = Some("moved".into());
        Ok(())
    }

    fn apply(&mut self, mut record: Record, _: Origin<'_>) -> Result<Option<Record>> {
        if let Some(topic) = &self.topic {
            record.topic = topic.clone();
        }
        Ok(Some(record))
    }
}

/// A source of lines that are already in memory.
#[derive(Default)]
struct Lines {
    def: ConfigDef,
    config: ConfigMap,
}

#[async_trait]
impl Connector for Lines {
    fn config_def(&self) -> &ConfigDef {
        &self.def
    }

    async fn start(&mut self, _: ConnectorContext, config: ConfigMap) -> Result<()> {
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
            chunk: Chunk::new(),
            left: 0,
            context: None,
        })
    }
}

struct LinesTask {
    chunk: Chunk,
    left: usize,
    context: Option<SourceTaskContext>,
}

#[async_trait]
impl Task for LinesTask {}

#[async_trait]
impl SourceTask for LinesTask {
    async fn start(&mut self, context: SourceTaskContext, config: ConfigMap) -> Result<()> {
        self.left = config
            .get("batches")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        self.context = Some(context);
        Ok(())
    }

    async fn poll(&mut self) -> Result<Vec<SourceRecord>> {
        if self.left == 0 {
            if let Some(context) = &self.context {
                context.caught_up();
            }
            std::future::pending::<()>().await;
        }
        self.left -= 1;
        Ok(self.chunk.source_records().collect())
    }
}
