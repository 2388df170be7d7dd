//! What the log needs from a store: atomic changes to batches and to small entries.
//!
//! The log decides everything; a store knows no topics and does not look into batches. All
//! methods of a store that [is in memory](Store::is_in_memory) are short; those of others block
//! and are called from the writer's thread or from the runtime's threads for blocking work.

#[cfg(test)]
mod faults;
pub(crate) mod memory;
pub(crate) mod redb;

use std::fmt::Debug;

use bytes::Bytes;
use connect_broker::BrokerError;

/// One change. A list of changes is applied in order, all or nothing.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// Puts a small entry.
    Put(Vec<u8>, Vec<u8>),
    /// Puts a batch at its base offset and replaces one that may be there.
    PutBatch {
        /// The log.
        log: u32,
        /// The base offset.
        base: i64,
        /// The batch.
        bytes: Bytes,
    },
    /// Removes a small entry.
    Remove(Vec<u8>),
    /// Removes the batches whose base offset is at least `from` and below `to`.
    RemoveBatches {
        /// The log.
        log: u32,
        /// The first base offset.
        from: i64,
        /// The base offset after the last.
        to: i64,
    },
}

/// A small entry: its key and its value.
pub(crate) type Entry = (Vec<u8>, Vec<u8>);

/// A batch as it came from a store, unchecked.
#[derive(Debug, Clone)]
pub(crate) struct StoredBatch {
    /// The base offset under which it was stored.
    pub(crate) base: i64,
    /// Its bytes.
    pub(crate) bytes: Bytes,
}

/// Keeps batches and small entries.
pub(crate) trait Store: Debug + Send + Sync {
    /// Makes changes, all or none. With `sync` they and all earlier ones survive a crash once this
    /// returns; without, a crash may undo a suffix of the changes since the last one with it.
    ///
    /// After an error, the changes may or may not survive a crash. The next changes apply to
    /// whatever is stored then.
    fn commit(&self, changes: &[Change], sync: bool) -> Result<(), BrokerError>;

    /// Batches of a log in order of their offsets: first the one with the greatest base at or
    /// below `from`, if any, then those with a base below `to`, at least one of them, up to about
    /// `limit` bytes. (Whether the first one reaches to `from` only its bytes tell.)
    fn read(
        &self,
        log: u32,
        from: i64,
        to: i64,
        limit: usize,
    ) -> Result<Vec<StoredBatch>, BrokerError>;

    /// All small entries, in order of their keys.
    fn entries(&self) -> Result<Vec<Entry>, BrokerError>;

    /// True if the store never blocks.
    fn is_in_memory(&self) -> bool;

    /// Releases what the store holds. Every later call fails with [`BrokerError::Closed`].
    fn close(&self);
}

/// Collects the result of [`Store::read`].
#[derive(Debug)]
pub(crate) struct Chunk {
    batches: Vec<StoredBatch>,
    bytes_left: usize,
    more_than_first: bool,
}

impl Chunk {
    /// Room for about `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            batches: Vec::new(),
            bytes_left: limit,
            more_than_first: false,
        }
    }

    /// Adds the batch at or below the wanted offset.
    pub(crate) fn push_first(&mut self, base: i64, bytes: impl FnOnce() -> Bytes) {
        let bytes = bytes();
        self.bytes_left = self.bytes_left.saturating_sub(bytes.len());
        self.batches.push(StoredBatch { base, bytes });
    }

    /// Adds a later batch. Returns false if there is no room for it.
    pub(crate) fn push(&mut self, base: i64, len: usize, bytes: impl FnOnce() -> Bytes) -> bool {
        if self.more_than_first && len > self.bytes_left {
            return false;
        }
        self.more_than_first = true;
        self.bytes_left = self.bytes_left.saturating_sub(len);
        self.batches.push(StoredBatch {
            base,
            bytes: bytes(),
        });
        true
    }

    /// The batches that were added.
    pub(crate) fn into_batches(self) -> Vec<StoredBatch> {
        self.batches
    }
}
