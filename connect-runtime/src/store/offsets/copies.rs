//! Copies a connector's own offsets to the worker's store, in the background.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use connect_api::Timestamp;
use connect_core::ConnectorName;
use connect_core::sync::lock;
use tokio::sync::Notify;

use crate::store::OffsetStore;
use crate::store::OffsetUpdate;

/// Writes offsets into another store, the newest of each partition, one write at a time.
#[derive(Debug)]
pub(super) struct Copies(Arc<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    state: Mutex<State>,
    bell: Notify,
}

#[derive(Debug, Default)]
struct State {
    next: Option<Pending>,
    ended: bool,
}

#[derive(Debug)]
struct Pending {
    connector: ConnectorName,
    updates: Vec<OffsetUpdate>,
    now: Timestamp,
}

impl Copies {
    /// Starts the task that writes. The task ends once this is dropped and the last copy is
    /// written.
    pub(super) fn start(store: Arc<dyn OffsetStore>) -> Self {
        let waiting = Arc::new(Waiting::default());
        tokio::spawn(write_all(Arc::clone(&waiting), store));
        Self(waiting)
    }

    /// Queues offsets to be copied.
    pub(super) fn add(&self, connector: &ConnectorName, updates: &[OffsetUpdate], now: Timestamp) {
        self.0.with(|state| {
            let copy = state.next.get_or_insert_with(|| Pending {
                connector: connector.clone(),
                updates: Vec::new(),
                now,
            });
            copy.now = now;
            for (partition, offset) in updates {
                copy.updates.retain(|(known, _)| known != partition);
                copy.updates.push((partition.clone(), offset.clone()));
            }
        });
        self.0.bell.notify_one();
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        self.0.with(|state| state.ended = true);
        self.0.bell.notify_one();
    }
}

impl Waiting {
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut lock(&self.state))
    }
}

async fn write_all(waiting: Arc<Waiting>, store: Arc<dyn OffsetStore>) {
    loop {
        let (next, ended) = waiting.with(|state| (state.next.take(), state.ended));
        if let Some(Pending {
            connector,
            updates,
            now,
        }) = next
        {
            let write = store.write(&connector, &updates, now);
            let problem = match tokio::time::timeout(PATIENCE, write).await {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => error.report(),
                Err(_) => format!("the copy took longer than {PATIENCE:?}"),
            };
            tracing::warn!(%connector, problem, "offsets are in the connector's own topic only");
        } else if ended {
            return;
        } else {
            waiting.bell.notified().await;
        }
    }
}

/// How long one copy may take. The next copy includes what this one did not write.
const PATIENCE: Duration = Duration::from_secs(30);
