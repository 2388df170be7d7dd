//! Compares what is desired and owned with what runs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use connect_api::ConfigMap;
use connect_api::ErrorKind;

use crate::ConnectorName;
use crate::Failure;
use crate::TaskId;
use crate::cluster::TargetState;
use crate::herder::Action;
use crate::herder::HerderCore;
use crate::herder::Incarnation;
use crate::herder::Response;
use crate::herder::StartTask;
use crate::herder::change::Kind;
use crate::herder::core::Question;
use crate::herder::core::Timer;
use crate::herder::running::Phase;
use crate::herder::running::Split;
use crate::herder::running::TaskSpec;
use crate::status::State;
use crate::status::Subject;

/// The desired tasks of a connector.
pub(super) struct Wanted {
    pub(super) connector: Arc<ConfigMap>,
    pub(super) set: Arc<[ConfigMap]>,
    pub(super) target: TargetState,
    /// The offset of the set.
    pub(super) committed_at: i64,
    /// The number of tasks in the last round of fencing, if this set needs another round.
    pub(super) fence: Option<usize>,
}

impl HerderCore {
    /// Brings what runs closer to what is desired, for every connector that was touched.
    pub(super) fn reconcile(&mut self) {
        if !self.is_ready() {
            self.touched.clear();
            return;
        }
        let mut settled = BTreeSet::new();
        while let Some(name) = self.touched.pop_first() {
            self.reconcile_connector(&name);
            self.reconcile_tasks(&name);
            self.split(&name);
            settled.insert(name);
        }
        for name in settled {
            self.answer_settled(&name);
        }
        self.answer_shutdown();
    }

    fn reconcile_connector(&mut self, name: &ConnectorName) {
        let subject = Subject::Connector(name.clone());
        let entry = self.desired.connector(name);
        let (exists, target) = (entry.is_some(), entry.map(|entry| entry.target_state()));
        let is_here = self
            .assignment
            .as_ref()
            .is_some_and(|own| own.has_connector(name));
        let config = entry.map(|entry| Arc::clone(entry.config()));
        let is_on = target == Some(TargetState::Started) && is_here && self.shutdown.is_none();
        let wanted = config.filter(|_| is_on);
        // At shutdown a connector stops after its tasks.
        let waits_for_tasks = self.shutdown.is_some() && self.running.has_tasks(name);
        match (self.running.connectors.get_mut(name), wanted) {
            (Some(connector), wanted) if connector.slot.run.is_some() => {
                let slot = &connector.slot;
                let made_from = slot.run.as_ref().map(|run| &run.spec);
                let is_outdated = made_from != wanted.as_ref();
                if (is_outdated || slot.restart) && !waits_for_tasks {
                    connector.split = Split::Done;
                    self.timers.clear(&Timer::Split(name.clone()));
                    self.stop(&subject);
                }
            }
            (known, Some(config)) => {
                let may_start = known.is_none_or(|connector| connector.slot.may_start(&config));
                if may_start {
                    self.start_connector(name, config);
                }
            }
            (known, None) => {
                let was_known = known.is_some();
                self.running.connectors.remove(name);
                self.timers.clear(&Timer::Restart(subject.clone()));
                self.timers.clear(&Timer::Split(name.clone()));
                match target {
                    _ if !exists => self.publish_gone(&subject),
                    Some(TargetState::Paused) if is_here => {
                        self.publish_state(&subject, State::Paused);
                    }
                    Some(TargetState::Stopped) if is_here => {
                        self.publish_state(&subject, State::Stopped);
                    }
                    _ if was_known => self.publish_state(&subject, State::Unassigned),
                    _ => {}
                }
            }
        }
    }

    fn start_connector(&mut self, name: &ConnectorName, config: Arc<ConfigMap>) {
        let incarnation = self.running.next_incarnation();
        let subject = Subject::Connector(name.clone());
        self.act(Action::StartConnector {
            name: name.clone(),
            incarnation,
            config: (*config).clone(),
        });
        let connector = self.running.connectors.entry(name.clone()).or_default();
        connector
            .slot
            .start(incarnation, config, TargetState::Started);
        connector.split = Split::Wanted;
        let limit = self.options.limits.start;
        self.publish_begins_again(&subject);
        self.timers.clear(&Timer::Restart(subject.clone()));
        self.timers.set(Timer::Start(subject), self.now + limit);
    }

    fn wanted_tasks(&self, name: &ConnectorName) -> Option<Wanted> {
        let entry = self.desired.connector(name)?;
        let target = entry.target_state();
        if target == TargetState::Stopped || self.shutdown.is_some() {
            return None;
        }
        let set = entry.task_set()?;
        let fence = self.options.exactly_once && entry.is_pending_fencing();
        Some(Wanted {
            connector: Arc::clone(set.applied_config()),
            set: Arc::clone(set.shared_configs()),
            target,
            committed_at: set.committed_at(),
            fence: fence.then(|| entry.task_count_record().unwrap_or_default()),
        })
    }

    fn reconcile_tasks(&mut self, name: &ConnectorName) {
        let wanted = self.wanted_tasks(name);
        let spec = |index: usize| {
            let wanted = wanted.as_ref().filter(|w| index < w.set.len())?;
            Some(TaskSpec {
                connector: Arc::clone(&wanted.connector),
                set: Arc::clone(&wanted.set),
                index,
            })
        };
        let is_here = |core: &Self, id: &TaskId| {
            let own = core.assignment.as_ref();
            own.is_some_and(|own| own.has_task(id))
        };
        // Two sets may divide the same work differently, so they never overlap (invariant A4).
        let mut is_held = false;
        let known: Vec<TaskId> = self
            .running
            .tasks_of(name)
            .map(|(id, _)| id.clone())
            .collect();
        for id in known {
            let spec = spec(id.index).filter(|_| is_here(self, &id));
            is_held |= self.reconcile_task(&id, spec.as_ref(), wanted.as_ref());
        }
        self.forget_tasks(name);
        self.forget_fencing(name);
        let Some(wanted) = &wanted else { return };
        if is_held || !self.is_fenced(name, wanted) {
            return;
        }
        for index in 0..wanted.set.len() {
            let id = TaskId::new(name.clone(), index);
            if !is_here(self, &id) {
                continue;
            }
            let Some(spec) = spec(index) else { continue };
            let slot = self.running.tasks.get(&id);
            if slot.is_none_or(|slot| slot.may_start(&spec)) {
                self.start_task(id, spec, wanted.target);
            }
        }
    }

    /// Stops, restarts, pauses or resumes a known task. True while it keeps a new set from
    /// starting.
    fn reconcile_task(
        &mut self,
        id: &TaskId,
        spec: Option<&TaskSpec>,
        wanted: Option<&Wanted>,
    ) -> bool {
        let subject = Subject::Task(id.clone());
        let Some(slot) = self.running.tasks.get_mut(id) else {
            return false;
        };
        let restart = slot.restart;
        let Some(run) = &mut slot.run else {
            return false;
        };
        if run.phase == Phase::Stopping {
            return run.is_outdated;
        }
        if spec != Some(&run.spec) {
            run.is_outdated = true;
            self.stop(&subject);
            if spec.is_some() {
                self.publish_begins_again(&subject);
            }
            return true;
        }
        if restart {
            self.stop(&subject);
        } else if let Some(wanted) = wanted
            && run.target != wanted.target
        {
            run.target = wanted.target;
            let incarnation = run.incarnation;
            self.act(Action::SetTaskState {
                id: id.clone(),
                incarnation,
                state: wanted.target,
            });
        }
        false
    }

    /// Forgets tasks that neither run nor are desired here, and publishes their last status.
    fn forget_tasks(&mut self, name: &ConnectorName) {
        let entry = self.desired.connector(name);
        let is_stopped = entry.is_none_or(|entry| entry.target_state() == TargetState::Stopped);
        let count = entry
            .filter(|_| !is_stopped)
            .and_then(|entry| entry.task_set())
            .map_or(0, |set| set.configs().len());
        let own = self.assignment.as_ref();
        let known = self.running.tasks_of(name).map(|(id, _)| id);
        let shown = self.board.tasks(name).map(|(id, _)| id);
        let ids: BTreeSet<TaskId> = known.chain(shown).cloned().collect();
        let mut gone = Vec::new();
        let mut left = Vec::new();
        for id in ids {
            let slot = self.running.tasks.get(&id);
            if slot.is_some_and(|slot| slot.run.is_some()) {
                continue;
            }
            if id.index >= count {
                gone.push(id);
            } else if slot.is_some()
                && (self.shutdown.is_some() || !own.is_some_and(|own| own.has_task(&id)))
            {
                left.push(id);
            }
        }
        for id in left {
            self.forget_task(&id);
            self.publish_state(&Subject::Task(id), State::Unassigned);
        }
        for id in gone {
            self.forget_task(&id);
            self.publish_gone(&Subject::Task(id));
        }
    }

    fn forget_task(&mut self, id: &TaskId) {
        self.running.tasks.remove(id);
        self.timers
            .clear(&Timer::Restart(Subject::Task(id.clone())));
    }

    fn start_task(&mut self, id: TaskId, spec: TaskSpec, state: TargetState) {
        let Some(config) = spec.config().cloned() else {
            return;
        };
        let incarnation = self.running.next_incarnation();
        let subject = Subject::Task(id.clone());
        self.act(Action::StartTask(StartTask {
            id: id.clone(),
            incarnation,
            connector_config: (*spec.connector).clone(),
            config,
            state,
        }));
        let slot = self.running.tasks.entry(id).or_default();
        slot.start(incarnation, spec, state);
        let limit = self.options.limits.start;
        self.publish_begins_again(&subject);
        self.timers.clear(&Timer::Restart(subject.clone()));
        self.timers.set(Timer::Start(subject), self.now + limit);
    }

    /// Asks a connector for its task configurations if that is due.
    fn split(&mut self, name: &ConnectorName) {
        let Some(connector) = self.running.connectors.get_mut(name) else {
            return;
        };
        let Some(run) = &connector.slot.run else {
            return;
        };
        let Split::Wanted = connector.split else {
            return;
        };
        if run.phase != Phase::Up {
            return;
        }
        let incarnation = run.incarnation;
        let question = Question::TaskConfigs(name.clone(), incarnation);
        let (limit, asked) = (self.options.limits.task_configs, name.clone());
        let id = self.ask(limit, question, |id| Action::TaskConfigs {
            id,
            name: asked,
            incarnation,
        });
        if let Some(connector) = self.running.connectors.get_mut(name) {
            connector.split = Split::Asking(id);
        }
    }

    /// A connector has returned its task configurations, or has failed to.
    pub(super) fn task_configs(
        &mut self,
        name: ConnectorName,
        incarnation: Incarnation,
        result: Result<Vec<ConfigMap>, Failure>,
    ) {
        let subject = Subject::Connector(name.clone());
        if self.running.incarnation(&subject) != Some(incarnation) {
            return;
        }
        self.touched.insert(name.clone());
        let Some(connector) = self.running.connectors.get_mut(&name) else {
            return;
        };
        if connector.slot.phase() != Some(Phase::Up) {
            return;
        }
        // It may have requested a reconfiguration meanwhile: that follows once this one is written.
        let is_wanted_again = matches!(connector.split, Split::Wanted);
        match result {
            Err(failure) if failure.is_permanent() || failure.kind() == ErrorKind::Config => {
                self.failed(&subject, failure);
            }
            Err(failure) => {
                self.publish_failure(&subject, failure, |_| {});
                self.split_failed(&name);
            }
            Ok(configs) => {
                if !is_wanted_again {
                    connector.split = Split::Done;
                }
                let Some(entry) = self.desired.connector(&name) else {
                    return;
                };
                let made_from = connector.slot.run.as_ref().map(|run| &run.spec);
                if made_from != Some(entry.config()) {
                    return; // it is about to be restarted and is asked again after that
                }
                let made_from = entry.config_offset();
                let is_known = entry.tasks_are_up_to_date()
                    && entry
                        .task_set()
                        .is_some_and(|set| *set.configs() == *configs);
                if is_known {
                    return self.split_succeeded(&name);
                }
                if !is_wanted_again {
                    connector.split = Split::Writing;
                }
                if self.is_leader() {
                    let kind = Kind::Tasks {
                        incarnation: Some(incarnation),
                        made_from: Some(made_from),
                        configs,
                    };
                    self.change(&name, None, kind);
                } else {
                    let question = Question::ForwardTasks(name.clone(), incarnation);
                    self.ask(self.options.limits.write, question, |id| {
                        Action::ForwardTasks {
                            id,
                            name,
                            made_from,
                            configs,
                        }
                    });
                }
            }
        }
    }

    /// The tasks of a connector were written, or could not be.
    pub(super) fn tasks_written(
        &mut self,
        name: &ConnectorName,
        incarnation: Incarnation,
        is_ok: bool,
    ) {
        let subject = Subject::Connector(name.clone());
        if self.running.incarnation(&subject) != Some(incarnation) {
            return;
        }
        self.touched.insert(name.clone());
        if is_ok {
            if let Some(connector) = self.running.connectors.get_mut(name)
                && connector.split == Split::Writing
            {
                connector.split = Split::Done;
            }
            self.split_succeeded(name);
        } else {
            self.split_failed(name);
        }
    }

    /// The tasks are known: the failure of an earlier attempt is over.
    fn split_succeeded(&mut self, name: &ConnectorName) {
        let subject = Subject::Connector(name.clone());
        if let Some(connector) = self.running.connectors.get_mut(name) {
            connector.split_failures = 0;
            if connector.slot.phase() == Some(Phase::Up) {
                self.publish_state(&subject, State::Running);
            }
        }
    }

    /// Schedules another attempt to get the tasks.
    fn split_failed(&mut self, name: &ConnectorName) {
        if let Some(connector) = self.running.connectors.get_mut(name) {
            connector.split = Split::BackingOff;
            let pause = back_off(connector.split_failures);
            connector.split_failures = connector.split_failures.saturating_add(1);
            let at = self.now + pause;
            self.timers.set(Timer::Split(name.clone()), at);
            self.publish_next_attempt(&Subject::Connector(name.clone()), at);
        }
    }

    pub(super) fn split_again(&mut self, name: ConnectorName) {
        if let Some(connector) = self.running.connectors.get_mut(&name)
            && connector.split == Split::BackingOff
        {
            connector.split = Split::Wanted;
        }
        self.touched.insert(name);
    }

    fn answer_shutdown(&mut self) {
        let is_empty = self.running.is_empty();
        let Some(shutdown) = &mut self.shutdown else {
            return;
        };
        if !is_empty {
            return;
        }
        if let Some(request) = shutdown.request.take() {
            let given_up = std::mem::take(&mut shutdown.given_up);
            let response = Ok(Response::Done(given_up));
            self.act(Action::Respond(request, response));
        }
    }
}

/// The pause before a connector is asked again, as in Java: 250 ms, doubled up to a minute.
pub(super) fn back_off(failures: u32) -> Duration {
    let pause = Duration::from_millis(250).saturating_mul(1 << failures.min(10));
    pause.min(Duration::from_secs(60))
}
