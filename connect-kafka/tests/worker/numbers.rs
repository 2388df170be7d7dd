//! A source of the numbers "0", "1", … and a transform that fails for a while.

use async_trait::async_trait;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::data::Datum;
use connect_api::record::Origin;
use connect_api::record::Record;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_api::record::SourceRecord;
use connect_api::*;

use crate::support::Seen;

#[derive(Debug, Clone, ConfigDef)]
struct NumbersConfig {
    topic: TopicName,
    /// How many numbers there are.
    count: i64,
    /// How many per poll.
    #[config(default = 10)]
    batch: i64,
    /// If set, number n has the key "key-{n % keys}".
    #[config(default = 0)]
    keys: i64,
    /// This number waits for [`Seen::release`].
    #[config(name = "hold.at", default = -1)]
    hold_at: i64,
    /// This number is followed by `blanks` blanks.
    #[config(name = "long.at", default = -1)]
    long_at: i64,
    #[config(default = 0)]
    blanks: i32,
    /// With transactions of the connector: numbers below this are aborted, the others committed.
    #[config(name = "abort.below", default = 0)]
    abort_below: i64,
}

#[derive(Default)]
pub(crate) struct Numbers {
    pub(crate) seen: Seen,
    pub(crate) config: ConfigMap,
}

#[async_trait]
impl Connector for Numbers {
    fn config_def(&self) -> &ConfigDef {
        NumbersConfig::config_def()
    }
    async fn start(&mut self, _: ConnectorContext, config: ConfigMap) -> Result<()> {
        self.config = config;
        Ok(())
    }
    async fn task_configs(&mut self, max_tasks: usize) -> Result<Vec<ConfigMap>> {
        Ok(vec![self.config.clone(); max_tasks])
    }
}

impl SourceConnector for Numbers {
    fn task(&self) -> Box<dyn SourceTask> {
        Box::new(NumbersTask {
            seen: self.seen.clone(),
            next: 0,
            config: None,
            context: None,
            partition: SourcePartition::null(),
        })
    }
    fn exactly_once_support(&self, _: &ConfigMap) -> Option<ExactlyOnceSupport> {
        Some(ExactlyOnceSupport::Supported)
    }
    fn transaction_boundaries(&self, _: &ConfigMap) -> ConnectorTransactionBoundaries {
        ConnectorTransactionBoundaries::Supported
    }
}

struct NumbersTask {
    seen: Seen,
    next: i64,
    config: Option<NumbersConfig>,
    context: Option<SourceTaskContext>,
    partition: SourcePartition,
}

/// The source partition of a task.
pub(crate) fn partition(task: usize) -> SourcePartition {
    SourcePartition::new([("series", "numbers".to_owned()), ("task", task.to_string())])
}

impl Task for NumbersTask {}

#[async_trait]
impl SourceTask for NumbersTask {
    async fn start(&mut self, context: SourceTaskContext, config: ConfigMap) -> Result<()> {
        self.partition = partition(context.task_index());
        let offset = context.offset(&self.partition).await?;
        self.next = offset
            .and_then(|offset| offset.get("next")?.as_i64())
            .unwrap_or(0);
        self.config = Some(NumbersConfig::from_config(&config)?);
        self.context = Some(context);
        Ok(())
    }

    async fn poll(&mut self) -> Result<Vec<SourceRecord>> {
        let config = self.config.clone().unwrap();
        let context = self.context.as_ref().unwrap();
        if self.next >= config.count {
            context.caught_up();
            std::future::pending::<()>().await;
        }
        if self.next == config.hold_at {
            self.seen.released().await;
        }
        let mut until = (self.next + config.batch).min(config.count);
        if self.next < config.hold_at {
            until = until.min(config.hold_at);
        }
        if let Some(transaction) = context.transaction() {
            if self.next < config.abort_below {
                until = until.min(config.abort_below);
                transaction.abort();
            } else {
                transaction.commit();
            }
        }
        let record = |number: i64| {
            let mut text = number.to_string();
            if number == config.long_at {
                text += &" ".repeat(config.blanks.unsigned_abs() as usize);
            }
            let mut record = Record::new(config.topic.clone(), Datum::string(text));
            if config.keys > 0 {
                record = record.with_key(Datum::string(format!("key-{}", number % config.keys)));
            }
            let offset = SourceOffset::new("next", number + 1);
            SourceRecord::new(self.partition.clone(), offset, record)
        };
        let records = (self.next..until).map(record).collect();
        self.next = until;
        Ok(records)
    }
}

/// Fails for the number "3" until [`Seen::heal`] is called, and always for the number "13".
#[derive(Default)]
pub(crate) struct Moody {
    pub(crate) seen: Seen,
    pub(crate) def: ConfigDef,
}

impl Transform for Moody {
    fn config_def(&self) -> &ConfigDef {
        &self.def
    }
    fn configure(&mut self, _: &ConfigMap) -> Result<()> {
        Ok(())
    }
    fn apply(&mut self, record: Record, _: Origin<'_>) -> Result<Option<Record>> {
        match record.value.value.as_str() {
            Some("3") if !self.seen.try_moody() => Err(Error::retriable("not in the mood")),
            Some("13") => Err(Error::data("thirteen is not liked")),
            _ => Ok(Some(record)),
        }
    }
}
