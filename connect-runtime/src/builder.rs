//! Building a worker.

use std::hash::BuildHasher;
use std::hash::Hasher;
use std::hash::RandomState;
use std::sync::Arc;

use connect_api::Error;
use connect_api::PluginRegistry;
use connect_api::Result;
use connect_api::plugin::PluginKind;
use connect_broker::Broker;
use connect_core::herder::HerderOptions;
use connect_core::herder::RestartPolicy;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::Connect;
use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::config::WorkerConfig;
use crate::config::class_of;
use crate::config::log_worker;
use crate::groups;
use crate::herder::Driver;
use crate::herder::Signs;
use crate::plugin_threads::PluginThreads;
use crate::stores;
use crate::worker::Worker;
use crate::worker::WorkerParts;

/// Builds a worker; see [`Connect::builder`].
#[derive(Debug)]
#[must_use]
pub struct ConnectBuilder {
    registry: Option<PluginRegistry>,
    broker: Option<Arc<dyn Broker>>,
    worker: Option<WorkerConfig>,
    clock: Arc<dyn Clock>,
    plugins_on_host: bool,
    keeps_connectors: Option<bool>,
    awaits_declaration: bool,
}

impl ConnectBuilder {
    pub(crate) fn new() -> Self {
        Self {
            registry: None,
            broker: None,
            worker: None,
            clock: Arc::new(SystemClock),
            plugins_on_host: false,
            keeps_connectors: None,
            awaits_declaration: false,
        }
    }

    /// The plugins that connectors may use. Required.
    pub fn registry(mut self, registry: PluginRegistry) -> Self {
        self.registry = Some(registry);
        self
    }

    /// The log that records travel through. Required.
    pub fn broker(self, broker: impl Broker) -> Self {
        self.shared_broker(Arc::new(broker))
    }

    /// [`broker`](ConnectBuilder::broker) for a log that is shared already.
    pub fn shared_broker(mut self, broker: Arc<dyn Broker>) -> Self {
        self.broker = Some(broker);
        self
    }

    /// The configuration of the worker. Required.
    pub fn worker(mut self, config: WorkerConfig) -> Self {
        self.worker = Some(config);
        self
    }

    /// Where the time of day comes from. The system's clock without a call.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Runs plugins on the tokio runtime that [`build`](Self::build) is called on. Without a call, the
    /// worker starts its own threads for them, and more while plugins block some (`plugin.threads`).
    ///
    /// The runtime of the host cannot grow: plugins that block all its threads hold up each other
    /// and the host. Tests in paused time run plugins on the runtime of the test.
    pub fn plugins_on_host_runtime(mut self) -> Self {
        self.plugins_on_host = true;
        self
    }

    /// Whether the worker keeps connectors that were created on it, their target states and statuses in
    /// the topics `config.storage.topic` and `status.storage.topic` of the log, and starts with them.
    /// Without a call it does so if the log [has one owner](Broker::has_one_owner), as a log inside
    /// the process; on a log that workers share, such as Kafka, they are gone with the worker, as
    /// with Kafka Connect's standalone worker, so that no worker adopts those of another one.
    ///
    /// Two workers on the same topics would run the same connectors. The later one fences the other:
    /// its changes are refused. Give each worker a `config.storage.topic`, a `status.storage.topic` and
    /// a `group.id` of its own.
    pub fn keeps_connectors(mut self, keeps: bool) -> Self {
        self.keeps_connectors = Some(keeps);
        self
    }

    /// Starts no connector before the first [`Connect::declare`] has said which ones are wanted.
    /// Requests are answered as ever.
    pub fn awaits_declaration(mut self) -> Self {
        self.awaits_declaration = true;
        self
    }

    /// Starts the worker on the tokio runtime that this is called on.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](connect_api::ErrorKind::Config) if something required is missing, a
    /// default converter is unknown, or a topic of the worker is not compacted or has more partitions
    /// than it may; otherwise what the log reports.
    pub async fn build(self) -> Result<Connect> {
        let missing = |what: &str| Error::config(format!("a worker needs {what}"));
        let registry = self
            .registry
            .ok_or_else(|| missing("a registry of plugins"))?;
        let broker = self.broker.ok_or_else(|| missing("a broker"))?;
        let config = self.worker.ok_or_else(|| missing("a configuration"))?;
        log_worker(&registry, &config);
        for key in ["key.converter", "value.converter"] {
            let class = config.converter(key);
            let (kind, find) = (PluginKind::Converter, PluginRegistry::find_converter);
            class_of(&registry, kind, key, class, find)?;
        }
        let key = "header.converter";
        let (kind, find) = (
            PluginKind::HeaderConverter,
            PluginRegistry::find_header_converter,
        );
        class_of(&registry, kind, key, config.converter(key), find)?;
        let options = herder_options(&config);
        let keeps_connectors = self.keeps_connectors.unwrap_or(broker.has_one_owner());
        let opened = stores::open(
            &config,
            &*broker,
            &*self.clock,
            &options.worker_id,
            keeps_connectors,
        );
        let opened = opened.await?;
        let (inputs, inputs_receiver) = mpsc::channel(INPUTS);
        let (commands, commands_receiver) = mpsc::channel(COMMANDS);
        let threads = if self.plugins_on_host {
            PluginThreads::on(Handle::current())
        } else {
            let (base, spare) = (config.plugin_threads(), config.plugin_threads_spare_max());
            PluginThreads::start(base, spare).map_err(|error| {
                Error::external(format!("the threads of plugins cannot be started: {error}"))
            })?
        };
        let signs = Signs::default();
        let worker = Arc::new(Worker::new(WorkerParts {
            registry,
            config,
            broker,
            offsets: opened.offsets,
            statuses: opened.statuses,
            clock: self.clock,
            inputs,
            threads,
            events: signs.events.clone(),
        }));
        tokio::spawn(groups::keep_declared(
            Arc::downgrade(&worker),
            commands.downgrade(),
            signs.ended.subscribe(),
        ));
        let driver = Driver::new(
            options,
            Arc::clone(&worker),
            commands_receiver,
            inputs_receiver,
            opened.stores,
            signs.clone(),
        );
        tokio::spawn(driver.run(self.awaits_declaration));
        Ok(Connect::new(worker, commands, signs))
    }
}

fn herder_options(config: &WorkerConfig) -> HerderOptions {
    let mut options = HerderOptions::default();
    options.exactly_once = config.exactly_once_source();
    options.seed = RandomState::new().build_hasher().finish();
    options.restart = RestartPolicy::of(config.raw(), RestartPolicy::default());
    options.limits = config.herder_limits();
    options
}

/// Reports and results of actions that wait for the herder; more wait where they arise.
const INPUTS: usize = 1024;

/// Requests that wait for the herder.
const COMMANDS: usize = 64;
