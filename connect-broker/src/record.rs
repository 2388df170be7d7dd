//! Records on their way to and from a log.

use bytes::Bytes;
use connect_api::Timestamp;
use connect_api::TimestampType;
use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_api::record::RawHeaders;

/// A record to be written.
#[derive(Debug, Clone)]
pub struct ProducerRecord {
    /// The caller's number for this record, which its receipt repeats. Ascending per producer.
    pub token: u64,
    /// The topic.
    pub topic: TopicName,
    /// The partition. Without one, the murmur2 hash of the key decides, as in Java's client;
    /// without a key, the log spreads batches evenly.
    pub partition: Option<i32>,
    /// The time of the record; the log fills in its own if absent.
    pub timestamp: Option<Timestamp>,
    /// The key.
    pub key: Option<Bytes>,
    /// The value; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// The headers.
    pub headers: RawHeaders,
}

impl ProducerRecord {
    /// A record with a value and nothing else.
    #[must_use]
    pub fn new(token: u64, topic: impl Into<TopicName>, value: impl Into<Bytes>) -> Self {
        Self {
            token,
            topic: topic.into(),
            partition: None,
            timestamp: None,
            key: None,
            value: Some(value.into()),
            headers: RawHeaders::new(),
        }
    }

    /// Bytes of key, value and headers: what back-pressure counts.
    #[must_use]
    pub fn size(&self) -> usize {
        let headers: usize = self
            .headers
            .iter()
            .map(|header| header.key.len() + header.value.as_ref().map_or(0, Bytes::len))
            .sum();
        self.key.as_ref().map_or(0, Bytes::len)
            + self.value.as_ref().map_or(0, Bytes::len)
            + headers
    }
}

/// Records of one partition, in offset order. Offsets may have gaps.
#[derive(Debug, Clone)]
pub struct PartitionRecords {
    /// The partition that all of them come from.
    pub partition: TopicPartition,
    /// The records.
    pub records: Vec<FetchedRecord>,
}

/// A record that was read. Key and value are slices of the batch that was read: keeping one keeps
/// the whole batch in memory.
#[derive(Debug, Clone)]
pub struct FetchedRecord {
    /// Its offset.
    pub offset: i64,
    /// Its time.
    pub timestamp: Option<Timestamp>,
    /// Who set the time.
    pub timestamp_type: TimestampType,
    /// The key.
    pub key: Option<Bytes>,
    /// The value; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// The headers.
    pub headers: RawHeaders,
}
