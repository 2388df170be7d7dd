//! Source offsets of one connector in a topic of its own, over those of the worker (KIP-618).

use std::sync::Arc;

use async_trait::async_trait;
use connect_api::Result;
use connect_api::Timestamp;
use connect_api::TopicName;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_broker::ProducerRecord;
use connect_core::ConnectorName;

use crate::store::OffsetStore;
use crate::store::OffsetUpdate;
use crate::store::TopicOffsets;
use crate::store::offsets::Known;
use crate::store::offsets::copies::Copies;

/// A connector's own offsets over those of the worker.
///
/// Offsets in its own topic take precedence; other offsets are read from the worker's store. A write
/// goes to its own topic and must succeed there; the worker's store gets a copy, so that the connector
/// can resume without its own topic. A reset goes to the worker's store first: an offset that remained
/// there would reappear.
#[derive(Debug)]
pub(crate) struct LayeredOffsets {
    own: TopicOffsets,
    worker: Arc<dyn OffsetStore>,
    copies: Copies,
}

impl LayeredOffsets {
    pub(crate) fn new(own: TopicOffsets, worker: Arc<dyn OffsetStore>) -> Self {
        let copies = Copies::start(Arc::clone(&worker));
        Self {
            own,
            worker,
            copies,
        }
    }
}

#[async_trait]
impl OffsetStore for LayeredOffsets {
    fn known(&self) -> &Known {
        self.own.known()
    }

    fn read(&self, connector: &str, partitions: &[SourcePartition]) -> Vec<Option<SourceOffset>> {
        let own = self.own.read(connector, partitions);
        let worker = self.worker.read(connector, partitions);
        own.into_iter()
            .zip(worker)
            .map(|(own, worker)| own.or(worker))
            .collect()
    }

    fn all(&self, connector: &str) -> Vec<(SourcePartition, SourceOffset)> {
        let mut all = self.own.all(connector);
        let worker = self.worker.all(connector).into_iter();
        let missing: Vec<_> = worker
            .filter(|(partition, _)| !all.iter().any(|(known, _)| known == partition))
            .collect();
        all.extend(missing);
        all
    }

    fn topic(&self) -> Option<&TopicName> {
        self.own.topic()
    }

    async fn catch_up(&self) -> Result<()> {
        self.worker.catch_up().await?;
        self.own.catch_up().await
    }

    async fn close(&self) {
        self.own.close().await;
    }

    async fn write(
        &self,
        connector: &ConnectorName,
        updates: &[OffsetUpdate],
        now: Timestamp,
    ) -> Result<()> {
        if updates.iter().any(|(_, offset)| offset.is_none()) {
            self.worker.write(connector, updates, now).await?;
            return self.own.write(connector, updates, now).await;
        }
        self.own.write(connector, updates, now).await?;
        self.copies.add(connector, updates, now);
        Ok(())
    }

    fn records(
        &self,
        connector: &ConnectorName,
        updates: &[OffsetUpdate],
        now: Timestamp,
        first_token: u64,
    ) -> Option<Vec<ProducerRecord>> {
        self.own.records(connector, updates, now, first_token)
    }

    fn durable(&self, connector: &ConnectorName, updates: &[OffsetUpdate], now: Timestamp) {
        self.own.durable(connector, updates, now);
        self.copies.add(connector, updates, now);
    }
}
