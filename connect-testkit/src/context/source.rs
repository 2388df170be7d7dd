//! The context of a source task.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use connect_api::ConfigMap;
use connect_api::Result;
use connect_api::SourceTaskContext;
use connect_api::SourceTaskHost;
use connect_api::Timestamp;
use connect_api::TransactionContext;
use connect_api::metrics::PluginMetrics;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_api::record::SourceRecord;
use connect_core::sync::lock;
use tokio::sync::watch;

use crate::context::CONNECTOR;
use crate::context::Common;

/// What a source task said about the end of its input.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CaughtUp {
    /// Nothing, or it has returned records since.
    No,
    /// It has caught up.
    Yes,
    /// It has caught up, except for this.
    Except(String),
}

/// Stands in for the worker of a source task.
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
    common: Common,
    offsets: Mutex<Vec<(SourcePartition, SourceOffset)>>,
    progress: Mutex<Option<(u64, Option<u64>)>>,
    delivered: watch::Sender<u64>,
    caught_up: watch::Sender<CaughtUp>,
}

impl FakeSource {
    /// Creates a fake with the configuration of the task. Call it on a tokio runtime with time enabled.
    #[must_use]
    pub fn new(config: ConfigMap) -> Self {
        Self(Arc::new(SourceHost {
            common: Common::new(config, 0),
            offsets: Mutex::default(),
            progress: Mutex::default(),
            delivered: watch::Sender::new(0),
            caught_up: watch::Sender::new(CaughtUp::No),
        }))
    }

    /// Returns the context to start the task with.
    #[must_use]
    pub fn context(&self) -> SourceTaskContext {
        SourceTaskContext::new(Arc::clone(&self.0) as Arc<dyn SourceTaskHost>)
    }

    /// Returns the configuration to start the task with.
    #[must_use]
    pub fn config(&self) -> ConfigMap {
        self.0.common.config.clone()
    }

    /// Stores an offset, as a commit does.
    pub fn store_offset(&self, partition: &SourcePartition, offset: SourceOffset) {
        let mut offsets = lock(&self.0.offsets);
        offsets.retain(|(other, _)| other != partition);
        offsets.push((partition.clone(), offset));
    }

    /// Stores the offset of a record, unless more records with that offset follow.
    pub fn commit(&self, record: &SourceRecord) {
        if !record.partition.is_null() && !record.more_follow {
            self.store_offset(&record.partition, record.offset.clone());
        }
    }

    /// Marks the first `count` records as durable.
    pub fn deliver(&self, count: u64) {
        self.0.delivered.send_if_modified(|delivered| {
            let grows = count > *delivered;
            *delivered = count.max(*delivered);
            grows
        });
    }

    /// Records that `poll` returned records, so the task is no longer caught up.
    pub fn returned(&self) {
        self.0.caught_up.send_replace(CaughtUp::No);
    }

    /// Returns what the task said about the end of its input.
    #[must_use]
    pub fn caught_up(&self) -> CaughtUp {
        self.0.caught_up.borrow().clone()
    }

    /// Waits until the task says that it has caught up.
    ///
    /// *Cancellation*: safe.
    pub async fn wait_caught_up(&self) -> CaughtUp {
        let mut caught_up = self.0.caught_up.subscribe();
        match caught_up.wait_for(|said| *said != CaughtUp::No).await {
            Ok(said) => said.clone(),
            Err(_) => CaughtUp::No,
        }
    }

    /// Returns the progress that the task reported: done, and the total if known.
    #[must_use]
    pub fn progress(&self) -> Option<(u64, Option<u64>)> {
        *lock(&self.0.progress)
    }

    /// Asks the task to stop.
    pub fn stop(&self) {
        self.0.common.stop();
    }
}

#[async_trait]
impl SourceTaskHost for SourceHost {
    fn connector_name(&self) -> &str {
        CONNECTOR
    }

    fn task_index(&self) -> usize {
        self.common.task_index
    }

    fn config(&self) -> ConfigMap {
        self.common.config.clone()
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
        // The sender lives as long as `self`.
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
        self.common.is_stopping()
    }

    async fn stopping(&self) {
        self.common.stopping().await;
    }

    fn now(&self) -> Timestamp {
        self.common.now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn metrics(&self) -> PluginMetrics {
        PluginMetrics::detached()
    }
}
