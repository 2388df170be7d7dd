//! Changes that a host asks for.

use connect_api::ConfigMap;
use connect_api::Error;
use connect_core::ConnectorName;
use connect_core::TaskId;
use connect_core::cluster::TargetState;
use connect_core::herder::HerderError;
use connect_core::herder::Operation;
use connect_core::herder::PutMode;
use connect_core::herder::Response;
use connect_core::status::Subject;

use crate::Connect;

/// A connector after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectorInfo {
    /// Its name.
    pub name: ConnectorName,
    /// Its configuration, variables unresolved.
    pub config: ConfigMap,
    /// How many tasks it has.
    pub tasks: usize,
    /// True if the request created it.
    pub created: bool,
    /// What did not stop in time for the change and was given up on.
    pub given_up: Vec<Subject>,
}

/// What a restart has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restarted {
    /// What is started again.
    pub plan: Vec<Subject>,
    /// What did not stop in time for it and was given up on.
    pub given_up: Vec<Subject>,
}

impl Connect {
    /// Creates a connector. It waits until it runs and its tasks are known, unless the handle is
    /// [`waiting`](Connect::waiting) for less.
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

    /// Creates a connector that is initially paused or stopped. Both happen or neither.
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

    /// Creates a connector or changes its configuration. A configuration that equals the present one
    /// restarts only what has failed.
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

    /// Changes some options of a connector: null removes a key, any other value sets it.
    ///
    /// # Errors
    /// [`HerderError::NoConnector`]; otherwise as [`create_connector`](Connect::create_connector).
    pub async fn patch_connector(
        &self,
        name: impl Into<ConnectorName>,
        patch: ConfigMap,
    ) -> Result<ConnectorInfo, HerderError> {
        let name = name.into();
        info(self.request(Operation::Patch { name, patch }).await?)
    }

    pub(super) async fn put(
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
                let text = format!(
                    "Connector name configuration ({other}) doesn't match connector name ({name})"
                );
                return Err(HerderError::InvalidConfig(Error::config(text).into()));
            }
        }
        let put = Operation::Put {
            name,
            config,
            mode,
            initial,
        };
        info(self.request(put).await?)
    }

    /// Removes a connector and waits until nothing of it runs. Its offsets stay. Returns what did not
    /// stop in time and was given up on.
    ///
    /// # Errors
    /// [`HerderError::NoConnector`].
    pub async fn delete_connector(
        &self,
        name: impl Into<ConnectorName>,
    ) -> Result<Vec<Subject>, HerderError> {
        let name = name.into();
        given_up(self.request(Operation::Delete { name }).await?)
    }

    /// Pauses the tasks of a connector: they keep what they hold and do nothing. Returns what did not
    /// stop in time and was given up on.
    ///
    /// # Errors
    /// [`HerderError::NoConnector`].
    pub async fn pause(&self, name: impl Into<ConnectorName>) -> Result<Vec<Subject>, HerderError> {
        self.set_target_state(name.into(), TargetState::Paused)
            .await
    }

    /// Resumes a connector that is paused or stopped.
    ///
    /// # Errors
    /// [`HerderError::NoConnector`]; [`HerderError::ConnectorFailed`] if it does not start.
    pub async fn resume(
        &self,
        name: impl Into<ConnectorName>,
    ) -> Result<Vec<Subject>, HerderError> {
        self.set_target_state(name.into(), TargetState::Started)
            .await
    }

    /// Stops a connector and its tasks, and keeps its configuration. Returns what did not stop in time
    /// and was given up on.
    ///
    /// # Errors
    /// [`HerderError::NoConnector`].
    pub async fn stop(&self, name: impl Into<ConnectorName>) -> Result<Vec<Subject>, HerderError> {
        self.set_target_state(name.into(), TargetState::Stopped)
            .await
    }

    async fn set_target_state(
        &self,
        name: ConnectorName,
        state: TargetState,
    ) -> Result<Vec<Subject>, HerderError> {
        given_up(
            self.request(Operation::SetTargetState { name, state })
                .await?,
        )
    }

    /// Restarts a connector, with its tasks or without, all or only what has failed (KIP-745).
    ///
    /// # Errors
    /// [`HerderError::NoConnector`].
    pub async fn restart(
        &self,
        name: impl Into<ConnectorName>,
        include_tasks: bool,
        only_failed: bool,
    ) -> Result<Restarted, HerderError> {
        let restart = Operation::Restart {
            name: name.into(),
            include_tasks,
            only_failed,
        };
        restarted(self.request(restart).await?)
    }

    /// Restarts one task.
    ///
    /// # Errors
    /// [`HerderError::NoTask`].
    pub async fn restart_task(&self, id: TaskId) -> Result<Restarted, HerderError> {
        restarted(self.request(Operation::RestartTask { id }).await?)
    }
}

fn info(response: Response) -> Result<ConnectorInfo, HerderError> {
    match response {
        Response::Connector(info, given_up) => Ok(ConnectorInfo {
            name: info.name,
            config: info.config,
            tasks: info.tasks,
            created: info.created,
            given_up,
        }),
        _ => Err(HerderError::ShuttingDown),
    }
}

fn given_up(response: Response) -> Result<Vec<Subject>, HerderError> {
    match response {
        Response::Done(given_up)
        | Response::Connector(_, given_up)
        | Response::Restarting(_, given_up) => Ok(given_up),
        _ => Ok(Vec::new()),
    }
}

fn restarted(response: Response) -> Result<Restarted, HerderError> {
    match response {
        Response::Restarting(plan, given_up) => Ok(Restarted { plan, given_up }),
        other => Ok(Restarted {
            plan: Vec::new(),
            given_up: given_up(other)?,
        }),
    }
}
