//! The errors that converters of a single type share.

use std::fmt;

use connect_api::Error;
use connect_api::Result;
use connect_api::data::Datum;
use connect_api::data::SchemaType;
use connect_api::data::Value;

/// Checks that a datum has a schema of the type, or none.
pub(crate) fn check_schema(datum: &Datum, ty: &SchemaType, converter: &str) -> Result<()> {
    match datum.schema.as_ref().map(|schema| schema.schema_type()) {
        Some(other) if other != ty => Err(Error::data(format!(
            "Invalid schema type for {converter}: {}",
            other.name()
        ))),
        _ => Ok(()),
    }
}

/// The value has another type.
pub(crate) fn not_compatible(value: &Value, converter: &str) -> Error {
    Error::data(format!(
        "{converter} is not compatible with objects of type {}",
        value.type_name()
    ))
}

/// The bytes do not encode a value of the named type.
pub(crate) fn not_deserialized(name: &str, reason: impl fmt::Display) -> Error {
    let source = Error::data(reason.to_string())
        .with_java_class("org.apache.kafka.common.errors.SerializationException");
    Error::data(format!("Failed to deserialize {name}: {reason}")).with_source(source)
}
