//! Which log offsets of a sink task may be committed.

use connect_api::LogOffsets;
use connect_api::TopicPartition;

/// Keeps, per partition, how far `put` accepted records and what is committed (invariant O3).
///
/// ```
/// use connect_api::{LogOffsets, TopicPartition};
/// use connect_core::sink::CommitTracker;
///
/// let partition = TopicPartition::new("t", 0);
/// let mut tracker = CommitTracker::default();
/// tracker.accepted(&partition, 10);
/// assert_eq!(tracker.due().get(&partition), Some(&10));
///
/// // The task has made only some of it durable, and claims a partition that it does not own.
/// let answer: LogOffsets =
///     [(partition.clone(), 7), (TopicPartition::new("t", 1), 3)].into_iter().collect();
/// let (commit, refused) = tracker.allow(&tracker.due(), answer);
/// assert_eq!(commit.get(&partition), Some(&7));
/// assert_eq!(refused.len(), 1);
/// tracker.committed(&commit);
/// assert_eq!(tracker.due().get(&partition), Some(&10));
/// ```
#[derive(Debug, Clone, Default)]
pub struct CommitTracker {
    accepted: LogOffsets,
    committed: LogOffsets,
    /// The start offsets of partitions of which nothing was accepted or committed since.
    untouched: LogOffsets,
}

impl CommitTracker {
    /// `put` accepted everything of a partition before this offset.
    pub fn accepted(&mut self, partition: &TopicPartition, next: i64) {
        self.untouched.remove(partition);
        match self.accepted.get_mut(partition) {
            Some(known) => *known = next,
            None => _ = self.accepted.insert(partition.clone(), next),
        }
    }

    /// A partition was assigned, and is read from this offset on.
    pub fn assigned(&mut self, partition: &TopicPartition, next: i64) {
        self.accepted.insert(partition.clone(), next);
        self.committed.insert(partition.clone(), next);
        self.untouched.insert(partition.clone(), next);
    }

    /// The start offsets of partitions of which nothing was accepted or committed since. The group
    /// may have no committed offset for them.
    #[must_use]
    pub const fn untouched(&self) -> &LogOffsets {
        &self.untouched
    }

    /// What is accepted and not committed.
    #[must_use]
    pub fn due(&self) -> LogOffsets {
        self.accepted
            .iter()
            .filter(|(partition, next)| self.committed.get(*partition) != Some(next))
            .map(|(partition, next)| (partition.clone(), *next))
            .collect()
    }

    /// [`due`](CommitTracker::due) for some partitions.
    #[must_use]
    pub fn due_of(&self, partitions: &[TopicPartition]) -> LogOffsets {
        self.due()
            .into_iter()
            .filter(|(partition, _)| partitions.contains(partition))
            .collect()
    }

    /// Splits the offsets that the task returned: those that may be committed, and those that may
    /// not because they were not in `asked` or are larger than what was accepted.
    #[must_use]
    pub fn allow(&self, asked: &LogOffsets, answer: LogOffsets) -> (LogOffsets, LogOffsets) {
        let (allowed, refused): (Vec<_>, Vec<_>) = answer
            .into_iter()
            .partition(|(partition, next)| asked.get(partition).is_some_and(|limit| next <= limit));
        let news = allowed
            .into_iter()
            .filter(|(partition, next)| self.committed.get(partition) != Some(next))
            .collect();
        (news, refused.into_iter().collect())
    }

    /// These offsets are committed.
    pub fn committed(&mut self, offsets: &LogOffsets) {
        for (partition, next) in offsets {
            self.untouched.remove(partition);
            self.committed.insert(partition.clone(), *next);
        }
    }

    /// `pre_commit` failed: everything that is not committed counts as not accepted. Returns the
    /// offsets to continue from.
    pub fn rewind(&mut self) -> LogOffsets {
        let due: Vec<_> = self
            .due()
            .into_iter()
            .map(|(partition, _)| partition)
            .collect();
        let back = |partition: TopicPartition| {
            let next = self.committed.get(&partition).copied()?;
            self.accepted.insert(partition.clone(), next);
            Some((partition, next))
        };
        due.into_iter().filter_map(back).collect()
    }

    /// How far `put` accepted a partition.
    #[must_use]
    pub fn position(&self, partition: &TopicPartition) -> Option<i64> {
        self.accepted.get(partition).copied()
    }

    /// The partitions that are assigned.
    pub fn partitions(&self) -> impl Iterator<Item = &TopicPartition> {
        self.accepted.keys()
    }

    /// Forgets partitions.
    pub fn forget(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.untouched.remove(partition);
            self.accepted.remove(partition);
            self.committed.remove(partition);
        }
    }
}
