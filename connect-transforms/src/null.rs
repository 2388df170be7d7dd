//! Null fields of a struct that is rebuilt.

use connect_api::Result;
use connect_api::data::Field;
use connect_api::data::SchemaRef;
use connect_api::data::Value;

/// Prepares the null values of a new struct, given its fields: if configured, they become the
/// defaults of their fields. Nulls that remain must be allowed.
pub(crate) fn settle_nulls(
    values: &mut [Value],
    fields: &[Field],
    replaces_null_with_default: bool,
) -> Result<()> {
    for (value, field) in values.iter_mut().zip(fields) {
        if value.is_null() {
            if replaces_null_with_default {
                replace_null(value, field.schema());
            }
            refuse_null(value, field)?;
        }
    }
    Ok(())
}

/// Replaces null by the default of the schema, if there is one.
pub(crate) fn replace_null(value: &mut Value, schema: &SchemaRef) {
    if value.is_null()
        && let Some(default) = schema.default_value()
    {
        *value = default;
    }
}

/// Refuses null for a required field even if it has a default, as Java does when a field is set.
pub(crate) fn refuse_null(value: &Value, field: &Field) -> Result<()> {
    if value.is_null() {
        field.schema().validate_named(field.name(), value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use connect_api::data::SchemaBuilder;
    use connect_api::data::Struct;

    use super::*;

    #[test]
    fn the_default_of_a_struct_fits_its_field() {
        let schema = SchemaBuilder::structure().field("x", SchemaRef::INT32);
        let default = Struct::new(schema.clone().build().unwrap()).unwrap();
        let schema = schema.default(default.with("x", 5).unwrap());
        let schema = schema.build().unwrap();
        let mut value = Value::Null;
        replace_null(&mut value, &schema);
        assert!(schema.validate(&value).is_ok());
        assert_eq!(value.as_struct().unwrap().get("x"), Some(&Value::Int32(5)));
    }
}
