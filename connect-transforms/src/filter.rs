//! Dropping records.

use connect_api::Result;
use connect_api::Transform;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigMap;
use connect_api::record::Origin;
use connect_api::record::Record;

/// Drops every record. Use it with a predicate that chooses the records.
///
/// *Java*: `Filter`.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Filter;

impl Transform for Filter {
    fn config_def(&self) -> &ConfigDef {
        ConfigDef::empty()
    }

    fn configure(&mut self, _: &ConfigMap) -> Result<()> {
        Ok(())
    }

    fn apply(&mut self, _: Record, _: Origin<'_>) -> Result<Option<Record>> {
        Ok(None)
    }
}
