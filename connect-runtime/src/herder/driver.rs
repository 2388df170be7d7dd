//! The loop that feeds the core and does what it asks for. It waits for no plugin and no log.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use connect_api::Error;
use connect_core::ConnectorName;
use connect_core::cluster::log::ConfigRecord;
use connect_core::herder::Action;
use connect_core::herder::ActionId;
use connect_core::herder::Assignment;
use connect_core::herder::HerderCore;
use connect_core::herder::HerderError;
use connect_core::herder::HerderOptions;
use connect_core::herder::Input;
use connect_core::herder::Operation;
use connect_core::herder::Outcome;
use connect_core::herder::Owned;
use connect_core::herder::Request;
use connect_core::herder::RequestId;
use connect_core::herder::Response;
use connect_core::herder::Status;
use connect_core::herder::Wait;
use connect_core::status::Subject;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::connect::Event;
use crate::connect::Events;
use crate::herder::store;
use crate::herder::store::Write;
use crate::store::ConfigStore;
use crate::store::StatusKeeper;
use crate::worker::GivenUp;
use crate::worker::Worker;

/// What the host's handle asks of the driver.
pub(crate) enum Command {
    /// A look at the core.
    Look(Box<dyn FnOnce(&HerderCore) + Send>),
    /// Everything may start: the connectors that are wanted are declared.
    Begin,
    /// Something to decide.
    Request(Request, oneshot::Sender<Result<Response, HerderError>>),
}

/// What is seen of a driver from outside.
#[derive(Clone, Default)]
pub(crate) struct Signs {
    /// Counts changes of statuses.
    pub(crate) changed: watch::Sender<u64>,
    /// The configuration log was read, and something is owned or will be.
    pub(crate) ready: watch::Sender<bool>,
    /// What a shutdown has given up on, once the driver has ended.
    pub(crate) ended: watch::Sender<Option<Vec<GivenUp>>>,
    pub(crate) events: Events,
}

/// What a worker keeps beyond its own life, besides offsets.
pub(crate) struct Stores {
    pub(crate) configs: Box<dyn ConfigStore>,
    /// Writes the statuses of the worker, if they are kept.
    pub(crate) statuses: Option<StatusKeeper>,
}

/// Owns the core of a worker that is alone.
pub(crate) struct Driver {
    core: HerderCore,
    worker: Arc<Worker>,
    commands: mpsc::Receiver<Command>,
    inputs: mpsc::Receiver<Input>,
    /// `None` once nothing more may be written.
    writes: Option<mpsc::Sender<Write>>,
    /// The tasks that keep the logs of configurations and statuses.
    keepers: Vec<JoinHandle<()>>,
    waiting: BTreeMap<RequestId, oneshot::Sender<Result<Response, HerderError>>>,
    last_request: u64,
    /// What was given up on since the shutdown began.
    given_up: Vec<GivenUp>,
    is_ready: bool,
    is_shutting_down: bool,
    signs: Signs,
}

impl Driver {
    /// A driver, and the tasks that keep its logs.
    pub(crate) fn new(
        options: HerderOptions,
        worker: Arc<Worker>,
        commands: mpsc::Receiver<Command>,
        inputs: mpsc::Receiver<Input>,
        stores: Stores,
        signs: Signs,
    ) -> Self {
        let (writes, write_receiver) = mpsc::channel(WRITES);
        let keep = store::keep(stores.configs, write_receiver, worker.inputs.clone());
        let mut keepers = vec![worker.home.spawn(keep)];
        if let Some(statuses) = stores.statuses {
            keepers.push(worker.home.spawn(statuses.run(worker.inputs.clone())));
        }
        Self {
            core: HerderCore::new(options),
            worker,
            commands,
            inputs,
            writes: Some(writes),
            keepers,
            waiting: BTreeMap::new(),
            last_request: 0,
            given_up: Vec::new(),
            is_ready: false,
            is_shutting_down: false,
            signs,
        }
    }

    /// Runs until the worker is shut down, by request or because its last handle was dropped. With
    /// `is_held`, connectors can be changed and none starts before [`Command::Begin`].
    pub(crate) async fn run(mut self, is_held: bool) {
        let worker = Arc::clone(&self.worker);
        let mut watch = std::pin::pin!(
            worker
                .supervisor
                .run(&worker.inputs, |moment| worker.logical(moment))
        );
        let mut open = true;
        for (subject, status) in worker.statuses.found() {
            self.step(Input::Status(subject, Some(status)));
        }
        let mut assignment = Assignment::alone();
        if is_held {
            assignment.owned = Owned::default();
        }
        self.step(Input::Assigned(assignment));
        while !self.core.is_shut_down() {
            let due = self.core.next_deadline().map(|at| self.worker.instant(at));
            tokio::select! {
                // Cancel-safe: the watch continues where it was, the others only wait.
                command = self.commands.recv(), if open => match command {
                    Some(command) => self.command(command),
                    None => {
                        open = false;
                        tracing::warn!("the worker was dropped without a shutdown; stopping its tasks");
                        self.shut_down_unasked();
                    }
                },
                Some(input) = self.inputs.recv() => self.step(input),
                () = until(due) => self.step(Input::Tick),
                () = &mut watch => {}
            }
        }
        self.let_go().await;
    }

    /// Writes the last statuses and closes the log.
    async fn let_go(&mut self) {
        self.writes = None;
        self.worker.statuses.close();
        let until = Instant::now() + CLOSING;
        for mut keeper in self.keepers.drain(..) {
            if tokio::time::timeout_at(until, &mut keeper).await.is_err() {
                tracing::warn!("the log does not answer; the last statuses may not be in it");
                keeper.abort();
                // It has nothing to say: what matters is that its clients are gone.
                let _ = keeper.await;
            }
        }
        self.worker.close().await;
    }

    fn shut_down_unasked(&mut self) {
        self.is_shutting_down = true;
        let request = Request {
            operation: Operation::Shutdown,
            wait: Wait::Settled,
            deadline: self.worker.now() + self.worker.config.graceful_timeout(),
        };
        self.step(Input::Request(RequestId(0), request));
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Begin => self.step(Input::Assigned(Assignment::alone())),
            Command::Look(look) => look(&self.core),
            Command::Request(request, reply) => {
                self.is_shutting_down |= matches!(request.operation, Operation::Shutdown);
                self.last_request += 1;
                let id = RequestId(self.last_request);
                self.waiting.insert(id, reply);
                self.step(Input::Request(id, request));
            }
        }
    }

    fn step(&mut self, input: Input) {
        self.core.step(self.worker.now(), input);
        while let Some(action) = self.core.next_action() {
            self.act(action);
        }
        if !self.is_ready && self.core.is_ready() {
            self.is_ready = true;
            self.signs.ready.send_replace(true);
        }
    }

    fn act(&mut self, action: Action) {
        let worker = &self.worker;
        match action {
            Action::Abandon(subject, incarnation) => {
                if let Some(given_up) = worker.abandon(incarnation) {
                    self.gave_up(given_up);
                } else {
                    tracing::debug!(%subject, "it ended just before it was given up on");
                }
            }
            Action::AlterOffsets {
                id,
                name,
                config,
                change,
            } => worker.alter_offsets(id, name, config, change),
            Action::Fence {
                id,
                name,
                config,
                tasks,
            } => worker.fence(id, name, config, tasks),
            Action::ForwardTasks { id, .. } => {
                let alone = Error::illegal_state("a worker that is alone has no other leader");
                self.answer(id, Outcome::Written(Err(alone.into())));
            }
            Action::Publish(subject, status) => self.publish(subject, status),
            Action::Respond(request, response) => {
                if let Some(reply) = self.waiting.remove(&request) {
                    // The asker may have gone away meanwhile.
                    let _ = reply.send(response);
                }
            }
            Action::SetTaskState {
                incarnation, state, ..
            } => worker.set_task_state(incarnation, state),
            Action::StartConnector {
                name,
                incarnation,
                config,
            } => worker.start_connector(name, incarnation, config),
            Action::StartTask(start) => worker.start_task(start),
            Action::Stop { incarnation, .. } => worker.stop(incarnation),
            Action::TaskConfigs {
                id,
                name,
                incarnation,
            } => {
                if !worker.ask_task_configs(incarnation, id) {
                    let busy = format!("connector \"{name}\" still answers an earlier question");
                    self.answer(id, Outcome::TaskConfigs(Err(Error::external(busy).into())));
                }
            }
            Action::Validate { id, name, config } => worker.validate(id, name, config),
            Action::Write { id, records } => self.write(id, records),
            other => debug_assert!(false, "the driver does not know how to {other:?}"),
        }
    }

    fn write(&mut self, id: ActionId, records: Vec<ConfigRecord>) {
        let sent = self
            .writes
            .as_ref()
            .is_some_and(|writes| writes.try_send((id, records)).is_ok());
        if !sent {
            let busy = Error::retriable("too many writes to the configuration log wait");
            self.answer(id, Outcome::Written(Err(busy.into())));
        }
    }

    /// Passes the answer to a question to the core at once.
    fn answer(&mut self, id: ActionId, outcome: Outcome) {
        self.core.step(self.worker.now(), Input::Done(id, outcome));
    }

    fn publish(&mut self, subject: Subject, status: Option<Status>) {
        match &status {
            Some(status) => {
                tracing::info!(subject = %subject, state = %status.state, "state changed");
            }
            None => tracing::info!(subject = %subject, "removed"),
        }
        let version = self.version_of(subject.connector());
        self.worker
            .statuses
            .publish(&subject, status.as_ref(), version);
        self.signs
            .changed
            .send_modify(|count| *count = count.wrapping_add(1));
        self.signs.events.send(Event::Status {
            subject,
            status: status.map(Box::new),
        });
    }

    /// The version of a connector's plugin.
    fn version_of(&self, name: &ConnectorName) -> Option<String> {
        let config = self.core.desired().connector(name)?.config();
        let class = config.get("connector.class")?;
        let factory = self.worker.registry.connector(class).ok()?;
        Some(factory.info().version().to_owned())
    }

    fn gave_up(&mut self, given_up: GivenUp) {
        tracing::error!(
            subject = %given_up.subject,
            call = given_up.call,
            holds_thread = given_up.holds_thread,
            "it did not stop in time and is given up on"
        );
        self.signs.events.send(Event::GivenUp(given_up.clone()));
        if self.is_shutting_down {
            self.given_up.push(given_up);
        }
    }
}

impl Drop for Driver {
    /// Also when the runtime of the host ends first: nothing may run on.
    fn drop(&mut self) {
        let mut left = std::mem::take(&mut self.given_up);
        left.extend(self.worker.abandon_all());
        for behind in self.worker.left_behind() {
            if !left.iter().any(|known| known.subject == behind.subject) {
                left.push(behind);
            }
        }
        self.worker.threads.close();
        self.signs.ended.send_replace(Some(left));
    }
}

/// Waits until a moment; for ever without one.
async fn until(due: Option<tokio::time::Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Writes that wait for the log. The core has at most one per connector under way.
const WRITES: usize = 4096;

/// How long the last statuses may take to be written.
pub(crate) const CLOSING: Duration = Duration::from_secs(2);
