//! Records for a sink.

use crate::record::Record;
use crate::topic::LogPosition;
use crate::topic::TimestampType;

/// A record for a sink, with the place in the log that it came from.
///
/// Transforms may change [`record`](SinkRecord::record), topic and partition included;
/// `position` is always the original one, and the one to use with
/// [`SinkTaskContext`](crate::SinkTaskContext) and in `pre_commit` (KIP-793).
#[derive(Debug, Clone)]
#[doc(alias = "originalTopic")]
#[doc(alias = "originalKafkaOffset")]
pub struct SinkRecord {
    /// Where it stands in the log.
    pub position: LogPosition,
    /// Who set its timestamp.
    pub timestamp_type: TimestampType,
    /// The record after transforms.
    pub record: Record,
}

impl SinkRecord {
    /// Makes a record for a sink.
    #[must_use]
    pub fn new(position: LogPosition, record: Record) -> Self {
        Self {
            position,
            timestamp_type: TimestampType::CreateTime,
            record,
        }
    }
}
