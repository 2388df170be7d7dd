//! Requests, from their arrival to their answer.

use std::collections::BTreeMap;

use connect_api::ConfigMap;
use connect_api::ErrorKind;

use crate::ConnectorName;
use crate::Failure;
use crate::LogicalTime;
use crate::TaskId;
use crate::cluster::TargetState;
use crate::cluster::log::RestartRequest;
use crate::herder::Action;
use crate::herder::ConnectorInfo;
use crate::herder::HerderCore;
use crate::herder::HerderError;
use crate::herder::Incarnation;
use crate::herder::Operation;
use crate::herder::PutMode;
use crate::herder::Request;
use crate::herder::RequestId;
use crate::herder::Response;
use crate::herder::Stage;
use crate::herder::Wait;
use crate::herder::change::Kind;
use crate::herder::core::Question;
use crate::herder::core::Shutdown;
use crate::herder::core::Timer;
use crate::herder::running::Phase;
use crate::herder::running::Split;
use crate::status::State;
use crate::status::Subject;

/// Requests that are not answered yet.
#[derive(Debug, Default)]
pub(super) struct Requests {
    open: BTreeMap<RequestId, Open>,
    /// Requests that wait until the worker is ready.
    early: Vec<(RequestId, Request)>,
    /// Requests that wait until their connector has settled.
    settling: BTreeMap<ConnectorName, Vec<RequestId>>,
}

#[derive(Debug)]
struct Open {
    name: ConnectorName,
    wait: Wait,
    stage: Stage,
    stage_began: LogicalTime,
    reply: Reply,
    given_up: Vec<Subject>,
    /// The configuration that is written once it was checked.
    put: Option<Put>,
}

/// The answer to give, and when.
#[derive(Debug, Clone)]
enum Reply {
    /// The connector, once it runs and its tasks are known.
    Connector { created: bool },
    /// Done, once nothing of the connector is left.
    Gone,
    /// Done, once the connector does not run; its tasks may.
    Idle,
    /// Done, immediately.
    Now,
    /// The restart plan, once everything in it is up again.
    Restarted(Vec<(Subject, Option<Incarnation>)>),
    /// Done, once the connector runs and its tasks are known.
    Up,
}

#[derive(Debug)]
struct Put {
    config: ConfigMap,
    mode: PutMode,
    initial: Option<TargetState>,
    patch: Option<Patch>,
}

/// A patch, and the configuration that it was applied to.
#[derive(Debug, Clone)]
pub(super) struct Patch {
    pub(super) changes: ConfigMap,
    pub(super) base: ConfigMap,
}

impl Requests {
    pub(super) fn stage(&mut self, id: RequestId, stage: Stage, now: LogicalTime) {
        if let Some(open) = self.open.get_mut(&id) {
            open.stage = stage;
            open.stage_began = now;
        }
    }

    pub(super) fn keep_early(&mut self, id: RequestId, request: Request) {
        self.early.push((id, request));
    }

    pub(super) fn take_early(&mut self) -> Vec<(RequestId, Request)> {
        std::mem::take(&mut self.early)
    }

    /// Tells requests that wait for the connector what was abandoned.
    pub(super) fn given_up(&mut self, subject: &Subject) {
        for id in self.settling.get(subject.connector()).into_iter().flatten() {
            if let Some(open) = self.open.get_mut(id) {
                open.given_up.push(subject.clone());
            }
        }
    }

    fn forget(&mut self, id: RequestId) -> Option<Open> {
        let open = self.open.remove(&id)?;
        self.early.retain(|(early, _)| *early != id);
        if let Some(waiting) = self.settling.get_mut(&open.name) {
            waiting.retain(|waiting| *waiting != id);
            if waiting.is_empty() {
                self.settling.remove(&open.name);
            }
        }
        Some(open)
    }
}

impl HerderCore {
    /// Accepts a request.
    pub(super) fn request(&mut self, id: RequestId, request: Request) {
        if self.shutdown.is_some() {
            return self.act(Action::Respond(id, Err(HerderError::ShuttingDown)));
        }
        // Requests without a connector queue under the empty name, which no connector has.
        let nobody = ConnectorName::new("");
        let (name, reply) = match &request.operation {
            Operation::Shutdown => return self.shut_down(id, request.deadline),
            Operation::AlterOffsets { name, .. } => (name, Reply::Now),
            Operation::Declare { .. } => (&nobody, Reply::Now),
            Operation::Delete { name } => (name, Reply::Gone),
            Operation::PutTasks { name, .. } => (name, Reply::Now),
            Operation::Patch { name, .. } | Operation::Put { name, .. } => {
                (name, Reply::Connector { created: false })
            }
            Operation::Restart { name, .. } => (name, Reply::Restarted(Vec::new())),
            Operation::RestartTask { id } => (&id.connector, Reply::Restarted(Vec::new())),
            Operation::SetTargetState { name, state } => match state {
                TargetState::Paused => (name, Reply::Idle),
                TargetState::Started => (name, Reply::Up),
                TargetState::Stopped => (name, Reply::Gone),
            },
        };
        let open = Open {
            name: name.clone(),
            wait: request.wait,
            stage: Stage::Starting,
            stage_began: self.now,
            reply,
            given_up: Vec::new(),
            put: None,
        };
        self.requests.open.insert(id, open);
        self.timers.set(Timer::Request(id), request.deadline);
        if self.is_ready() {
            self.admit(id, request);
        } else {
            self.requests.keep_early(id, request);
        }
    }

    /// Begins a request.
    pub(super) fn admit(&mut self, id: RequestId, request: Request) {
        let only_here = matches!(request.operation, Operation::RestartTask { .. });
        if !self.is_leader() && !only_here {
            return self.respond(id, Err(HerderError::NotLeader));
        }
        match request.operation {
            Operation::AlterOffsets { name, change } => {
                self.change(&name, Some(id), Kind::Offsets(change));
            }
            Operation::Declare { names } => {
                self.change(&ConnectorName::new(""), Some(id), Kind::Declare(names));
            }
            Operation::Delete { name } => self.change(&name, Some(id), Kind::Delete),
            Operation::Patch { name, patch } => match self.config_of(&name) {
                None => self.respond(id, Err(HerderError::NoConnector(name))),
                Some(base) => {
                    let patch = Patch {
                        changes: patch,
                        base: base.clone(),
                    };
                    self.check_patch(id, name, patch);
                }
            },
            Operation::Put {
                name,
                config,
                mode,
                initial,
            } => {
                let put = Put {
                    config,
                    mode,
                    initial,
                    patch: None,
                };
                self.check_put(id, name, put);
            }
            Operation::PutTasks {
                name,
                made_from,
                configs,
            } => {
                let kind = Kind::Tasks {
                    incarnation: None,
                    made_from,
                    configs,
                };
                self.change(&name, Some(id), kind);
            }
            Operation::Restart {
                name,
                include_tasks,
                only_failed,
            } => {
                let request = RestartRequest {
                    include_tasks,
                    only_failed,
                };
                self.change(&name, Some(id), Kind::Restart(request));
            }
            Operation::RestartTask { id: task } => self.restart_task(id, task),
            Operation::SetTargetState { name, state } => {
                self.change(&name, Some(id), Kind::Target(state));
            }
            Operation::Shutdown => {}
        }
    }

    /// Applies a patch to the current configuration and checks the result.
    pub(super) fn check_patch(&mut self, id: RequestId, name: ConnectorName, patch: Patch) {
        let Some(base) = self.config_of(&name).cloned() else {
            return self.respond(id, Err(HerderError::NoConnector(name)));
        };
        let config = crate::config_patch::patched(&base, &patch.changes);
        let patch = Patch { base, ..patch };
        let put = Put {
            config,
            mode: PutMode::CreateOrUpdate,
            initial: None,
            patch: Some(patch),
        };
        self.check_put(id, name, put);
    }

    fn check_put(&mut self, id: RequestId, name: ConnectorName, put: Put) {
        let present = self.config_of(&name);
        if present.is_some() && put.mode == PutMode::Create {
            return self.respond(id, Err(HerderError::AlreadyExists(name)));
        }
        let (is_new, is_same) = (present.is_none(), present == Some(&put.config));
        let config = put.config.clone();
        if let Some(open) = self.requests.open.get_mut(&id) {
            open.put = Some(put);
            open.reply = Reply::Connector { created: is_new };
        }
        if is_same {
            return self.validated(id, Ok(()));
        }
        self.requests.stage(id, Stage::Validating, self.now);
        let (limit, question) = (self.options.limits.validate, Question::Validate(id));
        self.ask(limit, question, |id| Action::Validate { id, name, config });
    }

    /// A configuration was checked.
    pub(super) fn validated(&mut self, id: RequestId, result: Result<(), Failure>) {
        let Some(open) = self.requests.open.get_mut(&id) else {
            return;
        };
        let (name, put) = (open.name.clone(), open.put.take());
        match (result, put) {
            (Err(failure), _) if failure.kind() == ErrorKind::Config => {
                self.respond(id, Err(HerderError::InvalidConfig(failure)));
            }
            (Err(failure), _) => {
                self.respond(id, Err(HerderError::NotValidated { name, failure }));
            }
            (Ok(()), None) => {}
            (Ok(()), Some(put)) => {
                let kind = Kind::Put {
                    config: put.config,
                    mode: put.mode,
                    initial: put.initial,
                    patch: put.patch,
                };
                self.change(&name, Some(id), kind);
            }
        }
    }

    fn restart_task(&mut self, request: RequestId, id: TaskId) {
        if self.desired.task_config(&id).is_none() {
            return self.respond(request, Err(HerderError::NoTask(id)));
        }
        let subject = Subject::Task(id);
        let before = self.running.incarnation(&subject);
        self.restart_now(&subject);
        if let Some(open) = self.requests.open.get_mut(&request) {
            open.reply = Reply::Restarted(vec![(subject, before)]);
        }
        self.settle(request);
    }

    /// Carries out a restart request that was read from the log, and answers it with the plan.
    pub(super) fn restart(&mut self, name: &ConnectorName, request: RestartRequest) {
        let Some(connector) = self.desired.connector(name) else {
            return;
        };
        let tasks = connector.task_set().map_or(0, |set| set.configs().len());
        let connector = Subject::Connector(name.clone());
        let tasks = (0..tasks)
            .filter(|_| request.include_tasks)
            .map(|index| Subject::Task(TaskId::new(name.clone(), index)));
        let has_failed = |subject: &Subject| {
            let status = self.board.status(subject);
            status.is_some_and(|status| status.state == State::Failed)
        };
        let plan: Vec<_> = std::iter::once(connector)
            .chain(tasks)
            .filter(|subject| !request.only_failed || has_failed(subject))
            .map(|subject| {
                let before = self.running.incarnation(&subject);
                (subject, before)
            })
            .collect();
        for (subject, _) in &plan {
            self.restart_now(subject);
        }
        let writing = |open: &&mut Open| open.name == *name && open.stage == Stage::Writing;
        for open in self.requests.open.values_mut().filter(writing) {
            if matches!(open.reply, Reply::Restarted(_)) {
                open.reply = Reply::Restarted(plan.clone());
            }
        }
    }

    /// The change of a request is durable: answers it, or waits until it has taken effect.
    pub(super) fn settle(&mut self, id: RequestId) {
        let Some(open) = self.requests.open.get(&id) else {
            return;
        };
        let name = open.name.clone();
        if open.wait == Wait::Written || matches!(open.reply, Reply::Now) {
            let response = self.response(open, &name);
            return self.respond(id, response);
        }
        self.requests.stage(id, Stage::Settling, self.now);
        let settling = self.requests.settling.entry(name.clone());
        settling.or_default().push(id);
        self.touched.insert(name);
    }

    /// Responds to the requests that wait for a connector that has settled.
    pub(super) fn answer_settled(&mut self, name: &ConnectorName) {
        let waiting = self.requests.settling.get(name);
        for id in waiting.cloned().unwrap_or_default() {
            let open = self.requests.open.get(&id);
            if let Some(response) = open.and_then(|open| self.settled(open)) {
                self.respond(id, response);
            }
        }
    }

    /// The answer to a waiting request, once there is one.
    fn settled(&self, open: &Open) -> Option<Result<Response, HerderError>> {
        let name = &open.name;
        let entry = self.desired.connector(name);
        let target = entry.map(|entry| entry.target_state());
        match &open.reply {
            Reply::Gone => {
                // Another request may have started it again meanwhile.
                let is_wanted = target.is_some_and(|target| target != TargetState::Stopped);
                if !is_wanted && self.running.has_any(name) {
                    return None;
                }
            }
            Reply::Idle => {
                let connector = self.running.connectors.get(name);
                let runs = connector.is_some_and(|connector| connector.slot.run.is_some());
                if target == Some(TargetState::Paused) && runs {
                    return None;
                }
            }
            Reply::Connector { .. } | Reply::Up => match self.split_of(name)? {
                Ok(()) => {}
                Err(error) => return Some(Err(error)),
            },
            Reply::Restarted(plan) => {
                if !plan
                    .iter()
                    .all(|(subject, before)| self.is_back(subject, *before))
                {
                    return None;
                }
                if plan
                    .iter()
                    .any(|(subject, _)| matches!(subject, Subject::Connector(_)))
                {
                    // The status shows a connector that fails again.
                    let _ = self.split_of(name)?;
                }
            }
            Reply::Now => {}
        }
        Some(self.response(open, name))
    }

    /// Whether a connector that must run does so and its tasks are known; `None` if that is not
    /// decided yet.
    fn split_of(&self, name: &ConnectorName) -> Option<Result<(), HerderError>> {
        let Some(entry) = self.desired.connector(name) else {
            return Some(Err(HerderError::NoConnector(name.clone())));
        };
        if self.changes.has_any(name) {
            return None;
        }
        let is_here = self
            .assignment
            .as_ref()
            .is_some_and(|own| own.has_connector(name));
        if entry.target_state() != TargetState::Started || !is_here {
            return Some(Ok(()));
        }
        let connector = self.running.connectors.get(name)?;
        let is_off = connector.split == Split::BackingOff;
        if connector.slot.is_halted() || is_off {
            let status = self.board.status(&Subject::Connector(name.clone()));
            let failure = status.and_then(|status| status.failure.clone())?;
            let name = name.clone();
            return Some(Err(HerderError::ConnectorFailed { name, failure }));
        }
        let run = connector.slot.run.as_ref()?;
        let is_up = run.phase == Phase::Up && *run.spec == **entry.config();
        // Tasks of an older set stop, or are given up on and named in the answer.
        let mut tasks = self.running.tasks_of(name);
        let has_older = tasks.any(|(_, task)| task.run.as_ref().is_some_and(|run| run.is_outdated));
        (is_up && connector.split == Split::Done && !has_older).then_some(Ok(()))
    }

    /// True if what was restarted is up again, has failed again, or need not run.
    fn is_back(&self, subject: &Subject, before: Option<Incarnation>) -> bool {
        match subject {
            Subject::Connector(name) => self
                .running
                .connectors
                .get(name)
                .is_none_or(|connector| connector.slot.is_back(before)),
            Subject::Task(id) => self
                .running
                .tasks
                .get(id)
                .is_none_or(|slot| slot.is_back(before)),
        }
    }

    fn response(&self, open: &Open, name: &ConnectorName) -> Result<Response, HerderError> {
        let given_up = open.given_up.clone();
        Ok(match &open.reply {
            Reply::Connector { created } => {
                let Some(entry) = self.desired.connector(name) else {
                    return Err(HerderError::NoConnector(name.clone()));
                };
                let info = ConnectorInfo {
                    name: name.clone(),
                    config: (**entry.config()).clone(),
                    tasks: entry.task_set().map_or(0, |set| set.configs().len()),
                    created: *created,
                };
                Response::Connector(info, given_up)
            }
            Reply::Restarted(plan) => {
                let subjects = plan.iter().map(|(subject, _)| subject.clone());
                Response::Restarting(subjects.collect(), given_up)
            }
            Reply::Gone | Reply::Idle | Reply::Now | Reply::Up => Response::Done(given_up),
        })
    }

    /// Responds to a request.
    pub(super) fn respond(&mut self, id: RequestId, response: Result<Response, HerderError>) {
        if self.requests.forget(id).is_some() {
            self.timers.clear(&Timer::Request(id));
            self.act(Action::Respond(id, response));
        }
    }

    /// A request is not answered by its deadline. A change in progress still completes.
    pub(super) fn request_timed_out(&mut self, id: RequestId) {
        let Some(open) = self.requests.open.get(&id) else {
            return;
        };
        let error = HerderError::TimedOut {
            stage: open.stage,
            since: self.now.since(open.stage_began),
        };
        let name = open.name.clone();
        self.changes.withdraw(&name, id);
        self.respond(id, Err(error));
    }

    fn shut_down(&mut self, id: RequestId, deadline: LogicalTime) {
        self.shutdown = Some(Shutdown {
            request: Some(id),
            deadline,
            given_up: Vec::new(),
        });
        let open: Vec<_> = self.requests.open.keys().copied().collect();
        for request in open {
            self.respond(request, Err(HerderError::ShuttingDown));
        }
        self.touch_all();
    }
}
