//! From librdkafka's messages to batches of records that own their bytes.

use std::time::Duration;

use bytes::Bytes;
use bytes::BytesMut;
use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_broker::FetchedRecord;
use connect_broker::PartitionRecords;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::consumer::handoff::Fetch;
use crate::ffi::Batch;
use crate::ffi::ConsumerQueue;
use crate::ffi::Fetched;
use crate::ffi::FetchedError;

/// Takes batches and copies each into one piece of memory per partition.
pub(crate) struct Fetcher {
    max_records: usize,
    max_bytes: usize,
    scratch: Batch,
    topics: Vec<(usize, TopicName)>,
    /// What a record had on average of late, in bytes.
    average: usize,
}

/// A partition's part of a batch while it is filled.
struct Part {
    topic_id: usize,
    /// Room for the keys and values that follow.
    room: BytesMut,
    filled: PartitionRecords,
}

impl Fetcher {
    pub(crate) fn new(max_records: usize, max_bytes: usize) -> Self {
        Self {
            max_records: max_records.max(1),
            max_bytes: max_bytes.max(1),
            scratch: Batch::default(),
            topics: Vec::new(),
            // Careful until records were seen.
            average: 64 * 1024,
        }
    }

    /// Waits for records and takes those that are there, up to about the bounds.
    pub(crate) fn fetch(
        &mut self,
        queue: &ConsumerQueue,
        wait: Duration,
    ) -> (Fetch, Vec<FetchedError>) {
        let limit = (self.max_bytes / self.average.max(1)).clamp(1, self.max_records);
        let mut fetch = Fetch::default();
        let mut errors = Vec::new();
        let mut parts: Vec<Part> = Vec::new();
        let topics = &mut self.topics;
        let room = self.average.saturating_mul(limit).min(self.max_bytes);
        queue.take(limit, wait, &mut self.scratch, |message| {
            match message.error() {
                None => {
                    fetch.count += 1;
                    let part = part(&mut parts, topics, message, limit, room);
                    fetch.bytes += part.add(message);
                }
                Some(error) if error.code == Code::PartitionEOF => {
                    let topic = note(topics, message);
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
            // One large record must not be followed by many.
            self.average = average.max(self.average / 2);
        }
        (fetch, errors)
    }
}

/// The part of a message's partition.
fn part<'a>(
    parts: &'a mut Vec<Part>,
    topics: &mut Vec<(usize, TopicName)>,
    message: &Fetched<'_>,
    limit: usize,
    room: usize,
) -> &'a mut Part {
    let (topic_id, partition) = (message.topic_id(), message.partition());
    let is_own =
        |part: &Part| part.topic_id == topic_id && part.filled.partition.partition == partition;
    // Messages come in runs of one partition, so the last is the likely one.
    let index = parts.iter().rposition(is_own).unwrap_or(parts.len());
    if index == parts.len() {
        let topic = note(topics, message);
        parts.push(Part {
            topic_id,
            room: BytesMut::with_capacity(room),
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
    /// Copies a message and says how many bytes it has.
    fn add(&mut self, message: &Fetched<'_>) -> usize {
        let (key, value) = (message.key(), message.value());
        let (timestamp, timestamp_type) = message.timestamp();
        let headers = message.headers();
        let sized: usize = headers
            .iter()
            .map(|header| header.key.len() + header.value.as_ref().map_or(0, Bytes::len))
            .sum();
        let mut copy = |bytes: &[u8]| {
            self.room.extend_from_slice(bytes);
            self.room.split().freeze()
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

fn note(topics: &mut Vec<(usize, TopicName)>, message: &Fetched<'_>) -> TopicName {
    let id = message.topic_id();
    if let Some((_, name)) = topics.iter().find(|(other, _)| *other == id) {
        return name.clone();
    }
    let name = TopicName::new(message.topic());
    topics.push((id, name.clone()));
    name
}
