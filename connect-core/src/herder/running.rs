//! What exists in this process.

use std::collections::BTreeMap;
use std::sync::Arc;

use connect_api::ConfigMap;

use crate::ConnectorName;
use crate::LogicalTime;
use crate::TaskId;
use crate::cluster::TargetState;
use crate::herder::ActionId;
use crate::herder::Incarnation;
use crate::herder::restart::Restarts;
use crate::status::Subject;

/// The connectors and tasks of this process, each with at most one incarnation.
#[derive(Debug, Default)]
pub(super) struct Running {
    pub(super) connectors: BTreeMap<ConnectorName, ConnectorSlot>,
    pub(super) tasks: BTreeMap<TaskId, TaskSlot>,
    last: u64,
}

/// The state of one connector or task, whether an incarnation exists or not. `S` is what an
/// incarnation is made from.
#[derive(Debug)]
pub(super) struct Slot<S> {
    pub(super) run: Option<Run<S>>,
    /// It has failed with this, and is not started with it again until a restart is ordered.
    pub(super) halted: Option<S>,
    /// A restart was ordered.
    pub(super) restart: bool,
    pub(super) restarts: Restarts,
}

/// An incarnation.
#[derive(Debug)]
pub(super) struct Run<S> {
    pub(super) incarnation: Incarnation,
    pub(super) phase: Phase,
    /// When it was up.
    pub(super) up_since: Option<LogicalTime>,
    pub(super) spec: S,
    /// The last order to it.
    pub(super) target: TargetState,
    /// It stops because it is gone from the set, or another worker owns it.
    pub(super) is_outdated: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Starting,
    Up,
    /// It has reported a failure, and has not ended yet.
    Failed,
    Stopping,
}

/// What a task is made from.
#[derive(Debug, Clone)]
pub(super) struct TaskSpec {
    /// The configuration of the connector that the set was made from.
    pub(super) connector: Arc<ConfigMap>,
    /// The set.
    pub(super) set: Arc<[ConfigMap]>,
    pub(super) index: usize,
}

impl TaskSpec {
    pub(super) fn config(&self) -> Option<&ConfigMap> {
        self.set.get(self.index)
    }
}

impl PartialEq for TaskSpec {
    fn eq(&self, other: &Self) -> bool {
        let same_set = Arc::ptr_eq(&self.set, &other.set) && self.index == other.index;
        (same_set || self.config() == other.config())
            && (Arc::ptr_eq(&self.connector, &other.connector) || self.connector == other.connector)
    }
}

pub(super) type TaskSlot = Slot<TaskSpec>;

/// A connector: its incarnation, and how far the splitting of its work has come.
#[derive(Debug, Default)]
pub(super) struct ConnectorSlot {
    pub(super) slot: Slot<Arc<ConfigMap>>,
    pub(super) split: Split,
    /// How often in a row the tasks could not be generated or written.
    pub(super) split_failures: u32,
}

/// Where a running connector is in the generation of its tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Split {
    /// It was asked and has not answered.
    Asking(ActionId),
    /// It did not answer, or the answer could not be written; it is asked again after a pause.
    BackingOff,
    /// Its tasks are known.
    #[default]
    Done,
    /// It must be asked.
    Wanted,
    /// The answer is being written.
    Writing,
}

impl<S> Default for Slot<S> {
    fn default() -> Self {
        Self {
            run: None,
            halted: None,
            restart: false,
            restarts: Restarts::default(),
        }
    }
}

impl<S: Clone + PartialEq> Slot<S> {
    /// True if it has failed and no restart was ordered.
    pub(super) fn is_halted(&self) -> bool {
        self.halted.is_some() && !self.restart
    }

    /// True if an incarnation may be made from `spec` now.
    pub(super) fn may_start(&self, spec: &S) -> bool {
        self.run.is_none() && (self.restart || self.halted.as_ref() != Some(spec))
    }

    /// A new incarnation.
    pub(super) fn start(&mut self, incarnation: Incarnation, spec: S, target: TargetState) {
        self.halted = None;
        self.restart = false;
        self.run = Some(Run {
            incarnation,
            phase: Phase::Starting,
            up_since: None,
            spec,
            target,
            is_outdated: false,
        });
    }

    /// True if an incarnation after `before` is up or has failed, or none will follow.
    pub(super) fn is_back(&self, before: Option<Incarnation>) -> bool {
        match &self.run {
            Some(run) => {
                Some(run.incarnation) != before && matches!(run.phase, Phase::Up | Phase::Failed)
            }
            None => !self.restart,
        }
    }

    pub(super) fn phase(&self) -> Option<Phase> {
        self.run.as_ref().map(|run| run.phase)
    }

    pub(super) fn incarnation(&self) -> Option<Incarnation> {
        self.run.as_ref().map(|run| run.incarnation)
    }
}

/// What is done to the slot of a connector and of a task alike.
trait AnySlot {
    fn forgive(&mut self);
    fn gone(&mut self);
    fn halt(&mut self);
    fn order_restart(&mut self);
    fn recover(&mut self);
}

impl<S: Clone> AnySlot for Slot<S> {
    fn forgive(&mut self) {
        self.restarts.forgive();
    }

    fn gone(&mut self) {
        self.run = None;
    }

    /// `halted` says with what it has failed.
    fn halt(&mut self) {
        if let Some(run) = &mut self.run {
            run.phase = Phase::Failed;
            self.halted = Some(run.spec.clone());
        }
    }

    fn order_restart(&mut self) {
        self.restart = true;
    }

    fn recover(&mut self) {
        self.halted = None;
    }
}

/// The parts of a slot that do not depend on what incarnations are made from.
pub(super) struct Common<'a> {
    pub(super) incarnation: Incarnation,
    pub(super) phase: &'a mut Phase,
    pub(super) up_since: &'a mut Option<LogicalTime>,
    pub(super) restarts: &'a mut Restarts,
    pub(super) restart: bool,
}

impl Running {
    pub(super) fn next_incarnation(&mut self) -> Incarnation {
        self.last += 1;
        Incarnation(self.last)
    }

    /// The incarnation of a connector or task, if there is one.
    pub(super) fn run(&mut self, subject: &Subject) -> Option<Common<'_>> {
        fn common<S>(slot: &mut Slot<S>) -> Option<Common<'_>> {
            let run = slot.run.as_mut()?;
            Some(Common {
                incarnation: run.incarnation,
                phase: &mut run.phase,
                up_since: &mut run.up_since,
                restarts: &mut slot.restarts,
                restart: slot.restart,
            })
        }
        match subject {
            Subject::Connector(name) => common(&mut self.connectors.get_mut(name)?.slot),
            Subject::Task(id) => common(self.tasks.get_mut(id)?),
        }
    }

    /// It has failed: it is not started again until a restart is ordered.
    pub(super) fn halt(&mut self, subject: &Subject) {
        if let Some(slot) = self.slot(subject) {
            slot.halt();
        }
    }

    /// It is up after all.
    pub(super) fn recover(&mut self, subject: &Subject) {
        if let Some(slot) = self.slot(subject) {
            slot.recover();
        }
    }

    /// Starts to count its restarts from zero.
    pub(super) fn forgive(&mut self, subject: &Subject) {
        if let Some(slot) = self.slot(subject) {
            slot.forgive();
        }
    }

    /// The incarnation is gone.
    pub(super) fn gone(&mut self, subject: &Subject) {
        if let Some(slot) = self.slot(subject) {
            slot.gone();
        }
        if let Subject::Connector(name) = subject
            && let Some(connector) = self.connectors.get_mut(name)
        {
            connector.split = Split::Done;
        }
    }

    /// Orders a restart; false if it is unknown.
    pub(super) fn restart(&mut self, subject: &Subject) -> bool {
        let slot = self.slot(subject);
        slot.is_some_and(|slot| {
            slot.order_restart();
            true
        })
    }

    fn slot(&mut self, subject: &Subject) -> Option<&mut dyn AnySlot> {
        match subject {
            Subject::Connector(name) => Some(&mut self.connectors.get_mut(name)?.slot),
            Subject::Task(id) => Some(self.tasks.get_mut(id)?),
        }
    }

    pub(super) fn incarnation(&self, subject: &Subject) -> Option<Incarnation> {
        match subject {
            Subject::Connector(name) => self.connectors.get(name)?.slot.incarnation(),
            Subject::Task(id) => self.tasks.get(id)?.incarnation(),
        }
    }

    /// The tasks of a connector, by index.
    pub(super) fn tasks_of<'a>(
        &'a self,
        name: &'a ConnectorName,
    ) -> impl Iterator<Item = (&'a TaskId, &'a TaskSlot)> {
        let first = TaskId {
            connector: name.clone(),
            index: 0,
        };
        self.tasks
            .range(first..)
            .take_while(move |(id, _)| id.connector == *name)
    }

    /// True if an incarnation of the connector or of one of its tasks exists.
    pub(super) fn has_any(&self, name: &ConnectorName) -> bool {
        let connector = self.connectors.get(name);
        connector.is_some_and(|connector| connector.slot.run.is_some()) || self.has_tasks(name)
    }

    /// True if an incarnation of a task of the connector exists.
    pub(super) fn has_tasks(&self, name: &ConnectorName) -> bool {
        self.tasks_of(name).any(|(_, slot)| slot.run.is_some())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.connectors.values().all(|c| c.slot.run.is_none())
            && self.tasks.values().all(|slot| slot.run.is_none())
    }
}
