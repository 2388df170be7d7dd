//! Statuses of connectors and tasks.

pub mod log;

use std::collections::BTreeMap;
use std::fmt;

use crate::ConnectorName;
use crate::TaskId;

/// The state of a connector or task, as Kafka Connect reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It was deleted.
    Destroyed,
    /// It ended with an error.
    Failed,
    /// It does nothing on demand.
    Paused,
    /// It is being started again.
    Restarting,
    /// It runs.
    Running,
    /// It was stopped on demand (connectors only).
    Stopped,
    /// No worker runs it yet, or any more.
    Unassigned,
}

impl State {
    /// Kafka Connect's name: `RUNNING`, `FAILED`…
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Destroyed => "DESTROYED",
            Self::Failed => "FAILED",
            Self::Paused => "PAUSED",
            Self::Restarting => "RESTARTING",
            Self::Running => "RUNNING",
            Self::Stopped => "STOPPED",
            Self::Unassigned => "UNASSIGNED",
        }
    }

    /// The state of a name, as it is stored.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let states = [
            Self::Destroyed,
            Self::Failed,
            Self::Paused,
            Self::Restarting,
            Self::Running,
            Self::Stopped,
            Self::Unassigned,
        ];
        states.into_iter().find(|state| state.name() == name)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What has a status.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Subject {
    /// A connector.
    Connector(ConnectorName),
    /// A task.
    Task(TaskId),
}

impl Subject {
    /// The connector, or the connector of the task.
    #[must_use]
    pub const fn connector(&self) -> &ConnectorName {
        match self {
            Self::Connector(name) => name,
            Self::Task(id) => &id.connector,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connector(name) => write!(f, "connector \"{name}\""),
            Self::Task(id) => write!(f, "task {id}"),
        }
    }
}

/// A status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The state.
    pub state: State,
    /// Why it failed: the whole chain of causes.
    pub trace: Option<String>,
    /// Which incarnation reported it; an older one never overwrites a newer one (invariant S1).
    pub epoch: u64,
}

/// The last known status of each connector and task.
#[derive(Debug, Clone, Default)]
pub struct Statuses(BTreeMap<Subject, Status>);

impl Statuses {
    /// Takes in a status; says whether it is news.
    pub fn apply(&mut self, subject: Subject, status: Status) -> bool {
        if status.state == State::Destroyed {
            return self.0.remove(&subject).is_some();
        }
        match self.0.get_mut(&subject) {
            Some(known) if status.epoch < known.epoch || *known == status => false,
            Some(known) => {
                *known = status;
                true
            }
            None => {
                self.0.insert(subject, status);
                true
            }
        }
    }

    /// The status of a connector.
    #[must_use]
    pub fn connector(&self, name: &ConnectorName) -> Option<&Status> {
        self.0.get(&Subject::Connector(name.clone()))
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

    /// The status of a task.
    #[must_use]
    pub fn task(&self, id: &TaskId) -> Option<&Status> {
        self.0.get(&Subject::Task(id.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_incarnation_never_overwrites_a_newer_one() {
        let mut statuses = Statuses::default();
        let id = TaskId::new("c", 0);
        let status = |state, epoch| Status {
            state,
            trace: None,
            epoch,
        };
        assert!(statuses.apply(Subject::Task(id.clone()), status(State::Running, 2)));
        assert!(!statuses.apply(Subject::Task(id.clone()), status(State::Failed, 1)));
        assert_eq!(statuses.task(&id).unwrap().state, State::Running);
        assert!(statuses.apply(Subject::Task(id.clone()), status(State::Destroyed, 3)));
        assert_eq!(statuses.task(&id), None);
    }
}
