//! Receipts for producers: the outcome of their records, and how much is in flight.

use std::ops::Range;
use std::sync::Arc;
use std::sync::Mutex;

use async_trait::async_trait;
use connect_api::LogPosition;
use connect_api::TopicPartition;
use connect_broker::BrokerError;
use connect_broker::Receipt;
use connect_broker::Receipts;
use connect_core::sync::lock;
use tokio::sync::Notify;

/// Shared by a producer, its receipts and the writer.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    state: Mutex<State>,
    /// Wakes the reader of receipts.
    ready: Notify,
    /// Wakes the producer that waits for room or for the end.
    settled: Notify,
}

#[derive(Debug, Default)]
struct State {
    queue: Vec<Receipt>,
    bytes: usize,
    batches: usize,
    producer_gone: bool,
    receipts_gone: bool,
}

impl Ledger {
    /// Adds an accepted batch. Its outcome is reported through the result, at the latest when that
    /// is dropped.
    pub(crate) fn accept(self: &Arc<Self>, tokens: Vec<Range<u64>>, bytes: usize) -> Accepted {
        let mut state = lock(&self.state);
        state.bytes += bytes;
        state.batches += 1;
        drop(state);
        Accepted {
            ledger: Arc::clone(self),
            tokens,
            bytes,
        }
    }

    /// Queues the error of records that were not accepted.
    pub(crate) fn refuse(&self, tokens: Range<u64>, error: BrokerError) {
        if !tokens.is_empty() {
            self.queue([Receipt::new(tokens, Err(error))]);
        }
    }

    /// Waits until at most so many bytes are accepted and not settled.
    pub(crate) async fn room(&self, most: usize) {
        self.wait(|state| state.bytes <= most).await;
    }

    /// Waits until everything accepted is settled.
    pub(crate) async fn idle(&self) {
        self.wait(|state| state.batches == 0).await;
    }

    /// Ends the stream of receipts after those that are due.
    pub(crate) fn end(&self) {
        lock(&self.state).producer_gone = true;
        self.ready.notify_one();
    }

    async fn wait(&self, done: impl Fn(&State) -> bool) {
        loop {
            // Only the producer waits here, so the permit that `notify_one` stores is its own.
            if done(&lock(&self.state)) {
                return;
            }
            self.settled.notified().await;
        }
    }

    fn queue(&self, receipts: impl IntoIterator<Item = Receipt>) {
        let mut state = lock(&self.state);
        if !state.receipts_gone {
            state.queue.extend(receipts);
        }
        drop(state);
        self.ready.notify_one();
    }

    fn settle(&self, bytes: usize, receipts: impl IntoIterator<Item = Receipt>) {
        let mut state = lock(&self.state);
        state.bytes -= bytes;
        state.batches -= 1;
        if !state.receipts_gone {
            state.queue.extend(receipts);
        }
        drop(state);
        self.ready.notify_one();
        self.settled.notify_one();
    }
}

/// A batch on its way through the writer. Dropped without an answer, its records get
/// [`BrokerError::Closed`].
#[derive(Debug)]
pub(crate) struct Accepted {
    ledger: Arc<Ledger>,
    /// The tokens of the records in order. Empty once settled.
    tokens: Vec<Range<u64>>,
    bytes: usize,
}

impl Accepted {
    /// The records are in the log, from this offset on.
    pub(crate) fn stored(mut self, partition: &TopicPartition, base: i64) {
        let mut offset = base;
        let receipts = std::mem::take(&mut self.tokens).into_iter().map(|tokens| {
            let position = LogPosition::new(partition.topic.clone(), partition.partition, offset);
            offset += i64::try_from(tokens.end - tokens.start).unwrap_or(i64::MAX);
            Receipt::new(tokens, Ok(position))
        });
        self.ledger.settle(self.bytes, receipts);
    }

    /// The records will never be in the log.
    pub(crate) fn failed(mut self, error: &BrokerError) {
        self.fail(error);
    }

    fn fail(&mut self, error: &BrokerError) {
        let receipts = std::mem::take(&mut self.tokens)
            .into_iter()
            .map(|tokens| Receipt::new(tokens, Err(error.clone())));
        self.ledger.settle(self.bytes, receipts);
    }
}

impl Drop for Accepted {
    fn drop(&mut self) {
        if !self.tokens.is_empty() {
            self.fail(&BrokerError::Closed);
        }
    }
}

/// The receipts of one producer.
#[derive(Debug)]
pub(crate) struct LocalReceipts {
    ledger: Arc<Ledger>,
}

impl LocalReceipts {
    /// Reads the receipts of a ledger.
    pub(crate) fn new(ledger: Arc<Ledger>) -> Self {
        Self { ledger }
    }
}

#[async_trait]
impl Receipts for LocalReceipts {
    async fn next(&mut self) -> Option<Vec<Receipt>> {
        loop {
            {
                let mut state = lock(&self.ledger.state);
                if !state.queue.is_empty() {
                    return Some(std::mem::take(&mut state.queue));
                }
                if state.producer_gone && state.batches == 0 {
                    return None;
                }
            }
            // Cancel-safe: `notified` takes a stored permit or waits, and the queue is looked at
            // again in any case.
            self.ledger.ready.notified().await;
        }
    }
}

impl Drop for LocalReceipts {
    fn drop(&mut self) {
        let mut state = lock(&self.ledger.state);
        state.receipts_gone = true;
        state.queue = Vec::new();
    }
}
