//! Kafka Connect's transforms, which change single records, and predicates, which choose them.
//!
//! | class | what it does |
//! | --- | --- |
//! | `Cast$Key`, `Cast$Value` | [`Cast`]: changes the types of fields, or of the key or value |
//! | `DropHeaders` | [`DropHeaders`]: removes headers |
//! | `ExtractField$Key`, `ExtractField$Value` | [`ExtractField`]: replaces the key or value by one of its fields |
//! | `Filter` | [`Filter`]: drops records |
//! | `Flatten$Key`, `Flatten$Value` | [`Flatten`]: flattens nested fields |
//! | `HeaderFrom$Key`, `HeaderFrom$Value` | [`HeaderFrom`]: moves or copies fields into headers |
//! | `HoistField$Key`, `HoistField$Value` | [`HoistField`]: wraps the key or value in a struct or map |
//! | `InsertField$Key`, `InsertField$Value` | [`InsertField`]: adds metadata of the record as fields |
//! | `InsertHeader` | [`InsertHeader`]: adds a fixed header |
//! | `MaskField$Key`, `MaskField$Value` | [`MaskField`]: masks fields |
//! | `RegexRouter` | [`RegexRouter`]: renames topics by a pattern |
//! | `ReplaceField$Key`, `ReplaceField$Value` | [`ReplaceField`]: includes, excludes and renames fields |
//! | `SetSchemaMetadata$Key`, `SetSchemaMetadata$Value` | [`SetSchemaMetadata`]: sets the name and version of the schema |
//! | `TimestampConverter$Key`, `TimestampConverter$Value` | [`TimestampConverter`]: converts timestamps between representations |
//! | `TimestampRouter` | [`TimestampRouter`]: renames topics by timestamp |
//! | `ValueToKey` | [`ValueToKey`]: copies fields of the value to the key |
//! | `HasHeaderKey` | [`HasHeaderKey`]: records that have a header |
//! | `RecordIsTombstone` | [`RecordIsTombstone`]: records without a value |
//! | `TopicNameMatches` | [`TopicNameMatches`]: records whose topic matches a pattern |
//!
//! Transforms are in the package `org.apache.kafka.connect.transforms`, predicates in its subpackage
//! `predicates`. Install [`plugins`] in a registry to use them by class name:
//!
//! ```
//! use connect_api::data::{Datum, Value};
//! use connect_api::plugin::PluginRegistry;
//! use connect_api::record::{Origin, Record, SourceOffset, SourcePartition};
//! use connect_api::config_map;
//!
//! let mut registry = PluginRegistry::new();
//! registry.install(connect_transforms::plugins);
//!
//! let mut hoist = registry.new_transform("HoistField$Value")?;
//! hoist.configure(&config_map! { "field" => "line" })?;
//! let origin = Origin::Source { partition: &SourcePartition::null(), offset: &SourceOffset::default() };
//! let record = hoist.apply(Record::new("lines", Datum::string("hello")), origin)?.unwrap();
//! let Value::Struct(line) = &record.value.value else { panic!("a struct") };
//! assert_eq!(line.get("line"), Some(&"hello".into()));
//! # Ok::<(), connect_api::Error>(())
//! ```

mod cast;
mod clock;
mod date_format;
mod drop_headers;
mod entry;
mod extract_field;
mod field_path;
mod filter;
mod flatten;
mod header_from;
mod hoist_field;
mod insert_field;
mod insert_header;
mod mask_field;
mod null;
mod pair;
mod part;
mod predicate;
mod regex_router;
mod replace_field;
mod schema_cache;
mod selection;
mod set_schema_metadata;
mod shape;
#[cfg(test)]
mod testing;
mod timestamp_converter;
mod timestamp_router;
mod value_to_key;

use connect_api::plugin::PluginInfo;
use connect_api::plugin::PluginRegistry;

pub use crate::cast::Cast;
pub use crate::drop_headers::DropHeaders;
pub use crate::extract_field::ExtractField;
pub use crate::filter::Filter;
pub use crate::flatten::Flatten;
pub use crate::header_from::HeaderFrom;
pub use crate::hoist_field::HoistField;
pub use crate::insert_field::InsertField;
pub use crate::insert_header::InsertHeader;
pub use crate::mask_field::MaskField;
pub use crate::part::Part;
pub use crate::predicate::HasHeaderKey;
pub use crate::predicate::RecordIsTombstone;
pub use crate::predicate::TopicNameMatches;
pub use crate::regex_router::RegexRouter;
pub use crate::replace_field::ReplaceField;
pub use crate::set_schema_metadata::SetSchemaMetadata;
pub use crate::timestamp_converter::TimestampConverter;
pub use crate::timestamp_router::TimestampRouter;
pub use crate::value_to_key::ValueToKey;

/// Registers the transforms and predicates of this crate under Kafka's class names.
pub fn plugins(registry: &mut PluginRegistry) {
    for part in [Part::Key, Part::Value] {
        let info = |name: &str| transform(&format!("{name}${}", part.name()));
        registry
            .transform(info("Cast"), move || Cast::new(part))
            .transform(info("ExtractField"), move || ExtractField::new(part))
            .transform(info("Flatten"), move || Flatten::new(part))
            .transform(info("HeaderFrom"), move || HeaderFrom::new(part))
            .transform(info("HoistField"), move || HoistField::new(part))
            .transform(info("InsertField"), move || InsertField::new(part))
            .transform(info("MaskField"), move || MaskField::new(part))
            .transform(info("ReplaceField"), move || ReplaceField::new(part))
            .transform(info("SetSchemaMetadata"), move || {
                SetSchemaMetadata::new(part)
            })
            .transform(info("TimestampConverter"), move || {
                TimestampConverter::new(part)
            });
    }
    registry
        .transform(transform("DropHeaders"), DropHeaders::default)
        .transform(transform("Filter"), Filter::default)
        .transform(transform("InsertHeader"), InsertHeader::default)
        .transform(transform("RegexRouter"), RegexRouter::default)
        .transform(transform("TimestampRouter"), TimestampRouter::default)
        .transform(transform("ValueToKey"), ValueToKey::default)
        .predicate(predicate("HasHeaderKey"), HasHeaderKey::default)
        .predicate(predicate("RecordIsTombstone"), RecordIsTombstone::default)
        .predicate(predicate("TopicNameMatches"), TopicNameMatches::default);
}

fn transform(name: &str) -> PluginInfo {
    let class = format!("org.apache.kafka.connect.transforms.{name}");
    PluginInfo::new(class, env!("CARGO_PKG_VERSION"))
}

fn predicate(name: &str) -> PluginInfo {
    let class = format!("org.apache.kafka.connect.transforms.predicates.{name}");
    PluginInfo::new(class, env!("CARGO_PKG_VERSION"))
}
