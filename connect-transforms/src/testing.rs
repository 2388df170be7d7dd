//! Helpers of the unit tests.

use connect_api::Error;
use connect_api::Result;
use connect_api::Transform;
use connect_api::config::ConfigMap;
use connect_api::data::Datum;
use connect_api::record::Origin;
use connect_api::record::Record;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;

/// Configures a transform of values and applies it to a value.
pub(crate) fn transformed(
    mut transform: impl Transform,
    config: &ConfigMap,
    value: Datum,
) -> Result<Datum> {
    transform.configure(config)?;
    Ok(apply(&mut transform, Record::new("t", value))?.value)
}

/// Applies a transform to a record from a source.
pub(crate) fn apply(transform: &mut impl Transform, record: Record) -> Result<Record> {
    let (partition, offset) = (SourcePartition::null(), SourceOffset::default());
    let origin = Origin::Source {
        partition: &partition,
        offset: &offset,
    };
    let record = transform.apply(record, origin)?;
    record.ok_or_else(|| Error::data("the record was dropped"))
}
