//! Contexts for plugins without a worker.
//!
//! A fake stands in for the worker: it provides offsets, records what the plugin says, and lets a
//! test wait for it. Time is tokio's, so it can be paused.

mod connector;
mod sink;
mod source;

use connect_api::ConfigMap;
use connect_api::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

pub use connector::FakeConnector;
pub use sink::FakeSink;
pub use source::CaughtUp;
pub use source::FakeSource;

/// The time at which the clock of a fake starts: 2020-01-01T00:00:00Z.
pub const START: Timestamp = Timestamp::from_millis(1_577_836_800_000);

/// The name of the connector of every fake.
const CONNECTOR: &str = "fake";

/// What the contexts of source and sink tasks share.
#[derive(Debug)]
struct Common {
    config: ConfigMap,
    task_index: usize,
    began: Instant,
    stopping: watch::Sender<bool>,
}

impl Common {
    fn new(config: ConfigMap, task_index: usize) -> Self {
        Self {
            config,
            task_index,
            began: Instant::now(),
            stopping: watch::Sender::new(false),
        }
    }

    fn stop(&self) {
        self.stopping.send_replace(true);
    }

    fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    async fn stopping(&self) {
        // The sender lives as long as `self`.
        let _ = self
            .stopping
            .subscribe()
            .wait_for(|stopping| *stopping)
            .await;
    }

    fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(START.as_millis().saturating_add(elapsed))
    }
}
