//! Source tasks.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::Result;
use crate::SourceErrantReporter;
use crate::config::ConfigMap;
use crate::metrics::PluginMetrics;
use crate::record::Delivery;
use crate::record::SourceOffset;
use crate::record::SourcePartition;
use crate::record::SourceRecord;
use crate::task::Task;
use crate::topic::Timestamp;

/// Reads records from another system.
///
/// # Contract
///
/// The runtime calls [`start`](SourceTask::start) once and then [`poll`](SourceTask::poll)
/// repeatedly. Between polls it calls [`delivered`](SourceTask::delivered) and
/// [`committed`](SourceTask::committed), and finally [`stop`](Task::stop). Calls never overlap.
///
/// After an error that is not retriable, the runtime still tells the task what becomes of records it
/// has returned (`delivered`, `committed`), and then calls `stop`. After a panic it calls only `stop`.
///
/// `poll` *waits* for data. When the task must stop or pause, or when acknowledgments have arrived,
/// the future of `poll` is dropped at one of its awaits. Data that was read but not returned must
/// then still be in `self`, or be readable again after a restart.
///
/// # Example
///
/// ```
/// use async_trait::async_trait;
/// use connect_api::config::ConfigMap;
/// use connect_api::data::Datum;
/// use connect_api::record::{Record, SourceOffset, SourcePartition, SourceRecord};
/// use connect_api::{Result, SourceTask, SourceTaskContext, Task};
///
/// /// One record per second.
/// struct Ticker { context: Option<SourceTaskContext>, ticks: i64 }
///
/// #[async_trait]
/// impl Task for Ticker {}
///
/// #[async_trait]
/// impl SourceTask for Ticker {
///     async fn start(&mut self, context: SourceTaskContext, _: ConfigMap) -> Result<()> {
///         self.context = Some(context);
///         Ok(())
///     }
///     async fn poll(&mut self) -> Result<Vec<SourceRecord>> {
///         let context = self.context.clone().expect("start was called");
///         context.sleep(std::time::Duration::from_secs(1)).await; // if dropped here, nothing is lost
///         self.ticks += 1;
///         let record = Record::new("ticks", Datum::schemaless(self.ticks)).with_timestamp(context.now());
///         Ok(vec![SourceRecord::new(SourcePartition::null(), SourceOffset::default(), record)])
///     }
/// }
/// ```
///
/// *Misuse*: deleting a message or advancing a cursor of the other system in `poll`. The record is
/// not safe yet. Do it in [`delivered`](SourceTask::delivered) or
/// [`committed`](SourceTask::committed), or after [`SourceTaskContext::wait_delivered`].
#[async_trait]
pub trait SourceTask: Task {
    /// Prepares to read from the committed offsets (see [`SourceTaskContext::offset`]).
    ///
    /// # Errors
    /// The task becomes FAILED.
    async fn start(&mut self, context: SourceTaskContext, config: ConfigMap) -> Result<()>;

    /// Waits for records and returns them. An empty batch is allowed and has no meaning; a task
    /// that has read everything calls [`SourceTaskContext::caught_up`].
    ///
    /// *Cancellation*: may be dropped at any await; see the contract above.
    ///
    /// # Errors
    /// After a retriable error `poll` is called again after a pause. Any other error fails the task.
    async fn poll(&mut self) -> Result<Vec<SourceRecord>>;

    /// Reports which records are durable or were dropped, in the order of acknowledgment. The
    /// default does nothing.
    ///
    /// # Errors
    /// Logged and ignored.
    #[doc(alias = "commitRecord")]
    async fn delivered(&mut self, deliveries: &[Delivery]) -> Result<()> {
        let _ = deliveries;
        Ok(())
    }

    /// Reports that source offsets of this task were committed. The default does nothing.
    ///
    /// # Errors
    /// Logged and ignored.
    #[doc(alias = "commit")]
    async fn committed(&mut self) -> Result<()> {
        Ok(())
    }
}

/// The services of the worker for a source task. Cheap to clone; may be used in `poll`.
#[derive(Clone)]
pub struct SourceTaskContext(Arc<dyn SourceTaskHost>);

/// The runtime's side of [`SourceTaskContext`].
#[async_trait]
pub trait SourceTaskHost: Send + Sync + 'static {
    /// The name of the connector.
    fn connector_name(&self) -> &str;
    /// The index of the task.
    fn task_index(&self) -> usize;
    /// See [`SourceTaskContext::config`].
    fn config(&self) -> ConfigMap;
    /// See [`SourceTaskContext::offsets`].
    async fn offsets(&self, partitions: &[SourcePartition]) -> Result<Vec<Option<SourceOffset>>>;
    /// See [`SourceTaskContext::transaction`].
    fn transaction(&self) -> Option<TransactionContext>;
    /// See [`SourceTaskContext::errant_records`].
    fn errant_records(&self) -> Option<SourceErrantReporter> {
        None
    }
    /// See [`SourceTaskContext::delivered_count`].
    fn delivered_count(&self) -> u64;
    /// See [`SourceTaskContext::wait_delivered`].
    async fn wait_delivered(&self, count: u64);
    /// See [`SourceTaskContext::caught_up`].
    fn caught_up(&self, leftover: Option<String>);
    /// See [`SourceTaskContext::progress`].
    fn progress(&self, done: u64, total: Option<u64>);
    /// See [`SourceTaskContext::is_stopping`].
    fn is_stopping(&self) -> bool;
    /// See [`SourceTaskContext::stopping`].
    async fn stopping(&self);
    /// See [`SourceTaskContext::now`].
    fn now(&self) -> Timestamp;
    /// See [`SourceTaskContext::sleep`].
    async fn sleep(&self, duration: Duration);
    /// See [`SourceTaskContext::metrics`].
    fn metrics(&self) -> PluginMetrics;
}

impl SourceTaskContext {
    /// Creates a context for a runtime.
    #[must_use]
    pub fn new(host: Arc<dyn SourceTaskHost>) -> Self {
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

    /// Returns the committed offset of a source partition.
    ///
    /// # Errors
    /// A retriable error if offsets cannot be read at the moment.
    #[doc(alias = "offsetStorageReader")]
    pub async fn offset(&self, partition: &SourcePartition) -> Result<Option<SourceOffset>> {
        let mut found = self.0.offsets(std::slice::from_ref(partition)).await?;
        Ok(found.pop().flatten())
    }

    /// Returns the committed offset of each of these source partitions, in the same order.
    ///
    /// # Errors
    /// A retriable error if offsets cannot be read at the moment.
    pub async fn offsets(
        &self,
        partitions: &[SourcePartition],
    ) -> Result<Vec<Option<SourceOffset>>> {
        self.0.offsets(partitions).await
    }

    /// The transaction whose boundaries the task sets; `None` unless exactly-once is enabled and
    /// `transaction.boundary` is `connector`.
    #[must_use]
    pub fn transaction(&self) -> Option<TransactionContext> {
        self.0.transaction()
    }

    /// Where messages are reported that the task cannot turn into records; `None` if the error
    /// options of the connector give them nowhere to go, so that the task must fail.
    #[must_use]
    pub fn errant_records(&self) -> Option<SourceErrantReporter> {
        self.0.errant_records()
    }

    /// How many of the first records of the task are durable or dropped, without a gap.
    #[must_use]
    pub fn delivered_count(&self) -> u64 {
        self.0.delivered_count()
    }

    /// Waits until that many of the first records are durable or dropped. May be used in `poll`, for
    /// example to acknowledge messages of a queue while no new message arrives.
    ///
    /// *Cancellation*: safe.
    pub async fn wait_delivered(&self, count: u64) {
        self.0.wait_delivered(count).await;
    }

    /// Reports that everything the other system has was returned. Valid until `poll` returns the
    /// next record. Runs to the end wait for it.
    pub fn caught_up(&self) {
        self.0.caught_up(None);
    }

    /// Like [`caught_up`](SourceTaskContext::caught_up), but something is left that cannot be
    /// delivered yet, such as a last line without a line end. The text is shown to the user.
    pub fn caught_up_except(&self, leftover: impl Into<String>) {
        self.0.caught_up(Some(leftover.into()));
    }

    /// Reports the progress of the task, in bytes or any other unit. It is shown to the user.
    pub fn progress(&self, done: u64, total: Option<u64>) {
        self.0.progress(done, total);
    }

    /// True once the task must stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.0.is_stopping()
    }

    /// Waits until the task must stop, for tasks that have work to finish first.
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

impl fmt::Debug for SourceTaskContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SourceTaskContext({}-{})",
            self.connector_name(),
            self.task_index()
        )
    }
}

/// Lets a source task set the boundaries of transactions (KIP-618).
#[derive(Clone)]
pub struct TransactionContext(Arc<dyn TransactionHost>);

/// The runtime's side of [`TransactionContext`]. `after` is the index of a record in the batch that
/// `poll` returns next; `None` means after the batch.
pub trait TransactionHost: Send + Sync + 'static {
    /// See [`TransactionContext::commit`].
    fn commit(&self, after: Option<usize>);
    /// See [`TransactionContext::abort`].
    fn abort(&self, after: Option<usize>);
}

impl TransactionContext {
    /// Creates a context for a runtime.
    #[must_use]
    pub fn new(host: Arc<dyn TransactionHost>) -> Self {
        Self(host)
    }

    /// Commits after the batch that `poll` returns next.
    #[doc(alias = "commitTransaction")]
    pub fn commit(&self) {
        self.0.commit(None);
    }

    /// Commits after the record with that index in the batch that `poll` returns next.
    pub fn commit_after(&self, index: usize) {
        self.0.commit(Some(index));
    }

    /// Aborts after the batch that `poll` returns next: its records are dropped, its offsets are
    /// committed.
    #[doc(alias = "abortTransaction")]
    pub fn abort(&self) {
        self.0.abort(None);
    }

    /// Aborts after the record with that index in the batch that `poll` returns next.
    pub fn abort_after(&self, index: usize) {
        self.0.abort(Some(index));
    }
}

impl fmt::Debug for TransactionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TransactionContext")
    }
}
