//! Starting and stopping tasks on this worker.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use connect_api::ConfigMap;
use connect_api::Error;
use connect_api::PluginRegistry;
use connect_api::Result;
use connect_api::plugin::ConnectorFactory;
use connect_broker::AdminOptions;
use connect_core::TaskId;
use connect_core::cluster::TargetState;
use connect_core::herder::ActionId;
use connect_core::status::State;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::ClientKind;
use crate::config::ConnectorSettings;
use crate::config::client_config;
use crate::pipeline::Chain;
use crate::pipeline::Converters;
use crate::pipeline::Operator;
use crate::pipeline::Reports;
use crate::task::Reporter;
use crate::task::TaskControl;
use crate::task::TaskShared;
use crate::task::contained;
use crate::task::sink::SinkLoop;
use crate::task::sink::SinkParts;
use crate::task::source::SourceLoop;
use crate::task::source::SourceParts;
use crate::task::source::Transactions;
use crate::task::source::topics;
use crate::task::source::topics::Topics;
use crate::worker::Worker;
use crate::worker::clients::consumer_options;
use crate::worker::clients::producer_options;
use crate::worker::lock;

/// How the worker holds a task.
pub(super) struct RunningTask {
    stop: CancellationToken,
    pub(super) target: watch::Sender<TargetState>,
    pub(super) drain: watch::Sender<bool>,
    pub(super) shared: Arc<TaskShared>,
    /// Taken by who waits for the end.
    handle: Option<JoinHandle<()>>,
}

/// What a new task gets.
struct Start {
    connector_config: ConfigMap,
    config: ConfigMap,
    settings: ConnectorSettings,
    control: TaskControl,
    reporter: Reporter,
    shared: Arc<TaskShared>,
}

type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Worker {
    /// Starts a task; it reports by itself, also if it cannot be made.
    pub(crate) fn start_task(
        self: &Arc<Self>,
        id: TaskId,
        epoch: ActionId,
        connector_config: ConfigMap,
        config: ConfigMap,
        state: TargetState,
    ) {
        let stop = CancellationToken::new();
        let (target, target_receiver) = watch::channel(state);
        let (drain, drain_receiver) = watch::channel(false);
        let control = TaskControl {
            stop: stop.clone(),
            target: target_receiver,
            drain: drain_receiver,
        };
        let reporter = Reporter {
            id: id.clone(),
            epoch,
            inputs: self.inputs.clone(),
        };
        let is_source = self.is_source(&connector_config);
        let shared = Arc::new(TaskShared::new(id.clone(), is_source, self.changed.clone()));
        let (worker, task_shared) = (Arc::clone(self), Arc::clone(&shared));
        let handle = tokio::spawn(async move {
            let failed = reporter.clone();
            let stopped = control.stop.clone();
            let made = async {
                let settings = ConnectorSettings::new(&connector_config)?;
                let shared = Arc::clone(&task_shared);
                worker
                    .make(Start {
                        connector_config,
                        config,
                        settings,
                        control,
                        reporter,
                        shared,
                    })
                    .await
            };
            let made = tokio::select! {
                // Nothing was started yet: what was opened may be dropped.
                () = stopped.cancelled() => return,
                made = contained("the making of the task", made) => made,
            };
            match made {
                Ok(run) => run.await,
                Err(error) => {
                    tracing::error!(task = %failed.id, error = error.report(), "task failed");
                    task_shared.failed();
                    failed.report(State::Failed, Some(error.report())).await;
                }
            }
        });
        lock(&self.tasks).insert(
            id,
            RunningTask {
                stop,
                target,
                drain,
                shared,
                handle: Some(handle),
            },
        );
    }

    /// Stops a task and waits for it; after the deadline it is given up on.
    pub(crate) async fn stop_task(&self, id: &TaskId) {
        let handle = lock(&self.tasks).get_mut(id).and_then(|task| {
            task.stop.cancel();
            task.handle.take()
        });
        let Some(mut handle) = handle else { return };
        let waited = tokio::time::timeout(self.config.graceful_timeout(), &mut handle).await;
        if waited.is_err() {
            tracing::error!(task = %id, "the task did not stop in time and is given up on");
            handle.abort();
            lock(&self.abandoned).push(id.clone());
        }
        lock(&self.tasks).remove(id);
    }

    pub(super) fn is_source(&self, config: &ConfigMap) -> bool {
        let class = config.get("connector.class").unwrap_or_default();
        matches!(
            self.registry.connector(class),
            Ok(ConnectorFactory::Source(_))
        )
    }

    async fn make(self: Arc<Self>, start: Start) -> Result<BoxFuture> {
        let registry: &PluginRegistry = &self.registry;
        let (config, settings) = (&start.connector_config, &start.settings);
        let chain = Chain::from_config(registry, config, settings)?;
        let converters = Converters::from_config(registry, config, settings, &self.config)?;
        let operator = Operator::new(settings, start.control.stop.clone());
        let (id, broker) = (&start.reporter.id, &*self.broker);
        let reports = Reports::open(id, settings, &self.config, config, broker).await?;
        match registry.connector(start.settings.class())? {
            ConnectorFactory::Source(factory) => {
                let task = factory.make().task();
                let (id, connector) = (&start.reporter.id, &start.connector_config);
                let options = producer_options(id, &self.config, connector);
                let (producer, receipts) = self.broker.producer(options).await?;
                let offsets = self.offsets_of(&id.connector, connector).await?;
                offsets.catch_up().await?;
                let topics = self
                    .topics(&start.reporter.id, &start.connector_config)
                    .await?;
                let transactions = self.config.exactly_once_source().then(|| {
                    let interval = start.settings.transaction_interval();
                    let interval = interval.unwrap_or(self.config.offset_flush_interval());
                    let boundary = start.settings.keys.transaction_boundary;
                    Transactions::new(boundary, interval, offsets.topic().cloned())
                });
                let parts = SourceParts {
                    task,
                    config: start.config,
                    chain,
                    encoder: Box::new(converters),
                    operator,
                    reports,
                    producer,
                    receipts,
                    offsets,
                    transactions,
                    topics,
                    clock: Arc::clone(&self.clock),
                    control: start.control,
                    reporter: start.reporter,
                    shared: start.shared,
                    flush_interval: self.config.offset_flush_interval(),
                    flush_timeout: self.config.offset_flush_timeout(),
                    graceful_timeout: self.config.graceful_timeout(),
                };
                Ok(Box::pin(SourceLoop::new(parts).run()))
            }
            ConnectorFactory::Sink(factory) => {
                let options = consumer_options(
                    &start.reporter.id,
                    &start.settings,
                    &self.config,
                    &start.connector_config,
                )?;
                let somewhere = settings.keys.errors_log_enable || reports.wants_record();
                let errant = somewhere.then(|| settings.tolerance());
                let parts = SinkParts {
                    task: factory.make().task(),
                    class: factory.info().class().to_owned(),
                    config: start.config,
                    chain,
                    decoder: Box::new(converters),
                    operator,
                    reports,
                    errant,
                    consumer: self.broker.consumer(options).await?,
                    clock: Arc::clone(&self.clock),
                    control: start.control,
                    reporter: start.reporter,
                    shared: start.shared,
                    flush_interval: self.config.offset_flush_interval(),
                    flush_timeout: self.config.offset_flush_timeout(),
                    graceful_timeout: self.config.graceful_timeout(),
                };
                Ok(Box::pin(SinkLoop::new(parts).run()))
            }
            _ => Err(Error::unsupported("this kind of connector cannot be run")),
        }
    }

    /// What creates the topics of a source task, if its connector says how and the worker lets it.
    async fn topics(&self, id: &TaskId, connector: &ConfigMap) -> Result<Option<Topics>> {
        if !topics::is_used(connector) {
            return Ok(None);
        }
        if !self.config.topic_creation() {
            tracing::warn!(
                task = %id,
                "the options topic.creation.* have no effect: the worker has topic.creation.enable=false"
            );
            return Ok(None);
        }
        let mut options = AdminOptions::default();
        options.client_id = format!("connector-adminclient-{id}");
        options.client_config = client_config(ClientKind::Admin, &self.config, connector);
        Topics::from_config(connector, self.broker.admin(options).await?)
    }
}
