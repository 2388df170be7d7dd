//! What transforms that change fields have in common.

use connect_api::Error;
use connect_api::Result;
use connect_api::data::Field;
use connect_api::data::Schema;
use connect_api::data::Struct;
use connect_api::data::Text;
use connect_api::data::Value;
use connect_api::data::ValueMap;

/// Puts the default of a field in the place of null, if it has one and if that is wanted. Refuses
/// null that does not fit the field.
///
/// *Java*: what getting a field of a struct and putting it into the next one amounts to.
pub(crate) fn fill(value: &mut Value, field: &Field, with_default: bool) -> Result<()> {
    if with_default {
        fill_default(value, field);
    }
    check_null(value, field)
}

/// Puts the default of a field in the place of null, if it has one.
pub(crate) fn fill_default(value: &mut Value, field: &Field) {
    if value.is_null()
        && let Some(default) = field.schema().default()
    {
        *value = default.clone();
    }
}

/// Refuses null that does not fit a field.
pub(crate) fn check_null(value: &Value, field: &Field) -> Result<()> {
    if value.is_null() && !field.schema().is_optional() {
        field.schema().validate_named(field.name(), value)?;
    }
    Ok(())
}

/// Changes the value of a key; one that is missing comes as null, and is there afterwards.
pub(crate) fn change_entry(
    map: &mut ValueMap,
    key: &Text,
    change: impl FnOnce(Value) -> Result<Value>,
) -> Result<()> {
    let entry = map
        .iter_mut()
        .find(|(other, _)| other.as_str() == Some(key));
    if let Some((_, value)) = entry {
        *value = change(std::mem::take(value))?;
        return Ok(());
    }
    map.push_unique(key.clone().into(), change(Value::Null)?);
    Ok(())
}

/// The map that a value without a schema has to be.
pub(crate) fn map_mut<'a>(value: &'a mut Value, purpose: &str) -> Result<&'a mut ValueMap> {
    match value {
        Value::Map(map) => Ok(map),
        value => Err(Error::data(format!(
            "Only Map objects supported in absence of schema for [{purpose}], found: {}",
            value.java_class()
        ))),
    }
}

/// The struct that a value with a schema has to be.
pub(crate) fn into_struct(value: Value, purpose: &str) -> Result<Struct> {
    match value {
        Value::Struct(structure) => Ok(structure),
        value => Err(Error::data(format!(
            "Only Struct objects supported for [{purpose}], found: {}",
            value.java_class()
        ))),
    }
}

/// The fields that a schema has to have.
pub(crate) fn fields(schema: &Schema) -> Result<&[Field]> {
    schema
        .fields()
        .ok_or_else(|| Error::data("Cannot list fields on non-struct type"))
}
