//! Writing to a log.

use std::ops::Range;

use async_trait::async_trait;
use connect_api::LogOffsets;
use connect_api::LogPosition;

use crate::BrokerError;
use crate::ProducerRecord;

/// Purges what a producer has accepted and not sent yet. Can be called from any thread while the
/// producer is in use. Records in flight settle by themselves; the others get receipts with an
/// error.
pub type Purge = Box<dyn Fn() + Send + Sync>;

/// Writes records to a log.
///
/// Misuse: treating a returned [`send`](Producer::send) as durable. The records are only accepted;
/// a [`Receipt`] says when they are durable.
#[async_trait]
pub trait Producer: Send {
    /// Hands over records and returns when they are *accepted*, in order.
    ///
    /// Waits while the log is behind (back-pressure). Tokens must be handed over in ascending
    /// order; a record's token comes back in exactly one [`Receipt`], also if this call fails
    /// half-way: then records that were not accepted get a receipt with the error.
    ///
    /// *Cancellation*: if the future is dropped, a prefix of the batch is accepted; every record
    /// of the batch still gets its receipt.
    ///
    /// # Errors
    /// [`BrokerError::Fenced`] after a newer producer took the transactional id;
    /// [`BrokerError::InvalidState`] if the producer has a transactional id and is outside a
    /// transaction; [`BrokerError::Closed`]. Errors of single records come as receipts.
    async fn send(&mut self, batch: Vec<ProducerRecord>) -> Result<(), BrokerError>;

    /// Returns when every record accepted before is durable or failed, and its receipt is queued.
    ///
    /// # Errors
    /// [`BrokerError::Closed`] if the log went away meanwhile.
    async fn flush(&mut self) -> Result<(), BrokerError>;

    /// Begins a transaction.
    ///
    /// # Errors
    /// [`BrokerError::InvalidState`] without a transactional id or inside a transaction.
    async fn begin(&mut self) -> Result<(), BrokerError>;

    /// Adds the offsets of a consumer group to the transaction: they are committed with it.
    ///
    /// # Errors
    /// [`BrokerError::InvalidState`] outside a transaction.
    async fn send_offsets(&mut self, group: &str, offsets: &LogOffsets) -> Result<(), BrokerError>;

    /// Commits the transaction and returns when it is durable. Receipts of its records are queued
    /// before this returns.
    ///
    /// # Errors
    /// [`BrokerError::Fenced`], or the first error of a record of the transaction; then nothing of
    /// it becomes visible and [`abort`](Producer::abort) must be called.
    async fn commit(&mut self) -> Result<(), BrokerError>;

    /// Aborts the transaction: nothing of it becomes visible to readers of committed data.
    ///
    /// Its records that have no receipt yet get one with an error. Receipts that were returned
    /// before are not revoked, although their records are.
    ///
    /// # Errors
    /// [`BrokerError::InvalidState`] outside a transaction.
    async fn abort(&mut self) -> Result<(), BrokerError>;

    /// The handle that purges this producer once its task is abandoned. `None` (the default) if
    /// accepted records are sent immediately, so that there is nothing to purge.
    fn purge_handle(&self) -> Option<Purge> {
        None
    }
}

/// The stream of receipts of one producer, to be read by the task that tracks offsets.
#[async_trait]
pub trait Receipts: Send {
    /// Waits for receipts. `None` once the producer is dropped and every receipt was handed out.
    ///
    /// *Cancellation*: safe; nothing is lost if the future is dropped.
    async fn next(&mut self) -> Option<Vec<Receipt>>;
}

/// The outcome of records with consecutive tokens.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Receipt {
    /// The tokens of the records.
    pub tokens: Range<u64>,
    /// The position of the first record (the others follow in the same partition, offset by
    /// offset), or the error that keeps all of them out of the log.
    pub outcome: Result<LogPosition, BrokerError>,
}

impl Receipt {
    /// Makes a receipt; for implementers of [`Producer`].
    #[must_use]
    pub fn new(tokens: Range<u64>, outcome: Result<LogPosition, BrokerError>) -> Self {
        Self { tokens, outcome }
    }
}
