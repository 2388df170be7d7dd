//! Kafka Connect's transforms and predicates: changing and choosing single records.
//!
//! | class | what it does |
//! | --- | --- |
//! | `DropHeaders` | [`DropHeaders`]: removes headers |
//! | `ExtractField$Key`, `ExtractField$Value` | [`ExtractField`]: puts a field in the place of the key or value |
//! | `Filter` | [`Filter`]: drops records |
//! | `Flatten$Key`, `Flatten$Value` | [`Flatten`]: lifts nested fields to the top |
//! | `HeaderFrom$Key`, `HeaderFrom$Value` | [`HeaderFrom`]: moves or copies fields into headers |
//! | `HoistField$Key`, `HoistField$Value` | [`HoistField`]: wraps the key or value into a field |
//! | `InsertField$Key`, `InsertField$Value` | [`InsertField`]: adds fields about the record |
//! | `InsertHeader` | [`InsertHeader`]: adds a fixed header |
//! | `RegexRouter` | [`RegexRouter`]: renames topics |
//! | `ReplaceField$Key`, `ReplaceField$Value` | [`ReplaceField`]: chooses and renames fields |
//! | `ValueToKey` | [`ValueToKey`]: makes the key from fields of the value |
//! | `HasHeaderKey` | [`HasHeaderKey`]: records with a header |
//! | `RecordIsTombstone` | [`RecordIsTombstone`]: records without a value |
//! | `TopicNameMatches` | [`TopicNameMatches`]: records of certain topics |
//!
//! Transforms are in the package `org.apache.kafka.connect.transforms`, predicates in its package
//! `predicates`. Hand [`plugins`] to a registry to make them known:
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

mod drop_headers;
mod extract_field;
mod field_path;
mod filter;
mod flatten;
mod header_from;
mod hoist_field;
mod insert_field;
mod insert_header;
mod null;
mod part;
mod pattern;
mod predicate;
mod regex_router;
mod replace_field;
mod schema_cache;
mod shape;
mod value_to_key;

use connect_api::plugin::PluginInfo;
use connect_api::plugin::PluginRegistry;
pub use drop_headers::DropHeaders;
pub use extract_field::ExtractField;
pub use filter::Filter;
pub use flatten::Flatten;
pub use header_from::HeaderFrom;
pub use hoist_field::HoistField;
pub use insert_field::InsertField;
pub use insert_header::InsertHeader;
pub use part::Part;
pub use predicate::HasHeaderKey;
pub use predicate::RecordIsTombstone;
pub use predicate::TopicNameMatches;
pub use regex_router::RegexRouter;
pub use replace_field::ReplaceField;
pub use value_to_key::ValueToKey;

/// Registers the transforms and predicates of this crate under the names of Kafka's classes.
pub fn plugins(registry: &mut PluginRegistry) {
    for part in [Part::Key, Part::Value] {
        registry
            .transform(transform("ExtractField", part), move || {
                ExtractField::new(part)
            })
            .transform(transform("Flatten", part), move || Flatten::new(part))
            .transform(transform("HeaderFrom", part), move || HeaderFrom::new(part))
            .transform(transform("HoistField", part), move || HoistField::new(part))
            .transform(transform("InsertField", part), move || {
                InsertField::new(part)
            })
            .transform(transform("ReplaceField", part), move || {
                ReplaceField::new(part)
            });
    }
    registry
        .transform(record_transform("DropHeaders"), DropHeaders::default)
        .transform(record_transform("Filter"), Filter::default)
        .transform(record_transform("InsertHeader"), InsertHeader::default)
        .transform(record_transform("RegexRouter"), RegexRouter::default)
        .transform(record_transform("ValueToKey"), ValueToKey::default)
        .predicate(predicate("HasHeaderKey"), HasHeaderKey::default)
        .predicate(predicate("RecordIsTombstone"), RecordIsTombstone::default)
        .predicate(predicate("TopicNameMatches"), TopicNameMatches::default);
}

fn transform(name: &str, part: Part) -> PluginInfo {
    record_transform(&format!("{name}${}", part.name()))
}

fn record_transform(name: &str) -> PluginInfo {
    let class = format!("org.apache.kafka.connect.transforms.{name}");
    PluginInfo::new(class, env!("CARGO_PKG_VERSION"))
}

fn predicate(name: &str) -> PluginInfo {
    let class = format!("org.apache.kafka.connect.transforms.predicates.{name}");
    PluginInfo::new(class, env!("CARGO_PKG_VERSION"))
}
