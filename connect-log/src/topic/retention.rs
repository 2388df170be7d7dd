//! Retention: old records go by age and by size, whole batches at a time.

use std::collections::BTreeSet;
use std::sync::Arc;

use connect_api::LogOffsets;
use connect_broker::Isolation;

use crate::engine::Shared;
use crate::format::batch::Batch;
use crate::sync::lock;
use crate::sync::read;
use crate::topic::Log;
use crate::topic::fetch::read_batches;
use crate::writer::stage::Stage;

/// When to look for old records again.
#[derive(Debug, Default)]
pub(crate) struct Retention {
    next: i64,
}

impl Retention {
    /// True once in a while.
    pub(crate) fn is_due(&mut self, now: i64) -> bool {
        if now < self.next && self.next - now <= INTERVAL_MS {
            return false;
        }
        self.next = now.saturating_add(INTERVAL_MS);
        true
    }

    /// Drops what is too old, and of partitions that are too large what every known group has
    /// read.
    pub(crate) fn expire(shared: &Shared, now: i64) -> Stage {
        let mut stage = Stage::default();
        for log in logs(shared) {
            let too_old = |max_time: i64| {
                log.policy
                    .retention_ms
                    .is_some_and(|ms| max_time < now.saturating_sub(ms))
            };
            let size = log.write().entry.bytes;
            let mut excess = log
                .policy
                .retention_bytes
                .map_or(0, |most| size.saturating_sub(most));
            if excess == 0 && log.policy.retention_ms.is_none() {
                continue;
            }
            let unread = shared.unread_from(&log.partition);
            drop_while(shared, &log, &mut stage, |batch, max_time| {
                let surplus = excess >= batch.bytes.len() as u64 && batch.last < unread;
                if surplus {
                    excess -= batch.bytes.len() as u64;
                }
                surplus || too_old(max_time)
            });
        }
        stage
    }

    /// Drops the oldest records that every known group has read, until so many bytes are free or
    /// there are no more.
    pub(crate) fn make_room(shared: &Shared, mut bytes: u64) -> Stage {
        let mut stage = Stage::default();
        let mut oldest: Vec<(i64, Arc<Log>)> = logs(shared)
            .filter_map(|log| Some((first_time(shared, &log)?, log)))
            .collect();
        oldest.sort_by_key(|(time, log)| (*time, log.id));
        for (_, log) in oldest {
            let unread = shared.unread_from(&log.partition);
            drop_while(shared, &log, &mut stage, |batch, _| {
                let dropped = bytes > 0 && batch.last < unread;
                if dropped {
                    bytes = bytes.saturating_sub(batch.bytes.len() as u64);
                }
                dropped
            });
            if bytes == 0 {
                break;
            }
        }
        stage
    }

    /// Some of the groups whose unread records cannot be dropped.
    pub(crate) fn held_by(shared: &Shared) -> BTreeSet<String> {
        let behind = logs(shared).flat_map(|log| {
            let end = log.end(Isolation::ReadCommitted);
            let committed = lock(&shared.offsets);
            let behind = |offsets: &LogOffsets| {
                offsets
                    .get(&log.partition)
                    .is_some_and(|offset| *offset < end)
            };
            let slow = committed.iter().filter(|(_, offsets)| behind(offsets));
            let slow: Vec<String> = slow.map(|(group, _)| group.clone()).collect();
            drop(committed);
            slow.into_iter()
                .chain(shared.groups.wanting(&log.partition.topic))
                .collect::<Vec<_>>()
        });
        behind.take(MOST_NAMES).collect()
    }
}

/// Logs whose records may be dropped for age or space.
fn logs(shared: &Shared) -> impl Iterator<Item = Arc<Log>> {
    let topics = read(&shared.topics);
    let logs: Vec<_> = topics
        .values()
        .flat_map(|topic| topic.logs.iter().map(Arc::clone))
        .filter(|log| log.policy.delete)
        .collect();
    logs.into_iter()
}

fn first_time(shared: &Shared, log: &Log) -> Option<i64> {
    let batches = read_batches(shared, log, log.start(), i64::MAX, 1).ok()?;
    batches.first()?.header().ok().map(|header| header.max_time)
}

/// Drops batches from the start of a log as long as they are to be dropped.
fn drop_while(
    shared: &Shared,
    log: &Arc<Log>,
    stage: &mut Stage,
    mut is_dropped: impl FnMut(&Batch, i64) -> bool,
) {
    // What belongs to an open transaction stays; so does the rest of a log that cannot be read.
    let limit = log.end(Isolation::ReadCommitted);
    let mut start = log.start();
    let mut freed = 0;
    'log: while start < limit && freed < STEP_BYTES {
        let batches = match read_batches(shared, log, start, limit, CHUNK_BYTES) {
            Ok(batches) => batches,
            Err(error) => {
                tracing::error!(partition = %log.partition, %error, "cannot drop old records");
                break;
            }
        };
        if batches.is_empty() {
            break;
        }
        for batch in batches {
            let Ok(header) = batch.header() else {
                break 'log;
            };
            if !is_dropped(&batch, header.max_time) {
                break 'log;
            }
            start = batch.last + 1;
            freed += batch.bytes.len() as u64;
        }
    }
    if freed > 0 {
        tracing::info!(partition = %log.partition, bytes = freed, start, "dropped old records");
        stage.drop_before(log, start, freed);
    }
}

const MOST_NAMES: usize = 10;
const INTERVAL_MS: i64 = 30_000;
const CHUNK_BYTES: usize = 256 * 1024;
/// How much of one log one commit drops.
const STEP_BYTES: u64 = 64 * 1024 * 1024;
