//! Source offsets as they are stored: JSON without schemas, byte for byte as Java writes it.
//!
//! Key: `["connector",{partition}]`; value: `{offset}`, or nothing after a reset. Equality of
//! stored partitions is equality of key *bytes*, so the order of members matters: whoever writes an
//! offset for a partition that is stored already reuses the stored key bytes.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use connect_api::data::FloatText;
use connect_api::record::OffsetKey;
use connect_api::record::OffsetValue;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use serde_json::Value as Json;

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

/// Connector and partition of a stored key, or why it is none.
///
/// # Errors
/// What is wrong with the key, for a log line: such records are skipped.
pub fn decode_key(bytes: &[u8]) -> Result<(String, SourcePartition), String> {
    let json: Json = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let Json::Array(parts) = json else {
        return Err("the key is not an array".into());
    };
    let Ok([connector, partition]) = <[Json; 2]>::try_from(parts) else {
        return Err("the key does not have two parts".into());
    };
    let Json::String(connector) = connector else {
        return Err("the connector in the key is not a string".into());
    };
    match partition {
        Json::Null => Ok((connector, SourcePartition::null())),
        Json::Object(object) => Ok((connector, SourcePartition::new(read_object(object)?))),
        _ => Err("the partition in the key is not an object".into()),
    }
}

/// A stored offset, or why it is none.
///
/// # Errors
/// What is wrong with the value, for a log line: such records are skipped.
pub fn decode_value(bytes: &[u8]) -> Result<SourceOffset, String> {
    match serde_json::from_slice(bytes).map_err(|error| error.to_string())? {
        Json::Object(object) => Ok(SourceOffset::from_entries(read_object(object)?)),
        _ => Err("the offset is not an object".into()),
    }
}

fn read_object(
    object: serde_json::Map<String, Json>,
) -> Result<Vec<(OffsetKey, OffsetValue)>, String> {
    let read = |(key, value): (String, Json)| {
        let value = match value {
            Json::Null => OffsetValue::Null,
            Json::Bool(value) => OffsetValue::Boolean(value),
            Json::String(text) => OffsetValue::String(text.into()),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(value), _) => OffsetValue::Int(value),
                (None, Some(value)) => OffsetValue::Float(value),
                _ => return Err(format!("the number of field {key} is out of range")),
            },
            Json::Array(_) | Json::Object(_) => {
                return Err(format!("field {key} is not primitive"));
            }
        };
        Ok((OffsetKey::from(key), value))
    };
    object.into_iter().map(read).collect()
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
}
