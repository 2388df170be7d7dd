//! Removing headers.

use connect_api::Result;
use connect_api::Transform;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::record::Origin;
use connect_api::record::Record;

/// Removes all headers with the configured names.
///
/// *Java*: `DropHeaders`.
#[derive(Debug, Default)]
pub struct DropHeaders {
    names: Vec<String>,
}

#[derive(Debug, Clone, ConfigDef)]
struct DropHeadersConfig {
    /// The name of the headers to be removed.
    #[config(name = "headers", importance = high, validate = any_non_duplicate(false, false))]
    names: Vec<String>,
}

impl Transform for DropHeaders {
    fn config_def(&self) -> &ConfigDef {
        DropHeadersConfig::config_def()
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        self.names = DropHeadersConfig::from_config(config)?.names;
        Ok(())
    }

    fn apply(&mut self, mut record: Record, _: Origin<'_>) -> Result<Option<Record>> {
        for name in &self.names {
            record.headers.remove(name);
        }
        Ok(Some(record))
    }
}
