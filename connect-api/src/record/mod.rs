//! Records that connectors exchange with a log.
//!
//! A [`SourceRecord`] is a [`Record`] with its origin in the other system, a [`SinkRecord`] is one
//! with its position in the log. Transforms see a `Record` and its [`Origin`].

mod header;
mod sink;
mod source;

pub use header::Header;
pub use header::Headers;
pub use header::RawHeader;
pub use header::RawHeaders;
pub use sink::SinkRecord;
pub use source::Delivery;
pub use source::OffsetEntries;
pub use source::OffsetKey;
pub use source::OffsetValue;
pub use source::SharedOffset;
pub use source::SourceOffset;
pub use source::SourcePartition;
pub use source::SourceRecord;

use crate::data::Datum;
use crate::topic::LogPosition;
use crate::topic::Timestamp;
use crate::topic::TopicName;

/// A record: topic, partition, timestamp, key, value and headers.
///
/// ```
/// use connect_api::data::Datum;
/// use connect_api::record::Record;
///
/// let record = Record::new("lines", Datum::string("hello"));
/// assert_eq!(&*record.topic, "lines");
/// assert!(record.key.value.is_null());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[doc(alias = "ConnectRecord")]
pub struct Record {
    /// The topic.
    pub topic: TopicName,
    /// The partition; with `None` the log chooses one by the key.
    #[doc(alias = "kafkaPartition")]
    pub partition: Option<i32>,
    /// The time of the record.
    pub timestamp: Option<Timestamp>,
    /// The key.
    pub key: Datum,
    /// The value.
    pub value: Datum,
    /// The headers.
    pub headers: Headers,
}

const _: () = assert!(
    size_of::<Record>() <= 176,
    "a larger Record slows down every pipeline: grow it only on purpose"
);

impl Record {
    /// Creates a record with a topic and a value.
    #[must_use]
    pub fn new(topic: impl Into<TopicName>, value: Datum) -> Self {
        Self {
            topic: topic.into(),
            partition: None,
            timestamp: None,
            key: Datum::NULL,
            value,
            headers: Headers::new(),
        }
    }

    /// Sets the key.
    #[must_use]
    pub fn with_key(mut self, key: Datum) -> Self {
        self.key = key;
        self
    }

    /// Sets the timestamp.
    #[must_use]
    pub fn with_timestamp(mut self, timestamp: Timestamp) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    /// The approximate size in memory, in bytes. Back-pressure counts it.
    #[must_use]
    pub fn size(&self) -> usize {
        let headers: usize = self
            .headers
            .iter()
            .map(|header| size_of::<Header>() + header.key.len() + header.value.value.heap_size())
            .sum();
        size_of::<Self>() + self.key.value.heap_size() + self.value.value.heap_size() + headers
    }
}

/// Where a record came from. Transforms may look at it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Origin<'a> {
    /// From a log, on its way to a sink.
    Sink {
        /// The position in the log.
        position: &'a LogPosition,
    },
    /// From a source, on its way to a log.
    Source {
        /// The source partition.
        partition: &'a SourcePartition,
        /// The source offset.
        offset: &'a SourceOffset,
    },
}
