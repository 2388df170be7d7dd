//! The decisions of the herder.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;

use connect_api::ConfigMap;

use crate::ConnectorName;
use crate::TaskId;
use crate::cluster::ClusterState;
use crate::cluster::ConfigRecord;
use crate::cluster::ConnectorEntry;
use crate::cluster::TargetState;
use crate::herder::Action;
use crate::herder::ActionId;
use crate::herder::ConnectorInfo;
use crate::herder::HerderError;
use crate::herder::Input;
use crate::herder::Outcome;
use crate::herder::PutMode;
use crate::herder::Request;
use crate::herder::RequestId;
use crate::herder::Response;
use crate::status::State;
use crate::status::Status;
use crate::status::Statuses;
use crate::status::Subject;

/// Decides what a worker runs. See the [module](crate::herder) for the flow.
///
/// Call [`step`](HerderCore::step) with each input, then drain
/// [`next_action`](HerderCore::next_action). At any moment at most one action per connector or task
/// is under way, so the driver may run actions at the same time.
#[derive(Debug, Default)]
pub struct HerderCore {
    state: ClusterState,
    statuses: Statuses,
    connectors: BTreeMap<ConnectorName, ConnectorRun>,
    tasks: BTreeMap<TaskId, TaskRun>,
    pending: BTreeMap<ActionId, Pending>,
    /// Requests that are answered once their connector has settled.
    waiting: Vec<Waiting>,
    shutdown: Option<RequestId>,
    /// Connectors that the current input may have changed something for.
    touched: BTreeSet<ConnectorName>,
    actions: VecDeque<(ActionId, Action)>,
    last_action: u64,
}

/// A connector that exists on this worker.
#[derive(Debug)]
struct ConnectorRun {
    epoch: ActionId,
    config: ConfigMap,
    target: TargetState,
    /// The action that is under way.
    busy: Option<ActionId>,
    failed: Option<String>,
    /// It must be asked for its task configurations.
    wants_tasks: bool,
    restart: bool,
}

/// A task that exists on this worker.
#[derive(Debug)]
struct TaskRun {
    epoch: ActionId,
    connector_config: ConfigMap,
    config: ConfigMap,
    target: TargetState,
    stopping: bool,
    restart: bool,
}

/// What an action under way was for.
#[derive(Debug)]
enum Pending {
    Connector(ConnectorName),
    StopConnector(ConnectorName),
    StopTask(TaskId),
    TaskConfigs(ConnectorName),
    Validate {
        request: RequestId,
        records: Vec<ConfigRecord>,
        created: bool,
    },
    Write {
        request: Option<RequestId>,
        name: ConnectorName,
        created: bool,
        answer: Answer,
    },
}

impl Pending {
    fn connector(&self) -> Option<&ConnectorName> {
        match self {
            Self::Connector(name)
            | Self::StopConnector(name)
            | Self::TaskConfigs(name)
            | Self::Write { name, .. } => Some(name),
            Self::StopTask(id) => Some(&id.connector),
            Self::Validate { .. } => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// With the connector, once it runs and its tasks are known.
    Connector,
    /// Once nothing of the connector is left.
    Gone,
    /// At once.
    Done,
}

#[derive(Debug)]
struct Waiting {
    request: RequestId,
    name: ConnectorName,
    created: bool,
    answer: Answer,
}

impl HerderCore {
    /// A core with nothing to run.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is to be run.
    #[must_use]
    pub const fn state(&self) -> &ClusterState {
        &self.state
    }

    /// The last known statuses.
    #[must_use]
    pub const fn statuses(&self) -> &Statuses {
        &self.statuses
    }

    /// Takes in what happened.
    pub fn step(&mut self, input: Input) {
        match input {
            Input::Config(record) => {
                self.touched.insert(record.name().clone());
                self.apply(record);
            }
            Input::Done(action, outcome) => self.done(action, outcome),
            Input::Report {
                subject,
                epoch,
                state,
                trace,
            } => {
                self.report(subject, epoch, state, trace);
            }
            Input::Reconfigure(name) => {
                if let Some(run) = self.connectors.get_mut(&name) {
                    run.wants_tasks = true;
                    self.touched.insert(name);
                }
            }
            Input::Request(id, request) => self.request(id, request),
        }
        self.reconcile();
    }

    /// What the driver must do next.
    pub fn next_action(&mut self) -> Option<(ActionId, Action)> {
        self.actions.pop_front()
    }

    /// True once a shutdown was answered: nothing is left and nothing will come.
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
        self.shutdown.is_some() && self.connectors.is_empty() && self.tasks.is_empty()
    }

    fn act(&mut self, action: Action) -> ActionId {
        self.last_action += 1;
        let id = ActionId(self.last_action);
        self.actions.push_back((id, action));
        id
    }

    fn respond(&mut self, request: RequestId, response: Result<Response, HerderError>) {
        self.act(Action::Respond(request, response));
    }

    fn apply(&mut self, record: ConfigRecord) {
        if let ConfigRecord::Connector { name, config: None } = &record {
            let name = name.clone();
            let tasks: Vec<_> = self
                .statuses
                .tasks(&name)
                .map(|(id, _)| id.clone())
                .collect();
            for id in tasks {
                self.publish(Subject::Task(id), State::Destroyed, None, u64::MAX);
            }
            self.publish(Subject::Connector(name), State::Destroyed, None, u64::MAX);
        }
        self.state.apply(record);
    }

    fn publish(&mut self, subject: Subject, state: State, trace: Option<String>, epoch: u64) {
        let status = Status {
            state,
            trace,
            epoch,
        };
        if self.statuses.apply(subject.clone(), status.clone()) {
            self.act(Action::PublishStatus(subject, status));
        }
    }

    fn report(&mut self, subject: Subject, epoch: ActionId, state: State, trace: Option<String>) {
        let current = match &subject {
            Subject::Connector(name) => self.connectors.get(name).map(|run| run.epoch),
            Subject::Task(id) => self.tasks.get(id).map(|run| run.epoch),
        };
        if current != Some(epoch) {
            return; // S1: an incarnation that was given up on
        }
        if let (Subject::Connector(name), State::Failed) = (&subject, state)
            && let Some(run) = self.connectors.get_mut(name)
        {
            run.failed = Some(trace.clone().unwrap_or_default());
        }
        self.publish(subject, state, trace, epoch.0);
    }

    fn request(&mut self, id: RequestId, request: Request) {
        if self.shutdown.is_some() {
            return self.respond(id, Err(HerderError::ShuttingDown));
        }
        self.touched.extend(request.connector().cloned());
        match request {
            Request::Put {
                name,
                config,
                mode,
                initial,
            } => {
                self.put(id, name, config, mode, initial);
            }
            Request::Delete { name } => {
                let record = ConfigRecord::Connector {
                    name: name.clone(),
                    config: None,
                };
                self.change(id, &name, vec![record], Answer::Gone);
            }
            Request::SetTargetState { name, state } => {
                let mut records = vec![ConfigRecord::TargetState {
                    name: name.clone(),
                    state,
                }];
                if state == TargetState::Stopped {
                    records.push(ConfigRecord::Tasks {
                        name: name.clone(),
                        configs: Vec::new(),
                    });
                }
                self.change(id, &name, records, Answer::Done);
            }
            Request::Restart {
                name,
                include_tasks,
                only_failed,
            } => {
                let response = self.restart(name, include_tasks, only_failed);
                self.respond(id, response);
            }
            Request::RestartTask { id: task } => match self.tasks.get_mut(&task) {
                Some(run) => {
                    run.restart = true;
                    self.respond(id, Ok(Response::Done));
                }
                None => self.respond(id, Err(HerderError::NoTask(task))),
            },
            Request::Shutdown => {
                self.shutdown = Some(id);
                self.touched.extend(self.connectors.keys().cloned());
                self.touched
                    .extend(self.tasks.keys().map(|id| id.connector.clone()));
            }
        }
    }

    fn put(
        &mut self,
        request: RequestId,
        name: ConnectorName,
        config: ConfigMap,
        mode: PutMode,
        initial: Option<TargetState>,
    ) {
        let exists = self.state.connector(&name).is_some();
        if exists && mode == PutMode::Create {
            return self.respond(request, Err(HerderError::AlreadyExists(name)));
        }
        let mut records = Vec::new();
        if let (Some(state), false) = (initial, exists) {
            records.push(ConfigRecord::TargetState {
                name: name.clone(),
                state,
            });
        }
        records.push(ConfigRecord::Connector {
            name: name.clone(),
            config: Some(config.clone()),
        });
        let action = self.act(Action::Validate { name, config });
        self.pending.insert(
            action,
            Pending::Validate {
                request,
                records,
                created: !exists,
            },
        );
    }

    fn change(
        &mut self,
        request: RequestId,
        name: &ConnectorName,
        records: Vec<ConfigRecord>,
        answer: Answer,
    ) {
        if self.state.connector(name).is_none() {
            return self.respond(request, Err(HerderError::NoConnector(name.clone())));
        }
        self.write(Some(request), name.clone(), records, false, answer);
    }

    fn write(
        &mut self,
        request: Option<RequestId>,
        name: ConnectorName,
        records: Vec<ConfigRecord>,
        created: bool,
        answer: Answer,
    ) {
        let action = self.act(Action::WriteConfig(records));
        self.pending.insert(
            action,
            Pending::Write {
                request,
                name,
                created,
                answer,
            },
        );
    }

    fn restart(
        &mut self,
        name: ConnectorName,
        include_tasks: bool,
        only_failed: bool,
    ) -> Result<Response, HerderError> {
        let Some(run) = self.connectors.get_mut(&name) else {
            return Err(HerderError::NoConnector(name));
        };
        run.restart |= !only_failed || run.failed.is_some();
        if include_tasks {
            for (id, run) in self.tasks.iter_mut().filter(|(id, _)| id.connector == name) {
                let failed = self
                    .statuses
                    .task(id)
                    .is_some_and(|status| status.state == State::Failed);
                run.restart |= !only_failed || failed;
            }
        }
        Ok(Response::Done)
    }

    fn done(&mut self, action: ActionId, outcome: Outcome) {
        let Some(pending) = self.pending.remove(&action) else {
            return;
        };
        self.touched.extend(pending.connector().cloned());
        match (pending, outcome) {
            (
                Pending::Validate {
                    request,
                    records,
                    created,
                },
                Outcome::Validated(result),
            ) => {
                self.validated(request, records, created, result);
            }
            (
                Pending::Write {
                    request,
                    name,
                    created,
                    answer,
                },
                Outcome::Written(result),
            ) => {
                let Some(request) = request else { return };
                match (result, answer) {
                    (Err(reason), _) => self.respond(request, Err(HerderError::Store(reason))),
                    (Ok(()), Answer::Done) => self.respond(request, Ok(Response::Done)),
                    (Ok(()), _) => {
                        self.waiting.push(Waiting {
                            request,
                            name,
                            created,
                            answer,
                        });
                    }
                }
            }
            (Pending::Connector(name), Outcome::Connector(result)) => {
                self.connector_changed(&name, result);
            }
            (Pending::TaskConfigs(name), Outcome::TaskConfigs(result)) => {
                self.task_configs(name, result);
            }
            (Pending::StopConnector(name), _) => {
                self.connectors.remove(&name);
            }
            (Pending::StopTask(id), _) => {
                if let Some(run) = self.tasks.remove(&id)
                    && self.state.connector(&id.connector).is_some()
                {
                    self.publish(Subject::Task(id), State::Unassigned, None, run.epoch.0);
                }
            }
            (pending, outcome) => {
                debug_assert!(false, "action for {pending:?} ended with {outcome:?}");
            }
        }
    }

    fn validated(
        &mut self,
        request: RequestId,
        records: Vec<ConfigRecord>,
        created: bool,
        result: Result<(), String>,
    ) {
        let Some(ConfigRecord::Connector { name, .. }) = records.last() else {
            return;
        };
        let name = name.clone();
        match result {
            Err(problems) => self.respond(request, Err(HerderError::InvalidConfig(problems))),
            // Another request may have created it meanwhile.
            Ok(()) if created && self.state.connector(&name).is_some() => {
                self.respond(request, Err(HerderError::AlreadyExists(name)));
            }
            Ok(()) => self.write(Some(request), name, records, created, Answer::Connector),
        }
    }

    fn connector_changed(&mut self, name: &ConnectorName, result: Result<(), String>) {
        let Some(run) = self.connectors.get_mut(name) else {
            return;
        };
        run.busy = None;
        let (state, trace) = match result {
            Err(reason) => {
                run.failed = Some(reason.clone());
                (State::Failed, Some(reason))
            }
            Ok(()) => (state_of(run.target), None),
        };
        run.wants_tasks |= state == State::Running;
        let epoch = run.epoch.0;
        self.publish(Subject::Connector(name.clone()), state, trace, epoch);
    }

    fn task_configs(&mut self, name: ConnectorName, result: Result<Vec<ConfigMap>, String>) {
        let Some(run) = self.connectors.get_mut(&name) else {
            return;
        };
        run.busy = None;
        match result {
            Err(reason) => {
                run.failed = Some(reason.clone());
                let epoch = run.epoch.0;
                self.publish(Subject::Connector(name), State::Failed, Some(reason), epoch);
            }
            Ok(configs) => {
                let unchanged = self
                    .state
                    .connector(&name)
                    .is_none_or(|entry| entry.tasks == configs);
                if !unchanged {
                    let record = ConfigRecord::Tasks {
                        name: name.clone(),
                        configs,
                    };
                    self.write(None, name, vec![record], false, Answer::Done);
                }
            }
        }
    }

    /// Compares what is to be run with what is, and asks for the difference.
    fn reconcile(&mut self) {
        let names = std::mem::take(&mut self.touched);
        for name in &names {
            let desired = match self.shutdown {
                Some(_) => None,
                None => self.state.connector(name).cloned(),
            };
            self.reconcile_connector(name, desired.as_ref());
            self.reconcile_tasks(name, desired.as_ref());
        }
        self.answer_waiting(&names);
        if let Some(request) = self.shutdown
            && self.is_shut_down()
            && self.pending.is_empty()
        {
            // Answered once: the id is kept as the mark of being shut down.
            if request != ANSWERED {
                self.shutdown = Some(ANSWERED);
                self.respond(request, Ok(Response::Done));
            }
        }
    }

    fn reconcile_connector(&mut self, name: &ConnectorName, desired: Option<&ConnectorEntry>) {
        let Some(run) = self.connectors.get(name) else {
            if let Some(entry) = desired {
                self.start_connector(name, entry);
            }
            return;
        };
        if run.busy.is_some() {
            return;
        }
        let Some(entry) = desired else {
            return self.stop_connector(name);
        };
        if run.restart || run.config != entry.config {
            return self.stop_connector(name);
        }
        let action = if run.target != entry.target
            // A failed connector can only be stopped, or restarted.
            && (run.failed.is_none() || entry.target == TargetState::Stopped)
        {
            Action::SetConnectorState {
                name: name.clone(),
                state: entry.target,
            }
        } else if run.wants_tasks && run.failed.is_none() && run.target == TargetState::Started {
            Action::GenerateTaskConfigs { name: name.clone() }
        } else {
            return;
        };
        let generate = matches!(action, Action::GenerateTaskConfigs { .. });
        let id = self.act(action);
        if let Some(run) = self.connectors.get_mut(name) {
            run.busy = Some(id);
            run.target = entry.target;
            run.wants_tasks &= !generate;
        }
        let pending = if generate {
            Pending::TaskConfigs
        } else {
            Pending::Connector
        };
        self.pending.insert(id, pending(name.clone()));
    }

    fn start_connector(&mut self, name: &ConnectorName, entry: &ConnectorEntry) {
        let id = self.act(Action::StartConnector {
            name: name.clone(),
            config: entry.config.clone(),
            state: entry.target,
        });
        self.pending.insert(id, Pending::Connector(name.clone()));
        self.connectors.insert(
            name.clone(),
            ConnectorRun {
                epoch: id,
                config: entry.config.clone(),
                target: entry.target,
                busy: Some(id),
                failed: None,
                wants_tasks: false,
                restart: false,
            },
        );
    }

    fn stop_connector(&mut self, name: &ConnectorName) {
        let id = self.act(Action::StopConnector { name: name.clone() });
        if let Some(run) = self.connectors.get_mut(name) {
            run.busy = Some(id);
        }
        self.pending
            .insert(id, Pending::StopConnector(name.clone()));
    }

    fn reconcile_tasks(&mut self, name: &ConnectorName, desired: Option<&ConnectorEntry>) {
        let desired = desired.filter(|entry| entry.target != TargetState::Stopped);
        // While the connector is being changed, its tasks run on as they are.
        let settled = self.connectors.get(name).is_some_and(|run| {
            run.busy.is_none() && (!run.wants_tasks || run.target != TargetState::Started)
        }) && !self.is_writing(name);
        let mut stopping = false;
        let ids: Vec<TaskId> = self.tasks_of(name).map(|(id, _)| id.clone()).collect();
        for id in ids {
            let Some(run) = self.tasks.get(&id) else {
                continue;
            };
            let config = desired.and_then(|entry| entry.tasks.get(id.index));
            let stale = run.restart
                || (settled
                    && desired.is_some_and(|entry| {
                        config != Some(&run.config) || entry.config != run.connector_config
                    }));
            if run.stopping {
                stopping = true;
            } else if desired.is_none() || stale {
                self.stop_task(&id);
                stopping = true;
            } else if let Some(entry) = desired
                && entry.target != run.target
            {
                self.act(Action::SetTaskState {
                    id: id.clone(),
                    state: entry.target,
                });
                if let Some(run) = self.tasks.get_mut(&id) {
                    run.target = entry.target;
                }
            }
        }
        // A4: nothing new starts before what it replaces is gone.
        let Some(entry) = desired.filter(|_| settled && !stopping) else {
            return;
        };
        for (index, config) in entry.tasks.iter().enumerate() {
            let id = TaskId {
                connector: name.clone(),
                index,
            };
            if !self.tasks.contains_key(&id) {
                self.start_task(id, entry, config);
            }
        }
    }

    fn tasks_of<'a>(
        &'a self,
        name: &'a ConnectorName,
    ) -> impl Iterator<Item = (&'a TaskId, &'a TaskRun)> {
        let first = TaskId {
            connector: name.clone(),
            index: 0,
        };
        self.tasks
            .range(first..)
            .take_while(move |(id, _)| id.connector == *name)
    }

    fn is_writing(&self, name: &ConnectorName) -> bool {
        self.pending
            .values()
            .any(|pending| matches!(pending, Pending::Write { name: other, .. } if other == name))
    }

    fn start_task(&mut self, id: TaskId, entry: &ConnectorEntry, config: &ConfigMap) {
        let epoch = self.act(Action::StartTask {
            id: id.clone(),
            connector_config: entry.config.clone(),
            config: config.clone(),
            state: entry.target,
        });
        self.tasks.insert(
            id,
            TaskRun {
                epoch,
                connector_config: entry.config.clone(),
                config: config.clone(),
                target: entry.target,
                stopping: false,
                restart: false,
            },
        );
    }

    fn stop_task(&mut self, id: &TaskId) {
        let action = self.act(Action::StopTask { id: id.clone() });
        if let Some(run) = self.tasks.get_mut(id) {
            run.stopping = true;
        }
        self.pending.insert(action, Pending::StopTask(id.clone()));
    }

    fn answer_waiting(&mut self, touched: &BTreeSet<ConnectorName>) {
        let waiting = std::mem::take(&mut self.waiting);
        for wait in waiting {
            match touched
                .contains(&wait.name)
                .then(|| self.settled(&wait))
                .flatten()
            {
                Some(response) => self.respond(wait.request, response),
                None => self.waiting.push(wait),
            }
        }
    }

    /// The answer to a waiting request, once there is one.
    fn settled(&self, wait: &Waiting) -> Option<Result<Response, HerderError>> {
        let run = self.connectors.get(&wait.name);
        let entry = self.state.connector(&wait.name);
        if wait.answer == Answer::Gone {
            let gone = run.is_none() && self.tasks_of(&wait.name).next().is_none();
            return (gone || entry.is_some()).then_some(Ok(Response::Done));
        }
        let Some(entry) = entry else {
            return Some(Err(HerderError::NoConnector(wait.name.clone())));
        };
        let run = run?;
        if run.busy.is_some() || run.config != entry.config || self.is_writing(&wait.name) {
            return None;
        }
        if let Some(reason) = &run.failed {
            let (name, reason) = (wait.name.clone(), reason.clone());
            return Some(Err(HerderError::ConnectorFailed { name, reason }));
        }
        (!run.wants_tasks || run.target != TargetState::Started).then(|| {
            Ok(Response::Connector(ConnectorInfo {
                name: wait.name.clone(),
                config: entry.config.clone(),
                tasks: entry.tasks.len(),
                created: wait.created,
            }))
        })
    }
}

/// Marks a shutdown that was answered.
const ANSWERED: RequestId = RequestId(u64::MAX);

const fn state_of(target: TargetState) -> State {
    match target {
        TargetState::Paused => State::Paused,
        TargetState::Started => State::Running,
        TargetState::Stopped => State::Stopped,
    }
}
