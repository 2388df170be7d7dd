//! Source offsets behind a gate.

use std::sync::Arc;

use async_trait::async_trait;
use connect_api::Result;
use connect_api::Timestamp;
use connect_api::TopicName;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_broker::BrokerError;
use connect_broker::ProducerRecord;
use connect_core::ConnectorName;

use crate::gate::Gate;
use crate::store::Known;
use crate::store::OffsetStore;
use crate::store::OffsetUpdate;

/// Source offsets that an incarnation can write until it is cut off.
#[derive(Debug)]
pub(crate) struct GatedOffsets {
    pub(crate) inner: Arc<dyn OffsetStore>,
    pub(crate) gate: Gate,
}

#[async_trait]
impl OffsetStore for GatedOffsets {
    fn known(&self) -> &Known {
        self.inner.known()
    }

    fn read(&self, connector: &str, partitions: &[SourcePartition]) -> Vec<Option<SourceOffset>> {
        self.inner.read(connector, partitions)
    }

    fn all(&self, connector: &str) -> Vec<(SourcePartition, SourceOffset)> {
        self.inner.all(connector)
    }

    fn topic(&self) -> Option<&TopicName> {
        self.inner.topic()
    }

    async fn catch_up(&self) -> Result<()> {
        self.inner.catch_up().await
    }

    async fn write(
        &self,
        connector: &ConnectorName,
        updates: &[OffsetUpdate],
        now: Timestamp,
    ) -> Result<()> {
        if self.gate.is_shut() {
            return Err(BrokerError::Closed.into());
        }
        self.inner.write(connector, updates, now).await
    }

    fn records(
        &self,
        connector: &ConnectorName,
        updates: &[OffsetUpdate],
        now: Timestamp,
        first_token: u64,
    ) -> Option<Vec<ProducerRecord>> {
        self.inner.records(connector, updates, now, first_token)
    }

    fn durable(&self, connector: &ConnectorName, updates: &[OffsetUpdate], now: Timestamp) {
        if !self.gate.is_shut() {
            self.inner.durable(connector, updates, now);
        }
    }
}
