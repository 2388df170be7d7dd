//! The cast of one value.

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
/// it is a text that is not exactly a value of the type.
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
                "Value ({text}) was out of range for requested data type {}",
                to.name()
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
                "Cast cannot convert a value of type {} that has no schema",
                value.type_name()
            )));
        }
        (None, _) => return Ok(()),
    };
    Err(Error::data(format!(
        "Cast transformation does not support casting from {ty}; supported types are [INT8, INT16, \
         INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING, BYTES]"
    )))
}

/// A value that Java treats as a number. Logical values are the number that encodes them.
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
                    "Cast cannot convert a value of type {} to a number",
                    value.type_name()
                )));
            }
        })
    }

    /// As in Java, a number that does not fit loses its upper bits. A floating point number is first
    /// converted to the nearest INT32 or INT64.
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

/// The value that a text denotes; none if it does not denote one of that type.
fn parse(text: &str, ty: &SchemaType) -> Option<Value> {
    let whole = |range: RangeInclusive<i64>| {
        let number = parse_whole(text).filter(|number| range.contains(number))?;
        Some(Number::Whole(number).to(ty))
    };
    match ty {
        SchemaType::Boolean => parse_boolean(text).map(Value::from),
        SchemaType::Float32 => parse_float(text, f32::is_finite).map(Value::from),
        SchemaType::Float64 => parse_float(text, f64::is_finite).map(Value::from),
        SchemaType::Int8 => whole(i8::MIN.into()..=i8::MAX.into()),
        SchemaType::Int16 => whole(i16::MIN.into()..=i16::MAX.into()),
        SchemaType::Int32 => whole(i32::MIN.into()..=i32::MAX.into()),
        _ => whole(i64::MIN..=i64::MAX),
    }
}

/// `true` or `false` in any case. In Java any other text is false.
fn parse_boolean(text: &str) -> Option<bool> {
    let is = |name: &str| text.eq_ignore_ascii_case(name);
    (is("true") || is("false")).then(|| is("true"))
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

/// As Java's `Double.parseDouble`: whitespace around the number is skipped, `f` or `d` may be its last
/// character. None for a number beyond the largest one; Java makes infinity of it.
fn parse_float<F: Copy + FromStr>(text: &str, is_finite: fn(F) -> bool) -> Option<F> {
    let text = text.trim_matches(|c| c <= ' ');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, "Infinity" | "NaN") {
        return text.parse().ok();
    }
    let number = text.strip_suffix(['D', 'F', 'd', 'f']).unwrap_or(text);
    let is_plain = number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'E' | b'e'));
    let number = number.parse().ok().filter(|_| is_plain)?;
    is_finite(number).then_some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cast_text(text: &str, to: &SchemaType) -> Option<Value> {
        cast(&text.into(), None, to).ok()
    }

    proptest! {
        #[test]
        fn any_text_is_cast_exactly_or_refused(
            text in "[ +-]?[0-9]{0,20}(\\.[0-9]{0,3})?(e[0-9]{1,3})?[dfx ]?|\\PC{0,4}"
        ) {
            // An integer has a sign and digits only.
            let digits = text.strip_prefix(['+', '-']).unwrap_or(&text);
            let is_whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            let exact = Decimal::parse(&text).ok().filter(|_| is_whole);
            let exact = exact.and_then(|number| number.to_i64_exact());
            if text.is_ascii() {
                let short = exact.and_then(|number| i16::try_from(number).ok());
                prop_assert_eq!(cast_text(&text, &SchemaType::Int16), short.map(Value::Int16));
                prop_assert_eq!(cast_text(&text, &SchemaType::Int64), exact.map(Value::Int64));
            }
            if let Some(Value::Float64(number)) = cast_text(&text, &SchemaType::Float64) {
                let digits = text.trim().trim_end_matches(['d', 'f', 'D', 'F']);
                prop_assert!(number.is_finite());
                prop_assert_eq!(Ok(number), digits.parse());
            }
            prop_assert_eq!(cast_text(&text, &SchemaType::Boolean), None);
        }
    }

    #[test]
    fn booleans_are_true_or_false() {
        for (text, expected) in [
            ("true", Some(true)),
            ("FALSE", Some(false)),
            ("yes", None),
            ("1", None),
            ("", None),
            ("true ", None),
        ] {
            let boolean = cast_text(text, &SchemaType::Boolean);
            assert_eq!(boolean, expected.map(Value::Boolean), "{text}");
        }
    }

    #[test]
    fn numbers_that_overflow_are_refused() {
        assert_eq!(cast_text("1e999", &SchemaType::Float64), None);
        assert_eq!(cast_text("-1e39", &SchemaType::Float32), None);
        assert!(cast_text("1e39", &SchemaType::Float64).is_some());
        assert!(cast_text("Infinity", &SchemaType::Float32).is_some());
    }
}
