//! What runs on this worker: connectors and tasks, started and stopped on the herder's word.

mod clients;
mod connector;
mod offsets;
mod task;
pub(crate) mod watchdog;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use connect_api::ConfigMap;
use connect_api::PluginRegistry;
use connect_api::Result;
use connect_broker::Broker;
use connect_core::ConnectorName;
use connect_core::TaskId;
use connect_core::cluster::TargetState;
use connect_core::herder::Input;
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::WorkerConfig;
use crate::config::log_connector;
use crate::config::problems;
use crate::config::validate;
use crate::store::OffsetStore;
use crate::task::TaskProgress;
use crate::worker::offsets::OwnStore;
use crate::worker::task::RunningTask;

pub(crate) use crate::worker::clients::group;
pub(crate) use crate::worker::clients::subscription;
pub(crate) use crate::worker::connector::WorkerConnector;

/// The connectors and tasks of this worker, and what they are made with.
pub(crate) struct Worker {
    pub(crate) registry: PluginRegistry,
    pub(crate) config: WorkerConfig,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) offsets: Arc<dyn OffsetStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) inputs: mpsc::Sender<Input>,
    /// Counts changes of tasks, for those who wait for one.
    pub(crate) changed: watch::Sender<u64>,
    /// The worker has ended.
    pub(crate) ended: CancellationToken,
    /// Offsets of connectors that keep them in topics of their own.
    own_offsets: Mutex<HashMap<ConnectorName, OwnStore>>,
    connectors: Mutex<HashMap<ConnectorName, Arc<tokio::sync::Mutex<WorkerConnector>>>>,
    tasks: Mutex<HashMap<TaskId, RunningTask>>,
    /// Tasks that were given up on because they did not stop in time.
    abandoned: Mutex<Vec<TaskId>>,
}

impl Worker {
    pub(crate) fn new(
        registry: PluginRegistry,
        config: WorkerConfig,
        broker: Arc<dyn Broker>,
        offsets: Arc<dyn OffsetStore>,
        clock: Arc<dyn Clock>,
        inputs: mpsc::Sender<Input>,
    ) -> Self {
        Self {
            registry,
            config,
            broker,
            offsets,
            clock,
            inputs,
            changed: watch::Sender::new(0),
            ended: CancellationToken::new(),
            own_offsets: Mutex::default(),
            connectors: Mutex::default(),
            tasks: Mutex::default(),
            abandoned: Mutex::default(),
        }
    }

    /// Checks a connector's configuration.
    pub(crate) async fn validate(&self, config: &ConfigMap) -> Result<(), String> {
        log_connector(&self.registry, Some(&self.config), config);
        let check = validate(&self.registry, Some(&self.config), config);
        let checked = crate::task::contained("validate", check).await;
        match checked {
            Ok(validation) if validation.is_ok() => Ok(()),
            Ok(validation) => Err(problems(&validation)),
            Err(error) => Err(error.report()),
        }
    }

    /// How far the tasks have come, by task.
    pub(crate) fn progress(&self) -> Vec<TaskProgress> {
        let mut progress: Vec<_> = lock(&self.tasks)
            .values()
            .map(|task| task.shared.snapshot())
            .collect();
        progress.sort_by(|a, b| a.id.cmp(&b.id));
        progress
    }

    /// Lets source tasks or sink tasks commit whenever there is nothing to read.
    pub(crate) fn drain(&self, sources: bool) {
        for task in lock(&self.tasks).values() {
            if task.shared.is_source() == sources {
                task.drain
                    .send_if_modified(|drain| !std::mem::replace(drain, true));
            }
        }
    }

    /// Pauses or resumes a task.
    pub(crate) fn set_task_state(&self, id: &TaskId, state: TargetState) {
        if let Some(task) = lock(&self.tasks).get(id) {
            task.target.send_replace(state);
        }
    }

    /// Tasks that did not stop in time, since the last call.
    pub(crate) fn take_abandoned(&self) -> Vec<TaskId> {
        std::mem::take(&mut lock(&self.abandoned))
    }
}

/// Locks a map whose every change is a single insertion or removal: a panic elsewhere leaves it
/// whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
