//! The target state of a connector.

use std::fmt;

/// The state that the user asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetState {
    /// The tasks exist and do nothing.
    Paused,
    /// Connector and tasks run.
    #[default]
    Started,
    /// Neither the connector nor its tasks exist.
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
