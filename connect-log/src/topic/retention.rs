//! Retention removes old records by age and by size, whole batches at a time.

use std::sync::Arc;

use connect_broker::Isolation;
use connect_core::sync::read;

use crate::engine::Shared;
use crate::engine::Unread;
use crate::format::batch::Batch;
use crate::topic::Log;
use crate::topic::fetch::read_batches;
use crate::topic::policy::Policy;
use crate::writer::stage::Stage;

/// When to check for old records again.
#[derive(Debug, Default)]
pub(crate) struct Retention {
    next: i64,
}

impl Retention {
    /// True if it is time to check for old records.
    pub(crate) fn is_due(&mut self, now: i64) -> bool {
        if now < self.next && self.next - now <= INTERVAL_MS {
            return false;
        }
        self.next = now.saturating_add(INTERVAL_MS);
        true
    }

    /// Removes records that are older than their topic allows and that every known group has read.
    /// A partition that is larger than its topic allows also loses unread records, with a warning.
    pub(crate) fn expire(shared: &Shared, now: i64) -> Stage {
        let mut stage = Stage::new(now);
        for (group, interest) in shared.groups.interests() {
            stage.claim(shared, &group, &interest);
        }
        stage.remove_outdated_claims(shared);
        for log in logs(shared) {
            let Policy {
                retention_ms,
                retention_bytes,
                ..
            } = log.policy;
            let is_old =
                |appended: i64| retention_ms.is_some_and(|ms| appended < now.saturating_sub(ms));
            let size = log.write().entry.bytes;
            let mut excess = retention_bytes.map_or(0, |most| size.saturating_sub(most));
            if excess == 0 && retention_ms.is_none() {
                continue;
            }
            let unread = shared.unread(&log.partition, now);
            let first_unread = first_unread(&unread);
            let start = drop_while(shared, &log, &mut stage, |batch, appended| {
                let len = batch.bytes.len() as u64;
                if len <= excess {
                    excess -= len;
                    return true;
                }
                batch.last < first_unread && is_old(appended)
            });
            warn_of_loss(&log, &unread, start);
        }
        stage
    }

    /// Removes the oldest records that every known group has read, until so many bytes are free or
    /// there are no more.
    pub(crate) fn make_room(shared: &Shared, now: i64, mut bytes: u64) -> Stage {
        let mut stage = Stage::new(now);
        let mut oldest: Vec<(i64, Arc<Log>)> = logs(shared)
            .filter_map(|log| Some((first_time(shared, &log)?, log)))
            .collect();
        oldest.sort_by_key(|(time, log)| (*time, log.id));
        for (_, log) in oldest {
            let first_unread = first_unread(&shared.unread(&log.partition, now));
            drop_while(shared, &log, &mut stage, |batch, _| {
                let is_dropped = bytes > 0 && batch.last < first_unread;
                if is_dropped {
                    bytes = bytes.saturating_sub(batch.bytes.len() as u64);
                }
                is_dropped
            });
            if bytes == 0 {
                break;
            }
        }
        stage
    }

    /// Some of the unread records that cannot be removed: partition, group and how many.
    pub(crate) fn held_by(shared: &Shared, now: i64) -> String {
        let mut held = Vec::new();
        for log in logs(shared) {
            let (start, end) = (log.start(), log.end(Isolation::ReadCommitted));
            for Unread { group, offset } in shared.unread(&log.partition, now) {
                let records = end - offset.max(start);
                if records > 0 {
                    let partition = &log.partition;
                    held.push(format!("{partition} by {group}: {records} records"));
                }
            }
        }
        held.truncate(MOST_NAMES);
        held.join(", ")
    }
}

fn first_unread(unread: &[Unread]) -> i64 {
    let offsets = unread.iter().map(|unread| unread.offset);
    offsets.min().unwrap_or(i64::MAX)
}

/// Warns of the groups that will not get all records before the new start of a log.
fn warn_of_loss(log: &Log, unread: &[Unread], start: i64) {
    let old_start = log.start();
    for Unread { group, offset } in unread {
        let records = start - (*offset).max(old_start);
        if records > 0 {
            tracing::warn!(
                topic = %log.partition.topic,
                partition = log.partition.partition,
                group,
                records,
                limit = log.policy.retention_bytes,
                "records that the group has not read are removed: the partition is larger than its retention.bytes",
            );
        }
    }
}

/// Logs whose records may be removed by age or size.
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
    batches.first()?.header().ok().map(|header| header.appended)
}

/// Removes batches from the start of a log while the predicate holds. Returns the new start.
fn drop_while(
    shared: &Shared,
    log: &Arc<Log>,
    stage: &mut Stage,
    mut is_dropped: impl FnMut(&Batch, i64) -> bool,
) -> i64 {
    // Records of an open transaction stay, and so does the rest of a log that cannot be read.
    let limit = log.end(Isolation::ReadCommitted);
    let mut start = log.start();
    let mut freed = 0;
    'log: while start < limit && freed < STEP_BYTES {
        let batches = match read_batches(shared, log, start, limit, CHUNK_BYTES) {
            Ok(batches) => batches,
            Err(error) => {
                tracing::error!(partition = %log.partition, %error, "old records cannot be removed");
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
            if !is_dropped(&batch, header.appended) {
                break 'log;
            }
            start = batch.last + 1;
            freed += batch.bytes.len() as u64;
        }
    }
    if freed > 0 {
        tracing::info!(partition = %log.partition, bytes = freed, start, "removed old records");
        stage.drop_before(log, start, freed);
    }
    start
}

const MOST_NAMES: usize = 10;
const INTERVAL_MS: i64 = 30_000;
const CHUNK_BYTES: usize = 256 * 1024;
/// How many bytes of one log are removed in one commit.
const STEP_BYTES: u64 = 64 * 1024 * 1024;
