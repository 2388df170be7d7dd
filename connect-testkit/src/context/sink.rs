//! The context of a sink task.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;

use async_trait::async_trait;
use connect_api::ConfigMap;
use connect_api::ErrantRecordReporter;
use connect_api::ErrantRecordReporterHost;
use connect_api::Error;
use connect_api::LogOffsets;
use connect_api::LogPosition;
use connect_api::Result;
use connect_api::SinkTaskContext;
use connect_api::SinkTaskHost;
use connect_api::Timestamp;
use connect_api::TopicPartition;
use connect_api::metrics::PluginMetrics;
use connect_api::record::SinkRecord;
use connect_core::sync::lock;

use crate::context::CONNECTOR;
use crate::context::Common;

/// Stands in for the worker of a sink task.
#[derive(Debug, Clone)]
pub struct FakeSink(Arc<SinkHost>);

#[derive(Debug)]
struct SinkHost {
    common: Common,
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

/// The records that a sink task reported.
#[derive(Debug, Default)]
struct DeadLetters(Mutex<Vec<(LogPosition, String)>>);

impl ErrantRecordReporterHost for DeadLetters {
    fn report(&self, record: &SinkRecord, error: Error) -> Result<()> {
        lock(&self.0).push((record.position.clone(), error.report()));
        Ok(())
    }
}

impl FakeSink {
    /// Creates a fake with the configuration of task 0. Call it on a tokio runtime with time enabled.
    #[must_use]
    pub fn new(config: ConfigMap) -> Self {
        Self::for_task(config, 0)
    }

    /// Creates a fake with the configuration of task `task_index`.
    #[must_use]
    pub fn for_task(config: ConfigMap, task_index: usize) -> Self {
        Self(Arc::new(SinkHost {
            common: Common::new(config, task_index),
            said: Mutex::default(),
            dead_letters: Arc::default(),
        }))
    }

    /// Returns the context to start the task with.
    #[must_use]
    pub fn context(&self) -> SinkTaskContext {
        SinkTaskContext::new(Arc::clone(&self.0) as Arc<dyn SinkTaskHost>)
    }

    /// Returns the configuration to start the task with.
    #[must_use]
    pub fn config(&self) -> ConfigMap {
        self.0.common.config.clone()
    }

    /// Sets the assigned partitions.
    pub fn assign(&self, partitions: impl IntoIterator<Item = TopicPartition>) {
        self.said().assignment = partitions.into_iter().collect();
    }

    /// Takes the offsets from which the task asked to read next.
    #[must_use]
    pub fn take_seeks(&self) -> LogOffsets {
        std::mem::take(&mut self.said().seeks)
    }

    /// Takes the time after which the task wants refused records again.
    #[must_use]
    pub fn take_retry_after(&self) -> Option<Duration> {
        self.said().retry_after.take()
    }

    /// Returns whether the task asked for a commit since the last call.
    #[must_use]
    pub fn take_commit_request(&self) -> bool {
        std::mem::take(&mut self.said().commit_requested)
    }

    /// Returns the partitions that the task paused.
    #[must_use]
    pub fn paused(&self) -> Vec<TopicPartition> {
        self.said().paused.iter().cloned().collect()
    }

    /// Adds a dead letter queue.
    pub fn with_dead_letters(&self) {
        self.said().has_dead_letters = true;
    }

    /// Returns the records that the task reported, with its errors.
    #[must_use]
    pub fn dead_letters(&self) -> Vec<(LogPosition, String)> {
        lock(&self.0.dead_letters.0).clone()
    }

    /// Asks the task to stop.
    pub fn stop(&self) {
        self.0.common.stop();
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
        CONNECTOR
    }

    fn task_index(&self) -> usize {
        self.common.task_index
    }

    fn config(&self) -> ConfigMap {
        self.common.config.clone()
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
