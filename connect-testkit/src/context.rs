//! Contexts for tasks without a worker.
//!
//! A fake plays the worker's part: it hands out offsets, keeps what the task says, and lets a test
//! wait for it. Time is tokio's, so it can be paused.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use connect_api::ConfigMap;
use connect_api::ConnectorContext;
use connect_api::ConnectorHost;
use connect_api::ErrantRecordReporter;
use connect_api::ErrantRecordReporterHost;
use connect_api::Error;
use connect_api::LogOffsets;
use connect_api::LogPosition;
use connect_api::Result;
use connect_api::SinkTaskContext;
use connect_api::SinkTaskHost;
use connect_api::SourceTaskContext;
use connect_api::SourceTaskHost;
use connect_api::Timestamp;
use connect_api::TopicPartition;
use connect_api::TransactionContext;
use connect_api::metrics::PluginMetrics;
use connect_api::record::SinkRecord;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_api::record::SourceRecord;
use tokio::sync::watch;
use tokio::time::Instant;

/// The moment at which the clock of a fake begins: 2020-01-01T00:00:00Z.
pub const START: Timestamp = Timestamp::from_millis(1_577_836_800_000);

/// What a source task said about the end of its input.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CaughtUp {
    /// Nothing, or it returned records since.
    No,
    /// There is nothing more for now.
    Yes,
    /// There is nothing more for now but this.
    Except(String),
}

/// The worker of a source task.
///
/// ```
/// use connect_api::config_map;
/// use connect_api::record::{SourceOffset, SourcePartition};
/// use connect_testkit::context::{CaughtUp, FakeSource};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let fake = FakeSource::new(config_map! { "topic" => "lines" });
/// let partition = SourcePartition::new([("filename", "a.txt")]);
/// fake.store_offset(&partition, SourceOffset::new("position", 7i64));
///
/// let context = fake.context(); // for SourceTask::start
/// assert_eq!(context.offset(&partition).await?, Some(SourceOffset::new("position", 7i64)));
/// context.caught_up();
/// assert_eq!(fake.wait_caught_up().await, CaughtUp::Yes);
/// # Ok::<(), connect_api::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct FakeSource(Arc<SourceHost>);

#[derive(Debug)]
struct SourceHost {
    config: ConfigMap,
    began: Instant,
    offsets: Mutex<Vec<(SourcePartition, SourceOffset)>>,
    progress: Mutex<Option<(u64, Option<u64>)>>,
    delivered: watch::Sender<u64>,
    caught_up: watch::Sender<CaughtUp>,
    stopping: watch::Sender<bool>,
}

impl FakeSource {
    /// A worker with a configuration for the task. Needs a tokio runtime with time.
    #[must_use]
    pub fn new(config: ConfigMap) -> Self {
        Self(Arc::new(SourceHost {
            config,
            began: Instant::now(),
            offsets: Mutex::default(),
            progress: Mutex::default(),
            delivered: watch::Sender::new(0),
            caught_up: watch::Sender::new(CaughtUp::No),
            stopping: watch::Sender::new(false),
        }))
    }

    /// The context for the task.
    #[must_use]
    pub fn context(&self) -> SourceTaskContext {
        SourceTaskContext::new(Arc::clone(&self.0) as Arc<dyn SourceTaskHost>)
    }

    /// The configuration for the task.
    #[must_use]
    pub fn config(&self) -> ConfigMap {
        self.0.config.clone()
    }

    /// Stores an offset, as a commit does.
    pub fn store_offset(&self, partition: &SourcePartition, offset: SourceOffset) {
        let mut offsets = lock(&self.0.offsets);
        offsets.retain(|(other, _)| other != partition);
        offsets.push((partition.clone(), offset));
    }

    /// Stores the offset that is reached with a record.
    pub fn commit(&self, record: &SourceRecord) {
        if !record.partition.is_null() {
            self.store_offset(&record.partition, record.offset.clone());
        }
    }

    /// Says that records, counted from the first one on, are durable.
    pub fn deliver(&self, count: u64) {
        self.0.delivered.send_if_modified(|delivered| {
            let grows = count > *delivered;
            *delivered = count.max(*delivered);
            grows
        });
    }

    /// Notes that `poll` returned records, which makes void what was said about the end of the input.
    pub fn returned(&self) {
        self.0.caught_up.send_replace(CaughtUp::No);
    }

    /// What the task said about the end of its input.
    #[must_use]
    pub fn caught_up(&self) -> CaughtUp {
        self.0.caught_up.borrow().clone()
    }

    /// Waits until the task says that there is nothing more for now.
    ///
    /// *Cancellation*: safe.
    pub async fn wait_caught_up(&self) -> CaughtUp {
        let mut caught_up = self.0.caught_up.subscribe();
        match caught_up.wait_for(|said| *said != CaughtUp::No).await {
            Ok(said) => said.clone(),
            Err(_) => CaughtUp::No,
        }
    }

    /// How far the task said it has come, and of what total.
    #[must_use]
    pub fn progress(&self) -> Option<(u64, Option<u64>)> {
        *lock(&self.0.progress)
    }

    /// Asks the task to stop.
    pub fn stop(&self) {
        self.0.stopping.send_replace(true);
    }
}

#[async_trait]
impl SourceTaskHost for SourceHost {
    fn connector_name(&self) -> &str {
        "fake"
    }

    fn task_index(&self) -> usize {
        0
    }

    fn config(&self) -> ConfigMap {
        self.config.clone()
    }

    async fn offsets(&self, partitions: &[SourcePartition]) -> Result<Vec<Option<SourceOffset>>> {
        let offsets = lock(&self.offsets);
        let stored = |wanted: &SourcePartition| {
            offsets
                .iter()
                .find(|(other, _)| other == wanted)
                .map(|(_, offset)| offset.clone())
        };
        Ok(partitions.iter().map(stored).collect())
    }

    fn transaction(&self) -> Option<TransactionContext> {
        None
    }

    fn delivered_count(&self) -> u64 {
        *self.delivered.borrow()
    }

    async fn wait_delivered(&self, count: u64) {
        // Never closed while `self` lives.
        let _ = self
            .delivered
            .subscribe()
            .wait_for(|delivered| *delivered >= count)
            .await;
    }

    fn caught_up(&self, leftover: Option<String>) {
        self.caught_up
            .send_replace(leftover.map_or(CaughtUp::Yes, CaughtUp::Except));
    }

    fn progress(&self, done: u64, total: Option<u64>) {
        *lock(&self.progress) = Some((done, total));
    }

    fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    async fn stopping(&self) {
        let _ = self
            .stopping
            .subscribe()
            .wait_for(|stopping| *stopping)
            .await;
    }

    fn now(&self) -> Timestamp {
        now(self.began)
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn metrics(&self) -> PluginMetrics {
        PluginMetrics::detached()
    }
}

/// The worker of a sink task.
#[derive(Debug, Clone)]
pub struct FakeSink(Arc<SinkHost>);

#[derive(Debug)]
struct SinkHost {
    config: ConfigMap,
    task_index: usize,
    began: Instant,
    stopping: watch::Sender<bool>,
    said: Mutex<Said>,
    dead_letters: Arc<DeadLetters>,
}

/// What a sink task said.
#[derive(Debug, Default)]
struct Said {
    assignment: BTreeSet<TopicPartition>,
    paused: BTreeSet<TopicPartition>,
    seeks: LogOffsets,
    retry_after: Option<Duration>,
    commit_requested: bool,
    has_dead_letters: bool,
}

/// Records that a sink task could not write.
#[derive(Debug, Default)]
struct DeadLetters(Mutex<Vec<(LogPosition, String)>>);

impl ErrantRecordReporterHost for DeadLetters {
    fn report(&self, record: &SinkRecord, error: Error) -> Result<()> {
        lock(&self.0).push((record.position.clone(), error.report()));
        Ok(())
    }
}

impl FakeSink {
    /// A worker with a configuration for its first task. Needs a tokio runtime with time.
    #[must_use]
    pub fn new(config: ConfigMap) -> Self {
        Self::for_task(config, 0)
    }

    /// A worker with a configuration for the task of that number.
    #[must_use]
    pub fn for_task(config: ConfigMap, task_index: usize) -> Self {
        Self(Arc::new(SinkHost {
            config,
            task_index,
            began: Instant::now(),
            stopping: watch::Sender::new(false),
            said: Mutex::default(),
            dead_letters: Arc::default(),
        }))
    }

    /// The context for the task.
    #[must_use]
    pub fn context(&self) -> SinkTaskContext {
        SinkTaskContext::new(Arc::clone(&self.0) as Arc<dyn SinkTaskHost>)
    }

    /// The configuration for the task.
    #[must_use]
    pub fn config(&self) -> ConfigMap {
        self.0.config.clone()
    }

    /// Sets the partitions that are assigned.
    pub fn assign(&self, partitions: impl IntoIterator<Item = TopicPartition>) {
        self.said().assignment = partitions.into_iter().collect();
    }

    /// Takes the offsets that the task asked to read on from.
    #[must_use]
    pub fn take_seeks(&self) -> LogOffsets {
        std::mem::take(&mut self.said().seeks)
    }

    /// Takes the time after which the task wants records again.
    #[must_use]
    pub fn take_retry_after(&self) -> Option<Duration> {
        self.said().retry_after.take()
    }

    /// Takes whether the task asked for a commit.
    #[must_use]
    pub fn take_commit_request(&self) -> bool {
        std::mem::take(&mut self.said().commit_requested)
    }

    /// The partitions from which the task wants no records for now.
    #[must_use]
    pub fn paused(&self) -> Vec<TopicPartition> {
        self.said().paused.iter().cloned().collect()
    }

    /// Has a dead letter queue from now on.
    pub fn with_dead_letters(&self) {
        self.said().has_dead_letters = true;
    }

    /// The records that the task could not write, with its errors.
    #[must_use]
    pub fn dead_letters(&self) -> Vec<(LogPosition, String)> {
        lock(&self.0.dead_letters.0).clone()
    }

    /// Asks the task to stop.
    pub fn stop(&self) {
        self.0.stopping.send_replace(true);
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        lock(&self.0.said)
    }
}

impl SinkHost {
    fn check_assigned(&self, partitions: &[TopicPartition]) -> Result<()> {
        let said = lock(&self.said);
        match partitions
            .iter()
            .find(|partition| !said.assignment.contains(*partition))
        {
            Some(partition) => Err(Error::illegal_state(format!("{partition} is not assigned"))),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl SinkTaskHost for SinkHost {
    fn connector_name(&self) -> &str {
        "fake"
    }

    fn task_index(&self) -> usize {
        self.task_index
    }

    fn config(&self) -> ConfigMap {
        self.config.clone()
    }

    fn seek(&self, offsets: LogOffsets) {
        lock(&self.said).seeks.extend(offsets);
    }

    fn retry_after(&self, duration: Duration) {
        lock(&self.said).retry_after = Some(duration);
    }

    fn assignment(&self) -> Vec<TopicPartition> {
        lock(&self.said).assignment.iter().cloned().collect()
    }

    fn pause(&self, partitions: &[TopicPartition]) -> Result<()> {
        self.check_assigned(partitions)?;
        lock(&self.said).paused.extend(partitions.iter().cloned());
        Ok(())
    }

    fn resume(&self, partitions: &[TopicPartition]) -> Result<()> {
        self.check_assigned(partitions)?;
        lock(&self.said)
            .paused
            .retain(|paused| !partitions.contains(paused));
        Ok(())
    }

    fn request_commit(&self) {
        lock(&self.said).commit_requested = true;
    }

    fn errant_records(&self) -> Option<ErrantRecordReporter> {
        let reporter = || {
            ErrantRecordReporter::new(
                Arc::clone(&self.dead_letters) as Arc<dyn ErrantRecordReporterHost>
            )
        };
        lock(&self.said).has_dead_letters.then(reporter)
    }

    fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    async fn stopping(&self) {
        let _ = self
            .stopping
            .subscribe()
            .wait_for(|stopping| *stopping)
            .await;
    }

    fn now(&self) -> Timestamp {
        now(self.began)
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn metrics(&self) -> PluginMetrics {
        PluginMetrics::detached()
    }
}

/// The worker of a connector.
#[derive(Debug, Clone, Default)]
pub struct FakeConnector(Arc<ConnectorSaid>);

#[derive(Debug, Default)]
struct ConnectorSaid {
    reconfigurations: Mutex<usize>,
    errors: Mutex<Vec<Error>>,
}

impl FakeConnector {
    /// A worker.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The context for the connector.
    #[must_use]
    pub fn context(&self) -> ConnectorContext {
        ConnectorContext::new(Arc::clone(&self.0) as Arc<dyn ConnectorHost>)
    }

    /// How often the connector asked for new task configurations.
    #[must_use]
    pub fn reconfigurations(&self) -> usize {
        *lock(&self.0.reconfigurations)
    }

    /// Takes the errors that the connector raised.
    #[must_use]
    pub fn take_errors(&self) -> Vec<Error> {
        std::mem::take(&mut lock(&self.0.errors))
    }
}

#[async_trait]
impl ConnectorHost for ConnectorSaid {
    fn connector_name(&self) -> &str {
        "fake"
    }

    fn request_task_reconfiguration(&self) {
        *lock(&self.reconfigurations) += 1;
    }

    fn raise_error(&self, error: Error) {
        lock(&self.errors).push(error);
    }

    async fn offsets(&self, partitions: &[SourcePartition]) -> Result<Vec<Option<SourceOffset>>> {
        Ok(vec![None; partitions.len()])
    }

    fn metrics(&self) -> PluginMetrics {
        PluginMetrics::detached()
    }
}

fn now(began: Instant) -> Timestamp {
    let elapsed = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(START.as_millis().saturating_add(elapsed))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
