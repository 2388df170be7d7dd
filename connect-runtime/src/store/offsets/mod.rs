//! Source offsets: in a compacted topic, in a file, or in memory.

mod copies;
mod file;
mod known;
mod layered;
mod memory;
mod topic;

use std::fmt::Debug;

use async_trait::async_trait;
use connect_api::Result;
use connect_api::Timestamp;
use connect_api::TopicName;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_broker::ProducerRecord;
use connect_core::ConnectorName;
use connect_core::codec::offset_file::Entries;

pub(crate) use file::FileOffsets;
pub(crate) use file::read as read_offset_file;
pub(crate) use layered::LayeredOffsets;
pub(crate) use memory::MemoryOffsets;
pub(crate) use topic::TopicOffsets;

pub(crate) use known::Known;

/// A new offset of a source partition; `None` removes it.
pub(crate) type OffsetUpdate = (SourcePartition, Option<SourceOffset>);

/// Keeps only the newest offset of each partition.
pub(crate) fn keep_newest(
    updates: &mut Vec<OffsetUpdate>,
    partition: SourcePartition,
    offset: SourceOffset,
) {
    match updates.iter_mut().find(|(known, _)| *known == partition) {
        Some((_, known)) => *known = Some(offset),
        None => updates.push((partition, Some(offset))),
    }
}

/// Source offsets: all are read at the start and kept in memory; writes go through.
#[async_trait]
pub(crate) trait OffsetStore: Debug + Send + Sync + 'static {
    /// What is stored.
    fn known(&self) -> &Known;

    /// The offsets of partitions, in the order of the arguments.
    fn read(&self, connector: &str, partitions: &[SourcePartition]) -> Vec<Option<SourceOffset>> {
        self.known().read(connector, partitions)
    }

    /// All offsets of a connector.
    fn all(&self, connector: &str) -> Vec<(SourcePartition, SourceOffset)> {
        self.known().all(connector)
    }

    /// The topic that the offsets are in, if they are in the log.
    fn topic(&self) -> Option<&TopicName> {
        None
    }

    /// Reads what others have written in the meantime. Called before a task reads its offsets, once
    /// producers of its earlier starts are fenced (invariant T2).
    async fn catch_up(&self) -> Result<()> {
        Ok(())
    }

    /// Writes offsets and returns when they are durable and known.
    ///
    /// *Cancellation*: the write completes, but the known offsets change only if this returns.
    async fn write(
        &self,
        connector: &ConnectorName,
        updates: &[OffsetUpdate],
        now: Timestamp,
    ) -> Result<()>;

    /// The records that store updates, for a producer that writes them in its own transaction;
    /// `None` if the offsets are not in the log. [`durable`](OffsetStore::durable) follows.
    fn records(
        &self,
        connector: &ConnectorName,
        updates: &[OffsetUpdate],
        now: Timestamp,
        first_token: u64,
    ) -> Option<Vec<ProducerRecord>> {
        let _ = (connector, updates, now, first_token);
        None
    }

    /// Releases the log. Known offsets can still be read, but nothing can be written.
    async fn close(&self) {}

    /// Records that the records of updates are durable.
    fn durable(&self, connector: &ConnectorName, updates: &[OffsetUpdate], now: Timestamp) {
        let _ = now;
        self.known().apply(connector, updates);
    }
}

impl dyn OffsetStore {
    /// Imports offsets that are not stored yet; returns how many.
    pub(crate) async fn import(&self, entries: Entries, now: Timestamp) -> Result<usize> {
        let news = Known::from_entries(entries).missing_in(self.known());
        let mut imported = 0;
        for (connector, updates) in news {
            imported += updates.len();
            self.write(&connector, &updates, now).await?;
        }
        Ok(imported)
    }
}
