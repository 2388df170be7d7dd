//! Compaction: of each key of a compacted topic, the last record is kept.
//!
//! Works like Kafka's cleaner. It first reads the keys of the part that is not compacted yet, with
//! the last offset of each key, and then rewrites the log from its start without the records before
//! that offset. Both happen in small steps between group commits, so that no producer waits long. A
//! crash in between leaves a log that is partly compacted, which is valid.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;

use connect_broker::BrokerError;
use connect_broker::FetchedRecord;
use connect_broker::Isolation;
use connect_core::sync::read;

use crate::engine::Shared;
use crate::format::batch::Batch;
use crate::format::batch::BatchBuilder;
use crate::format::batch::FLAG_APPEND_TIME;
use crate::topic::Log;
use crate::topic::fetch::corrupt;
use crate::topic::fetch::read_batches;
use crate::writer::stage::Stage;

/// Decides which log is compacted next, and does it.
#[derive(Debug, Default)]
pub(crate) struct Compactor {
    waiting: VecDeque<Arc<Log>>,
    current: Option<Compaction>,
}

/// The compaction of one log.
#[derive(Debug)]
struct Compaction {
    log: Arc<Log>,
    /// The last offset of each key in the part that was not compacted.
    last: HashMap<Box<[u8]>, i64>,
    /// Bytes of that part.
    read_bytes: u64,
    /// Where that part ends.
    limit: i64,
    /// Where the next step begins.
    next: i64,
    rewriting: bool,
}

impl Compactor {
    /// Queues a log for compaction if it is due.
    pub(crate) fn look_at(&mut self, log: &Arc<Log>) {
        if !log.policy.compact {
            return;
        }
        let entry = log.write().entry;
        let ratio = entry.dirty_bytes as f64 / entry.bytes.max(1) as f64;
        let due = entry.dirty_bytes >= MIN_DIRTY_BYTES && ratio >= log.policy.min_dirty_ratio;
        let known = self
            .waiting
            .iter()
            .chain(self.current.iter().map(|c| &c.log));
        if due && !known.into_iter().any(|other| other.id == log.id) {
            self.waiting.push_back(Arc::clone(log));
        }
    }

    /// Abandons the current pass and the results of earlier ones: a tombstone must not be removed
    /// while an older record of its key exists.
    pub(crate) fn start_over(&mut self, shared: &Shared) {
        self.current = None;
        for topic in read(&shared.topics)
            .values()
            .filter(|topic| topic.policy.compact)
        {
            for log in &topic.logs {
                let mut write = log.write();
                write.entry.clean = write.entry.start;
                write.entry.dirty_bytes = write.entry.bytes;
            }
        }
    }

    /// True if there is more work to do right now.
    pub(crate) fn is_busy(&self) -> bool {
        self.current.is_some() || !self.waiting.is_empty()
    }

    /// Does one step. The caller commits the result before the next step.
    pub(crate) fn step(&mut self, shared: &Shared, now: i64) -> Option<Stage> {
        let mut compaction = match self.current.take() {
            Some(compaction) => compaction,
            None => Compaction::new(self.waiting.pop_front()?),
        };
        if compaction.log.is_deleted() {
            return None;
        }
        tracing::debug!(partition = %compaction.log.partition, rewriting = compaction.rewriting, "compacting");
        let mut stage = Stage::new(now);
        match compaction.step(shared, now, &mut stage) {
            Ok(true) => tracing::debug!(partition = %compaction.log.partition, "compacted"),
            Ok(false) => self.current = Some(compaction),
            Err(error) => {
                // The next append queues the log again. Until then it only grows.
                tracing::error!(partition = %compaction.log.partition, %error, "cannot compact");
                return None;
            }
        }
        Some(stage)
    }
}

impl Compaction {
    fn new(log: Arc<Log>) -> Self {
        let entry = log.write().entry;
        Self {
            last: HashMap::new(),
            read_bytes: 0,
            // An open transaction may still be aborted.
            limit: log.end(Isolation::ReadCommitted),
            next: entry.clean.max(entry.start),
            rewriting: false,
            log,
        }
    }

    /// True when the log is done.
    fn step(&mut self, shared: &Shared, now: i64, stage: &mut Stage) -> Result<bool, BrokerError> {
        // In memory, a producer does this on a thread of the runtime.
        let step_bytes = if shared.store.is_in_memory() {
            STEP_BYTES / 8
        } else {
            STEP_BYTES
        };
        let batches = if self.next < self.limit {
            read_batches(shared, &self.log, self.next, self.limit, step_bytes)?
        } else {
            Vec::new()
        };
        let Some(last) = batches.last().map(|batch| batch.last) else {
            if self.rewriting {
                let dirty = self
                    .log
                    .write()
                    .entry
                    .dirty_bytes
                    .saturating_sub(self.read_bytes);
                stage.compacted(&self.log, self.limit, dirty);
                return Ok(true);
            }
            self.rewriting = true;
            self.next = self.log.start();
            return Ok(false);
        };
        if self.rewriting {
            self.rewrite(shared, now, &batches, stage)?;
        } else {
            self.read_keys(shared, &batches)?;
            if self.last.len() >= MAX_KEYS {
                self.limit = last + 1;
            }
        }
        self.next = last + 1;
        Ok(false)
    }

    fn read_keys(&mut self, shared: &Shared, batches: &[Batch]) -> Result<(), BrokerError> {
        for batch in batches {
            self.read_bytes += batch.bytes.len() as u64;
            each_record(shared, &self.log, batch, |record| {
                if let Some(key) = &record.key {
                    match self.last.get_mut(&key[..]) {
                        Some(last) => *last = record.offset,
                        None => drop(self.last.insert(key.to_vec().into(), record.offset)),
                    }
                }
            })?;
        }
        Ok(())
    }

    fn rewrite(
        &self,
        shared: &Shared,
        now: i64,
        batches: &[Batch],
        stage: &mut Stage,
    ) -> Result<(), BrokerError> {
        let mut output = Output::new(self.log.id);
        let mut read = 0;
        let mut kept = 0;
        for batch in batches {
            let (flags, appended) = batch
                .header()
                .map_or((0, now), |header| (header.flags, header.appended));
            let age = now.saturating_sub(appended);
            each_record(shared, &self.log, batch, |record| {
                read += 1;
                if self.is_kept(&record, age) {
                    kept += 1;
                    output.push(flags & FLAG_APPEND_TIME, appended, &record);
                }
            })?;
        }
        let output = output.finish();
        if kept < read || output.len() < batches.len() {
            stage.rewrite(&self.log, batches, output);
        }
        Ok(())
    }

    /// True if a record of this age, in ms since its append, is kept.
    fn is_kept(&self, record: &FetchedRecord, age: i64) -> bool {
        let Some(key) = &record.key else { return true };
        if self
            .last
            .get(&key[..])
            .is_some_and(|last| record.offset < *last)
        {
            return false;
        }
        // Older records of this key had lower offsets, so they are already removed.
        record.value.is_some() || age <= self.log.policy.delete_retention_ms
    }
}

/// Merges what is kept into batches.
struct Output {
    log: u32,
    batches: Vec<Batch>,
    builder: Option<Merged>,
}

/// A batch that is being built.
struct Merged {
    builder: BatchBuilder,
    base: i64,
    flags: u8,
    /// When its first and its last record were appended.
    appended: RangeInclusive<i64>,
}

impl Output {
    fn new(log: u32) -> Self {
        Self {
            log,
            batches: Vec::new(),
            builder: None,
        }
    }

    fn push(&mut self, flags: u8, appended: i64, record: &FetchedRecord) {
        if !self
            .builder
            .as_ref()
            .is_some_and(|merged| merged.takes(flags, appended, record))
        {
            self.flush();
        }
        let merged = self.builder.get_or_insert_with(|| Merged {
            builder: BatchBuilder::with_capacity(0),
            base: record.offset,
            flags,
            appended: appended..=appended,
        });
        merged.appended = *merged.appended.start()..=appended.max(*merged.appended.end());
        let gap = merged.gap(record).unwrap_or(0);
        let time = record
            .timestamp
            .map_or(0, connect_api::Timestamp::as_millis);
        merged.builder.push(
            gap,
            time,
            record.key.as_deref(),
            record.value.as_deref(),
            &record.headers,
        );
    }

    fn flush(&mut self) {
        if let Some(merged) = self.builder.take() {
            let batch = merged.builder.finish(merged.flags, 0);
            let appended = *merged.appended.end();
            self.batches
                .push(batch.seal(self.log, merged.base, appended));
        }
    }

    fn finish(mut self) -> Vec<Batch> {
        self.flush();
        self.batches
    }
}

impl Merged {
    fn takes(&self, flags: u8, appended: i64, record: &FetchedRecord) -> bool {
        let width = self.builder.width();
        self.flags == flags
            && self.builder.len() < MERGED_BYTES
            && appended.saturating_sub(*self.appended.start()) <= MERGED_MS
            && self.gap(record).is_some_and(|gap| gap < MAX_GAP - width)
    }

    /// Offsets between the last record and another one.
    fn gap(&self, record: &FetchedRecord) -> Option<u32> {
        u32::try_from(record.offset - self.base - i64::from(self.builder.width())).ok()
    }
}

fn each_record(
    shared: &Shared,
    log: &Log,
    batch: &Batch,
    mut visit: impl FnMut(FetchedRecord),
) -> Result<(), BrokerError> {
    let damaged = |damage| corrupt(shared, log, batch.base, batch.last + 1, damage);
    let mut records = batch.records().map_err(damaged)?;
    while let Some(record) = records.next().map_err(damaged)? {
        visit(record);
    }
    Ok(())
}

/// Less than this is not worth a rewrite.
const MIN_DIRTY_BYTES: u64 = 64 * 1024;

/// How much one step reads. Takes a few milliseconds.
const STEP_BYTES: usize = 512 * 1024;

/// Small batches are merged up to this size.
const MERGED_BYTES: usize = 128 * 1024;

/// The largest difference between the append times of records in a merged batch, which takes the
/// latest of them.
const MERGED_MS: i64 = 60 * 60 * 1000;

/// How many offsets one batch may span.
const MAX_GAP: u32 = 1 << 30;

/// How many keys one pass remembers. A log with more keys takes several passes.
const MAX_KEYS: usize = 500_000;
