//! Schemas of values that have none.

use super::SchemaBuilder;
use super::SchemaRef;
use super::SchemaType;
use super::Value;

/// Infers the schema of a value. Returns `None` for null, for empty arrays and maps and those with
/// several types, and for logical values.
#[must_use]
#[doc(alias = "inferSchema")]
pub fn infer_schema(value: &Value) -> Option<SchemaRef> {
    Some(match value {
        Value::Array(values) => SchemaBuilder::array(common_type(values.iter())?)
            .build()
            .ok()?,
        Value::Boolean(_) => SchemaRef::BOOLEAN,
        Value::Bytes(_) => SchemaRef::BYTES,
        Value::Float32(_) => SchemaRef::FLOAT32,
        Value::Float64(_) => SchemaRef::FLOAT64,
        Value::Int8(_) => SchemaRef::INT8,
        Value::Int16(_) => SchemaRef::INT16,
        Value::Int32(_) => SchemaRef::INT32,
        Value::Int64(_) => SchemaRef::INT64,
        Value::Map(map) => {
            let (keys, values) = (common_type(map.keys())?, common_type(map.values())?);
            SchemaBuilder::map(keys, values).build().ok()?
        }
        Value::String(_) => SchemaRef::STRING,
        Value::Struct(structure) => structure.schema().clone(),
        Value::Date(_) | Value::Decimal(_) | Value::Null | Value::Time(_) | Value::Timestamp(_) => {
            return None;
        }
    })
}

/// The schema of elements of one type, optional if some are null.
///
/// *Java*: the schema of elements that are arrays, maps or structs does not say what they contain.
fn common_type<'a>(values: impl Iterator<Item = &'a Value>) -> Option<SchemaRef> {
    let mut common: Option<SchemaType> = None;
    let mut is_optional = false;
    for value in values {
        if value.is_null() {
            is_optional = true;
            continue;
        }
        let schema = infer_schema(value)?;
        let ty = match schema.schema_type() {
            SchemaType::Array(_) => SchemaType::Array(None),
            SchemaType::Map(..) => SchemaType::Map(None, None),
            SchemaType::Struct(_) => SchemaBuilder::structure()
                .build()
                .ok()?
                .schema_type()
                .clone(),
            ty => ty.clone(),
        };
        if common.as_ref().is_some_and(|common| *common != ty) {
            return None;
        }
        common = Some(ty);
    }
    let builder = SchemaBuilder::of(common?);
    if is_optional {
        builder.optional()
    } else {
        builder
    }
    .build()
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_are_inferred_from_values() {
        let list = Value::Array(vec![Value::Int32(1), Value::Null]);
        let expected = SchemaBuilder::array(SchemaRef::OPTIONAL_INT32)
            .build()
            .unwrap();
        assert_eq!(infer_schema(&list), Some(expected));
        assert_eq!(
            infer_schema(&Value::Array(vec![Value::Int32(1), "a".into()])),
            None
        );
        assert_eq!(infer_schema(&Value::Array(Vec::new())), None);
        assert_eq!(infer_schema(&Value::Date(1)), None);
    }
}
