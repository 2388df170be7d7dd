//! The status log: the last status of each connector and task, and which topics connectors use.

use std::collections::BTreeMap;

use crate::ConnectorName;
use crate::TaskId;
use crate::codec::RecordError;
use crate::codec::status::StatusRecord;
use crate::status::State;
use crate::status::Subject;

/// The status of a connector or task, as it is stored.
///
/// *Java*: `AbstractStatus`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The state.
    pub state: State,
    /// Why it failed: the whole chain of causes.
    pub trace: Option<String>,
    /// The worker that wrote it, by host and port of its REST interface.
    pub worker_id: Option<String>,
    /// The generation of the group in which the worker wrote it; 0 without a group.
    pub generation: i32,
    /// The version of the plugin (KIP-891); workers before Kafka 4.1 write none.
    pub version: Option<String>,
}

/// A connector uses a topic (KIP-558).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicStatus {
    /// The topic.
    pub topic: String,
    /// The task that used it first.
    pub task: TaskId,
    /// When it did, in milliseconds since the epoch.
    pub discovered_at_ms: i64,
}

/// The fold of the status log: the last record counts.
///
/// Generations restart when a group is created again, so a reader cannot refuse older ones:
/// writers call [`may_write`](Self::may_write) first (invariant S1). Readers handle one case: the
/// worker that lost a task may report it as unassigned after the new worker reports that it runs.
///
/// *Java*: `KafkaStatusBackingStore`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatusLog {
    connectors: BTreeMap<ConnectorName, Status>,
    tasks: BTreeMap<TaskId, Status>,
    topics: BTreeMap<ConnectorName, BTreeMap<String, TopicStatus>>,
}

impl StatusLog {
    /// The fold of an empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Folds a stored record; true if it changed something.
    ///
    /// # Errors
    /// The record cannot be used; it is skipped.
    pub fn read(&mut self, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<bool, RecordError> {
        StatusRecord::decode(key, value).map(|record| self.apply(record))
    }

    /// Folds a record; true if it changed something.
    pub fn apply(&mut self, record: StatusRecord) -> bool {
        match record {
            StatusRecord::Status {
                subject: Subject::Connector(name),
                status,
            } => self.apply_connector(name, status),
            StatusRecord::Status {
                subject: Subject::Task(id),
                status,
            } => match status {
                Some(status) if self.is_outdated(&id, &status) => false,
                Some(status) => put(&mut self.tasks, id, status),
                None => self.tasks.remove(&id).is_some(),
            },
            StatusRecord::Topic {
                connector,
                topic,
                status,
            } => {
                let topics = self.topics.entry(connector.clone()).or_default();
                let changed = match status {
                    Some(status) => put(topics, topic, status),
                    None => topics.remove(&topic).is_some(),
                };
                if topics.is_empty() {
                    self.topics.remove(&connector);
                }
                changed
            }
        }
    }

    /// True if a status would not overwrite one that another worker wrote in a newer generation
    /// (invariant S1). A worker asks before it writes that something failed or is unassigned;
    /// other states follow from an assignment and are always written.
    ///
    /// *Java*: `putSafe`.
    #[must_use]
    pub fn may_write(&self, subject: &Subject, status: &Status) -> bool {
        let known = match subject {
            Subject::Connector(name) => self.connectors.get(name),
            Subject::Task(id) => self.tasks.get(id),
        };
        known.is_none_or(|known| {
            known.generation <= status.generation
                || (known.worker_id.is_some() && known.worker_id == status.worker_id)
        })
    }

    /// The connectors that have a status, with it.
    #[must_use]
    pub const fn connectors(&self) -> &BTreeMap<ConnectorName, Status> {
        &self.connectors
    }

    /// The status of a connector.
    #[must_use]
    pub fn connector(&self, name: &str) -> Option<&Status> {
        self.connectors.get(name)
    }

    /// The status of a task.
    #[must_use]
    pub fn task(&self, id: &TaskId) -> Option<&Status> {
        self.tasks.get(id)
    }

    /// The statuses of the tasks of a connector, by index.
    pub fn tasks<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a TaskId, &'a Status)> {
        self.tasks
            .range(TaskId::new(name, 0)..)
            .take_while(move |(id, _)| &*id.connector == name)
    }

    /// The topics that a connector uses, by name.
    pub fn topics(&self, name: &str) -> impl Iterator<Item = &TopicStatus> {
        self.topics.get(name).into_iter().flat_map(BTreeMap::values)
    }

    fn apply_connector(&mut self, name: ConnectorName, status: Option<Status>) -> bool {
        let Some(status) = status else {
            // A deleted connector has no tasks.
            let tasks: Vec<_> = self.tasks(&name).map(|(id, _)| id.clone()).collect();
            for id in &tasks {
                self.tasks.remove(id);
            }
            return self.connectors.remove(&name).is_some() || !tasks.is_empty();
        };
        put(&mut self.connectors, name, status)
    }

    /// True if the task already runs on another worker than the one that lost it.
    fn is_outdated(&self, id: &TaskId, status: &Status) -> bool {
        status.state == State::Unassigned
            && self.tasks.get(id).is_some_and(|known| {
                known.state == State::Running && known.generation >= status.generation
            })
    }
}

/// True if the value differs from the one before.
fn put<K: Ord, V: PartialEq>(map: &mut BTreeMap<K, V>, key: K, value: V) -> bool {
    let is_news = map.get(&key) != Some(&value);
    if is_news {
        map.insert(key, value);
    }
    is_news
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: State, worker: &str, generation: i32) -> Status {
        Status {
            state,
            trace: None,
            worker_id: Some(worker.into()),
            generation,
            version: None,
        }
    }

    fn task(state: State, worker: &str, generation: i32) -> StatusRecord {
        StatusRecord::Status {
            subject: Subject::Task(TaskId::new("c", 0)),
            status: Some(status(state, worker, generation)),
        }
    }

    #[test]
    fn a_status_of_an_older_generation_is_not_written_over_that_of_another_worker() {
        let mut log = StatusLog::new();
        let subject = Subject::Task(TaskId::new("c", 0));
        assert!(log.may_write(&subject, &status(State::Failed, "a", 1)));
        assert!(log.apply(task(State::Running, "b", 3)));
        for (worker, generation, expected) in [
            ("a", 2, false),
            ("a", 3, true),
            ("a", 4, true),
            ("b", 2, true),
        ] {
            let status = status(State::Failed, worker, generation);
            assert_eq!(log.may_write(&subject, &status), expected, "{status:?}");
        }
    }

    #[test]
    fn a_task_that_runs_elsewhere_is_not_unassigned() {
        let mut log = StatusLog::new();
        let id = TaskId::new("c", 0);
        log.apply(task(State::Running, "b", 3));
        assert!(!log.apply(task(State::Unassigned, "a", 3)));
        assert_eq!(log.task(&id).unwrap().state, State::Running);
        assert!(log.apply(task(State::Unassigned, "b", 4)));
        assert_eq!(log.task(&id).unwrap().state, State::Unassigned);
    }

    #[test]
    fn the_same_status_again_is_no_news() {
        let mut log = StatusLog::new();
        assert!(log.apply(task(State::Running, "a", 1)));
        assert!(!log.apply(task(State::Running, "a", 1)));
    }

    #[test]
    fn statuses_of_tasks_go_with_that_of_their_connector() {
        let mut log = StatusLog::new();
        for (name, index) in [("c", 0), ("c", 10), ("c-1", 0), ("b", 0)] {
            log.apply(StatusRecord::Status {
                subject: Subject::Task(TaskId::new(name, index)),
                status: Some(status(State::Running, "a", 1)),
            });
        }
        let indexes: Vec<_> = log.tasks("c").map(|(id, _)| id.index).collect();
        assert_eq!(indexes, [0, 10]);
        assert!(log.apply(StatusRecord::Status {
            subject: Subject::Connector("c".into()),
            status: None,
        }));
        assert_eq!(log.tasks("c").count(), 0);
        assert_eq!(log.tasks("c-1").count() + log.tasks("b").count(), 2);
    }
}
