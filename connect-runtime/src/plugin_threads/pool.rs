//! Threads that run plugins, in a number that can grow while some of them are blocked.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::task::Wake;
use std::task::Waker;
use std::thread;

use connect_core::sync::lock;
use tokio::runtime::Builder;
use tokio::runtime::Handle;
use tokio::runtime::Runtime;

use crate::plugin_threads::watched::Watched;

/// Threads that take tasks from one queue.
///
/// A task that blocks its thread holds up nothing else: there is no queue per thread in which others
/// could wait behind it. Each step runs inside a tokio runtime of the pool, so that timers, sockets,
/// `tokio::spawn` and `spawn_blocking` work in plugins, with tokio's budget of cooperative
/// scheduling.
pub(super) struct Pool {
    state: Mutex<State>,
    ready: Condvar,
    base: usize,
    max_spare: usize,
    handle: Handle,
    /// Taken when the pool closes.
    runtime: Mutex<Option<Runtime>>,
}

struct State {
    queue: VecDeque<Arc<PoolTask>>,
    /// Threads that wait for a task.
    idle: usize,
    /// Threads that there are, blocked ones included.
    threads: usize,
    /// Threads that there should be.
    wanted: usize,
    is_closing: bool,
}

impl Pool {
    /// Starts `base` threads, to which at most `max_spare` may be added.
    pub(super) fn start(base: usize, max_spare: usize) -> io::Result<Arc<Self>> {
        let base = base.max(1);
        let runtime = Builder::new_multi_thread()
            .worker_threads(base)
            .thread_name("connect-plugin-io")
            .enable_all()
            .build()?;
        let pool = Arc::new(Self {
            state: Mutex::new(State {
                queue: VecDeque::new(),
                idle: 0,
                threads: 0,
                wanted: 0,
                is_closing: false,
            }),
            ready: Condvar::new(),
            base,
            max_spare,
            handle: runtime.handle().clone(),
            runtime: Mutex::new(Some(runtime)),
        });
        pool.resize(base)?;
        Ok(pool)
    }

    pub(super) const fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(super) const fn base(&self) -> usize {
        self.base
    }

    pub(super) const fn max_spare(&self) -> usize {
        self.max_spare
    }

    pub(super) fn threads(&self) -> usize {
        self.state().threads
    }

    /// Makes up for threads that are blocked, as far as it may; threads that are no longer needed
    /// end.
    pub(super) fn make_up_for(self: &Arc<Self>, blocked: usize) -> io::Result<()> {
        self.resize(self.base + blocked.min(self.max_spare))
    }

    fn resize(self: &Arc<Self>, wanted: usize) -> io::Result<()> {
        let missing = {
            let mut state = self.state();
            if state.is_closing {
                return Ok(());
            }
            state.wanted = wanted;
            let missing = wanted.saturating_sub(state.threads);
            state.threads += missing;
            missing
        };
        self.ready.notify_all();
        for started in 0..missing {
            let pool = Arc::clone(self);
            let thread = thread::Builder::new()
                .name("connect-plugin".into())
                .spawn(move || pool.work());
            if let Err(error) = thread {
                self.state().threads -= missing - started;
                return Err(error);
            }
        }
        Ok(())
    }

    fn work(&self) {
        while let Some(task) = self.next() {
            // For one step only: it sets tokio's budget and lets `block_in_place` work.
            self.handle.block_on(poll_fn(|_| {
                task.step();
                Poll::Ready(())
            }));
        }
    }

    /// Waits for a task. `None` if the thread must end.
    fn next(&self) -> Option<Arc<PoolTask>> {
        let mut state = self.state();
        loop {
            if state.threads > state.wanted {
                state.threads -= 1;
                if !state.queue.is_empty() && state.idle > 0 {
                    self.ready.notify_one(); // in the place of this thread
                }
                return None;
            }
            if let Some(task) = state.queue.pop_front() {
                return Some(task);
            }
            if state.is_closing {
                state.threads -= 1;
                return None;
            }
            state.idle += 1;
            state = self
                .ready
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    pub(super) fn spawn(self: &Arc<Self>, watched: Watched) -> Arc<PoolTask> {
        let task = Arc::new(PoolTask {
            phase: AtomicU8::new(IDLE),
            cancelled: AtomicU8::new(0),
            watched: Mutex::new(Some(watched)),
            pool: Arc::clone(self),
        });
        Arc::clone(&task).wake();
        task
    }

    fn push(&self, task: Arc<PoolTask>, is_own: bool) {
        let mut state = self.state();
        if state.is_closing && state.threads == 0 {
            return;
        }
        // A thread that requeues its own task takes it again if there is no other.
        let wakes = state.idle > 0 && !(is_own && state.queue.is_empty());
        state.queue.push_back(task);
        drop(state);
        if wakes {
            self.ready.notify_one();
        }
    }

    /// Lets the threads end once the queue is empty. A thread that is blocked is left behind: it ends
    /// when it returns, or with the process.
    pub(super) fn close(&self) {
        self.state().is_closing = true;
        self.ready.notify_all();
        let runtime = lock(&self.runtime).take();
        if let Some(runtime) = runtime {
            runtime.shutdown_background();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// A task of the pool.
pub(super) struct PoolTask {
    phase: AtomicU8,
    cancelled: AtomicU8,
    /// Locked by the thread that runs a step; `None` once it has ended.
    watched: Mutex<Option<Watched>>,
    pool: Arc<Pool>,
}

impl PoolTask {
    /// Drops the future on a thread of the pool: immediately, or when the step in progress returns.
    pub(super) fn cancel(self: &Arc<Self>) {
        self.cancelled.store(1, Ordering::Release);
        Arc::clone(self).wake();
    }

    fn step(self: &Arc<Self>) {
        self.phase.store(RUNNING, Ordering::Release);
        let mut slot = lock(&self.watched);
        let is_over = match slot.as_mut() {
            None => true,
            Some(_) if self.cancelled.load(Ordering::Acquire) != 0 => true,
            Some(watched) => {
                let waker = Waker::from(Arc::clone(self));
                let watched = std::pin::Pin::new(watched);
                watched.poll(&mut Context::from_waker(&waker)).is_ready()
            }
        };
        if is_over {
            self.phase.store(ENDED, Ordering::Release);
            *slot = None;
            return;
        }
        drop(slot);
        let paused =
            self.phase
                .compare_exchange(RUNNING, IDLE, Ordering::AcqRel, Ordering::Acquire);
        if paused.is_err() {
            // Woken meanwhile.
            self.phase.store(QUEUED, Ordering::Release);
            self.pool.push(Arc::clone(self), true);
        }
    }
}

impl Wake for PoolTask {
    fn wake(self: Arc<Self>) {
        let mut phase = self.phase.load(Ordering::Acquire);
        loop {
            let next = match phase {
                IDLE => QUEUED,
                RUNNING => WOKEN,
                _ => return,
            };
            match self
                .phase
                .compare_exchange_weak(phase, next, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) if next == QUEUED => {
                    let pool = Arc::clone(&self.pool);
                    pool.push(self, false);
                    return;
                }
                Ok(_) => return,
                Err(other) => phase = other,
            }
        }
    }
}

/// It waits to be woken.
const IDLE: u8 = 0;
/// It is in the queue.
const QUEUED: u8 = 1;
/// A thread runs a step of it.
const RUNNING: u8 = 2;
/// It was woken during that step.
const WOKEN: u8 = 3;
/// It is over.
const ENDED: u8 = 4;
