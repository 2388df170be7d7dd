//! One connector on this worker.

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
use connect_core::cluster::TargetState;
use connect_core::herder::ActionId;
use connect_core::herder::Input;
use connect_core::status::State;
use connect_core::status::Subject;
use tokio::sync::mpsc;

use crate::config::ConnectorSettings;
use crate::store::OffsetStore;
use crate::task::contained;
use crate::worker::Worker;
use crate::worker::lock;

/// A connector instance.
pub(crate) struct WorkerConnector {
    instance: Instance,
    context: ConnectorContext,
    config: ConfigMap,
    settings: ConnectorSettings,
    started: bool,
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

impl Worker {
    /// Makes a connector, and starts it if it is to run.
    pub(crate) async fn start_connector(
        &self,
        name: &ConnectorName,
        epoch: ActionId,
        config: ConfigMap,
        state: TargetState,
    ) -> Result<()> {
        let inputs = self.inputs.clone();
        let offsets = if self.is_source(&config) {
            self.offsets_of(name, &config).await?
        } else {
            Arc::clone(&self.offsets)
        };
        let connector =
            WorkerConnector::make(&self.registry, name, epoch, config, inputs, offsets)?;
        let connector = Arc::new(tokio::sync::Mutex::new(connector));
        lock(&self.connectors).insert(name.clone(), Arc::clone(&connector));
        connector.lock().await.set_state(state).await
    }

    /// Starts or stops the plugin of a connector that exists.
    pub(crate) async fn set_connector_state(
        &self,
        name: &ConnectorName,
        state: TargetState,
    ) -> Result<()> {
        self.connector(name)?.lock().await.set_state(state).await
    }

    /// Asks a connector how to split its work.
    pub(crate) async fn task_configs(&self, name: &ConnectorName) -> Result<Vec<ConfigMap>> {
        self.connector(name)?.lock().await.task_configs().await
    }

    /// Stops and drops a connector. What goes wrong is logged: it is gone all the same.
    pub(crate) async fn stop_connector(&self, name: &ConnectorName) {
        let connector = lock(&self.connectors).remove(name);
        lock(&self.own_offsets).remove(name);
        let Some(connector) = connector else { return };
        let stop = async { connector.lock().await.set_state(TargetState::Stopped).await };
        match tokio::time::timeout(self.config.graceful_timeout(), stop).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(connector = %name, error = error.report(), "stop failed");
            }
            Err(_) => tracing::warn!(connector = %name, "the connector did not stop in time"),
        }
    }

    fn connector(&self, name: &ConnectorName) -> Result<Arc<tokio::sync::Mutex<WorkerConnector>>> {
        let connector = lock(&self.connectors).get(name).map(Arc::clone);
        connector.ok_or_else(|| Error::not_found(format!("connector \"{name}\" does not run here")))
    }
}

impl WorkerConnector {
    /// Makes a connector of a registry; it is not started.
    pub(crate) fn make(
        registry: &PluginRegistry,
        name: &ConnectorName,
        epoch: ActionId,
        config: ConfigMap,
        inputs: mpsc::Sender<Input>,
        offsets: Arc<dyn OffsetStore>,
    ) -> Result<Self> {
        let settings = ConnectorSettings::new(&config)?;
        let instance = match registry.connector(settings.class())? {
            ConnectorFactory::Sink(factory) => Instance::Sink(factory.make()),
            ConnectorFactory::Source(factory) => Instance::Source(factory.make()),
            _ => return Err(Error::unsupported("this kind of connector cannot be run")),
        };
        let is_source = matches!(instance, Instance::Source(_));
        let host = Host {
            name: name.clone(),
            epoch,
            is_source,
            inputs,
            offsets,
        };
        let context = ConnectorContext::new(Arc::new(host));
        Ok(Self {
            instance,
            context,
            config,
            settings,
            started: false,
        })
    }

    /// Starts or stops the plugin.
    pub(crate) async fn set_state(&mut self, state: TargetState) -> Result<()> {
        match (state == TargetState::Started, self.started) {
            (true, false) => {
                self.started = true;
                let (context, config) = (self.context.clone(), self.config.clone());
                let start = self.instance.connector().start(context, config);
                contained("the start of the connector", start).await
            }
            (false, true) => {
                self.started = false;
                let stop = self.instance.connector().stop();
                contained("the stop of the connector", stop).await
            }
            _ => Ok(()),
        }
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

struct Host {
    name: ConnectorName,
    epoch: ActionId,
    is_source: bool,
    inputs: mpsc::Sender<Input>,
    offsets: Arc<dyn OffsetStore>,
}

impl Host {
    /// Hands an input to the herder from code that cannot wait.
    fn tell(&self, input: Input) {
        let inputs = self.inputs.clone();
        // Fails only once the herder is gone, and with it everybody who wants to know.
        tokio::spawn(async move { drop(inputs.send(input).await) });
    }
}

#[async_trait]
impl ConnectorHost for Host {
    fn connector_name(&self) -> &str {
        &self.name
    }

    fn request_task_reconfiguration(&self) {
        let name = self.name.clone();
        self.tell(Input::Reconfigure(name));
    }

    fn raise_error(&self, error: Error) {
        self.tell(Input::Report {
            subject: Subject::Connector(self.name.clone()),
            epoch: self.epoch,
            state: State::Failed,
            trace: Some(error.report()),
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
        PluginMetrics::detached()
    }
}
