//! Records: what connectors exchange with a log.
//!
//! There is one [`Record`]; a [`SourceRecord`] adds where in the other system it came from, a
//! [`SinkRecord`] where in the log. Transforms see a `Record` and its [`Origin`].

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

/// A record: topic, key, value and what goes with them.
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
    /// The partition; without one the log chooses by the key.
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
    "growing Record must be a conscious act"
);

impl Record {
    /// A record with a topic and a value.
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

    /// Bytes of memory that the record takes, roughly; what back-pressure counts.
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

/// Where a record came from: what a transform may look at beside the record.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Origin<'a> {
    /// From a log, on its way to a sink.
    Sink {
        /// Where it stands in the log.
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
