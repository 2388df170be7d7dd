//! The strings by which the worker holds a task.

use connect_api::Error;
use connect_core::TaskId;
use connect_core::cluster::TargetState;
use connect_core::herder::Incarnation;
use connect_core::herder::Input;
use connect_core::herder::Report;
use connect_core::status::Subject;
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What a task loop watches.
#[derive(Debug, Clone)]
pub(crate) struct TaskControl {
    /// The task must end.
    pub(crate) stop: CancellationToken,
    /// Run or pause.
    pub(crate) target: watch::Receiver<TargetState>,
    /// Commit whenever there is nothing to read: the worker waits for the end.
    pub(crate) drain: watch::Receiver<bool>,
}

impl TaskControl {
    /// Controls a task that runs until it is stopped.
    pub(crate) fn running(stop: CancellationToken) -> Self {
        let target = watch::channel(TargetState::Started).1;
        Self {
            stop,
            target,
            drain: watch::channel(false).1,
        }
    }

    /// Controls a task that runs until it is stopped, and commits whenever there is nothing to read.
    pub(crate) fn draining(stop: CancellationToken) -> Self {
        Self {
            drain: watch::channel(true).1,
            ..Self::running(stop)
        }
    }

    /// Waits for another target: run, pause or drain. Never returns once the senders are gone.
    ///
    /// *Cancellation*: safe.
    pub(crate) async fn changed(&mut self) {
        let (target, drain) = (&mut self.target, &mut self.drain);
        tokio::select! {
            Ok(()) = target.changed() => {}
            Ok(()) = drain.changed() => {}
            else => std::future::pending().await,
        }
    }

    pub(crate) fn is_paused(&self) -> bool {
        *self.target.borrow() != TargetState::Started
    }

    pub(crate) fn is_draining(&self) -> bool {
        *self.drain.borrow()
    }
}

/// Tells the herder how a task is doing.
#[derive(Debug, Clone)]
pub(crate) struct Reporter {
    pub(crate) id: TaskId,
    pub(crate) incarnation: Incarnation,
    pub(crate) inputs: mpsc::Sender<Input>,
}

impl Reporter {
    pub(crate) async fn report(&self, report: Report) {
        let subject = Subject::Task(self.id.clone());
        let report = Input::Report(subject, self.incarnation, report);
        // Fails only once the herder is gone, and with it everybody who wants to know.
        let _ = self.inputs.send(report).await;
    }

    /// The task has failed: logged and reported at once, before anything is cleaned up.
    pub(crate) async fn failed(&self, error: &Error) {
        tracing::error!(task = %self.id, error = error.report(), "task failed");
        self.report(Report::Failed(error.into())).await;
    }
}
