//! What goes into the herder core and what comes out.

use connect_api::ConfigMap;
use connect_api::Error;
use connect_api::ErrorKind;

use crate::ConnectorName;
use crate::TaskId;
use crate::cluster::ConfigRecord;
use crate::cluster::TargetState;
use crate::status::State;
use crate::status::Status;
use crate::status::Subject;

/// Names a request; the driver gives it out and gets it back in [`Action::Respond`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// Names an action; comes back in [`Input::Done`]. Also the epoch of the connector or task that it
/// started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ActionId(pub u64);

/// Whether a configuration may replace another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PutMode {
    /// The connector must be new.
    Create,
    /// The connector may exist.
    CreateOrUpdate,
}

/// Something that a user asks for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Request {
    /// Remove a connector. Its offsets stay.
    Delete {
        /// Its name.
        name: ConnectorName,
    },
    /// Create a connector or change its configuration.
    Put {
        /// Its name.
        name: ConnectorName,
        /// Its configuration, variables unresolved.
        config: ConfigMap,
        /// May it exist?
        mode: PutMode,
        /// What is wanted of it at first, if not that it runs.
        initial: Option<TargetState>,
    },
    /// Start connector and tasks afresh (KIP-745).
    Restart {
        /// Its name.
        name: ConnectorName,
        /// Its tasks too?
        include_tasks: bool,
        /// Only what has failed?
        only_failed: bool,
    },
    /// Start one task afresh.
    RestartTask {
        /// The task.
        id: TaskId,
    },
    /// Pause, resume or stop a connector.
    SetTargetState {
        /// Its name.
        name: ConnectorName,
        /// What is wanted.
        state: TargetState,
    },
    /// Stop everything; no request is taken any more.
    Shutdown,
}

impl Request {
    /// The connector that it is about; `None` for all of them.
    #[must_use]
    pub const fn connector(&self) -> Option<&ConnectorName> {
        match self {
            Self::Delete { name }
            | Self::Put { name, .. }
            | Self::Restart { name, .. }
            | Self::SetTargetState { name, .. } => Some(name),
            Self::RestartTask { id } => Some(&id.connector),
            Self::Shutdown => None,
        }
    }
}

/// A connector as REST shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorInfo {
    /// Its name.
    pub name: ConnectorName,
    /// Its configuration, variables unresolved.
    pub config: ConfigMap,
    /// How many tasks it has.
    pub tasks: usize,
    /// True if the request created it.
    pub created: bool,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Response {
    /// To [`Request::Put`].
    Connector(ConnectorInfo),
    /// To all others.
    Done,
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HerderError {
    /// The connector exists already (REST: 409).
    #[error("Connector {0} already exists")]
    AlreadyExists(ConnectorName),
    /// The connector could not be started; it exists and is FAILED.
    #[error("connector \"{name}\" could not be started: {reason}")]
    ConnectorFailed {
        /// Its name.
        name: ConnectorName,
        /// The whole chain of causes.
        reason: String,
    },
    /// The configuration is wrong (REST: 400). The text lists every error.
    #[error("{0}")]
    InvalidConfig(String),
    /// No such connector (REST: 404).
    #[error("Connector {0} not found")]
    NoConnector(ConnectorName),
    /// No such task (REST: 404).
    #[error("Task {0} not found")]
    NoTask(TaskId),
    /// The worker is shutting down (REST: 503).
    #[error("the worker is shutting down")]
    ShuttingDown,
    /// The configuration could not be stored.
    #[error("the configuration could not be stored: {0}")]
    Store(String),
}

impl From<HerderError> for Error {
    fn from(error: HerderError) -> Self {
        let kind = match error {
            HerderError::AlreadyExists(_) => ErrorKind::AlreadyExists,
            HerderError::InvalidConfig(_) => ErrorKind::Config,
            HerderError::NoConnector(_) | HerderError::NoTask(_) => ErrorKind::NotFound,
            HerderError::ConnectorFailed { .. } | HerderError::Store(_) => ErrorKind::External,
            HerderError::ShuttingDown => ErrorKind::IllegalState,
        };
        Self::new(kind, error.to_string())
    }
}

/// The result of an action.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Outcome {
    /// Of actions that start or change a connector: the whole chain of causes if it failed.
    Connector(Result<(), String>),
    /// Of actions that stop something: it is gone, whatever happened.
    Stopped,
    /// Of [`Action::GenerateTaskConfigs`].
    TaskConfigs(Result<Vec<ConfigMap>, String>),
    /// Of [`Action::Validate`].
    Validated(Result<(), String>),
    /// Of [`Action::WriteConfig`].
    Written(Result<(), String>),
}

/// What the core is told.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Input {
    /// A config record was read back from the store.
    Config(ConfigRecord),
    /// An action has ended.
    Done(ActionId, Outcome),
    /// A connector or task reports its state. `epoch` is the action that started it.
    Report {
        /// What reports.
        subject: Subject,
        /// The action that started it.
        epoch: ActionId,
        /// Its state.
        state: State,
        /// Why it failed.
        trace: Option<String>,
    },
    /// A connector asks to be asked again how to split its work.
    Reconfigure(ConnectorName),
    /// A user asks for something.
    Request(RequestId, Request),
}

/// What the driver must do.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Action {
    /// Ask a started connector how to split its work; answer with [`Outcome::TaskConfigs`].
    GenerateTaskConfigs {
        /// The connector.
        name: ConnectorName,
    },
    /// Make a status known.
    PublishStatus(Subject, Status),
    /// Answer a request.
    Respond(RequestId, Result<Response, HerderError>),
    /// Pause, resume or stop a connector that exists; answer with [`Outcome::Connector`].
    SetConnectorState {
        /// The connector.
        name: ConnectorName,
        /// What is wanted.
        state: TargetState,
    },
    /// Pause or resume a task; it reports by itself.
    SetTaskState {
        /// The task.
        id: TaskId,
        /// What is wanted.
        state: TargetState,
    },
    /// Make a connector, and start it if `state` says so; answer with [`Outcome::Connector`].
    StartConnector {
        /// The connector.
        name: ConnectorName,
        /// Its configuration, variables unresolved.
        config: ConfigMap,
        /// What is wanted.
        state: TargetState,
    },
    /// Start a task; it reports by itself.
    StartTask {
        /// The task.
        id: TaskId,
        /// The configuration of its connector, variables unresolved.
        connector_config: ConfigMap,
        /// Its own configuration.
        config: ConfigMap,
        /// What is wanted.
        state: TargetState,
    },
    /// Stop and drop a connector; answer with [`Outcome::Stopped`].
    StopConnector {
        /// The connector.
        name: ConnectorName,
    },
    /// Stop a task, in time or by giving up on it; answer with [`Outcome::Stopped`].
    StopTask {
        /// The task.
        id: TaskId,
    },
    /// Check a configuration; answer with [`Outcome::Validated`].
    Validate {
        /// The connector.
        name: ConnectorName,
        /// The configuration, variables unresolved.
        config: ConfigMap,
    },
    /// Store config records; answer with [`Outcome::Written`] *after* the records themselves have
    /// come back as [`Input::Config`].
    WriteConfig(Vec<ConfigRecord>),
}
