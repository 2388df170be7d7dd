//! The handle of a worker.

mod declare;
mod events;
mod offsets;
mod requests;
mod shutdown;
mod status;
mod topics;

use std::sync::Arc;
use std::time::Duration;

use connect_api::ConfigMap;
use connect_api::Error;
use connect_api::PluginRegistry;
use connect_api::config::Validation;
use connect_core::ConnectorName;
use connect_core::Failure;
use connect_core::herder::HerderCore;
use connect_core::herder::HerderError;
use connect_core::herder::Operation;
use connect_core::herder::Request;
use connect_core::herder::Response;
use connect_core::herder::Wait;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::ConnectBuilder;
use crate::end::EndReport;
use crate::herder::Command;
use crate::herder::Signs;
use crate::metrics::PluginMetric;
use crate::plugin_threads::ThreadsSnapshot;
use crate::task::TaskProgress;
use crate::worker::Worker;

pub use declare::Declaration;
pub use declare::Declared;
pub use events::Event;
pub use events::EventStream;
pub(crate) use events::Events;
pub use offsets::ConnectorOffsets;
pub use requests::ConnectorInfo;
pub use requests::Restarted;
pub use shutdown::ShutdownReport;
pub use status::ConnectorStatus;
pub use status::TaskStatus;
pub(crate) use status::status_of;

/// A running worker. Clones are handles to the same one.
///
/// The worker lives on the host's tokio runtime and runs its plugins on threads of its own. It
/// installs no logger and no signal handler, keeps no global state and never ends the process;
/// several run side by side. It ends with [`shutdown`](Connect::shutdown); dropping the last handle
/// stops its tasks too, but nobody waits for them.
///
/// Every request is answered within a time, [`within`](Connect::within) which the caller wants the
/// answer, and waits for what the caller wants: see [`waiting`](Connect::waiting).
///
/// ```
/// use connect_api::{config_map, config::FromConfig};
/// use connect_log::LocalBroker;
/// use connect_runtime::{Connect, WorkerConfig};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let strings = "org.apache.kafka.connect.storage.StringConverter";
/// let config = config_map! { "key.converter" => strings, "value.converter" => strings };
/// let connect = Connect::builder()
///     .registry(connect_runtime::plugins())
///     .broker(LocalBroker::memory())
///     .worker(WorkerConfig::from_config(&config)?)
///     .build()
///     .await?;
/// assert!(connect.connectors().await?.is_empty());
/// assert!(connect.shutdown(Duration::from_secs(5)).await.is_clean());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Connect {
    worker: Arc<Worker>,
    commands: mpsc::Sender<Command>,
    signs: Signs,
    timeout: Duration,
    wait: Wait,
}

impl Connect {
    /// Starts to build a worker.
    pub fn builder() -> ConnectBuilder {
        ConnectBuilder::new()
    }

    pub(crate) fn new(worker: Arc<Worker>, commands: mpsc::Sender<Command>, signs: Signs) -> Self {
        let timeout = worker.config.request_timeout();
        Self {
            worker,
            commands,
            signs,
            timeout,
            wait: Wait::Settled,
        }
    }

    /// A handle whose requests are answered within this time; `herder.request.timeout.ms` without a
    /// call.
    #[must_use]
    pub fn within(&self, timeout: Duration) -> Self {
        Self {
            timeout,
            ..self.clone()
        }
    }

    /// A handle whose requests wait for this; [`Wait::Settled`] without a call.
    #[must_use]
    pub fn waiting(&self, wait: Wait) -> Self {
        Self {
            wait,
            ..self.clone()
        }
    }

    /// The plugins of the worker.
    #[must_use]
    pub fn registry(&self) -> &PluginRegistry {
        &self.worker.registry
    }

    /// How far the tasks have come.
    #[must_use]
    pub fn progress(&self) -> Vec<TaskProgress> {
        self.worker.progress()
    }

    /// What running plugins count, by connector or task and then by name.
    #[must_use]
    pub fn plugin_metrics(&self) -> Vec<PluginMetric> {
        self.worker.plugin_metrics()
    }

    /// The threads that run the plugins, and how many of them plugins block.
    #[must_use]
    pub fn plugin_threads(&self) -> ThreadsSnapshot {
        self.worker.supervisor.snapshot()
    }

    /// Checks the configuration of a connector: every option and every error. Nothing is changed.
    ///
    /// # Errors
    /// [`HerderError::NotValidated`] if the check itself fails or takes too long; what is wrong with
    /// the configuration is in the [`Validation`].
    pub async fn validate(&self, config: ConfigMap) -> Result<Validation, HerderError> {
        let name = ConnectorName::new(config.get("name").unwrap_or_default());
        let check = self.worker.check(name.clone(), config);
        let checked = tokio::time::timeout(self.timeout, check).await;
        let failure = match checked {
            Ok(Ok(validation)) => return Ok(validation),
            Ok(Err(error)) => Failure::from(error),
            Err(_) => Failure::overdue(&format!(
                "validate has not returned within {:?}",
                self.timeout
            )),
        };
        Err(HerderError::NotValidated { name, failure })
    }

    /// Waits until every source task has said that there is nothing more for now and every sink
    /// task has written and committed everything that the log has for it.
    ///
    /// *Cancellation*: safe.
    ///
    /// # Errors
    /// The first connector or task that failed, by name.
    pub async fn until_end(&self) -> Result<EndReport, Error> {
        crate::end::until_end(self, &self.worker).await
    }

    async fn request(&self, operation: Operation) -> Result<Response, HerderError> {
        self.request_by(operation, self.wait, self.timeout).await
    }

    /// Hands a request to the herder. Waits for a place in the queue at most until its deadline.
    async fn request_by(
        &self,
        operation: Operation,
        wait: Wait,
        timeout: Duration,
    ) -> Result<Response, HerderError> {
        let until = Instant::now() + timeout;
        let place = tokio::time::timeout_at(until, self.commands.reserve()).await;
        let place = match place {
            Ok(Ok(place)) => place,
            Ok(Err(_)) => return Err(HerderError::ShuttingDown),
            Err(_) => {
                return Err(HerderError::Busy {
                    waiting: self.commands.max_capacity(),
                });
            }
        };
        let (reply, answer) = oneshot::channel();
        let request = Request {
            operation,
            wait,
            deadline: self.worker.logical(until),
        };
        place.send(Command::Request(request, reply));
        answer.await.unwrap_or(Err(HerderError::ShuttingDown))
    }

    /// Looks at the herder once it knows what is wanted: not before the configuration log was read.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&HerderCore) -> T + Send + 'static,
    ) -> Result<T, HerderError> {
        let (mut ready, mut ended) = (self.signs.ready.subscribe(), self.signs.ended.subscribe());
        tokio::select! {
            biased;
            // Cancel-safe: they only wait. The handle holds the senders, so neither can fail.
            _ = ready.wait_for(|is_ready| *is_ready) => self.look_now(look).await,
            _ = ended.wait_for(Option::is_some) => Err(HerderError::ShuttingDown),
            () = tokio::time::sleep(self.timeout) => Err(HerderError::Starting),
        }
    }

    /// Looks at the herder, whatever it knows by now.
    async fn look_now<T: Send + 'static>(
        &self,
        look: impl FnOnce(&HerderCore) -> T + Send + 'static,
    ) -> Result<T, HerderError> {
        let (reply, answer) = oneshot::channel();
        let look = Box::new(move |core: &HerderCore| drop(reply.send(look(core))));
        self.commands
            .send(Command::Look(look))
            .await
            .map_err(|_| HerderError::ShuttingDown)?;
        answer.await.map_err(|_| HerderError::ShuttingDown)
    }
}

impl std::fmt::Debug for Connect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connect")
            .field("timeout", &self.timeout)
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}
