//! The incarnations on this worker: how they are held, ended and abandoned.

use std::sync::Arc;
use std::sync::Weak;

use connect_api::Error;
use connect_core::cluster::TargetState;
use connect_core::herder::ActionId;
use connect_core::herder::Incarnation;
use connect_core::herder::Input;
use connect_core::herder::Report;
use connect_core::status::Subject;
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::gate::Gate;
use crate::metrics::Instruments;
use crate::metrics::PluginMetric;
use crate::plugin_threads::Cancel;
use crate::plugin_threads::Pulse;
use crate::task::TaskProgress;
use crate::task::TaskShared;
use crate::worker::Worker;
use crate::worker::lock;

/// A connector or task that did not stop in time and was abandoned.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GivenUp {
    /// What it was.
    pub subject: Subject,
    /// The call that it was in, such as `put`.
    pub call: &'static str,
    /// True if it blocks a thread, which is left behind: it ends when the call returns, or with the
    /// process.
    pub holds_thread: bool,
}

impl std::fmt::Display for GivenUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} in `{}`", self.subject, self.call)?;
        if self.holds_thread {
            f.write_str(", which blocks its thread")?;
        }
        Ok(())
    }
}

/// Abandoned incarnations of which something is left.
pub(super) struct Left {
    subject: Subject,
    call: &'static str,
    pulse: Weak<Pulse>,
}

/// How the worker holds an incarnation.
pub(super) struct Running {
    pub(super) subject: Subject,
    pub(super) stop: CancellationToken,
    pub(super) gate: Gate,
    pub(super) pulse: Arc<Pulse>,
    pub(super) cancel: Cancel,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    Connector {
        questions: mpsc::Sender<ActionId>,
        instruments: Arc<Instruments>,
    },
    Task {
        target: watch::Sender<TargetState>,
        drain: watch::Sender<bool>,
        shared: Arc<TaskShared>,
    },
}

impl Running {
    pub(super) fn plugin_metrics(&self) -> Vec<PluginMetric> {
        let instruments = match &self.kind {
            Kind::Connector { instruments, .. } => instruments,
            Kind::Task { shared, .. } => shared.instruments(),
        };
        instruments.snapshot(&self.subject)
    }

    pub(super) fn progress(&self) -> Option<TaskProgress> {
        match &self.kind {
            Kind::Connector { .. } => None,
            Kind::Task { shared, .. } => Some(shared.snapshot()),
        }
    }

    pub(super) fn drain(&self, sources: bool) {
        if let Kind::Task { drain, shared, .. } = &self.kind
            && shared.is_source() == sources
        {
            drain.send_if_modified(|drain| !std::mem::replace(drain, true));
        }
    }
}

/// What the actor of a new incarnation gets.
pub(super) struct Seat {
    pub(super) subject: Subject,
    pub(super) incarnation: Incarnation,
    pub(super) stop: CancellationToken,
    pub(super) gate: Gate,
    pub(super) pulse: Arc<Pulse>,
}

impl Worker {
    pub(super) fn seat(&self, subject: Subject, incarnation: Incarnation) -> Seat {
        Seat {
            pulse: self.supervisor.pulse(subject.clone(), Some(incarnation)),
            subject,
            incarnation,
            stop: CancellationToken::new(),
            gate: Gate::default(),
        }
    }

    /// Starts an actor. Its end is reported when nothing of it is left.
    pub(super) fn run(
        self: &Arc<Self>,
        seat: Seat,
        kind: Kind,
        actor: impl Future<Output = ()> + Send + 'static,
    ) {
        let Seat {
            subject,
            incarnation,
            ..
        } = seat;
        let task = self.threads.spawn(&seat.pulse, actor);
        let running = Running {
            subject: subject.clone(),
            stop: seat.stop,
            gate: seat.gate,
            pulse: seat.pulse,
            cancel: task.canceller(),
            kind,
        };
        lock(&self.running).insert(incarnation, running);
        // Not the worker itself: an actor that never ends must not keep the log open.
        let worker = Arc::downgrade(self);
        self.home.spawn(async move {
            let ended = task.await;
            if let Some(worker) = worker.upgrade() {
                worker.ended(subject, incarnation, ended.err()).await;
            }
        });
    }

    async fn ended(&self, subject: Subject, incarnation: Incarnation, error: Option<Error>) {
        let Some(running) = lock(&self.running).remove(&incarnation) else {
            return; // abandoned
        };
        if let (Some(_), Kind::Task { shared, .. }) = (&error, &running.kind) {
            shared.failed();
        }
        drop(running);
        if let Some(error) = error {
            tracing::error!(%subject, error = error.report(), "it has ended in a panic");
            self.tell(&subject, incarnation, Report::Failed(error.into()))
                .await;
        }
        self.tell(&subject, incarnation, Report::Ended).await;
    }

    pub(super) async fn tell(&self, subject: &Subject, incarnation: Incarnation, report: Report) {
        let report = Input::Report(subject.clone(), incarnation, report);
        // Fails only once the herder is gone, and with it everybody who wants to know.
        let _ = self.inputs.send(report).await;
    }

    /// Asks an incarnation to stop, whatever it is doing.
    pub(crate) fn stop(&self, incarnation: Incarnation) {
        if let Some(running) = lock(&self.running).get(&incarnation) {
            running.stop.cancel();
        }
    }

    /// Pauses or resumes a task.
    pub(crate) fn set_task_state(&self, incarnation: Incarnation, state: TargetState) {
        if let Some(running) = lock(&self.running).get(&incarnation)
            && let Kind::Task { target, .. } = &running.kind
        {
            target.send_replace(state);
        }
    }

    /// Asks a connector how to split its work; false if it cannot be asked.
    pub(crate) fn ask_task_configs(&self, incarnation: Incarnation, question: ActionId) -> bool {
        match lock(&self.running).get(&incarnation).map(|it| &it.kind) {
            Some(Kind::Connector { questions, .. }) => questions.try_send(question).is_ok(),
            _ => false,
        }
    }

    /// Gives up on an incarnation: cuts it off from the log and drops it, at once or when the step
    /// that blocks its thread returns.
    pub(crate) fn abandon(&self, incarnation: Incarnation) -> Option<GivenUp> {
        let running = lock(&self.running).remove(&incarnation)?;
        let given_up = GivenUp {
            subject: running.subject.clone(),
            call: running.pulse.call().name(),
            holds_thread: running.pulse.holds_thread(),
        };
        running.stop.cancel();
        running.gate.shut(&self.home);
        let left = Left {
            subject: running.subject,
            call: given_up.call,
            pulse: Arc::downgrade(&running.pulse),
        };
        drop(running.pulse);
        let mut all = lock(&self.given_up);
        all.retain(|left| left.pulse.strong_count() > 0);
        all.push(left);
        drop(all);
        running.cancel.cancel();
        Some(given_up)
    }

    /// Gives up on everything.
    pub(crate) fn abandon_all(&self) -> Vec<GivenUp> {
        let all: Vec<_> = lock(&self.running).keys().copied().collect();
        all.into_iter()
            .filter_map(|incarnation| self.abandon(incarnation))
            .collect()
    }

    /// Abandoned incarnations that still hold a thread.
    pub(crate) fn left_behind(&self) -> Vec<GivenUp> {
        let mut all = lock(&self.given_up);
        all.retain(|left| left.pulse.strong_count() > 0);
        all.iter()
            .filter(|left| {
                left.pulse
                    .upgrade()
                    .is_some_and(|pulse| pulse.holds_thread())
            })
            .map(|left| GivenUp {
                subject: left.subject.clone(),
                call: left.call,
                holds_thread: true,
            })
            .collect()
    }
}
