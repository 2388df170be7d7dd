//! The actor of a task: makes it and runs its loop.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use connect_api::ConfigMap;
use connect_api::Error;
use connect_api::PluginRegistry;
use connect_api::Result;
use connect_api::plugin::ConnectorFactory;
use connect_broker::AdminOptions;
use connect_broker::Broker;
use connect_core::TaskId;
use connect_core::herder::StartTask;
use connect_core::status::Subject;
use tokio::sync::watch;

use crate::config::ClientKind;
use crate::config::ConnectorSettings;
use crate::config::ErrorTolerance;
use crate::config::client_config;
use crate::gate::Gate;
use crate::gate::GatedBroker;
use crate::pipeline::Chain;
use crate::pipeline::Converters;
use crate::pipeline::Operator;
use crate::pipeline::Reports;
use crate::plugin_threads::Call;
use crate::store::UsedTopics;
use crate::task::Reporter;
use crate::task::TaskControl;
use crate::task::TaskShared;
use crate::task::contained;
use crate::task::sink::SinkLoop;
use crate::task::sink::SinkParts;
use crate::task::source;
use crate::task::source::SourceLoop;
use crate::task::source::SourceParts;
use crate::task::source::Transactions;
use crate::task::source::topics;
use crate::task::source::topics::Topics;
use crate::worker::Worker;
use crate::worker::clients::consumer_options;
use crate::worker::clients::producer_options;
use crate::worker::incarnation::Kind;

/// What a new task gets.
struct Start {
    connector_config: ConfigMap,
    config: ConfigMap,
    settings: ConnectorSettings,
    control: TaskControl,
    reporter: Reporter,
    shared: Arc<TaskShared>,
    gate: Gate,
}

type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Worker {
    /// Makes a task and starts it; it reports by itself.
    pub(crate) fn start_task(self: &Arc<Self>, start: StartTask) {
        let seat = self.seat(Subject::Task(start.id.clone()), start.incarnation);
        let (target, target_receiver) = watch::channel(start.state);
        let (drain, drain_receiver) = watch::channel(false);
        let control = TaskControl {
            stop: seat.stop.clone(),
            target: target_receiver,
            drain: drain_receiver,
        };
        let reporter = Reporter {
            id: start.id.clone(),
            incarnation: start.incarnation,
            inputs: self.inputs.clone(),
        };
        let shared = Arc::new(TaskShared::new(
            start.id,
            self.is_source(&start.connector_config),
            self.changed.clone(),
            Arc::clone(&seat.pulse),
        ));
        let (connector_config, config) = (start.connector_config, start.config);
        let (worker, gate) = (Arc::clone(self), seat.gate.clone());
        let task_shared = Arc::clone(&shared);
        let actor = async move {
            let (failed, stopped) = (reporter.clone(), control.stop.clone());
            let shared = Arc::clone(&task_shared);
            let made = async move {
                let settings = ConnectorSettings::new(&connector_config)?;
                let start = Start {
                    connector_config,
                    config,
                    settings,
                    control,
                    reporter,
                    shared,
                    gate,
                };
                worker.make(start).await
            };
            let made = tokio::select! {
                biased;
                // Nothing was started yet: what was opened may be dropped.
                () = stopped.cancelled() => return,
                made = contained("the making of the task", made) => made,
            };
            match made {
                Ok(run) => run.await,
                Err(error) => {
                    task_shared.failed();
                    failed.failed(&error).await;
                }
            }
        };
        let kind = Kind::Task {
            target,
            drain,
            shared,
        };
        self.run(seat, kind, actor);
    }

    async fn make(self: Arc<Self>, start: Start) -> Result<BoxFuture> {
        let registry: &PluginRegistry = &self.registry;
        let (config, settings) = (&start.connector_config, &start.settings);
        let chain = Chain::from_config(registry, config, settings)?;
        let converters = Converters::from_config(registry, config, settings, &self.config)?;
        let operator = Operator::new(settings, start.control.stop.clone());
        let broker = GatedBroker {
            inner: self.broker()?,
            gate: start.gate.clone(),
        };
        let id = &start.reporter.id;
        let reports = Reports::open(id, settings, &self.config, config, &broker)
            .await?
            .telling(self.events.clone());
        // Without a report to anybody, only tolerance lets a task go on.
        let somewhere = settings.keys.errors_log_enable || reports.wants_record();
        let tolerance = settings.tolerance();
        match registry.connector(start.settings.class())? {
            ConnectorFactory::Source(factory) => {
                let is_taken = somewhere || tolerance == ErrorTolerance::All;
                let errant = is_taken.then_some(tolerance);
                let making = start.shared.calling(Call::Make);
                let task = factory.make().task();
                drop(making);
                let (id, connector) = (&start.reporter.id, &start.connector_config);
                let options = producer_options(id, &self.config, connector);
                let (producer, receipts) = broker.producer(options).await?;
                let gate = start.gate.clone();
                let offsets = self.gated_offsets(&id.connector, connector, gate).await?;
                offsets.catch_up().await?;
                let topics = self
                    .topics(&broker, &start.reporter.id, &start.connector_config)
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
                    used: self.used_topics(&start.reporter.id),
                    errant: errant
                        .map(|tolerance| source::Errant::new(tolerance, factory.info().class())),
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
                let making = start.shared.calling(Call::Make);
                let task = factory.make().task();
                drop(making);
                let parts = SinkParts {
                    task,
                    class: factory.info().class().to_owned(),
                    config: start.config,
                    chain,
                    decoder: Box::new(converters),
                    operator,
                    reports,
                    errant: somewhere.then_some(tolerance),
                    consumer: broker.consumer(options).await?,
                    used: self.used_topics(&start.reporter.id),
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

    /// What records the topics of a task, if the worker does.
    fn used_topics(&self, id: &TaskId) -> Option<UsedTopics> {
        let is_on = self.config.topic_tracking();
        let (statuses, clock) = (Arc::clone(&self.statuses), Arc::clone(&self.clock));
        is_on.then(|| UsedTopics::new(statuses, clock, id.clone()))
    }

    /// What creates the topics of a source task, if its connector says how and the worker lets it.
    async fn topics(
        &self,
        broker: &GatedBroker,
        id: &TaskId,
        connector: &ConfigMap,
    ) -> Result<Option<Topics>> {
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
        Topics::from_config(connector, broker.admin(options).await?)
    }
}
