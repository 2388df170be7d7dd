//! Options of an in-process log.

use std::time::Duration;

use crate::Clock;

/// When a durable log forces what it wrote to the disk.
///
/// With any of them, after a crash the log holds a prefix of what was accepted: records and the
/// offsets that were committed with them are both there, or neither is.
///
/// After an error of the disk, such as a full one, a log with [`Commit`](Self::Commit) continues as
/// soon as it can. With the others it may have lost what it had acknowledged, and every call fails
/// until it is closed and opened again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// Before any receipt. Nothing that was acknowledged is lost, even if the power fails.
    #[default]
    Commit,
    /// At most this long after the receipt. If the power fails or the process dies, what was
    /// acknowledged within the interval may be gone.
    Interval(Duration),
    /// When the log is closed. If the process dies, everything since opening may be gone.
    None,
}

/// Options of a [`LocalBroker`](crate::LocalBroker).
///
/// ```
/// use std::time::Duration;
///
/// use connect_log::{Durability, LocalOptions};
///
/// let mut options = LocalOptions::default();
/// options.durability = Durability::Interval(Duration::from_millis(100));
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LocalOptions {
    /// When a durable log forces its data to the disk. Ignored in memory.
    pub durability: Durability,
    /// Bytes of pages that a durable log keeps in memory.
    pub cache_bytes: usize,
    /// Bytes of recent batches that a durable log keeps in memory, so that consumers at the end of
    /// their topics do not read from the disk.
    pub tail_bytes: usize,
    /// The largest record, counting key, value and headers.
    pub max_record_bytes: usize,
    /// Creates a topic with default options when a record is sent to it, or when a consumer names
    /// it and its options have `allow.auto.create.topics=true`.
    pub auto_create_topics: bool,
    /// Partitions of topics that are created without a number.
    pub default_partitions: i32,
    /// `retention.ms` of topics without their own; `None` keeps records forever. The age of a
    /// record counts from its append. What a known consumer group has not read stays, however old.
    /// Compacted topics have no retention unless their policy is `compact,delete`.
    pub retention: Option<Duration>,
    /// Bytes of records in all topics together; `None` means no limit. Above it, the oldest records
    /// that every known consumer group has read are removed from topics that are not compacted. If
    /// there are none, producers wait.
    pub max_bytes: Option<u64>,
    /// The wall clock.
    pub clock: Clock,
}

impl Default for LocalOptions {
    fn default() -> Self {
        Self {
            durability: Durability::Commit,
            cache_bytes: 24 * 1024 * 1024,
            tail_bytes: 32 * 1024 * 1024,
            max_record_bytes: 64 * 1024 * 1024,
            auto_create_topics: true,
            default_partitions: 1,
            retention: Some(Duration::from_secs(7 * 24 * 60 * 60)),
            max_bytes: Some(16 * 1024 * 1024 * 1024),
            clock: Clock::system(),
        }
    }
}
