//! Casting one value.

use std::ops::RangeInclusive;
use std::str::FromStr;

use connect_api::Error;
use connect_api::Result;
use connect_api::data::Decimal;
use connect_api::data::Schema;
use connect_api::data::SchemaType;
use connect_api::data::Value;
use connect_api::data::decimal_digit;
use connect_api::data::text_form::to_text;

/// Casts a value to a type. Null stays null.
///
/// # Errors
/// [`ErrorKind::Data`](connect_api::ErrorKind::Data) if values of its type cannot be cast, or if
/// it is a text that names no such number.
pub(super) fn cast(value: &Value, schema: Option<&Schema>, to: &SchemaType) -> Result<Value> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    check_type(value, schema)?;
    match (value, to) {
        (Value::String(text), SchemaType::String) => Ok(text.clone().into()),
        (value, SchemaType::String) => Ok(to_text(value).into()),
        (Value::String(text), to) => parse(text, to).ok_or_else(|| {
            Error::data(format!(
                "Value ({text}) was out of range for requested data type"
            ))
        }),
        (value, to) => Ok(Number::of(value)?.to(to)),
    }
}

fn check_type(value: &Value, schema: Option<&Schema>) -> Result<()> {
    let ty = match (schema, value) {
        (Some(schema), _) if schema.schema_type().is_primitive() => return Ok(()),
        (Some(schema), _) => schema.schema_type().name(),
        (None, Value::Array(_)) => "ARRAY",
        (None, Value::Map(_)) => "MAP",
        (None, Value::Struct(_)) => "STRUCT",
        (None, Value::Date(_) | Value::Decimal(_) | Value::Time(_) | Value::Timestamp(_)) => {
            return Err(Error::data(format!(
                "Cast transformation was passed a value of type class {} which is not supported by \
                 Connect's data API",
                value.java_class()
            )));
        }
        (None, _) => return Ok(()),
    };
    Err(Error::data(format!(
        "Cast transformation does not support casting from {ty}; supported types are [INT8, INT16, \
         INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING, BYTES]"
    )))
}

/// A value that is a number to Java. Logical ones are what they are encoded as.
enum Number<'a> {
    Decimal(&'a Decimal),
    Float32(f32),
    Float64(f64),
    Whole(i64),
}

impl<'a> Number<'a> {
    fn of(value: &'a Value) -> Result<Self> {
        Ok(match value {
            Value::Boolean(value) => Self::Whole((*value).into()),
            Value::Date(value) | Value::Int32(value) | Value::Time(value) => {
                Self::Whole((*value).into())
            }
            Value::Decimal(value) => Self::Decimal(value),
            Value::Float32(value) => Self::Float32(*value),
            Value::Float64(value) => Self::Float64(*value),
            Value::Int8(value) => Self::Whole((*value).into()),
            Value::Int16(value) => Self::Whole((*value).into()),
            Value::Int64(value) | Value::Timestamp(value) => Self::Whole(*value),
            value => {
                return Err(Error::data(format!(
                    "Unexpected type in Cast transformation: class {}",
                    value.java_class()
                )));
            }
        })
    }

    /// Upper bits are lost; floating point numbers lose theirs beyond the integer that Java makes
    /// of them first.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cast loses what does not fit"
    )]
    fn to(&self, ty: &SchemaType) -> Value {
        match ty {
            SchemaType::Boolean => (self.to_i64() != 0).into(),
            SchemaType::Float32 => self.to_f32().into(),
            SchemaType::Float64 => self.to_f64().into(),
            SchemaType::Int8 => (self.to_i32() as i8).into(),
            SchemaType::Int16 => (self.to_i32() as i16).into(),
            SchemaType::Int32 => self.to_i32().into(),
            _ => self.to_i64().into(),
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cast loses what does not fit"
    )]
    fn to_i32(&self) -> i32 {
        match self {
            Self::Float32(value) => *value as i32,
            Self::Float64(value) => *value as i32,
            _ => self.to_i64() as i32,
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cast loses what does not fit"
    )]
    fn to_i64(&self) -> i64 {
        match self {
            Self::Decimal(value) => value.to_i64_wrapping(),
            Self::Float32(value) => *value as i64,
            Self::Float64(value) => *value as i64,
            Self::Whole(value) => *value,
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a cast loses what does not fit"
    )]
    fn to_f32(&self) -> f32 {
        match self {
            Self::Decimal(value) => value.to_f32(),
            Self::Float32(value) => *value,
            Self::Float64(value) => *value as f32,
            Self::Whole(value) => *value as f32,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a cast loses what does not fit")]
    fn to_f64(&self) -> f64 {
        match self {
            Self::Decimal(value) => value.to_f64(),
            Self::Float32(value) => (*value).into(),
            Self::Float64(value) => *value,
            Self::Whole(value) => *value as f64,
        }
    }
}

/// The value that a text names; `None` if it names none of that type. Any text names a boolean.
fn parse(text: &str, ty: &SchemaType) -> Option<Value> {
    let whole = |range: RangeInclusive<i64>| {
        let number = parse_whole(text).filter(|number| range.contains(number))?;
        Some(Number::Whole(number).to(ty))
    };
    match ty {
        SchemaType::Boolean => Some(text.eq_ignore_ascii_case("true").into()),
        SchemaType::Float32 => parse_float::<f32>(text).map(Value::from),
        SchemaType::Float64 => parse_float::<f64>(text).map(Value::from),
        SchemaType::Int8 => whole(i8::MIN.into()..=i8::MAX.into()),
        SchemaType::Int16 => whole(i16::MIN.into()..=i16::MAX.into()),
        SchemaType::Int32 => whole(i32::MIN.into()..=i32::MAX.into()),
        _ => whole(i64::MIN..=i64::MAX),
    }
}

/// As Java's `Long.parseLong`: a sign and digits of any script.
fn parse_whole(text: &str) -> Option<i64> {
    if text.is_ascii() {
        return text.parse().ok();
    }
    let ascii = |c: char| decimal_digit(c).map_or(Some(c), |digit| char::from_digit(digit, 10));
    text.chars()
        .map(ascii)
        .collect::<Option<String>>()?
        .parse()
        .ok()
}

/// As Java's `Double.parseDouble`: blanks around it do not count, `f` or `d` may be at its end.
fn parse_float<F: FromStr>(text: &str) -> Option<F> {
    let text = text.trim_matches(|c| c <= ' ');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, "Infinity" | "NaN") {
        return text.parse().ok();
    }
    let number = text.strip_suffix(['D', 'F', 'd', 'f']).unwrap_or(text);
    let is_plain = number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'E' | b'e'));
    if is_plain { number.parse().ok() } else { None }
}
