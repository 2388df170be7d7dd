//! Kafka Connect's converters between the bytes in a log and typed data.
//!
//! | class | converts |
//! | --- | --- |
//! | `org.apache.kafka.connect.storage.StringConverter` | [`StringConverter`]: text |
//! | `org.apache.kafka.connect.converters.BooleanConverter` | [`BooleanConverter`]: booleans |
//! | `org.apache.kafka.connect.converters.ByteArrayConverter` | [`ByteArrayConverter`]: bytes, unchanged |
//! | `org.apache.kafka.connect.converters.DoubleConverter` | [`DoubleConverter`]: 64-bit floating point numbers |
//! | `org.apache.kafka.connect.converters.FloatConverter` | [`FloatConverter`]: 32-bit floating point numbers |
//! | `org.apache.kafka.connect.converters.IntegerConverter` | [`IntegerConverter`]: 32-bit integers |
//! | `org.apache.kafka.connect.converters.LongConverter` | [`LongConverter`]: 64-bit integers |
//! | `org.apache.kafka.connect.converters.ShortConverter` | [`ShortConverter`]: 16-bit integers |
//! | `org.apache.kafka.connect.json.JsonConverter` | [`JsonConverter`]: JSON, with or without schemas |
//! | `org.apache.kafka.connect.storage.SimpleHeaderConverter` | [`SimpleHeaderConverter`]: headers only; the type of a value is guessed from its text |
//!
//! All of them convert headers too. Install [`plugins`] in a registry to use them by class name:
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

mod all_roles;
mod boolean;
mod bytes;
mod converter_type;
mod encoding;
mod json;
mod number;
mod refusal;
mod simple_header;
mod string;

use connect_api::Converter;
use connect_api::HeaderConverter;
use connect_api::plugin::PluginInfo;
use connect_api::plugin::PluginRegistry;

pub use crate::boolean::BooleanConverter;
pub use crate::bytes::ByteArrayConverter;
pub use crate::json::JsonConverter;
pub use crate::number::DoubleConverter;
pub use crate::number::FloatConverter;
pub use crate::number::IntegerConverter;
pub use crate::number::LongConverter;
pub use crate::number::ShortConverter;
pub use crate::simple_header::SimpleHeaderConverter;
pub use crate::string::StringConverter;

/// Registers the converters of this crate under Kafka's class names.
pub fn plugins(registry: &mut PluginRegistry) {
    both::<StringConverter>(registry, "storage.StringConverter");
    both::<BooleanConverter>(registry, "converters.BooleanConverter");
    both::<ByteArrayConverter>(registry, "converters.ByteArrayConverter");
    both::<DoubleConverter>(registry, "converters.DoubleConverter");
    both::<FloatConverter>(registry, "converters.FloatConverter");
    both::<IntegerConverter>(registry, "converters.IntegerConverter");
    both::<LongConverter>(registry, "converters.LongConverter");
    both::<ShortConverter>(registry, "converters.ShortConverter");
    both::<JsonConverter>(registry, "json.JsonConverter");
    registry.header_converter(
        info("storage.SimpleHeaderConverter"),
        SimpleHeaderConverter::default,
    );
}

/// Registers a converter for keys and values and for headers.
fn both<C: Converter + HeaderConverter + Default>(registry: &mut PluginRegistry, class: &str) {
    registry
        .converter(info(class), C::default)
        .header_converter(info(class), C::default);
}

/// The plugin information of a class in Kafka Connect's package.
fn info(class: &str) -> PluginInfo {
    let class = format!("org.apache.kafka.connect.{class}");
    PluginInfo::new(class, env!("CARGO_PKG_VERSION"))
}
