//! The words in which converters of one type refuse what is not theirs.

use std::borrow::Cow;

use connect_api::Error;
use connect_api::Result;
use connect_api::data::Datum;
use connect_api::data::SchemaType;
use connect_api::data::Value;

/// Refuses a schema of another type.
pub(crate) fn check_schema(datum: &Datum, ty: &SchemaType, converter: &str) -> Result<()> {
    match datum.schema.as_ref().map(|schema| schema.schema_type()) {
        Some(other) if other != ty => Err(Error::data(format!(
            "Invalid schema type for {converter}: {}",
            other.name()
        ))),
        _ => Ok(()),
    }
}

/// The value is of another type.
pub(crate) fn not_compatible(value: &Value, converter: &str) -> Error {
    Error::data(format!(
        "{converter} is not compatible with objects of type class {}",
        value.java_class()
    ))
}

/// The bytes are not those of a value: Kafka's deserializer says why.
pub(crate) fn not_deserialized(name: &str, reason: impl Into<Cow<'static, str>>) -> Error {
    let reason = Error::data(reason)
        .with_java_class("org.apache.kafka.common.errors.SerializationException");
    Error::data(format!("Failed to deserialize {name}: ")).with_source(reason)
}
