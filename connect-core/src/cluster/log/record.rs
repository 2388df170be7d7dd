//! Records of the configuration topic: types and stored bytes.

use std::collections::BTreeSet;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::GeneralPurposeConfig;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use connect_api::ConfigMap;

use super::ConfigKey;
use crate::ConnectorName;
use crate::TaskId;
use crate::cluster::TargetState;
use crate::codec::FieldError;
use crate::codec::RecordError;
use crate::codec::RecordProblem;
use crate::codec::json::Members;
use crate::codec::json::ObjectWriter;

/// One record of the configuration topic.
///
/// *Java*: `KafkaConfigBackingStore`; keys and values are byte for byte those of Kafka Connect 4.3,
/// except that the properties of a configuration are written in the order of their keys. Members
/// that are not known are ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigRecord {
    /// The task configurations since the last commit are a set of this many tasks.
    Commit {
        /// The connector.
        name: ConnectorName,
        /// How many tasks the set has.
        tasks: usize,
    },
    /// A connector has this configuration, or is deleted.
    Connector {
        /// The connector.
        name: ConnectorName,
        /// Its configuration, variables unresolved; `None` deletes it.
        config: Option<ConfigMap>,
    },
    /// Files of the host declare these connectors; those that they declared before and not now are
    /// removed at the next start.
    Declared {
        /// Their names.
        names: BTreeSet<ConnectorName>,
    },
    /// All workers set the level of a logger.
    LoggerLevel {
        /// The logger.
        namespace: String,
        /// The level, unchecked.
        level: String,
    },
    /// A connector, and possibly its tasks, must be restarted.
    RestartRequest {
        /// The connector.
        name: ConnectorName,
        /// What is restarted.
        request: RestartRequest,
    },
    /// Workers sign their requests with this key from now on.
    SessionKey(SessionKey),
    /// The target state of a connector.
    TargetState {
        /// The connector.
        name: ConnectorName,
        /// The target state; `None` forgets it.
        state: Option<TargetState>,
    },
    /// The configuration of a task, invisible until the commit.
    Task {
        /// The task.
        id: TaskId,
        /// Its configuration, variables unresolved.
        config: ConfigMap,
    },
    /// Older producers of a connector's tasks are fenced, up to this many tasks.
    TaskCount {
        /// The connector.
        name: ConnectorName,
        /// How many tasks run after the fencing.
        tasks: usize,
    },
}

/// What a request to restart a connector covers (KIP-745).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RestartRequest {
    /// Tasks are restarted too.
    pub include_tasks: bool,
    /// Only what has failed is restarted.
    pub only_failed: bool,
}

impl RestartRequest {
    /// How much is restarted, from 0 to 3. A request replaces a waiting one of a lower impact.
    ///
    /// ```
    /// use connect_core::cluster::log::RestartRequest;
    ///
    /// let failed = RestartRequest { include_tasks: true, only_failed: true };
    /// let connector = RestartRequest { include_tasks: false, only_failed: false };
    /// assert!(connector.impact() > failed.impact());
    /// ```
    #[must_use]
    pub const fn impact(self) -> u8 {
        2 * (!self.only_failed) as u8 + self.include_tasks as u8
    }
}

/// The key with which workers sign their requests to each other (KIP-507). `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionKey {
    /// The secret.
    pub key: Bytes,
    /// Java's name of the algorithm: `HmacSHA256`.
    pub algorithm: String,
    /// When it was generated, in milliseconds since the epoch.
    pub created_at_ms: i64,
}

impl std::fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionKey")
            .field("algorithm", &self.algorithm)
            .field("created_at_ms", &self.created_at_ms)
            .finish_non_exhaustive()
    }
}

impl ConfigRecord {
    /// The key under which the record is stored.
    #[must_use]
    pub fn key(&self) -> ConfigKey {
        match self {
            Self::Commit { name, .. } => ConfigKey::Commit(name.clone()),
            Self::Connector { name, .. } => ConfigKey::Connector(name.clone()),
            Self::Declared { .. } => ConfigKey::Declared,
            Self::LoggerLevel { namespace, .. } => ConfigKey::LoggerLevel(namespace.clone()),
            Self::RestartRequest { name, .. } => ConfigKey::RestartRequest(name.clone()),
            Self::SessionKey(_) => ConfigKey::SessionKey,
            Self::TargetState { name, .. } => ConfigKey::TargetState(name.clone()),
            Self::Task { id, .. } => ConfigKey::Task(id.clone()),
            Self::TaskCount { name, .. } => ConfigKey::TaskCount(name.clone()),
        }
    }

    /// The connector that it concerns, if any.
    #[must_use]
    pub const fn connector(&self) -> Option<&ConnectorName> {
        match self {
            Self::Commit { name, .. }
            | Self::Connector { name, .. }
            | Self::RestartRequest { name, .. }
            | Self::TargetState { name, .. }
            | Self::TaskCount { name, .. } => Some(name),
            Self::Task { id, .. } => Some(&id.connector),
            Self::Declared { .. } | Self::LoggerLevel { .. } | Self::SessionKey(_) => None,
        }
    }

    /// The stored key and value; a value of `None` is a tombstone.
    #[must_use]
    pub fn encode(&self) -> (Bytes, Option<Bytes>) {
        let value = self.value().map(|json| Bytes::from(json.finish()));
        (self.key().to_string().into(), value)
    }

    fn value(&self) -> Option<ObjectWriter> {
        let json = ObjectWriter::new();
        Some(match self {
            Self::Commit { tasks, .. } => json.count("tasks", *tasks),
            Self::Connector { config, .. } => json.config("properties", config.as_ref()?),
            Self::Declared { names } => json.texts("names", names.iter().map(|name| &**name)),
            Self::LoggerLevel { level, .. } => json.text("level", level),
            Self::RestartRequest { request, .. } => json
                .boolean("include-tasks", request.include_tasks)
                .boolean("only-failed", request.only_failed),
            Self::SessionKey(key) => json
                .text("key", &STANDARD.encode(&key.key))
                .text("algorithm", &key.algorithm)
                .number("creation-timestamp", key.created_at_ms),
            Self::TargetState { state, .. } => {
                let state = (*state)?;
                // Workers before KIP-875 do not know STOPPED.
                let old = match state {
                    TargetState::Stopped => TargetState::Paused,
                    other => other,
                };
                json.text("state", old.name())
                    .text("state.v2", state.name())
            }
            Self::Task { config, .. } => json.config("properties", config),
            Self::TaskCount { tasks, .. } => json.count("task-count", *tasks),
        })
    }

    /// Reads a stored record.
    ///
    /// # Errors
    /// [`RecordError`] says what is wrong; readers report it and skip the record.
    pub fn decode(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Self, RecordError> {
        let key = String::from_utf8_lossy(key.unwrap_or_default());
        let value = Members::read(value);
        let read = || match (value, ConfigKey::parse(&key)) {
            (Err(problem @ RecordProblem::Json(_)), _) => Err(problem),
            (_, None) => Err(RecordProblem::UnknownKey),
            (Err(problem), _) => Err(problem),
            (Ok(Some(value)), Some(key)) => Ok(Self::of(key, &value)?),
            (Ok(None), Some(key)) => Self::tombstone(key),
        };
        read().map_err(|problem| RecordError::new(&*key, problem))
    }

    fn tombstone(key: ConfigKey) -> Result<Self, RecordProblem> {
        match key {
            ConfigKey::Connector(name) => Ok(Self::Connector { name, config: None }),
            ConfigKey::TargetState(name) => Ok(Self::TargetState { name, state: None }),
            _ => Err(RecordProblem::Tombstone),
        }
    }

    fn of(key: ConfigKey, value: &Members) -> Result<Self, FieldError> {
        Ok(match key {
            ConfigKey::Commit(name) => Self::Commit {
                name,
                tasks: value.count("tasks")?,
            },
            ConfigKey::Connector(name) => Self::Connector {
                name,
                config: Some(value.config("properties")?),
            },
            ConfigKey::Declared => Self::Declared {
                names: value
                    .texts("names")?
                    .into_iter()
                    .map(ConnectorName::new)
                    .collect(),
            },
            ConfigKey::LoggerLevel(namespace) => Self::LoggerLevel {
                namespace,
                level: value.text("level")?.to_owned(),
            },
            ConfigKey::RestartRequest(name) => Self::RestartRequest {
                name,
                request: RestartRequest {
                    include_tasks: value.is_true("include-tasks"),
                    only_failed: value.is_true("only-failed"),
                },
            },
            ConfigKey::SessionKey => Self::SessionKey(SessionKey {
                key: read_key(value.text("key")?)?,
                algorithm: value.text("algorithm")?.to_owned(),
                created_at_ms: value.integer("creation-timestamp")?,
            }),
            ConfigKey::TargetState(name) => Self::TargetState {
                name,
                state: Some(read_target_state(value)?),
            },
            ConfigKey::Task(id) => Self::Task {
                id,
                config: value.config("properties")?,
            },
            ConfigKey::TaskCount(name) => Self::TaskCount {
                name,
                tasks: value.count("task-count")?,
            },
        })
    }
}

/// The field that knows STOPPED (KIP-875) if it is there, else the one before it.
fn read_target_state(value: &Members) -> Result<TargetState, FieldError> {
    let (field, name) = match value.text("state.v2") {
        Ok(name) => ("state.v2", name),
        Err(_) => ("state", value.text("state")?),
    };
    let states = [
        TargetState::Paused,
        TargetState::Started,
        TargetState::Stopped,
    ];
    let mut states = states.into_iter();
    states
        .find(|state| state.name() == name)
        .ok_or(FieldError::new(field, "PAUSED, STARTED or STOPPED"))
}

fn read_key(text: &str) -> Result<Bytes, FieldError> {
    // As lenient as Java's decoder.
    let lenient = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let key = GeneralPurpose::new(&alphabet::STANDARD, lenient).decode(text);
    match key {
        Ok(key) if !key.is_empty() => Ok(key.into()),
        _ => Err(FieldError::new("key", "base64 of a key")),
    }
}

#[cfg(test)]
mod tests {
    use connect_api::config_map;

    use super::*;

    fn round_trip(record: &ConfigRecord) -> (String, Option<String>) {
        let (key, value) = record.encode();
        assert_eq!(
            ConfigRecord::decode(Some(&key), value.as_deref()).unwrap(),
            *record
        );
        let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        (text(key), value.map(text))
    }

    #[test]
    fn records_are_stored_as_those_of_java() {
        let name = ConnectorName::new("c");
        let session_key = SessionKey {
            key: Bytes::from_static(&[0, 7, 14]),
            algorithm: "HmacSHA256".into(),
            created_at_ms: 5,
        };
        for (record, key, value) in [
            (
                ConfigRecord::Connector {
                    name: name.clone(),
                    config: Some(config_map! { "b" => "\"ü\"", "a" => "1" }),
                },
                "connector-c",
                Some(r#"{"properties":{"a":"1","b":"\"ü\""}}"#),
            ),
            (
                ConfigRecord::Connector {
                    name: name.clone(),
                    config: None,
                },
                "connector-c",
                None,
            ),
            (
                ConfigRecord::Task {
                    id: TaskId::new("c", 1),
                    config: ConfigMap::new(),
                },
                "task-c-1",
                Some(r#"{"properties":{}}"#),
            ),
            (
                ConfigRecord::Commit {
                    name: name.clone(),
                    tasks: 2,
                },
                "commit-c",
                Some(r#"{"tasks":2}"#),
            ),
            (
                ConfigRecord::TargetState {
                    name: name.clone(),
                    state: Some(TargetState::Stopped),
                },
                "target-state-c",
                Some(r#"{"state":"PAUSED","state.v2":"STOPPED"}"#),
            ),
            (
                ConfigRecord::TaskCount {
                    name: name.clone(),
                    tasks: 3,
                },
                "tasks-fencing-c",
                Some(r#"{"task-count":3}"#),
            ),
            (
                ConfigRecord::RestartRequest {
                    name,
                    request: RestartRequest {
                        include_tasks: true,
                        only_failed: false,
                    },
                },
                "restart-connector-c",
                Some(r#"{"include-tasks":true,"only-failed":false}"#),
            ),
            (
                ConfigRecord::SessionKey(session_key),
                "session-key",
                Some(r#"{"key":"AAcO","algorithm":"HmacSHA256","creation-timestamp":5}"#),
            ),
            (
                ConfigRecord::LoggerLevel {
                    namespace: "a.b".into(),
                    level: "DEBUG".into(),
                },
                "logger-cluster-a.b",
                Some(r#"{"level":"DEBUG"}"#),
            ),
        ] {
            let stored = round_trip(&record);
            assert_eq!((stored.0.as_str(), stored.1.as_deref()), (key, value));
        }
    }

    #[test]
    fn bad_records_are_explained() {
        for (key, value, expected) in [
            ("connector-c", Some("junk"), "not JSON"),
            ("connector-c", Some("5"), "not an object"),
            ("connector-c", Some("{}"), "\"properties\""),
            (
                "connector-c",
                Some(r#"{"properties":{"a":[]}}"#),
                "\"properties\"",
            ),
            ("bogus", Some("{}"), "belongs to no kind of record"),
            ("commit-c", None, "tombstone"),
            ("commit-c", Some(r#"{"tasks":-1}"#), "\"tasks\""),
            ("commit-c", Some(r#"{"tasks":5000000000}"#), "\"tasks\""),
            (
                "tasks-fencing-c",
                Some(r#"{"task-count":"1"}"#),
                "\"task-count\"",
            ),
            ("target-state-c", Some(r#"{"state":"paused"}"#), "\"state\""),
            (
                "session-key",
                Some(r#"{"key":"!!","algorithm":"a","creation-timestamp":5}"#),
                "base64",
            ),
        ] {
            let error = ConfigRecord::decode(Some(key.as_bytes()), value.map(str::as_bytes));
            let error = error.unwrap_err();
            assert_eq!(error.key(), key);
            let problem = error.problem().to_string();
            assert!(problem.contains(expected), "{problem}");
        }
    }

    #[test]
    fn a_stored_null_is_a_tombstone() {
        let record = ConfigRecord::decode(Some(b"connector-c"), Some(b"null")).unwrap();
        assert_eq!(record.encode().1, None);
    }

    #[test]
    fn debug_hides_the_session_key() {
        let record = ConfigRecord::decode(
            Some(b"session-key"),
            Some(br#"{"key":"c2VjcmV0","algorithm":"HmacSHA256","creation-timestamp":5}"#),
        );
        let debug = format!("{record:?}");
        assert!(
            debug.contains("HmacSHA256") && !debug.contains("secret"),
            "{debug}"
        );
    }
}
