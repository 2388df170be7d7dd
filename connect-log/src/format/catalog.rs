//! The small entries of a store: one key and one encoding for each fact.

use std::collections::BTreeMap;

use connect_api::TopicName;
use connect_api::TopicPartition;

use crate::format::varint::Reader;
use crate::format::varint::put;
use crate::format::varint::put_bytes;
use crate::format::varint::put_signed;
use crate::group::claims::Claims;
use crate::group::claims::GroupClaims;
use crate::store::Entry;

/// Everything that the entries of a store say.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    /// The identity of the log; absent in a new store.
    pub(crate) cluster_id: Option<String>,
    /// True if an older version wrote the store.
    pub(crate) is_older: bool,
    /// What groups may still want to read.
    pub(crate) claims: Claims,
    /// The topics.
    pub(crate) topics: BTreeMap<TopicName, TopicEntry>,
    /// The state of each log.
    pub(crate) logs: BTreeMap<u32, LogEntry>,
    /// Committed offsets by group and partition.
    pub(crate) offsets: Vec<(String, TopicPartition, i64)>,
    /// Transactional ids.
    pub(crate) producers: BTreeMap<String, ProducerEntry>,
    /// Batches of transactions that were open: producer, log, base offset, length.
    pub(crate) open: Vec<(u64, u32, i64, u64)>,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicEntry {
    /// The log of each partition.
    pub(crate) logs: Vec<u32>,
    /// Its own options.
    pub(crate) config: BTreeMap<String, String>,
}

/// The state of a log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LogEntry {
    /// The first offset that is left.
    pub(crate) start: i64,
    /// The next offset.
    pub(crate) end: i64,
    /// Below this offset there is one record per key.
    pub(crate) clean: i64,
    /// Bytes of its batches.
    pub(crate) bytes: u64,
    /// Those of them at or above `clean`.
    pub(crate) dirty_bytes: u64,
}

/// A transactional id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProducerEntry {
    /// The producer id in its batches.
    pub(crate) id: u64,
    /// How often a producer has taken over the id.
    pub(crate) epoch: u32,
}

/// The format of everything stored. Newer formats are rejected.
pub(crate) const FORMAT: u64 = 2;

/// The previous format: it has no claims, and the age of a batch counts from the timestamps of its
/// records.
const FORMAT_WITHOUT_CLAIMS: u64 = 1;

/// An entry is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CatalogError {
    /// Damaged.
    #[error("an entry of kind {0:?} cannot be read")]
    Damaged(char),
    /// Written by another version.
    #[error("the data has format {0}, this version reads format {FORMAT}")]
    Format(u64),
}

impl Catalog {
    /// Reads all entries.
    pub(crate) fn read(entries: impl IntoIterator<Item = Entry>) -> Result<Self, CatalogError> {
        let mut catalog = Self::default();
        for (key, value) in entries {
            let kind = key.first().copied().unwrap_or_default();
            catalog
                .read_entry(&key, &value)?
                .ok_or(CatalogError::Damaged(char::from(kind)))?;
        }
        Ok(catalog)
    }

    fn read_entry(&mut self, key: &[u8], value: &[u8]) -> Result<Option<()>, CatalogError> {
        let mut key = Reader::new(key);
        let mut value = Reader::new(value);
        Ok(match key.array() {
            Some([CLAIMS]) => self.read_claims(&mut key, &mut value),
            Some([IDENTITY]) => match value.varint() {
                Some(format @ (FORMAT | FORMAT_WITHOUT_CLAIMS)) => {
                    self.is_older = format != FORMAT;
                    value.text().map(|id| self.cluster_id = Some(id.to_owned()))
                }
                Some(format) => return Err(CatalogError::Format(format)),
                None => None,
            },
            Some([LOG]) => self.read_log(&mut key, &mut value),
            Some([OFFSET]) => self.read_offset(&mut key, &mut value),
            Some([OPEN]) => self.read_open(&mut key, &mut value),
            Some([PRODUCER]) => self.read_producer(&mut key, &mut value),
            Some([TOPIC]) => self.read_topic(&mut key, &mut value),
            _ => None,
        })
    }

    fn read_claims(&mut self, key: &mut Reader<'_>, value: &mut Reader<'_>) -> Option<()> {
        let group = key.text()?.to_owned();
        self.claims.set(group, GroupClaims::decode(value)?);
        Some(())
    }

    fn read_log(&mut self, key: &mut Reader<'_>, value: &mut Reader<'_>) -> Option<()> {
        let log = u32::from_be_bytes(key.array()?);
        let entry = LogEntry {
            start: value.signed()?,
            end: value.signed()?,
            clean: value.signed()?,
            bytes: value.varint()?,
            dirty_bytes: value.varint()?,
        };
        self.logs.insert(log, entry);
        Some(())
    }

    fn read_offset(&mut self, key: &mut Reader<'_>, value: &mut Reader<'_>) -> Option<()> {
        let group = key.text()?.to_owned();
        let topic = key.text()?;
        let partition = i32::from_be_bytes(key.array()?);
        self.offsets.push((
            group,
            TopicPartition::new(topic, partition),
            value.signed()?,
        ));
        Some(())
    }

    fn read_open(&mut self, key: &mut Reader<'_>, value: &mut Reader<'_>) -> Option<()> {
        let producer = u64::from_be_bytes(key.array()?);
        let log = u32::from_be_bytes(key.array()?);
        let base = i64::from_be_bytes(key.array()?);
        self.open.push((producer, log, base, value.varint()?));
        Some(())
    }

    fn read_producer(&mut self, key: &mut Reader<'_>, value: &mut Reader<'_>) -> Option<()> {
        let name = key.text()?.to_owned();
        let entry = ProducerEntry {
            id: value.varint()?,
            epoch: u32::try_from(value.varint()?).ok()?,
        };
        self.producers.insert(name, entry);
        Some(())
    }

    fn read_topic(&mut self, key: &mut Reader<'_>, value: &mut Reader<'_>) -> Option<()> {
        let name = TopicName::new(key.text()?);
        let mut logs = Vec::new();
        for _ in 0..value.varint()? {
            logs.push(u32::from_be_bytes(value.array()?));
        }
        let mut config = BTreeMap::new();
        while !value.is_empty() {
            config.insert(value.text()?.to_owned(), value.text()?.to_owned());
        }
        self.topics.insert(name, TopicEntry { logs, config });
        Some(())
    }
}

/// The entry with the identity of the log.
pub(crate) fn identity(cluster_id: &str) -> Entry {
    let mut value = Vec::new();
    put(&mut value, FORMAT);
    put_bytes(&mut value, cluster_id.as_bytes());
    (vec![IDENTITY], value)
}

/// The key of the claims of a group.
pub(crate) fn claims_key(group: &str) -> Vec<u8> {
    let mut key = vec![CLAIMS];
    put_bytes(&mut key, group.as_bytes());
    key
}

/// The key of a log's state.
pub(crate) fn log_key(log: u32) -> Vec<u8> {
    let mut key = vec![LOG];
    key.extend_from_slice(&log.to_be_bytes());
    key
}

/// The value of a log's state.
pub(crate) fn log_value(entry: &LogEntry) -> Vec<u8> {
    let mut value = Vec::new();
    put_signed(&mut value, entry.start);
    put_signed(&mut value, entry.end);
    put_signed(&mut value, entry.clean);
    put(&mut value, entry.bytes);
    put(&mut value, entry.dirty_bytes);
    value
}

/// The key of a committed offset.
pub(crate) fn offset_key(group: &str, partition: &TopicPartition) -> Vec<u8> {
    let mut key = vec![OFFSET];
    put_bytes(&mut key, group.as_bytes());
    put_bytes(&mut key, partition.topic.as_str().as_bytes());
    key.extend_from_slice(&partition.partition.to_be_bytes());
    key
}

/// The value of a committed offset.
pub(crate) fn offset_value(offset: i64) -> Vec<u8> {
    let mut value = Vec::new();
    put_signed(&mut value, offset);
    value
}

/// The key that marks a batch as part of an open transaction.
pub(crate) fn open_key(producer: u64, log: u32, base: i64) -> Vec<u8> {
    let mut key = vec![OPEN];
    key.extend_from_slice(&producer.to_be_bytes());
    key.extend_from_slice(&log.to_be_bytes());
    key.extend_from_slice(&base.to_be_bytes());
    key
}

/// The value of such a mark: the length of the batch.
pub(crate) fn open_value(len: u64) -> Vec<u8> {
    let mut value = Vec::new();
    put(&mut value, len);
    value
}

/// The key of a transactional id.
pub(crate) fn producer_key(transactional_id: &str) -> Vec<u8> {
    let mut key = vec![PRODUCER];
    put_bytes(&mut key, transactional_id.as_bytes());
    key
}

/// The value of a transactional id.
pub(crate) fn producer_value(entry: ProducerEntry) -> Vec<u8> {
    let mut value = Vec::new();
    put(&mut value, entry.id);
    put(&mut value, u64::from(entry.epoch));
    value
}

/// The key of a topic.
pub(crate) fn topic_key(name: &TopicName) -> Vec<u8> {
    let mut key = vec![TOPIC];
    put_bytes(&mut key, name.as_str().as_bytes());
    key
}

/// The value of a topic.
pub(crate) fn topic_value(entry: &TopicEntry) -> Vec<u8> {
    let mut value = Vec::new();
    put(&mut value, entry.logs.len() as u64);
    for log in &entry.logs {
        value.extend_from_slice(&log.to_be_bytes());
    }
    for (name, text) in &entry.config {
        put_bytes(&mut value, name.as_bytes());
        put_bytes(&mut value, text.as_bytes());
    }
    value
}

const CLAIMS: u8 = b'g';
const IDENTITY: u8 = b'i';
const LOG: u8 = b'l';
const OFFSET: u8 = b'o';
const OPEN: u8 = b'x';
const PRODUCER: u8 = b'p';
const TOPIC: u8 = b't';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_as_they_were_written() {
        let topic = TopicEntry {
            logs: vec![3, 4],
            config: BTreeMap::from([("cleanup.policy".to_owned(), "compact".to_owned())]),
        };
        let log = LogEntry {
            start: 1,
            end: 900,
            clean: 20,
            bytes: 4_000,
            dirty_bytes: 100,
        };
        let producer = ProducerEntry { id: 9, epoch: 2 };
        let partition = TopicPartition::new("t", 1);
        let catalog = Catalog::read([
            identity("abc"),
            (topic_key(&"t".into()), topic_value(&topic)),
            (log_key(3), log_value(&log)),
            (offset_key("g", &partition), offset_value(17)),
            (producer_key("tx"), producer_value(producer)),
            (open_key(9, 3, 800), open_value(70)),
        ])
        .unwrap();
        assert_eq!(catalog.cluster_id.as_deref(), Some("abc"));
        assert_eq!(catalog.topics.get("t"), Some(&topic));
        assert_eq!(catalog.logs.get(&3), Some(&log));
        assert_eq!(catalog.offsets, [("g".to_owned(), partition, 17)]);
        assert_eq!(catalog.producers.get("tx"), Some(&producer));
        assert_eq!(catalog.open, [(9, 3, 800, 70)]);
    }

    #[test]
    fn another_format_is_refused() {
        let mut value = Vec::new();
        put(&mut value, 3);
        let error = Catalog::read([(vec![IDENTITY], value)]).unwrap_err();
        assert_eq!(error, CatalogError::Format(3));
    }
}
