//! The handle of a worker.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use connect_api::ConfigMap;
use connect_api::Error;
use connect_api::PluginRegistry;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_core::ConnectorName;
use connect_core::TaskId;
use connect_core::cluster::TargetState;
use connect_core::herder::ConnectorInfo;
use connect_core::herder::HerderCore;
use connect_core::herder::HerderError;
use connect_core::herder::PutMode;
use connect_core::herder::Request;
use connect_core::herder::Response;
use connect_core::status::State;
use connect_core::status::Status;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::ConnectBuilder;
use crate::end::EndReport;
use crate::herder::Command;
use crate::task::TaskProgress;
use crate::worker::Worker;

/// A running worker. Clones are handles to the same one.
///
/// The worker lives on the host's tokio runtime. It installs no logger and no signal handler, keeps
/// no global state and never ends the process; several run side by side. It ends with
/// [`shutdown`](Connect::shutdown); dropping the last handle stops its tasks too, but nobody waits
/// for them.
///
/// ```
/// use connect_api::{config_map, config::FromConfig};
/// use connect_log::LocalBroker;
/// use connect_runtime::{Connect, WorkerConfig};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let strings = "org.apache.kafka.connect.storage.StringConverter";
/// let config = config_map! { "key.converter" => strings, "value.converter" => strings };
/// let connect = Connect::builder()
///     .registry(connect_runtime::plugins())
///     .broker(LocalBroker::memory())
///     .worker(WorkerConfig::from_config(&config)?)
///     .build()
///     .await?;
/// assert!(connect.connectors().await?.is_empty());
/// assert!(connect.shutdown(Duration::from_secs(5)).await.is_clean());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Connect {
    worker: Arc<Worker>,
    commands: mpsc::Sender<Command>,
    driver: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// The state of a connector and its tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectorStatus {
    /// Its name.
    pub name: ConnectorName,
    /// Its state.
    pub state: State,
    /// Why it failed.
    pub trace: Option<String>,
    /// Its tasks, by number.
    pub tasks: Vec<TaskStatus>,
}

/// The state of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskStatus {
    /// The task.
    pub id: TaskId,
    /// Its state.
    pub state: State,
    /// Why it failed.
    pub trace: Option<String>,
}

/// What was left when a worker ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct ShutdownReport {
    /// Tasks that did not stop in time and were given up on. What they had under way comes again
    /// after a restart.
    pub left: Vec<TaskId>,
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
    /// Starts to build a worker.
    pub fn builder() -> ConnectBuilder {
        ConnectBuilder::new()
    }

    pub(crate) fn new(
        worker: Arc<Worker>,
        commands: mpsc::Sender<Command>,
        driver: JoinHandle<()>,
    ) -> Self {
        Self {
            worker,
            commands,
            driver: Arc::new(Mutex::new(Some(driver))),
        }
    }

    /// The plugins of the worker.
    #[must_use]
    pub fn registry(&self) -> &PluginRegistry {
        &self.worker.registry
    }

    /// Creates a connector and waits until it runs and its tasks are known.
    ///
    /// # Errors
    /// [`HerderError::AlreadyExists`]; [`HerderError::InvalidConfig`] with every error of the
    /// configuration; [`HerderError::ConnectorFailed`] if it does not start: then it exists and is
    /// FAILED.
    pub async fn create_connector(
        &self,
        name: impl Into<ConnectorName>,
        config: ConfigMap,
    ) -> Result<ConnectorInfo, HerderError> {
        self.put(name.into(), config, PutMode::Create, None).await
    }

    /// Creates a connector that is first of all paused or stopped.
    ///
    /// # Errors
    /// As [`create_connector`](Connect::create_connector).
    pub async fn create_connector_in(
        &self,
        name: impl Into<ConnectorName>,
        config: ConfigMap,
        state: TargetState,
    ) -> Result<ConnectorInfo, HerderError> {
        self.put(name.into(), config, PutMode::Create, Some(state))
            .await
    }

    /// Creates a connector or changes its configuration.
    ///
    /// # Errors
    /// As [`create_connector`](Connect::create_connector).
    pub async fn put_connector(
        &self,
        name: impl Into<ConnectorName>,
        config: ConfigMap,
    ) -> Result<ConnectorInfo, HerderError> {
        self.put(name.into(), config, PutMode::CreateOrUpdate, None)
            .await
    }

    async fn put(
        &self,
        name: ConnectorName,
        mut config: ConfigMap,
        mode: PutMode,
        initial: Option<TargetState>,
    ) -> Result<ConnectorInfo, HerderError> {
        match config.get("name") {
            None => config.insert("name", &*name),
            Some(other) if *other == *name => {}
            Some(other) => {
                return Err(HerderError::InvalidConfig(format!(
                    "Connector name configuration ({other}) doesn't match connector name ({name})"
                )));
            }
        }
        match self
            .request(Request::Put {
                name,
                config,
                mode,
                initial,
            })
            .await?
        {
            Response::Connector(info) => Ok(info),
            _ => Err(HerderError::ShuttingDown),
        }
    }

    /// Removes a connector and waits until nothing of it runs. Its offsets stay.
    ///
    /// # Errors
    /// [`HerderError::NoConnector`].
    pub async fn delete_connector(
        &self,
        name: impl Into<ConnectorName>,
    ) -> Result<(), HerderError> {
        self.request(Request::Delete { name: name.into() })
            .await
            .map(drop)
    }

    /// Lets a connector's tasks do nothing, with everything in place.
    ///
    /// # Errors
    /// [`HerderError::NoConnector`].
    pub async fn pause(&self, name: impl Into<ConnectorName>) -> Result<(), HerderError> {
        self.set_target_state(name.into(), TargetState::Paused)
            .await
    }

    /// Lets a paused or stopped connector run again.
    ///
    /// # Errors
    /// [`HerderError::NoConnector`].
    pub async fn resume(&self, name: impl Into<ConnectorName>) -> Result<(), HerderError> {
        self.set_target_state(name.into(), TargetState::Started)
            .await
    }

    /// Stops a connector and its tasks, and keeps its configuration.
    ///
    /// # Errors
    /// [`HerderError::NoConnector`].
    pub async fn stop(&self, name: impl Into<ConnectorName>) -> Result<(), HerderError> {
        self.set_target_state(name.into(), TargetState::Stopped)
            .await
    }

    async fn set_target_state(
        &self,
        name: ConnectorName,
        state: TargetState,
    ) -> Result<(), HerderError> {
        self.request(Request::SetTargetState { name, state })
            .await
            .map(drop)
    }

    /// Starts a connector afresh, with its tasks or without, all or only what has failed.
    ///
    /// # Errors
    /// [`HerderError::NoConnector`].
    pub async fn restart(
        &self,
        name: impl Into<ConnectorName>,
        include_tasks: bool,
        only_failed: bool,
    ) -> Result<(), HerderError> {
        let name = name.into();
        self.request(Request::Restart {
            name,
            include_tasks,
            only_failed,
        })
        .await
        .map(drop)
    }

    /// Starts one task afresh.
    ///
    /// # Errors
    /// [`HerderError::NoTask`].
    pub async fn restart_task(&self, id: TaskId) -> Result<(), HerderError> {
        self.request(Request::RestartTask { id }).await.map(drop)
    }

    /// The names of all connectors.
    ///
    /// # Errors
    /// [`HerderError::ShuttingDown`].
    pub async fn connectors(&self) -> Result<Vec<ConnectorName>, HerderError> {
        self.look(|core| core.state().connectors().keys().cloned().collect())
            .await
    }

    /// The configuration of a connector, variables unresolved.
    ///
    /// # Errors
    /// [`HerderError::NoConnector`].
    pub async fn config(&self, name: impl Into<ConnectorName>) -> Result<ConfigMap, HerderError> {
        let name = name.into();
        let asked = name.clone();
        self.look(move |core| {
            core.state()
                .connector(&asked)
                .map(|entry| entry.config.clone())
        })
        .await?
        .ok_or(HerderError::NoConnector(name))
    }

    /// The state of a connector and its tasks.
    ///
    /// # Errors
    /// [`HerderError::NoConnector`].
    pub async fn status(
        &self,
        name: impl Into<ConnectorName>,
    ) -> Result<ConnectorStatus, HerderError> {
        let name = name.into();
        let asked = name.clone();
        self.look(move |core| status_of(core, &asked))
            .await?
            .ok_or(HerderError::NoConnector(name))
    }

    /// The committed offsets of a source connector.
    #[must_use]
    pub fn source_offsets(&self, name: &str) -> Vec<(SourcePartition, SourceOffset)> {
        self.worker.known_offsets(name)
    }

    /// How far the tasks have come.
    #[must_use]
    pub fn progress(&self) -> Vec<TaskProgress> {
        self.worker.progress()
    }

    /// Waits until every source task has said that there is nothing more for now and every sink
    /// task has written and committed everything that the log has for it.
    ///
    /// *Cancellation*: safe.
    ///
    /// # Errors
    /// The first connector or task that failed, by name.
    pub async fn until_end(&self) -> Result<EndReport, Error> {
        crate::end::until_end(self, &self.worker).await
    }

    /// Ends the worker: stops connectors and tasks, commits what is durable, and waits up to the
    /// deadline. Tasks have `task.shutdown.graceful.timeout.ms` to stop, all at the same time.
    ///
    /// Called on one handle, it ends the worker for all of them.
    pub async fn shutdown(&self, deadline: Duration) -> ShutdownReport {
        let driver = self
            .driver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let ended = async {
            // Refused only if another handle shuts the worker down already.
            let _ = self.request(Request::Shutdown).await;
            if let Some(driver) = driver {
                // The driver contains panics of plugins, and has none of its own.
                let _ = driver.await;
            }
        };
        let timed_out = tokio::time::timeout(deadline, ended).await.is_err();
        let mut left = self.worker.take_abandoned();
        if timed_out {
            left.extend(
                self.worker
                    .progress()
                    .into_iter()
                    .map(|progress| progress.id),
            );
        }
        ShutdownReport { left, timed_out }
    }

    async fn request(&self, request: Request) -> Result<Response, HerderError> {
        let (reply, answer) = oneshot::channel();
        self.commands
            .send(Command::Request(request, reply))
            .await
            .map_err(|_| HerderError::ShuttingDown)?;
        answer.await.unwrap_or(Err(HerderError::ShuttingDown))
    }

    pub(crate) async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&HerderCore) -> T + Send + 'static,
    ) -> Result<T, HerderError> {
        let (reply, answer) = oneshot::channel();
        let look = Box::new(move |core: &HerderCore| drop(reply.send(look(core))));
        self.commands
            .send(Command::Look(look))
            .await
            .map_err(|_| HerderError::ShuttingDown)?;
        answer.await.map_err(|_| HerderError::ShuttingDown)
    }
}

impl std::fmt::Debug for Connect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connect")
            .field("broker", &self.worker.broker)
            .finish_non_exhaustive()
    }
}

pub(crate) fn status_of(core: &HerderCore, name: &ConnectorName) -> Option<ConnectorStatus> {
    let entry = core.state().connector(name)?;
    let state = |status: Option<&Status>| {
        let unassigned = (State::Unassigned, None);
        status.map_or(unassigned, |status| (status.state, status.trace.clone()))
    };
    let (connector, trace) = state(core.statuses().connector(name));
    let tasks = (0..entry.tasks.len()).map(|index| {
        let id = TaskId {
            connector: name.clone(),
            index,
        };
        let (state, trace) = state(core.statuses().task(&id));
        TaskStatus { id, state, trace }
    });
    Some(ConnectorStatus {
        name: name.clone(),
        state: connector,
        trace,
        tasks: tasks.collect(),
    })
}
