//! What a record of the configuration log changes.

use super::RestartRequest;
use super::SessionKey;
use crate::ConnectorName;

/// What follows from one record.
///
/// Readers act on events only once they have read the log to its end as it was at start-up: the
/// fold holds all that lasts, and requests from before are not repeated.
///
/// *Java*: `ConfigBackingStore.UpdateListener`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigEvent {
    /// A connector is deleted; it may not have existed.
    ConnectorRemoved(ConnectorName),
    /// A connector has a configuration; it may be the one it had.
    ConnectorUpdated(ConnectorName),
    /// The level of a logger is to be set.
    LoggerLevel {
        /// The logger.
        namespace: String,
        /// The level, unchecked.
        level: String,
    },
    /// A connector is to be restarted; it may not exist.
    RestartRequested {
        /// The connector.
        name: ConnectorName,
        /// What is restarted.
        request: RestartRequest,
    },
    /// Requests are signed with this key from now on.
    SessionKey(SessionKey),
    /// The target state of an existing connector is another one.
    TargetStateChanged(ConnectorName),
    /// A set of tasks was committed.
    TasksCommitted {
        /// The connector.
        name: ConnectorName,
        /// Which tasks have a configuration in it, ordered; none if the set is incomplete. There
        /// may be some beyond the size of the set, which have no effect.
        tasks: Vec<usize>,
    },
}
