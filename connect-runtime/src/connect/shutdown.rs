//! The end of a worker.

use std::time::Duration;

use connect_core::herder::Operation;
use connect_core::herder::Wait;

use crate::Connect;
use crate::herder::CLOSING;
use crate::worker::GivenUp;

/// What was left when a worker ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct ShutdownReport {
    /// Connectors and tasks that did not stop in time and were given up on, and those given up on
    /// before that still block a thread. What they had under way comes again after a restart.
    pub left: Vec<GivenUp>,
    /// True if the deadline passed before everything was stopped.
    pub timed_out: bool,
}

impl ShutdownReport {
    /// True if everything stopped in time.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.left.is_empty() && !self.timed_out
    }
}

impl Connect {
    /// Ends the worker: stops connectors and tasks, commits what is durable, and waits up to the
    /// deadline. Tasks have `task.shutdown.graceful.timeout.ms` to stop, all at the same time. When it
    /// returns, the worker has closed the log.
    ///
    /// Called on one handle, it ends the worker for all of them; each caller gets the same report.
    pub async fn shutdown(&self, deadline: Duration) -> ShutdownReport {
        let mut ended = self.signs.ended.subscribe();
        // Refused only if another handle shuts the worker down already.
        let request = self.request_by(Operation::Shutdown, Wait::Settled, deadline);
        let end = async {
            let _ = request.await;
            // The handle holds the sender, so this cannot fail.
            let left = ended.wait_for(Option::is_some).await;
            left.map(|left| left.clone().unwrap_or_default())
        };
        match tokio::time::timeout(deadline + PATIENCE, end).await {
            Ok(left) => ShutdownReport {
                left: left.unwrap_or_default(),
                timed_out: false,
            },
            Err(_) => ShutdownReport {
                left: self.worker.abandon_all(),
                timed_out: true,
            },
        }
    }
}

/// How long the driver may take to close everything after the deadline.
const PATIENCE: Duration = CLOSING.saturating_add(Duration::from_millis(500));
