//! The implementation of a sink task's context.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;

use async_trait::async_trait;
use connect_api::ConfigMap;
use connect_api::ErrantRecordReporter;
use connect_api::Error;
use connect_api::LogOffsets;
use connect_api::Result;
use connect_api::SinkTaskHost;
use connect_api::Timestamp;
use connect_api::TopicPartition;
use connect_api::metrics::PluginMetrics;
use connect_core::sync::lock;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::task::TaskShared;

/// Wishes of a sink task, carried out by its loop between two calls.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    assignment: BTreeSet<TopicPartition>,
    seek: LogOffsets,
    retry_after: Option<Duration>,
    paused: BTreeSet<TopicPartition>,
    commit: bool,
}

impl Wishes {
    pub(super) fn assign(&self, partitions: &[TopicPartition]) {
        self.inner().assignment.extend(partitions.iter().cloned());
    }

    pub(super) fn unassign(&self, partitions: &[TopicPartition]) {
        let mut inner = self.inner();
        for partition in partitions {
            inner.assignment.remove(partition);
            inner.paused.remove(partition);
            inner.seek.remove(partition);
        }
    }

    pub(super) fn assignment(&self) -> Vec<TopicPartition> {
        self.inner().assignment.iter().cloned().collect()
    }

    /// Partitions that the task itself has paused.
    pub(super) fn paused(&self) -> BTreeSet<TopicPartition> {
        self.inner().paused.clone()
    }

    /// Where the task wants to read on, for partitions that are assigned.
    pub(super) fn take_seek(&self) -> LogOffsets {
        let mut inner = self.inner();
        let seek = std::mem::take(&mut inner.seek);
        seek.into_iter()
            .filter(|(partition, _)| inner.assignment.contains(partition))
            .collect()
    }

    pub(super) fn take_retry_after(&self) -> Option<Duration> {
        self.inner().retry_after.take()
    }

    pub(super) fn take_commit(&self) -> bool {
        std::mem::take(&mut self.inner().commit)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }
}

pub(super) struct Host {
    pub(super) shared: Arc<TaskShared>,
    pub(super) config: ConfigMap,
    pub(super) wishes: Arc<Wishes>,
    pub(super) errant: Option<ErrantRecordReporter>,
    pub(super) stop: CancellationToken,
    pub(super) clock: Arc<dyn Clock>,
}

impl Host {
    fn owned(&self, partitions: &[TopicPartition]) -> Result<()> {
        let inner = self.wishes.inner();
        match partitions
            .iter()
            .find(|partition| !inner.assignment.contains(*partition))
        {
            Some(partition) => Err(Error::illegal_state(format!(
                "partition {partition} is not assigned to task {}",
                self.shared.id
            ))),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl SinkTaskHost for Host {
    fn connector_name(&self) -> &str {
        &self.shared.id.connector
    }

    fn task_index(&self) -> usize {
        self.shared.id.index
    }

    fn config(&self) -> ConfigMap {
        self.config.clone()
    }

    fn seek(&self, offsets: LogOffsets) {
        self.wishes.inner().seek.extend(offsets);
    }

    fn retry_after(&self, duration: Duration) {
        self.wishes.inner().retry_after = Some(duration);
    }

    fn assignment(&self) -> Vec<TopicPartition> {
        self.wishes.assignment()
    }

    fn pause(&self, partitions: &[TopicPartition]) -> Result<()> {
        self.owned(partitions)?;
        self.wishes
            .inner()
            .paused
            .extend(partitions.iter().cloned());
        Ok(())
    }

    fn resume(&self, partitions: &[TopicPartition]) -> Result<()> {
        self.owned(partitions)?;
        self.wishes
            .inner()
            .paused
            .retain(|partition| !partitions.contains(partition));
        Ok(())
    }

    fn request_commit(&self) {
        self.wishes.inner().commit = true;
    }

    fn errant_records(&self) -> Option<ErrantRecordReporter> {
        self.errant.clone()
    }

    fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn metrics(&self) -> PluginMetrics {
        self.shared.instruments().plugin_metrics()
    }
}
