//! Reading a value of one schema as another.

use crate::Error;
use crate::Result;
use crate::data::Schema;
use crate::data::SchemaRef;
use crate::data::SchemaType;
use crate::data::Struct;
use crate::data::Value;
use crate::data::ValueMap;

/// Projects a value of a schema onto a target schema: numbers widen, struct fields that the target
/// lacks are dropped, fields that the source lacks take the target's default.
///
/// *Java*: `SchemaProjector.project`. As there, an optional source does not fit a required target
/// without a default, even if the value is not null.
///
/// # Errors
/// [`ErrorKind::Data`](crate::ErrorKind::Data) if names, parameters or types do not fit.
#[doc(alias = "SchemaProjector")]
pub fn project(source: &SchemaRef, value: &Value, target: &SchemaRef) -> Result<Value> {
    if source.is_optional() && !target.is_optional() {
        let Some(default) = target.default() else {
            return Err(refuse(
                "Writer schema is optional, however, target schema does not provide a default value.",
            ));
        };
        if value.is_null() {
            return Ok(default.clone());
        }
    }
    check(source, target)?;
    if value.is_null() {
        return Ok(target.default().cloned().unwrap_or_default());
    }
    project_required(source, value, target)
}

fn check(source: &Schema, target: &Schema) -> Result<()> {
    let (from, to) = (source.schema_type(), target.schema_type());
    if from.name() != to.name() && !widens(from, to) {
        return Err(refuse(format!(
            "Schema type mismatch. source type: {} and target type: {}",
            from.name(),
            to.name()
        )));
    }
    if source.name() != target.name() {
        return Err(refuse(format!(
            "Schema name mismatch. source name: {} and target name: {}",
            source.name().unwrap_or("null"),
            target.name().unwrap_or("null")
        )));
    }
    if source.parameters() != target.parameters() {
        return Err(refuse(format!(
            "Schema parameters not equal. source parameters: {} and target parameters: {}",
            parameters(source),
            parameters(target)
        )));
    }
    Ok(())
}

fn project_required(source: &SchemaRef, value: &Value, target: &SchemaRef) -> Result<Value> {
    match (target.schema_type(), value) {
        (SchemaType::Struct(_), Value::Struct(structure)) => project_struct(structure, target),
        (SchemaType::Array(_), Value::Array(values)) => {
            match (source.value_schema(), target.value_schema()) {
                (Some(from), Some(to)) => values
                    .iter()
                    .map(|value| project(from, value, to))
                    .collect::<Result<Vec<_>>>()
                    .map(Value::Array),
                _ => Ok(value.clone()),
            }
        }
        (SchemaType::Map(..), Value::Map(map)) => project_map(source, map, target),
        (to, _) => Ok(widen(value, to)),
    }
}

fn project_map(source: &SchemaRef, map: &ValueMap, target: &SchemaRef) -> Result<Value> {
    let one = |from: Option<&SchemaRef>, value: &Value, to: Option<&SchemaRef>| match (from, to) {
        (Some(from), Some(to)) => project(from, value, to),
        _ => Ok(value.clone()),
    };
    let mut projected = ValueMap::with_capacity(map.len());
    for (key, value) in map.iter() {
        projected.insert(
            one(source.key_schema(), key, target.key_schema())?,
            one(source.value_schema(), value, target.value_schema())?,
        );
    }
    Ok(Value::Map(projected))
}

fn project_struct(source: &Struct, target: &SchemaRef) -> Result<Value> {
    let mut projected = Struct::new(target.clone())?;
    for field in target.fields().unwrap_or_default() {
        let value = match source.schema().field(field.name()) {
            Some(from) => {
                let value = source.get(field.name()).unwrap_or(&Value::Null);
                project(from.schema(), value, field.schema()).map_err(|error| {
                    refuse(format!("Error projecting {}", field.name())).with_source(error)
                })?
            }
            None => match field.schema().default() {
                Some(default) => default.clone(),
                None if field.schema().is_optional() => Value::Null,
                None => {
                    return Err(refuse(format!(
                        "Required field `{}` is missing from source schema: {}",
                        field.name(),
                        source.schema()
                    )));
                }
            },
        };
        projected.set_unchecked(field.index(), value);
    }
    Ok(Value::Struct(projected))
}

const fn rank(ty: &SchemaType) -> Option<u8> {
    match ty {
        SchemaType::Int8 => Some(0),
        SchemaType::Int16 => Some(1),
        SchemaType::Int32 => Some(2),
        SchemaType::Int64 => Some(3),
        SchemaType::Float32 => Some(4),
        SchemaType::Float64 => Some(5),
        _ => None,
    }
}

fn widens(from: &SchemaType, to: &SchemaType) -> bool {
    matches!((rank(from), rank(to)), (Some(from), Some(to)) if from <= to)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "Java widens long to float and double likewise"
)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "only ever widened: `widens` was checked"
)]
fn widen(value: &Value, to: &SchemaType) -> Value {
    match (value.as_i64(), value.as_f64(), to) {
        (Some(n), _, SchemaType::Int16) => Value::Int16(n as i16),
        (Some(n), _, SchemaType::Int32) => Value::Int32(n as i32),
        (Some(n), _, SchemaType::Int64) => Value::Int64(n),
        (Some(n), _, SchemaType::Float32) => Value::Float32(n as f32),
        (Some(n), _, SchemaType::Float64) => Value::Float64(n as f64),
        (_, Some(x), SchemaType::Float64) => Value::Float64(x),
        _ => value.clone(),
    }
}

fn parameters(schema: &Schema) -> String {
    if schema.parameters().is_empty() {
        return "null".into();
    }
    let entries: Vec<_> = schema
        .parameters()
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    format!("{{{}}}", entries.join(", "))
}

fn refuse(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::data(message).with_java_class("org.apache.kafka.connect.errors.SchemaProjectorException")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::SchemaBuilder;

    #[test]
    fn numbers_widen_and_never_narrow() {
        let wide = project(&SchemaRef::INT8, &Value::Int8(-3), &SchemaRef::FLOAT64).unwrap();
        assert_eq!(wide, Value::Float64(-3.0));
        assert!(project(&SchemaRef::INT64, &Value::Int64(1), &SchemaRef::INT32).is_err());
    }

    #[test]
    fn a_missing_field_takes_the_default() {
        let source = SchemaBuilder::structure()
            .field("a", SchemaRef::INT8)
            .build()
            .unwrap();
        let defaulted = SchemaBuilder::int32().default(7).build().unwrap();
        let target = SchemaBuilder::structure()
            .field("a", SchemaRef::INT64)
            .field("b", defaulted)
            .build()
            .unwrap();
        let value = Value::Struct(Struct::new(source.clone()).unwrap().with("a", 1i8).unwrap());
        let projected = project(&source, &value, &target).unwrap();
        assert_eq!(
            projected.as_struct().unwrap().values(),
            [Value::Int64(1), Value::Int32(7)]
        );
    }

    #[test]
    fn optional_does_not_fit_required_even_with_a_value() {
        let error = project(&SchemaRef::OPTIONAL_INT8, &Value::Int8(1), &SchemaRef::INT8);
        assert!(
            error
                .unwrap_err()
                .report()
                .starts_with("Writer schema is optional")
        );
    }
}
