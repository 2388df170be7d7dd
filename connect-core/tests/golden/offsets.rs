//! The offsets topic.

use connect_api::Error;
use connect_api::Result;
use connect_api::data::Value;
use connect_api::data::ValueMap;
use connect_api::record::OffsetKey;
use connect_api::record::OffsetValue;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_core::codec::offset;
use connect_testkit::golden::Case;
use connect_testkit::golden::Json;
use connect_testkit::golden::bytes_from_json;
use connect_testkit::golden::value_from_json;
use connect_testkit::golden::value_to_json;
use serde_json::json;

pub(crate) fn write(case: &Case) -> Result<Json> {
    let connector = case.input["connector"].as_str().unwrap();
    let key = offset::encode_key(connector, &partition(&case.input["partition"])?);
    let value = offset(&case.input["offset"])?;
    let text = |bytes: &[u8]| json!({ "utf8": std::str::from_utf8(bytes).unwrap() });
    let value = value.map(|offset| text(&offset::encode_value(&offset)));
    Ok(json!({ "records": [{ "key": text(&key), "value": value }] }))
}

pub(crate) fn validate_format(case: &Case) -> Result<Json> {
    entries(&case.input["value"]).map(|_| json!("ok"))
}

/// The partitions of each connector that have an offset, after one record.
pub(crate) fn partition_of_key(case: &Case) -> Result<Json> {
    let key = bytes_from_json(&case.input["key"])?.unwrap_or_default();
    Ok(match offset::decode_key(&key) {
        Ok((connector, partition)) if !partition.is_null() => {
            let known = (!case.input["value"].is_null()).then(|| map(partition.entries()));
            json!({ connector: known.into_iter().collect::<Vec<_>>() })
        }
        _ => json!({}),
    })
}

pub(crate) fn read(case: &Case) -> Result<Json> {
    let key = bytes_from_json(&case.input["storedKey"])?.unwrap_or_default();
    let (connector, stored) = offset::decode_key(&key).unwrap();
    let is_asked =
        case.input["connector"] == connector && stored == partition(&case.input["partition"])?;
    let value = bytes_from_json(&case.input["storedValue"])?;
    Ok(match value.map(|value| offset::decode_value(&value)) {
        Some(Ok(offset)) if is_asked => {
            let entries = offset.entries();
            let entries: Vec<_> = entries.map(|(k, v)| (k.clone(), v.clone())).collect();
            map(&entries)
        }
        _ => Json::Null,
    })
}

pub(crate) fn partition(json: &Json) -> Result<SourcePartition> {
    Ok(entries(json)?.map_or_else(SourcePartition::null, SourcePartition::new))
}

pub(crate) fn offset(json: &Json) -> Result<Option<SourceOffset>> {
    Ok(entries(json)?.map(SourceOffset::from_entries))
}

fn entries(json: &Json) -> Result<Option<Vec<(OffsetKey, OffsetValue)>>> {
    let value = value_from_json(json, None)?;
    offset::entries_of(&value).map_err(|error| Error::data(error.to_string()))
}

fn map(entries: &[(OffsetKey, OffsetValue)]) -> Json {
    let value = |value: &OffsetValue| match value {
        OffsetValue::Null => Value::Null,
        OffsetValue::Boolean(value) => (*value).into(),
        OffsetValue::Int(value) => (*value).into(),
        OffsetValue::Float(value) => (*value).into(),
        OffsetValue::String(text) => text.clone().into(),
        OffsetValue::Bytes(bytes) => bytes.clone().into(),
        other => panic!("{other:?} has no form in a case"),
    };
    let entries = entries.iter().map(|(key, own)| (&**key, value(own)));
    value_to_json(&entries.collect::<ValueMap>().into(), None)
}
