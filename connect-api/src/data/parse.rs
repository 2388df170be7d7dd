//! Parsing of text whose type is not known.

use super::Datum;
use super::Decimal;
use super::Logical;
use super::SchemaBuilder;
use super::SchemaRef;
use super::SchemaType;
use super::Value;
use super::ValueMap;
use super::decimal_digit;
use super::moment::parse_moment;

/// Parses text as the value that it looks like.
///
/// | text | value |
/// | --- | --- |
/// | `true`, `false`, `null` | a boolean, null |
/// | `1`, `1.0`, `1e3`, `9223372036854775808` | the smallest integer type that holds it, else a Decimal |
/// | `1.5`, `1234567.89`, `3.14159265358979323846` | FLOAT32, else FLOAT64, else a Decimal |
/// | `2020-01-01`, `12:34:56.789Z`, `2020-01-01T12:34:56.789Z` | a Date, Time or Timestamp |
/// | `[1,"a"]`, `{"a":1}` | an array, a map; elements that have no common schema get none |
/// | anything else, also quoted text | a string, unchanged |
///
/// No data is lost: the value represents the whole text, or else the text stays a string. A floating
/// point type is chosen only if its shortest decimal form is the number in the text. White space
/// around a value is ignored.
///
/// *Java*: `Values.parseString`, with these differences. Java ignores text after a value (`1:2` is
/// the number 1), rounds to FLOAT32, reads `2020-13-01` as 2021-01-01, keeps only the last of equal
/// keys, and turns numbers next to a Date into Dates. Here Dates, Times and Timestamps are in UTC on
/// every machine, and text that is nested more than 500 levels deep stays a string.
///
/// ```
/// use connect_api::data::{Datum, SchemaRef, Value, parse};
///
/// assert_eq!(parse("128"), Datum::new(SchemaRef::INT16, Value::Int16(128)));
/// assert_eq!(parse("on"), Datum::string("on"));
/// assert_eq!(parse("00:1A:2B"), Datum::string("00:1A:2B"));
/// assert_eq!(parse("1234567.89").value, Value::Float64(1234567.89));
/// assert_eq!(parse("[1, 2.5]").value.as_array().unwrap()[0], Value::Float32(1.0));
/// ```
#[must_use]
#[doc(alias = "parseString")]
pub fn parse(text: &str) -> Datum {
    if text.is_empty() {
        return Datum::string("");
    }
    let mut parser = Parser::new(text);
    match parser.parse(0) {
        Ok(datum) if parser.is_at_end() => datum.unwrap_or(Datum::NULL),
        _ => Datum::string(text),
    }
}

/// The text, or this part of it, is not a value.
struct NotAValue;

type Parsed<T> = Result<T, NotAValue>;

/// The limit of nesting, so that no text can exhaust the stack.
const MAX_DEPTH: usize = 500;

/// Tokens are delimiters and the text between them.
struct Parser<'a> {
    text: &'a str,
    position: usize,
    /// A token that was read ahead.
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

    /// Parses a value; `None` for `null` and at the end of the text. Depth 0 is the whole text.
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

    /// Colons split a time into five tokens, the first of which was already taken.
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

    /// Text up to the next quote; a Date, Time or Timestamp if it looks like one.
    fn parse_quoted(&mut self) -> Datum {
        let mut content = String::new();
        // White space in quotes counts, so `take`, which skips it, cannot be used here.
        while self.has_next() {
            match self.next() {
                "\"" => break,
                token => content.push_str(token),
            }
        }
        parse_moment(&content).unwrap_or_else(|| Datum::string(content))
    }

    fn parse_array(&mut self, depth: usize) -> Parsed<Datum> {
        let mut elements = Vec::new();
        while self.has_next() {
            if self.take("]") {
                let (schema, values) = unify(elements)?;
                return datum_of(SchemaType::Array(schema), values);
            }
            if self.take(",") {
                return Err(NotAValue);
            }
            elements.push(self.parse(depth + 1)?);
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
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        while self.has_next() {
            if self.take("}") {
                return map_of(keys, values);
            }
            if self.take(",") {
                return Err(NotAValue);
            }
            keys.push(Some(self.parse(depth + 1)?.ok_or(NotAValue)?));
            if !self.take(":") {
                return Err(NotAValue);
            }
            values.push(self.parse(depth + 1)?);
            self.take(",");
        }
        Err(NotAValue)
    }

    const fn has_next(&self) -> bool {
        self.ahead.is_some() || self.position < self.text.len()
    }

    /// True if only white space follows.
    fn is_at_end(&self) -> bool {
        let rest = self.text.get(self.mark()..).unwrap_or_default();
        trim(rest).is_empty()
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

    /// Takes the next token if it is this one. White space around it is ignored.
    fn take(&mut self, expected: &str) -> bool {
        self.skip_blanks();
        let is_expected = self.ahead.is_some_and(|token| trim(token) == expected);
        if is_expected {
            self.ahead = None;
        }
        is_expected
    }

    /// Takes a literal. Outside of collections nothing may follow it: `true}` is a string.
    fn take_literal(&mut self, literal: &str, is_embedded: bool) -> bool {
        let start = self.mark();
        if self.take(literal) && (is_embedded || !self.has_next()) {
            return true;
        }
        self.rewind(start);
        false
    }

    /// Reads ahead to the next token that is not white space, or to the last one.
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

/// Returns the common schema of elements and their values converted to it.
///
/// Elements have a common schema if their schemas are equal, or if all are numbers that one type
/// represents exactly. Without elements that are not null there is none.
///
/// # Errors
/// Some elements have a common schema and others are null, as in Java.
fn unify(elements: Vec<Option<Datum>>) -> Parsed<(Option<SchemaRef>, Vec<Value>)> {
    let has_null = elements.iter().any(Option::is_none);
    let schemas = elements.iter().flatten().map(|datum| &datum.schema);
    let schemas: Vec<Option<SchemaRef>> = schemas.cloned().collect();
    let values = elements.into_iter();
    let mut values: Vec<Value> = values
        .map(|element| element.map_or(Value::Null, |datum| datum.value))
        .collect();
    let schema = match schemas.split_first() {
        None => None,
        Some((first, rest)) if rest.iter().all(|schema| schema == first) => first.clone(),
        Some(_) => match widen_all(&schemas, &values) {
            None => None,
            Some((schema, widened)) => {
                values = widened;
                Some(schema)
            }
        },
    };
    if schema.is_some() && has_null {
        return Err(NotAValue);
    }
    Ok((schema, values))
}

/// Converts numbers of several types to the narrowest type that represents all of them.
fn widen_all(schemas: &[Option<SchemaRef>], values: &[Value]) -> Option<(SchemaRef, Vec<Value>)> {
    let widths = schemas.iter().map(|schema| width(schema.as_ref()?));
    let widest = widths.collect::<Option<Vec<_>>>()?.into_iter().max()?;
    NUMBERS.iter().skip(widest).find_map(|schema| {
        let widened = values.iter().map(|value| match value {
            Value::Null => Some(Value::Null),
            number => widen(schema, number),
        });
        Some((schema.clone(), widened.collect::<Option<_>>()?))
    })
}

/// Creates a map of equally many keys and values.
///
/// # Errors
/// Two keys are equal: one of their values would be lost.
fn map_of(keys: Vec<Option<Datum>>, values: Vec<Option<Datum>>) -> Parsed<Datum> {
    let (key_schema, keys) = unify(keys)?;
    let (value_schema, values) = match key_schema {
        Some(_) => unify(values)?,
        // As in Java, a map without a schema of keys has none of values.
        None => {
            let values = values.into_iter();
            let values = values.map(|value| value.map_or(Value::Null, |datum| datum.value));
            (None, values.collect())
        }
    };
    let mut map = ValueMap::with_capacity(keys.len());
    for (key, value) in keys.into_iter().zip(values) {
        if map.insert(key, value).is_some() {
            return Err(NotAValue);
        }
    }
    datum_of(SchemaType::Map(key_schema, value_schema), map)
}

/// The number types, from the narrowest to the widest.
const NUMBERS: [SchemaRef; 6] = [
    SchemaRef::INT8,
    SchemaRef::INT16,
    SchemaRef::INT32,
    SchemaRef::INT64,
    SchemaRef::FLOAT32,
    SchemaRef::FLOAT64,
];

/// The index of a schema in [`NUMBERS`].
fn width(schema: &SchemaRef) -> Option<usize> {
    NUMBERS.iter().position(|number| number == schema)
}

/// Converts a number to a wider type; `None` if that type does not represent it exactly.
fn widen(schema: &SchemaRef, value: &Value) -> Option<Value> {
    let decimal = match value {
        Value::Float32(number) => Decimal::parse(&format!("{number:e}")).ok()?,
        Value::Float64(number) => Decimal::parse(&format!("{number:e}")).ok()?,
        value => Decimal::new(value.as_i64()?, 0),
    };
    match schema.schema_type() {
        SchemaType::Float32 => exact_f32(&decimal).map(Value::Float32),
        SchemaType::Float64 => exact_f64(&decimal).map(Value::Float64),
        SchemaType::Int8 => Some(Value::Int8(value.as_i64()?.try_into().ok()?)),
        SchemaType::Int16 => Some(Value::Int16(value.as_i64()?.try_into().ok()?)),
        SchemaType::Int32 => Some(Value::Int32(value.as_i64()?.try_into().ok()?)),
        _ => value.as_i64().map(Value::Int64),
    }
}

fn datum_of(ty: SchemaType, value: impl Into<Value>) -> Parsed<Datum> {
    let schema = SchemaBuilder::of(ty).build().map_err(|_| NotAValue)?;
    Ok(Datum::new(schema, value))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "each cast is compared with the original number"
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
        if let Some(single) = exact_f32(&decimal) {
            return Some(Datum::new(SchemaRef::FLOAT32, single));
        }
        if let Some(double) = exact_f64(&decimal) {
            return Some(Datum::new(SchemaRef::FLOAT64, double));
        }
    }
    Some(Datum::new(
        Logical::decimal(decimal.scale()).build().ok()?,
        decimal,
    ))
}

/// The single precision number whose shortest decimal form is this number.
fn exact_f32(decimal: &Decimal) -> Option<f32> {
    let number = Some(decimal.to_f32()).filter(|number| number.is_finite())?;
    let shortest = Decimal::parse(&format!("{number:e}")).ok()?;
    shortest.is_same_number(decimal).then_some(number)
}

/// The double precision number whose shortest decimal form is this number.
fn exact_f64(decimal: &Decimal) -> Option<f64> {
    let number = Some(decimal.to_f64()).filter(|number| number.is_finite())?;
    let shortest = Decimal::parse(&format!("{number:e}")).ok()?;
    shortest.is_same_number(decimal).then_some(number)
}

/// Parses a number with digits of any script.
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

/// Java's `String.trim`: removes everything up to U+0020 at both ends.
fn trim(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::calendar::Moment;
    use crate::data::logical::MILLIS_PER_DAY;
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
            "NULL",
            "true,",
            "[1,null]",
            "[1,300,null]",
            "[1,,2]",
            "{a:1}",
            "\"5\"",
            ".5",
            " x ",
            "[",
            "-",
        ] {
            assert_eq!(parse(text), Datum::string(text));
        }
    }

    #[test]
    fn text_with_something_behind_a_value_stays_text() {
        for text in [
            "00:1A:2B",
            "1::2",
            "1:2",
            "12:30:15",
            "14:34:54Z",
            "14:34:54.346",
            "1,000",
            "[1] 2",
            "[1]]",
            "{1:2}}",
            "null null",
            "1 2",
            "2019-08-23T14:34:54.346Z[UTC]",
        ] {
            assert_eq!(parse(text), Datum::string(text));
        }
    }

    #[test]
    fn moments_that_do_not_exist_stay_text() {
        for text in [
            "2019-13-01",
            "2019-00-10",
            "2019-02-29",
            "2019-02-00",
            "1582-10-10",
            "0000-01-01",
            "2019-1-001",
            " 2019-1-01",
            "+2019-1-01",
            "24:00:00.000Z",
            "14:60:00.000Z",
            "14:00:60.000Z",
            "14:34:5.1234Z",
            "2019-08-23T25:34:54.346Z",
            "2019-08-23T14:34:54.123456Z",
            "2019-08-23 14:34:54.346Z",
        ] {
            assert_eq!(parse(text), Datum::string(text));
        }
    }

    #[test]
    fn floating_point_types_hold_the_number_in_the_text() {
        for (text, value) in [
            ("1.50", Value::Float32(1.5)),
            ("0.1", Value::Float32(0.1)),
            ("-2.5e-3", Value::Float32(-0.0025)),
            ("16777217.5", Value::Float64(16_777_217.5)),
            ("1234567.89", Value::Float64(1_234_567.89)),
            ("1e-60", Value::Float64(1e-60)),
            (
                "3.14159265358979323846",
                Decimal::new(314_159_265_358_979_323_846i128, 20).into(),
            ),
            ("1e-400", Decimal::new(1, 400).into()),
        ] {
            assert_eq!(parse(text).value, value, "{text}");
        }
    }

    #[test]
    fn elements_become_one_type_only_if_it_holds_them() {
        let elements = |text| parse(text).value.as_array().map(<[Value]>::to_vec);
        for (text, values) in [
            ("[1, 300]", vec![Value::Int16(1), Value::Int16(300)]),
            ("[1, 0.1]", vec![Value::Float32(1.0), Value::Float32(0.1)]),
            (
                "[0.1, 1234567.89]",
                vec![Value::Float64(0.1), Value::Float64(1_234_567.89)],
            ),
            (
                "[16777217, 0.5]",
                vec![Value::Float64(16_777_217.0), Value::Float64(0.5)],
            ),
            (
                "[9223372036854775807, 0.5]",
                vec![Value::Int64(i64::MAX), Value::Float32(0.5)],
            ),
            (
                "[\"2019-08-23\", 5]",
                vec![Value::Date(18_131), Value::Int8(5)],
            ),
            (
                "[\"2019-08-23\", \"14:34:54.346Z\"]",
                vec![Value::Date(18_131), Value::Time(52_494_346)],
            ),
            ("[\" : \", \" \"]", vec![" : ".into(), " ".into()]),
        ] {
            assert_eq!(elements(text), Some(values), "{text}");
        }
        // Equal keys would lose a value.
        for text in ["{1:2,1:3}", "{1:2,1.0:3}"] {
            assert_eq!(parse(text), Datum::string(text));
        }
    }

    #[test]
    fn moments_are_recognized_by_their_length() {
        for (text, value) in [
            ("2019-08-23", Value::Date(18_131)),
            ("23:59:59.999Z", Value::Time(86_399_999)),
            ("14\\:34\\:54.346Z", Value::Time(52_494_346)),
            (
                "2019-08-23T14:34:54.346Z",
                Value::Timestamp(1_566_570_894_346),
            ),
            ("2020-02-29", Value::Date(18_321)),
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

    /// Numbers, dates and times, most of them slightly wrong.
    fn scalar() -> impl Strategy<Value = String> {
        prop_oneof![
            r"[-+]?[0-9]{0,20}[.]?[0-9]{0,20}(e[-+]?[0-9]{1,3})?[:, x]?",
            r"[0-9]{1,3}([:,. -][0-9]{1,3}){0,4}",
            r"(19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}",
            r"[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3,6})?Z",
            r"2[0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]\.[0-9]{3,6}Z",
            r"(true|false|null|[0-9]|\[|\]|x| ){0,3}",
        ]
    }

    /// Collections of scalars.
    fn collection() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            "[0-9]{1,3}",
            "[0-9]{1,20}[.][0-9]{1,9}",
            "null|true",
            "\"[^\"\\\\]{0,3}\"",
            Just("\"2019-08-23\"".to_owned()),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            let entry =
                (inner.clone(), inner.clone()).prop_map(|(key, value)| format!("{key}:{value}"));
            let list = |items: Vec<String>| items.join(", ");
            prop_oneof![
                prop::collection::vec(inner, 0..4)
                    .prop_map(move |items| format!("[{}]", list(items))),
                prop::collection::vec(entry, 0..4)
                    .prop_map(move |items| format!("{{{}}}", list(items))),
            ]
        })
        .prop_filter("any place can be changed", |text| text.is_ascii())
    }

    /// Formats a value, with floating point numbers in their shortest form.
    fn written(value: &Value) -> String {
        let list = |items: Vec<String>| items.join(",");
        match value {
            Value::Array(values) => format!("[{}]", list(values.iter().map(written).collect())),
            Value::Float32(number) => format!("{number:e}"),
            Value::Float64(number) => format!("{number:e}"),
            Value::Map(map) => {
                let entries = map.iter();
                let entries =
                    entries.map(|(key, value)| format!("{}:{}", written(key), written(value)));
                format!("{{{}}}", list(entries.collect()))
            }
            Value::Null => "null".into(),
            Value::String(text) => format!("\"{text}\""),
            value => to_text(value).unwrap(),
        }
    }

    /// True if a value is the text, or represents the whole text.
    fn says(text: &str, datum: &Datum) -> bool {
        let trimmed = trim(text);
        let padded = |number: i64, width: usize| format!("{number:0width$}");
        match &datum.value {
            Value::String(string) => string == text,
            Value::Null => trimmed == "null",
            Value::Boolean(value) => trimmed == value.to_string(),
            Value::Array(_) => parts(text) == parts(&written(&datum.value)),
            Value::Date(days) => {
                let moment = Moment::of_millis(i64::from(*days) * MILLIS_PER_DAY);
                let (year, month) = (padded(moment.year, 4), padded(moment.month, 2));
                trimmed == format!("{year}-{month}-{}", padded(moment.day, 2))
            }
            Value::Time(millis) => trimmed == Moment::of_millis((*millis).into()).time(),
            Value::Timestamp(millis) => {
                let moment = Moment::of_millis(*millis);
                trimmed == format!("{}T{}", moment.date(), moment.time())
            }
            number => is_same(trimmed, &written(number)),
        }
    }

    /// The parts of a collection: delimiters, quoted text, and numbers in a normal form. White space
    /// and commas are left out.
    fn parts(text: &str) -> Vec<String> {
        let mut parts: Vec<String> = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let end = match first {
                '"' => rest[1..].find('"').map_or(rest.len(), |end| end + 2),
                '[' | ']' | '{' | '}' | ':' | ',' | ' ' => 1,
                _ => rest
                    .find(['[', ']', '{', '}', ':', ',', ' ', '"'])
                    .unwrap_or(rest.len()),
            };
            let (part, behind) = rest.split_at(end);
            rest = behind;
            let number = Decimal::parse(part).ok();
            let number = number.and_then(|number| number.with_scale(40));
            parts.push(number.map_or(part.trim_matches('"').to_owned(), |n| n.to_string()));
        }
        parts.retain(|part| part != " " && part != ",");
        parts
    }

    fn is_same(text: &str, other: &str) -> bool {
        match (Decimal::parse(text), Decimal::parse(other)) {
            (Ok(number), Ok(other)) => number.is_same_number(&other),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn any_text_parses(text in "\\PC*") {
            let _ = parse(&text);
        }

        #[test]
        fn nothing_of_a_scalar_is_lost(text in scalar()) {
            let datum = parse(&text);
            prop_assert!(says(&text, &datum), "{text:?} became {datum:?}");
        }

        #[test]
        fn nothing_of_a_collection_is_lost(
            text in collection(),
            at in 0usize..40,
            extra in "[\\[\\]{}:, x0-9]?",
        ) {
            let mut text = text;
            text.insert_str(at.min(text.len()), &extra);
            let datum = parse(&text);
            let is_text = datum == Datum::string(text.as_str());
            prop_assert!(
                is_text || parts(&text) == parts(&written(&datum.value)),
                "{text:?} became {datum:?}",
            );
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
