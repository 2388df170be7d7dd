//! A sink connector in one file: adds up the lengths of lines.
#![expect(clippy::expect_used, reason = "a lock is poisoned only after a panic")]

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use connect_api::Connector;
use connect_api::ConnectorContext;
use connect_api::Error;
use connect_api::Result;
use connect_api::SinkConnector;
use connect_api::SinkTask;
use connect_api::SinkTaskContext;
use connect_api::Task;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::config_map;
use connect_api::plugin::PluginInfo;
use connect_api::record::SinkRecord;
use connect_log::LocalBroker;
use connect_runtime::Connect;
use connect_runtime::WorkerConfig;

// ---- the connector: 37 lines ----

/// Lines and their bytes.
type Total = Arc<Mutex<(u64, usize)>>;

struct Lengths(Total);

#[async_trait]
impl Connector for Lengths {
    fn config_def(&self) -> &ConfigDef {
        ConfigDef::empty()
    }
    async fn start(&mut self, _: ConnectorContext, _: ConfigMap) -> Result<()> {
        Ok(())
    }
    async fn task_configs(&mut self, max_tasks: usize) -> Result<Vec<ConfigMap>> {
        Ok(vec![ConfigMap::new(); max_tasks]) // the partitions are divided among the tasks
    }
}

impl SinkConnector for Lengths {
    fn task(&self) -> Box<dyn SinkTask> {
        Box::new(LengthsTask(Arc::clone(&self.0)))
    }
}

struct LengthsTask(Total);

impl Task for LengthsTask {}

#[async_trait]
impl SinkTask for LengthsTask {
    async fn start(&mut self, _: SinkTaskContext, _: ConfigMap) -> Result<()> {
        Ok(())
    }
    async fn put(&mut self, records: &[SinkRecord]) -> Result<()> {
        for record in records {
            let line = record.record.value.value.as_str();
            let line = line.ok_or_else(|| {
                Error::data(format!("the record at {} is not text", record.position))
            })?;
            let mut total = self.0.lock().expect("no panic while it is held");
            *total = (total.0 + 1, total.1 + line.len());
        }
        Ok(()) // there is no buffer, so `flush` has nothing to do
    }
}

// ---- a host that runs it and looks at the result ----

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let input = folder.path().join("in.txt");
    std::fs::write(&input, "four\nfünf\n\n".repeat(1000))?;

    let total = Total::default();
    let mut registry = connect_runtime::plugins();
    registry.install(connect_file::plugins);
    let shared = Arc::clone(&total);
    registry.sink(PluginInfo::new("com.example.Lengths", "1.0"), move || {
        Lengths(Arc::clone(&shared))
    });
    let strings = "org.apache.kafka.connect.storage.StringConverter";
    let worker = config_map! { "key.converter" => strings, "value.converter" => strings };
    let connect = Connect::builder()
        .registry(registry)
        .broker(LocalBroker::memory())
        .worker(WorkerConfig::from_config(&worker)?)
        .build()
        .await?;
    let source = config_map! {
        "connector.class" => "FileStreamSource", "topic" => "lines", "file" => input.display()
    };
    let sink = config_map! { "connector.class" => "com.example.Lengths", "topics" => "lines" };
    connect.create_connector("source", source).await?;
    connect.create_connector("sink", sink).await?;
    connect.until_end().await?;
    assert!(connect.shutdown(Duration::from_secs(10)).await.is_clean());

    let total = *total.lock().expect("no panic while it is held");
    assert_eq!(total, (3000, 9000)); // "fünf" has five bytes
    println!("{} lines of {} bytes", total.0, total.1);
    Ok(())
}
