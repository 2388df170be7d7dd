//! Building a worker.

use std::hash::BuildHasher;
use std::hash::Hasher;
use std::hash::RandomState;
use std::path::Path;
use std::sync::Arc;

use connect_api::Error;
use connect_api::PluginRegistry;
use connect_api::Result;
use connect_api::config_map;
use connect_broker::Broker;
use connect_core::herder::HerderOptions;
use connect_core::herder::RestartPolicy;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::Connect;
use crate::clock::Clock;
use crate::clock::SystemClock;
use crate::config::OffsetTopic;
use crate::config::WorkerConfig;
use crate::herder::Driver;
use crate::herder::Signs;
use crate::plugin_threads::PluginThreads;
use crate::store::FileOffsets;
use crate::store::MemoryConfigs;
use crate::store::OffsetClients;
use crate::store::OffsetStore;
use crate::store::TopicOffsets;
use crate::store::read_offset_file;
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
    plugins: Option<Handle>,
}

impl ConnectBuilder {
    pub(crate) fn new() -> Self {
        Self {
            registry: None,
            broker: None,
            worker: None,
            clock: Arc::new(SystemClock),
            plugins: None,
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

    /// Runs plugins on this runtime. Without a call, the worker has threads of its own for them, in a
    /// number that grows while plugins block some (`plugin.threads`).
    ///
    /// A runtime of the host cannot grow: plugins that block all its threads hold up each other, and
    /// the host if it runs there too. Tests in paused time run plugins on the runtime of the test.
    pub fn plugin_runtime(mut self, handle: Handle) -> Self {
        self.plugins = Some(handle);
        self
    }

    /// Starts the worker on the tokio runtime that this is called on.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](connect_api::ErrorKind::Config) if something required is missing, a
    /// default converter is unknown, or the offsets topic is not compacted; otherwise what the log
    /// reports.
    pub async fn build(self) -> Result<Connect> {
        let missing = |what: &str| Error::config(format!("a worker needs {what}"));
        let registry = self
            .registry
            .ok_or_else(|| missing("a registry of plugins"))?;
        let broker = self.broker.ok_or_else(|| missing("a broker"))?;
        let config = self.worker.ok_or_else(|| missing("a configuration"))?;
        for key in ["key.converter", "value.converter"] {
            registry
                .find_converter(config.converter(key))
                .map_err(|error| named(key, &error))?;
        }
        registry
            .find_header_converter(config.converter("header.converter"))
            .map_err(|error| named("header.converter", &error))?;
        let offsets = open_offsets(&config, &*broker, &*self.clock).await?;
        let (inputs, inputs_receiver) = mpsc::channel(INPUTS);
        let (commands, commands_receiver) = mpsc::channel(COMMANDS);
        let threads = match self.plugins {
            Some(handle) => PluginThreads::on(handle),
            None => {
                let (base, spare) = (config.plugin_threads(), config.plugin_threads_spare_max());
                PluginThreads::start(base, spare).map_err(|error| {
                    Error::external(format!("the threads of plugins cannot be started: {error}"))
                })?
            }
        };
        let options = herder_options(&config);
        let worker = Arc::new(Worker::new(WorkerParts {
            registry,
            config,
            broker,
            offsets,
            clock: self.clock,
            inputs,
            threads,
        }));
        let signs = Signs::default();
        let driver = Driver::new(
            options,
            Arc::clone(&worker),
            commands_receiver,
            inputs_receiver,
            Box::new(MemoryConfigs::default()),
            signs.clone(),
        );
        tokio::spawn(driver.run());
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

fn named(key: &str, error: &Error) -> Error {
    Error::config(format!("worker configuration `{key}`: {error}"))
}

/// Source offsets: in the log, or in a file if the log is Kafka and the worker names one, as Java's
/// standalone worker keeps them.
async fn open_offsets(
    config: &WorkerConfig,
    broker: &dyn Broker,
    clock: &dyn Clock,
) -> Result<Arc<dyn OffsetStore>> {
    match config.offset_file() {
        Some(path) if config.has_kafka() && !config.exactly_once_source() => {
            let cluster_id = broker.cluster_id().await?;
            Ok(Arc::new(
                FileOffsets::open(path.clone(), Some(cluster_id)).await?,
            ))
        }
        file => {
            OffsetTopic::warn(config.raw());
            let offsets: Arc<dyn OffsetStore> = Arc::new(
                TopicOffsets::open(broker, &config.offset_storage(), clients(config)).await?,
            );
            if let Some(path) = file {
                import_offsets(path, &*offsets, clock).await?;
            }
            Ok(offsets)
        }
    }
}

/// The clients of the worker's offsets topic. Its options without a prefix are for them, too.
fn clients(config: &WorkerConfig) -> OffsetClients {
    let mut clients = OffsetClients::default();
    let client_id = format!("{}-offsets", config.group_id());
    clients.admin.client_id.clone_from(&client_id);
    clients.producer.client_id = client_id;
    clients.producer.client_config = config_map! {
        "acks" => "all", "delivery.timeout.ms" => i32::MAX, "enable.idempotence" => true,
    };
    clients
}

/// Takes over an offsets file, once: what the log knows already stays.
async fn import_offsets(path: &Path, offsets: &dyn OffsetStore, clock: &dyn Clock) -> Result<()> {
    let Some(file) = read_offset_file(path).await? else {
        return Ok(());
    };
    let found = file.entries.len();
    let imported = offsets.import(file.entries, clock.now()).await?;
    if imported > 0 {
        tracing::info!(
            file = %path.display(),
            found,
            imported,
            "source offsets were taken over from the offsets file; from now on they are kept in the log"
        );
    }
    Ok(())
}
