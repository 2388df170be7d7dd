//! What a record of the configuration log changes.

use super::RestartRequest;
use super::SessionKey;
use crate::ConnectorName;

/// The effect of one record.
///
/// Readers act on events only after they have read the log up to its end at startup: the fold
/// holds all lasting state, and requests from before are not repeated.
///
/// *Java*: `ConfigBackingStore.UpdateListener`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigEvent {
    /// A connector is deleted. It may never have existed.
    ConnectorRemoved(ConnectorName),
    /// A connector has a configuration, possibly the same as before.
    ConnectorUpdated(ConnectorName),
    /// The level of a logger must be set.
    LoggerLevel {
        /// The logger.
        namespace: String,
        /// The level, unchecked.
        level: String,
    },
    /// A connector must be restarted. It may not exist.
    RestartRequested {
        /// The connector.
        name: ConnectorName,
        /// What is restarted.
        request: RestartRequest,
    },
    /// Requests are signed with this key from now on.
    SessionKey(SessionKey),
    /// The target state of an existing connector has changed.
    TargetStateChanged(ConnectorName),
    /// A set of tasks was committed.
    TasksCommitted {
        /// The connector.
        name: ConnectorName,
        /// The tasks that have a configuration in it, in order; none if the set is incomplete.
        /// Tasks beyond the size of the set have no effect.
        tasks: Vec<usize>,
    },
}
