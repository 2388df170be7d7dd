//! The records whose fold is the state of the cluster.

use std::fmt;

use connect_api::ConfigMap;

use crate::ConnectorName;

/// What the user wants of a connector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetState {
    /// Tasks exist and do nothing.
    Paused,
    /// Connector and tasks run.
    #[default]
    Started,
    /// Neither connector nor tasks exist.
    Stopped,
}

impl TargetState {
    /// Kafka Connect's name: `PAUSED`, `STARTED`, `STOPPED`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Paused => "PAUSED",
            Self::Started => "STARTED",
            Self::Stopped => "STOPPED",
        }
    }

    /// The state of a name, in any case. `RUNNING`, as `initial_state` spells it, is started.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "PAUSED" => Some(Self::Paused),
            "STARTED" | "RUNNING" => Some(Self::Started),
            "STOPPED" => Some(Self::Stopped),
            _ => None,
        }
    }
}

impl fmt::Display for TargetState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One change of what is to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigRecord {
    /// A connector exists with this configuration, or no longer.
    Connector {
        /// Its name.
        name: ConnectorName,
        /// Its configuration, variables unresolved; `None` deletes it.
        config: Option<ConfigMap>,
    },
    /// What the user wants of it.
    TargetState {
        /// Its name.
        name: ConnectorName,
        /// What is wanted.
        state: TargetState,
    },
    /// The complete set of its task configurations (invariant C2: visible whole or not at all).
    Tasks {
        /// Its name.
        name: ConnectorName,
        /// One configuration per task.
        configs: Vec<ConfigMap>,
    },
}

impl ConfigRecord {
    /// The connector that it is about.
    #[must_use]
    pub const fn name(&self) -> &ConnectorName {
        match self {
            Self::Connector { name, .. }
            | Self::TargetState { name, .. }
            | Self::Tasks { name, .. } => name,
        }
    }
}
