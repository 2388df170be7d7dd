//! JSON to values.

use std::borrow::Cow;
use std::collections::HashMap;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::GeneralPurposeConfig;
use bytes::Bytes;
use connect_api::Error;
use connect_api::Result;
use connect_api::data::Decimal;
use connect_api::data::Struct;
use connect_api::data::Text;
use connect_api::data::Value;
use connect_api::data::ValueMap;
use connect_api::data::logical::MILLIS_PER_DAY;
use connect_api::data::logical::decimal_scale;

use super::field::in_field;
use super::plan::FieldPlan;
use super::plan::Kind;
use super::plan::Plan;
use super::read::Number;
use super::read::Reader;

/// Reads a value with a schema, or without one.
pub(super) fn read_any(
    reader: &mut Reader<'_>,
    plan: Option<&Plan>,
    is_lax: bool,
) -> Result<Value> {
    match plan {
        Some(plan) => read(reader, plan, is_lax),
        None => read_schemaless(reader),
    }
}

/// Reads a value without a schema: integers are INT64, other numbers FLOAT64.
pub(super) fn read_schemaless(reader: &mut Reader<'_>) -> Result<Value> {
    Ok(match reader.peek() {
        Some(b'"') => Value::String(reader.text()?),
        Some(b'{') => Value::Map(read_object(reader, read_schemaless)?),
        Some(b'[') => Value::Array(read_array(reader, read_schemaless)?),
        Some(b't') => reader.literal(b"true").map(|()| Value::Boolean(true))?,
        Some(b'f') => reader.literal(b"false").map(|()| Value::Boolean(false))?,
        Some(b'n') => reader.literal(b"null").map(|()| Value::Null)?,
        _ => {
            let number = reader.number()?;
            match number.to_i64() {
                Some(number) => Value::Int64(number),
                None if number.is_integral => return Err(out_of_range("INT64", number)),
                None => Value::Float64(double(number)?),
            }
        }
    })
}

/// Reads a value that has a schema. With `is_lax`, null becomes the default of the schema.
pub(super) fn read(reader: &mut Reader<'_>, plan: &Plan, is_lax: bool) -> Result<Value> {
    let Some(first) = reader.peek() else {
        return Err(reader.error("unexpected end").into());
    };
    if first == b'n' {
        reader.literal(b"null")?;
        return null(plan, is_lax);
    }
    match &plan.kind {
        Kind::String if first == b'"' => Ok(Value::String(reader.text()?)),
        Kind::Int8 => integer(reader, plan, first).map(Value::Int8),
        Kind::Int16 => integer(reader, plan, first).map(Value::Int16),
        Kind::Int32 => integer(reader, plan, first).map(Value::Int32),
        Kind::Int64 => integer(reader, plan, first).map(Value::Int64),
        Kind::Float32 if is_number(first) => {
            let number = reader.number()?;
            let value = number.to_f32();
            Ok(Value::Float32(
                value.ok_or_else(|| out_of_range("FLOAT32", number))?,
            ))
        }
        Kind::Float64 if is_number(first) => double(reader.number()?).map(Value::Float64),
        #[expect(clippy::cast_possible_truncation, reason = "it is not finite")]
        Kind::Float32 if first == b'"' => {
            not_finite(reader, plan).map(|value| Value::Float32(value as f32))
        }
        Kind::Float64 if first == b'"' => not_finite(reader, plan).map(Value::Float64),
        Kind::Boolean if first == b't' => Ok(reader.literal(b"true").map(|()| true)?.into()),
        Kind::Boolean if first == b'f' => Ok(reader.literal(b"false").map(|()| false)?.into()),
        Kind::Struct(fields) if first == b'{' => read_struct(reader, plan, fields, is_lax),
        Kind::Array(element) if first == b'[' => read_array(reader, |reader| {
            read_any(reader, element.as_deref(), is_lax)
        })
        .map(Value::Array),
        Kind::Map {
            value,
            is_object: true,
            ..
        } if first == b'{' => {
            read_object(reader, |reader| read_any(reader, value.as_deref(), is_lax)).map(Value::Map)
        }
        Kind::Map {
            key,
            value,
            is_object: false,
        } if first == b'[' => {
            read_pairs(reader, key.as_deref(), value.as_deref(), is_lax).map(Value::Map)
        }
        Kind::Bytes if first == b'"' => {
            let bytes = base64(&reader.str()?)?;
            Ok(Value::Bytes(Bytes::from(bytes)))
        }
        Kind::Decimal { scale } if first == b'"' => {
            let bytes = base64(&reader.str()?)
                .ok()
                .filter(|bytes| !bytes.is_empty());
            let invalid = || Error::data("Invalid bytes for Decimal field");
            let scale = scale.map_or_else(|| decimal_scale(&plan.schema), Ok);
            let scale = scale.map_err(|error| invalid().with_source(error))?;
            Ok(Decimal::from_be_bytes(&bytes.ok_or_else(invalid)?, scale).into())
        }
        Kind::Decimal { .. } if is_number(first) => {
            Ok(Decimal::parse(reader.number()?.text)?.into())
        }
        Kind::Date if is_number(first) => {
            let number = reader.number()?;
            let days = number.to_i64().and_then(|days| i32::try_from(days).ok());
            days.map(Value::Date)
                .ok_or_else(|| unexpected(plan, "NUMBER"))
        }
        Kind::Time if is_number(first) => {
            let number = reader.number()?;
            let millis = number
                .to_i64()
                .and_then(|millis| i32::try_from(millis).ok());
            let millis = millis.ok_or_else(|| unexpected(plan, "NUMBER"))?;
            if !(0..=MILLIS_PER_DAY).contains(&millis.into()) {
                return Err(Error::data(
                    "Time values must use number of milliseconds greater than 0 and less than \
                     86400000",
                ));
            }
            Ok(Value::Time(millis))
        }
        Kind::Timestamp if is_number(first) => {
            let number = reader.number()?;
            match number.to_i64() {
                Some(millis) => Ok(Value::Timestamp(millis)),
                None if number.is_integral => Err(out_of_range("INT64", number)),
                None => Err(unexpected(plan, "NUMBER")),
            }
        }
        _ => {
            // A syntax error takes precedence.
            reader.skip()?;
            Err(unexpected(plan, node_type(first)))
        }
    }
}

/// The value of a null, given its schema.
pub(super) fn null(plan: &Plan, is_lax: bool) -> Result<Value> {
    match plan.schema.default() {
        Some(default) if is_lax => Ok(default.clone()),
        _ if plan.schema.is_optional() => Ok(Value::Null),
        _ => Err(Error::data(format!(
            "Invalid null value for required {} field",
            plan.schema.schema_type().name()
        ))),
    }
}

fn read_struct(
    reader: &mut Reader<'_>,
    plan: &Plan,
    fields: &[FieldPlan],
    is_lax: bool,
) -> Result<Value> {
    let mut values = Vec::with_capacity(fields.len());
    reader.enter()?;
    let mut is_first = true;
    while reader.next(is_first, b'}')? {
        is_first = false;
        let key = reader.key()?;
        // Fields nearly always come in the order of the schema.
        match fields.get(values.len()) {
            Some(field) if field.name == *key => values.push(read_field(reader, field, is_lax)?),
            _ => match fields.iter().position(|field| field.name == *key) {
                Some(index) => {
                    let Some(field) = fields.get(index) else {
                        continue;
                    };
                    let value = read_field(reader, field, is_lax)?;
                    // The fields in between may still follow.
                    while values.len() <= index {
                        values.push(Value::Null);
                    }
                    if let Some(slot) = values.get_mut(index) {
                        *slot = value;
                    }
                }
                None => reader.skip()?,
            },
        }
    }
    values.resize(fields.len(), Value::Null);
    for (field, value) in fields.iter().zip(&mut values) {
        if value.is_null() {
            *value = null(&field.plan, is_lax).map_err(|error| in_field(error, &field.name))?;
        }
    }
    Ok(Struct::from_values(plan.schema.clone(), values)?.into())
}

fn read_field(reader: &mut Reader<'_>, field: &FieldPlan, is_lax: bool) -> Result<Value> {
    read(reader, &field.plan, is_lax).map_err(|error| in_field(error, &field.name))
}

fn read_array(
    reader: &mut Reader<'_>,
    read: impl Fn(&mut Reader<'_>) -> Result<Value>,
) -> Result<Vec<Value>> {
    let mut values = Vec::new();
    reader.enter()?;
    let mut is_first = true;
    while reader.next(is_first, b']')? {
        is_first = false;
        values.push(read(reader)?);
    }
    Ok(values)
}

fn read_object(
    reader: &mut Reader<'_>,
    read: impl Fn(&mut Reader<'_>) -> Result<Value>,
) -> Result<ValueMap> {
    let mut entries = Entries::default();
    reader.enter()?;
    let mut is_first = true;
    while reader.next(is_first, b'}')? {
        is_first = false;
        let key = reader.text_key()?;
        entries.insert(Value::String(key), read(reader)?);
    }
    Ok(entries.into_map())
}

fn read_pairs(
    reader: &mut Reader<'_>,
    key_plan: Option<&Plan>,
    value_plan: Option<&Plan>,
    is_lax: bool,
) -> Result<ValueMap> {
    let mut entries = Entries::default();
    reader.enter()?;
    let mut is_first = true;
    while reader.next(is_first, b']')? {
        is_first = false;
        let first = reader.peek().unwrap_or_default();
        if first != b'[' {
            reader.skip()?;
            return Err(Error::data(format!(
                "Found invalid map entry instead of array tuple: {}",
                node_type(first)
            )));
        }
        let length = length(reader.clone())?;
        if length != 2 {
            return Err(Error::data(format!(
                "Found invalid map entry, expected length 2 but found :{length}"
            )));
        }
        reader.enter()?;
        reader.next(true, b']')?;
        let key = read_any(reader, key_plan, is_lax)?;
        reader.next(false, b']')?;
        entries.insert(key, read_any(reader, value_plan, is_lax)?);
        reader.next(false, b']')?;
    }
    Ok(entries.into_map())
}

/// The length of the next array.
fn length(mut reader: Reader<'_>) -> Result<usize> {
    let mut length = 0;
    reader.enter()?;
    while reader.next(length == 0, b']')? {
        reader.skip()?;
        length += 1;
    }
    Ok(length)
}

/// Entries of a map. The last value of a key replaces earlier ones.
#[derive(Default)]
struct Entries {
    list: Vec<(Value, Value)>,
    /// The positions of the keys, once there are many.
    index: HashMap<Value, usize>,
}

impl Entries {
    /// Up to this length, searching the list is faster than an index.
    const FEW: usize = 16;

    fn insert(&mut self, key: Value, value: Value) {
        let position = if self.list.len() <= Self::FEW {
            self.list.iter().position(|(other, _)| *other == key)
        } else {
            if self.index.is_empty() {
                let keys = self.list.iter().enumerate();
                self.index = keys.map(|(index, (key, _))| (key.clone(), index)).collect();
            }
            self.index.get(&key).copied()
        };
        match position.and_then(|position| self.list.get_mut(position)) {
            Some((_, slot)) => *slot = value,
            None => {
                if !self.index.is_empty() {
                    self.index.insert(key.clone(), self.list.len());
                }
                self.list.push((key, value));
            }
        }
    }

    fn into_map(self) -> ValueMap {
        let mut map = ValueMap::with_capacity(self.list.len());
        for (key, value) in self.list {
            map.push_unique(key, value);
        }
        map
    }
}

fn integer<T: TryFrom<i64>>(reader: &mut Reader<'_>, plan: &Plan, first: u8) -> Result<T> {
    if !is_number(first) {
        reader.skip()?;
        return Err(unexpected(plan, node_type(first)));
    }
    let number = reader.number()?;
    let whole = match number.to_i64() {
        None if !number.is_integral => {
            let decimal = Decimal::parse(number.text)?;
            decimal.to_i64_exact()
        }
        whole => whole,
    };
    whole
        .and_then(|whole| T::try_from(whole).ok())
        .ok_or_else(|| out_of_range(plan.schema.schema_type().name(), number))
}

fn double(number: Number<'_>) -> Result<f64> {
    number
        .to_f64()
        .ok_or_else(|| out_of_range("FLOAT64", number))
}

/// Reads the strings that the encoder writes for `NaN` and infinities.
fn not_finite(reader: &mut Reader<'_>, plan: &Plan) -> Result<f64> {
    match reader.str()? {
        text if text == "NaN" => Ok(f64::NAN),
        text if text == "Infinity" => Ok(f64::INFINITY),
        text if text == "-Infinity" => Ok(f64::NEG_INFINITY),
        _ => Err(unexpected(plan, "STRING")),
    }
}

/// Reads base64. As in Jackson, whitespace between groups of four characters is skipped. Bits that
/// are not part of a byte must be zero.
fn base64(text: &str) -> Result<Vec<u8>> {
    const ENGINE: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
    );
    let text = if text.bytes().any(|byte| byte <= b' ') {
        let mut kept = String::with_capacity(text.len());
        // Whitespace inside a group is kept, and refused below.
        kept.extend(
            text.chars()
                .scan(0, |count, c| {
                    let is_between = *count % 4 == 0 && c <= ' ';
                    *count += usize::from(!is_between);
                    Some((!is_between).then_some(c))
                })
                .flatten(),
        );
        Cow::Owned(kept)
    } else {
        Cow::Borrowed(text)
    };
    ENGINE
        .decode(&*text)
        .map_err(|error| Error::data(format!("Invalid bytes field: {error}")).with_source(error))
}

const fn is_number(first: u8) -> bool {
    matches!(first, b'-' | b'0'..=b'9')
}

/// Jackson's name for the kind of value that begins with a byte.
pub(super) const fn node_type(first: u8) -> &'static str {
    match first {
        b'"' => "STRING",
        b'{' => "OBJECT",
        b'[' => "ARRAY",
        b't' | b'f' => "BOOLEAN",
        b'n' => "NULL",
        _ => "NUMBER",
    }
}

#[cold]
pub(super) fn out_of_range(ty: &str, number: Number<'_>) -> Error {
    // The error need not repeat a very long number.
    let text = number.text.get(..40).unwrap_or(number.text);
    Error::data(format!("{text} does not fit into {ty}"))
}

#[cold]
fn unexpected(plan: &Plan, found: &str) -> Error {
    let ty = plan.schema.schema_type().name();
    Error::data(match &plan.kind {
        Kind::Date => format!(
            "Invalid type for Date, underlying representation should be integer but was {found}"
        ),
        Kind::Decimal { .. } => format!(
            "Invalid type for Decimal, underlying representation should be numeric or bytes but \
             was {found}"
        ),
        Kind::Map {
            is_object: true, ..
        } => {
            format!("Maps with string fields should be encoded as JSON objects, but found {found}")
        }
        Kind::Map { .. } => format!(
            "Maps with non-string fields should be encoded as JSON array of tuples, but found \
             {found}"
        ),
        Kind::Struct(_) => {
            format!("Structs should be encoded as JSON objects, but found {found}")
        }
        Kind::Time => format!(
            "Invalid type for Time, underlying representation should be integer but was {found}"
        ),
        Kind::Timestamp => format!(
            "Invalid type for Timestamp, underlying representation should be integral but was \
             {found}"
        ),
        _ => format!("Cannot read a value of type {ty} from a JSON {found}"),
    })
}

/// The string at a position; none if there is another kind of value.
pub(super) fn string_at(reader: &Reader<'_>, position: usize) -> Result<Option<Text>> {
    let mut reader = reader.at(position);
    Ok(if reader.peek() == Some(b'"') {
        Some(reader.text()?)
    } else {
        None
    })
}
