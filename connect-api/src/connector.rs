//! Connectors: logical jobs that split into tasks.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::Error;
use crate::Result;
use crate::config::ConfigDef;
use crate::config::ConfigMap;
use crate::config::Validation;
use crate::metrics::PluginMetrics;
use crate::record::SourceOffset;
use crate::record::SourcePartition;
use crate::task::SinkTask;
use crate::task::SourceTask;
use crate::topic::TopicPartition;

/// What source and sink connectors share.
///
/// # Contract
///
/// A connector divides the work among tasks, which move the data. The runtime calls
/// [`start`](Connector::start) once, [`task_configs`](Connector::task_configs) any number of times,
/// and finally [`stop`](Connector::stop). These calls never overlap.
/// [`config_def`](Connector::config_def), [`validate`](Connector::validate) and the methods that
/// create tasks are also called on instances that were never started.
#[async_trait]
pub trait Connector: Send + Sync + 'static {
    /// The options of the connector. May be called without [`start`](Connector::start).
    fn config_def(&self) -> &ConfigDef;

    /// Checks a configuration and reports every error of every option. The default checks it
    /// against [`config_def`](Connector::config_def). May be called without
    /// [`start`](Connector::start).
    ///
    /// # Errors
    /// The check itself failed. Errors of the configuration are in the [`Validation`].
    async fn validate(&self, config: &ConfigMap) -> Result<Validation> {
        Ok(self.config_def().validate(config))
    }

    /// Starts to monitor the other system.
    ///
    /// *Cancellation*: dropped only when the deadline of a shutdown has passed.
    ///
    /// # Errors
    /// The connector becomes FAILED with this error.
    async fn start(&mut self, context: ConnectorContext, config: ConfigMap) -> Result<()>;

    /// Returns one configuration per task, at most `max_tasks`. Must return the same ones while
    /// nothing has changed: tasks restart when their configuration changes.
    ///
    /// # Errors
    /// The connector becomes FAILED with this error. Running tasks are not affected.
    async fn task_configs(&mut self, max_tasks: usize) -> Result<Vec<ConfigMap>>;

    /// Stops monitoring. The default does nothing.
    ///
    /// # Errors
    /// The error is logged. The connector counts as stopped.
    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Whether a source connector supports exactly-once delivery with a configuration (KIP-618).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExactlyOnceSupport {
    /// It is supported.
    Supported,
    /// It is not supported.
    Unsupported,
}

/// Whether a source connector can define transaction boundaries itself (KIP-618).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectorTransactionBoundaries {
    /// It can define them.
    Supported,
    /// It cannot define them.
    #[default]
    Unsupported,
}

/// A source offset that a user wants to set; `None` resets the partition.
pub type SourceOffsetChange = (SourcePartition, Option<SourceOffset>);

/// A connector that reads from another system and writes to the log.
///
/// # Example
///
/// A complete source of the numbers from 1:
///
/// ```
/// use async_trait::async_trait;
/// use connect_api::config::{ConfigDef, ConfigMap};
/// use connect_api::data::{Datum, SchemaRef};
/// use connect_api::record::{Record, SourceOffset, SourcePartition, SourceRecord};
/// use connect_api::*;
///
/// #[derive(Debug, Default)]
/// struct Numbers { def: ConfigDef, config: ConfigMap }
///
/// #[async_trait]
/// impl Connector for Numbers {
///     fn config_def(&self) -> &ConfigDef {
///         &self.def
///     }
///     async fn start(&mut self, _: ConnectorContext, config: ConfigMap) -> Result<()> {
///         self.config = config;
///         Ok(())
///     }
///     async fn task_configs(&mut self, _max_tasks: usize) -> Result<Vec<ConfigMap>> {
///         Ok(vec![self.config.clone()]) // one task is all this source can use
///     }
/// }
///
/// impl SourceConnector for Numbers {
///     fn task(&self) -> Box<dyn SourceTask> {
///         Box::new(NumbersTask { next: 1, partition: SourcePartition::new([("series", "numbers")]) })
///     }
/// }
///
/// struct NumbersTask { next: i64, partition: SourcePartition }
///
/// #[async_trait]
/// impl Task for NumbersTask {}
///
/// #[async_trait]
/// impl SourceTask for NumbersTask {
///     async fn start(&mut self, context: SourceTaskContext, _: ConfigMap) -> Result<()> {
///         if let Some(offset) = context.offset(&self.partition).await? {
///             self.next = offset.get("next").and_then(|v| v.as_i64()).unwrap_or(1);
///         }
///         Ok(())
///     }
///     async fn poll(&mut self) -> Result<Vec<SourceRecord>> {
///         let number = self.next;
///         self.next += 1; // after a restart, records that were not returned are read again
///         Ok(vec![SourceRecord::new(
///             self.partition.clone(),
///             SourceOffset::new("next", self.next), // where to resume *after* this record
///             Record::new("numbers", Datum::new(SchemaRef::INT64, number)),
///         )])
///     }
/// }
/// ```
///
/// *Misuse*: an offset that names the record itself instead of the place after it. Every restart
/// then repeats a record.
#[async_trait]
pub trait SourceConnector: Connector {
    /// Creates a task. May be called without [`start`](Connector::start).
    #[doc(alias = "taskClass")]
    fn task(&self) -> Box<dyn SourceTask>;

    /// Whether exactly-once delivery is supported with this configuration; `None` means unknown.
    fn exactly_once_support(&self, config: &ConfigMap) -> Option<ExactlyOnceSupport> {
        let _ = config;
        None
    }

    /// Whether tasks can define transaction boundaries with this configuration.
    #[doc(alias = "canDefineTransactionBoundaries")]
    fn transaction_boundaries(&self, config: &ConfigMap) -> ConnectorTransactionBoundaries {
        let _ = config;
        ConnectorTransactionBoundaries::default()
    }

    /// Checks offsets that a user wants to set. Returns `true` if the connector has checked them,
    /// `false` if it cannot check them and they are stored as they are. Must be idempotent.
    ///
    /// The worker of this version cannot change offsets on request, so nothing calls it yet.
    ///
    /// # Errors
    /// The offsets are refused and not stored.
    async fn alter_offsets(
        &mut self,
        config: &ConfigMap,
        changes: &[SourceOffsetChange],
    ) -> Result<bool> {
        let _ = (config, changes);
        Ok(false)
    }
}

/// A connector that reads from the log and writes to another system.
///
/// # Example
///
/// A complete sink that counts records:
///
/// ```
/// use async_trait::async_trait;
/// use connect_api::config::{ConfigDef, ConfigMap};
/// use connect_api::record::SinkRecord;
/// use connect_api::*;
///
/// #[derive(Debug, Default)]
/// struct Count { def: ConfigDef, config: ConfigMap }
///
/// #[async_trait]
/// impl Connector for Count {
///     fn config_def(&self) -> &ConfigDef {
///         &self.def
///     }
///     async fn start(&mut self, _: ConnectorContext, config: ConfigMap) -> Result<()> {
///         self.config = config;
///         Ok(())
///     }
///     async fn task_configs(&mut self, max_tasks: usize) -> Result<Vec<ConfigMap>> {
///         Ok(vec![self.config.clone(); max_tasks]) // each task gets a share of the partitions
///     }
/// }
///
/// impl SinkConnector for Count {
///     fn task(&self) -> Box<dyn SinkTask> {
///         Box::new(CountTask { seen: 0 })
///     }
/// }
///
/// struct CountTask { seen: usize }
///
/// #[async_trait]
/// impl Task for CountTask {}
///
/// #[async_trait]
/// impl SinkTask for CountTask {
///     async fn start(&mut self, _: SinkTaskContext, _: ConfigMap) -> Result<()> {
///         Ok(())
///     }
///     async fn put(&mut self, records: &[SinkRecord]) -> Result<()> {
///         self.seen += records.len();
///         Ok(())
///     }
/// }
/// ```
///
/// *Misuse*: tasks that write to one shared file or table without coordination. Tasks run
/// concurrently, possibly on different machines.
#[async_trait]
pub trait SinkConnector: Connector {
    /// Creates a task. May be called without [`start`](Connector::start).
    #[doc(alias = "taskClass")]
    fn task(&self) -> Box<dyn SinkTask>;

    /// Checks offsets of the consumer group that a user wants to set, as
    /// [`SourceConnector::alter_offsets`] does. Nothing calls it yet.
    ///
    /// # Errors
    /// The offsets are refused and not stored.
    async fn alter_offsets(
        &mut self,
        config: &ConfigMap,
        changes: &BTreeMap<TopicPartition, Option<i64>>,
    ) -> Result<bool> {
        let _ = (config, changes);
        Ok(false)
    }
}

/// The services of the worker for a running connector. Cheap to clone.
#[derive(Clone)]
#[doc(alias = "SourceConnectorContext")]
#[doc(alias = "SinkConnectorContext")]
pub struct ConnectorContext(Arc<dyn ConnectorHost>);

/// The runtime's side of [`ConnectorContext`].
#[async_trait]
pub trait ConnectorHost: Send + Sync + 'static {
    /// The name of the connector.
    fn connector_name(&self) -> &str;
    /// See [`ConnectorContext::request_task_reconfiguration`].
    fn request_task_reconfiguration(&self);
    /// See [`ConnectorContext::raise_error`].
    fn raise_error(&self, error: Error);
    /// See [`ConnectorContext::offsets`].
    async fn offsets(&self, partitions: &[SourcePartition]) -> Result<Vec<Option<SourceOffset>>>;
    /// See [`ConnectorContext::metrics`].
    fn metrics(&self) -> PluginMetrics;
}

impl ConnectorContext {
    /// Creates a context for a runtime.
    #[must_use]
    pub fn new(host: Arc<dyn ConnectorHost>) -> Self {
        Self(host)
    }

    /// The name of the connector.
    #[must_use]
    pub fn connector_name(&self) -> &str {
        self.0.connector_name()
    }

    /// Asks the worker to call [`Connector::task_configs`] again. Returns immediately.
    pub fn request_task_reconfiguration(&self) {
        self.0.request_task_reconfiguration();
    }

    /// Marks the connector as FAILED. Its tasks keep running.
    pub fn raise_error(&self, error: Error) {
        self.0.raise_error(error);
    }

    /// Returns the committed offset of each of these source partitions, in the same order.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for a sink connector. A retriable
    /// error if the offsets cannot be read at the moment.
    pub async fn offsets(
        &self,
        partitions: &[SourcePartition],
    ) -> Result<Vec<Option<SourceOffset>>> {
        self.0.offsets(partitions).await
    }

    /// Metrics of the connector.
    #[must_use]
    pub fn metrics(&self) -> PluginMetrics {
        self.0.metrics()
    }
}

impl fmt::Debug for ConnectorContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConnectorContext")
            .field(&self.connector_name())
            .finish()
    }
}
