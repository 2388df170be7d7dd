//! The status of a connector or task, and what else this worker knows about it.

use std::collections::BTreeMap;

use crate::ConnectorName;
use crate::Failure;
use crate::LogicalTime;
use crate::TaskId;
use crate::status::State;
use crate::status::Subject;

/// The status of a connector or task.
///
/// The first four fields are those of Kafka Connect. The others are additions; they add no
/// states, because clients of Kafka Connect know only its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The state.
    pub state: State,
    /// Why it failed: the whole chain of causes.
    pub trace: Option<String>,
    /// The worker that reports it.
    pub worker_id: String,
    /// The generation of the group that it was reported in; 0 for a worker that is alone.
    pub generation: i32,
    /// Why it failed, if it failed on this worker.
    pub failure: Option<Failure>,
    /// When it entered this state.
    pub since: LogicalTime,
    /// How often the state has changed on this worker.
    pub changes: u64,
    /// The call that makes no progress, if any. The state stays RUNNING.
    pub stalled: Option<Stall>,
    /// When it is restarted, if it has failed and will be.
    pub next_attempt: Option<LogicalTime>,
    /// How often it was restarted after a failure.
    pub restarts: u64,
    /// How many earlier incarnations did not stop in time and were abandoned.
    pub given_up: u64,
}

/// A call into a plugin that exceeds its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stall {
    /// The call, such as `put`.
    pub call: &'static str,
    /// When it began.
    pub since: LogicalTime,
}

/// The last known status of each connector and task.
#[derive(Debug, Clone, Default)]
pub struct Board(BTreeMap<Subject, Status>);

impl Board {
    /// One status.
    #[must_use]
    pub fn status(&self, subject: &Subject) -> Option<&Status> {
        self.0.get(subject)
    }

    /// The statuses of the tasks of a connector, by index.
    pub fn tasks<'a>(
        &'a self,
        name: &'a ConnectorName,
    ) -> impl Iterator<Item = (&'a TaskId, &'a Status)> {
        let first = Subject::Task(TaskId {
            connector: name.clone(),
            index: 0,
        });
        self.0
            .range(first..)
            .map_while(move |(subject, status)| match subject {
                Subject::Task(id) if id.connector == *name => Some((id, status)),
                _ => None,
            })
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&Subject, &Status)> {
        self.0.iter()
    }

    /// Replaces a status; true if it differs.
    pub(super) fn set(&mut self, subject: &Subject, status: Status) -> bool {
        if self.0.get(subject) == Some(&status) {
            return false;
        }
        self.0.insert(subject.clone(), status);
        true
    }

    /// Removes a status; true if there was one.
    pub(super) fn remove(&mut self, subject: &Subject) -> bool {
        self.0.remove(subject).is_some()
    }

    /// Records a status that another worker, or an earlier run of this one, has written. One of an
    /// older generation changes nothing (invariant S1).
    pub(super) fn read(&mut self, subject: Subject, status: Option<Status>) {
        match status {
            Some(status) => {
                let known = self.0.get(&subject);
                if known.is_none_or(|known| known.generation <= status.generation) {
                    self.0.insert(subject, status);
                }
            }
            None => {
                self.0.remove(&subject);
            }
        }
    }
}
