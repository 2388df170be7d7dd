//! Options of a herder core.

use std::time::Duration;

use crate::herder::RestartPolicy;

/// Options of a herder core.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HerderOptions {
    /// The name under which the worker reports statuses, `host:port` as in Java.
    pub worker_id: String,
    /// Whether source connectors give exactly-once delivery, so that older tasks must be fenced.
    pub exactly_once: bool,
    /// Seeds the jitter of restarts.
    pub seed: u64,
    /// The restart policy of connectors that do not configure their own.
    pub restart: RestartPolicy,
    /// Time limits of calls.
    pub limits: CallLimits,
}

/// Time limits of calls. A call that exceeds its limit counts as failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallLimits {
    /// `alter_offsets` of a connector, and the change itself.
    pub alter_offsets: Duration,
    /// Fencing of older tasks.
    pub fence: Duration,
    /// `start` of a connector or task, including its creation.
    pub start: Duration,
    /// The stop of a connector or task, after which it is abandoned.
    pub stop: Duration,
    /// `task_configs` of a connector.
    pub task_configs: Duration,
    /// `validate` of a connector, with everything else that checks its configuration.
    pub validate: Duration,
    /// A write to the configuration log, until it was read back.
    pub write: Duration,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            alter_offsets: Duration::from_secs(60),
            fence: Duration::from_secs(60),
            start: Duration::from_secs(60),
            stop: Duration::from_secs(5),
            task_configs: Duration::from_secs(60),
            validate: Duration::from_secs(60),
            write: Duration::from_secs(30),
        }
    }
}

impl Default for HerderOptions {
    fn default() -> Self {
        Self {
            worker_id: "127.0.0.1:8083".to_owned(),
            exactly_once: false,
            seed: 0,
            restart: RestartPolicy::default(),
            limits: CallLimits::default(),
        }
    }
}
