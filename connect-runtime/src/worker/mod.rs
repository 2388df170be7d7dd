//! What runs on this worker: incarnations of connectors and tasks, started and stopped on the herder's
//! word.
//!
//! Nothing here waits for a plugin: each incarnation is an actor on the threads of plugins, and reports
//! how it is doing.

mod clients;
mod connector;
mod connector_actor;
mod incarnation;
mod offsets;
mod question;
mod task;

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;

use connect_api::PluginRegistry;
use connect_broker::Broker;
use connect_broker::BrokerError;
use connect_core::ConnectorName;
use connect_core::LogicalTime;
use connect_core::herder::Incarnation;
use connect_core::herder::Input;
use connect_core::sync::lock;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::config::WorkerConfig;
use crate::connect::Events;
use crate::metrics::PluginMetric;
use crate::plugin_threads::PluginThreads;
use crate::plugin_threads::Supervisor;
use crate::store::OffsetStore;
use crate::store::Statuses;
use crate::task::TaskProgress;
use crate::worker::incarnation::Running;
use crate::worker::offsets::OwnStore;

pub(crate) use crate::worker::clients::consumer_options;
pub(crate) use crate::worker::clients::group;
pub(crate) use crate::worker::clients::subscription;
pub(crate) use crate::worker::connector::WorkerConnector;
pub(crate) use crate::worker::connector::forward_signals;
pub use crate::worker::incarnation::GivenUp;

/// The incarnations of this worker, and what they are made with.
pub(crate) struct Worker {
    pub(crate) registry: PluginRegistry,
    pub(crate) config: WorkerConfig,
    /// `None` once the worker has ended.
    broker: Mutex<Option<Arc<dyn Broker>>>,
    pub(crate) offsets: Arc<dyn OffsetStore>,
    pub(crate) statuses: Arc<Statuses>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Reports and answers, on their way to the herder.
    pub(crate) inputs: mpsc::Sender<Input>,
    pub(crate) events: Events,
    /// Counts changes of tasks, for those who wait for one.
    pub(crate) changed: watch::Sender<u64>,
    pub(crate) threads: Arc<PluginThreads>,
    pub(crate) supervisor: Supervisor,
    /// The runtime of the herder, where nothing of a plugin runs.
    pub(crate) home: Handle,
    /// Logical time is counted from here.
    origin: Instant,
    /// Offsets of connectors that keep them in topics of their own.
    own_offsets: Mutex<HashMap<ConnectorName, OwnStore>>,
    running: Mutex<BTreeMap<Incarnation, Running>>,
    /// What was given up on and may still hold a thread.
    given_up: Mutex<Vec<incarnation::Left>>,
}

/// What a worker is made of.
pub(crate) struct WorkerParts {
    pub(crate) registry: PluginRegistry,
    pub(crate) config: WorkerConfig,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) offsets: Arc<dyn OffsetStore>,
    pub(crate) statuses: Arc<Statuses>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) inputs: mpsc::Sender<Input>,
    pub(crate) threads: PluginThreads,
    pub(crate) events: Events,
}

impl Worker {
    /// A worker whose home is the runtime that this is called on.
    pub(crate) fn new(parts: WorkerParts) -> Self {
        let threads = Arc::new(parts.threads);
        let limits = parts.config.watch_limits();
        Self {
            registry: parts.registry,
            config: parts.config,
            broker: Mutex::new(Some(parts.broker)),
            offsets: parts.offsets,
            statuses: parts.statuses,
            clock: parts.clock,
            inputs: parts.inputs,
            events: parts.events,
            changed: watch::Sender::new(0),
            supervisor: Supervisor::new(Arc::clone(&threads), limits),
            threads,
            home: Handle::current(),
            origin: Instant::now(),
            own_offsets: Mutex::default(),
            running: Mutex::default(),
            given_up: Mutex::default(),
        }
    }

    /// The log.
    ///
    /// # Errors
    /// [`BrokerError::Closed`] once the worker has ended.
    pub(crate) fn broker(&self) -> Result<Arc<dyn Broker>, BrokerError> {
        lock(&self.broker).clone().ok_or(BrokerError::Closed)
    }

    /// The moment on the clock of the herder core.
    pub(crate) fn now(&self) -> LogicalTime {
        self.logical(Instant::now())
    }

    pub(crate) fn logical(&self, moment: Instant) -> LogicalTime {
        let since = moment.saturating_duration_since(self.origin);
        LogicalTime::default() + since
    }

    /// The moment of a logical time.
    pub(crate) fn instant(&self, time: LogicalTime) -> Instant {
        self.origin + time.since(LogicalTime::default())
    }

    /// How far the tasks have come, by task.
    pub(crate) fn progress(&self) -> Vec<TaskProgress> {
        let mut progress: Vec<_> = lock(&self.running)
            .values()
            .filter_map(Running::progress)
            .collect();
        progress.sort_by(|a, b| a.id.cmp(&b.id));
        progress
    }

    /// What running plugins count, by connector or task and then by name.
    pub(crate) fn plugin_metrics(&self) -> Vec<PluginMetric> {
        let mut metrics: Vec<_> = lock(&self.running)
            .values()
            .flat_map(Running::plugin_metrics)
            .collect();
        metrics.sort_by(|a, b| (&a.subject, a.name).cmp(&(&b.subject, b.name)));
        metrics
    }

    /// Lets source tasks or sink tasks commit whenever there is nothing to read.
    pub(crate) fn drain(&self, sources: bool) {
        for running in lock(&self.running).values() {
            running.drain(sources);
        }
    }

    /// Lets go of the log and of the threads. What is known of offsets can still be read.
    pub(crate) async fn close(&self) {
        let own: Vec<_> = {
            let own = lock(&self.own_offsets);
            own.values().map(OwnStore::store).collect()
        };
        for store in own {
            store.close().await;
        }
        self.offsets.close().await;
        drop(lock(&self.broker).take());
        self.threads.close();
    }
}
