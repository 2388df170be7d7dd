//! The state machine: inputs in, actions out.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::time::Duration;

use connect_api::ConfigMap;

use crate::ConnectorName;
use crate::Failure;
use crate::LogicalTime;
use crate::cluster::log::ConfigEvent;
use crate::cluster::log::ConfigLog;
use crate::cluster::log::ConfigRecord;
use crate::herder::Action;
use crate::herder::ActionId;
use crate::herder::Assignment;
use crate::herder::Board;
use crate::herder::HerderOptions;
use crate::herder::Incarnation;
use crate::herder::Input;
use crate::herder::Outcome;
use crate::herder::RequestId;
use crate::herder::change::Changes;
use crate::herder::deadlines::Deadlines;
use crate::herder::fencing::Fencing;
use crate::herder::request::Requests;
use crate::herder::running::Running;
use crate::status::Subject;

/// Decides what a worker runs. See the [module](crate::herder) for its parts.
///
/// Call [`step`](HerderCore::step) with each input and then drain
/// [`next_action`](HerderCore::next_action); call it with [`Input::Tick`] at
/// [`next_deadline`](HerderCore::next_deadline) if nothing else happens before. Equal inputs give
/// equal actions.
#[derive(Debug)]
pub struct HerderCore {
    pub(super) options: HerderOptions,
    pub(super) now: LogicalTime,
    /// What is desired.
    pub(super) desired: ConfigLog,
    /// The configuration log has been read to its end.
    has_caught_up: bool,
    /// What this worker owns; `None` before the first assignment.
    pub(super) assignment: Option<Assignment>,
    /// What runs.
    pub(super) running: Running,
    pub(super) fencing: Fencing,
    pub(super) board: Board,
    pub(super) requests: Requests,
    pub(super) changes: Changes,
    /// Questions that were asked and not answered yet.
    pub(super) questions: BTreeMap<ActionId, Question>,
    pub(super) timers: Deadlines<Timer>,
    /// Connectors that the current input may have changed something for.
    pub(super) touched: BTreeSet<ConnectorName>,
    actions: VecDeque<Action>,
    last_action: u64,
    pub(super) shutdown: Option<Shutdown>,
}

/// A requested shutdown.
#[derive(Debug)]
pub(super) struct Shutdown {
    /// The request; `None` once it was answered.
    pub(super) request: Option<RequestId>,
    pub(super) deadline: LogicalTime,
    pub(super) given_up: Vec<Subject>,
}

/// The purpose of a question.
#[derive(Debug)]
pub(super) enum Question {
    AlterOffsets(ConnectorName, RequestId),
    /// For the set at this offset of the log.
    Fence(ConnectorName, i64),
    ForwardTasks(ConnectorName, Incarnation),
    TaskConfigs(ConnectorName, Incarnation),
    Validate(RequestId),
    Write(ConnectorName),
}

/// What happens at a deadline unless something else happens first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The next attempt to fence is due.
    Fence(ConnectorName),
    /// A question was not answered in time.
    Question(ActionId),
    /// A request was not answered in time.
    Request(RequestId),
    /// What has failed is restarted.
    Restart(Subject),
    /// A connector is asked again for its tasks.
    Split(ConnectorName),
    /// An incarnation has not started.
    Start(Subject),
    /// An incarnation has not ended.
    Stop(Subject),
}

impl HerderCore {
    /// A core without any state: it waits for an assignment and for the end of the configuration
    /// log.
    #[must_use]
    pub fn new(options: HerderOptions) -> Self {
        Self {
            options,
            now: LogicalTime::default(),
            desired: ConfigLog::new(),
            has_caught_up: false,
            assignment: None,
            running: Running::default(),
            fencing: Fencing::new(),
            board: Board::default(),
            requests: Requests::default(),
            changes: Changes::default(),
            questions: BTreeMap::new(),
            timers: Deadlines::default(),
            touched: BTreeSet::new(),
            actions: VecDeque::new(),
            last_action: 0,
            shutdown: None,
        }
    }

    /// What is desired.
    #[must_use]
    pub const fn desired(&self) -> &ConfigLog {
        &self.desired
    }

    /// What this worker owns; `None` before the first assignment.
    #[must_use]
    pub const fn assignment(&self) -> Option<&Assignment> {
        self.assignment.as_ref()
    }

    /// The last known statuses.
    #[must_use]
    pub const fn board(&self) -> &Board {
        &self.board
    }

    /// Handles an input at time `now`, which never goes backwards.
    pub fn step(&mut self, now: LogicalTime, input: Input) {
        self.now = self.now.max(now);
        match input {
            Input::Assigned(assignment) => self.assigned(assignment),
            Input::CaughtUp => {
                self.has_caught_up = true;
                self.became_ready();
            }
            Input::Config { offset, record } => self.config(offset, record),
            Input::Done(id, outcome) => self.done(id, outcome),
            Input::Report(subject, incarnation, report) => {
                self.report(&subject, incarnation, report);
            }
            Input::Request(id, request) => self.request(id, request),
            Input::Status(subject, status) => self.board.read(subject, status),
            Input::Tick => {}
        }
        while let Some(timer) = self.timers.take_due(self.now) {
            self.due(timer);
        }
        self.reconcile();
    }

    /// What the driver must do next.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The time of the next [`Input::Tick`], unless another input comes first.
    #[must_use]
    pub fn next_deadline(&self) -> Option<LogicalTime> {
        self.timers.next()
    }

    /// True once a shutdown was answered: nothing is left to do.
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
        self.shutdown
            .as_ref()
            .is_some_and(|shutdown| shutdown.request.is_none())
            && self.running.is_empty()
    }

    /// True once the configuration log was read and an assignment has come.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.has_caught_up && self.assignment.is_some()
    }

    /// True if this worker may write connectors and tasks (invariant C4).
    pub(super) fn is_leader(&self) -> bool {
        self.assignment.as_ref().is_some_and(|own| own.is_leader)
    }

    pub(super) fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    /// Asks the driver a question, with a deadline for the answer.
    pub(super) fn ask(
        &mut self,
        limit: Duration,
        question: Question,
        action: impl FnOnce(ActionId) -> Action,
    ) -> ActionId {
        self.last_action += 1;
        let id = ActionId(self.last_action);
        self.questions.insert(id, question);
        self.timers.set(Timer::Question(id), self.now + limit);
        self.act(action(id));
        id
    }

    fn assigned(&mut self, assignment: Assignment) {
        let was_ready = self.is_ready();
        self.assignment = Some(assignment);
        self.touch_all();
        if !was_ready {
            self.became_ready();
        }
    }

    fn became_ready(&mut self) {
        if self.is_ready() {
            self.touch_all();
            for (id, request) in self.requests.take_early() {
                self.admit(id, request);
            }
        }
    }

    /// Everything may have changed.
    pub(super) fn touch_all(&mut self) {
        self.touched
            .extend(self.desired.connectors().keys().cloned());
        self.touched.extend(self.running.connectors.keys().cloned());
        let tasks = self.running.tasks.keys();
        self.touched.extend(tasks.map(|id| id.connector.clone()));
        let known = self
            .board
            .iter()
            .map(|(subject, _)| subject.connector().clone());
        self.touched.extend(known);
    }

    fn config(&mut self, offset: i64, record: ConfigRecord) {
        let name = record.connector().cloned();
        let event = self.desired.apply(offset, record);
        self.touched.extend(name);
        if let Some(ConfigEvent::RestartRequested { name, request }) = event
            && self.is_ready()
        {
            self.restart(&name, request);
        }
    }

    fn done(&mut self, id: ActionId, outcome: Outcome) {
        // An answer that comes after its deadline finds no question.
        let Some(question) = self.questions.remove(&id) else {
            return;
        };
        self.timers.clear(&Timer::Question(id));
        match (question, outcome) {
            (Question::AlterOffsets(name, request), Outcome::OffsetsAltered(result)) => {
                self.offsets_altered(&name, request, result);
            }
            (Question::Fence(name, set), Outcome::Fenced(result)) => {
                self.fenced(name, set, result);
            }
            (Question::ForwardTasks(name, incarnation), Outcome::Written(result)) => {
                self.tasks_written(&name, incarnation, result.is_ok());
            }
            (Question::TaskConfigs(name, incarnation), Outcome::TaskConfigs(result)) => {
                self.task_configs(name, incarnation, result);
            }
            (Question::Validate(request), Outcome::Validated(result)) => {
                self.validated(request, result);
            }
            (Question::Write(name), Outcome::Written(result)) => self.written(&name, result),
            (question, outcome) => {
                debug_assert!(false, "{question:?} was answered with {outcome:?}");
            }
        }
    }

    fn due(&mut self, timer: Timer) {
        match timer {
            Timer::Fence(name) => self.fence_again(name),
            Timer::Question(id) => self.unanswered(id),
            Timer::Request(id) => self.request_timed_out(id),
            Timer::Restart(subject) => self.restart_failed(&subject),
            Timer::Split(name) => self.split_again(name),
            Timer::Start(subject) => self.not_started(&subject),
            Timer::Stop(subject) => self.not_ended(&subject),
        }
    }

    /// A question was not answered in time, which counts as a failure.
    fn unanswered(&mut self, id: ActionId) {
        let limits = self.options.limits;
        let late = |call: &str, limit: Duration| {
            Failure::overdue(&format!("{call} has not returned within {limit:?}"))
        };
        let outcome = match self.questions.get(&id) {
            None => return,
            Some(Question::AlterOffsets(..)) => {
                Outcome::OffsetsAltered(Err(late("alter_offsets", limits.alter_offsets)))
            }
            Some(Question::Fence(..)) => Outcome::Fenced(Err(late("fencing", limits.fence))),
            Some(Question::TaskConfigs(..)) => {
                Outcome::TaskConfigs(Err(late("task_configs", limits.task_configs)))
            }
            Some(Question::Validate(_)) => {
                Outcome::Validated(Err(late("validate", limits.validate)))
            }
            Some(Question::ForwardTasks(..) | Question::Write(_)) => {
                let write = "the write to the configuration log";
                Outcome::Written(Err(late(write, limits.write)))
            }
        };
        self.done(id, outcome);
    }

    /// The configuration to run a connector with on any worker; `None` if it must not run.
    pub(super) fn config_of(&self, name: &str) -> Option<&ConfigMap> {
        self.desired.connector(name).map(|entry| &**entry.config())
    }
}
