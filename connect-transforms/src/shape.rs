//! The shapes of data that transforms change: structs with a schema, maps without one.

use connect_api::Error;
use connect_api::Result;
use connect_api::data::Datum;
use connect_api::data::Field;
use connect_api::data::Schema;
use connect_api::data::Struct;
use connect_api::data::Value;
use connect_api::data::ValueMap;

/// Data with named fields.
pub(crate) enum Shape {
    Map(ValueMap),
    Struct(Struct),
}

/// Takes the struct, or without a schema the map, out of a datum. The purpose is for the error.
pub(crate) fn take_shape(datum: &mut Datum, purpose: &str) -> Result<Shape> {
    if datum.schema.is_some() {
        take_struct(&mut datum.value, purpose).map(Shape::Struct)
    } else {
        take_map(&mut datum.value, purpose).map(Shape::Map)
    }
}

/// Takes the struct out of a value. The purpose is for the error.
pub(crate) fn take_struct(value: &mut Value, purpose: &str) -> Result<Struct> {
    match std::mem::take(value) {
        Value::Struct(structure) => Ok(structure),
        other => Err(not_a_struct(&other, purpose)),
    }
}

/// Takes the struct out of a value; none for null. The purpose is for the error.
pub(crate) fn take_struct_or_null(value: &mut Value, purpose: &str) -> Result<Option<Struct>> {
    match value {
        Value::Null => Ok(None),
        value => take_struct(value, purpose).map(Some),
    }
}

/// Takes the map out of a value. The purpose is for the error.
pub(crate) fn take_map(value: &mut Value, purpose: &str) -> Result<ValueMap> {
    match std::mem::take(value) {
        Value::Map(map) => Ok(map),
        other => Err(not_a_map(&other, purpose)),
    }
}

pub(crate) fn not_a_struct(found: &Value, purpose: &str) -> Error {
    Error::data(format!(
        "Only Struct objects supported for [{purpose}], found: {}",
        found.type_name()
    ))
}

pub(crate) fn not_a_map(found: &Value, purpose: &str) -> Error {
    Error::data(format!(
        "Only Map objects supported in absence of schema for [{purpose}], found: {}",
        found.type_name()
    ))
}

/// A map key is neither text nor null, so that the entry has no name.
pub(crate) fn not_a_name(found: &Value, purpose: &str) -> Error {
    Error::data(format!(
        "Only String keys of Map objects supported for [{purpose}], found: {}",
        found.type_name()
    ))
}

/// The fields of a struct schema.
pub(crate) fn fields(schema: &Schema) -> Result<&[Field]> {
    schema.fields().ok_or_else(|| {
        Error::data(format!(
            "Cannot list fields on non-struct type {}",
            schema.schema_type().name()
        ))
    })
}

/// A field of a struct schema; none if it does not exist.
pub(crate) fn field<'a>(schema: &'a Schema, name: &str) -> Result<Option<&'a Field>> {
    match schema.fields() {
        Some(_) => Ok(schema.field(name)),
        None => Err(Error::data(format!(
            "Cannot look up fields on non-struct type {}",
            schema.schema_type().name()
        ))),
    }
}
