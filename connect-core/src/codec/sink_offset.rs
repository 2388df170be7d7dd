//! Offsets of a sink connector, as requests to alter them give them (KIP-875).
//!
//! *Java*: `SinkUtils.parseSinkConnectorOffsets`.

use std::str::FromStr;

use connect_api::data::FloatText;
use connect_api::record::OffsetValue;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;

/// A new offset of a consumer group in one partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkOffset {
    /// The topic.
    pub topic: String,
    /// The partition; not checked to be one.
    pub partition: i32,
    /// The offset; `None` forgets the one that is committed.
    pub offset: Option<i64>,
}

/// Why a request to alter the offsets of a sink connector is refused. The texts are those of Java,
/// whose clients show them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SinkOffsetError {
    /// There is an offset without its value.
    #[error(
        "The offset for a sink connector should either be null or contain the key 'kafka_offset'"
    )]
    NoOffset,
    /// There is no partition.
    #[error("The partition for a sink connector offset cannot be null or missing")]
    NoPartition,
    /// Topic or partition are missing.
    #[error(
        "The partition for a sink connector offset must contain the keys 'kafka_topic' and \
         'kafka_partition'"
    )]
    NoPartitionKeys,
    /// The partition is null.
    #[error("Kafka partitions must be valid numbers and may not be null")]
    NullPartition,
    /// The topic is null.
    #[error("Kafka topic names must be valid strings and may not be null")]
    NullTopic,
    /// The offset is not an integer.
    #[error(
        "Failed to parse the following Kafka offset value in the provided offsets: '{0}'. Offset \
         values for sink connectors need to be integers."
    )]
    Offset(String),
    /// The partition is not an integer of 32 bits.
    #[error(
        "Failed to parse the following Kafka partition value in the provided offsets: '{0}'. \
         Partition values for sink connectors need to be integers."
    )]
    Partition(String),
}

impl SinkOffset {
    /// Reads one entry of a request. Integers may be given as text.
    ///
    /// # Errors
    /// A part is missing or not valid.
    pub fn parse(
        partition: &SourcePartition,
        offset: Option<&SourceOffset>,
    ) -> Result<Self, SinkOffsetError> {
        if partition.is_null() {
            return Err(SinkOffsetError::NoPartition);
        }
        let (Some(topic), Some(number)) = (
            partition.get("kafka_topic"),
            partition.get("kafka_partition"),
        ) else {
            return Err(SinkOffsetError::NoPartitionKeys);
        };
        if topic.is_null() {
            return Err(SinkOffsetError::NullTopic);
        }
        if number.is_null() {
            return Err(SinkOffsetError::NullPartition);
        }
        let offset = offset.map(|offset| {
            let value = offset
                .get("kafka_offset")
                .ok_or(SinkOffsetError::NoOffset)?;
            integer(value).map_err(SinkOffsetError::Offset)
        });
        Ok(Self {
            topic: text_of(topic),
            partition: integer(number).map_err(SinkOffsetError::Partition)?,
            offset: offset.transpose()?,
        })
    }
}

/// The integer, or the text that is not one.
fn integer<T: FromStr>(value: &OffsetValue) -> Result<T, String> {
    let text = text_of(value);
    text.parse().map_err(|_| text)
}

fn text_of(value: &OffsetValue) -> String {
    match value {
        OffsetValue::Boolean(value) => value.to_string(),
        OffsetValue::Int(value) => value.to_string(),
        OffsetValue::Float(value) => FloatText::of_f64(*value).as_str().to_owned(),
        OffsetValue::String(text) => text.to_string(),
        OffsetValue::Bytes(bytes) => format!("{} bytes", bytes.len()),
        _ => "null".to_owned(),
    }
}
