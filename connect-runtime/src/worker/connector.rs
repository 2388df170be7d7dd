//! The plugin of one connector.

use std::sync::Arc;

use async_trait::async_trait;
use connect_api::ConfigMap;
use connect_api::Connector;
use connect_api::ConnectorContext;
use connect_api::ConnectorHost;
use connect_api::Error;
use connect_api::PluginRegistry;
use connect_api::Result;
use connect_api::SinkConnector;
use connect_api::SourceConnector;
use connect_api::metrics::PluginMetrics;
use connect_api::plugin::ConnectorFactory;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_core::ConnectorName;
use connect_core::Failure;
use connect_core::herder::Incarnation;
use connect_core::herder::Input;
use connect_core::herder::Report;
use connect_core::status::Subject;
use tokio::sync::mpsc;
use tokio::sync::watch;

use crate::config::ConnectorSettings;
use crate::metrics::Instruments;
use crate::store::OffsetStore;
use crate::task::contained;

/// A connector instance.
pub(crate) struct WorkerConnector {
    instance: Instance,
    context: ConnectorContext,
    config: ConfigMap,
    settings: ConnectorSettings,
}

enum Instance {
    Sink(Box<dyn SinkConnector>),
    Source(Box<dyn SourceConnector>),
}

impl Instance {
    fn connector(&mut self) -> &mut dyn Connector {
        match self {
            Self::Sink(connector) => &mut **connector,
            Self::Source(connector) => &mut **connector,
        }
    }
}

impl WorkerConnector {
    /// Makes a connector of a registry; it is not started.
    pub(crate) fn make(
        registry: &PluginRegistry,
        name: &ConnectorName,
        config: ConfigMap,
        offsets: Arc<dyn OffsetStore>,
        instruments: Arc<Instruments>,
    ) -> Result<(Self, watch::Receiver<Signals>)> {
        let settings = ConnectorSettings::new(&config)?;
        let instance = match registry.connector(settings.class())? {
            ConnectorFactory::Sink(factory) => Instance::Sink(factory.make()),
            ConnectorFactory::Source(factory) => Instance::Source(factory.make()),
            _ => return Err(Error::unsupported("this kind of connector cannot be run")),
        };
        let (signals, signalled) = watch::channel(Signals::default());
        let host = Host {
            name: name.clone(),
            is_source: matches!(instance, Instance::Source(_)),
            signals,
            offsets,
            instruments,
        };
        let connector = Self {
            instance,
            context: ConnectorContext::new(Arc::new(host)),
            config,
            settings,
        };
        Ok((connector, signalled))
    }

    /// Starts the plugin.
    pub(crate) async fn start(&mut self) -> Result<()> {
        let (context, config) = (self.context.clone(), self.config.clone());
        let start = self.instance.connector().start(context, config);
        contained("the start of the connector", start).await
    }

    /// Stops the plugin.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        let stop = self.instance.connector().stop();
        contained("the stop of the connector", stop).await
    }

    /// Asks the plugin how to split its work.
    pub(crate) async fn task_configs(&mut self) -> Result<Vec<ConfigMap>> {
        let max = self.settings.tasks_max();
        let split = self.instance.connector().task_configs(max);
        let mut configs = contained("task_configs", split).await?;
        if configs.len() > max {
            let text = format!(
                "the connector made {} tasks, which is more than its `tasks.max` of {max}",
                configs.len()
            );
            if self.settings.keys.tasks_max_enforce {
                return Err(Error::config(text));
            }
            tracing::warn!("{text}");
        }
        if matches!(self.instance, Instance::Sink(_)) {
            for config in &mut configs {
                for key in ["topics", "topics.regex"] {
                    config.copy_from(&self.config, key, key);
                }
            }
        }
        Ok(configs)
    }
}

impl std::fmt::Debug for WorkerConnector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkerConnector")
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

/// What a connector has asked for of its own accord. Only the newest counts, so that nobody has to
/// wait and nothing piles up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signals {
    /// How often it has asked to be asked again for its tasks.
    reconfigurations: u64,
    /// How many errors it has raised, and the last one.
    errors: u64,
    error: Option<Failure>,
}

/// Passes on what a connector asks for, as long as its context exists.
pub(crate) async fn forward_signals(
    mut signalled: watch::Receiver<Signals>,
    name: ConnectorName,
    incarnation: Incarnation,
    inputs: mpsc::Sender<Input>,
) {
    let subject = Subject::Connector(name);
    let mut seen = Signals::default();
    while signalled.changed().await.is_ok() {
        let signals = signalled.borrow_and_update().clone();
        let error = (signals.errors != seen.errors)
            .then(|| signals.error.clone())
            .flatten();
        let reconfigure = signals.reconfigurations != seen.reconfigurations;
        let reports = error
            .map(Report::Failed)
            .into_iter()
            .chain(reconfigure.then_some(Report::Reconfigure));
        for report in reports {
            let input = Input::Report(subject.clone(), incarnation, report);
            if inputs.send(input).await.is_err() {
                return;
            }
        }
        seen = signals;
    }
}

struct Host {
    name: ConnectorName,
    is_source: bool,
    signals: watch::Sender<Signals>,
    offsets: Arc<dyn OffsetStore>,
    instruments: Arc<Instruments>,
}

#[async_trait]
impl ConnectorHost for Host {
    fn connector_name(&self) -> &str {
        &self.name
    }

    fn request_task_reconfiguration(&self) {
        self.signals
            .send_modify(|signals| signals.reconfigurations += 1);
    }

    fn raise_error(&self, error: Error) {
        tracing::error!(connector = %self.name, error = error.report(), "the connector raised an error");
        self.signals.send_modify(|signals| {
            signals.errors += 1;
            signals.error = Some(error.into());
        });
    }

    async fn offsets(&self, partitions: &[SourcePartition]) -> Result<Vec<Option<SourceOffset>>> {
        if self.is_source {
            Ok(self.offsets.read(&self.name, partitions))
        } else {
            Err(Error::unsupported("a sink connector has no source offsets"))
        }
    }

    fn metrics(&self) -> PluginMetrics {
        self.instruments.plugin_metrics()
    }
}
