//! The offsets that are stored, in memory.
//!
//! If they are in the log, one task may read it while another writes to it. Offsets that this worker
//! has written take precedence until the log has been read past them: records before that point may be
//! older.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::MutexGuard;

use bytes::Bytes;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_core::ConnectorName;
use connect_core::codec::offset;
use connect_core::codec::offset::OffsetError;
use connect_core::codec::offset_file::Entries;
use connect_core::sync::lock;

use crate::store::OffsetUpdate;

/// What is stored, by connector and partition.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// How many times reading of the log has started.
    reading: u64,
    offsets: ByConnector,
}

type ByConnector = BTreeMap<ConnectorName, HashMap<SourcePartition, Stored>>;

#[derive(Debug)]
struct Stored {
    /// The stored key bytes: an update must use the same bytes.
    key: Bytes,
    /// What was read; `None` after a reset.
    read: Option<SourceOffset>,
    /// What was written, and how many readings had started by then.
    written: Option<(u64, Option<SourceOffset>)>,
}

impl Stored {
    const fn offset(&self) -> Option<&SourceOffset> {
        match &self.written {
            Some((_, offset)) => offset.as_ref(),
            None => self.read.as_ref(),
        }
    }
}

impl Known {
    /// The offsets in stored keys and values. An entry that cannot be read is logged and skipped.
    pub(super) fn from_entries(entries: Entries) -> Self {
        let known = Self::default();
        for (key, value) in entries {
            known.fold(Some(key), value.as_deref());
        }
        known
    }

    /// Records that the log will be read to an end that is not known yet.
    pub(super) fn begin_reading(&self) {
        self.lock().reading += 1;
    }

    /// Records that the log has been read to an end determined after
    /// [`begin_reading`](Self::begin_reading).
    pub(super) fn end_reading(&self) {
        let mut known = self.lock();
        let reading = known.reading;
        for stored in known.offsets.values_mut().flat_map(HashMap::values_mut) {
            stored.written.take_if(|(begun, _)| *begun < reading);
        }
    }

    /// Adds a stored key and value.
    pub(super) fn fold(&self, key: Option<Bytes>, value: Option<&[u8]>) {
        let read = || {
            let key = key.ok_or(OffsetError::Key)?;
            let (connector, partition) = offset::decode_key(&key)?;
            let offset = value.map(offset::decode_value).transpose()?;
            Ok::<_, OffsetError>((connector, partition, key, offset))
        };
        match read() {
            Ok((connector, partition, key, read)) => {
                let mut known = self.lock();
                let stored = known.offsets.entry(connector.into()).or_default();
                let written = stored.remove(&partition).and_then(|old| old.written);
                stored.insert(partition, Stored { key, read, written });
            }
            Err(error) => {
                tracing::error!(%error, "a stored offset cannot be read and is skipped")
            }
        }
    }

    pub(super) fn read(
        &self,
        connector: &str,
        partitions: &[SourcePartition],
    ) -> Vec<Option<SourceOffset>> {
        let known = self.lock();
        let of_connector = known.offsets.get(connector);
        partitions
            .iter()
            .map(|partition| of_connector?.get(partition)?.offset().cloned())
            .collect()
    }

    /// All offsets of a connector.
    pub(crate) fn all(&self, connector: &str) -> Vec<(SourcePartition, SourceOffset)> {
        let known = self.lock();
        let stored = known.offsets.get(connector).into_iter().flatten();
        stored
            .filter_map(|(partition, stored)| Some((partition.clone(), stored.offset()?.clone())))
            .collect()
    }

    /// Key and value bytes of updates, with the keys that are stored already.
    pub(super) fn encode(&self, connector: &ConnectorName, updates: &[OffsetUpdate]) -> Entries {
        let known = self.lock();
        let stored = known.offsets.get(connector);
        let entry = |(partition, offset): &OffsetUpdate| {
            let key = stored
                .and_then(|stored| Some(stored.get(partition)?.key.clone()))
                .unwrap_or_else(|| offset::encode_key(connector, partition));
            (key, offset.as_ref().map(offset::encode_value))
        };
        updates.iter().map(entry).collect()
    }

    /// Records that updates are durable.
    pub(crate) fn apply(&self, connector: &ConnectorName, updates: &[OffsetUpdate]) {
        let mut known = self.lock();
        let reading = known.reading;
        let stored = known.offsets.entry(connector.clone()).or_default();
        for (partition, offset) in updates {
            let written = Some((reading, offset.clone()));
            match stored.get_mut(partition) {
                Some(stored) => stored.written = written,
                None => {
                    let key = offset::encode_key(connector, partition);
                    let new = Stored {
                        key,
                        read: None,
                        written,
                    };
                    stored.insert(partition.clone(), new);
                }
            }
        }
    }

    /// All entries, as they are stored.
    pub(super) fn entries(&self) -> Entries {
        let known = self.lock();
        let stored = known.offsets.values().flat_map(HashMap::values);
        let mut entries: Entries = stored
            .map(|stored| {
                (
                    stored.key.clone(),
                    stored.offset().map(offset::encode_value),
                )
            })
            .collect();
        entries.sort();
        entries
    }

    /// The entries that another one does not have, by connector.
    pub(super) fn missing_in(&self, other: &Self) -> Vec<(ConnectorName, Vec<OffsetUpdate>)> {
        let (mine, theirs) = (self.lock(), other.lock());
        let missing = |(connector, stored): (&ConnectorName, &HashMap<_, Stored>)| {
            let known = theirs.offsets.get(connector);
            let news: Vec<OffsetUpdate> = stored
                .iter()
                .filter(|(partition, stored)| {
                    stored.offset().is_some()
                        && !known.is_some_and(|known| known.contains_key(partition))
                })
                .map(|(partition, stored)| (partition.clone(), stored.offset().cloned()))
                .collect();
            (!news.is_empty()).then(|| (connector.clone(), news))
        };
        mine.offsets.iter().filter_map(missing).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change of the map is a single insertion, so a panic elsewhere leaves it consistent.
        lock(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_on_the_way_does_not_hide_what_was_written() {
        let connector = ConnectorName::from("c");
        let file = SourcePartition::new([("filename", "a")]);
        let offset = |position: i64| SourceOffset::new("position", position);
        let key = || Some(offset::encode_key(&connector, &file));
        let (known, line) = (Known::default(), std::slice::from_ref(&file));
        let position = || known.read("c", line).remove(0);
        let fold = |n: i64| known.fold(key(), Some(&offset::encode_value(&offset(n))));
        fold(1);
        assert_eq!(position(), Some(offset(1)));

        known.begin_reading();
        known.apply(&connector, &[(file.clone(), Some(offset(3)))]);
        fold(2);
        known.end_reading();
        assert_eq!(position(), Some(offset(3)), "2 is older");

        // Another worker has written meanwhile.
        known.begin_reading();
        fold(3);
        fold(4);
        assert_eq!(position(), Some(offset(3)), "not before the end");
        known.end_reading();
        assert_eq!(position(), Some(offset(4)));
    }
}
