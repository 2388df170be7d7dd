//! Kafka Connect's converters: bytes on a log to typed data and back.
//!
//! | class | converts |
//! | --- | --- |
//! | `org.apache.kafka.connect.storage.StringConverter` | [`StringConverter`]: text |
//! | `org.apache.kafka.connect.converters.ByteArrayConverter` | [`ByteArrayConverter`]: bytes as they are |
//! | `org.apache.kafka.connect.json.JsonConverter` | [`JsonConverter`]: JSON, with or without schemas |
//! | `org.apache.kafka.connect.storage.SimpleHeaderConverter` | [`SimpleHeaderConverter`]: headers only; text that looks like a value becomes one |
//!
//! The first three convert headers as well. Hand [`plugins`] to a registry to make them known:
//!
//! ```
//! use connect_api::data::Datum;
//! use connect_api::plugin::PluginRegistry;
//! use connect_api::record::RawHeaders;
//! use connect_api::{DatumRole, config_map};
//!
//! let mut registry = PluginRegistry::new();
//! registry.install(connect_converters::plugins);
//!
//! let mut json = registry.new_converter("org.apache.kafka.connect.json.JsonConverter")?;
//! json.configure(&config_map! { "schemas.enable" => false }, DatumRole::Value)?;
//! let bytes = json.encode(&"lines".into(), &mut RawHeaders::new(), &Datum::string("a\tb"))?;
//! assert_eq!(bytes.as_deref(), Some(&br#""a\tb""#[..]));
//! # Ok::<(), connect_api::Error>(())
//! ```

mod bytes;
mod converter_type;
mod encoding;
mod json;
mod simple_header;
mod string;

use connect_api::plugin::PluginInfo;
use connect_api::plugin::PluginRegistry;

pub use crate::bytes::ByteArrayConverter;
pub use crate::json::JsonConverter;
pub use crate::simple_header::SimpleHeaderConverter;
pub use crate::string::StringConverter;

/// Registers the converters of this crate under the names of Kafka's classes.
pub fn plugins(registry: &mut PluginRegistry) {
    let string = info("org.apache.kafka.connect.storage.StringConverter");
    let bytes = info("org.apache.kafka.connect.converters.ByteArrayConverter");
    let json = info("org.apache.kafka.connect.json.JsonConverter");
    registry
        .converter(string.clone(), StringConverter::default)
        .header_converter(string, StringConverter::default)
        .converter(bytes.clone(), ByteArrayConverter::default)
        .header_converter(bytes, ByteArrayConverter::default)
        .converter(json.clone(), JsonConverter::default)
        .header_converter(json, JsonConverter::default)
        .header_converter(
            info("org.apache.kafka.connect.storage.SimpleHeaderConverter"),
            SimpleHeaderConverter::default,
        );
}

fn info(class: &'static str) -> PluginInfo {
    PluginInfo::new(class, env!("CARGO_PKG_VERSION"))
}
