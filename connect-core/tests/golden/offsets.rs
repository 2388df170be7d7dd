//! Source offsets in the topic are read and written as those of Java.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "members of JSON that may be missing, in cases that must be sound"
)]

use connect_api::Result;
use connect_api::data::Value;
use connect_api::record::OffsetKey;
use connect_api::record::OffsetValue;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_core::codec::offset;
use connect_testkit::golden::Answer;
use connect_testkit::golden::Case;
use connect_testkit::golden::Json;
use connect_testkit::golden::Suite;
use connect_testkit::golden::bytes_from_json;
use connect_testkit::golden::value_from_json;
use connect_testkit::golden::value_to_json;
use serde_json::json;

#[test]
fn offsets_are_stored_as_those_of_java() {
    Suite::open(env!("CARGO_MANIFEST_DIR"), "topics.jsonl").run(|case| match case.op.as_str() {
        "offsettopic.write" => Answer::of(|| write(case)),
        "offsettopic.partitionOfKey" => Answer::of(|| partition_of_key(case)),
        "offsettopic.read" => Answer::of(|| read(case)),
        _ => Answer::Skipped,
    });
}

fn write(case: &Case) -> Result<Json> {
    let partition = partition(&case.input["partition"])?;
    let key = offset::encode_key(case.input["connector"].as_str().unwrap(), &partition);
    let value = match &case.input["offset"] {
        Json::Null => None,
        map => Some(offset::encode_value(&SourceOffset::from_entries(entries(
            map,
        )?))),
    };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let value = value.map(|value| json!({ "utf8": text(&value) }));
    let key = json!({ "utf8": text(&key) });
    Ok(json!({ "records": [{ "key": key, "value": value }] }))
}

/// The partitions of each connector that have an offset, after one record.
fn partition_of_key(case: &Case) -> Result<Json> {
    let key = bytes_from_json(&case.input["key"])?.unwrap_or_default();
    Ok(match offset::decode_key(&key) {
        Ok((connector, partition)) => {
            let known = (!case.input["value"].is_null()).then(|| map(partition.entries()));
            json!({ connector: known.into_iter().collect::<Vec<_>>() })
        }
        Err(_) => json!({}),
    })
}

fn read(case: &Case) -> Result<Json> {
    let key = bytes_from_json(&case.input["storedKey"])?.unwrap_or_default();
    let (_, stored) = offset::decode_key(&key).unwrap();
    assert_eq!(stored, partition(&case.input["partition"])?);
    let value = bytes_from_json(&case.input["storedValue"])?.unwrap_or_default();
    Ok(match offset::decode_value(&value) {
        Ok(offset) => {
            let entries: Vec<_> = offset
                .entries()
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect();
            map(&entries)
        }
        Err(_) => Json::Null,
    })
}

fn partition(json: &Json) -> Result<SourcePartition> {
    if json.is_null() {
        return Ok(SourcePartition::null());
    }
    Ok(SourcePartition::new(entries(json)?))
}

fn entries(json: &Json) -> Result<Vec<(OffsetKey, OffsetValue)>> {
    let pairs = json["map"].as_array().unwrap().iter();
    pairs
        .map(|pair| {
            let key = pair[0]["str"].as_str().unwrap().to_owned();
            let value = match value_from_json(&pair[1], None)? {
                Value::Null => OffsetValue::Null,
                Value::Int32(number) => number.into(),
                Value::Int64(number) => number.into(),
                Value::String(text) => text.into(),
                // Offsets have no such values; nobody can give one.
                _ => {
                    let other = json!({ "javaObject": "not primitive" });
                    value_from_json(&other, None)?;
                    OffsetValue::Null
                }
            };
            Ok((key.into(), value))
        })
        .collect()
}

fn map(entries: &[(OffsetKey, OffsetValue)]) -> Json {
    let value = |value: &OffsetValue| match value {
        OffsetValue::Boolean(value) => Value::Boolean(*value),
        OffsetValue::Int(value) => Value::Int64(*value),
        OffsetValue::Float(value) => Value::Float64(*value),
        OffsetValue::String(text) => Value::String(text.clone()),
        _ => Value::Null,
    };
    let pair = |(key, own): &(OffsetKey, OffsetValue)| json!([{ "str": key }, value_to_json(&value(own), None)]);
    json!({ "map": entries.iter().map(pair).collect::<Vec<_>>() })
}
