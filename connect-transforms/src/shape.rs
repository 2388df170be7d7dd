//! The shapes of data that transforms work on: structs where there is a schema, else maps.

use connect_api::Error;
use connect_api::Result;
use connect_api::data::Struct;
use connect_api::data::Value;
use connect_api::data::ValueMap;

/// Takes a struct out of its place. The purpose is for the error.
pub(crate) fn take_struct(value: &mut Value, purpose: &str) -> Result<Struct> {
    match std::mem::take(value) {
        Value::Struct(structure) => Ok(structure),
        other => Err(not_a_struct(&other, purpose)),
    }
}

/// Takes a map out of its place. The purpose is for the error.
pub(crate) fn take_map(value: &mut Value, purpose: &str) -> Result<ValueMap> {
    match std::mem::take(value) {
        Value::Map(map) => Ok(map),
        other => Err(not_a_map(&other, purpose)),
    }
}

pub(crate) fn not_a_struct(found: &Value, purpose: &str) -> Error {
    Error::data(format!(
        "Only Struct objects supported for [{purpose}], found: {}",
        found.java_class()
    ))
}

pub(crate) fn not_a_map(found: &Value, purpose: &str) -> Error {
    Error::data(format!(
        "Only Map objects supported in absence of schema for [{purpose}], found: {}",
        found.java_class()
    ))
}

/// A key of a map whose entries are used by name is neither text nor null.
pub(crate) fn not_a_name(found: &Value, purpose: &str) -> Error {
    Error::data(format!(
        "Only String keys of Map objects supported for [{purpose}], found: {}",
        found.java_class()
    ))
}
