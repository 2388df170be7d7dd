//! Workers that do what their cores tell them, when the test lets them, on one configuration log.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use connect_api::ConfigMap;
use connect_api::Error;
use connect_api::config_map;
use connect_core::ConnectorName;
use connect_core::Failure;
use connect_core::LogicalTime;
use connect_core::TaskId;
use connect_core::cluster::TargetState;
use connect_core::cluster::log::ConfigRecord;
use connect_core::herder::Action;
use connect_core::herder::ActionId;
use connect_core::herder::Assignment;
use connect_core::herder::HerderCore;
use connect_core::herder::HerderError;
use connect_core::herder::HerderOptions;
use connect_core::herder::Incarnation;
use connect_core::herder::Input;
use connect_core::herder::Operation;
use connect_core::herder::Outcome;
use connect_core::herder::PutMode;
use connect_core::herder::Report;
use connect_core::herder::Request;
use connect_core::herder::RequestId;
use connect_core::herder::Response;
use connect_core::herder::Wait;
use connect_core::status::State;
use connect_core::status::Subject;

/// Workers on one configuration log.
pub(crate) struct World {
    pub(crate) now: LogicalTime,
    pub(crate) workers: Vec<Worker>,
    pub(crate) records: Vec<ConfigRecord>,
    /// The worker whose writes the log takes.
    pub(crate) leader: usize,
    /// What happened, to explain a failure.
    pub(crate) history: Vec<String>,
    pub(crate) requests: BTreeMap<(usize, RequestId), LogicalTime>,
    pub(crate) answers: BTreeMap<(usize, RequestId), Result<Response, HerderError>>,
    /// Questions that wait for the answer of the leader to a request.
    forwarded: BTreeMap<(usize, RequestId), (usize, ActionId)>,
    asked: u64,
}

pub(crate) struct Worker {
    pub(crate) core: HerderCore,
    pub(crate) read: usize,
    pub(crate) pending: Vec<Pending>,
    pub(crate) lives: BTreeMap<Incarnation, Life>,
}

/// One life of a connector or task.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    pub(crate) subject: Subject,
    pub(crate) connector_config: ConfigMap,
    pub(crate) config: ConfigMap,
    pub(crate) is_up: bool,
    pub(crate) is_stopping: bool,
    /// It hangs.
    pub(crate) hangs: bool,
    /// It was cut off from the log.
    pub(crate) is_cut_off: bool,
    pub(crate) target: TargetState,
}

/// What a worker has begun and not finished.
#[derive(Debug, Clone)]
pub(crate) enum Pending {
    Alter(ActionId),
    Clean(Incarnation),
    Fence(ActionId, usize),
    Forward(ActionId, Operation),
    Split(ActionId, Incarnation),
    Start(Incarnation),
    Stop(Incarnation),
    Validate(ActionId),
    Write(ActionId, Vec<ConfigRecord>),
}

/// How something that was begun ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Well,
    Badly,
    Never,
}

pub(crate) const REQUEST_LIMIT: Duration = Duration::from_secs(90);

impl World {
    /// One worker, alone and ready.
    pub(crate) fn alone() -> Self {
        Self::alone_with(&HerderOptions::default())
    }

    pub(crate) fn alone_with(options: &HerderOptions) -> Self {
        let mut world = Self::new(1, options);
        world.step(0, Input::Assigned(Assignment::alone()));
        world.step(0, Input::CaughtUp);
        world
    }

    pub(crate) fn new(workers: usize, options: &HerderOptions) -> Self {
        let workers = (0..workers).map(|_| Worker {
            core: HerderCore::new(options.clone()),
            read: 0,
            pending: Vec::new(),
            lives: BTreeMap::new(),
        });
        Self {
            now: LogicalTime::default(),
            workers: workers.collect(),
            records: Vec::new(),
            leader: 0,
            history: Vec::new(),
            requests: BTreeMap::new(),
            answers: BTreeMap::new(),
            forwarded: BTreeMap::new(),
            asked: 0,
        }
    }

    /// Asks a worker for something, and to wait until it is so.
    pub(crate) fn ask(&mut self, worker: usize, operation: Operation) -> RequestId {
        let id = self.next_request();
        self.request(worker, id, operation);
        id
    }

    fn next_request(&mut self) -> RequestId {
        self.asked += 1;
        RequestId(self.asked)
    }

    fn request(&mut self, worker: usize, id: RequestId, operation: Operation) {
        let deadline = self.now + REQUEST_LIMIT;
        self.requests.insert((worker, id), deadline);
        let request = Request {
            operation,
            wait: Wait::Settled,
            deadline,
        };
        self.step(worker, Input::Request(id, request));
    }

    /// The answer of the first worker.
    pub(crate) fn answer(&self, id: RequestId) -> Option<&Result<Response, HerderError>> {
        self.answers.get(&(0, id))
    }

    pub(crate) fn step(&mut self, worker: usize, input: Input) {
        self.history
            .push(format!("{:?} {worker} <- {input:?}", self.now));
        self.workers[worker].core.step(self.now, input);
        while let Some(action) = self.workers[worker].core.next_action() {
            self.history.push(format!("  {worker} -> {action:?}"));
            self.act(worker, action);
        }
    }

    fn act(&mut self, worker: usize, action: Action) {
        let here = &mut self.workers[worker];
        match action {
            Action::Abandon(_, incarnation) => {
                here.lives.get_mut(&incarnation).unwrap().is_cut_off = true;
            }
            Action::AlterOffsets { id, .. } => here.pending.push(Pending::Alter(id)),
            Action::Fence { id, tasks, .. } => here.pending.push(Pending::Fence(id, tasks)),
            Action::ForwardTasks {
                id,
                name,
                made_from,
                configs,
            } => {
                let operation = Operation::PutTasks {
                    name,
                    made_from: Some(made_from),
                    configs,
                };
                here.pending.push(Pending::Forward(id, operation));
            }
            Action::Publish(..) => {}
            Action::Respond(request, response) => {
                let twice = self.answers.insert((worker, request), response);
                assert!(twice.is_none(), "a request is answered once");
                self.requests.remove(&(worker, request));
                if let Some((asker, id)) = self.forwarded.remove(&(worker, request)) {
                    let answer = &self.answers[&(worker, request)];
                    let result = answer
                        .clone()
                        .map(drop)
                        .map_err(|error| Failure::from(&Error::external(error.to_string())));
                    self.step(asker, Input::Done(id, Outcome::Written(result)));
                }
            }
            Action::SetTaskState {
                incarnation, state, ..
            } => {
                let life = here.lives.get_mut(&incarnation).unwrap();
                life.target = state;
                if life.is_up && !life.hangs {
                    let (subject, report) = (life.subject.clone(), report_of(state));
                    here.core
                        .step(self.now, Input::Report(subject, incarnation, report));
                }
            }
            Action::StartConnector {
                name,
                incarnation,
                config,
            } => {
                let subject = Subject::Connector(name);
                self.start(
                    worker,
                    subject,
                    incarnation,
                    &config,
                    &config,
                    TargetState::Started,
                );
            }
            Action::StartTask(task) => {
                let subject = Subject::Task(task.id);
                let (connector, config) = (task.connector_config, task.config);
                self.start(
                    worker,
                    subject,
                    task.incarnation,
                    &connector,
                    &config,
                    task.state,
                );
            }
            Action::Stop { incarnation, .. } => {
                here.lives.get_mut(&incarnation).unwrap().is_stopping = true;
                // A stop pre-empts a start in progress, or waits for it.
                here.pending.push(Pending::Stop(incarnation));
            }
            Action::TaskConfigs {
                id, incarnation, ..
            } => {
                here.pending.push(Pending::Split(id, incarnation));
            }
            Action::Validate { id, .. } => here.pending.push(Pending::Validate(id)),
            Action::Write { id, records } => {
                assert!(
                    here.core.assignment().is_some_and(|own| own.is_leader),
                    "C4: only the leader writes"
                );
                here.pending.push(Pending::Write(id, records));
            }
            other => panic!("the simulated worker does not know {other:?}"),
        }
    }

    fn start(
        &mut self,
        worker: usize,
        subject: Subject,
        incarnation: Incarnation,
        connector_config: &ConfigMap,
        config: &ConfigMap,
        target: TargetState,
    ) {
        for (index, other) in self.workers.iter().enumerate() {
            for (id, life) in &other.lives {
                assert!(
                    life.subject != subject || life.is_cut_off,
                    "A1/A4: {subject} starts on {worker} while {id:?} runs on {index}\n{}",
                    self.explain()
                );
            }
        }
        let here = &mut self.workers[worker];
        let life = Life {
            subject,
            connector_config: connector_config.clone(),
            config: config.clone(),
            is_up: false,
            is_stopping: false,
            hangs: false,
            is_cut_off: false,
            target,
        };
        assert!(
            here.lives.insert(incarnation, life).is_none(),
            "incarnations are new"
        );
        here.pending.push(Pending::Start(incarnation));
    }

    /// Ends something that a worker has begun.
    pub(crate) fn finish(&mut self, worker: usize, which: usize, end: End) {
        let here = &mut self.workers[worker];
        if here.pending.is_empty() {
            return;
        }
        let which = which % here.pending.len();
        let pending = here.pending.remove(which);
        self.history
            .push(format!("{:?} {worker} ends {end:?}: {pending:?}", self.now));
        let failed = || Failure::from(&Error::external("it does not work"));
        let is_well = end == End::Well;
        let outcome = |ok: Outcome, bad: Outcome| if is_well { ok } else { bad };
        match pending {
            Pending::Alter(id) if end != End::Never => {
                let outcome = outcome(
                    Outcome::OffsetsAltered(Ok(true)),
                    Outcome::OffsetsAltered(Err(failed())),
                );
                self.step(worker, Input::Done(id, outcome));
            }
            Pending::Fence(id, _) if end != End::Never => {
                let outcome = outcome(Outcome::Fenced(Ok(true)), Outcome::Fenced(Err(failed())));
                self.step(worker, Input::Done(id, outcome));
            }
            Pending::Validate(id) if end != End::Never => {
                let bad = Failure::from(&Error::config("not like this"));
                let outcome = outcome(Outcome::Validated(Ok(())), Outcome::Validated(Err(bad)));
                self.step(worker, Input::Done(id, outcome));
            }
            Pending::Split(id, incarnation) if end != End::Never => {
                let Some(life) = here.lives.get(&incarnation) else {
                    return; // it ended meanwhile, and the answer with it
                };
                let configs = split(&life.config);
                let outcome = outcome(
                    Outcome::TaskConfigs(Ok(configs)),
                    Outcome::TaskConfigs(Err(failed())),
                );
                self.step(worker, Input::Done(id, outcome));
            }
            Pending::Forward(id, operation) if end == End::Well => {
                let request = self.next_request();
                self.forwarded.insert((self.leader, request), (worker, id));
                self.request(self.leader, request, operation);
            }
            Pending::Forward(id, _) if end == End::Badly => {
                self.step(worker, Input::Done(id, Outcome::Written(Err(failed()))));
            }
            Pending::Write(id, records) => self.write(worker, id, records, end),
            Pending::Start(incarnation) => self.started(worker, incarnation, end),
            Pending::Stop(incarnation) | Pending::Clean(incarnation) => {
                let hangs = here.lives.get(&incarnation).is_none_or(|life| life.hangs);
                if end == End::Never || hangs {
                    if let Some(life) = here.lives.get_mut(&incarnation) {
                        life.hangs = true;
                    }
                } else {
                    self.end(worker, incarnation);
                }
            }
            Pending::Alter(_)
            | Pending::Fence(..)
            | Pending::Forward(..)
            | Pending::Validate(_)
            | Pending::Split(..) => {}
        }
    }

    fn end(&mut self, worker: usize, incarnation: Incarnation) {
        let Some(life) = self.workers[worker].lives.remove(&incarnation) else {
            return;
        };
        self.step(
            worker,
            Input::Report(life.subject, incarnation, Report::Ended),
        );
    }

    fn started(&mut self, worker: usize, incarnation: Incarnation, end: End) {
        let Some(life) = self.workers[worker].lives.get_mut(&incarnation) else {
            return;
        };
        match end {
            End::Never => life.hangs = true,
            _ if life.is_stopping || life.hangs => {}
            End::Well => {
                life.is_up = true;
                let (subject, report) = (life.subject.clone(), report_of(life.target));
                self.step(worker, Input::Report(subject, incarnation, report));
            }
            End::Badly => self.fail(worker, incarnation),
        }
    }

    /// It fails, and cleans up later.
    pub(crate) fn fail(&mut self, worker: usize, incarnation: Incarnation) {
        let here = &mut self.workers[worker];
        let Some(life) = here.lives.get_mut(&incarnation) else {
            return;
        };
        if life.hangs {
            return;
        }
        let subject = life.subject.clone();
        life.is_up = false;
        here.pending.push(Pending::Clean(incarnation));
        let failure = Failure::from(&Error::external("it does not work"));
        self.step(
            worker,
            Input::Report(subject, incarnation, Report::Failed(failure)),
        );
    }

    fn write(&mut self, worker: usize, id: ActionId, records: Vec<ConfigRecord>, end: End) {
        let is_fenced = worker != self.leader;
        if end == End::Well && !is_fenced {
            self.records.extend(records);
            let all = self.records.len();
            self.read(worker, all);
        }
        let outcome = match end {
            End::Never => return,
            End::Well if !is_fenced => Ok(()),
            _ => Err(Failure::from(&Error::external("the log is away"))),
        };
        self.step(worker, Input::Done(id, Outcome::Written(outcome)));
    }

    /// A worker reads records of the log.
    pub(crate) fn read(&mut self, worker: usize, most: usize) {
        for _ in 0..most {
            let offset = self.workers[worker].read;
            let Some(record) = self.records.get(offset).cloned() else {
                return;
            };
            self.workers[worker].read += 1;
            let offset = i64::try_from(offset).unwrap();
            self.step(worker, Input::Config { offset, record });
        }
    }

    /// Time passes, to the next deadline of a worker or by `most` if that comes first.
    pub(crate) fn advance(&mut self, most: Duration) {
        let next = self.workers.iter().filter_map(|w| w.core.next_deadline());
        let until = self.now + most;
        self.now = next.fold(until, LogicalTime::min).max(self.now);
        for worker in 0..self.workers.len() {
            self.step(worker, Input::Tick);
        }
    }

    /// Everything in progress ends well, and time passes until nothing is left to do.
    pub(crate) fn settle(&mut self) {
        for _ in 0..100_000 {
            for worker in 0..self.workers.len() {
                self.read(worker, usize::MAX);
            }
            let busy = (0..self.workers.len()).find(|w| !self.workers[*w].pending.is_empty());
            if let Some(worker) = busy {
                self.finish(worker, 0, End::Well);
            } else if self
                .workers
                .iter()
                .any(|w| w.core.next_deadline().is_some())
            {
                self.advance(Duration::from_secs(3600));
            } else {
                return;
            }
        }
        panic!("it never settles\n{}", self.explain());
    }

    /// What must hold after each step.
    pub(crate) fn check(&self) {
        for ((worker, id), deadline) in &self.requests {
            assert!(
                *deadline >= self.now,
                "D2: {id:?} at {worker} is not answered\n{}",
                self.explain()
            );
        }
        for worker in &self.workers {
            let stops = |life: &&Life| life.is_stopping && !life.is_cut_off;
            if let Some(life) = worker.lives.values().find(stops) {
                assert!(
                    worker.core.next_deadline().is_some(),
                    "D1: {} stops without a deadline\n{}",
                    life.subject,
                    self.explain()
                );
            }
            for life in worker.lives.values().filter(|life| !life.is_cut_off) {
                let Subject::Task(id) = &life.subject else {
                    continue;
                };
                assert!(
                    self.was_committed(id, &life.connector_config, &life.config),
                    "C2: {id} runs with what no committed set has\n{}",
                    self.explain()
                );
            }
        }
    }

    /// True if a set in the log has this task, made from this configuration of the connector.
    fn was_committed(&self, id: &TaskId, connector: &ConfigMap, config: &ConfigMap) -> bool {
        let mut present = None;
        let mut tasks = BTreeMap::new();
        self.records.iter().any(|record| {
            match record {
                ConfigRecord::Connector { name, config } if *name == id.connector => {
                    present = config.clone();
                }
                ConfigRecord::Task { id: task, config } if task.connector == id.connector => {
                    tasks.insert(task.index, config.clone());
                }
                ConfigRecord::Commit { name, tasks: count } if *name == id.connector => {
                    let set = std::mem::take(&mut tasks);
                    return id.index < *count
                        && present.as_ref() == Some(connector)
                        && set.get(&id.index) == Some(config);
                }
                _ => {}
            }
            false
        })
    }

    /// What should run, runs as it should, on whatever worker owns it.
    pub(crate) fn check_settled(&self) {
        let desired = self.workers[self.leader].core.desired();
        let mut wanted = BTreeSet::new();
        for (name, entry) in desired.connectors() {
            let target = entry.target_state();
            if target == TargetState::Started {
                wanted.insert(Subject::Connector(name.clone()));
            }
            if target != TargetState::Stopped {
                let set = entry.task_set().map_or(0, |set| set.configs().len());
                wanted.extend((0..set).map(|i| Subject::Task(TaskId::new(name.clone(), i))));
            }
            if target == TargetState::Started {
                assert!(entry.tasks_are_up_to_date(), "{name}\n{}", self.explain());
            }
        }
        let lives = || self.workers.iter().flat_map(|worker| worker.lives.values());
        let running: BTreeSet<_> = lives()
            .filter(|life| !life.is_cut_off)
            .map(|life| life.subject.clone())
            .collect();
        assert_eq!(
            running,
            wanted,
            "what runs is what should\n{}",
            self.explain()
        );
        for life in lives().filter(|life| !life.is_cut_off) {
            assert!(life.is_up, "{life:?} is up\n{}", self.explain());
            let entry = desired.connector(life.subject.connector()).unwrap();
            let expected = match &life.subject {
                Subject::Task(id) => desired.task_config(id).unwrap(),
                _ => &**entry.config(),
            };
            assert_eq!(
                life.config,
                *expected,
                "{}\n{}",
                life.subject,
                self.explain()
            );
        }
    }

    pub(crate) fn explain(&self) -> String {
        let skip = self.history.len().saturating_sub(400);
        self.history[skip..].join("\n")
    }

    /// The state that the first worker shows.
    pub(crate) fn state(&self, subject: &Subject) -> Option<State> {
        let status = self.workers[0].core.board().status(subject);
        status.map(|status| status.state)
    }

    /// The incarnation of the first worker that is not cut off.
    pub(crate) fn life(&self, subject: &Subject) -> Option<Incarnation> {
        let lives = self.workers[0].lives.iter();
        let mut own = lives.filter(|(_, life)| life.subject == *subject && !life.is_cut_off);
        own.next().map(|(id, _)| *id)
    }
}

const fn report_of(state: TargetState) -> Report {
    match state {
        TargetState::Started => Report::Running,
        _ => Report::Paused,
    }
}

pub(crate) fn config(tasks: usize, version: usize) -> ConfigMap {
    config_map! { "tasks" => tasks, "version" => version }
}

pub(crate) fn split(config: &ConfigMap) -> Vec<ConfigMap> {
    let tasks: usize = config.get("tasks").unwrap().parse().unwrap();
    (0..tasks)
        .map(|index| config_map! { "index" => index })
        .collect()
}

pub(crate) fn put(name: &str, config: ConfigMap) -> Operation {
    Operation::Put {
        name: ConnectorName::new(name),
        config,
        mode: PutMode::CreateOrUpdate,
        initial: None,
    }
}

pub(crate) fn target(name: &str, state: TargetState) -> Operation {
    Operation::SetTargetState {
        name: ConnectorName::new(name),
        state,
    }
}

pub(crate) fn connector(name: &str) -> Subject {
    Subject::Connector(ConnectorName::new(name))
}

pub(crate) fn task(name: &str, index: usize) -> Subject {
    Subject::Task(TaskId::new(name, index))
}
