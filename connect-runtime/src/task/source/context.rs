//! The implementation of a source task's context.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use connect_api::ConfigMap;
use connect_api::Result;
use connect_api::SourceErrantReporter;
use connect_api::SourceTaskHost;
use connect_api::Timestamp;
use connect_api::TransactionContext;
use connect_api::metrics::PluginMetrics;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::store::OffsetStore;
use crate::task::TaskShared;

pub(super) struct Host {
    pub(super) shared: Arc<TaskShared>,
    pub(super) config: ConfigMap,
    pub(super) offsets: Arc<dyn OffsetStore>,
    pub(super) transaction: Option<TransactionContext>,
    pub(super) errant: Option<SourceErrantReporter>,
    pub(super) stop: CancellationToken,
    pub(super) clock: Arc<dyn Clock>,
}

#[async_trait]
impl SourceTaskHost for Host {
    fn connector_name(&self) -> &str {
        &self.shared.id.connector
    }

    fn task_index(&self) -> usize {
        self.shared.id.index
    }

    fn config(&self) -> ConfigMap {
        self.config.clone()
    }

    async fn offsets(&self, partitions: &[SourcePartition]) -> Result<Vec<Option<SourceOffset>>> {
        Ok(self.offsets.read(&self.shared.id.connector, partitions))
    }

    fn transaction(&self) -> Option<TransactionContext> {
        self.transaction.clone()
    }

    fn errant_records(&self) -> Option<SourceErrantReporter> {
        self.errant.clone()
    }

    fn delivered_count(&self) -> u64 {
        self.shared.delivered_count()
    }

    async fn wait_delivered(&self, count: u64) {
        self.shared.wait_delivered(count).await;
    }

    fn caught_up(&self, leftover: Option<String>) {
        self.shared.caught_up(leftover);
    }

    fn progress(&self, done: u64, total: Option<u64>) {
        self.shared.progress(done, total);
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
