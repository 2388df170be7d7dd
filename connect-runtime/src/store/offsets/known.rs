//! The offsets that are stored, in memory.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use bytes::Bytes;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_core::ConnectorName;
use connect_core::codec::offset;
use connect_core::codec::offset_file::Entries;

use crate::store::OffsetUpdate;

/// What is stored, by connector and partition.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<ByConnector>);

type ByConnector = BTreeMap<ConnectorName, HashMap<SourcePartition, Stored>>;

#[derive(Debug, Clone)]
struct Stored {
    /// The key bytes as they are stored: an update must use the very same ones.
    key: Bytes,
    /// `None` after a reset.
    offset: Option<SourceOffset>,
}

impl Known {
    /// What stored keys and values say; what cannot be read is logged and skipped.
    pub(super) fn from_entries(entries: Entries) -> Self {
        let known = Self::default();
        for (key, value) in entries {
            known.fold(Some(key), value.as_deref());
        }
        known
    }

    /// Takes in a stored key and value.
    pub(super) fn fold(&self, key: Option<Bytes>, value: Option<&[u8]>) {
        let read = || {
            let key = key.ok_or("the record has no key")?;
            let (connector, partition) = offset::decode_key(&key)?;
            let offset = value.map(offset::decode_value).transpose()?;
            Ok::<_, String>((connector, partition, Stored { key, offset }))
        };
        match read() {
            Ok((connector, partition, stored)) => {
                self.lock()
                    .entry(connector.into())
                    .or_default()
                    .insert(partition, stored);
            }
            Err(reason) => tracing::error!(reason, "a stored offset cannot be read and is skipped"),
        }
    }

    pub(super) fn read(
        &self,
        connector: &str,
        partitions: &[SourcePartition],
    ) -> Vec<Option<SourceOffset>> {
        let known = self.lock();
        let of_connector = known.get(connector);
        partitions
            .iter()
            .map(|partition| of_connector?.get(partition)?.offset.clone())
            .collect()
    }

    /// All offsets of a connector.
    pub(crate) fn all(&self, connector: &str) -> Vec<(SourcePartition, SourceOffset)> {
        let known = self.lock();
        let stored = known.get(connector).into_iter().flatten();
        stored
            .filter_map(|(partition, stored)| Some((partition.clone(), stored.offset.clone()?)))
            .collect()
    }

    /// Key and value bytes of updates, with the keys that are stored already.
    pub(super) fn encode(&self, connector: &ConnectorName, updates: &[OffsetUpdate]) -> Entries {
        let known = self.lock();
        let stored = known.get(connector);
        let entry = |(partition, offset): &OffsetUpdate| {
            let key = stored
                .and_then(|stored| Some(stored.get(partition)?.key.clone()))
                .unwrap_or_else(|| offset::encode_key(connector, partition));
            (key, offset.as_ref().map(offset::encode_value))
        };
        updates.iter().map(entry).collect()
    }

    /// Takes note that updates are durable.
    pub(crate) fn apply(&self, connector: &ConnectorName, updates: &[OffsetUpdate]) {
        let mut known = self.lock();
        let stored = known.entry(connector.clone()).or_default();
        for (partition, offset) in updates {
            match stored.get_mut(partition) {
                Some(stored) => stored.offset.clone_from(offset),
                None => {
                    let key = offset::encode_key(connector, partition);
                    stored.insert(
                        partition.clone(),
                        Stored {
                            key,
                            offset: offset.clone(),
                        },
                    );
                }
            }
        }
    }

    /// All entries, as they are stored.
    pub(super) fn entries(&self) -> Entries {
        let known = self.lock();
        let stored = known.values().flat_map(HashMap::values);
        let mut entries: Entries = stored
            .map(|stored| {
                (
                    stored.key.clone(),
                    stored.offset.as_ref().map(offset::encode_value),
                )
            })
            .collect();
        entries.sort();
        entries
    }

    /// What another one does not have, by connector.
    pub(super) fn missing_in(&self, other: &Self) -> Vec<(ConnectorName, Vec<OffsetUpdate>)> {
        let (mine, theirs) = (self.lock(), other.lock());
        let missing = |(connector, stored): (&ConnectorName, &HashMap<_, Stored>)| {
            let known = theirs.get(connector);
            let news: Vec<OffsetUpdate> = stored
                .iter()
                .filter(|(partition, stored)| {
                    stored.offset.is_some()
                        && !known.is_some_and(|known| known.contains_key(partition))
                })
                .map(|(partition, stored)| (partition.clone(), stored.offset.clone()))
                .collect();
            (!news.is_empty()).then(|| (connector.clone(), news))
        };
        mine.iter().filter_map(missing).collect()
    }

    fn lock(&self) -> MutexGuard<'_, ByConnector> {
        // Every change of the map is a single insertion, so a panic elsewhere leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
