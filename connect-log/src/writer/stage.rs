//! A group commit before it is stored: the changes of several requests, and what to do once they
//! are stored or have failed.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use connect_api::TopicPartition;
use connect_broker::BrokerError;
use connect_core::sync::lock;

use crate::client::receipts::Accepted;
use crate::engine::Shared;
use crate::format::batch::Batch;
use crate::format::catalog;
use crate::format::catalog::LogEntry;
use crate::group::Interest;
use crate::group::claims::GroupClaims;
use crate::store::Change;
use crate::topic::Log;
use crate::writer::request::Append;
use crate::writer::request::End;
use crate::writer::request::OffsetChanges;
use crate::writer::request::Reply;
use crate::writer::session::OpenBatch;
use crate::writer::session::Session;

/// Changes to be made in one commit.
#[derive(Debug)]
pub(crate) struct Stage {
    /// The time, in ms.
    now: i64,
    /// The changes for the store.
    pub(crate) changes: Vec<Change>,
    /// Changes that revert these, in case a failed commit turns out to be stored.
    pub(crate) undo: Vec<Change>,
    logs: BTreeMap<u32, StagedLog>,
    sessions: BTreeMap<u64, StagedSession>,
    offsets: OffsetChanges,
    claims: BTreeMap<String, GroupClaims>,
    /// Batches that are appended and aborted in this very commit: log and base offset.
    aborted: BTreeSet<(u32, i64)>,
    done: Vec<Done>,
}

/// A log as it will be.
#[derive(Debug)]
struct StagedLog {
    log: Arc<Log>,
    before: LogEntry,
    entry: LogEntry,
    open: BTreeMap<i64, u64>,
    tail: Vec<Batch>,
    forget: Vec<i64>,
    /// The last offset of what was rewritten.
    rewritten: Option<i64>,
}

/// A session as it will be.
#[derive(Debug)]
struct StagedSession {
    session: Arc<Session>,
    added: Vec<OpenBatch>,
    number: u64,
    decided: Option<u64>,
}

/// Where the outcome is reported.
#[derive(Debug)]
enum Done {
    Append {
        accepted: Accepted,
        log: Arc<Log>,
        base: i64,
    },
    Reply(Reply<()>),
}

/// The effects of a commit on the writer's bookkeeping.
#[derive(Debug, Default)]
pub(crate) struct Published {
    /// New batches with their logs, in order.
    pub(crate) tail: Vec<(Arc<Log>, i64, usize)>,
    /// Logs that changed.
    pub(crate) logs: Vec<Arc<Log>>,
    /// By how much all logs grew.
    pub(crate) grown: i64,
}

impl Stage {
    /// An empty commit.
    pub(crate) fn new(now: i64) -> Self {
        Self {
            now,
            changes: Vec::new(),
            undo: Vec::new(),
            logs: BTreeMap::new(),
            sessions: BTreeMap::new(),
            offsets: OffsetChanges::new(),
            claims: BTreeMap::new(),
            aborted: BTreeSet::new(),
            done: Vec::new(),
        }
    }

    /// Returns what is staged and leaves an empty commit.
    pub(crate) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::new(self.now))
    }

    /// True if there is nothing to commit and no reply to send.
    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
            && self.done.is_empty()
            && self.logs.is_empty()
            && self.claims.is_empty()
    }

    /// Adds a batch.
    pub(crate) fn append(&mut self, append: Append) {
        if append.log.is_deleted() {
            let topic = append.log.partition.topic.clone();
            return append.fail(&BrokerError::UnknownTopic { topic });
        }
        if let Some((session, number)) = &append.transaction
            && let Err(error) = self.check(session, *number)
        {
            return append.fail(&error);
        }
        let Append {
            log,
            batch,
            accepted,
            transaction,
        } = append;
        let now = self.now;
        let staged = self.log(&log);
        let base = staged.entry.end;
        let len = batch.len() as u64;
        staged.entry.end += batch.width();
        staged.entry.bytes += len;
        staged.entry.dirty_bytes += len;
        let batch = batch.seal(log.id, base, now);
        let bytes: Bytes = batch.bytes.clone();
        staged.tail.push(batch);
        self.changes.push(Change::PutBatch {
            log: log.id,
            base,
            bytes,
        });
        if let Some((session, number)) = transaction {
            let id = session.entry.id;
            self.log(&log).open.entry(base).or_insert(id);
            self.changes.push(Change::Put(
                catalog::open_key(id, log.id, base),
                catalog::open_value(len),
            ));
            let staged = self.session(&session);
            staged.number = number;
            staged.added.push(OpenBatch {
                log: Arc::clone(&log),
                base,
                len,
            });
        }
        self.done.push(Done::Append {
            accepted,
            log,
            base,
        });
    }

    /// Adds changes of committed offsets.
    pub(crate) fn offsets(&mut self, shared: &Shared, offsets: OffsetChanges, reply: Reply<()>) {
        self.put_offsets(shared, offsets);
        self.done.push(Done::Reply(reply));
    }

    /// Adds the claim of a group.
    pub(crate) fn declare(
        &mut self,
        shared: &Shared,
        group: &str,
        interest: &Interest,
        reply: Reply<()>,
    ) {
        self.claim(shared, group, interest);
        self.done.push(Done::Reply(reply));
    }

    /// Claims what a group is interested in, unless the claim is recent.
    pub(crate) fn claim(&mut self, shared: &Shared, group: &str, interest: &Interest) {
        let now = self.now;
        if !self.has_claim(shared, group, |claims| claims.has(interest, now)) {
            self.claims(shared, group).add(interest, now);
        }
    }

    /// Removes the claims that are over.
    pub(crate) fn remove_outdated_claims(&mut self, shared: &Shared) {
        let now = self.now;
        let claims = lock(&shared.claims);
        let outdated = claims.iter().filter(|(_, claims)| claims.is_outdated(now));
        let outdated: Vec<String> = outdated.map(|(group, _)| group.clone()).collect();
        drop(claims);
        for group in outdated {
            self.claims(shared, &group).remove_outdated(now);
        }
    }

    /// Adds the decision of a transaction.
    pub(crate) fn end(&mut self, shared: &Shared, end: End) {
        let End {
            session,
            number,
            commit,
            offsets,
            reply,
        } = end;
        if let Err(error) = self.check(&session, number) {
            let gone = matches!(error, BrokerError::TransactionAborted) && !commit;
            // The client may no longer wait for the reply.
            let _ = reply.send(if gone { Ok(()) } else { Err(error) });
            return;
        }
        if commit
            && let Some((failed, error)) = &session.transaction().failure
            && *failed == number
        {
            let _ = reply.send(Err(error.clone()));
            return;
        }
        self.decide(&session, number, commit);
        if commit {
            self.put_offsets(shared, offsets);
        }
        self.done.push(Done::Reply(reply));
    }

    /// Commits or aborts what a session has open.
    pub(crate) fn decide(&mut self, session: &Arc<Session>, number: u64, commit: bool) {
        let id = session.entry.id;
        let mut batches = session.transaction().batches.clone();
        let staged = self.session(session);
        staged.decided = Some(number);
        batches.append(&mut staged.added);
        let stored = session.transaction().batches.len();
        for (index, OpenBatch { log, base, len }) in batches.into_iter().enumerate() {
            if log.is_deleted() {
                continue;
            }
            self.changes
                .push(Change::Remove(catalog::open_key(id, log.id, base)));
            self.undo.push(Change::Put(
                catalog::open_key(id, log.id, base),
                catalog::open_value(len),
            ));
            let staged = self.log(&log);
            staged.open.retain(|_, producer| *producer != id);
            if !commit {
                if index >= stored {
                    self.aborted.insert((log.id, base));
                }
                let staged = self.log(&log);
                staged.entry.bytes = staged.entry.bytes.saturating_sub(len);
                staged.entry.dirty_bytes = staged.entry.dirty_bytes.saturating_sub(len);
                staged.tail.retain(|batch| batch.base != base);
                staged.forget.push(base);
                self.changes.push(Change::RemoveBatches {
                    log: log.id,
                    from: base,
                    to: base + 1,
                });
            }
        }
    }

    /// Replaces batches of a log, which stand next to each other, by others with the same offsets.
    pub(crate) fn rewrite(&mut self, log: &Arc<Log>, old: &[Batch], new: Vec<Batch>) {
        let (Some(first), Some(last)) = (old.first(), old.last()) else {
            return;
        };
        let (from, to) = (first.base, last.last + 1);
        let len = |batches: &[Batch]| batches.iter().map(|batch| batch.bytes.len() as u64).sum();
        let (before, after): (u64, u64) = (len(old), len(&new));
        let staged = self.log(log);
        staged.entry.bytes = (staged.entry.bytes + after).saturating_sub(before);
        staged.rewritten = Some(last.last);
        self.changes.push(Change::RemoveBatches {
            log: log.id,
            from,
            to,
        });
        for Batch { base, bytes, .. } in new {
            self.changes.push(Change::PutBatch {
                log: log.id,
                base,
                bytes,
            });
        }
    }

    /// Records up to where a log is compacted, and how many bytes are not.
    pub(crate) fn compacted(&mut self, log: &Arc<Log>, clean: i64, dirty_bytes: u64) {
        let entry = &mut self.log(log).entry;
        entry.clean = clean;
        entry.dirty_bytes = dirty_bytes;
    }

    /// Removes the batches of a log before an offset.
    pub(crate) fn drop_before(&mut self, log: &Arc<Log>, start: i64, bytes: u64) {
        let entry = &mut self.log(log).entry;
        entry.start = start;
        entry.bytes = entry.bytes.saturating_sub(bytes);
        entry.dirty_bytes = entry.dirty_bytes.min(entry.bytes);
        self.changes.push(Change::RemoveBatches {
            log: log.id,
            from: 0,
            to: start,
        });
    }

    /// Completes the changes with the states of the logs and the claims of groups.
    pub(crate) fn seal(&mut self) {
        for (group, claims) in &self.claims {
            self.changes.push(claims_change(group, Some(claims)));
        }
        for staged in self.logs.values() {
            // Lets a reader tell removed batches from offsets that never had records.
            staged.log.remove_before(staged.entry.start);
            let value = catalog::log_value(&staged.entry);
            self.changes
                .push(Change::Put(catalog::log_key(staged.log.id), value));
        }
    }

    /// Makes the stored changes visible and reports success to clients.
    pub(crate) fn publish(self, shared: &Shared, keep_tail: bool) -> Published {
        let mut published = Published::default();
        // Offsets first: a client that sees the records of a transaction also sees its offsets.
        let mut offsets = lock(&shared.offsets);
        for ((group, partition), offset) in self.offsets {
            match offset {
                Some(offset) => {
                    offsets.entry(group).or_default().insert(partition, offset);
                }
                None => {
                    if let Some(offsets) = offsets.get_mut(&group) {
                        offsets.remove(&partition);
                    }
                }
            }
        }
        drop(offsets);
        let mut claims = lock(&shared.claims);
        for (group, own) in self.claims {
            claims.set(group, own);
        }
        drop(claims);
        for StagedSession {
            session,
            added,
            decided,
            ..
        } in self.sessions.into_values()
        {
            let mut transaction = session.transaction();
            if let Some(number) = decided {
                transaction.decided = number;
                transaction.batches.clear();
                transaction.failure = None;
            }
            transaction.batches.extend(added);
        }
        for StagedLog {
            log,
            before,
            entry,
            open,
            tail,
            forget,
            rewritten,
        } in self.logs.into_values()
        {
            published.grown += entry.bytes.cast_signed() - before.bytes.cast_signed();
            let first_open = open.keys().next().copied();
            let mut write = log.write();
            write.entry = entry;
            write.open = open;
            drop(write);
            log.forget(&forget);
            let batches = tail
                .iter()
                .map(|b| (Arc::clone(&log), b.last, b.bytes.len()));
            if keep_tail {
                published.tail.extend(batches);
            }
            log.publish(
                &entry,
                first_open,
                if keep_tail { tail } else { Vec::new() },
            );
            if let Some(last) = rewritten {
                log.shorten_tail(last);
            }
            published.logs.push(log);
        }
        for done in self.done {
            match done {
                Done::Append {
                    accepted,
                    log,
                    base,
                } if self.aborted.contains(&(log.id, base)) => {
                    accepted.failed(&BrokerError::TransactionAborted);
                }
                Done::Append {
                    accepted,
                    log,
                    base,
                } => accepted.stored(&log.partition, base),
                Done::Reply(reply) => drop(reply.send(Ok(()))),
            }
        }
        published
    }

    /// Reports to clients that the changes were not stored.
    pub(crate) fn refuse(self, error: &BrokerError) {
        for StagedLog { log, before, .. } in self.logs.into_values() {
            log.remove_before(before.start);
        }
        for StagedSession {
            session, number, ..
        } in self.sessions.into_values()
        {
            session.transaction().fail(number, error);
        }
        for done in self.done {
            match done {
                Done::Append { accepted, .. } => accepted.failed(error),
                Done::Reply(reply) => drop(reply.send(Err(error.clone()))),
            }
        }
    }

    /// The log as this commit will leave it.
    fn log(&mut self, log: &Arc<Log>) -> &mut StagedLog {
        let undo = &mut self.undo;
        self.logs.entry(log.id).or_insert_with(|| {
            let write = log.write();
            let entry = write.entry;
            undo.push(Change::RemoveBatches {
                log: log.id,
                from: entry.end,
                to: i64::MAX,
            });
            undo.push(Change::Put(
                catalog::log_key(log.id),
                catalog::log_value(&entry),
            ));
            StagedLog {
                log: Arc::clone(log),
                before: entry,
                entry,
                open: write.open.clone(),
                tail: Vec::new(),
                forget: Vec::new(),
                rewritten: None,
            }
        })
    }

    /// The claims of a group as this commit will leave them.
    fn claims(&mut self, shared: &Shared, group: &str) -> &mut GroupClaims {
        let undo = &mut self.undo;
        self.claims.entry(group.to_owned()).or_insert_with(|| {
            let claims = lock(&shared.claims);
            let before = claims.get(group);
            undo.push(claims_change(group, before));
            before.cloned().unwrap_or_default()
        })
    }

    fn has_claim(
        &self,
        shared: &Shared,
        group: &str,
        is_enough: impl Fn(&GroupClaims) -> bool,
    ) -> bool {
        match self.claims.get(group) {
            Some(claims) => is_enough(claims),
            None => lock(&shared.claims).get(group).is_some_and(is_enough),
        }
    }

    fn session(&mut self, session: &Arc<Session>) -> &mut StagedSession {
        self.sessions
            .entry(session.entry.id)
            .or_insert_with(|| StagedSession {
                session: Arc::clone(session),
                added: Vec::new(),
                number: 0,
                decided: None,
            })
    }

    fn check(&self, session: &Session, number: u64) -> Result<(), BrokerError> {
        session.check()?;
        let staged = self
            .sessions
            .get(&session.entry.id)
            .and_then(|staged| staged.decided);
        if number <= staged.unwrap_or(0).max(session.transaction().decided) {
            return Err(BrokerError::TransactionAborted);
        }
        Ok(())
    }

    fn put_offsets(&mut self, shared: &Shared, offsets: OffsetChanges) {
        for ((group, partition), offset) in offsets {
            let key = catalog::offset_key(&group, &partition);
            self.undo.push(offset_change(
                key.clone(),
                shared.committed(&group, &partition),
            ));
            self.changes.push(offset_change(key, offset));
            let (topic, now) = (&partition.topic, self.now);
            let is_removed = offset.is_none();
            if !is_removed && !self.has_claim(shared, &group, |c| c.has_topic(topic, now)) {
                self.claims(shared, &group).add_topic(topic, now);
            }
            self.offsets.insert((group, partition), offset);
        }
    }
}

fn offset_change(key: Vec<u8>, offset: Option<i64>) -> Change {
    match offset {
        Some(offset) => Change::Put(key, catalog::offset_value(offset)),
        None => Change::Remove(key),
    }
}

fn claims_change(group: &str, claims: Option<&GroupClaims>) -> Change {
    let key = catalog::claims_key(group);
    match claims {
        Some(claims) if !claims.is_empty() => Change::Put(key, claims.encode()),
        _ => Change::Remove(key),
    }
}

/// Offsets to be set, as changes.
pub(crate) fn set_offsets<'a>(
    group: &str,
    offsets: impl IntoIterator<Item = (&'a TopicPartition, &'a i64)>,
) -> OffsetChanges {
    let set = |(partition, offset): (&TopicPartition, &i64)| {
        ((group.to_owned(), partition.clone()), Some(*offset))
    };
    offsets.into_iter().map(set).collect()
}
