//! A store in memory, for tests and for data that need not survive the process.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::ops::Bound;
use std::sync::RwLock;

use bytes::Bytes;
use connect_broker::BrokerError;
use connect_core::sync::read;
use connect_core::sync::write;

use crate::store::Change;
use crate::store::Chunk;
use crate::store::Entry;
use crate::store::Store;
use crate::store::StoredBatch;

/// Keeps batches in memory. Small entries are not kept: the log that writes them lives as long as
/// the store and has them itself.
#[derive(Debug, Default)]
pub(crate) struct MemoryStore {
    logs: RwLock<HashMap<u32, BTreeMap<i64, Bytes>>>,
}

impl Store for MemoryStore {
    fn commit(&self, changes: &[Change], _sync: bool) -> Result<(), BrokerError> {
        let mut logs = write(&self.logs);
        for change in changes {
            match change {
                Change::Put(..) | Change::Remove(_) => {}
                Change::PutBatch { log, base, bytes } => {
                    logs.entry(*log).or_default().insert(*base, bytes.clone());
                }
                Change::RemoveBatches { log, from, to } => {
                    if let Some(batches) = logs.get_mut(log) {
                        remove_range(batches, *from, *to);
                        if batches.is_empty() {
                            logs.remove(log);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn read(
        &self,
        log: u32,
        from: i64,
        to: i64,
        limit: usize,
    ) -> Result<Vec<StoredBatch>, BrokerError> {
        let logs = read(&self.logs);
        let Some(batches) = logs.get(&log) else {
            return Ok(Vec::new());
        };
        let first = batches.range(..=from).next_back();
        let rest = batches.range((Bound::Excluded(from), Bound::Excluded(to.max(from + 1))));
        let mut chunk = Chunk::new(limit);
        if let Some((base, bytes)) = first {
            chunk.push_first(*base, || bytes.clone());
        }
        for (base, bytes) in rest {
            if !chunk.push(*base, bytes.len(), || bytes.clone()) {
                break;
            }
        }
        Ok(chunk.into_batches())
    }

    fn entries(&self) -> Result<Vec<Entry>, BrokerError> {
        Ok(Vec::new())
    }

    fn is_in_memory(&self) -> bool {
        true
    }

    fn close(&self) {
        write(&self.logs).clear();
    }
}

/// The cost depends on what is removed, not on the length of the log.
fn remove_range(batches: &mut BTreeMap<i64, Bytes>, from: i64, to: i64) {
    if from < to {
        let bases: Vec<i64> = batches.range(from..to).map(|(base, _)| *base).collect();
        for base in bases {
            batches.remove(&base);
        }
    }
}
