//! Records in the form of the vectors.

#![expect(
    clippy::indexing_slicing,
    reason = "members of JSON, and pairs of known length"
)]

use connect_api::LogPosition;
use connect_api::Result;
use connect_api::Timestamp;
use connect_api::record::Header;
use connect_api::record::OffsetValue;
use connect_api::record::Origin;
use connect_api::record::Record;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use serde_json::json;

use super::Json;
use super::datum_from_json;
use super::datum_to_json;
use super::value::malformed;

/// A record of a vector, with its origin.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct GoldenRecord {
    /// The record.
    pub record: Record,
    json: Json,
    origin: OwnedOrigin,
}

#[derive(Debug, Clone)]
enum OwnedOrigin {
    Sink(LogPosition),
    Source(SourcePartition, SourceOffset),
}

impl GoldenRecord {
    /// Reads a record.
    ///
    /// # Errors
    /// A value in it cannot be represented in Rust, or the case is malformed.
    pub fn from_json(json: &Json) -> Result<Self> {
        let topic = json.get("topic").and_then(Json::as_str).unwrap_or_default();
        let mut record = Record::new(topic, datum_from_json(json.get("value").unwrap_or(json))?);
        record.key = datum_from_json(json.get("key").unwrap_or(&Json::Null))?;
        record.partition = json
            .get("partition")
            .and_then(Json::as_i64)
            .map(|partition| {
                partition
                    .try_into()
                    .map_err(|_| malformed("partition", json))
            })
            .transpose()?;
        let timestamp = json.get("timestamp").and_then(Json::as_i64);
        record.timestamp = timestamp.map(Timestamp::from_millis);
        for header in json
            .get("headers")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
        {
            let key = header.get("key").and_then(Json::as_str).unwrap_or_default();
            record
                .headers
                .push(Header::new(key, datum_from_json(header)?));
        }
        let origin = match json.get("kind").and_then(Json::as_str) {
            Some("sink") => OwnedOrigin::Sink(LogPosition::new(
                topic,
                record.partition.unwrap_or_default(),
                json.get("offset")
                    .and_then(Json::as_i64)
                    .unwrap_or_default(),
            )),
            Some("source") => {
                let partition = entries(json.get("sourcePartition"))?;
                let partition = partition.map_or_else(SourcePartition::null, SourcePartition::new);
                let offset = entries(json.get("sourceOffset"))?.unwrap_or_default();
                OwnedOrigin::Source(partition, SourceOffset::from_entries(offset))
            }
            _ => return Err(malformed("record", json)),
        };
        Ok(Self {
            record,
            json: json.clone(),
            origin,
        })
    }

    /// Its origin.
    #[must_use]
    pub const fn origin(&self) -> Origin<'_> {
        match &self.origin {
            OwnedOrigin::Sink(position) => Origin::Sink { position },
            OwnedOrigin::Source(partition, offset) => Origin::Source { partition, offset },
        }
    }

    /// Writes the record after a transform. Fields that no transform can change are copied.
    #[must_use]
    pub fn to_json(&self, record: &Record) -> Json {
        let mut json = self.json.clone();
        json["topic"] = json!(&*record.topic);
        json["partition"] = json!(record.partition);
        json["timestamp"] = json!(record.timestamp.map(Timestamp::as_millis));
        json["key"] = datum_to_json(&record.key);
        json["value"] = datum_to_json(&record.value);
        let headers = record.headers.iter().map(|header| {
            let mut json = datum_to_json(&header.value);
            json["key"] = json!(header.key.as_str());
            json
        });
        json["headers"] = headers.collect();
        json
    }
}

/// The entries of a source partition or offset.
fn entries(json: Option<&Json>) -> Result<Option<Vec<(String, OffsetValue)>>> {
    let Some(entries) = json
        .and_then(|json| json.get("map"))
        .and_then(Json::as_array)
    else {
        return Ok(None);
    };
    let entry = |entry: &Json| {
        let value = super::value_from_json(&entry[1], None)?;
        let value = match value.as_i64() {
            Some(number) => number.into(),
            None => OffsetValue::from(value.as_str()),
        };
        Ok((
            entry[0]["str"].as_str().unwrap_or_default().to_owned(),
            value,
        ))
    };
    entries.iter().map(entry).collect::<Result<_>>().map(Some)
}
