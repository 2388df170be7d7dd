//! Sink tasks.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::Error;
use crate::Result;
use crate::config::ConfigMap;
use crate::metrics::PluginMetrics;
use crate::record::SinkRecord;
use crate::task::Task;
use crate::topic::LogOffsets;
use crate::topic::Timestamp;
use crate::topic::TopicPartition;

/// Writes records to another system.
///
/// # Contract
///
/// [`start`](SinkTask::start) once; then, as partitions come and go, [`open`](SinkTask::open) before
/// the first record of a partition and [`close`](SinkTask::close) after its last;
/// [`put`](SinkTask::put) with records in offset order per partition;
/// [`pre_commit`](SinkTask::pre_commit) before offsets are committed; at the end
/// [`stop`](Task::stop). Calls never overlap. After an error other than a retriable one nothing but
/// `close` and `stop` follows.
///
/// **An offset is committed only after `pre_commit` returned it.** What it stands for must then be
/// durable: `put` may buffer, `flush` or `pre_commit` must not.
///
/// # Example
///
/// ```
/// use async_trait::async_trait;
/// use connect_api::config::ConfigMap;
/// use connect_api::record::SinkRecord;
/// use connect_api::{Error, LogOffsets, Result, SinkTask, SinkTaskContext, Task};
///
/// /// Collects text and "writes" it on flush.
/// #[derive(Default)]
/// struct Memory { buffer: Vec<String>, written: Vec<String> }
///
/// #[async_trait]
/// impl Task for Memory {}
///
/// #[async_trait]
/// impl SinkTask for Memory {
///     async fn start(&mut self, _: SinkTaskContext, _: ConfigMap) -> Result<()> {
///         Ok(())
///     }
///     async fn put(&mut self, records: &[SinkRecord]) -> Result<()> {
///         for record in records {
///             let text = record.record.value.value.as_str().ok_or_else(|| {
///                 Error::data(format!("the record at {} is not text", record.position))
///             })?;
///             self.buffer.push(text.to_owned());
///         }
///         Ok(())
///     }
///     async fn flush(&mut self, _: &LogOffsets) -> Result<()> {
///         self.written.append(&mut self.buffer); // a real sink writes and syncs here
///         Ok(())
///     }
/// }
/// ```
///
/// *Misuse*: swallowing a write error. The offsets are committed and the records are lost.
#[async_trait]
pub trait SinkTask: Task {
    /// Prepares to write.
    ///
    /// # Errors
    /// The task becomes FAILED.
    async fn start(&mut self, context: SinkTaskContext, config: ConfigMap) -> Result<()>;

    /// Partitions were assigned; no record of them was put yet. A task that keeps offsets with its
    /// data moves to them here with [`SinkTaskContext::seek`].
    ///
    /// # Errors
    /// The task becomes FAILED.
    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        let _ = partitions;
        Ok(())
    }

    /// Takes records, in offset order per partition. Never called with none.
    ///
    /// *Cancellation*: never dropped before the deadline of a shutdown.
    ///
    /// # Errors
    /// After a retriable error the very same records are put again; any other fails the task, and
    /// the records come again after a restart.
    async fn put(&mut self, records: &[SinkRecord]) -> Result<()>;

    /// Makes everything that was put durable. The default does nothing: right for a task whose
    /// `put` is durable when it returns.
    ///
    /// # Errors
    /// The default [`pre_commit`](SinkTask::pre_commit) returns this error; see there.
    async fn flush(&mut self, offsets: &LogOffsets) -> Result<()> {
        let _ = offsets;
        Ok(())
    }

    /// Says which of these offsets may be committed: the default flushes and returns them all.
    /// Offsets that are not returned stay as they are; larger ones are refused.
    ///
    /// # Errors
    /// No offset is committed. After a retriable error the records since the last commit are put
    /// again; any other error fails the task. While partitions are given up, every error is logged,
    /// and the records come again to the next task that gets them.
    async fn pre_commit(&mut self, offsets: LogOffsets) -> Result<LogOffsets> {
        self.flush(&offsets).await?;
        Ok(offsets)
    }

    /// Partitions are about to be given up; `pre_commit` was called, except for lost ones.
    ///
    /// # Errors
    /// The task becomes FAILED.
    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        let _ = partitions;
        Ok(())
    }
}

/// What a sink task may ask of its worker. Cheap to clone.
///
/// Partitions and offsets are always the original ones of the log, not what a transform made of
/// them.
#[derive(Clone)]
pub struct SinkTaskContext(Arc<dyn SinkTaskHost>);

/// What a runtime implements behind [`SinkTaskContext`].
#[async_trait]
pub trait SinkTaskHost: Send + Sync + 'static {
    /// The name of the connector.
    fn connector_name(&self) -> &str;
    /// The number of the task.
    fn task_index(&self) -> usize;
    /// See [`SinkTaskContext::config`].
    fn config(&self) -> ConfigMap;
    /// See [`SinkTaskContext::seek`].
    fn seek(&self, offsets: LogOffsets);
    /// See [`SinkTaskContext::retry_after`].
    fn retry_after(&self, duration: Duration);
    /// See [`SinkTaskContext::assignment`].
    fn assignment(&self) -> Vec<TopicPartition>;
    /// See [`SinkTaskContext::pause`].
    fn pause(&self, partitions: &[TopicPartition]) -> Result<()>;
    /// See [`SinkTaskContext::resume`].
    fn resume(&self, partitions: &[TopicPartition]) -> Result<()>;
    /// See [`SinkTaskContext::request_commit`].
    fn request_commit(&self);
    /// See [`SinkTaskContext::errant_records`].
    fn errant_records(&self) -> Option<ErrantRecordReporter>;
    /// See [`SinkTaskContext::is_stopping`].
    fn is_stopping(&self) -> bool;
    /// See [`SinkTaskContext::stopping`].
    async fn stopping(&self);
    /// See [`SinkTaskContext::now`].
    fn now(&self) -> Timestamp;
    /// See [`SinkTaskContext::sleep`].
    async fn sleep(&self, duration: Duration);
    /// See [`SinkTaskContext::metrics`].
    fn metrics(&self) -> PluginMetrics;
}

impl SinkTaskContext {
    /// A context behind a runtime.
    #[must_use]
    pub fn new(host: Arc<dyn SinkTaskHost>) -> Self {
        Self(host)
    }

    /// The name of the connector.
    #[must_use]
    pub fn connector_name(&self) -> &str {
        self.0.connector_name()
    }

    /// The number of the task, from 0.
    #[must_use]
    pub fn task_index(&self) -> usize {
        self.0.task_index()
    }

    /// The latest configuration of the task, with variables of config providers resolved now.
    #[must_use]
    pub fn config(&self) -> ConfigMap {
        self.0.config()
    }

    /// Reads on from these offsets instead; takes effect before the next record is put. Partitions
    /// that are not assigned are ignored.
    #[doc(alias = "offset")]
    pub fn seek(&self, offsets: LogOffsets) {
        self.0.seek(offsets);
    }

    /// Sets how long to wait before records are put again after a retriable error; for the next
    /// time only.
    #[doc(alias = "timeout")]
    pub fn retry_after(&self, duration: Duration) {
        self.0.retry_after(duration);
    }

    /// The partitions that are assigned now.
    #[must_use]
    pub fn assignment(&self) -> Vec<TopicPartition> {
        self.0.assignment()
    }

    /// Stops the flow of records from partitions until [`resume`](SinkTaskContext::resume).
    ///
    /// # Errors
    /// [`ErrorKind::IllegalState`](crate::ErrorKind::IllegalState) for a partition that is not
    /// assigned.
    pub fn pause(&self, partitions: &[TopicPartition]) -> Result<()> {
        self.0.pause(partitions)
    }

    /// Lets records of paused partitions flow again.
    ///
    /// # Errors
    /// As [`pause`](SinkTaskContext::pause).
    pub fn resume(&self, partitions: &[TopicPartition]) -> Result<()> {
        self.0.resume(partitions)
    }

    /// Asks for a commit soon, before its interval is over.
    pub fn request_commit(&self) {
        self.0.request_commit();
    }

    /// Where to report records that were put and cannot be written; `None` unless a dead letter
    /// queue or the error log is configured.
    #[must_use]
    #[doc(alias = "errantRecordReporter")]
    pub fn errant_records(&self) -> Option<ErrantRecordReporter> {
        self.0.errant_records()
    }

    /// True once the task must stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.0.is_stopping()
    }

    /// Waits until the task must stop.
    ///
    /// *Cancellation*: safe.
    pub async fn stopping(&self) {
        self.0.stopping().await;
    }

    /// The time, from the worker's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.now()
    }

    /// Waits on the worker's clock.
    ///
    /// *Cancellation*: safe.
    pub async fn sleep(&self, duration: Duration) {
        self.0.sleep(duration).await;
    }

    /// Metrics of the task.
    #[must_use]
    pub fn metrics(&self) -> PluginMetrics {
        self.0.metrics()
    }
}

impl fmt::Debug for SinkTaskContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SinkTaskContext({}-{})",
            self.connector_name(),
            self.task_index()
        )
    }
}

/// Takes records that a sink task could not write, while the task goes on with the others.
///
/// A report is durable before the offset of its record is committed; the runtime sees to that, the
/// task need not wait.
#[derive(Clone)]
pub struct ErrantRecordReporter(Arc<dyn ErrantRecordReporterHost>);

/// What a runtime implements behind [`ErrantRecordReporter`].
pub trait ErrantRecordReporterHost: Send + Sync + 'static {
    /// See [`ErrantRecordReporter::report`].
    fn report(&self, record: &SinkRecord, error: Error) -> Result<()>;
}

impl ErrantRecordReporter {
    /// A reporter behind a runtime.
    #[must_use]
    pub fn new(host: Arc<dyn ErrantRecordReporterHost>) -> Self {
        Self(host)
    }

    /// Reports a record.
    ///
    /// # Errors
    /// With `errors.tolerance=none` the task must fail: return this error from `put`.
    pub fn report(&self, record: &SinkRecord, error: Error) -> Result<()> {
        self.0.report(record, error)
    }
}

impl fmt::Debug for ErrantRecordReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ErrantRecordReporter")
    }
}
