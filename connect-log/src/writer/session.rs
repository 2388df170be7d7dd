//! A producer session: the time during which one producer owns a transactional id.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use connect_broker::BrokerError;
use connect_core::sync::lock;

use crate::format::catalog::ProducerEntry;
use crate::topic::Log;

/// The time from when a producer takes over a transactional id until the next one does.
#[derive(Debug)]
pub(crate) struct Session {
    /// The transactional id.
    pub(crate) transactional_id: String,
    /// Its number and how often it was taken.
    pub(crate) entry: ProducerEntry,
    fenced: AtomicBool,
    transaction: Mutex<Transaction>,
}

/// What the writer knows of the transactions of a session.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    /// Transactions up to this number are committed or aborted.
    pub(crate) decided: u64,
    /// What the open one has stored.
    pub(crate) batches: Vec<OpenBatch>,
    /// Why the open one cannot be committed: its number, and the first error of its records.
    pub(crate) failure: Option<(u64, BrokerError)>,
}

/// A stored batch of an open transaction.
#[derive(Debug, Clone)]
pub(crate) struct OpenBatch {
    /// Where.
    pub(crate) log: Arc<Log>,
    /// Its base offset.
    pub(crate) base: i64,
    /// Its length.
    pub(crate) len: u64,
}

impl Transaction {
    /// Records the first error of a record of the open transaction.
    pub(crate) fn fail(&mut self, number: u64, error: &BrokerError) {
        let is_first = self
            .failure
            .as_ref()
            .is_none_or(|(failed, _)| *failed < number);
        if number > self.decided && is_first {
            self.failure = Some((number, error.clone()));
        }
    }
}

impl Session {
    /// A session without transactions.
    pub(crate) fn new(transactional_id: String, entry: ProducerEntry) -> Self {
        Self {
            transactional_id,
            entry,
            fenced: AtomicBool::new(false),
            transaction: Mutex::default(),
        }
    }

    /// Ends the session in favor of a newer one.
    pub(crate) fn fence(&self) {
        self.fenced.store(true, Ordering::Release);
    }

    /// Fails once the session was fenced.
    pub(crate) fn check(&self) -> Result<(), BrokerError> {
        if self.fenced.load(Ordering::Acquire) {
            return Err(BrokerError::Fenced {
                transactional_id: self.transactional_id.clone(),
            });
        }
        Ok(())
    }

    /// The writer's part.
    pub(crate) fn transaction(&self) -> MutexGuard<'_, Transaction> {
        lock(&self.transaction)
    }
}
