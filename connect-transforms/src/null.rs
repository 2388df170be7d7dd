//! What becomes of null fields when a struct is rebuilt.

use connect_api::Result;
use connect_api::data::Field;
use connect_api::data::Schema;
use connect_api::data::Value;

/// Settles the nulls among values that a new struct takes over, given its fields: they become the
/// defaults of their fields, if that is asked for, or must fit.
pub(crate) fn settle_nulls(
    values: &mut [Value],
    fields: &[Field],
    replaces_null_with_default: bool,
) -> Result<()> {
    for (value, field) in values.iter_mut().zip(fields) {
        if replaces_null_with_default {
            replace_null(value, field.schema());
        }
        refuse_null(value, field)?;
    }
    Ok(())
}

/// Puts the default of the schema in the place of null, if there is one.
pub(crate) fn replace_null(value: &mut Value, schema: &Schema) {
    if value.is_null()
        && let Some(default) = schema.default()
    {
        *value = default.clone();
    }
}

/// Refuses null for a required field, even if it has a default: so does Java, where a field of a
/// new struct is set.
pub(crate) fn refuse_null(value: &Value, field: &Field) -> Result<()> {
    if value.is_null() {
        field.schema().validate_named(field.name(), value)?;
    }
    Ok(())
}
