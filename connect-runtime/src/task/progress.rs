//! How far a task has come, as seen from outside.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use connect_core::TaskId;
use connect_core::sync::lock;
use tokio::sync::watch;

use crate::metrics::Instruments;
use crate::plugin_threads::Call;
use crate::plugin_threads::Calling;
use crate::plugin_threads::Pulse;

/// How far a task has come.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskProgress {
    /// The task.
    pub id: TaskId,
    /// True for a source task, false for a sink task.
    pub is_source: bool,
    /// Source: records that are durable or dropped. Sink: records that `put` accepted, without those
    /// that the task reported as failed.
    pub records: u64,
    /// Records that were skipped because of errors.
    pub skipped: u64,
    /// Sink: records that the log removed before the task read them; at most.
    pub lost: u64,
    /// How much a source task says it has done, in bytes or whatever it counts.
    pub bytes_done: u64,
    /// How much a source task says there is.
    pub bytes_total: Option<u64>,
    /// Source: it said that there is nothing more for now, and every record of it is durable or
    /// dropped. Sink: nothing was there to read last time, and what it read is committed.
    pub caught_up: bool,
    /// What a source task said cannot be delivered yet, such as a last line without its end.
    pub leftover: Option<String>,
    /// True once the task has failed.
    pub failed: bool,
}

/// Shared between a task loop, the contexts of its plugin and the worker.
#[derive(Debug)]
pub(crate) struct TaskShared {
    pub(crate) id: TaskId,
    is_source: bool,
    /// Records returned by `poll`, or accepted by `put`.
    submitted: AtomicU64,
    /// Records from the first on that are durable or dropped.
    delivered: watch::Sender<u64>,
    /// Records that a sink wrote.
    written: AtomicU64,
    skipped: AtomicU64,
    lost: AtomicU64,
    bytes_done: AtomicU64,
    /// `u64::MAX` is unknown.
    bytes_total: AtomicU64,
    state: Mutex<State>,
    /// What is seen of the task from outside.
    pulse: Arc<Pulse>,
    /// What the plugin counts.
    instruments: Arc<Instruments>,
    /// Wakes who waits for the end of all tasks.
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    caught_up: bool,
    leftover: Option<String>,
    failed: bool,
}

impl TaskShared {
    pub(crate) fn new(
        id: TaskId,
        is_source: bool,
        changed: watch::Sender<u64>,
        pulse: Arc<Pulse>,
    ) -> Self {
        Self {
            id,
            is_source,
            submitted: AtomicU64::new(0),
            delivered: watch::Sender::new(0),
            written: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            bytes_done: AtomicU64::new(0),
            bytes_total: AtomicU64::new(u64::MAX),
            state: Mutex::default(),
            pulse,
            instruments: Arc::default(),
            changed,
        }
    }

    /// A source returned records, or a sink read some.
    pub(crate) fn submitted(&self, records: usize) {
        if records > 0 {
            self.submitted.fetch_add(records as u64, Ordering::Relaxed);
            let mut state = self.state();
            state.caught_up = false;
            state.leftover = None;
        }
    }

    /// A source task has nothing more for now; a sink task has committed all it could read.
    pub(crate) fn caught_up(&self, leftover: Option<String>) {
        let mut state = self.state();
        let is_news = !state.caught_up || state.leftover != leftover;
        state.caught_up = true;
        state.leftover = leftover;
        drop(state);
        if is_news {
            self.notify();
        }
    }

    /// True if the task has said that there is nothing more for now, delivered or not.
    pub(crate) fn has_caught_up(&self) -> bool {
        self.state().caught_up
    }

    pub(crate) const fn instruments(&self) -> &Arc<Instruments> {
        &self.instruments
    }

    pub(crate) const fn is_source(&self) -> bool {
        self.is_source
    }

    pub(crate) fn failed(&self) {
        self.state().failed = true;
        self.notify();
    }

    pub(crate) fn delivered(&self, prefix: u64) {
        if self
            .delivered
            .send_if_modified(|known| std::mem::replace(known, prefix) != prefix)
        {
            self.notify();
        }
    }

    pub(crate) fn delivered_count(&self) -> u64 {
        *self.delivered.borrow()
    }

    pub(crate) async fn wait_delivered(&self, count: u64) {
        // The sender lives in `self`, so the wait cannot fail.
        let _ = self
            .delivered
            .subscribe()
            .wait_for(|delivered| *delivered >= count)
            .await;
    }

    pub(crate) fn progress(&self, done: u64, total: Option<u64>) {
        self.bytes_done.store(done, Ordering::Relaxed);
        self.bytes_total
            .store(total.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How many records a sink has written.
    pub(crate) fn written(&self, records: u64) {
        self.written.store(records, Ordering::Relaxed);
    }

    pub(crate) fn skipped(&self, records: u64) {
        self.skipped.store(records, Ordering::Relaxed);
    }

    /// The log removed records before a sink read them.
    pub(crate) fn lost(&self, records: u64) {
        self.lost.fetch_add(records, Ordering::Relaxed);
    }

    /// A picture of it.
    pub(crate) fn snapshot(&self) -> TaskProgress {
        let submitted = self.submitted.load(Ordering::Relaxed);
        let delivered = self.delivered_count();
        let total = self.bytes_total.load(Ordering::Relaxed);
        let state = self.state();
        TaskProgress {
            id: self.id.clone(),
            is_source: self.is_source,
            records: if self.is_source {
                delivered
            } else {
                self.written.load(Ordering::Relaxed)
            },
            skipped: self.skipped.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
            bytes_done: self.bytes_done.load(Ordering::Relaxed),
            bytes_total: (total != u64::MAX).then_some(total),
            caught_up: state.caught_up && delivered >= submitted,
            leftover: state.leftover.clone(),
            failed: state.failed,
        }
    }

    /// A call into the plugin is in progress until the guard is dropped.
    pub(crate) fn calling(&self, call: Call) -> Calling<'_> {
        self.pulse.calling(call)
    }

    fn notify(&self) {
        self.changed
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}
