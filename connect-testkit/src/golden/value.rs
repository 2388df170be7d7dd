//! Values in the form of the vectors.

#![expect(
    clippy::indexing_slicing,
    reason = "members of JSON, and pairs of known length"
)]

use bytes::Bytes;
use connect_api::Error;
use connect_api::Result;
use connect_api::config::ConfigMap;
use connect_api::data::Datum;
use connect_api::data::Decimal;
use connect_api::data::Logical;
use connect_api::data::SchemaRef;
use connect_api::data::Struct;
use connect_api::data::Value;
use connect_api::data::ValueMap;
use connect_api::data::logical::MILLIS_PER_DAY;
use connect_api::data::logical::from_millis;
use serde_json::json;

use super::Json;
use super::case::unrepresentable;
use super::schema::schema_from_json;
use super::schema::schema_to_json;

/// Reads an object with `schema` and `value`.
///
/// # Errors
/// The schema cannot be built, or the value cannot be represented in Rust. Such an input cannot be
/// passed to the code under test: answer with the error.
pub fn datum_from_json(json: &Json) -> Result<Datum> {
    let schema = schema_from_json(json.get("schema").unwrap_or(&Json::Null))?;
    let value = value_from_json(json.get("value").unwrap_or(&Json::Null), schema.as_ref())?;
    Ok(Datum { schema, value })
}

/// Writes an object with `schema` and `value`.
#[must_use]
pub fn datum_to_json(datum: &Datum) -> Json {
    json!({
        "schema": schema_to_json(datum.schema.as_ref()),
        "value": value_to_json(&datum.value, datum.schema.as_ref()),
    })
}

/// Reads serialized bytes: null, `utf8` or `hex`.
///
/// # Errors
/// The case is malformed.
pub fn bytes_from_json(json: &Json) -> Result<Option<Bytes>> {
    match (
        json.get("utf8").and_then(Json::as_str),
        json.get("hex").and_then(Json::as_str),
    ) {
        (Some(text), _) => Ok(Some(Bytes::from(text.to_owned()))),
        (_, Some(hex)) => Ok(Some(bytes_of_hex(hex)?)),
        _ if json.is_null() => Ok(None),
        _ => Err(malformed("bytes", json)),
    }
}

/// Writes serialized bytes as `hex`.
#[must_use]
pub fn bytes_to_json(bytes: Option<&[u8]>) -> Json {
    bytes.map_or(Json::Null, |bytes| json!({ "hex": hex_of(bytes) }))
}

/// Reads the options of a plugin: strings, numbers, booleans and nulls.
///
/// # Errors
/// The case is malformed.
pub fn config_from_json(json: &Json) -> Result<ConfigMap> {
    let mut config = ConfigMap::new();
    for (key, value) in json.as_object().into_iter().flatten() {
        match value {
            Json::Null => config.insert_null(key),
            Json::String(text) => config.insert(key, text),
            Json::Bool(_) | Json::Number(_) => config.insert(key, value.to_string()),
            other => return Err(malformed("option", other)),
        }
    }
    Ok(config)
}

/// Reads a value. The schema selects the logical type of a date or time, and names the fields of
/// structs that have no schema.
///
/// # Errors
/// The value cannot be represented in Rust: `javaObject`, unpaired surrogates, a date with a time
/// of day.
pub fn value_from_json(json: &Json, schema: Option<&SchemaRef>) -> Result<Value> {
    if json.is_null() {
        return Ok(Value::Null);
    }
    let form = json.as_object().and_then(|object| {
        // The other members only describe the one that names the form.
        object
            .iter()
            .find(|(key, _)| !matches!(key.as_str(), "bits" | "buffer" | "structSchema"))
    });
    let Some((form, content)) = form else {
        return Err(malformed("value", json));
    };
    let bad = || malformed("value", json);
    let text = || content.as_str().ok_or_else(bad);
    let number = || content.as_i64().ok_or_else(bad);
    let bits = || json.get("bits").and_then(Json::as_str).ok_or_else(bad);
    Ok(match form.as_str() {
        "bool" => content.as_bool().ok_or_else(bad)?.into(),
        "i8" => i8::try_from(number()?).map_err(|_| bad())?.into(),
        "i16" => i16::try_from(number()?).map_err(|_| bad())?.into(),
        "i32" => i32::try_from(number()?).map_err(|_| bad())?.into(),
        "i64" => text()?.parse::<i64>().map_err(|_| bad())?.into(),
        "f32" => f32::from_bits(u32::from_str_radix(bits()?, 16).map_err(|_| bad())?).into(),
        "f64" => f64::from_bits(u64::from_str_radix(bits()?, 16).map_err(|_| bad())?).into(),
        "str" => text()?.into(),
        "bytes" => bytes_of_hex(text()?)?.into(),
        "decimal" => {
            let unscaled = content
                .get("unscaled")
                .and_then(Json::as_str)
                .ok_or_else(bad)?;
            let scale = content
                .get("scale")
                .and_then(Json::as_i64)
                .ok_or_else(bad)?;
            Decimal::from_digits(unscaled, i32::try_from(scale).map_err(|_| bad())?)?.into()
        }
        // A whole decimal stands for what Java calls BigInteger: neither has a Connect type alone.
        "bigint" => Decimal::parse(text()?)?.into(),
        "date" => moment(text()?.parse().map_err(|_| bad())?, schema)?,
        "array" => {
            let element = schema.and_then(|schema| schema.value_schema());
            let values = content.as_array().ok_or_else(bad)?.iter();
            let values = values.map(|value| value_from_json(value, element));
            Value::Array(values.collect::<Result<_>>()?)
        }
        "map" => map(content, schema)?.into(),
        "struct" => structure(json, content, schema)?.into(),
        "javaObject" | "utf16" => return Err(unrepresentable(json)),
        _ => return Err(bad()),
    })
}

fn moment(millis: i64, schema: Option<&SchemaRef>) -> Result<Value> {
    match schema.and_then(|schema| Logical::of(schema)) {
        Some(Logical::Time) => match i32::try_from(millis) {
            Ok(time) => Ok(Value::Time(time)),
            Err(_) => from_millis(Logical::Time, millis),
        },
        Some(Logical::Date) => from_millis(Logical::Date, millis),
        _ => Ok(Value::Timestamp(millis)),
    }
}

fn map(content: &Json, schema: Option<&SchemaRef>) -> Result<ValueMap> {
    let (keys, values) = schema.map_or((None, None), |s| (s.key_schema(), s.value_schema()));
    let mut map = ValueMap::new();
    for entry in content
        .as_array()
        .ok_or_else(|| malformed("map", content))?
    {
        let [key, value] = entry.as_array().map_or(&[][..], Vec::as_slice) else {
            return Err(malformed("entry", entry));
        };
        map.insert(value_from_json(key, keys)?, value_from_json(value, values)?);
    }
    Ok(map)
}

fn structure(json: &Json, content: &Json, schema: Option<&SchemaRef>) -> Result<Struct> {
    let own = schema_from_json(json.get("structSchema").unwrap_or(&Json::Null))?;
    let schema = own
        .as_ref()
        .or(schema)
        .ok_or_else(|| malformed("struct", json))?;
    let mut structure = Struct::new(schema.clone())?;
    for entry in content
        .as_array()
        .ok_or_else(|| malformed("struct", content))?
    {
        let [Json::String(name), value] = entry.as_array().map_or(&[][..], Vec::as_slice) else {
            return Err(malformed("field", entry));
        };
        let field = schema
            .field(name)
            .ok_or_else(|| malformed("field", entry))?;
        // As stored: what is null there need not fit the schema.
        structure.set_unchecked(field.index(), value_from_json(value, Some(field.schema()))?);
    }
    Ok(structure)
}

/// Writes a value. The schema is the one that the context gives.
#[must_use]
pub fn value_to_json(value: &Value, schema: Option<&SchemaRef>) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Boolean(value) => json!({ "bool": value }),
        Value::Int8(value) => json!({ "i8": value }),
        Value::Int16(value) => json!({ "i16": value }),
        Value::Int32(value) => json!({ "i32": value }),
        Value::Int64(value) => json!({ "i64": value.to_string() }),
        Value::Float32(value) => {
            json!({ "f32": value.to_string(), "bits": format!("{:08x}", value.to_bits()) })
        }
        Value::Float64(value) => {
            json!({ "f64": value.to_string(), "bits": format!("{:016x}", value.to_bits()) })
        }
        Value::String(text) => json!({ "str": text.as_str() }),
        Value::Bytes(bytes) => json!({ "bytes": hex_of(bytes) }),
        Value::Array(values) => {
            let element = schema.and_then(|schema| schema.value_schema());
            let values: Vec<_> = values
                .iter()
                .map(|value| value_to_json(value, element))
                .collect();
            json!({ "array": values })
        }
        Value::Map(map) => {
            let (keys, values) =
                schema.map_or((None, None), |s| (s.key_schema(), s.value_schema()));
            let entries: Vec<_> = map
                .iter()
                .map(|(key, value)| json!([value_to_json(key, keys), value_to_json(value, values)]))
                .collect();
            json!({ "map": entries })
        }
        Value::Struct(structure) => {
            let fields = structure.schema().fields().unwrap_or_default().iter();
            let fields: Vec<_> = fields
                .zip(structure.values())
                .map(|(field, value)| {
                    json!([
                        field.name().as_str(),
                        value_to_json(value, Some(field.schema()))
                    ])
                })
                .collect();
            let mut json = json!({ "struct": fields });
            if schema != Some(structure.schema()) {
                json["structSchema"] = schema_to_json(Some(structure.schema()));
            }
            json
        }
        Value::Decimal(decimal) => json!({
            "decimal": { "unscaled": decimal.unscaled_digits(), "scale": decimal.scale() }
        }),
        Value::Date(days) => {
            json!({ "date": (i64::from(*days) * MILLIS_PER_DAY).to_string() })
        }
        Value::Time(millis) => json!({ "date": millis.to_string() }),
        Value::Timestamp(millis) => json!({ "date": millis.to_string() }),
        other => json!({ "unknown": other.java_class() }),
    }
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes_of_hex(hex: &str) -> Result<Bytes> {
    let (pairs, []) = hex.as_bytes().as_chunks::<2>() else {
        return Err(malformed("hex", &json!(hex)));
    };
    let byte = |pair: &[u8; 2]| {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        let value = digit(pair[0])
            .zip(digit(pair[1]))
            .map(|(high, low)| high << 4 | low);
        value.and_then(|value| u8::try_from(value).ok())
    };
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    bytes
        .map(Bytes::from)
        .ok_or_else(|| malformed("hex", &json!(hex)))
}

pub(super) fn malformed(what: &str, json: &Json) -> Error {
    Error::illegal_state(format!("malformed vector: {what} {json}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_comes_back() {
        for (value, schema) in [
            (json!({"bool": true}), json!(null)),
            (json!({"i64": "-9223372036854775808"}), json!(null)),
            (json!({"f32": "NaN", "bits": "7fc00000"}), json!(null)),
            (json!({"bytes": "00ff"}), json!(null)),
            (
                json!({"decimal": {"unscaled": "-1234567890123456789012", "scale": -3}}),
                json!(null),
            ),
            (
                json!({"date": "86400000"}),
                json!({"type": "INT32", "version": 1,
                "name": "org.apache.kafka.connect.data.Date"}),
            ),
            (
                json!({"map": [[{"i32": 1}, {"array": [null]}]]}),
                json!(null),
            ),
            (
                json!({"struct": [["a", {"i8": 1}]]}),
                json!({"type": "STRUCT", "fields": [{"field": "a", "schema": {"type": "INT8"}}]}),
            ),
        ] {
            let datum = datum_from_json(&json!({ "schema": schema, "value": value })).unwrap();
            assert_eq!(
                datum_to_json(&datum),
                json!({ "schema": schema, "value": value })
            );
        }
    }

    #[test]
    fn what_has_no_form_in_rust_is_an_error() {
        for value in [
            json!({"utf16": "d800"}),
            json!({"javaObject": "java.lang.Object"}),
            json!({"array": [{"utf16": "d800"}]}),
            json!({"i8": 300}),
            json!({"what": 1}),
            json!(5),
        ] {
            assert!(value_from_json(&value, None).is_err(), "{value}");
        }
    }
}
