//! A predicate on tombstones.

use connect_api::Predicate;
use connect_api::Result;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigMap;
use connect_api::record::Origin;
use connect_api::record::Record;

/// True for records whose value is null, whatever their schema.
///
/// *Java*: `RecordIsTombstone`.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct RecordIsTombstone;

impl Predicate for RecordIsTombstone {
    fn config_def(&self) -> &ConfigDef {
        ConfigDef::empty()
    }

    fn configure(&mut self, _: &ConfigMap) -> Result<()> {
        Ok(())
    }

    fn test(&mut self, record: &Record, _: Origin<'_>) -> Result<bool> {
        Ok(record.value.value.is_null())
    }
}
