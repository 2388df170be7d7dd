//! Which source offsets may be committed.
//!
//! Every record gets a dense token when it is submitted, in poll order, and is acknowledged once it
//! is durable or dropped, in any order. Per source partition the offset of the last record of the
//! acknowledged *head run* is committable (invariants O1 and O2).
//!
//! Consecutive records of one partition share a *span* that keeps only the last offset: a span of
//! up to 64 records costs as much as a single record, so that tracking takes a few nanoseconds per
//! record. The price: offsets become committable span by span. A span never outlives the batch that
//! it came from ([`OffsetTracker::seal`]).

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::hash::Hash;
use std::hash::Hasher;
use std::ops::Range;

use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;

/// Records per span at most.
const SPAN_RECORDS: u64 = 64;

/// Tracks submitted records of one source task until they are durable or dropped.
///
/// *Java*: `SubmittedRecords`. Unlike there, dropped records advance the offset too, and several
/// records can share one offset explicitly.
///
/// ```
/// use connect_api::record::{SourceOffset, SourcePartition};
/// use connect_core::source::OffsetTracker;
///
/// let file = SourcePartition::new([("filename", "a")]);
/// let mut tracker = OffsetTracker::new();
/// let first = tracker.submit(&file, SourceOffset::new("position", 10i64), false);
/// tracker.seal();
/// let second = tracker.submit(&file, SourceOffset::new("position", 20i64), false);
///
/// tracker.acknowledge(second..second + 1);
/// assert!(tracker.take_committable().is_empty()); // the first one is still in flight
/// tracker.acknowledge(first..first + 1);
/// assert_eq!(tracker.take_committable(), [(file, SourceOffset::new("position", 20i64))]);
/// ```
#[derive(Debug, Default)]
#[doc(alias = "SubmittedRecords")]
pub struct OffsetTracker {
    next_token: u64,
    /// Spans in token order; spans that are done stay until those before them are, or until a sweep.
    spans: VecDeque<Span>,
    /// True while the last span takes more records.
    open: bool,
    lanes: Vec<Lane>,
    /// Lanes by the hash of their partition.
    by_hash: BTreeMap<u64, Vec<usize>>,
    /// Lanes that nobody uses.
    free: Vec<usize>,
    /// Length of `spans` at which done ones behind a stuck one are swept out.
    sweep_at: usize,
    unacknowledged: u64,
}

#[derive(Debug)]
struct Span {
    tokens: Range<u64>,
    /// Records that are neither durable nor dropped.
    remaining: u64,
    lane: usize,
    /// The offset reached with the last record; `None` if more records under the same one follow.
    offset: Option<SourceOffset>,
}

#[derive(Debug)]
struct Lane {
    partition: SourcePartition,
    committable: Option<SourceOffset>,
    /// Spans of the partition that are kept.
    spans: usize,
}

/// A snapshot of a tracker, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrackerStats {
    /// Records submitted since the start.
    pub submitted: u64,
    /// Records that are neither durable nor dropped.
    pub unacknowledged: u64,
    /// Source partitions with records or offsets that are not committed yet.
    pub partitions: usize,
}

impl OffsetTracker {
    /// An empty tracker.
    #[must_use]
    pub fn new() -> Self {
        Self {
            sweep_at: MIN_SWEEP,
            ..Self::default()
        }
    }

    /// Submits a record and returns its token: the number of records submitted before.
    ///
    /// With `more_follow` the offset counts only together with the next record of the partition
    /// that comes without it. Offsets of the null partition are not kept.
    pub fn submit(
        &mut self,
        partition: &SourcePartition,
        offset: SourceOffset,
        more_follow: bool,
    ) -> u64 {
        let token = self.next_token;
        self.next_token += 1;
        self.unacknowledged += 1;
        let offset = (!more_follow).then_some(offset);
        if self.open
            && let Some(span) = self.spans.back_mut()
            && self.lanes.get(span.lane).is_some_and(|lane| lane.partition.is_same(partition))
            // A group must not take back an offset that the records before it have reached.
            && !(more_follow && span.offset.is_some())
        {
            span.tokens.end = token + 1;
            span.remaining += 1;
            span.offset = offset;
            self.open = span.tokens.end - span.tokens.start < SPAN_RECORDS;
        } else {
            let lane = self.lane(partition);
            if let Some(lane) = self.lanes.get_mut(lane) {
                lane.spans += 1;
            }
            self.spans.push_back(Span {
                tokens: token..token + 1,
                remaining: 1,
                lane,
                offset,
            });
            self.open = true;
        }
        token
    }

    /// Ends the current span: called after the last record of a batch.
    pub fn seal(&mut self) {
        self.open = false;
    }

    /// Records that records are durable or dropped. Each token must be acknowledged once.
    pub fn acknowledge(&mut self, tokens: Range<u64>) {
        self.unacknowledged -= tokens
            .end
            .saturating_sub(tokens.start)
            .min(self.unacknowledged);
        let mut index = self
            .spans
            .partition_point(|span| span.tokens.end <= tokens.start);
        let mut at = tokens.start;
        while at < tokens.end {
            let Some(span) = self.spans.get_mut(index) else {
                break;
            };
            let until = span.tokens.end.min(tokens.end);
            let from = at.max(span.tokens.start);
            debug_assert!(
                span.remaining >= until - from,
                "O1: a record was acknowledged twice"
            );
            span.remaining = span.remaining.saturating_sub(until - from);
            at = until;
            index += 1;
        }
        self.pop_done();
    }

    /// The offsets that became committable since the last call, one per source partition.
    pub fn take_committable(&mut self) -> Vec<(SourcePartition, SourceOffset)> {
        self.seal();
        self.pop_done();
        self.sweep();
        let committable = self
            .lanes
            .iter_mut()
            .filter_map(|lane| Some((lane.partition.clone(), lane.committable.take()?)))
            .collect();
        self.free_lanes();
        committable
    }

    /// The number of records before the first that is neither durable nor dropped. Grows span by
    /// span.
    #[must_use]
    pub fn acknowledged_prefix(&self) -> u64 {
        self.spans
            .front()
            .map_or(self.next_token, |span| span.tokens.start)
    }

    /// The source partition of a record that is neither durable nor dropped, for messages.
    #[must_use]
    pub fn partition_of(&self, token: u64) -> Option<&SourcePartition> {
        let index = self.spans.partition_point(|span| span.tokens.end <= token);
        let span = self.spans.get(index)?;
        let lane = span.tokens.contains(&token).then_some(span.lane)?;
        Some(&self.lanes.get(lane)?.partition)
    }

    /// Records that are neither durable nor dropped.
    #[must_use]
    pub const fn unacknowledged(&self) -> u64 {
        self.unacknowledged
    }

    /// A snapshot for metrics.
    #[must_use]
    pub fn stats(&self) -> TrackerStats {
        TrackerStats {
            submitted: self.next_token,
            unacknowledged: self.unacknowledged,
            partitions: self.lanes.len() - self.free.len(),
        }
    }

    fn lane(&mut self, partition: &SourcePartition) -> usize {
        // Most records have the partition of the record before.
        if let Some(span) = self.spans.back()
            && let Some(lane) = self.lanes.get(span.lane)
            && lane.partition.is_same(partition)
        {
            return span.lane;
        }
        let hash = hash(partition);
        let known = self.by_hash.get(&hash).into_iter().flatten();
        let mut known = known.filter(|index| {
            let lane = self.lanes.get(**index);
            lane.is_some_and(|lane| lane.partition == *partition)
        });
        if let Some(index) = known.next() {
            return *index;
        }
        let lane = Lane {
            partition: partition.clone(),
            committable: None,
            spans: 0,
        };
        let index = match self.free.pop() {
            Some(index) => index,
            None => self.lanes.len(),
        };
        match self.lanes.get_mut(index) {
            Some(free) => *free = lane,
            None => self.lanes.push(lane),
        }
        self.by_hash.entry(hash).or_default().push(index);
        index
    }

    /// Forgets partitions with nothing in flight and nothing to commit, so that a
    /// source with ever new partitions does not grow. Cheap: it does so only when they are many.
    fn free_lanes(&mut self) {
        if self.lanes.len() - self.free.len() < MIN_LANES {
            return;
        }
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            if lane.spans > 0 || lane.committable.is_some() {
                continue;
            }
            let hash = hash(&lane.partition);
            let Some(same) = self.by_hash.get_mut(&hash) else {
                continue; // free already
            };
            let Some(place) = same.iter().position(|other| *other == index) else {
                continue;
            };
            same.swap_remove(place);
            if same.is_empty() {
                self.by_hash.remove(&hash);
            }
            lane.partition = SourcePartition::null();
            self.free.push(index);
        }
    }

    /// Drops spans that are done, up to the first that is not.
    fn pop_done(&mut self) {
        while self.spans.front().is_some_and(|span| span.remaining == 0) {
            let Some(span) = self.spans.pop_front() else {
                break;
            };
            let Some(lane) = self.lanes.get_mut(span.lane) else {
                continue;
            };
            lane.spans -= 1;
            if span.offset.is_some() && !lane.partition.is_null() {
                lane.committable = span.offset;
            }
        }
        if self.spans.len() >= self.sweep_at {
            self.sweep();
        }
    }

    /// Drops all spans that are done and behind no unfinished one of their own partition, so that a
    /// stuck partition holds up neither the offsets of the others nor memory.
    fn sweep(&mut self) {
        let lanes = &mut self.lanes;
        let mut blocked = vec![false; lanes.len()];
        self.spans.retain_mut(|span| {
            let (Some(blocked), Some(lane)) =
                (blocked.get_mut(span.lane), lanes.get_mut(span.lane))
            else {
                return false;
            };
            *blocked |= span.remaining > 0;
            if !*blocked {
                lane.spans -= 1;
                if span.offset.is_some() && !lane.partition.is_null() {
                    lane.committable = span.offset.take();
                }
            }
            *blocked
        });
        self.sweep_at = (2 * self.spans.len()).max(MIN_SWEEP);
    }
}

/// The same in each process, so that equal inputs give equal outputs.
fn hash(partition: &SourcePartition) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    partition.hash(&mut hasher);
    hasher.finish()
}

/// Source partitions that a tracker keeps before it looks for ones that are of no use.
const MIN_LANES: usize = 64;

/// Spans that a tracker holds before it looks for done ones behind a stuck one.
const MIN_SWEEP: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn offset(position: i64) -> SourceOffset {
        SourceOffset::new("position", position)
    }

    fn position(offset: &SourceOffset) -> i64 {
        offset
            .get("position")
            .and_then(|value| value.as_i64())
            .unwrap()
    }

    #[test]
    fn a_dropped_record_advances_the_offset() {
        let file = SourcePartition::new([("filename", "a")]);
        let mut tracker = OffsetTracker::new();
        let token = tracker.submit(&file, offset(1), false);
        tracker.acknowledge(token..token + 1);
        assert_eq!(tracker.take_committable(), [(file, offset(1))]);
        assert!(tracker.take_committable().is_empty());
    }

    #[test]
    fn ever_new_partitions_are_forgotten() {
        let mut tracker = OffsetTracker::new();
        for round in 0..10 {
            for index in 0..1000i64 {
                let partition = SourcePartition::new([("file", round * 1000 + index)]);
                let token = tracker.submit(&partition, offset(index), false);
                tracker.acknowledge(token..token + 1);
            }
            assert_eq!(tracker.take_committable().len(), 1000);
        }
        assert_eq!(tracker.stats().partitions, 0);
        assert!(tracker.lanes.len() <= 1000 && tracker.by_hash.is_empty());
    }

    #[test]
    fn a_group_is_committable_only_when_all_of_it_is_acknowledged() {
        let file = SourcePartition::new([("filename", "a")]);
        let mut tracker = OffsetTracker::new();
        tracker.submit(&file, offset(1), false);
        for _ in 0..100 {
            tracker.submit(&file, offset(2), true);
        }
        tracker.submit(&file, offset(2), false);
        tracker.acknowledge(0..101);
        assert_eq!(tracker.take_committable(), [(file.clone(), offset(1))]);
        tracker.acknowledge(101..102);
        assert_eq!(tracker.take_committable(), [(file, offset(2))]);
    }

    #[test]
    fn a_stuck_partition_does_not_hold_up_the_others() {
        let (a, b) = (
            SourcePartition::new([("p", 1)]),
            SourcePartition::new([("p", 2)]),
        );
        let mut tracker = OffsetTracker::new();
        tracker.submit(&a, offset(1), false);
        for i in 0..100_000 {
            let token = tracker.submit(&b, offset(i), false);
            tracker.seal();
            tracker.acknowledge(token..token + 1);
            assert!(tracker.spans.len() <= MIN_SWEEP, "memory stays bounded");
        }
        assert_eq!(tracker.take_committable(), [(b, offset(99_999))]);
        assert_eq!(tracker.acknowledged_prefix(), 0);
    }

    #[test]
    fn records_without_a_partition_are_counted_only() {
        let mut tracker = OffsetTracker::new();
        tracker.submit(&SourcePartition::null(), offset(1), false);
        tracker.acknowledge(0..1);
        assert!(tracker.take_committable().is_empty());
        assert_eq!(
            (tracker.acknowledged_prefix(), tracker.unacknowledged()),
            (1, 0)
        );
    }

    proptest! {
        /// O1 and O2 against a model that remembers every record.
        #[test]
        fn offset_never_passes_an_unacknowledged_record(
            records in prop::collection::vec((0usize..3, any::<bool>(), any::<bool>()), 1..400),
            order in prop::collection::vec(any::<prop::sample::Index>(), 400),
        ) {
            let partitions: Vec<_> = (0..3).map(|p| SourcePartition::new([("p", p)])).collect();
            let mut tracker = OffsetTracker::new();
            let mut model: Vec<(usize, bool, bool)> = Vec::new(); // lane, more_follow, acknowledged
            let mut waiting: Vec<u64> = Vec::new();
            let mut committed = [-1i64; 3];
            for (i, (lane, more_follow, seal)) in records.into_iter().enumerate() {
                let token = tracker.submit(&partitions[lane], offset(i as i64), more_follow);
                prop_assert_eq!(token, i as u64);
                model.push((lane, more_follow, false));
                waiting.push(token);
                if seal {
                    tracker.seal();
                }
                if i % 2 == 0 {
                    let token = waiting.swap_remove(order[i].index(waiting.len()));
                    tracker.acknowledge(token..token + 1);
                    model[token as usize].2 = true;
                }
                for (partition, offset) in tracker.take_committable() {
                    let lane = partitions.iter().position(|p| *p == partition).unwrap();
                    let reached = position(&offset);
                    prop_assert!(reached > committed[lane], "O2");
                    committed[lane] = reached;
                    for (token, (l, more, acknowledged)) in model.iter().enumerate() {
                        if *l == lane && token as i64 <= reached {
                            prop_assert!(*acknowledged, "O1");
                        }
                        if token as i64 == reached {
                            prop_assert!(!more, "an offset inside a group");
                        }
                    }
                }
            }
            for token in waiting {
                tracker.acknowledge(token..token + 1);
                model[token as usize].2 = true;
            }
            for (partition, offset) in tracker.take_committable() {
                let lane = partitions.iter().position(|p| *p == partition).unwrap();
                committed[lane] = position(&offset);
            }
            for (lane, committed) in committed.into_iter().enumerate() {
                let last = model.iter().rposition(|(l, more, _)| *l == lane && !more);
                prop_assert_eq!(committed, last.map_or(-1, |i| i as i64));
            }
            prop_assert_eq!(tracker.acknowledged_prefix(), model.len() as u64);
        }
    }
}
