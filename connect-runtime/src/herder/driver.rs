//! The loop that feeds the core and runs what it asks for.

use std::collections::BTreeMap;
use std::sync::Arc;

use connect_api::Error;
use connect_core::cluster::ConfigRecord;
use connect_core::herder::Action;
use connect_core::herder::ActionId;
use connect_core::herder::HerderCore;
use connect_core::herder::HerderError;
use connect_core::herder::Input;
use connect_core::herder::Outcome;
use connect_core::herder::Request;
use connect_core::herder::RequestId;
use connect_core::herder::Response;
use tokio::sync::mpsc;
use tokio::sync::oneshot;

use crate::worker::Worker;

/// What the host's handle asks of the driver.
pub(crate) enum Command {
    /// Something to decide.
    Request(Request, oneshot::Sender<Result<Response, HerderError>>),
    /// A look at the core.
    Look(Box<dyn FnOnce(&HerderCore) + Send>),
}

/// Owns the core of a worker that is alone: it owns everything, and config records go straight from
/// its decisions into its state.
pub(crate) struct Driver {
    core: HerderCore,
    worker: Arc<Worker>,
    commands: mpsc::Receiver<Command>,
    inputs: mpsc::Receiver<Input>,
    waiting: BTreeMap<RequestId, oneshot::Sender<Result<Response, HerderError>>>,
    last_request: u64,
}

impl Driver {
    pub(crate) fn new(
        worker: Arc<Worker>,
        commands: mpsc::Receiver<Command>,
        inputs: mpsc::Receiver<Input>,
    ) -> Self {
        Self {
            core: HerderCore::new(),
            worker,
            commands,
            inputs,
            waiting: BTreeMap::new(),
            last_request: 0,
        }
    }

    /// Runs until the worker is shut down, by request or because its last handle was dropped.
    pub(crate) async fn run(mut self) {
        let mut open = true;
        while !self.core.is_shut_down() {
            tokio::select! {
                // Cancel-safe: both branches only receive.
                command = self.commands.recv(), if open => match command {
                    Some(command) => self.command(command),
                    None => {
                        open = false;
                        tracing::warn!("the worker was dropped without a shutdown; stopping its tasks");
                        self.step(Input::Request(RequestId(0), Request::Shutdown));
                    }
                },
                Some(input) = self.inputs.recv() => self.step(input),
            }
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Look(look) => look(&self.core),
            Command::Request(request, reply) => {
                self.last_request += 1;
                let id = RequestId(self.last_request);
                self.waiting.insert(id, reply);
                self.step(Input::Request(id, request));
            }
        }
    }

    fn step(&mut self, input: Input) {
        self.core.step(input);
        while let Some((id, action)) = self.core.next_action() {
            self.run_action(id, action);
        }
    }

    fn run_action(&mut self, id: ActionId, action: Action) {
        let worker = Arc::clone(&self.worker);
        match action {
            Action::Respond(request, response) => {
                if let Some(reply) = self.waiting.remove(&request) {
                    // The asker may have gone away meanwhile.
                    let _ = reply.send(response);
                }
            }
            Action::WriteConfig(records) => self.write_config(id, records),
            Action::PublishStatus(subject, status) => {
                tracing::info!(subject = %subject, state = %status.state, "state changed");
            }
            Action::Validate { config, .. } => self.spawn(id, async move {
                Outcome::Validated(worker.validate(&config).await)
            }),
            Action::StartConnector {
                name,
                config,
                state,
            } => self.spawn(id, async move {
                connector(worker.start_connector(&name, id, config, state).await)
            }),
            Action::SetConnectorState { name, state } => self.spawn(id, async move {
                connector(worker.set_connector_state(&name, state).await)
            }),
            Action::StopConnector { name } => self.spawn(id, async move {
                worker.stop_connector(&name).await;
                Outcome::Stopped
            }),
            Action::GenerateTaskConfigs { name } => self.spawn(id, async move {
                Outcome::TaskConfigs(
                    worker
                        .task_configs(&name)
                        .await
                        .map_err(|error| error.report()),
                )
            }),
            Action::StartTask {
                id: task,
                connector_config,
                config,
                state,
            } => {
                worker.start_task(task, id, connector_config, config, state);
            }
            Action::StopTask { id: task } => self.spawn(id, async move {
                worker.stop_task(&task).await;
                Outcome::Stopped
            }),
            Action::SetTaskState { id: task, state } => worker.set_task_state(&task, state),
            other => debug_assert!(false, "the driver does not know how to {other:?}"),
        }
    }

    /// Alone, the store is the state itself: records come back at once.
    fn write_config(&mut self, id: ActionId, records: Vec<ConfigRecord>) {
        for record in records {
            self.core.step(Input::Config(record));
        }
        self.core.step(Input::Done(id, Outcome::Written(Ok(()))));
    }

    fn spawn(&self, id: ActionId, action: impl Future<Output = Outcome> + Send + 'static) {
        let inputs = self.worker.inputs.clone();
        tokio::spawn(async move {
            let outcome = action.await;
            // Fails only once the driver is gone.
            let _ = inputs.send(Input::Done(id, outcome)).await;
        });
    }
}

fn connector(result: Result<(), Error>) -> Outcome {
    Outcome::Connector(result.map_err(|error| error.report()))
}
