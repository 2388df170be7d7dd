//! Names calls into connectors that take long.
//!
//! Nothing is cut off: only a stop or a shutdown gives up on a call, after its deadline.

use std::sync::Arc;
use std::sync::Weak;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::worker::Worker;
use crate::worker::lock;

/// Looks at the tasks of a worker until it has ended.
pub(crate) async fn watch(worker: Weak<Worker>, ended: CancellationToken) {
    loop {
        tokio::select! {
            () = ended.cancelled() => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
        let Some(worker) = worker.upgrade() else {
            return;
        };
        let tasks: Vec<_> = lock(&worker.tasks)
            .values()
            .map(|task| Arc::clone(&task.shared))
            .collect();
        drop(worker);
        for task in tasks {
            if let Some((call, since)) = task.long_call(LONG) {
                tracing::warn!(
                    task = %task.id,
                    call,
                    seconds = since.as_secs(),
                    "a call into the connector takes long; the task waits for it"
                );
            }
        }
    }
}

/// How often to look.
const INTERVAL: Duration = Duration::from_secs(5);

/// What is long; said again each time the call takes twice as long.
const LONG: Duration = Duration::from_secs(10);
