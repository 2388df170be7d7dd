//! Projection of a value from one schema to another.

use crate::Error;
use crate::Result;
use crate::data::Schema;
use crate::data::SchemaRef;
use crate::data::SchemaType;
use crate::data::Struct;
use crate::data::Value;
use crate::data::ValueMap;

/// Projects a value from its schema to a target schema. Numbers are widened. Struct fields that the
/// target does not have are dropped, and fields that the source does not have get the default of the
/// target. Null of an optional source gets the default of a target that is not optional.
///
/// ```
/// use connect_api::data::{SchemaBuilder, SchemaRef, Struct, Value, project};
///
/// let old = SchemaBuilder::structure()
///     .field("id", SchemaRef::INT32)
///     .field("note", SchemaRef::STRING)
///     .build()?;
/// let new = SchemaBuilder::structure()
///     .field("id", SchemaRef::INT64)
///     .field("level", SchemaBuilder::int8().default(3i8).build()?)
///     .build()?;
///
/// let value = Struct::new(old.clone())?.with("id", 7)?.with("note", "x")?;
/// let projected = project(&old, &value.into(), &new)?;
/// assert_eq!(projected.as_struct().unwrap().values(), [Value::Int64(7), Value::Int8(3)]);
/// # Ok::<(), connect_api::Error>(())
/// ```
///
/// *Java*: `SchemaProjector.project`. As in Java, an optional source cannot be projected to a required
/// target without a default, even if the value is not null.
///
/// # Errors
/// [`ErrorKind::Data`](crate::ErrorKind::Data) if names, parameters or types do not match, if a field
/// has neither a value nor a default, or if the value matches neither schema.
#[doc(alias = "SchemaProjector")]
pub fn project(source: &SchemaRef, value: &Value, target: &SchemaRef) -> Result<Value> {
    check(source, target)?;
    if source.is_optional() && !target.is_optional() {
        let Some(default) = target.default_value() else {
            return Err(refuse(
                "Writer schema is optional, however, target schema does not provide a default value.",
            ));
        };
        if value.is_null() {
            return Ok(default);
        }
    }
    match value {
        Value::Null => Ok(Value::Null),
        value => project_required(source, value, target),
    }
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
        (SchemaType::Struct(_), Value::Struct(structure)) => {
            project_struct(source, structure, target)
        }
        (SchemaType::Array(_), Value::Array(values)) => values
            .iter()
            .map(|value| project_inner(source.value_schema(), value, target.value_schema()))
            .collect::<Result<Vec<_>>>()
            .map(Value::Array),
        (SchemaType::Map(..), Value::Map(map)) => project_map(source, map, target),
        (SchemaType::Array(_) | SchemaType::Map(..) | SchemaType::Struct(_), other) => {
            Err(refuse(format!(
                "a value of type {} is not a value of {target}",
                other.type_name()
            )))
        }
        (to, value) => widen(value, to)
            .ok_or_else(|| refuse(format!("the value does not match its own schema {source}"))),
    }
}

/// Elements without a schema are not changed.
fn project_inner(
    source: Option<&SchemaRef>,
    value: &Value,
    target: Option<&SchemaRef>,
) -> Result<Value> {
    match (source, target) {
        (Some(source), Some(target)) => project(source, value, target),
        _ => Ok(value.clone()),
    }
}

fn project_map(source: &SchemaRef, map: &ValueMap, target: &SchemaRef) -> Result<Value> {
    let mut projected = ValueMap::with_capacity(map.len());
    for (key, value) in map.iter() {
        projected.insert(
            project_inner(source.key_schema(), key, target.key_schema())?,
            project_inner(source.value_schema(), value, target.value_schema())?,
        );
    }
    Ok(Value::Map(projected))
}

fn project_struct(source: &SchemaRef, structure: &Struct, target: &SchemaRef) -> Result<Value> {
    let mut projected = Struct::new(target.clone())?;
    for field in target.fields().unwrap_or_default() {
        let (name, schema) = (field.name(), field.schema());
        let value = match source.field(name) {
            Some(from) => {
                let value = structure
                    .get(name)
                    .ok_or_else(|| Error::data(format!("{name} is not a valid field name")))?;
                project(from.schema(), value, schema).map_err(|error| in_field(name, error))?
            }
            None => match schema.default_value() {
                Some(default) => default,
                None if schema.is_optional() => continue,
                None => {
                    return Err(refuse(format!(
                        "Required field `{name}` is missing from source schema: {source}"
                    )));
                }
            },
        };
        schema.validate_named(name, &value)?;
        projected.set_unchecked(field.index(), value);
    }
    Ok(Value::Struct(projected))
}

/// Adds the name of the field, unless the value itself is wrong.
fn in_field(name: &str, error: Error) -> Error {
    if error.java_class() == PROJECTOR_EXCEPTION {
        refuse(format!("Error projecting {name}")).with_source(error)
    } else {
        error
    }
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

/// Converts a number to a wider type and returns other values as they are. `None` for a number that
/// is not of the source type and out of range.
#[expect(
    clippy::cast_precision_loss,
    reason = "Java widens long to float and double likewise"
)]
fn widen(value: &Value, to: &SchemaType) -> Option<Value> {
    match (value.as_i64(), value.as_f64(), to) {
        (Some(n), _, SchemaType::Int16) => i16::try_from(n).ok().map(Value::Int16),
        (Some(n), _, SchemaType::Int32) => i32::try_from(n).ok().map(Value::Int32),
        (Some(n), _, SchemaType::Int64) => Some(Value::Int64(n)),
        (Some(n), _, SchemaType::Float32) => Some(Value::Float32(n as f32)),
        (Some(n), _, SchemaType::Float64) => Some(Value::Float64(n as f64)),
        (_, Some(x), SchemaType::Float64) => Some(Value::Float64(x)),
        _ => Some(value.clone()),
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
    Error::data(message).with_java_class(PROJECTOR_EXCEPTION)
}

const PROJECTOR_EXCEPTION: &str = "org.apache.kafka.connect.errors.SchemaProjectorException";

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
    fn a_default_that_is_a_struct_fits_its_field() {
        let inner = || SchemaBuilder::structure().field("x", SchemaRef::INT8);
        let default = Struct::new(inner().build().unwrap()).unwrap();
        let inner = inner().default(default.with("x", 1i8).unwrap());
        let target = SchemaBuilder::structure().field("in", inner.build().unwrap());
        let target = target.build().unwrap();
        let source = SchemaBuilder::structure().build().unwrap();
        let value = Value::Struct(Struct::new(source.clone()).unwrap());
        let projected = project(&source, &value, &target).unwrap();
        assert!(target.validate(&projected).is_ok());
    }

    #[test]
    fn a_value_that_is_not_of_its_schema_is_not_cut() {
        for value in [Value::Int64(70_000), Value::Int32(-40_000)] {
            assert!(project(&SchemaRef::INT8, &value, &SchemaRef::INT16).is_err());
        }
        let array = SchemaBuilder::array(SchemaRef::INT8).build().unwrap();
        assert!(project(&array, &Value::Int8(1), &array).is_err());
    }

    #[test]
    fn an_error_names_the_fields_on_its_way() {
        let schema = |inner: SchemaRef| {
            let inner = SchemaBuilder::structure().field("b", inner).build();
            let outer = SchemaBuilder::structure().field("a", inner.unwrap());
            outer.build().unwrap()
        };
        let (source, target) = (schema(SchemaRef::INT64), schema(SchemaRef::INT32));
        let inner = source.field("a").unwrap().schema().clone();
        let inner = Struct::new(inner).unwrap().with("b", 1i64).unwrap();
        let value = Struct::new(source.clone()).unwrap().with("a", inner);
        let error = project(&source, &value.unwrap().into(), &target).unwrap_err();
        assert_eq!(
            error.report(),
            "Error projecting a: Error projecting b: Schema type mismatch. source type: INT64 and \
             target type: INT32"
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
