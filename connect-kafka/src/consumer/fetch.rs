//! From librdkafka's messages to records that own their bytes.

use std::time::Duration;

use bytes::Bytes;
use bytes::BytesMut;
use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_broker::FetchedRecord;
use connect_broker::PartitionRecords;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::handoff::Fetch;
use crate::ffi::Batch;
use crate::ffi::ConsumerQueue;
use crate::ffi::Fetched;
use crate::ffi::FetchedError;

/// Fetches batches. The records of a batch that belong to one partition share one allocation.
pub(super) struct Fetcher {
    max_records: usize,
    max_bytes: usize,
    scratch: Batch,
    topics: Vec<(usize, TopicName)>,
    /// The average size of recent records in bytes.
    average: usize,
}

/// The records of one partition in a batch.
struct Part {
    topic_id: usize,
    /// The rest of the allocation for keys and values.
    memory: BytesMut,
    filled: PartitionRecords,
}

impl Fetcher {
    pub(super) fn new(max_records: usize, max_bytes: usize) -> Self {
        Self {
            max_records: max_records.max(1),
            max_bytes: max_bytes.max(1),
            scratch: Batch::default(),
            topics: Vec::new(),
            // A cautious guess until records have been fetched.
            average: 64 * 1024,
        }
    }

    /// Waits for records and takes those that are available, up to about the limits.
    pub(super) fn fetch(
        &mut self,
        queue: &ConsumerQueue,
        wait: Duration,
    ) -> (Fetch, Vec<FetchedError>) {
        let limit = (self.max_bytes / self.average.max(1)).clamp(1, self.max_records);
        let mut fetch = Fetch::default();
        let mut errors = Vec::new();
        let mut parts: Vec<Part> = Vec::new();
        let topics = &mut self.topics;
        let memory = self.average.saturating_mul(limit).min(self.max_bytes);
        queue.take(limit, wait, &mut self.scratch, |message| {
            match message.error() {
                None => {
                    fetch.count += 1;
                    let part = part(&mut parts, topics, message, limit, memory);
                    fetch.bytes += part.add(message);
                }
                Some(error) if error.code == Code::PartitionEOF => {
                    let topic = topic_name(topics, message);
                    fetch.ends.push((
                        TopicPartition {
                            topic,
                            partition: message.partition(),
                        },
                        message.offset(),
                    ));
                }
                Some(error) => errors.push(error),
            }
        });
        fetch.groups = parts.into_iter().map(|part| part.filled).collect();
        if let Some(average) = fetch.bytes.checked_div(fetch.count) {
            // Decreases slowly: after a large record, more of them may follow.
            self.average = average.max(self.average / 2);
        }
        (fetch, errors)
    }
}

/// The part for a message's partition, which is added if it is new.
fn part<'a>(
    parts: &'a mut Vec<Part>,
    topics: &mut Vec<(usize, TopicName)>,
    message: &Fetched<'_>,
    limit: usize,
    memory: usize,
) -> &'a mut Part {
    let (topic_id, partition) = (message.topic_id(), message.partition());
    let is_own =
        |part: &Part| part.topic_id == topic_id && part.filled.partition.partition == partition;
    // Messages come in runs of one partition, so the last part is the likely one.
    let index = parts.iter().rposition(is_own).unwrap_or(parts.len());
    if index == parts.len() {
        let topic = topic_name(topics, message);
        parts.push(Part {
            topic_id,
            memory: BytesMut::with_capacity(memory),
            filled: PartitionRecords {
                partition: TopicPartition { topic, partition },
                records: Vec::with_capacity(limit),
            },
        });
    }
    #[expect(clippy::indexing_slicing, reason = "found or pushed above")]
    &mut parts[index]
}

impl Part {
    /// Copies a message and returns its size in bytes.
    fn add(&mut self, message: &Fetched<'_>) -> usize {
        let (key, value) = (message.key(), message.value());
        let (timestamp, timestamp_type) = message.timestamp();
        let headers = message.headers();
        let sized: usize = headers
            .iter()
            .map(|header| header.key.len() + header.value.as_ref().map_or(0, Bytes::len))
            .sum();
        let mut copy = |bytes: &[u8]| {
            self.memory.extend_from_slice(bytes);
            self.memory.split().freeze()
        };
        self.filled.records.push(FetchedRecord {
            offset: message.offset(),
            timestamp,
            timestamp_type,
            key: key.map(&mut copy),
            value: value.map(&mut copy),
            headers,
        });
        key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len) + sized
    }
}

/// The name of a message's topic, shared by all its records.
fn topic_name(topics: &mut Vec<(usize, TopicName)>, message: &Fetched<'_>) -> TopicName {
    let id = message.topic_id();
    if let Some((_, name)) = topics.iter().find(|(other, _)| *other == id) {
        return name.clone();
    }
    let name = TopicName::new(message.topic());
    topics.push((id, name.clone()));
    name
}
