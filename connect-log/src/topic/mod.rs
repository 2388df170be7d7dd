//! Topics and their logs, as readers see them.

pub(crate) mod compaction;
pub(crate) mod fetch;
pub(crate) mod policy;
pub(crate) mod retention;

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::Weak;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_broker::Isolation;
use tokio::sync::Notify;

use crate::format::batch::Batch;
use crate::format::catalog::LogEntry;
use crate::sync::lock;
use crate::topic::policy::Policy;

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
    /// Where the next batch without a partition goes.
    next_partition: AtomicU32,
}

impl Topic {
    /// A topic of logs that exist.
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

    /// The partition for a batch of records without keys: each in turn.
    pub(crate) fn next_partition(&self) -> i32 {
        let turn = self.next_partition.fetch_add(1, Ordering::Relaxed);
        let partitions = u32::try_from(self.logs.len()).unwrap_or(1).max(1);
        (turn % partitions).cast_signed()
    }
}

/// The log of one partition. What is in [`Visible`] readers see; `write` belongs to the writer.
#[derive(Debug)]
pub(crate) struct Log {
    /// Its number in the store.
    pub(crate) id: u32,
    /// The partition it is the log of.
    pub(crate) partition: TopicPartition,
    /// What the topic's options mean for it.
    pub(crate) policy: Policy,
    visible: Mutex<Visible>,
    write: Mutex<LogWrite>,
    waiting: Mutex<Vec<Weak<Notify>>>,
    deleted: AtomicBool,
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
    /// Nothing is there yet; the offset is where to go on, past gaps.
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
            waiting: Mutex::default(),
            deleted: AtomicBool::new(false),
        }
    }

    /// The first offset that is left.
    pub(crate) fn start(&self) -> i64 {
        lock(&self.visible).start
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
        let offset = offset.max(visible.start);
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

    /// Shows readers what was stored: new batches, if a tail is kept, and new bounds.
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
        self.wake();
    }

    /// Takes batches that stand no longer out of the tail.
    pub(crate) fn forget(&self, bases: &[i64]) {
        lock(&self.visible)
            .tail
            .retain(|batch| !bases.contains(&batch.base));
    }

    /// Drops the batches of the tail up to an offset; they are in the store.
    pub(crate) fn shorten_tail(&self, last: i64) {
        let mut visible = lock(&self.visible);
        while visible.tail.front().is_some_and(|batch| batch.last <= last) {
            visible.tail.pop_front();
        }
        visible.tail_from = visible.tail_from.max(last + 1);
    }

    /// Marks the log as gone.
    pub(crate) fn delete(&self) {
        self.deleted.store(true, Ordering::Release);
        lock(&self.visible).tail.clear();
        self.wake();
    }

    /// Notifies a reader of news from now on, until it is dropped or unsubscribed.
    pub(crate) fn subscribe(&self, reader: &Arc<Notify>) {
        let mut waiting = lock(&self.waiting);
        waiting.retain(|other| other.strong_count() > 0);
        waiting.push(Arc::downgrade(reader));
    }

    /// Notifies a reader no longer.
    pub(crate) fn unsubscribe(&self, reader: &Arc<Notify>) {
        lock(&self.waiting).retain(|other| !std::ptr::eq(other.as_ptr(), Arc::as_ptr(reader)));
    }

    /// Notifies all readers.
    pub(crate) fn wake(&self) {
        for reader in lock(&self.waiting).iter().filter_map(Weak::upgrade) {
            reader.notify_one();
        }
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
