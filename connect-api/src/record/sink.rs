//! Records for a sink.

use crate::record::Record;
use crate::topic::LogPosition;
use crate::topic::TimestampType;

/// A record for a sink, with its position in the log.
///
/// Transforms may change [`record`](SinkRecord::record), including topic and partition. `position`
/// is always the original one; use it with [`SinkTaskContext`](crate::SinkTaskContext) and in
/// `pre_commit` (KIP-793).
#[derive(Debug, Clone)]
#[doc(alias = "originalTopic")]
#[doc(alias = "originalKafkaOffset")]
pub struct SinkRecord {
    /// The position in the log.
    pub position: LogPosition,
    /// Who set its timestamp.
    pub timestamp_type: TimestampType,
    /// The record after transforms.
    pub record: Record,
}

impl SinkRecord {
    /// Creates a record for a sink.
    #[must_use]
    pub fn new(position: LogPosition, record: Record) -> Self {
        Self {
            position,
            timestamp_type: TimestampType::CreateTime,
            record,
        }
    }
}
