//! Where the configuration log is: in a topic, or in memory.

mod topic;

use async_trait::async_trait;
use connect_core::Failure;
use connect_core::cluster::log::ConfigRecord;

pub(crate) use topic::TopicConfigs;

/// A configuration log, followed record by record.
#[async_trait]
pub(crate) trait ConfigStore: Send {
    /// Reads the log to the end that it has now: the records from the first call on, each with its
    /// offset, in order.
    ///
    /// # Errors
    /// The log cannot be read.
    async fn read_to_end(&mut self) -> Result<Vec<(i64, ConfigRecord)>, Failure>;

    /// Appends records in this order, all or none, and returns when they were read back: what was
    /// read meanwhile, those records included.
    ///
    /// # Errors
    /// They are not in the log.
    async fn append(
        &mut self,
        records: Vec<ConfigRecord>,
    ) -> Result<Vec<(i64, ConfigRecord)>, Failure>;

    /// Waits for records that somebody else has written.
    ///
    /// *Cancellation*: safe.
    async fn follow(&mut self) -> Result<Vec<(i64, ConfigRecord)>, Failure>;
}

/// A configuration log that lives as long as the worker.
#[derive(Debug, Default)]
pub(crate) struct MemoryConfigs {
    next: i64,
}

#[async_trait]
impl ConfigStore for MemoryConfigs {
    async fn read_to_end(&mut self) -> Result<Vec<(i64, ConfigRecord)>, Failure> {
        Ok(Vec::new())
    }

    async fn append(
        &mut self,
        records: Vec<ConfigRecord>,
    ) -> Result<Vec<(i64, ConfigRecord)>, Failure> {
        let first = self.next;
        let read: Vec<_> = (first..).zip(records).collect();
        self.next = read.last().map_or(first, |(offset, _)| offset + 1);
        Ok(read)
    }

    async fn follow(&mut self) -> Result<Vec<(i64, ConfigRecord)>, Failure> {
        std::future::pending().await
    }
}
