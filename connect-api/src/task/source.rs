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
/// The runtime calls [`start`](SourceTask::start) once, then [`poll`](SourceTask::poll) again and
/// again; between polls [`delivered`](SourceTask::delivered) and
/// [`committed`](SourceTask::committed); at the end [`stop`](Task::stop). Calls never overlap.
/// After an error other than a retriable one nothing but `stop` follows.
///
/// `poll` *waits* for data. When the task must stop or pause, or has acknowledgements to hand over,
/// the future of `poll` is dropped at one of its awaits: whatever was read and not returned must
/// either still be in `self`, or be read again after a restart.
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
///         context.sleep(std::time::Duration::from_secs(1)).await; // may be dropped here: nothing is lost
///         self.ticks += 1;
///         let record = Record::new("ticks", Datum::schemaless(self.ticks)).with_timestamp(context.now());
///         Ok(vec![SourceRecord::new(SourcePartition::null(), SourceOffset::default(), record)])
///     }
/// }
/// ```
///
/// *Misuse*: moving on in the other system (deleting a message, advancing a cursor) in `poll`. Do it
/// in [`delivered`](SourceTask::delivered) or [`committed`](SourceTask::committed), or await
/// [`SourceTaskContext::wait_delivered`]: only then is the record safe.
#[async_trait]
pub trait SourceTask: Task {
    /// Prepares to read, from the committed offsets (see [`SourceTaskContext::offset`]).
    ///
    /// # Errors
    /// The task becomes FAILED.
    async fn start(&mut self, context: SourceTaskContext, config: ConfigMap) -> Result<()>;

    /// Waits for records and returns them. An empty batch is legal and means nothing; "nothing more
    /// for now" is said by [`SourceTaskContext::caught_up`].
    ///
    /// *Cancellation*: droppable at any await; see the contract above.
    ///
    /// # Errors
    /// After a retriable error `poll` is called again after a pause; any other fails the task.
    async fn poll(&mut self) -> Result<Vec<SourceRecord>>;

    /// Tells the fate of records, in the order of acknowledgement. The default does nothing.
    ///
    /// # Errors
    /// Logged and ignored.
    #[doc(alias = "commitRecord")]
    async fn delivered(&mut self, deliveries: &[Delivery]) -> Result<()> {
        let _ = deliveries;
        Ok(())
    }

    /// Tells that source offsets of this task were committed. The default does nothing.
    ///
    /// # Errors
    /// Logged and ignored.
    #[doc(alias = "commit")]
    async fn committed(&mut self) -> Result<()> {
        Ok(())
    }
}

/// What a source task may ask of its worker. Cheap to clone; usable inside `poll`.
#[derive(Clone)]
pub struct SourceTaskContext(Arc<dyn SourceTaskHost>);

/// What a runtime implements behind [`SourceTaskContext`].
#[async_trait]
pub trait SourceTaskHost: Send + Sync + 'static {
    /// The name of the connector.
    fn connector_name(&self) -> &str;
    /// The number of the task.
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
    /// A context behind a runtime.
    #[must_use]
    pub fn new(host: Arc<dyn SourceTaskHost>) -> Self {
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

    /// The committed offset of a source partition.
    ///
    /// # Errors
    /// Retriable if offsets cannot be read for now.
    #[doc(alias = "offsetStorageReader")]
    pub async fn offset(&self, partition: &SourcePartition) -> Result<Option<SourceOffset>> {
        let mut found = self.0.offsets(std::slice::from_ref(partition)).await?;
        Ok(found.pop().flatten())
    }

    /// The committed offsets of source partitions, in the order asked for.
    ///
    /// # Errors
    /// Retriable if offsets cannot be read for now.
    pub async fn offsets(
        &self,
        partitions: &[SourcePartition],
    ) -> Result<Vec<Option<SourceOffset>>> {
        self.0.offsets(partitions).await
    }

    /// The transaction that the task itself bounds; `None` unless exactly-once is on and
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

    /// How many records, from the first one on without a gap, are durable or dropped.
    #[must_use]
    pub fn delivered_count(&self) -> u64 {
        self.0.delivered_count()
    }

    /// Waits until that many records are durable or dropped. Usable inside `poll`, so that a queue
    /// can be settled while no new message comes.
    ///
    /// *Cancellation*: safe.
    pub async fn wait_delivered(&self, count: u64) {
        self.0.wait_delivered(count).await;
    }

    /// Says that there is nothing more for now: everything the other system has was returned.
    /// Holds until `poll` returns the next record. One-shot runs end on it, no time-out does.
    pub fn caught_up(&self) {
        self.0.caught_up(None);
    }

    /// [`caught_up`](SourceTaskContext::caught_up), but something is left that cannot be delivered
    /// yet, such as a last line without its end. The text is shown to the user.
    pub fn caught_up_except(&self, leftover: impl Into<String>) {
        self.0.caught_up(Some(leftover.into()));
    }

    /// Tells how far the task has come, in bytes or whatever it counts; shown to the user.
    pub fn progress(&self, done: u64, total: Option<u64>) {
        self.0.progress(done, total);
    }

    /// True once the task must stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.0.is_stopping()
    }

    /// Waits until the task must stop; for tasks that have something to finish first.
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

/// Lets a source task bound transactions itself (KIP-618).
#[derive(Clone)]
pub struct TransactionContext(Arc<dyn TransactionHost>);

/// What a runtime implements behind [`TransactionContext`]. `after` is the index of a record in the
/// batch that `poll` returns next; without it the whole batch is meant.
pub trait TransactionHost: Send + Sync + 'static {
    /// See [`TransactionContext::commit`].
    fn commit(&self, after: Option<usize>);
    /// See [`TransactionContext::abort`].
    fn abort(&self, after: Option<usize>);
}

impl TransactionContext {
    /// A context behind a runtime.
    #[must_use]
    pub fn new(host: Arc<dyn TransactionHost>) -> Self {
        Self(host)
    }

    /// Commits after the batch that `poll` returns next.
    #[doc(alias = "commitTransaction")]
    pub fn commit(&self) {
        self.0.commit(None);
    }

    /// Commits after the record of that index in the batch that `poll` returns next.
    pub fn commit_after(&self, index: usize) {
        self.0.commit(Some(index));
    }

    /// Aborts after the batch that `poll` returns next: its records are dropped, its offsets are
    /// committed.
    #[doc(alias = "abortTransaction")]
    pub fn abort(&self) {
        self.0.abort(None);
    }

    /// Aborts after the record of that index in the batch that `poll` returns next.
    pub fn abort_after(&self, index: usize) {
        self.0.abort(Some(index));
    }
}

impl fmt::Debug for TransactionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TransactionContext")
    }
}
