//! The writer: the one place where a log changes.
//!
//! The writer takes requests in groups. Appends, offsets and ends of transactions of one group
//! become one commit of the store; a change of topics or sessions is a separate commit. Readers see
//! nothing, and clients get no reply, before the store has it.

mod administer;
pub(crate) mod request;
pub(crate) mod session;
pub(crate) mod stage;
pub(crate) mod thread;

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;

use connect_broker::BrokerError;
use connect_core::sync::read;

use crate::engine::Shared;
use crate::store::Change;
use crate::topic::Log;
use crate::topic::compaction::Compactor;
use crate::topic::retention::Retention;
use crate::writer::request::Append;
use crate::writer::request::Request;
use crate::writer::stage::Published;
use crate::writer::stage::Stage;

/// Carries out requests.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(super) shared: Arc<Shared>,
    /// True if each commit is forced to the disk.
    pub(super) sync_each: bool,
    /// True while something is stored that is not forced to the disk.
    unsynced: bool,
    /// Reverts failed commits that may be stored nevertheless.
    undo: Undo,
    /// Tails of all logs, oldest batch first: log, last offset, length.
    tail: VecDeque<(Arc<Log>, i64, usize)>,
    tail_bytes: usize,
    /// Bytes of all batches.
    total_bytes: u64,
    /// Requests that wait for space.
    stalled: VecDeque<Request>,
    /// True if this run has found no space.
    no_room: bool,
    compactor: Compactor,
    retention: Retention,
    pub(super) next_log: u32,
    pub(super) next_producer: u64,
}

impl Writer {
    /// A writer for a log whose topics are loaded.
    pub(crate) fn new(shared: Arc<Shared>, sync_each: bool, next_producer: u64) -> Self {
        let mut total_bytes = 0;
        let mut next_log = 0;
        let mut compactor = Compactor::default();
        for topic in read(&shared.topics).values() {
            for log in &topic.logs {
                total_bytes += log.write().entry.bytes;
                next_log = next_log.max(log.id + 1);
                compactor.look_at(log);
            }
        }
        Self {
            shared,
            sync_each,
            unsynced: false,
            undo: Undo::default(),
            tail: VecDeque::new(),
            tail_bytes: 0,
            total_bytes,
            stalled: VecDeque::new(),
            no_room: false,
            compactor,
            retention: Retention::default(),
            next_log,
            next_producer,
        }
    }

    /// Carries out requests in order, then a bounded piece of maintenance. Returns true if more
    /// maintenance is due at once.
    pub(crate) fn run(&mut self, requests: Vec<Request>) -> bool {
        let may_free = |request: &Request| !matches!(request, Request::Append(_));
        let has_freed = requests.is_empty() || requests.iter().any(may_free);
        self.carry_out(requests);
        if has_freed && self.is_stalled() {
            let waiting = std::mem::take(&mut self.stalled);
            self.carry_out(waiting);
        }
        self.maintain()
    }

    fn carry_out(&mut self, requests: impl IntoIterator<Item = Request>) {
        let mut stage = Stage::new(self.shared.now());
        let mut bytes = 0;
        self.no_room = false;
        for request in requests {
            let Some(request) = self.admit(request, &mut stage, &mut bytes) else {
                continue;
            };
            match request {
                Request::Append(append) => {
                    bytes += append.batch.len();
                    stage.append(append);
                    if bytes >= GROUP_BYTES {
                        self.commit(stage.take());
                        bytes = 0;
                    }
                }
                Request::Declare(group, interest, reply) => {
                    stage.declare(&self.shared, &group, &interest, reply);
                }
                Request::End(end) => stage.end(&self.shared, end),
                Request::Offsets(offsets, reply) => stage.offsets(&self.shared, offsets, reply),
                request => {
                    self.commit(stage.take());
                    bytes = 0;
                    self.administer(request);
                }
            }
        }
        self.commit(stage);
    }

    /// Does a bounded piece of compaction and retention. Returns true if more is due at once.
    fn maintain(&mut self) -> bool {
        let now = self.shared.now();
        if self.retention.is_due(now) {
            let step = Retention::expire(&self.shared, now);
            self.apply(step);
        }
        if let Some(step) = self.compactor.step(&self.shared, now) {
            self.apply(step);
        }
        self.compactor.is_busy()
    }

    /// True while producers wait for room.
    pub(crate) fn is_stalled(&self) -> bool {
        !self.stalled.is_empty()
    }

    /// True while something is stored that a crash can undo.
    pub(crate) fn is_unsynced(&self) -> bool {
        self.unsynced
    }

    /// Forces what is stored to the disk.
    pub(crate) fn sync(&mut self) -> Result<(), BrokerError> {
        if self.unsynced {
            self.store(&[], true)?;
        }
        Ok(())
    }

    /// Drops the requests that still wait for space.
    pub(crate) fn stop(&mut self) {
        self.stalled.clear();
    }

    /// Commits changes that may still be undone by a crash, such as those of compaction.
    fn apply(&mut self, step: Stage) {
        if !step.is_empty() {
            // The error is logged; no client waits for it.
            let _ = self.commit_as(step, false);
        }
    }

    fn commit(&mut self, stage: Stage) {
        if !stage.is_empty() {
            // The clients that wait for the commit get the error.
            let _ = self.commit_as(stage, self.sync_each);
        }
    }

    /// Commits a stage and replies to its clients.
    pub(super) fn commit_as(&mut self, mut stage: Stage, sync: bool) -> Result<(), BrokerError> {
        stage.seal();
        let changes = std::mem::take(&mut stage.changes);
        match self.store(&changes, sync) {
            Ok(()) => {
                tracing::debug!(changes = changes.len(), sync, "stored");
                let keep_tail = !self.shared.store.is_in_memory();
                let published = stage.publish(&self.shared, keep_tail);
                self.note(published);
                Ok(())
            }
            Err(error) => {
                tracing::warn!(%error, "a commit of the log failed");
                self.undo.add(std::mem::take(&mut stage.undo));
                stage.refuse(&error);
                Err(error)
            }
        }
    }

    /// Stores changes, after reverting those of earlier commits that failed.
    pub(super) fn store(&mut self, changes: &[Change], sync: bool) -> Result<(), BrokerError> {
        let stored = if self.undo.is_empty() {
            self.shared.store.commit(changes, sync)
        } else {
            let mut all = self.undo.changes();
            all.extend_from_slice(changes);
            self.shared.store.commit(&all, sync)
        };
        match stored {
            Ok(()) => {
                self.undo = Undo::default();
                self.unsynced = !sync;
            }
            // Steps of compaction that were not forced to the disk may be undone by now.
            Err(_) => self.compactor.start_over(&self.shared),
        }
        stored
    }

    /// Reverts changes with the next commit.
    pub(super) fn take_back(&mut self, undo: impl IntoIterator<Item = Change>) {
        self.undo.add(undo);
    }

    /// Updates the bookkeeping after a commit.
    fn note(&mut self, published: Published) {
        self.total_bytes = self.total_bytes.saturating_add_signed(published.grown);
        for (log, last, len) in published.tail {
            self.tail_bytes += len;
            self.tail.push_back((log, last, len));
        }
        while self.tail_bytes > self.shared.options.tail_bytes
            && let Some((log, last, len)) = self.tail.pop_front()
        {
            self.tail_bytes -= len;
            log.shorten_tail(last);
        }
        for log in &published.logs {
            self.compactor.look_at(log);
        }
    }

    /// Returns a request that can be carried out, or keeps it until there is space.
    fn admit(
        &mut self,
        request: Request,
        stage: &mut Stage,
        staged_bytes: &mut usize,
    ) -> Option<Request> {
        let request = self.refuse_hopeless(request)?;
        let stall = match &request {
            Request::Append(append) => self.is_too_much(append, stage, staged_bytes),
            Request::End(end) => self.waits(|append| {
                append
                    .transaction
                    .as_ref()
                    .is_some_and(|(s, _)| Arc::ptr_eq(s, &end.session))
            }),
            _ => false,
        };
        if !stall {
            return Some(request);
        }
        self.stalled.push_back(request);
        None
    }

    /// Fails a batch that is larger than the limit of the whole log: it would wait forever.
    fn refuse_hopeless(&self, request: Request) -> Option<Request> {
        match (request, self.shared.options.max_bytes) {
            (Request::Append(append), Some(most)) if append.batch.len() as u64 > most => {
                let error = BrokerError::Full {
                    path: self.shared.path.clone(),
                    detail: format!("a batch has more than the {most} bytes of the whole log"),
                };
                append.fail(&error);
                None
            }
            (request, _) => Some(request),
        }
    }

    fn is_too_much(&mut self, append: &Append, stage: &mut Stage, staged: &mut usize) -> bool {
        let Some(most) = self.shared.options.max_bytes else {
            return false;
        };
        // Compacted topics hold the worker's own state: without them it could not continue.
        if append.log.policy.compact || append.log.is_deleted() {
            return false;
        }
        if self.waits(|other| Arc::ptr_eq(&other.log, &append.log)) {
            return true;
        }
        let len = append.batch.len() as u64;
        if self.total_bytes + *staged as u64 + len <= most {
            return false;
        }
        if !self.no_room {
            // What is staged counts, and must not overwrite what is removed now.
            self.commit(stage.take());
            *staged = 0;
            // Frees a little more than needed: the search costs the same.
            let wanted = (self.total_bytes + len).saturating_sub(most) + most / 64;
            let step = Retention::make_room(&self.shared, self.shared.now(), wanted);
            self.apply(step);
        }
        self.no_room = self.total_bytes + *staged as u64 + len > most;
        if self.no_room && self.stalled.is_empty() {
            tracing::warn!(
                path = %self.shared.path.display(),
                bytes = self.total_bytes,
                limit = most,
                unread = %Retention::held_by(&self.shared, self.shared.now()),
                "the log is full of records that consumer groups have not read; producers wait",
            );
        }
        self.no_room
    }

    fn waits(&self, same: impl Fn(&Append) -> bool) -> bool {
        self.stalled
            .iter()
            .any(|request| matches!(request, Request::Append(a) if same(a)))
    }

    pub(super) fn forget_bytes(&mut self, log: &Log) {
        self.total_bytes = self.total_bytes.saturating_sub(log.write().entry.bytes);
    }
}

/// Changes that revert failed commits. Nothing of those was visible, so each entry has one right
/// value, however many commits failed.
#[derive(Debug, Default)]
struct Undo {
    entries: BTreeMap<Vec<u8>, Change>,
    batches: BTreeMap<u32, Change>,
}

impl Undo {
    fn add(&mut self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            match &change {
                Change::Put(key, _) | Change::Remove(key) => {
                    self.entries.insert(key.clone(), change);
                }
                Change::PutBatch { log, .. } | Change::RemoveBatches { log, .. } => {
                    self.batches.insert(*log, change);
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.batches.is_empty()
    }

    fn changes(&self) -> Vec<Change> {
        self.batches
            .values()
            .chain(self.entries.values())
            .cloned()
            .collect()
    }
}

/// The largest group, so that the clients of a long queue get their replies in steps.
const GROUP_BYTES: usize = 16 * 1024 * 1024;
