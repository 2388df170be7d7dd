//! Watches plugin code and makes up for threads that it blocks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::Weak;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use connect_core::LogicalTime;
use connect_core::herder::Incarnation;
use connect_core::herder::Input;
use connect_core::herder::Report;
use connect_core::status::Subject;
use connect_core::sync::lock;
use tokio::sync::Notify;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::plugin_threads::PluginThreads;
use crate::plugin_threads::pulse::Call;
use crate::plugin_threads::pulse::Pulse;
use crate::plugin_threads::watch::News;
use crate::plugin_threads::watch::Watch;
use crate::plugin_threads::watch::WatchLimits;

/// The threads that run the plugins of a worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThreadsSnapshot {
    /// Threads that there are, blocked ones included. Zero on a runtime of the host.
    pub threads: usize,
    /// Threads that plugin code blocks, such as with a call of the standard library that waits.
    pub blocked: usize,
    /// Threads that were added in place of blocked ones.
    pub spare: usize,
    /// True if more threads are blocked than may be made up for: other connectors wait.
    pub is_exhausted: bool,
    /// True if what plugins spawn on tokio blocks all its threads, so that timers and sockets of all
    /// plugins stand still.
    pub io_is_blocked: bool,
}

/// Keeps the pulses of all plugin code of a worker.
pub(crate) struct Supervisor {
    threads: Arc<PluginThreads>,
    limits: WatchLimits,
    watched: Mutex<Registry>,
    /// Something is to be watched.
    begun: Notify,
    blocked: AtomicUsize,
    /// The runtime of the plugins has run the last heartbeat.
    heartbeat: Arc<AtomicBool>,
    io_is_blocked: AtomicBool,
}

#[derive(Default)]
struct Registry {
    last: u64,
    pulses: BTreeMap<u64, Watched>,
}

struct Watched {
    subject: Subject,
    /// `None` for a question to a plugin that does not run.
    incarnation: Option<Incarnation>,
    pulse: Weak<Pulse>,
}

impl Supervisor {
    pub(crate) fn new(threads: Arc<PluginThreads>, limits: WatchLimits) -> Self {
        Self {
            threads,
            limits,
            watched: Mutex::default(),
            begun: Notify::new(),
            blocked: AtomicUsize::new(0),
            heartbeat: Arc::new(AtomicBool::new(true)),
            io_is_blocked: AtomicBool::new(false),
        }
    }

    /// Makes a pulse that is watched as long as something holds it.
    pub(crate) fn pulse(&self, subject: Subject, incarnation: Option<Incarnation>) -> Arc<Pulse> {
        let pulse = Arc::default();
        let mut registry = self.registry();
        registry.last += 1;
        let key = registry.last;
        let watched = Watched {
            subject,
            incarnation,
            pulse: Arc::downgrade(&pulse),
        };
        registry.pulses.insert(key, watched);
        drop(registry);
        self.begun.notify_one();
        pulse
    }

    pub(crate) fn snapshot(&self) -> ThreadsSnapshot {
        let blocked = self.blocked.load(Ordering::Relaxed);
        let io_is_blocked = self.io_is_blocked.load(Ordering::Relaxed);
        let Some(pool) = self.threads.own() else {
            return ThreadsSnapshot {
                blocked,
                ..ThreadsSnapshot::default()
            };
        };
        let threads = pool.threads();
        ThreadsSnapshot {
            threads,
            blocked,
            spare: threads.saturating_sub(pool.base()),
            is_exhausted: blocked > pool.max_spare(),
            io_is_blocked,
        }
    }

    /// Watches until it is dropped, and tells what has stalled and moves again.
    pub(crate) async fn run(
        &self,
        inputs: &mpsc::Sender<Input>,
        logical: impl Fn(Instant) -> LogicalTime,
    ) {
        let mut watch = Watch::new(self.limits);
        let mut beat = Instant::now();
        loop {
            let pulses = self.pulses();
            if pulses.is_empty() {
                self.begun.notified().await;
            }
            let look = watch.look(Instant::now(), &pulses);
            drop(pulses);
            for (key, news) in look.news {
                let Some((subject, incarnation)) = self.who(key) else {
                    continue;
                };
                log(&subject, news);
                let report = match news {
                    News::Holds(..) => continue,
                    News::Moving => Report::Moving,
                    News::Stalled(call, since) => Report::Stalled {
                        call: call.name(),
                        since: logical(since),
                    },
                };
                if let Some(incarnation) = incarnation {
                    // Fails only once the herder is gone.
                    let _ = inputs
                        .send(Input::Report(subject, incarnation, report))
                        .await;
                }
            }
            self.make_up_for(look.blocked);
            self.listen(&mut beat);
            tokio::time::sleep(SAMPLE).await;
        }
    }

    fn make_up_for(&self, blocked: usize) {
        let before = self.blocked.swap(blocked, Ordering::Relaxed);
        let Some(pool) = self.threads.own().filter(|_| before != blocked) else {
            return;
        };
        if let Err(error) = pool.make_up_for(blocked) {
            tracing::error!(%error, blocked, "a spare thread for plugins cannot be started");
        }
        let max_spare = pool.max_spare();
        if blocked > max_spare {
            tracing::error!(
                blocked,
                max_spare,
                "plugins block more threads than may be made up for; other connectors may wait. \
                 Restart the process, or raise `plugin.threads.spare.max`"
            );
        } else if blocked > before {
            tracing::warn!(blocked, "a spare thread takes the place of a blocked one");
        } else {
            tracing::info!(blocked, "a thread that a plugin blocked has returned");
        }
    }

    /// Looks whether the runtime of the plugins still runs what is spawned on it.
    fn listen(&self, beat: &mut Instant) {
        let Some(pool) = self.threads.own() else {
            return;
        };
        let (now, is_blocked) = (Instant::now(), self.io_is_blocked.load(Ordering::Relaxed));
        if self.heartbeat.swap(false, Ordering::AcqRel) {
            *beat = now;
            self.io_is_blocked.store(false, Ordering::Relaxed);
            if is_blocked {
                tracing::info!("the tokio runtime of the plugins runs again");
            }
            let heartbeat = Arc::clone(&self.heartbeat);
            pool.handle()
                .spawn(async move { heartbeat.store(true, Ordering::Release) });
        } else if !is_blocked && now - *beat >= self.limits.block {
            self.io_is_blocked.store(true, Ordering::Relaxed);
            tracing::error!(
                "what plugins have spawned on tokio blocks all its threads, so that timers and sockets \
                 of all plugins stand still; such code belongs on `tokio::task::spawn_blocking`"
            );
        }
    }

    fn pulses(&self) -> Vec<(u64, Arc<Pulse>)> {
        let mut registry = self.registry();
        let mut pulses = Vec::with_capacity(registry.pulses.len());
        registry.pulses.retain(|key, watched| {
            let pulse = watched.pulse.upgrade();
            let is_alive = pulse.is_some();
            pulses.extend(pulse.map(|pulse| (*key, pulse)));
            is_alive
        });
        pulses
    }

    fn who(&self, key: u64) -> Option<(Subject, Option<Incarnation>)> {
        let registry = self.registry();
        let watched = registry.pulses.get(&key)?;
        Some((watched.subject.clone(), watched.incarnation))
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        lock(&self.watched)
    }
}

fn log(subject: &Subject, news: News) {
    match news {
        News::Holds(call, held) => tracing::warn!(
            %subject,
            call = call.name(),
            millis = held.as_millis(),
            "plugin code has held its thread without an await; code that blocks belongs on \
             `tokio::task::spawn_blocking`"
        ),
        News::Stalled(Call::Idle, _) => {
            tracing::warn!(%subject, "stalled: its code blocks its thread")
        }
        News::Stalled(call, since) => tracing::warn!(
            %subject,
            call = call.name(),
            seconds = since.elapsed().as_secs(),
            "stalled: a call into the plugin takes too long"
        ),
        News::Moving => tracing::info!(%subject, "it moves again"),
    }
}

/// How often to look.
const SAMPLE: Duration = Duration::from_millis(100);
