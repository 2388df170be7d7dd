//! Exactly-once: records and their source offsets in one transaction (KIP-618, invariant T1).
//!
//! *Java*: only in distributed mode; here every worker can. A failed commit fails the task, and a
//! restart reads again from the offsets of the last transaction that was committed.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use connect_api::Error;
use connect_api::Result;
use connect_api::Timestamp;
use connect_api::TopicName;
use connect_api::TransactionContext;
use connect_api::TransactionHost;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_broker::BrokerError;
use connect_broker::Producer;
use connect_broker::ProducerRecord;
use connect_broker::Receipt;
use connect_core::ConnectorName;
use connect_core::sync::lock;
use tokio::time::Instant;

use crate::config::TransactionBoundary;
use crate::store::OffsetStore;
use crate::store::OffsetUpdate;
use crate::store::keep_newest;

/// The transactions of one source task.
pub(crate) struct Transactions {
    boundary: TransactionBoundary,
    interval: Duration,
    requests: Arc<Requests>,
    /// Where the offsets go: not for records.
    offsets_topic: Option<TopicName>,
    /// Since when a transaction is open.
    open_since: Option<Instant>,
    /// When the last batch went into it.
    last_batch: Option<Instant>,
    /// The newest offset of each partition that the open transaction has records of.
    offsets: Vec<OffsetUpdate>,
    /// What became of records of the open transaction, to be told when it ends.
    held: Vec<Receipt>,
    /// Partitions whose last record belongs to a group that is not complete.
    incomplete: Vec<SourcePartition>,
}

/// What a task with `transaction.boundary=connector` asks for, about the batch that it returns next.
#[derive(Debug, Default)]
struct Requests(Mutex<Vec<(Option<usize>, End)>>);

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Abort,
    Commit,
}

impl TransactionHost for Requests {
    fn commit(&self, after: Option<usize>) {
        self.add(after, End::Commit);
    }

    fn abort(&self, after: Option<usize>) {
        self.add(after, End::Abort);
    }
}

impl Requests {
    fn add(&self, after: Option<usize>, end: End) {
        lock(&self.0).push((after, end));
    }

    fn take(&self) -> Vec<(Option<usize>, End)> {
        std::mem::take(&mut lock(&self.0))
    }
}

impl Transactions {
    pub(crate) fn new(
        boundary: TransactionBoundary,
        interval: Duration,
        offsets_topic: Option<TopicName>,
    ) -> Self {
        Self {
            boundary,
            interval,
            requests: Arc::default(),
            offsets_topic,
            open_since: None,
            last_batch: None,
            offsets: Vec::new(),
            held: Vec::new(),
            incomplete: Vec::new(),
        }
    }

    /// What the task gets to bound transactions itself, if it is to.
    pub(super) fn context(&self) -> Option<TransactionContext> {
        (self.boundary == TransactionBoundary::Connector).then(|| {
            TransactionContext::new(Arc::clone(&self.requests) as Arc<dyn TransactionHost>)
        })
    }

    /// Splits a batch of a length where the task asked for an end of the transaction: how many
    /// records, then what follows them.
    ///
    /// # Errors
    /// The task asked for a commit and an abort at the same place.
    pub(super) fn split(&self, length: usize) -> Result<Vec<(usize, Option<End>)>> {
        let mut requests: Vec<(usize, End)> = self
            .requests
            .take()
            .into_iter()
            .map(|(after, end)| (after.map_or(length, |index| index + 1).min(length), end))
            .collect();
        requests.sort_by_key(|(at, _)| *at);
        requests.dedup();
        let mut parts = Vec::new();
        let mut done = 0;
        for (at, end) in requests {
            if at == done
                && parts
                    .iter()
                    .any(|(_, end): &(usize, Option<End>)| end.is_some())
            {
                return Err(Error::illegal_state(
                    "the task asked for a commit and an abort of the same transaction",
                ));
            }
            parts.push((at - done, Some(end)));
            done = at;
        }
        if done < length {
            parts.push((length - done, None));
        }
        Ok(parts)
    }

    /// Refuses records for the topic of the offsets: a reader of it up to its end would
    /// wait for this very transaction.
    pub(super) fn check(&self, records: &[ProducerRecord]) -> Result<()> {
        match &self.offsets_topic {
            Some(topic) if records.iter().any(|record| record.topic == *topic) => {
                Err(Error::illegal_state(format!(
                    "Source tasks may not produce to their own offsets topics when exactly-once \
                     support is enabled: topic \"{topic}\""
                )))
            }
            _ => Ok(()),
        }
    }

    /// Opens a transaction if none is open.
    pub(super) async fn begin(&mut self, producer: &mut dyn Producer) -> Result<()> {
        if self.open_since.is_none() {
            producer.begin().await?;
            self.open_since = Some(Instant::now());
            self.last_batch = None;
        }
        Ok(())
    }

    /// Takes note that a batch has gone into the open transaction.
    pub(super) fn added(&mut self) {
        self.last_batch = Some(Instant::now());
    }

    /// Takes note of a record of the open transaction.
    pub(super) fn submitted(
        &mut self,
        partition: &SourcePartition,
        offset: &SourceOffset,
        more_follow: bool,
    ) {
        self.incomplete.retain(|other| other != partition);
        if more_follow {
            self.incomplete.push(partition.clone());
        } else if !partition.is_null() {
            keep_newest(&mut self.offsets, partition.clone(), offset.clone());
        }
    }

    /// When the open transaction is to be committed, if the task does not decide that. A transaction
    /// never ends inside a group of records under one offset.
    ///
    /// *Java*: with `transaction.boundary=poll`, each batch has a transaction of its own, and waits
    /// for its end. Here batches that the source has ready share one, which is several times faster
    /// and never splits a batch either.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let since = self.open_since.filter(|_| self.incomplete.is_empty())?;
        match self.boundary {
            TransactionBoundary::Connector => None,
            TransactionBoundary::Interval => Some(since + self.interval),
            TransactionBoundary::Poll => {
                let last = self.last_batch.unwrap_or(since);
                Some((last + NEXT_BATCH).min(since + SHARED))
            }
        }
    }

    /// True if the open transaction is to be committed now.
    pub(super) fn ends_now(&self) -> bool {
        self.deadline()
            .is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// True if the open transaction is to be committed now that the source has returned nothing.
    pub(super) fn ends_idle(&self) -> bool {
        self.boundary == TransactionBoundary::Poll && self.may_end_early()
    }

    /// True if the open transaction may be committed at a pause or a stop.
    pub(super) fn may_end_early(&self) -> bool {
        self.open_since.is_some()
            && self.incomplete.is_empty()
            && self.boundary != TransactionBoundary::Connector
    }

    /// Commits the open transaction with its offsets. After an abort by the task, only the offsets.
    pub(super) async fn end(
        &mut self,
        end: End,
        producer: &mut dyn Producer,
        store: &dyn OffsetStore,
        connector: &ConnectorName,
        now: Timestamp,
    ) -> Result<()> {
        if end == End::Abort && self.open_since.is_some() {
            producer.abort().await?;
            self.open_since = None;
        }
        if self.open_since.is_none() {
            if self.offsets.is_empty() {
                return Ok(());
            }
            self.begin(producer).await?;
        }
        let updates = std::mem::take(&mut self.offsets);
        match store.records(connector, &updates, now, FIRST_OFFSET_TOKEN) {
            Some(records) if records.is_empty() => {}
            Some(records) => producer.send(records).await?,
            None => {
                return Err(Error::unsupported(
                    "exactly-once delivery needs source offsets in the log",
                ));
            }
        }
        tracing::debug!(%connector, "committing a transaction");
        producer.commit().await.map_err(not_committed)?;
        tracing::debug!(%connector, "committed a transaction");
        self.open_since = None;
        store.durable(connector, &updates, now);
        Ok(())
    }

    /// Keeps receipts until the transaction ends; answers those of records that failed.
    pub(super) fn hold(&mut self, receipts: Vec<Receipt>) -> Vec<Receipt> {
        let is_kept = |receipt: &Receipt| {
            matches!(
                receipt.outcome,
                Ok(_) | Err(BrokerError::TransactionAborted)
            )
        };
        let (kept, failed) = receipts.into_iter().partition(is_kept);
        self.held.extend::<Vec<_>>(kept);
        failed
    }

    /// The receipts of the transaction that has ended. After an abort its records were dropped.
    pub(super) fn release(&mut self, end: End) -> Vec<Receipt> {
        let mut receipts = std::mem::take(&mut self.held);
        if end == End::Abort {
            for receipt in &mut receipts {
                receipt.outcome = Err(BrokerError::TransactionAborted);
            }
        }
        receipts
    }

    /// Gives up on the open transaction after a failure.
    pub(super) async fn abandon(&mut self, producer: &mut dyn Producer) {
        if self.open_since.take().is_some()
            && let Err(error) = producer.abort().await
        {
            tracing::warn!(%error, "a transaction could not be aborted; the log will do it");
        }
    }
}

fn not_committed(error: BrokerError) -> Error {
    let text = match error {
        BrokerError::TransactionAborted => {
            "the transaction could not be committed; if it took too long: let the connector return \
             smaller batches, make the producer faster or its `transaction.timeout.ms` longer, \
             lower `transaction.boundary.interval.ms`, or use `transaction.boundary=poll`"
        }
        _ => "the transaction could not be committed",
    };
    Error::from(error).context(text)
}

/// How long a transaction with the boundary `poll` waits for the next batch.
const NEXT_BATCH: Duration = Duration::from_millis(1);

/// How long a transaction with the boundary `poll` takes in batches at most.
const SHARED: Duration = Duration::from_millis(100);

/// Tokens of offset records: beyond those of any record of the task.
pub(super) const FIRST_OFFSET_TOKEN: u64 = 1 << 62;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_split_where_the_task_asks() {
        let transactions = Transactions::new(TransactionBoundary::Connector, Duration::ZERO, None);
        let context = transactions.context().unwrap();
        assert_eq!(transactions.split(3).unwrap(), [(3, None)]);
        context.commit_after(0);
        context.abort();
        let parts = transactions.split(3).unwrap();
        assert_eq!(parts, [(1, Some(End::Commit)), (2, Some(End::Abort))]);
        context.commit_after(1);
        context.abort_after(1);
        assert!(transactions.split(3).is_err());
        assert_eq!(transactions.split(0).unwrap(), [], "requests hold once");
    }

    #[test]
    fn a_transaction_does_not_end_inside_a_group() {
        let mut transactions = Transactions::new(TransactionBoundary::Poll, Duration::ZERO, None);
        transactions.open_since = Some(Instant::now());
        let queue = SourcePartition::new([("queue", "q")]);
        transactions.submitted(&queue, &SourceOffset::new("n", 1i64), true);
        assert!(transactions.deadline().is_none() && !transactions.may_end_early());
        transactions.submitted(&queue, &SourceOffset::new("n", 1i64), false);
        assert!(transactions.may_end_early() && transactions.deadline().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn batches_that_are_ready_share_a_transaction() {
        let mut transactions = Transactions::new(TransactionBoundary::Poll, Duration::ZERO, None);
        let begin = Instant::now();
        transactions.open_since = Some(begin);
        transactions.added();
        assert_eq!(transactions.deadline(), Some(begin + NEXT_BATCH));
        while Instant::now() < begin + SHARED {
            assert!(!transactions.ends_now());
            tokio::time::advance(NEXT_BATCH / 2).await;
            transactions.added();
        }
        assert!(transactions.ends_now(), "not for ever");
    }
}
