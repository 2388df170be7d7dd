//! What a host sees of connectors and tasks.

use connect_api::ConfigMap;
use connect_core::ConnectorName;
use connect_core::TaskId;
use connect_core::herder::HerderCore;
use connect_core::herder::HerderError;
use connect_core::herder::Status;
use connect_core::status::State;
use connect_core::status::Subject;

use crate::Connect;

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
    /// Everything that is known of it; `None` if no worker has reported it yet.
    pub status: Option<Status>,
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
    /// Everything that is known of it; `None` if no worker has reported it yet.
    pub status: Option<Status>,
}

impl ConnectorStatus {
    /// True if the connector and all its tasks are in a state. A connector that is STOPPED has no
    /// tasks.
    #[must_use]
    pub fn is(&self, state: State) -> bool {
        self.state == state && self.tasks.iter().all(|task| task.state == state)
    }

    fn is_healthy(&self) -> bool {
        let healthy = |state, status: &Option<Status>| {
            let is_stalled = status.as_ref().is_some_and(|s| s.stalled.is_some());
            state != State::Failed && !is_stalled
        };
        healthy(self.state, &self.status)
            && self
                .tasks
                .iter()
                .all(|task| healthy(task.state, &task.status))
    }
}

impl Connect {
    /// The names of all connectors.
    ///
    /// # Errors
    /// [`HerderError::Starting`] if the worker has not read its configurations within the time of the
    /// handle; [`HerderError::ShuttingDown`].
    pub async fn connectors(&self) -> Result<Vec<ConnectorName>, HerderError> {
        self.look(|core| core.desired().connectors().keys().cloned().collect())
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
            let connector = core.desired().connector(&asked)?;
            Some((**connector.config()).clone())
        })
        .await?
        .ok_or(HerderError::NoConnector(name))
    }

    /// The configurations of the tasks of a connector, by number.
    ///
    /// # Errors
    /// [`HerderError::NoConnector`].
    pub async fn task_configs(
        &self,
        name: impl Into<ConnectorName>,
    ) -> Result<Vec<ConfigMap>, HerderError> {
        let name = name.into();
        let asked = name.clone();
        self.look(move |core| {
            let set = core.desired().connector(&asked)?.task_set();
            Some(set.map(|set| set.configs().to_vec()).unwrap_or_default())
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

    /// Waits until a connector and all its tasks are in a state.
    ///
    /// *Cancellation*: safe; it waits for ever if that never comes.
    ///
    /// # Errors
    /// [`HerderError::NoConnector`]; [`HerderError::ShuttingDown`].
    pub async fn wait_for(
        &self,
        name: impl Into<ConnectorName>,
        state: State,
    ) -> Result<ConnectorStatus, HerderError> {
        self.wait_until(name, |status| status.is(state)).await
    }

    /// Waits until the status of a connector is as wanted.
    ///
    /// *Cancellation*: safe; it waits for ever if that never comes.
    ///
    /// # Errors
    /// [`HerderError::NoConnector`]; [`HerderError::ShuttingDown`].
    pub async fn wait_until(
        &self,
        name: impl Into<ConnectorName>,
        accept: impl Fn(&ConnectorStatus) -> bool,
    ) -> Result<ConnectorStatus, HerderError> {
        let name = name.into();
        let mut changed = self.signs.changed.subscribe();
        loop {
            changed.mark_unchanged();
            let status = self.status(name.clone()).await?;
            if accept(&status) {
                return Ok(status);
            }
            // The handle holds the sender, so this cannot fail.
            let _ = changed.changed().await;
        }
    }

    /// True if the worker is ready, no connector or task has failed or is stalled, and no thread of
    /// plugins is missing.
    pub async fn is_healthy(&self) -> bool {
        let threads = self.plugin_threads();
        if threads.is_exhausted || threads.io_is_blocked {
            return false;
        }
        let healthy = self.look_now(|core| {
            let names = core.desired().connectors().keys();
            core.is_ready()
                && names
                    .filter_map(|name| status_of(core, name))
                    .all(|status| status.is_healthy())
        });
        healthy.await.unwrap_or(false)
    }
}

pub(crate) fn status_of(core: &HerderCore, name: &ConnectorName) -> Option<ConnectorStatus> {
    let connector = core.desired().connector(name)?;
    let tasks = connector.task_set().map_or(0, |set| set.configs().len());
    let known = |subject: Subject| {
        let status = core.board().status(&subject).cloned();
        let state = status.as_ref().map_or(State::Unassigned, |s| s.state);
        let trace = status.as_ref().and_then(|s| s.trace.clone());
        (state, trace, status)
    };
    let (state, trace, status) = known(Subject::Connector(name.clone()));
    let tasks = (0..tasks).map(|index| {
        let id = TaskId {
            connector: name.clone(),
            index,
        };
        let (state, trace, status) = known(Subject::Task(id.clone()));
        TaskStatus {
            id,
            state,
            trace,
            status,
        }
    });
    Some(ConnectorStatus {
        name: name.clone(),
        state,
        trace,
        status,
        tasks: tasks.collect(),
    })
}
