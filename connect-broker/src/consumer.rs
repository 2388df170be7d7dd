//! Reading from a log.

use std::time::Duration;

use async_trait::async_trait;
use connect_api::LogOffsets;
use connect_api::TopicPartition;

use crate::BrokerError;
use crate::PartitionRecords;

/// What [`Consumer::poll`] returns.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConsumerEvent {
    /// Partitions were added. Call [`Consumer::rebalanced`] when ready to read them.
    Assigned(Vec<TopicPartition>),
    /// The log removed records before this consumer read them. Reading continues after them. The
    /// consumer has logged a warning.
    Gaps(Vec<Gap>),
    /// Nothing arrived within the wait, or a position moved past offsets that have no record for
    /// this reader.
    Idle,
    /// Partitions were lost without notice. Another member may already own them, so do not commit.
    Lost(Vec<TopicPartition>),
    /// Records, grouped by partition, each group in offset order.
    Records(Vec<PartitionRecords>),
    /// Partitions are revoked. Finish and commit, then call [`Consumer::rebalanced`]; another
    /// member gets them only after that.
    Revoked(Vec<TopicPartition>),
}

/// Records that a consumer will never get: its position was below the start of the partition.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// The partition.
    pub partition: TopicPartition,
    /// The position of the consumer.
    pub from: i64,
    /// The first offset that is left, where the consumer continues.
    pub to: i64,
}

impl Gap {
    /// A gap between two offsets of a partition; for implementers of [`Consumer`].
    #[must_use]
    pub fn new(partition: TopicPartition, from: i64, to: i64) -> Self {
        Self {
            partition,
            from,
            to,
        }
    }

    /// How many records are missing at most: some of the offsets may have had no record.
    #[must_use]
    pub fn records(&self) -> u64 {
        u64::try_from(self.to.saturating_sub(self.from)).unwrap_or(0)
    }
}

/// Reads records, alone or as a member of a group.
///
/// A consumer is a member of its group until it is dropped. If it was
/// [closed](Consumer::close) before, it leaves the group at once.
#[async_trait]
pub trait Consumer: Send {
    /// Waits up to `wait` for an event. Keeps the group membership alive, also while all
    /// partitions are paused.
    ///
    /// *Cancellation*: safe; records that were not returned come with the next call.
    ///
    /// # Errors
    /// [`BrokerError::Corrupt`] names what of the log cannot be read; the position does not move.
    async fn poll(&mut self, wait: Duration) -> Result<ConsumerEvent, BrokerError>;

    /// Acknowledges the last [`ConsumerEvent::Assigned`], [`Revoked`](ConsumerEvent::Revoked) or
    /// [`Lost`](ConsumerEvent::Lost).
    ///
    /// # Errors
    /// [`BrokerError::Unavailable`] if the coordinator cannot be reached.
    async fn rebalanced(&mut self) -> Result<(), BrokerError>;

    /// Commits offsets for the group and returns when that is durable.
    ///
    /// # Errors
    /// [`BrokerError::NotAssigned`] if a partition now belongs to another member;
    /// [`BrokerError::InvalidState`] without a group.
    async fn commit(&mut self, offsets: &LogOffsets) -> Result<(), BrokerError>;

    /// What the group has committed for partitions; those without are absent.
    ///
    /// # Errors
    /// [`BrokerError::InvalidState`] without a group.
    async fn committed(&mut self, partitions: &[TopicPartition])
    -> Result<LogOffsets, BrokerError>;

    /// The offset of the record that [`poll`](Consumer::poll) will return next for a partition.
    /// Past the end of what can be read, it is the end.
    ///
    /// # Errors
    /// [`BrokerError::NotAssigned`] for a partition that is not assigned.
    async fn position(&mut self, partition: &TopicPartition) -> Result<i64, BrokerError>;

    /// Moves the position of an assigned partition.
    ///
    /// # Errors
    /// [`BrokerError::NotAssigned`] for a partition that is not assigned.
    fn seek(&mut self, partition: &TopicPartition, offset: i64) -> Result<(), BrokerError>;

    /// Stops reading from partitions until [`resume`](Consumer::resume); unknown ones are ignored.
    fn pause(&mut self, partitions: &[TopicPartition]);

    /// Reads from paused partitions again.
    fn resume(&mut self, partitions: &[TopicPartition]);

    /// Leaves the group. Returns once the group knows, or after a few seconds at most. Without this
    /// call, the group may keep a dead member until its session times out, and the next member
    /// waits for that. No other call may follow.
    ///
    /// Does nothing for a log whose groups notice at once that a consumer is dropped.
    async fn close(&mut self) {}
}
