//! A source connector in one file: the numbers from 1 to 100. A second run resumes where the
//! first one stopped.
#![expect(clippy::expect_used, reason = "the contract of the trait")]

use std::time::Duration;

use async_trait::async_trait;
use connect_api::Connector;
use connect_api::ConnectorContext;
use connect_api::Result;
use connect_api::SourceConnector;
use connect_api::SourceTask;
use connect_api::SourceTaskContext;
use connect_api::Task;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::config_map;
use connect_api::data::Datum;
use connect_api::data::SchemaRef;
use connect_api::plugin::PluginInfo;
use connect_api::record::Record;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_api::record::SourceRecord;
use connect_log::LocalBroker;
use connect_runtime::Connect;
use connect_runtime::WorkerConfig;

// ---- the connector: 40 lines ----

struct Numbers;

#[async_trait]
impl Connector for Numbers {
    fn config_def(&self) -> &ConfigDef {
        ConfigDef::empty()
    }
    async fn start(&mut self, _: ConnectorContext, _: ConfigMap) -> Result<()> {
        Ok(())
    }
    async fn task_configs(&mut self, _max_tasks: usize) -> Result<Vec<ConfigMap>> {
        Ok(vec![ConfigMap::new()]) // one task is all that this source can use
    }
}

impl SourceConnector for Numbers {
    fn task(&self) -> Box<dyn SourceTask> {
        Box::new(NumbersTask(SourcePartition::new([("series", 1)]), None))
    }
}

/// The source partition and, once it is started, the context and the next number.
struct NumbersTask(SourcePartition, Option<(SourceTaskContext, i64)>);

impl Task for NumbersTask {}

#[async_trait]
impl SourceTask for NumbersTask {
    async fn start(&mut self, context: SourceTaskContext, _: ConfigMap) -> Result<()> {
        let stored = context.offset(&self.0).await?;
        let next = stored.and_then(|offset| offset.get("next")?.as_i64());
        self.1 = Some((context, next.unwrap_or(1)));
        Ok(())
    }
    async fn poll(&mut self) -> Result<Vec<SourceRecord>> {
        let (context, next) = self.1.as_mut().expect("start comes first");
        if *next > 100 {
            context.caught_up();
            context.stopping().await; // dropped here when the task stops
        }
        let record = Record::new("numbers", Datum::new(SchemaRef::INT64, *next));
        *next += 1; // where to resume after this record
        let offset = SourceOffset::new("next", *next);
        Ok(vec![SourceRecord::new(self.0.clone(), offset, record)])
    }
}

// ---- a host that runs it twice and looks at the result ----

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let output = folder.path().join("out.txt");
    for _ in 0..2 {
        // The second worker finds the offset of the first one in the log, so there is nothing to do.
        let broker = LocalBroker::open(folder.path().join("connect-data")).await?;
        let connect = worker(broker).await?;
        let source = config_map! { "connector.class" => "com.example.Numbers" };
        let sink = config_map! {
            "connector.class" => "FileStreamSink", "topics" => "numbers", "file" => output.display()
        };
        connect.put_connector("source", source).await?;
        connect.put_connector("sink", sink).await?;
        connect.until_end().await?;
        assert!(connect.shutdown(Duration::from_secs(10)).await.is_clean());
    }
    let expected: String = (1..=100).map(|number| format!("{number}\n")).collect();
    assert_eq!(std::fs::read_to_string(&output)?, expected);
    println!("100 numbers arrived, each once");
    Ok(())
}

async fn worker(broker: LocalBroker) -> Result<Connect, Box<dyn std::error::Error>> {
    let mut registry = connect_runtime::plugins();
    registry.install(connect_file::plugins);
    registry.source(PluginInfo::new("com.example.Numbers", "1.0"), || Numbers);
    let json = "org.apache.kafka.connect.json.JsonConverter";
    let config = config_map! { "key.converter" => json, "value.converter" => json };
    Ok(Connect::builder()
        .registry(registry)
        .broker(broker)
        .worker(WorkerConfig::from_config(&config)?)
        .build()
        .await?)
}
