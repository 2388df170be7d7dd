//! What a sink task has to wait for is not lost, whatever happens meanwhile.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

mod common;

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use common::*;
use connect_api::config::ConfigDef;
use connect_api::config::FromConfig;
use connect_api::plugin::PluginInfo;
use connect_api::record::SinkRecord;
use connect_api::*;
use connect_broker::Broker;
use connect_broker::ProducerOptions;
use connect_broker::ProducerRecord;
use connect_broker::admin::NewTopic;
use connect_log::LocalBroker;
use connect_runtime::Connect;
use connect_runtime::WorkerConfig;

/// Refuses "b" until its first `pre_commit`, which fails for now.
#[derive(Clone, Default)]
struct Fussy {
    def: ConfigDef,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    put: Vec<String>,
    refused: bool,
    failed: bool,
}

#[async_trait]
impl Connector for Fussy {
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

impl SinkConnector for Fussy {
    fn task(&self) -> Box<dyn SinkTask> {
        Box::new(FussyTask(Arc::clone(&self.state), None))
    }
}

struct FussyTask(Arc<Mutex<State>>, Option<SinkTaskContext>);

impl Task for FussyTask {}

#[async_trait]
impl SinkTask for FussyTask {
    async fn start(&mut self, context: SinkTaskContext, _: ConfigMap) -> Result<()> {
        self.1 = Some(context);
        Ok(())
    }

    async fn put(&mut self, records: &[SinkRecord]) -> Result<()> {
        let mut state = self.0.lock().unwrap();
        let values = records
            .iter()
            .map(|r| r.record.value.value.as_str().unwrap().to_owned());
        let values: Vec<_> = values.collect();
        if values.contains(&"b".to_owned()) && !state.failed {
            state.refused = true;
            let wait = Duration::from_millis(1);
            self.1.as_ref().unwrap().retry_after(wait);
            return Err(Error::retriable("not now"));
        }
        state.put.extend(values);
        Ok(())
    }

    async fn pre_commit(&mut self, offsets: LogOffsets) -> Result<LogOffsets> {
        let mut state = self.0.lock().unwrap();
        if state.refused && !std::mem::replace(&mut state.failed, true) {
            return Err(Error::retriable("the disk is busy"));
        }
        // Nothing is durable before that.
        Ok(if state.failed {
            offsets
        } else {
            LogOffsets::new()
        })
    }
}

#[tokio::test]
async fn a_failed_commit_does_not_lose_what_waits_in_another_partition() {
    let broker = LocalBroker::memory();
    let admin = broker.admin(Default::default()).await.unwrap();
    admin
        .create_topic(NewTopic::new("lines").partitions(2))
        .await
        .unwrap();
    let fussy = Fussy::default();
    let state = Arc::clone(&fussy.state);
    let mut registry = registry(&Seen::default());
    registry.sink(PluginInfo::new("test.Fussy", "1"), move || fussy.clone());
    let mut config = worker_config();
    config.insert("offset.flush.interval.ms", "20");
    let connect = Connect::builder()
        .registry(registry)
        .broker(broker.clone())
        .worker(WorkerConfig::from_config(&config).unwrap())
        .build()
        .await
        .unwrap();
    let sink = config_map! { "connector.class" => "Fussy", "topics" => "lines" };
    connect.create_connector("out", sink).await.unwrap();
    let options = ProducerOptions::default();
    let (mut producer, _receipts) = broker.producer(options).await.unwrap();
    let has = |text: &str| state.lock().unwrap().put.iter().any(|line| line == text);
    for (partition, text) in [(0, "a"), (1, "b")] {
        let mut record = ProducerRecord::new(0, "lines", text);
        record.partition = Some(partition);
        producer.send(vec![record]).await.unwrap();
        eventually(async || has(text).then_some(())).await;
    }
    let committed = async || {
        let offsets = admin.group_offsets("connect-out").await.unwrap();
        (offsets.values().sum::<i64>() == 2).then_some(())
    };
    eventually(committed).await;
    assert!(connect.shutdown(Duration::from_secs(10)).await.is_clean());
}
