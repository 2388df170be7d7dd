//! One partition as one consumer reads it.

use std::collections::VecDeque;
use std::sync::Arc;

use connect_api::TopicPartition;
use connect_broker::BrokerError;
use connect_broker::ConsumerOptions;
use connect_broker::FetchedRecord;
use connect_broker::Gap;
use connect_broker::Isolation;
use connect_broker::StartOffset;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::engine::Shared;
use crate::format::batch::Batch;
use crate::format::batch::Damage;
use crate::format::batch::EncodedBatch;
use crate::format::batch::Records;
use crate::topic::Log;
use crate::topic::Next;
use crate::topic::fetch::corrupt;
use crate::topic::fetch::read_batches;

/// The place of a consumer in a partition, and batches that were read ahead of it.
#[derive(Debug)]
pub(crate) struct Reading {
    /// The partition.
    pub(crate) partition: TopicPartition,
    /// Reads nothing while set.
    pub(crate) paused: bool,
    /// Reads nothing until the consumer says that it is ready.
    pub(crate) ready: bool,
    place: Option<Place>,
    chunk: VecDeque<Batch>,
    records: Option<(Batch, Records)>,
    loading: Option<JoinHandle<Result<Vec<Batch>, BrokerError>>>,
}

/// A log that exists, and the offset of the next record.
#[derive(Debug)]
struct Place {
    log: Arc<Log>,
    offset: i64,
}

/// What is left of the limits of one poll.
#[derive(Debug)]
pub(crate) struct Room {
    /// Records.
    pub(crate) records: usize,
    /// Bytes.
    pub(crate) bytes: usize,
    /// True until the first record.
    pub(crate) is_fresh: bool,
}

/// The result of an attempt to read.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// Records were removed before they were read. The position is after them.
    Gap(Gap),
    /// The store is being read.
    Loading,
    /// No record, but the position moved past offsets without records.
    Moved,
    /// Nothing is there.
    Nothing,
    /// These records; if there is no room, none.
    Records(Vec<FetchedRecord>),
}

impl Room {
    /// The room of a poll.
    pub(crate) fn new(options: &ConsumerOptions) -> Self {
        Self {
            records: options.max_poll_records,
            bytes: options.max_poll_bytes,
            is_fresh: true,
        }
    }

    /// True if no further record fits.
    pub(crate) fn is_full(&self) -> bool {
        self.records == 0 || (self.bytes == 0 && !self.is_fresh)
    }

    fn take(&mut self, record: &FetchedRecord) -> bool {
        let size = size(record);
        if self.records == 0 || (size > self.bytes && !self.is_fresh) {
            self.bytes = 0;
            return false;
        }
        self.is_fresh = false;
        self.records -= 1;
        self.bytes = self.bytes.saturating_sub(size);
        true
    }
}

impl Reading {
    /// Starts at the committed offset of the group, or where the options say.
    pub(crate) fn new(
        shared: &Shared,
        partition: TopicPartition,
        options: &ConsumerOptions,
        signal: &Arc<Notify>,
    ) -> Self {
        let mut reading = Self {
            partition,
            paused: false,
            ready: false,
            place: None,
            chunk: VecDeque::new(),
            records: None,
            loading: None,
        };
        reading.find(shared, options, signal);
        reading
    }

    /// The offset of the next record, or the end if that is before it.
    pub(crate) fn position(&self, isolation: Isolation) -> i64 {
        let place = self.place.as_ref();
        place.map_or(0, |Place { log, offset }| {
            (*offset).max(log.start()).min(log.end(isolation))
        })
    }

    /// Moves to another offset.
    pub(crate) fn seek(&mut self, offset: i64) {
        self.forget();
        if let Some(place) = &mut self.place {
            place.offset = offset.max(0);
        }
    }

    /// Ends the notifications of a log.
    pub(crate) fn leave(&self, signal: &Arc<Notify>) {
        if let Some(place) = &self.place {
            place.log.readers.remove(signal);
        }
    }

    /// Reads what is in memory. Starts to load what is not.
    pub(crate) fn read(
        &mut self,
        shared: &Arc<Shared>,
        options: &ConsumerOptions,
        signal: &Arc<Notify>,
        room: &mut Room,
    ) -> Result<Attempt, BrokerError> {
        self.find(shared, options, signal);
        let Some(place) = &mut self.place else {
            return Ok(Attempt::Nothing);
        };
        let start = place.offset;
        let mut found = Vec::new();
        while !room.is_full() {
            if self.loading.is_some() {
                break;
            }
            if self.records.is_none() {
                if let Some(batch) = self.chunk.pop_front() {
                    let records = batch
                        .records()
                        .map_err(|e| damaged(shared, place, &batch, e))?;
                    self.records = Some((batch, records));
                } else {
                    match place.log.next(place.offset, options.isolation, CHUNK_BYTES) {
                        // The records before the gap come first.
                        Next::Gap(_) if !found.is_empty() => break,
                        Next::Gap(to) => return Ok(Attempt::Gap(self.skip_to(to))),
                        Next::Nothing(end) => {
                            // The end can be before the offset: continue from there.
                            place.offset = end;
                            break;
                        }
                        Next::Tail(batches) => self.chunk.extend(batches),
                        Next::Stored(from, to) if shared.store.is_in_memory() => {
                            let batches = read_batches(shared, &place.log, from, to, CHUNK_BYTES)?;
                            self.chunk
                                .extend(without_holes(&place.log, from, to, batches));
                        }
                        Next::Stored(from, to) => {
                            let (shared, log) = (Arc::clone(shared), Arc::clone(&place.log));
                            place.offset = from;
                            self.loading = Some(tokio::task::spawn_blocking(move || {
                                let batches = read_batches(&shared, &log, from, to, CHUNK_BYTES)?;
                                Ok(without_holes(&log, from, to, batches))
                            }));
                        }
                    }
                    continue;
                }
            }
            let Some((batch, records)) = &mut self.records else {
                continue;
            };
            let before = records.place();
            match records
                .next()
                .map_err(|e| damaged(shared, place, batch, e))?
            {
                None => {
                    place.offset = place.offset.max(batch.last + 1);
                    self.records = None;
                }
                Some(record) if record.offset < place.offset => {}
                Some(record) => {
                    if !room.take(&record) {
                        records.go_back(before);
                        break;
                    }
                    place.offset = record.offset + 1;
                    found.push(record);
                }
            }
        }
        Ok(match (found.is_empty(), &self.loading) {
            (true, Some(_)) => Attempt::Loading,
            (true, None) if place.offset != start => Attempt::Moved,
            (true, None) => Attempt::Nothing,
            (false, _) => Attempt::Records(found),
        })
    }

    /// Waits for the load.
    ///
    /// *Cancellation*: safe; the load continues.
    pub(crate) async fn loaded(&mut self) -> Result<(), BrokerError> {
        let Some(loading) = &mut self.loading else {
            return Ok(());
        };
        let result = loading.await;
        self.loading = None;
        let batches = match result {
            Ok(batches) => batches?,
            // The runtime is shutting down, or the read panicked outside the store.
            Err(error) => return Err(BrokerError::Unavailable(error.to_string())),
        };
        self.chunk.extend(batches);
        Ok(())
    }

    /// True if a load has finished and was not taken yet.
    pub(crate) fn is_loaded(&self) -> bool {
        self.loading.as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// Finds the log, initially and after the topic was deleted and created again.
    fn find(&mut self, shared: &Shared, options: &ConsumerOptions, signal: &Arc<Notify>) {
        if self
            .place
            .as_ref()
            .is_some_and(|place| !place.log.is_deleted())
        {
            return;
        }
        self.place = None;
        self.forget();
        let Ok(log) = shared.log(&self.partition) else {
            return;
        };
        log.readers.add(signal);
        let group = options.group.as_deref();
        let committed = group.and_then(|group| shared.committed(group, &self.partition));
        let offset = committed.unwrap_or_else(|| match options.start {
            StartOffset::Latest => log.end(options.isolation),
            _ => log.start(),
        });
        if let (Some(group), None) = (group, committed) {
            shared.groups.begin(group, &self.partition, offset);
        }
        self.place = Some(Place { log, offset });
    }

    fn skip_to(&mut self, to: i64) -> Gap {
        self.forget();
        let from = self
            .place
            .as_mut()
            .map_or(to, |place| std::mem::replace(&mut place.offset, to));
        Gap::new(self.partition.clone(), from, to)
    }

    fn forget(&mut self) {
        self.chunk.clear();
        self.records = None;
        self.loading = None;
    }
}

/// The batches that a store returned. Offsets without records are skipped. If retention has removed
/// batches at the start, returns nothing, so that the reader runs into the start of the log.
fn without_holes(log: &Log, from: i64, to: i64, batches: Vec<Batch>) -> Vec<Batch> {
    let first = batches.first().map_or(to, |batch| batch.base);
    if first <= from {
        return batches;
    }
    if log.removed_before() > from {
        return Vec::new();
    }
    if !batches.is_empty() {
        return batches;
    }
    let gap = u32::try_from(to - from).unwrap_or(u32::MAX);
    vec![EncodedBatch::gap(gap).seal(log.id, from, 0)]
}

fn damaged(shared: &Shared, place: &Place, batch: &Batch, damage: Damage) -> BrokerError {
    corrupt(shared, &place.log, batch.base, batch.last + 1, damage)
}

fn size(record: &FetchedRecord) -> usize {
    let headers: usize = record
        .headers
        .iter()
        .map(|header| header.key.len() + header.value.as_ref().map_or(0, bytes::Bytes::len))
        .sum();
    record.key.as_ref().map_or(0, bytes::Bytes::len)
        + record.value.as_ref().map_or(0, bytes::Bytes::len)
        + headers
}

/// How much is read at once: several batches, but little enough to throw away.
const CHUNK_BYTES: usize = 1024 * 1024;
