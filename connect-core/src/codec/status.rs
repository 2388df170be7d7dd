//! Records of the status topic: keys and values, byte for byte as Java writes them.
//!
//! *Java*: `KafkaStatusBackingStore`.

use bytes::Bytes;

use super::FieldError;
use super::RecordError;
use super::RecordProblem;
use super::json::Members;
use super::json::ObjectWriter;
use crate::ConnectorName;
use crate::TaskId;
use crate::status::State;
use crate::status::Subject;
use crate::status::log::Status;
use crate::status::log::TopicStatus;

/// One record of the status topic.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatusRecord {
    /// `status-connector-c` or `status-task-c-0`: the status of a connector or task.
    Status {
        /// The connector or task.
        subject: Subject,
        /// Its status; `None` if it is gone. [`State::Destroyed`] is written as `None`.
        status: Option<Status>,
    },
    /// `status-topic-t:connector-c`: a connector uses a topic (KIP-558).
    Topic {
        /// The connector.
        connector: ConnectorName,
        /// The topic.
        topic: String,
        /// Who found that it does; `None` once that is reset.
        status: Option<TopicStatus>,
    },
}

const CONNECTOR: &str = "status-connector-";
const TASK: &str = "status-task-";
const TOPIC: &str = "status-topic-";
const TOPIC_CONNECTOR: &str = "connector-";

impl StatusRecord {
    /// The stored key and value; a value of `None` is a tombstone.
    #[must_use]
    pub fn encode(&self) -> (Bytes, Option<Bytes>) {
        let (key, value) = match self {
            Self::Status { subject, status } => {
                let key = match subject {
                    Subject::Connector(name) => format!("{CONNECTOR}{name}"),
                    Subject::Task(id) => format!("{TASK}{id}"),
                };
                let status = status.as_ref();
                let status = status.filter(|status| status.state != State::Destroyed);
                (key, status.map(write_status))
            }
            Self::Topic {
                connector,
                topic,
                status,
            } => (
                format!("{TOPIC}{topic}:{TOPIC_CONNECTOR}{connector}"),
                status.as_ref().map(write_topic),
            ),
        };
        (key.into(), value.map(|json| json.finish().into()))
    }

    /// Reads a stored record.
    ///
    /// # Errors
    /// [`RecordError`] says what is wrong; readers report it and skip the record.
    pub fn decode(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Self, RecordError> {
        let key = String::from_utf8_lossy(key.unwrap_or_default());
        let read = || {
            let mut record = Self::of_key(&key).ok_or(RecordProblem::UnknownKey)?;
            let value = Members::read(value)?;
            match &mut record {
                Self::Status { status, .. } => {
                    *status = value.as_ref().map(read_status).transpose()?;
                }
                Self::Topic { status, .. } => {
                    *status = value.as_ref().map(read_topic).transpose()?;
                }
            }
            Ok(record)
        };
        read().map_err(|problem| RecordError::new(&*key, problem))
    }

    /// The tombstone of a key.
    fn of_key(key: &str) -> Option<Self> {
        let status = |subject| Self::Status {
            subject,
            status: None,
        };
        if let Some(name) = key.strip_prefix(CONNECTOR) {
            return (!name.is_empty()).then(|| status(Subject::Connector(name.into())));
        }
        if let Some(task) = key.strip_prefix(TASK) {
            return Some(status(Subject::Task(TaskId::parse(task)?)));
        }
        let (topic, connector) = key.strip_prefix(TOPIC)?.split_once(':')?;
        let connector = connector.strip_prefix(TOPIC_CONNECTOR)?;
        (!topic.is_empty() && !connector.is_empty()).then(|| Self::Topic {
            connector: connector.into(),
            topic: topic.into(),
            status: None,
        })
    }
}

fn write_status(status: &Status) -> ObjectWriter {
    ObjectWriter::new()
        .text("state", status.state.name())
        .nullable_text("trace", status.trace.as_deref())
        .nullable_text("worker_id", status.worker_id.as_deref())
        .number("generation", status.generation.into())
        .nullable_text("version", status.version.as_deref())
}

fn read_status(value: &Members) -> Result<Status, FieldError> {
    let state = State::parse(value.text("state")?);
    let text = |field| Ok(value.nullable_text(field)?.map(str::to_owned));
    Ok(Status {
        state: state.ok_or(FieldError::new("state", "a state"))?,
        trace: text("trace")?,
        worker_id: text("worker_id")?,
        generation: value.integer32("generation")?,
        version: text("version")?,
    })
}

fn write_topic(status: &TopicStatus) -> ObjectWriter {
    let topic = ObjectWriter::new()
        .text("name", &status.topic)
        .text("connector", &status.task.connector)
        .count("task", status.task.index)
        .number("discoverTimestamp", status.discovered_at_ms);
    ObjectWriter::new().object("topic", topic)
}

fn read_topic(value: &Members) -> Result<TopicStatus, FieldError> {
    let value = value.object("topic")?;
    Ok(TopicStatus {
        topic: value.text("name")?.to_owned(),
        task: TaskId::new(value.text("connector")?, value.count("task")?),
        discovered_at_ms: value.integer("discoverTimestamp")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: State) -> Status {
        Status {
            state,
            trace: None,
            worker_id: Some("w:1".into()),
            generation: 7,
            version: Some("4.3.0".into()),
        }
    }

    #[test]
    fn records_are_stored_as_those_of_java() {
        let topic = TopicStatus {
            topic: "t".into(),
            task: TaskId::new("a-b", 2),
            discovered_at_ms: 5,
        };
        for (record, key, value) in [
            (
                StatusRecord::Status {
                    subject: Subject::Connector("c".into()),
                    status: Some(status(State::Running)),
                },
                "status-connector-c",
                Some(
                    r#"{"state":"RUNNING","trace":null,"worker_id":"w:1","generation":7,"version":"4.3.0"}"#,
                ),
            ),
            (
                StatusRecord::Status {
                    subject: Subject::Task(TaskId::new("a-b", 2)),
                    status: None,
                },
                "status-task-a-b-2",
                None,
            ),
            (
                StatusRecord::Topic {
                    connector: "a-b".into(),
                    topic: "t".into(),
                    status: Some(topic),
                },
                "status-topic-t:connector-a-b",
                Some(r#"{"topic":{"name":"t","connector":"a-b","task":2,"discoverTimestamp":5}}"#),
            ),
        ] {
            let stored = record.encode();
            assert_eq!(stored.0, key.as_bytes());
            assert_eq!(stored.1.as_deref(), value.map(str::as_bytes));
            let read = StatusRecord::decode(Some(&stored.0), stored.1.as_deref());
            assert_eq!(read.unwrap(), record);
        }
    }

    #[test]
    fn what_is_destroyed_is_stored_as_a_tombstone() {
        let record = StatusRecord::Status {
            subject: Subject::Connector("c".into()),
            status: Some(status(State::Destroyed)),
        };
        assert_eq!(record.encode().1, None);
    }

    #[test]
    fn odd_records_are_refused() {
        for (key, value) in [
            ("status-connector-", "{}"),
            ("status-task-c", "{}"),
            ("status-topic-t", "{}"),
            ("status-topic-:connector-c", "{}"),
            ("status-topic-t:connector-", "{}"),
            ("bogus", "{}"),
            ("status-connector-c", "junk"),
            ("status-connector-c", "{}"),
            ("status-connector-c", r#"{"state":"NOPE","generation":1}"#),
            (
                "status-connector-c",
                r#"{"state":"RUNNING","generation":"1"}"#,
            ),
            ("status-topic-t:connector-c", r#"{"topic":{"name":"t"}}"#),
        ] {
            let read = StatusRecord::decode(Some(key.as_bytes()), Some(value.as_bytes()));
            assert!(read.is_err(), "{key} {value}");
        }
        assert!(StatusRecord::decode(None, Some(b"{}")).is_err());
    }
}
