//! The context of a connector.

use std::sync::Arc;
use std::sync::Mutex;

use async_trait::async_trait;
use connect_api::ConnectorContext;
use connect_api::ConnectorHost;
use connect_api::Error;
use connect_api::Result;
use connect_api::metrics::PluginMetrics;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_core::sync::lock;

use crate::context::CONNECTOR;

/// Stands in for the worker of a connector.
#[derive(Debug, Clone, Default)]
pub struct FakeConnector(Arc<ConnectorSaid>);

#[derive(Debug, Default)]
struct ConnectorSaid {
    reconfigurations: Mutex<usize>,
    errors: Mutex<Vec<Error>>,
}

impl FakeConnector {
    /// Creates a fake.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the context to start the connector with.
    #[must_use]
    pub fn context(&self) -> ConnectorContext {
        ConnectorContext::new(Arc::clone(&self.0) as Arc<dyn ConnectorHost>)
    }

    /// Returns how often the connector asked for new task configurations.
    #[must_use]
    pub fn reconfigurations(&self) -> usize {
        *lock(&self.0.reconfigurations)
    }

    /// Takes the errors that the connector raised.
    #[must_use]
    pub fn take_errors(&self) -> Vec<Error> {
        std::mem::take(&mut lock(&self.0.errors))
    }
}

#[async_trait]
impl ConnectorHost for ConnectorSaid {
    fn connector_name(&self) -> &str {
        CONNECTOR
    }

    fn request_task_reconfiguration(&self) {
        *lock(&self.reconfigurations) += 1;
    }

    fn raise_error(&self, error: Error) {
        lock(&self.errors).push(error);
    }

    async fn offsets(&self, partitions: &[SourcePartition]) -> Result<Vec<Option<SourceOffset>>> {
        Ok(vec![None; partitions.len()])
    }

    fn metrics(&self) -> PluginMetrics {
        PluginMetrics::detached()
    }
}
