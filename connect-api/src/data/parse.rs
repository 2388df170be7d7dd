//! Text to values, where nothing but the text says what it is.

use super::Datum;
use super::Decimal;
use super::Logical;
use super::SchemaBuilder;
use super::SchemaRef;
use super::SchemaType;
use super::Value;
use super::ValueMap;
use super::decimal_digit;
use super::logical::MILLIS_PER_DAY;
use super::logical::from_millis;
use super::moment::parse_moment;

/// Reads a text as the value that it looks like.
///
/// | text | value |
/// | --- | --- |
/// | `true`, `false`, `null` | a boolean, null |
/// | `1`, `1.0`, `1e3`, `9223372036854775808` | the smallest integer type that holds it, else a Decimal |
/// | `1.5`, `1e300` | FLOAT32 if it is finite as such, else FLOAT64, else a Decimal |
/// | `2020-01-01`, `12:34:56.789Z`, `2020-01-01T12:34:56.789Z` | a Date, Time or Timestamp |
/// | `[1,"a"]`, `{"a":1}` | an array, a map; without a schema inside where elements have no common one |
/// | anything else, quoted text included | text, as it is |
///
/// *Java*: `Values.parseString`, with its ways: FLOAT32 loses digits, `1:2` is the number 1, dates
/// are lenient (`2020-13-01` is 2021-01-01). Two differences: moments are in UTC whatever the time
/// zone of the machine, and text nested deeper than 500 levels stays text.
///
/// ```
/// use connect_api::data::{Datum, SchemaRef, Value, parse};
///
/// assert_eq!(parse("128"), Datum::new(SchemaRef::INT16, Value::Int16(128)));
/// assert_eq!(parse("on"), Datum::string("on"));
/// assert_eq!(parse("[1, 2.5]").value.as_array().unwrap()[0], Value::Float32(1.0));
/// ```
#[must_use]
#[doc(alias = "parseString")]
pub fn parse(text: &str) -> Datum {
    if text.is_empty() {
        return Datum::string("");
    }
    match Parser::new(text).parse(0) {
        Ok(datum) => datum.unwrap_or(Datum::NULL),
        Err(NotAValue) => Datum::string(text),
    }
}

/// The schema that a value has on the face of it; `None` for null, empty arrays and maps, mixed
/// ones, and logical values.
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

/// The schema of elements of one type, optional if there are nulls among them.
///
/// *Java*: only the type is kept, so elements that are arrays, maps or structs lose what is inside.
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

/// The text, or the part of it that was tried, is not a value of its own.
struct NotAValue;

type Parsed<T> = Result<T, NotAValue>;

/// Deeper nesting is not followed, so that no text can exhaust the stack.
const MAX_DEPTH: usize = 500;

/// Tokens are delimiters and what stands between them.
struct Parser<'a> {
    text: &'a str,
    position: usize,
    /// A token that was looked at and not taken.
    ahead: Option<&'a str>,
}

impl<'a> Parser<'a> {
    const fn new(text: &'a str) -> Self {
        Self {
            text,
            position: 0,
            ahead: None,
        }
    }

    /// Reads a value; none for `null` and for the end of the text. Depth 0 is the whole text.
    fn parse(&mut self, depth: usize) -> Parsed<Option<Datum>> {
        if !self.has_next() {
            return Ok(None);
        }
        let is_embedded = depth > 0;
        if is_embedded && self.take("\"") {
            return Ok(Some(self.parse_quoted()));
        }
        if self.take_literal("null", is_embedded) {
            return Ok(None);
        }
        for (literal, value) in [("true", true), ("false", false)] {
            if self.take_literal(literal, is_embedded) {
                return Ok(Some(Datum::new(SchemaRef::BOOLEAN, value)));
            }
        }
        let start = self.mark();
        if depth < MAX_DEPTH {
            let collection = if self.take("[") {
                self.parse_array(depth)
            } else if self.take("{") {
                self.parse_map(depth)
            } else {
                Err(NotAValue)
            };
            if let Ok(datum) = collection {
                return Ok(Some(datum));
            }
            self.rewind(start);
            self.skip_blanks();
        }
        let token = self.next();
        match trim(token) {
            "" => Ok(Some(Datum::string(token))),
            token => self.parse_token(token).map(Some),
        }
    }

    fn parse_token(&mut self, token: &str) -> Parsed<Datum> {
        let first = token.chars().next().unwrap_or_default();
        let starts_with_digit = decimal_digit(first).is_some();
        if starts_with_digit && let Some(moment) = self.parse_moment(token) {
            return Ok(moment);
        }
        if starts_with_digit || matches!(first, '+' | '-') {
            return parse_number(token).ok_or(NotAValue);
        }
        Err(NotAValue)
    }

    /// Colons split times into five tokens, of which the first is taken already.
    fn parse_moment(&mut self, token: &str) -> Option<Datum> {
        let start = self.mark();
        let mut count = 0;
        while count < 4 && self.has_next() {
            self.next();
            count += 1;
        }
        let rest = self.text.get(start..self.mark()).unwrap_or_default();
        if count == 4
            && let Some(moment) = parse_moment(&format!("{token}{rest}"))
        {
            return Some(moment);
        }
        self.rewind(start);
        parse_moment(token)
    }

    /// Text up to the next quote; a moment if it looks like one.
    fn parse_quoted(&mut self) -> Datum {
        let mut content = String::new();
        while self.has_next() && !self.take("\"") {
            content.push_str(self.next());
        }
        let datum = match content.bytes().next() {
            Some(first) if !first.is_ascii_alphabetic() => parse(&content),
            _ => Datum::NULL,
        };
        match datum.value {
            Value::Date(_) | Value::Time(_) | Value::Timestamp(_) => datum,
            _ => Datum::string(content),
        }
    }

    fn parse_array(&mut self, depth: usize) -> Parsed<Datum> {
        let mut values = Vec::new();
        let mut common = CommonSchema::Any;
        while self.has_next() {
            if self.take("]") {
                let element = common.into_schema();
                if let Some(schema) = &element {
                    values = values
                        .into_iter()
                        .map(|value| align(schema, value))
                        .collect::<Parsed<_>>()?;
                }
                return datum_of(SchemaType::Array(element), values);
            }
            if self.take(",") {
                return Err(NotAValue);
            }
            let element = self.parse(depth + 1)?;
            common.merge(element.as_ref());
            values.push(element.map(|element| element.value).unwrap_or_default());
            let start = self.mark();
            if self.take("]") {
                self.rewind(start);
            } else if !self.take(",") {
                return Err(NotAValue);
            }
        }
        Err(NotAValue)
    }

    fn parse_map(&mut self, depth: usize) -> Parsed<Datum> {
        let mut map = ValueMap::new();
        let (mut keys, mut values) = (CommonSchema::Any, CommonSchema::Any);
        while self.has_next() {
            if self.take("}") {
                let (Some(key_schema), value_schema) = (keys.into_schema(), values.into_schema())
                else {
                    return datum_of(SchemaType::Map(None, None), map);
                };
                let mut aligned = ValueMap::with_capacity(map.len());
                for (key, value) in map {
                    let value = match &value_schema {
                        Some(schema) => align(schema, value)?,
                        None => value,
                    };
                    aligned.insert(align(&key_schema, key)?, value);
                }
                return datum_of(SchemaType::Map(Some(key_schema), value_schema), aligned);
            }
            if self.take(",") {
                return Err(NotAValue);
            }
            let key = self.parse(depth + 1)?.ok_or(NotAValue)?;
            if !self.take(":") {
                return Err(NotAValue);
            }
            let value = self.parse(depth + 1)?;
            self.take(",");
            keys.merge(Some(&key));
            values.merge(value.as_ref());
            map.insert(
                key.value,
                value.map(|value| value.value).unwrap_or_default(),
            );
        }
        Err(NotAValue)
    }

    const fn has_next(&self) -> bool {
        self.ahead.is_some() || self.position < self.text.len()
    }

    /// Where the next token starts.
    fn mark(&self) -> usize {
        self.position - self.ahead.map_or(0, str::len)
    }

    const fn rewind(&mut self, position: usize) {
        self.position = position;
        self.ahead = None;
    }

    fn next(&mut self) -> &'a str {
        self.ahead.take().unwrap_or_else(|| self.consume())
    }

    /// Takes the next token if it is this one; blanks around it do not count.
    fn take(&mut self, expected: &str) -> bool {
        self.skip_blanks();
        let is_expected = self.ahead.is_some_and(|token| trim(token) == expected);
        if is_expected {
            self.ahead = None;
        }
        is_expected
    }

    /// Takes a literal. As the whole text it must stand alone: `true}` is text.
    fn take_literal(&mut self, literal: &str, is_embedded: bool) -> bool {
        let start = self.mark();
        if self.take(literal) && (is_embedded || !self.has_next()) {
            return true;
        }
        self.rewind(start);
        false
    }

    /// Looks ahead to the next token that is not blank, or the last one.
    fn skip_blanks(&mut self) {
        if !self.has_next() {
            return;
        }
        let mut token = self.next();
        while trim(token).is_empty() && self.position < self.text.len() {
            token = self.consume();
        }
        self.ahead = Some(token);
    }

    fn consume(&mut self) -> &'a str {
        let rest = self.text.get(self.position..).unwrap_or_default();
        let mut is_escaped = false;
        let mut end = rest.len();
        for (index, byte) in rest.bytes().enumerate() {
            match byte {
                b'\\' => is_escaped = !is_escaped,
                b':' | b',' | b'{' | b'}' | b'[' | b']' | b'"' if !is_escaped => {
                    end = index.max(1);
                    break;
                }
                _ => is_escaped = false,
            }
        }
        self.position += end;
        rest.get(..end).unwrap_or_default()
    }
}

/// The schema that all elements so far have in common.
enum CommonSchema {
    /// There are no elements, or only nulls.
    Any,
    /// There is none.
    None,
    One(SchemaRef),
}

impl CommonSchema {
    fn merge(&mut self, datum: Option<&Datum>) {
        let Some(new) = datum.and_then(|datum| datum.schema.as_ref()) else {
            return;
        };
        *self = match std::mem::replace(self, Self::None) {
            Self::Any => Self::One(new.clone()),
            Self::None => Self::None,
            Self::One(old) => match (width(&old), width(new)) {
                (Some(a), Some(b)) if a > b => Self::One(old),
                (Some(_), Some(_)) => Self::One(new.clone()),
                _ if old.schema_type().name() == new.schema_type().name() => Self::One(new.clone()),
                _ => Self::None,
            },
        };
    }

    fn into_schema(self) -> Option<SchemaRef> {
        match self {
            Self::One(schema) => Some(schema),
            Self::Any | Self::None => None,
        }
    }
}

/// How wide a number type is.
fn width(schema: &SchemaRef) -> Option<u8> {
    match schema.schema_type() {
        SchemaType::Int8 => Some(0),
        SchemaType::Int16 => Some(1),
        SchemaType::Int32 => Some(2),
        SchemaType::Int64 => Some(3),
        SchemaType::Float32 => Some(4),
        SchemaType::Float64 => Some(5),
        _ => None,
    }
}

/// Makes an element one of the common schema.
#[expect(
    clippy::cast_possible_truncation,
    reason = "numbers are only ever widened"
)]
#[expect(clippy::cast_precision_loss, reason = "as Java widens")]
fn align(schema: &SchemaRef, value: Value) -> Parsed<Value> {
    if value.is_null() {
        return Err(NotAValue);
    }
    let moment = match &value {
        Value::Date(days) => Some(i64::from(*days) * MILLIS_PER_DAY),
        Value::Time(millis) => Some((*millis).into()),
        Value::Timestamp(millis) => Some(*millis),
        _ => None,
    };
    if let Some(logical) = Logical::of(schema) {
        let number = value
            .as_i64()
            .or(value.as_f64().map(|number| number as i64));
        return match (moment, number, logical) {
            (Some(millis), ..) => Ok(from_millis(logical, millis).unwrap_or(value)),
            (_, Some(days), Logical::Date) => Ok(Value::Date(days as i32)),
            (_, Some(millis), Logical::Time) if (0..=MILLIS_PER_DAY).contains(&millis) => {
                Ok(Value::Time(millis as i32))
            }
            (_, Some(_), Logical::Time) => Err(NotAValue),
            (_, Some(millis), Logical::Timestamp) => Ok(Value::Timestamp(millis)),
            _ => Ok(value),
        };
    }
    if moment.is_some() {
        return Err(NotAValue);
    }
    Ok(
        match (schema.schema_type(), value.as_i64(), value.as_f64()) {
            (SchemaType::Int16, Some(number), _) => Value::Int16(number as i16),
            (SchemaType::Int32, Some(number), _) => Value::Int32(number as i32),
            (SchemaType::Int64, Some(number), _) => Value::Int64(number),
            (SchemaType::Float32, Some(number), _) => Value::Float32(number as f64 as f32),
            (SchemaType::Float64, Some(number), _) => Value::Float64(number as f64),
            (SchemaType::Float64, _, Some(number)) => Value::Float64(number),
            _ => value,
        },
    )
}

fn datum_of(ty: SchemaType, value: impl Into<Value>) -> Parsed<Datum> {
    let schema = SchemaBuilder::of(ty).build().map_err(|_| NotAValue)?;
    Ok(Datum::new(schema, value))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "each cast is checked by its way back"
)]
fn parse_number(token: &str) -> Option<Datum> {
    let decimal = parse_decimal(token)?;
    if let Some(number) = decimal.to_i64_exact() {
        return Some(if number == i64::from(number as i8) {
            Datum::new(SchemaRef::INT8, number as i8)
        } else if number == i64::from(number as i16) {
            Datum::new(SchemaRef::INT16, number as i16)
        } else if number == i64::from(number as i32) {
            Datum::new(SchemaRef::INT32, number as i32)
        } else {
            Datum::new(SchemaRef::INT64, number)
        });
    }
    if decimal.scale() != 0 {
        let single = decimal.to_f32();
        if single.is_finite() {
            return Some(Datum::new(SchemaRef::FLOAT32, single));
        }
        let double = decimal.to_f64();
        if double.is_finite() {
            return Some(Datum::new(SchemaRef::FLOAT64, double));
        }
    }
    Some(Datum::new(
        Logical::decimal(decimal.scale()).build().ok()?,
        decimal,
    ))
}

/// A number in digits of any script.
pub(super) fn parse_decimal(text: &str) -> Option<Decimal> {
    let ascii: String = text
        .chars()
        .map(|c| {
            decimal_digit(c)
                .and_then(|digit| char::from_digit(digit, 10))
                .unwrap_or(c)
        })
        .collect();
    Decimal::parse(&ascii).ok()
}

/// Without control characters and spaces at both ends, as Java trims.
fn trim(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::text_form::to_text;

    #[test]
    fn whole_numbers_take_the_smallest_type() {
        for (text, value) in [
            ("0", Value::Int8(0)),
            ("-128", Value::Int8(-128)),
            ("1.00", Value::Int8(1)),
            ("1e3", Value::Int16(1000)),
            ("\u{661}\u{662}", Value::Int8(12)),
            ("9223372036854775807", Value::Int64(i64::MAX)),
            ("9223372036854775808", Decimal::new(1u64 << 63, 0).into()),
            ("1e400", Decimal::new(1, -400).into()),
            ("1e38", Value::Float32(1e38)),
            ("3.5e38", Value::Float64(3.5e38)),
        ] {
            assert_eq!(parse(text).value, value, "{text}");
        }
    }

    #[test]
    fn text_that_looks_like_nothing_else_stays_text() {
        for text in [
            "NULL", "true,", "[1,null]", "[1,,2]", "{a:1}", "\"5\"", ".5", " x ", "[", "-",
        ] {
            assert_eq!(parse(text), Datum::string(text));
        }
    }

    #[test]
    fn moments_are_recognized_by_their_length() {
        for (text, value) in [
            ("2019-08-23", Value::Date(18_131)),
            ("24:00:00.000Z", Value::Time(86_400_000)),
            ("14\\:34\\:54.346Z", Value::Time(52_494_346)),
            (
                "2019-08-23T14:34:54.346Z",
                Value::Timestamp(1_566_570_894_346),
            ),
            ("14:34:54.346", Value::Int8(14)),
        ] {
            assert_eq!(parse(text).value, value, "{text}");
        }
    }

    #[test]
    fn deep_nesting_does_not_exhaust_the_stack() {
        let text = "[".repeat(100_000);
        assert_eq!(parse(&text), Datum::string(text.as_str()));
        let text = format!("{}{}", "{1:".repeat(50_000), "}".repeat(50_000));
        assert_eq!(parse(&text), Datum::string(text.as_str()));
    }

    #[test]
    fn schemas_are_inferred_from_the_face_of_values() {
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

    proptest! {
        #[test]
        fn any_text_parses(text in "\\PC*") {
            let _ = parse(&text);
        }

        #[test]
        fn token_soup_parses(text in r#"([\[\]{}:,"\\ ]|null|true|1|2\.5|-|a|2019-08-23){0,12}"#) {
            let _ = parse(&text);
        }

        #[test]
        fn integers_come_back(number: i64) {
            let datum = parse(&number.to_string());
            prop_assert_eq!(datum.value.as_i64(), Some(number));
            prop_assert_eq!(to_text(&datum.value), Some(number.to_string()));
        }

        #[test]
        fn timestamps_come_back(millis in 86_400_001i64..253_402_300_799_999) {
            prop_assume!(millis % MILLIS_PER_DAY != 0);
            let text = to_text(&Value::Timestamp(millis)).unwrap();
            prop_assert_eq!(parse(&text).value, Value::Timestamp(millis));
        }
    }
}
