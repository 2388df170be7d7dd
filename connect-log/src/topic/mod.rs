//! Topics and their logs, as readers see them.

pub(crate) mod compaction;
pub(crate) mod fetch;
pub(crate) mod policy;
pub(crate) mod readers;
pub(crate) mod retention;

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_broker::Isolation;
use connect_core::sync::lock;

use crate::format::batch::Batch;
use crate::format::catalog::LogEntry;
use crate::topic::policy::Policy;
use crate::topic::readers::Readers;

/// A topic.
#[derive(Debug)]
pub(crate) struct Topic {
    /// Its name.
    pub(crate) name: TopicName,
    /// Its partitions.
    pub(crate) logs: Vec<Arc<Log>>,
    /// The options it was created with.
    pub(crate) config: BTreeMap<String, String>,
    /// What they mean.
    pub(crate) policy: Policy,
    /// The partition of the next batch that names none.
    next_partition: AtomicU32,
}

impl Topic {
    /// A topic with these logs, one per partition.
    pub(crate) fn new(
        name: TopicName,
        logs: Vec<Arc<Log>>,
        config: BTreeMap<String, String>,
        policy: Policy,
    ) -> Self {
        Self {
            name,
            logs,
            config,
            policy,
            next_partition: AtomicU32::new(0),
        }
    }

    /// One of its partitions.
    pub(crate) fn log(&self, partition: i32) -> Option<&Arc<Log>> {
        self.logs.get(usize::try_from(partition).ok()?)
    }

    /// True once the topic was deleted.
    pub(crate) fn is_deleted(&self) -> bool {
        self.logs.iter().all(|log| log.is_deleted())
    }

    /// How many partitions there are.
    pub(crate) fn partitions(&self) -> i32 {
        i32::try_from(self.logs.len()).unwrap_or(i32::MAX)
    }

    /// The partition for a batch of records without keys, round robin.
    pub(crate) fn next_partition(&self) -> i32 {
        let turn = self.next_partition.fetch_add(1, Ordering::Relaxed);
        let partitions = u32::try_from(self.logs.len()).unwrap_or(1).max(1);
        (turn % partitions).cast_signed()
    }
}

/// The log of one partition. Readers see [`Visible`]; `write` belongs to the writer.
#[derive(Debug)]
pub(crate) struct Log {
    /// Its number in the store.
    pub(crate) id: u32,
    /// The partition it is the log of.
    pub(crate) partition: TopicPartition,
    /// What the topic's options mean for it.
    pub(crate) policy: Policy,
    /// Readers that wait for changes of it.
    pub(crate) readers: Readers,
    visible: Mutex<Visible>,
    write: Mutex<LogWrite>,
    deleted: AtomicBool,
    /// Batches before this offset are gone or about to go.
    removed_before: AtomicI64,
}

/// What readers see of a log.
#[derive(Debug)]
struct Visible {
    start: i64,
    end: i64,
    /// Below it every transaction is decided.
    stable: i64,
    /// All batches from `tail_from` on.
    tail: VecDeque<Batch>,
    tail_from: i64,
}

/// What the writer knows of a log.
#[derive(Debug, Default)]
pub(crate) struct LogWrite {
    /// What is stored of it.
    pub(crate) entry: LogEntry,
    /// The first offset of each open transaction, and its producer.
    pub(crate) open: BTreeMap<i64, u64>,
}

/// Where to read next.
#[derive(Debug)]
pub(crate) enum Next {
    /// The offset is before the start of the log, which is this.
    Gap(i64),
    /// Nothing is there yet. The offset is where to continue, past offsets without records.
    Nothing(i64),
    /// Read these from the store: from the first offset, with bases below the second.
    Stored(i64, i64),
    /// These batches.
    Tail(Vec<Batch>),
}

impl Log {
    /// A log as the store has it.
    pub(crate) fn new(id: u32, partition: TopicPartition, policy: Policy, entry: LogEntry) -> Self {
        let visible = Visible {
            start: entry.start,
            end: entry.end,
            stable: entry.end,
            tail: VecDeque::new(),
            tail_from: entry.end,
        };
        Self {
            id,
            partition,
            policy,
            visible: Mutex::new(visible),
            write: Mutex::new(LogWrite {
                entry,
                ..LogWrite::default()
            }),
            readers: Readers::default(),
            deleted: AtomicBool::new(false),
            removed_before: AtomicI64::new(entry.start),
        }
    }

    /// The first offset that is left.
    pub(crate) fn start(&self) -> i64 {
        lock(&self.visible).start
    }

    /// Batches before this offset may already be missing from the store, although
    /// [`start`](Self::start) is still lower.
    pub(crate) fn removed_before(&self) -> i64 {
        self.removed_before.load(Ordering::Acquire)
    }

    /// Sets the offset before which the store is about to remove batches.
    pub(crate) fn remove_before(&self, offset: i64) {
        self.removed_before.store(offset, Ordering::Release);
    }

    /// The offset after the last that a reader may see.
    pub(crate) fn end(&self, isolation: Isolation) -> i64 {
        let visible = lock(&self.visible);
        visible.limit(isolation)
    }

    /// The writer's part.
    pub(crate) fn write(&self) -> std::sync::MutexGuard<'_, LogWrite> {
        lock(&self.write)
    }

    /// True once the topic was deleted.
    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Acquire)
    }

    /// What a reader at an offset reads next, up to about so many bytes.
    pub(crate) fn next(&self, offset: i64, isolation: Isolation, bytes: usize) -> Next {
        let visible = lock(&self.visible);
        let limit = visible.limit(isolation);
        if offset < visible.start {
            return Next::Gap(visible.start);
        }
        if offset >= limit {
            return Next::Nothing(limit);
        }
        if offset < visible.tail_from {
            return Next::Stored(offset, limit.min(visible.tail_from));
        }
        let first = visible.tail.partition_point(|batch| batch.last < offset);
        let mut left = bytes;
        let mut found = Vec::new();
        for batch in visible
            .tail
            .range(first..)
            .take_while(|batch| batch.base < limit)
        {
            if !found.is_empty() && batch.bytes.len() > left {
                break;
            }
            left = left.saturating_sub(batch.bytes.len());
            found.push(batch.clone());
        }
        if found.is_empty() {
            Next::Nothing(limit)
        } else {
            Next::Tail(found)
        }
    }

    /// Makes what was stored visible to readers: new batches, if a tail is kept, and new bounds.
    pub(crate) fn publish(&self, entry: &LogEntry, first_open: Option<i64>, tail: Vec<Batch>) {
        let mut visible = lock(&self.visible);
        visible.start = entry.start;
        if tail.is_empty() && visible.end < entry.end {
            visible.tail.clear();
            visible.tail_from = entry.end;
        }
        visible.end = entry.end;
        visible.stable = first_open.unwrap_or(entry.end);
        visible.tail.extend(tail);
        drop(visible);
        self.readers.wake();
    }

    /// Removes batches from the tail that no longer exist.
    pub(crate) fn forget(&self, bases: &[i64]) {
        lock(&self.visible)
            .tail
            .retain(|batch| !bases.contains(&batch.base));
    }

    /// Removes the batches of the tail up to an offset. They stay in the store.
    pub(crate) fn shorten_tail(&self, last: i64) {
        let mut visible = lock(&self.visible);
        while visible.tail.front().is_some_and(|batch| batch.last <= last) {
            visible.tail.pop_front();
        }
        visible.tail_from = visible.tail_from.max(last + 1);
    }

    /// Marks the log as deleted.
    pub(crate) fn delete(&self) {
        self.deleted.store(true, Ordering::Release);
        lock(&self.visible).tail.clear();
        self.readers.wake();
    }
}

impl Visible {
    fn limit(&self, isolation: Isolation) -> i64 {
        if isolation == Isolation::ReadUncommitted {
            self.end
        } else {
            self.stable
        }
    }
}
