//! A predicate on headers.

use connect_api::Predicate;
use connect_api::Result;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::record::Origin;
use connect_api::record::Record;

/// True for records that have a header with the configured key, whatever its value.
///
/// *Java*: `HasHeaderKey`.
#[derive(Debug, Default)]
pub struct HasHeaderKey {
    name: String,
}

#[derive(Debug, Clone, ConfigDef)]
struct HasHeaderKeyConfig {
    /// The header name.
    #[config(name = "name", validate = non_empty)]
    name: String,
}

impl Predicate for HasHeaderKey {
    fn config_def(&self) -> &ConfigDef {
        HasHeaderKeyConfig::config_def()
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        self.name = HasHeaderKeyConfig::from_config(config)?.name;
        Ok(())
    }

    fn test(&mut self, record: &Record, _: Origin<'_>) -> Result<bool> {
        Ok(record.headers.last(&self.name).is_some())
    }
}
