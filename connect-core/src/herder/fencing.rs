//! Fencing: with exactly-once, older tasks cannot write once a new set of tasks starts (KIP-618).
//!
//! The leader fences as soon as it has read the commit of a set, whichever workers run it, and then
//! writes how many tasks there are. Workers start the tasks once they have read that.

use std::collections::BTreeMap;

use crate::ConnectorName;
use crate::Failure;
use crate::TaskId;
use crate::herder::Action;
use crate::herder::HerderCore;
use crate::herder::change::Kind;
use crate::herder::core::Question;
use crate::herder::core::Timer;
use crate::herder::reconcile::Wanted;
use crate::herder::reconcile::back_off;
use crate::status::Subject;

/// How far the last set of tasks of each connector has been fenced, by the offset of the set.
pub(super) type Fencing = BTreeMap<ConnectorName, (i64, Progress)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// It has failed; the next attempt follows after a pause.
    BackingOff,
    /// There is nothing to fence.
    NotNeeded,
    UnderWay,
}

impl HerderCore {
    /// True if the tasks of a set may start: with exactly-once, only after older tasks were fenced
    /// (invariant T2, KIP-618).
    pub(super) fn is_fenced(&mut self, name: &ConnectorName, wanted: &Wanted) -> bool {
        let Some(older) = wanted.fence else {
            return true;
        };
        let set = wanted.committed_at;
        match self.fencing.get(name) {
            Some((of, Progress::NotNeeded)) if *of == set => return true,
            Some((of, _)) if *of == set => return false,
            _ => {}
        }
        if !self.is_leader() || self.running.has_tasks(name) {
            return false;
        }
        self.fencing.insert(name.clone(), (set, Progress::UnderWay));
        // With one task before and after, the start of the new one fences the old one.
        let tasks = if older == 1 && wanted.set.len() == 1 {
            0
        } else {
            older
        };
        let (limit, name) = (self.options.limits.fence, name.clone());
        let question = Question::Fence(name.clone(), set);
        let config = (*wanted.connector).clone();
        self.ask(limit, question, |id| Action::Fence {
            id,
            name,
            config,
            tasks,
        });
        false
    }

    /// A round of fencing is done, was not needed, or has failed.
    pub(super) fn fenced(&mut self, name: ConnectorName, set: i64, result: Result<bool, Failure>) {
        self.touched.insert(name.clone());
        let entry = self.desired.connector(&name);
        let tasks = entry
            .and_then(|entry| entry.task_set())
            .filter(|known| known.committed_at() == set)
            .map(|known| known.configs().len());
        let Some(tasks) = tasks else {
            return; // there is a newer set
        };
        match result {
            Ok(true) => self.change(&name, None, Kind::TaskCount(tasks)),
            Ok(false) => {
                self.fencing.insert(name, (set, Progress::NotNeeded));
            }
            Err(failure) => {
                for index in 0..tasks {
                    let subject = Subject::Task(TaskId::new(name.clone(), index));
                    self.publish_failure(&subject, failure.clone(), |_| {});
                }
                self.fencing_failed(&name);
            }
        }
    }

    /// Schedules another attempt to fence.
    pub(super) fn fencing_failed(&mut self, name: &ConnectorName) {
        if let Some((_, progress)) = self.fencing.get_mut(name) {
            *progress = Progress::BackingOff;
            let at = self.now + back_off(FENCING_FAILURES);
            self.timers.set(Timer::Fence(name.clone()), at);
        }
    }

    pub(super) fn fence_again(&mut self, name: ConnectorName) {
        self.fencing.remove(&name);
        self.touched.insert(name);
    }

    /// Forgets connectors that are not desired or that another worker fences.
    pub(super) fn forget_fencing(&mut self, name: &ConnectorName) {
        if self.desired.connector(name).is_none() || !self.is_leader() {
            self.fencing.remove(name);
            self.timers.clear(&Timer::Fence(name.clone()));
        }
    }
}

/// The pause before fencing is tried again, as after this many failures: 4 s.
const FENCING_FAILURES: u32 = 4;
