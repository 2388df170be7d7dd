//! A sink that remembers what it was told.

use std::time::Duration;

use async_trait::async_trait;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::record::SinkRecord;
use connect_api::*;

use crate::support::Event;
use crate::support::Seen;

#[derive(Debug, Clone, ConfigDef)]
struct WitnessConfig {
    /// The task that gets this value fails, once.
    #[config(name = "fail.at", default = "")]
    fail_at: String,
    /// Before this value, the task goes back to the beginning, once.
    #[config(name = "rewind.at", default = "")]
    rewind_at: String,
    /// So many puts are refused for now.
    #[config(name = "refuse.puts", default = 0)]
    refuse_puts: i32,
}

#[derive(Default)]
pub(crate) struct Witness {
    pub(crate) seen: Seen,
    pub(crate) config: ConfigMap,
}

#[async_trait]
impl Connector for Witness {
    fn config_def(&self) -> &ConfigDef {
        WitnessConfig::config_def()
    }
    async fn start(&mut self, _: ConnectorContext, config: ConfigMap) -> Result<()> {
        self.config = config;
        Ok(())
    }
    async fn task_configs(&mut self, max_tasks: usize) -> Result<Vec<ConfigMap>> {
        Ok(vec![self.config.clone(); max_tasks])
    }
}

impl SinkConnector for Witness {
    fn task(&self) -> Box<dyn SinkTask> {
        Box::new(WitnessTask {
            seen: self.seen.clone(),
            config: None,
            context: None,
        })
    }
}

struct WitnessTask {
    seen: Seen,
    config: Option<WitnessConfig>,
    context: Option<SinkTaskContext>,
}

impl WitnessTask {
    fn context(&self) -> &SinkTaskContext {
        self.context.as_ref().unwrap()
    }
}

impl Task for WitnessTask {}

#[async_trait]
impl SinkTask for WitnessTask {
    async fn start(&mut self, context: SinkTaskContext, config: ConfigMap) -> Result<()> {
        self.config = Some(WitnessConfig::from_config(&config)?);
        self.context = Some(context);
        Ok(())
    }

    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        let task = self.context().task_index();
        self.seen.add(Event::Open(task, partitions.to_vec()));
        Ok(())
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        let task = self.context().task_index();
        self.seen.add(Event::Close(task, partitions.to_vec()));
        Ok(())
    }

    async fn put(&mut self, records: &[SinkRecord]) -> Result<()> {
        let config = self.config.clone().unwrap();
        if self.seen.count_puts() <= config.refuse_puts {
            self.context().retry_after(Duration::from_millis(1));
            return Err(Error::retriable("the other system is busy"));
        }
        for record in records {
            let value = record.record.value.value.as_str().unwrap_or_default();
            if value == config.rewind_at && self.seen.first("rewind") {
                let partition = record.position.topic_partition();
                self.context().seek([(partition, 0)].into_iter().collect());
                return Ok(());
            }
            if value == config.fail_at && self.seen.first("fail") {
                return Err(Error::external(format!("{value} cannot be written")));
            }
            let task = self.context().task_index();
            let event = Event::Put(task, record.position.clone(), value.to_owned());
            self.seen.add(event);
        }
        Ok(())
    }
}
