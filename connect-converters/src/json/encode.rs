//! Values to JSON.

use connect_api::Error;
use connect_api::Result;
use connect_api::data::FloatText;
use connect_api::data::SchemaRef;
use connect_api::data::SchemaType;
use connect_api::data::Value;
use connect_api::data::ValueMap;
use connect_api::data::logical::MILLIS_PER_DAY;
use connect_api::data::logical::decimal_scale;

use super::config::DecimalFormat;
use super::field::in_field;
use super::plan::Kind;
use super::plan::Plan;
use super::write::push_base64;
use super::write::push_float;
use super::write::push_integer;
use super::write::push_string;

/// How values are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    pub(super) decimal_format: DecimalFormat,
    pub(super) replaces_null_with_default: bool,
}

impl Style {
    /// Appends a value that has a schema.
    pub(super) fn push(self, out: &mut Vec<u8>, plan: &Plan, value: &Value) -> Result<()> {
        match (&plan.kind, value) {
            (_, Value::Null) => return self.push_null(out, plan),
            (Kind::Boolean, Value::Boolean(value)) => push_boolean(out, *value),
            (Kind::Int8, Value::Int8(value)) => push_integer(out, *value),
            (Kind::Int16, Value::Int16(value)) => push_integer(out, *value),
            (Kind::Int32, Value::Int32(value)) => push_integer(out, *value),
            (Kind::Int64, Value::Int64(value)) => push_integer(out, *value),
            (Kind::Float32, Value::Float32(value)) => {
                push_float(out, value.is_finite(), FloatText::of_f32(*value));
            }
            (Kind::Float64, Value::Float64(value)) => {
                push_float(out, value.is_finite(), FloatText::of_f64(*value));
            }
            (Kind::String, Value::String(text)) => push_string(out, text),
            (Kind::Bytes, Value::Bytes(bytes)) => push_base64(out, bytes),
            (Kind::Array(element), Value::Array(values)) => {
                return push_list(out, b'[', b']', values, |out, value| {
                    self.push_any(out, element.as_deref(), value)
                });
            }
            (
                Kind::Map {
                    key,
                    value,
                    is_object,
                },
                Value::Map(map),
            ) => {
                return self.push_map(out, key.as_deref(), value.as_deref(), *is_object, map);
            }
            (Kind::Struct(fields), Value::Struct(structure)) => {
                if structure.schema() != &plan.schema {
                    return Err(Error::data(format!(
                        "Mismatching schema. The struct has another schema than {}",
                        plan.schema
                    )));
                }
                let fields = fields.iter().zip(structure.values());
                return push_list(out, b'{', b'}', fields, |out, (field, value)| {
                    out.extend_from_slice(&field.key);
                    self.push(out, &field.plan, value)
                        .map_err(|error| in_field(error, &field.name))
                });
            }
            (Kind::Decimal { scale }, Value::Decimal(decimal)) => match self.decimal_format {
                DecimalFormat::Numeric => out.extend_from_slice(decimal.to_string().as_bytes()),
                DecimalFormat::Base64 => {
                    let scale = scale.map_or_else(|| decimal_scale(&plan.schema), Ok)?;
                    if scale != decimal.scale() {
                        return Err(Error::data(format!(
                            "Decimal value has mismatching scale for given Decimal schema. Schema \
                             has scale {scale}, value has scale {}.",
                            decimal.scale()
                        )));
                    }
                    push_base64(out, &decimal.to_be_bytes());
                }
            },
            (Kind::Date, Value::Date(_) | Value::Time(_) | Value::Timestamp(_)) => {
                let millis = millis(value);
                if millis % MILLIS_PER_DAY != 0 {
                    return Err(Error::data(
                        "Kafka Connect Date type should not have any time fields set to non-zero \
                         values.",
                    ));
                }
                push_integer(out, millis / MILLIS_PER_DAY);
            }
            (Kind::Time, Value::Date(_) | Value::Time(_) | Value::Timestamp(_)) => {
                let millis = millis(value);
                if !(0..=MILLIS_PER_DAY).contains(&millis) {
                    return Err(Error::data(
                        "Kafka Connect Time type should not have any date fields set to non-zero \
                         values.",
                    ));
                }
                push_integer(out, millis);
            }
            (Kind::Timestamp, Value::Date(_) | Value::Time(_) | Value::Timestamp(_)) => {
                push_integer(out, millis(value));
            }
            (_, value) => return Err(invalid_type(plan, value)),
        }
        Ok(())
    }

    /// Appends a value that has no schema.
    pub(super) fn push_schemaless(self, out: &mut Vec<u8>, value: &Value) -> Result<()> {
        match value {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Boolean(value) => push_boolean(out, *value),
            Value::Int8(value) => push_integer(out, *value),
            Value::Int16(value) => push_integer(out, *value),
            Value::Int32(value) => push_integer(out, *value),
            Value::Int64(value) => push_integer(out, *value),
            Value::Float32(value) => push_float(out, value.is_finite(), FloatText::of_f32(*value)),
            Value::Float64(value) => push_float(out, value.is_finite(), FloatText::of_f64(*value)),
            Value::String(text) => push_string(out, text),
            Value::Bytes(bytes) => push_base64(out, bytes),
            Value::Array(values) => {
                return push_list(out, b'[', b']', values, |out, value| {
                    self.push_schemaless(out, value)
                });
            }
            Value::Map(map) => {
                let is_object = map.keys().all(|key| matches!(key, Value::String(_)));
                return self.push_map(out, None, None, is_object, map);
            }
            Value::Struct(_) => {
                return Err(Error::data(
                    "Mismatching schema. A struct cannot be written without its schema",
                ));
            }
            other => {
                return Err(Error::data(format!(
                    "JsonConverter cannot write a value of type {} without a schema",
                    other.type_name()
                )));
            }
        }
        Ok(())
    }

    /// Appends a schema.
    pub(super) fn push_schema(self, out: &mut Vec<u8>, plan: Option<&Plan>) -> Result<()> {
        self.push_schema_of_field(out, plan, None)
    }

    fn push_schema_of_field(
        self,
        out: &mut Vec<u8>,
        plan: Option<&Plan>,
        field: Option<&str>,
    ) -> Result<()> {
        let Some(plan) = plan else {
            out.extend_from_slice(b"null");
            return Ok(());
        };
        let schema = &plan.schema;
        out.extend_from_slice(b"{\"type\":");
        push_string(out, type_name(schema));
        match &plan.kind {
            Kind::Array(element) => {
                out.extend_from_slice(b",\"items\":");
                self.push_schema(out, element.as_deref())?;
            }
            Kind::Map { key, value, .. } => {
                out.extend_from_slice(b",\"keys\":");
                self.push_schema(out, key.as_deref())?;
                out.extend_from_slice(b",\"values\":");
                self.push_schema(out, value.as_deref())?;
            }
            Kind::Struct(fields) => {
                out.extend_from_slice(b",\"fields\":");
                push_list(out, b'[', b']', fields, |out, field| {
                    self.push_schema_of_field(out, Some(&field.plan), Some(&field.name))
                })?;
            }
            _ => {}
        }
        out.extend_from_slice(b",\"optional\":");
        push_boolean(out, schema.is_optional());
        if let Some(name) = schema.name() {
            out.extend_from_slice(b",\"name\":");
            push_string(out, name);
        }
        if let Some(version) = schema.version() {
            out.extend_from_slice(b",\"version\":");
            push_integer(out, version);
        }
        if let Some(doc) = schema.doc() {
            out.extend_from_slice(b",\"doc\":");
            push_string(out, doc);
        }
        if !schema.parameters().is_empty() {
            out.extend_from_slice(b",\"parameters\":");
            push_list(
                out,
                b'{',
                b'}',
                schema.parameters(),
                |out, (name, value)| {
                    push_string(out, name);
                    out.push(b':');
                    push_string(out, value);
                    Ok(())
                },
            )?;
        }
        if let Some(default) = schema.default() {
            out.extend_from_slice(b",\"default\":");
            self.push(out, plan, default)?;
        }
        if let Some(field) = field {
            out.extend_from_slice(b",\"field\":");
            push_string(out, field);
        }
        out.push(b'}');
        Ok(())
    }

    fn push_any(self, out: &mut Vec<u8>, plan: Option<&Plan>, value: &Value) -> Result<()> {
        match plan {
            Some(plan) => self.push(out, plan, value),
            None => self.push_schemaless(out, value),
        }
    }

    fn push_null(self, out: &mut Vec<u8>, plan: &Plan) -> Result<()> {
        match plan.schema.default() {
            Some(default) if self.replaces_null_with_default => self.push(out, plan, default),
            _ if plan.schema.is_optional() => {
                out.extend_from_slice(b"null");
                Ok(())
            }
            _ => Err(Error::data(
                "Conversion error: null value for field that is required and has no default value",
            )),
        }
    }

    fn push_map(
        self,
        out: &mut Vec<u8>,
        key_plan: Option<&Plan>,
        value_plan: Option<&Plan>,
        is_object: bool,
        map: &ValueMap,
    ) -> Result<()> {
        if !is_object {
            return push_list(out, b'[', b']', map.iter(), |out, (key, value)| {
                out.push(b'[');
                self.push_any(out, key_plan, key)?;
                out.push(b',');
                self.push_any(out, value_plan, value)?;
                out.push(b']');
                Ok(())
            });
        }
        push_list(out, b'{', b'}', map.iter(), |out, (key, value)| {
            let start = out.len();
            self.push_any(out, key_plan, key)?;
            if out.get(start..) == Some(b"null") {
                // As in Java, a null key becomes the text `null`.
                out.truncate(start);
                push_string(out, "null");
            }
            out.push(b':');
            self.push_any(out, value_plan, value)
        })
    }
}

fn push_boolean(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

/// Appends items, separated by commas and enclosed in delimiters.
fn push_list<T>(
    out: &mut Vec<u8>,
    open: u8,
    close: u8,
    items: impl IntoIterator<Item = T>,
    mut push: impl FnMut(&mut Vec<u8>, T) -> Result<()>,
) -> Result<()> {
    out.push(open);
    let mut is_first = true;
    for item in items {
        if !is_first {
            out.push(b',');
        }
        is_first = false;
        push(out, item)?;
    }
    out.push(close);
    Ok(())
}

/// The milliseconds since the epoch of a Date, Time or Timestamp.
fn millis(value: &Value) -> i64 {
    match value {
        Value::Date(days) => i64::from(*days) * MILLIS_PER_DAY,
        Value::Time(millis) => (*millis).into(),
        Value::Timestamp(millis) => *millis,
        _ => 0,
    }
}

/// The name of a type in a JSON schema.
pub(super) fn type_name(schema: &SchemaRef) -> &'static str {
    match schema.schema_type() {
        SchemaType::Array(_) => "array",
        SchemaType::Boolean => "boolean",
        SchemaType::Bytes => "bytes",
        SchemaType::Float32 => "float",
        SchemaType::Float64 => "double",
        SchemaType::Int16 => "int16",
        SchemaType::Int32 => "int32",
        SchemaType::Int64 => "int64",
        SchemaType::Int8 => "int8",
        SchemaType::Map(..) => "map",
        SchemaType::Struct(_) => "struct",
        _ => "string",
    }
}

#[cold]
fn invalid_type(plan: &Plan, value: &Value) -> Error {
    let found = value.type_name();
    Error::data(match &plan.kind {
        Kind::Bytes => format!("Invalid type for bytes type: {found}"),
        Kind::Decimal { .. } => {
            format!("Invalid type for Decimal, expected DECIMAL but was {found}")
        }
        Kind::Date => format!("Invalid type for Date, expected DATE but was {found}"),
        Kind::Time => format!("Invalid type for Time, expected TIME but was {found}"),
        Kind::Timestamp => {
            format!("Invalid type for Timestamp, expected TIMESTAMP but was {found}")
        }
        _ => format!(
            "Invalid type for {}: {found}",
            plan.schema.schema_type().name()
        ),
    })
}
