//! Why a request is refused.

use std::time::Duration;

use connect_api::Error;
use connect_api::ErrorKind;

use crate::ConnectorName;
use crate::Failure;
use crate::TaskId;

/// Why a request is refused. The texts that clients of Kafka Connect compare are Java's.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HerderError {
    /// The connector exists already (REST: 409).
    #[error("Connector {0} already exists")]
    AlreadyExists(ConnectorName),
    /// Too many requests wait, and none was answered before the deadline of this one (REST: 503).
    #[error("the worker is busy: {waiting} requests wait; try again later")]
    Busy {
        /// How many wait.
        waiting: usize,
    },
    /// The connector could not be started; it exists and is FAILED.
    #[error("connector \"{name}\" could not be started: {failure}")]
    ConnectorFailed {
        /// Its name.
        name: ConnectorName,
        /// Why.
        failure: Failure,
    },
    /// The configuration is wrong (REST: 400). The text lists every error.
    #[error("{0}")]
    InvalidConfig(Failure),
    /// No such connector (REST: 404).
    #[error("Connector {0} not found")]
    NoConnector(ConnectorName),
    /// No such task (REST: 404).
    #[error("Task {0} not found")]
    NoTask(TaskId),
    /// The request must go to the leader (REST: forwarded to it).
    #[error("this worker is not the leader of its group")]
    NotLeader,
    /// The offsets could not be read.
    #[error("the offsets of connector \"{name}\" could not be read: {failure}")]
    OffsetsNotRead {
        /// Its name.
        name: ConnectorName,
        /// Why.
        failure: Failure,
    },
    /// The offsets could not be changed: the connector refused, or the log could not store them.
    #[error("the offsets of connector \"{name}\" could not be changed: {failure}")]
    OffsetsRefused {
        /// Its name.
        name: ConnectorName,
        /// Why.
        failure: Failure,
    },
    /// The configuration could not be checked.
    #[error("the configuration of connector \"{name}\" could not be checked: {failure}")]
    NotValidated {
        /// The connector.
        name: ConnectorName,
        /// Why.
        failure: Failure,
    },
    /// Offsets can be changed only while the connector is stopped (REST: 400).
    #[error(
        "Connectors must be in the STOPPED state before their offsets can be modified. This can be \
         done for the specified connector by issuing a 'PUT' request to the \
         '/connectors/{0}/stop' endpoint"
    )]
    OffsetsInUse(ConnectorName),
    /// The worker is shutting down (REST: 503).
    #[error("the worker is shutting down")]
    ShuttingDown,
    /// The worker still reads its configurations, or waits for its group (REST: 503).
    #[error("the worker is still starting")]
    Starting,
    /// The change could not be stored.
    #[error("the change of connector \"{name}\" could not be stored: {failure}")]
    Store {
        /// The connector.
        name: ConnectorName,
        /// Why.
        failure: Failure,
    },
    /// The topics that connectors use are not recorded: `topic.tracking.enable` is false (REST: 403).
    #[error("Topic tracking is disabled.")]
    TopicTrackingDisabled,
    /// The topics that connectors have used may not be forgotten: `topic.tracking.allow.reset` is
    /// false (REST: 403).
    #[error("Topic tracking reset is disabled.")]
    TopicTrackingResetDisabled,
    /// The request was not answered before its deadline (REST: 500, as in Java).
    #[error("Request timed out. The worker is currently {stage}, which began {since:?} ago")]
    TimedOut {
        /// What the worker was doing.
        stage: Stage,
        /// For how long.
        since: Duration,
    },
}

/// The text of `Display`, so that a host whose `main` returns the error prints what a person can read.
impl std::fmt::Debug for HerderError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// What a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// The connector changes its offsets.
    AlteringOffsets,
    /// Another change of the same connector is in progress.
    Queued,
    /// The change takes effect.
    Settling,
    /// The worker reads its configurations or waits for its group.
    Starting,
    /// The configuration is checked.
    Validating,
    /// The change is written to the configuration log.
    Writing,
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::AlteringOffsets => "changing the offsets of the connector",
            Self::Queued => "making an earlier change of the same connector",
            Self::Settling => "starting or stopping the connector and its tasks",
            Self::Starting => "reading its configuration log",
            Self::Validating => "validating the configuration of the connector",
            Self::Writing => "writing to its configuration log",
        })
    }
}

impl From<HerderError> for Error {
    fn from(error: HerderError) -> Self {
        let text = error.to_string();
        match error {
            HerderError::AlreadyExists(_) => Self::already_exists(text),
            HerderError::InvalidConfig(_) => Self::config(text),
            HerderError::NoConnector(_) | HerderError::NoTask(_) => Self::not_found(text),
            HerderError::Busy { .. }
            | HerderError::NotLeader
            | HerderError::Starting
            | HerderError::TimedOut { .. } => Self::retriable(text),
            HerderError::OffsetsInUse(_)
            | HerderError::ShuttingDown
            | HerderError::TopicTrackingDisabled
            | HerderError::TopicTrackingResetDisabled => Self::illegal_state(text),
            HerderError::ConnectorFailed { failure, .. }
            | HerderError::NotValidated { failure, .. }
            | HerderError::OffsetsNotRead { failure, .. }
            | HerderError::OffsetsRefused { failure, .. }
            | HerderError::Store { failure, .. } => {
                let error = Self::new(ErrorKind::External, text);
                if failure.is_retriable() {
                    error.into_retriable()
                } else {
                    error
                }
            }
        }
    }
}
