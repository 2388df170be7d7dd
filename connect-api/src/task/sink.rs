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
/// The runtime calls [`start`](SinkTask::start) once. It calls [`open`](SinkTask::open) before the
/// first record of a partition and [`close`](SinkTask::close) after the last,
/// [`put`](SinkTask::put) with records in the order of their offsets per partition,
/// [`pre_commit`](SinkTask::pre_commit) before it commits offsets, and finally
/// [`stop`](Task::stop). Calls never overlap. After an error that is not retriable, only `close` and
/// `stop` are called; after a panic only `stop`.
///
/// **An offset is committed only after `pre_commit` has returned it.** All records before it must
/// then be durable: `put` may buffer records, but `flush` and `pre_commit` must write them.
///
/// # Example
///
/// ```
/// use async_trait::async_trait;
/// use connect_api::config::ConfigMap;
/// use connect_api::record::SinkRecord;
/// use connect_api::{Error, LogOffsets, Result, SinkTask, SinkTaskContext, Task};
///
/// /// Buffers text and "writes" it on flush.
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
/// *Misuse*: ignoring a write error. The offsets are committed and the records are lost.
#[async_trait]
pub trait SinkTask: Task {
    /// Prepares to write.
    ///
    /// # Errors
    /// The task becomes FAILED.
    async fn start(&mut self, context: SinkTaskContext, config: ConfigMap) -> Result<()>;

    /// Prepares for partitions that were assigned. A task that stores offsets with its data seeks to
    /// them here with [`SinkTaskContext::seek`].
    ///
    /// # Errors
    /// The task becomes FAILED.
    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        let _ = partitions;
        Ok(())
    }

    /// Accepts records, in the order of their offsets per partition. There is at least one.
    ///
    /// *Cancellation*: never dropped before the deadline of a shutdown.
    ///
    /// # Errors
    /// After a retriable error the same records are put again. Any other error fails the task, and
    /// the records are delivered again after a restart.
    async fn put(&mut self, records: &[SinkRecord]) -> Result<()>;

    /// Makes all records that were put durable. The default does nothing, which is right for a task
    /// whose records are durable when `put` returns.
    ///
    /// # Errors
    /// The default [`pre_commit`](SinkTask::pre_commit) returns this error; see there.
    async fn flush(&mut self, offsets: &LogOffsets) -> Result<()> {
        let _ = offsets;
        Ok(())
    }

    /// Returns the offsets that may be committed. The default flushes and returns all of them.
    /// Offsets of partitions that are not returned are not committed. Offsets beyond those passed in
    /// are refused.
    ///
    /// # Errors
    /// No offset is committed. After a retriable error the records since the last commit are put
    /// again. Any other error fails the task. When partitions are revoked, errors are only logged,
    /// and the records are delivered again to the next task that gets the partitions.
    async fn pre_commit(&mut self, offsets: LogOffsets) -> Result<LogOffsets> {
        self.flush(&offsets).await?;
        Ok(offsets)
    }

    /// Releases partitions that are revoked. `pre_commit` was called before, except for partitions
    /// that the task has already lost.
    ///
    /// # Errors
    /// The task becomes FAILED.
    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        let _ = partitions;
        Ok(())
    }
}

/// The services of the worker for a sink task. Cheap to clone.
///
/// Partitions and offsets are those of the log, not those that a transform may have set.
#[derive(Clone)]
pub struct SinkTaskContext(Arc<dyn SinkTaskHost>);

/// The runtime's side of [`SinkTaskContext`].
#[async_trait]
pub trait SinkTaskHost: Send + Sync + 'static {
    /// The name of the connector.
    fn connector_name(&self) -> &str;
    /// The index of the task.
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
    /// Creates a context for a runtime.
    #[must_use]
    pub fn new(host: Arc<dyn SinkTaskHost>) -> Self {
        Self(host)
    }

    /// The name of the connector.
    #[must_use]
    pub fn connector_name(&self) -> &str {
        self.0.connector_name()
    }

    /// The index of the task, from 0.
    #[must_use]
    pub fn task_index(&self) -> usize {
        self.0.task_index()
    }

    /// The configuration of the task.
    #[must_use]
    pub fn config(&self) -> ConfigMap {
        self.0.config()
    }

    /// Continues to read from these offsets. Takes effect before the next record is put. Partitions
    /// that are not assigned are ignored.
    #[doc(alias = "offset")]
    pub fn seek(&self, offsets: LogOffsets) {
        self.0.seek(offsets);
    }

    /// Sets the pause before records are put again after the next retriable error.
    #[doc(alias = "timeout")]
    pub fn retry_after(&self, duration: Duration) {
        self.0.retry_after(duration);
    }

    /// The partitions that are currently assigned.
    #[must_use]
    pub fn assignment(&self) -> Vec<TopicPartition> {
        self.0.assignment()
    }

    /// Pauses partitions until [`resume`](SinkTaskContext::resume) is called.
    ///
    /// # Errors
    /// [`ErrorKind::IllegalState`](crate::ErrorKind::IllegalState) for a partition that is not
    /// assigned.
    pub fn pause(&self, partitions: &[TopicPartition]) -> Result<()> {
        self.0.pause(partitions)
    }

    /// Resumes paused partitions.
    ///
    /// # Errors
    /// As [`pause`](SinkTaskContext::pause).
    pub fn resume(&self, partitions: &[TopicPartition]) -> Result<()> {
        self.0.resume(partitions)
    }

    /// Asks the worker to commit offsets soon instead of at the next interval.
    pub fn request_commit(&self) {
        self.0.request_commit();
    }

    /// Where to report records that cannot be written; `None` unless a dead letter queue or logging
    /// of errors is configured.
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

    /// The current time of the worker's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.now()
    }

    /// Sleeps by the worker's clock.
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

/// Accepts records that a sink task could not write, so that the task can continue with others.
///
/// The runtime makes a report durable before it commits the offset of its record. The task need not
/// wait.
#[derive(Clone)]
pub struct ErrantRecordReporter(Arc<dyn ErrantRecordReporterHost>);

/// The runtime's side of [`ErrantRecordReporter`].
pub trait ErrantRecordReporterHost: Send + Sync + 'static {
    /// See [`ErrantRecordReporter::report`].
    fn report(&self, record: &SinkRecord, error: Error) -> Result<()>;
}

impl ErrantRecordReporter {
    /// Creates a reporter for a runtime.
    #[must_use]
    pub fn new(host: Arc<dyn ErrantRecordReporterHost>) -> Self {
        Self(host)
    }

    /// Reports a record.
    ///
    /// # Errors
    /// With `errors.tolerance=none` the task must fail: `put` should return this error.
    pub fn report(&self, record: &SinkRecord, error: Error) -> Result<()> {
        self.0.report(record, error)
    }
}

impl fmt::Debug for ErrantRecordReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ErrantRecordReporter")
    }
}
