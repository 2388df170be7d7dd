//! Source offsets as they are stored: JSON without schemas, byte for byte as Java writes it.
//!
//! Key: `["connector",{partition}]`; value: `{offset}`, or nothing after a reset. Equality of
//! stored partitions is equality of key *bytes*, so the order of members matters: a writer of an
//! offset for a partition that is stored already reuses the stored key bytes.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use connect_api::data::FloatText;
use connect_api::data::Value;
use connect_api::record::OffsetKey;
use connect_api::record::OffsetValue;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use serde_json::Value as Json;

use super::error::JsonError;
use super::json::read_json;
use super::json::write_text;

/// The key under which offsets of a partition are stored.
#[must_use]
pub fn encode_key(connector: &str, partition: &SourcePartition) -> Bytes {
    let mut json = String::from("[");
    write_text(&mut json, connector);
    json.push(',');
    if partition.is_null() {
        json.push_str("null");
    } else {
        write_object(
            &mut json,
            partition.entries().iter().map(|(key, value)| (key, value)),
        );
    }
    json.push(']');
    json.into()
}

/// The stored form of an offset.
#[must_use]
pub fn encode_value(offset: &SourceOffset) -> Bytes {
    let mut json = String::new();
    write_object(&mut json, offset.entries());
    json.into()
}

/// Connector and partition of a stored key.
///
/// # Errors
/// The key is not one of an offset, for a log line: such records are skipped.
pub fn decode_key(bytes: &[u8]) -> Result<(String, SourcePartition), OffsetError> {
    let Json::Array(parts) = read_json(bytes)? else {
        return Err(OffsetError::Key);
    };
    match <[Json; 2]>::try_from(parts) {
        Ok([Json::String(connector), Json::Null]) => Ok((connector, SourcePartition::null())),
        Ok([Json::String(connector), Json::Object(partition)]) => {
            Ok((connector, SourcePartition::new(read_object(partition)?)))
        }
        _ => Err(OffsetError::Key),
    }
}

/// A stored offset.
///
/// # Errors
/// The value is not an offset, for a log line: such records are skipped.
pub fn decode_value(bytes: &[u8]) -> Result<SourceOffset, OffsetError> {
    match read_json(bytes)? {
        Json::Object(object) => Ok(SourceOffset::from_entries(read_object(object)?)),
        _ => Err(OffsetError::NotAMap),
    }
}

/// The entries of a partition or offset that is given as a value; `None` for null.
///
/// *Java*: `OffsetUtils.validateFormat`.
///
/// # Errors
/// It is not a map from strings to values that JSON can represent without nesting.
pub fn entries_of(value: &Value) -> Result<Option<Vec<(OffsetKey, OffsetValue)>>, OffsetError> {
    let map = match value {
        Value::Null => return Ok(None),
        Value::Map(map) => map,
        _ => return Err(OffsetError::NotAMap),
    };
    let entry = |(key, value): (&Value, &Value)| {
        let Value::String(key) = key else {
            return Err(OffsetError::KeyOfEntry);
        };
        let value = match value {
            Value::Null => OffsetValue::Null,
            Value::Boolean(value) => (*value).into(),
            Value::Int8(value) => (*value).into(),
            Value::Int16(value) => (*value).into(),
            Value::Int32(value) => (*value).into(),
            Value::Int64(value) => (*value).into(),
            Value::Float32(value) => (*value).into(),
            Value::Float64(value) => (*value).into(),
            Value::String(text) => text.clone().into(),
            Value::Bytes(bytes) => bytes.clone().into(),
            Value::Array(_) => return Err(not_primitive(&**key, "ARRAY")),
            Value::Map(_) => return Err(not_primitive(&**key, "MAP")),
            Value::Struct(_) => return Err(not_primitive(&**key, "STRUCT")),
            other => {
                let class = format!("class {}", other.java_class());
                return Err(not_primitive(&**key, class));
            }
        };
        Ok((OffsetKey::from(key.to_string()), value))
    };
    map.iter().map(entry).collect::<Result<_, _>>().map(Some)
}

/// What is wrong with an offset, its partition or the key under which it is stored. The texts about
/// entries are those of Java, whose clients show them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OffsetError {
    /// Bytes are not JSON.
    #[error("it is not JSON")]
    Json(#[from] JsonError),
    /// A stored key is not that of an offset.
    #[error("the key is not an array of a connector and a partition")]
    Key,
    /// The key of an entry is not text.
    #[error("Offsets may only use String keys")]
    KeyOfEntry,
    /// There are no entries.
    #[error("Offsets must be specified as a Map")]
    NotAMap,
    /// An entry is nested, or of a type that JSON does not have.
    #[error(
        "Offsets may only contain primitive types as values, but field {field} contains {found}"
    )]
    NotPrimitive {
        /// The key of the entry.
        field: String,
        /// Its type.
        found: String,
    },
}

fn read_object(
    object: serde_json::Map<String, Json>,
) -> Result<Vec<(OffsetKey, OffsetValue)>, OffsetError> {
    let read = |(key, value): (String, Json)| {
        let value = match value {
            Json::Null => OffsetValue::Null,
            Json::Bool(value) => OffsetValue::Boolean(value),
            Json::String(text) => OffsetValue::String(text.into()),
            Json::Number(number) => match number.as_i64() {
                Some(value) => OffsetValue::Int(value),
                None => number
                    .as_f64()
                    .map_or(OffsetValue::Null, OffsetValue::Float),
            },
            Json::Array(_) => return Err(not_primitive(key, "ARRAY")),
            Json::Object(_) => return Err(not_primitive(key, "MAP")),
        };
        Ok((OffsetKey::from(key), value))
    };
    object.into_iter().map(read).collect()
}

fn not_primitive(field: impl Into<String>, found: impl Into<String>) -> OffsetError {
    OffsetError::NotPrimitive {
        field: field.into(),
        found: found.into(),
    }
}

fn write_object<'a>(
    json: &mut String,
    entries: impl Iterator<Item = (&'a OffsetKey, &'a OffsetValue)>,
) {
    json.push('{');
    for (index, (key, value)) in entries.enumerate() {
        if index > 0 {
            json.push(',');
        }
        write_text(json, key);
        json.push(':');
        match value {
            OffsetValue::Boolean(value) => json.push_str(if *value { "true" } else { "false" }),
            OffsetValue::Int(value) => _ = write!(json, "{value}"),
            OffsetValue::Float(value) if value.is_finite() => {
                json.push_str(FloatText::of_f64(*value).as_str())
            }
            OffsetValue::Float(value) => {
                _ = write!(json, "\"{}\"", FloatText::of_f64(*value).as_str())
            }
            OffsetValue::String(text) => write_text(json, text),
            OffsetValue::Bytes(bytes) => {
                json.push('"');
                STANDARD.encode_string(bytes, json);
                json.push('"');
            }
            _ => json.push_str("null"),
        }
    }
    json.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_are_those_of_java() {
        let partition = SourcePartition::new([("ü\"", "🙂")]);
        assert_eq!(
            encode_key("c1", &partition),
            "[\"c1\",{\"ü\\\"\":\"\\uD83D\\uDE42\"}]".as_bytes()
        );
        assert_eq!(
            encode_key("c1", &SourcePartition::null()),
            "[\"c1\",null]".as_bytes()
        );
        let offset = SourceOffset::new("p", i64::MAX);
        assert_eq!(
            encode_value(&offset),
            "{\"p\":9223372036854775807}".as_bytes()
        );
    }

    #[test]
    fn what_is_written_is_read() {
        let partition = SourcePartition::new([
            ("text", OffsetValue::from("a\n\u{1}ü🙂")),
            ("null", OffsetValue::Null),
            ("float", OffsetValue::Float(1.5)),
            ("bool", OffsetValue::Boolean(true)),
        ]);
        let (connector, read) = decode_key(&encode_key("c \"1\"", &partition)).unwrap();
        assert_eq!((connector.as_str(), read), ("c \"1\"", partition));
    }

    #[test]
    fn bad_keys_are_explained() {
        for bad in [
            "",
            "[]",
            "[1,{}]",
            "[\"c\",[]]",
            "[\"c\",{\"a\":[1]}]",
            "{}",
            "[\"c\",{},1]",
        ] {
            assert!(decode_key(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(decode_value(b"5").is_err());
    }

    #[test]
    fn every_kind_of_value_is_stored() {
        for (value, stored) in [
            (Value::Int8(-1), "-1"),
            (Value::Int16(300), "300"),
            (Value::Boolean(true), "true"),
            (Value::Float32(1.1), "1.1"),
            (Value::Float32(f32::MAX), "3.4028235E38"),
            (Value::Float64(1e7), "1.0E7"),
            (Value::Float64(f64::NAN), "\"NaN\""),
            (Value::from(Bytes::from_static(&[0, 255])), "\"AP8=\""),
        ] {
            let map: connect_api::data::ValueMap =
                [(Value::from("k"), value)].into_iter().collect();
            let entries = entries_of(&Value::from(map)).unwrap().unwrap();
            let bytes = encode_value(&SourceOffset::from_entries(entries));
            assert_eq!(bytes, format!("{{\"k\":{stored}}}"));
            assert_eq!(encode_value(&decode_value(&bytes).unwrap()), bytes);
        }
    }

    #[test]
    fn what_json_cannot_carry_is_refused() {
        assert!(entries_of(&Value::Null).unwrap().is_none());
        for (key, value, expected) in [
            (
                Value::from("k"),
                Value::Array(Vec::new()),
                "field k contains ARRAY",
            ),
            (
                Value::from("k"),
                Value::Timestamp(0),
                "field k contains class java.util.Date",
            ),
            (Value::Int32(1), Value::Null, "String keys"),
        ] {
            let map: connect_api::data::ValueMap = [(key, value)].into_iter().collect();
            let error = entries_of(&Value::from(map)).unwrap_err().to_string();
            assert!(error.ends_with(expected), "{error}");
        }
        assert!(entries_of(&Value::Int32(1)).is_err());
    }
}
