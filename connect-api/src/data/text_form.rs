//! Values as text, as Java prints them.
//!
//! There are two forms. [`to_text`] can be parsed by [`parse`](super::parse); the simple header
//! converter writes it. [`java_string`] prints what Java's `String.valueOf` prints; the string
//! converter and the file sink write it.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Datum;
use super::Decimal;
use super::FloatText;
use super::Struct;
use super::Value;
use super::ValueMap;
use super::calendar::Moment;
use super::logical::MILLIS_PER_DAY;

/// Formats a value for headers: strings and numbers as they are, bytes in base64, arrays as
/// `[1,"a"]`, maps and structs as `{"a":1}`, dates and times in ISO 8601. `None` for null.
///
/// *Java*: `Values.convertToString`. Dates and times are in UTC here, as their `Z` says; Java uses
/// the time zone of the machine. As in Java, a Timestamp before 1970-01-02 is printed without its
/// date, and midnight without the time of day.
///
/// ```
/// use connect_api::data::{Value, text_form};
///
/// let list = Value::Array(vec![Value::Int32(1), "a\"b".into(), Value::Null]);
/// assert_eq!(text_form::to_text(&list).as_deref(), Some(r#"[1,"a\"b",null]"#));
/// assert_eq!(text_form::to_text(&"plain".into()).as_deref(), Some("plain"));
/// ```
#[must_use]
#[doc(alias = "convertToString")]
pub fn to_text(value: &Value) -> Option<String> {
    if value.is_null() {
        return None;
    }
    let mut text = String::new();
    push_text(&mut text, value, false);
    Some(text)
}

/// Formats a value as Java's `String.valueOf` does: arrays as `[a, b]`, maps as `{k=v}`, structs as
/// `Struct{a=1,b=2}` without null fields, dates and times as `Thu Jan 01 00:00:00 UTC 1970`, null as
/// `null`.
///
/// *Java*: bytes are printed in base64 here. Java prints the address of the array.
///
/// ```
/// use connect_api::data::{Value, ValueMap, text_form};
///
/// let map: ValueMap = [("a", 1.0E7), ("b", 0.5)].into_iter().collect();
/// assert_eq!(text_form::java_string(&map.into()), "{a=1.0E7, b=0.5}");
/// assert_eq!(text_form::java_string(&Value::Date(1)), "Fri Jan 02 00:00:00 UTC 1970");
/// ```
#[must_use]
#[doc(alias = "String.valueOf")]
pub fn java_string(value: &Value) -> String {
    match value {
        Value::String(text) => text.as_str().to_owned(),
        value => {
            let mut text = String::new();
            push_java_string(&mut text, value);
            text
        }
    }
}

/// Appends what [`java_string`] returns.
pub fn push_java_string(out: &mut String, value: &Value) {
    match value {
        Value::Array(values) => {
            out.push('[');
            for (index, value) in values.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                push_java_string(out, value);
            }
            out.push(']');
        }
        Value::Bytes(bytes) => STANDARD.encode_string(bytes, out),
        Value::Map(map) => {
            out.push('{');
            for (index, (key, value)) in map.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                push_java_string(out, key);
                out.push('=');
                push_java_string(out, value);
            }
            out.push('}');
        }
        Value::Null => out.push_str("null"),
        Value::String(text) => out.push_str(text),
        Value::Struct(structure) => push_java_struct(out, structure),
        value => match millis_of(value) {
            Some(millis) => out.push_str(&Moment::of_millis(millis).java_date()),
            None => push_scalar(out, value),
        },
    }
}

fn push_java_struct(out: &mut String, structure: &Struct) {
    out.push_str("Struct{");
    let fields = structure.schema().fields().unwrap_or_default();
    let mut is_first = true;
    for (field, value) in fields.iter().zip(structure.values()) {
        if !value.is_null() {
            out.push_str(if is_first { "" } else { "," });
            is_first = false;
            out.push_str(field.name());
            out.push('=');
            push_java_string(out, value);
        }
    }
    out.push('}');
}

fn push_text(out: &mut String, value: &Value, is_embedded: bool) {
    match value {
        Value::Array(values) => {
            out.push('[');
            for (index, value) in values.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                push_text(out, value, true);
            }
            out.push(']');
        }
        Value::Bytes(bytes) => {
            out.push_str(if is_embedded { "\"" } else { "" });
            STANDARD.encode_string(bytes, out);
            out.push_str(if is_embedded { "\"" } else { "" });
        }
        Value::Map(map) => push_map(out, map),
        Value::Null => out.push_str("null"),
        Value::String(text) if is_embedded => push_quoted(out, text),
        Value::String(text) => out.push_str(text),
        Value::Struct(structure) => {
            out.push('{');
            let fields = structure.schema().fields().unwrap_or_default();
            for (index, field) in fields.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                push_quoted(out, field.name());
                out.push(':');
                push_text(
                    out,
                    structure.get(field.name()).unwrap_or(&Value::Null),
                    true,
                );
            }
            out.push('}');
        }
        value => match millis_of(value) {
            Some(millis) => push_moment(out, millis),
            None => push_scalar(out, value),
        },
    }
}

fn push_map(out: &mut String, map: &ValueMap) {
    out.push('{');
    for (index, (key, value)) in map.iter().enumerate() {
        out.push_str(if index > 0 { "," } else { "" });
        push_text(out, key, true);
        out.push(':');
        push_text(out, value, true);
    }
    out.push('}');
}

fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

fn push_moment(out: &mut String, millis: i64) {
    let moment = Moment::of_millis(millis);
    if millis < MILLIS_PER_DAY {
        out.push_str(&moment.time());
    } else if millis % MILLIS_PER_DAY == 0 {
        out.push_str(&moment.date());
    } else {
        out.push_str(&moment.date());
        out.push('T');
        out.push_str(&moment.time());
    }
}

fn push_scalar(out: &mut String, value: &Value) {
    match value {
        Value::Boolean(value) => push(out, value),
        Value::Decimal(value) => push::<&Decimal>(out, value),
        Value::Float32(value) => out.push_str(&FloatText::of_f32(*value)),
        Value::Float64(value) => out.push_str(&FloatText::of_f64(*value)),
        Value::Int8(value) => push(out, value),
        Value::Int16(value) => push(out, value),
        Value::Int32(value) => push(out, value),
        Value::Int64(value) => push(out, value),
        _ => {}
    }
}

/// The milliseconds since the epoch of a Date, Time or Timestamp.
pub(super) fn millis_of(value: &Value) -> Option<i64> {
    match value {
        Value::Date(days) => Some(i64::from(*days) * MILLIS_PER_DAY),
        Value::Time(millis) => Some((*millis).into()),
        Value::Timestamp(millis) => Some(*millis),
        _ => None,
    }
}

fn push<T: std::fmt::Display>(out: &mut String, value: T) {
    // Writing to a string cannot fail.
    let _ = write!(out, "{value}");
}

impl Datum {
    /// Formats the value for headers; see [`to_text`].
    #[must_use]
    pub fn to_text(&self) -> Option<String> {
        to_text(&self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::SchemaBuilder;
    use crate::data::SchemaRef;

    fn person() -> Value {
        let schema = SchemaBuilder::structure()
            .field("name", SchemaRef::STRING)
            .field("age", SchemaRef::OPTIONAL_INT32)
            .build()
            .unwrap();
        Value::Struct(Struct::new(schema).unwrap().with("name", "A\\da").unwrap())
    }

    #[test]
    fn java_strings_are_those_of_java() {
        for (value, text) in [
            (Value::Null, "null"),
            (Value::Boolean(true), "true"),
            (Value::Int8(-5), "-5"),
            (Value::Float32(1.0e10), "1.0E10"),
            (
                Value::Array(vec!["a".into(), Value::Null, Value::Float64(1.5)]),
                "[a, null, 1.5]",
            ),
            (Decimal::new(1, -5).into(), "1E+5"),
            (
                Value::Timestamp(1_700_000_000_123),
                "Tue Nov 14 22:13:20 UTC 2023",
            ),
            (person(), "Struct{name=A\\da}"),
        ] {
            assert_eq!(java_string(&value), text);
        }
    }

    #[test]
    fn texts_are_those_of_java() {
        for (value, text) in [
            (Value::from(vec![1u8, 2, 3]), "AQID"),
            (Value::Array(vec![Value::from(vec![9u8])]), r#"["CQ=="]"#),
            (
                Value::Timestamp(1_566_570_894_346),
                "2019-08-23T14:34:54.346Z",
            ),
            (Value::Date(18_131), "2019-08-23"),
            (Value::Date(0), "00:00:00.000Z"),
            (Value::Time(52_494_346), "14:34:54.346Z"),
            (person(), r#"{"name":"A\\da","age":null}"#),
        ] {
            assert_eq!(to_text(&value).as_deref(), Some(text));
        }
        assert_eq!(to_text(&Value::Null), None);
    }
}
