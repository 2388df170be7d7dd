//! A source with tasks that do nothing.

use async_trait::async_trait;
use connect_api::ConfigMap;
use connect_api::Connector;
use connect_api::ConnectorContext;
use connect_api::PluginRegistry;
use connect_api::Result;
use connect_api::SourceConnector;
use connect_api::SourceTask;
use connect_api::SourceTaskContext;
use connect_api::Task;
use connect_api::config::ConfigDef;
use connect_api::config::FromConfig as _;
use connect_api::config_map;
use connect_api::plugin::PluginInfo;
use connect_api::record::SourceRecord;

/// Its class.
pub(super) const CLASS: &str = "kill.Still";

/// Adds it to a registry.
pub(super) fn plugins(registry: &mut PluginRegistry) {
    registry.source(PluginInfo::new(CLASS, "1"), Still::default);
}

#[derive(Debug, Clone, ConfigDef)]
struct StillConfig {
    /// What the tasks have in their configurations.
    label: String,
}

#[derive(Default)]
struct Still(ConfigMap);

#[async_trait]
impl Connector for Still {
    fn config_def(&self) -> &ConfigDef {
        StillConfig::config_def()
    }

    async fn start(&mut self, _: ConnectorContext, config: ConfigMap) -> Result<()> {
        self.0 = config;
        Ok(())
    }

    async fn task_configs(&mut self, max_tasks: usize) -> Result<Vec<ConfigMap>> {
        let StillConfig { label } = StillConfig::from_config(&self.0)?;
        let task = |number: usize| config_map! { "number" => number.to_string(), "label" => label.clone() };
        Ok((0..max_tasks).map(task).collect())
    }
}

impl SourceConnector for Still {
    fn task(&self) -> Box<dyn SourceTask> {
        Box::new(StillTask)
    }
}

struct StillTask;

#[async_trait]
impl Task for StillTask {
    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl SourceTask for StillTask {
    async fn start(&mut self, _: SourceTaskContext, _: ConfigMap) -> Result<()> {
        Ok(())
    }

    async fn poll(&mut self) -> Result<Vec<SourceRecord>> {
        std::future::pending().await
    }
}
