//! Keys of the configuration topic.

use std::fmt;

use crate::ConnectorName;
use crate::TaskId;

/// The subject of a record of the configuration topic. Displays as the stored key.
///
/// *Java*: `KafkaConfigBackingStore`. Names may contain dashes; the prefixes alone decide.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ConfigKey {
    /// `commit-c`: makes the task configurations before it visible.
    Commit(ConnectorName),
    /// `connector-c`: its configuration.
    Connector(ConnectorName),
    /// `declared-connectors`: connectors that files of the host declare. Java does not have this
    /// key and skips it; it is written only to a log inside the process.
    Declared,
    /// `logger-cluster-a.b`: the level of a logger on all workers.
    LoggerLevel(String),
    /// `restart-connector-c`: the last request to restart it (KIP-745).
    RestartRequest(ConnectorName),
    /// `session-key`: signs requests between workers (KIP-507).
    SessionKey,
    /// `target-state-c`: its target state.
    TargetState(ConnectorName),
    /// `task-c-0`: the configuration of a task.
    Task(TaskId),
    /// `tasks-fencing-c`: for how many tasks older producers are fenced (KIP-618).
    TaskCount(ConnectorName),
}

const COMMIT: &str = "commit-";
const CONNECTOR: &str = "connector-";
const DECLARED: &str = "declared-connectors";
const LOGGER_LEVEL: &str = "logger-cluster-";
const RESTART_REQUEST: &str = "restart-connector-";
const SESSION_KEY: &str = "session-key";
const TARGET_STATE: &str = "target-state-";
const TASK: &str = "task-";
const TASK_COUNT: &str = "tasks-fencing-";

/// A kind of key that ends with the name of a connector.
type Kind = fn(ConnectorName) -> ConfigKey;

impl ConfigKey {
    /// The key of a stored text; `None` if no record has such a key.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            DECLARED => return Some(Self::Declared),
            SESSION_KEY => return Some(Self::SessionKey),
            _ => {}
        }
        if let Some(task) = text.strip_prefix(TASK) {
            return TaskId::parse(task).map(Self::Task);
        }
        if let Some(namespace) = text.strip_prefix(LOGGER_LEVEL) {
            return Some(Self::LoggerLevel(namespace.to_owned()));
        }
        let of_connectors: [(&str, Kind); 5] = [
            (COMMIT, Self::Commit),
            (CONNECTOR, Self::Connector),
            (RESTART_REQUEST, Self::RestartRequest),
            (TARGET_STATE, Self::TargetState),
            (TASK_COUNT, Self::TaskCount),
        ];
        let mut of_connectors = of_connectors.into_iter();
        of_connectors.find_map(|(prefix, key)| Some(key(text.strip_prefix(prefix)?.into())))
    }
}

impl fmt::Display for ConfigKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Commit(name) => write!(f, "{COMMIT}{name}"),
            Self::Connector(name) => write!(f, "{CONNECTOR}{name}"),
            Self::Declared => f.write_str(DECLARED),
            Self::LoggerLevel(namespace) => write!(f, "{LOGGER_LEVEL}{namespace}"),
            Self::RestartRequest(name) => write!(f, "{RESTART_REQUEST}{name}"),
            Self::SessionKey => f.write_str(SESSION_KEY),
            Self::TargetState(name) => write!(f, "{TARGET_STATE}{name}"),
            Self::Task(id) => write!(f, "{TASK}{id}"),
            Self::TaskCount(name) => write!(f, "{TASK_COUNT}{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back() {
        for text in [
            "commit-c",
            "connector-",
            "connector-connector-x",
            "declared-connectors",
            "logger-cluster-a.b",
            "restart-connector-c",
            "session-key",
            "target-state--",
            "task-a-b-12",
            "task-c--1",
            "tasks-fencing-c",
        ] {
            assert_eq!(ConfigKey::parse(text).unwrap().to_string(), text);
        }
        let task = ConfigKey::parse("task-c--1").unwrap();
        assert_eq!(task, ConfigKey::Task(TaskId::new("c-", 1)));
    }

    #[test]
    fn other_keys_are_refused() {
        for text in [
            "",
            "connector",
            "task-",
            "task-c",
            "task-c-x",
            "session-key-",
            "bogus",
        ] {
            assert_eq!(ConfigKey::parse(text), None, "{text}");
        }
    }
}
