//! Statuses of connectors and tasks.

pub mod log;

use std::fmt;

use crate::ConnectorName;
use crate::TaskId;

/// The state of a connector or task, as Kafka Connect reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It was deleted.
    Destroyed,
    /// It ended with an error.
    Failed,
    /// It was paused on demand.
    Paused,
    /// It is restarting.
    Restarting,
    /// It runs.
    Running,
    /// It was stopped on demand (connectors only).
    Stopped,
    /// No worker runs it at the moment.
    Unassigned,
}

impl State {
    /// Kafka Connect's name: `RUNNING`, `FAILED`…
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Destroyed => "DESTROYED",
            Self::Failed => "FAILED",
            Self::Paused => "PAUSED",
            Self::Restarting => "RESTARTING",
            Self::Running => "RUNNING",
            Self::Stopped => "STOPPED",
            Self::Unassigned => "UNASSIGNED",
        }
    }

    /// The state of a name, as it is stored.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let states = [
            Self::Destroyed,
            Self::Failed,
            Self::Paused,
            Self::Restarting,
            Self::Running,
            Self::Stopped,
            Self::Unassigned,
        ];
        states.into_iter().find(|state| state.name() == name)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What has a status.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Subject {
    /// A connector.
    Connector(ConnectorName),
    /// A task.
    Task(TaskId),
}

impl Subject {
    /// The connector, or the connector of the task.
    #[must_use]
    pub const fn connector(&self) -> &ConnectorName {
        match self {
            Self::Connector(name) => name,
            Self::Task(id) => &id.connector,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connector(name) => write!(f, "connector \"{name}\""),
            Self::Task(id) => write!(f, "task {id}"),
        }
    }
}
