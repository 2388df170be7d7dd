//! The writer's thread, for stores that block.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use connect_broker::BrokerError;
use tokio::sync::watch;

use crate::Durability;
use crate::engine::Shared;
use crate::writer::Writer;
use crate::writer::request::Queue;

/// Starts the thread. When the queue is closed, the thread serves what is left, releases the store
/// and ends; then the returned value becomes true.
pub(crate) fn start(
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    writer: Writer,
) -> Result<watch::Receiver<bool>, BrokerError> {
    let (ended, receiver) = watch::channel(false);
    let path = shared.path.clone();
    let exit = Exit {
        shared,
        queue: Arc::clone(&queue),
        ended,
    };
    let run = move || {
        // Dropped last, after the writer.
        let exit = exit;
        let durability = exit.shared.options.durability;
        // A panic in here is a bug. It must not leave clients waiting.
        if catch_unwind(AssertUnwindSafe(|| serve(&queue, writer, durability))).is_err() {
            tracing::error!(path = %exit.shared.path.display(), "the writer panicked; the log closes");
        }
    };
    thread::Builder::new()
        .name("connect-log".to_owned())
        .spawn(run)
        .map_err(|error| BrokerError::Storage {
            action: "starting the thread of",
            path,
            source: Arc::new(error),
        })?;
    Ok(receiver)
}

fn serve(queue: &Queue, mut writer: Writer, durability: Durability) {
    let mut synced = Instant::now();
    let mut is_busy = false;
    loop {
        let wait = match durability {
            _ if is_busy => Duration::ZERO,
            Durability::Interval(interval) if writer.is_unsynced() => {
                interval.saturating_sub(synced.elapsed())
            }
            _ if writer.is_stalled() => STALLED_WAIT,
            _ => IDLE_WAIT,
        };
        let Some(requests) = queue.take(wait) else {
            break;
        };
        let was_synced = !writer.is_unsynced();
        is_busy = writer.run(requests);
        if let Durability::Interval(interval) = durability {
            if was_synced {
                synced = Instant::now();
            }
            if writer.is_unsynced() && synced.elapsed() >= interval {
                if let Err(error) = writer.sync() {
                    tracing::error!(%error, "the log could not be forced to the disk");
                }
                synced = Instant::now();
            }
        }
    }
    if let Err(error) = writer.sync() {
        tracing::error!(%error, "the log could not be forced to the disk while closing");
    }
}

/// Releases everything when the thread ends, also after a panic.
struct Exit {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    ended: watch::Sender<bool>,
}

impl Drop for Exit {
    fn drop(&mut self) {
        self.shared.close();
        self.queue.close();
        // Dropping requests fails them with `Closed`.
        drop(self.queue.take(Duration::ZERO));
        self.shared.store.close();
        self.ended.send_replace(true);
    }
}

/// How often retention runs when there are no requests.
const IDLE_WAIT: Duration = Duration::from_secs(10);

/// How often to check for free space while producers wait for it.
const STALLED_WAIT: Duration = Duration::from_millis(200);
