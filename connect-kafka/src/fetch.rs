//! From librdkafka's messages to batches of records that own their bytes.

use std::time::Duration;

use bytes::Bytes;
use bytes::BytesMut;
use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_broker::FetchedRecord;
use connect_broker::PartitionRecords;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::ffi::Batch;
use crate::ffi::ConsumerQueue;
use crate::ffi::Fetched;
use crate::ffi::FetchedError;
use crate::handoff::Fetch;

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
    partition: i32,
    bytes: BytesMut,
    records: Vec<Sliced>,
}

/// A record whose key and value are lengths in the part's bytes, value behind key.
struct Sliced {
    record: FetchedRecord,
    key: Option<usize>,
    value: Option<usize>,
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
                    fetch.bytes += add(&mut parts, message, limit, room);
                    note(topics, message);
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
        fetch.groups = parts.into_iter().map(|part| finish(part, topics)).collect();
        if let Some(average) = fetch.bytes.checked_div(fetch.count) {
            // One large record must not be followed by many.
            self.average = average.max(self.average / 2);
        }
        (fetch, errors)
    }
}

/// Copies a message into its partition's part and says how many bytes it has.
fn add(parts: &mut Vec<Part>, message: &Fetched<'_>, limit: usize, room: usize) -> usize {
    let (topic_id, partition) = (message.topic_id(), message.partition());
    let is_own = |part: &Part| part.topic_id == topic_id && part.partition == partition;
    // Messages come in runs of one partition, so the last is the likely one.
    let index = parts.iter().rposition(is_own).unwrap_or_else(|| {
        parts.push(Part {
            topic_id,
            partition,
            bytes: BytesMut::with_capacity(room),
            records: Vec::with_capacity(limit),
        });
        parts.len() - 1
    });
    let Some(part) = parts.get_mut(index) else {
        return 0;
    };
    let (key, value) = (message.key(), message.value());
    part.bytes.extend_from_slice(key.unwrap_or_default());
    part.bytes.extend_from_slice(value.unwrap_or_default());
    let (timestamp, timestamp_type) = message.timestamp();
    let headers = message.headers();
    let sized: usize = headers
        .iter()
        .map(|header| header.key.len() + header.value.as_ref().map_or(0, Bytes::len))
        .sum();
    let record = FetchedRecord {
        offset: message.offset(),
        timestamp,
        timestamp_type,
        key: None,
        value: None,
        headers,
    };
    let (key, value) = (key.map(<[u8]>::len), value.map(<[u8]>::len));
    part.records.push(Sliced { record, key, value });
    key.unwrap_or_default() + value.unwrap_or_default() + sized
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

/// Cuts a part's bytes into records.
fn finish(part: Part, topics: &[(usize, TopicName)]) -> PartitionRecords {
    let mut bytes = part.bytes.freeze();
    let mut cut = |len: usize| bytes.split_to(len);
    let records = part
        .records
        .into_iter()
        .map(
            |Sliced {
                 mut record,
                 key,
                 value,
             }| {
                record.key = key.map(&mut cut);
                record.value = value.map(&mut cut);
                record
            },
        )
        .collect();
    let topic = topics.iter().find(|(id, _)| *id == part.topic_id);
    let topic = topic.map_or_else(|| TopicName::new(""), |(_, name)| name.clone());
    PartitionRecords {
        partition: TopicPartition {
            topic,
            partition: part.partition,
        },
        records,
    }
}
