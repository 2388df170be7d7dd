//! Transactions of a producer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use connect_api::LogOffsets;
use connect_broker::BrokerError;
use rdkafka::Offset;
use rdkafka::TopicPartitionList;

use crate::client::call::in_turns;
use crate::client::call::unless_refused;
use crate::error::Subject;
use crate::error::call_error;
use crate::error::error;
use crate::error::is_fencing;
use crate::ffi;
use crate::ffi::Client;
use crate::ffi::Failure;
use crate::producer::delivery::flush;
use crate::producer::receipts::Ledger;

const NO_TRANSACTION: BrokerError =
    BrokerError::InvalidState("there is no open transaction; call `begin` first");

/// The transactions of one transactional id.
pub(crate) struct Transactions {
    client: Arc<Client>,
    ledger: Arc<Ledger>,
    id: String,
    /// How long the coordinator may take.
    patience: Duration,
    state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// The log has aborted it already; `abort` is still due.
    Aborted,
    Idle,
    Open,
}

impl Transactions {
    /// Takes the id over from every older producer.
    pub(crate) async fn open(
        client: &Arc<Client>,
        ledger: &Arc<Ledger>,
        id: &str,
        patience: Duration,
    ) -> Result<Self, BrokerError> {
        take_over(client, id, patience).await?;
        Ok(Self {
            client: Arc::clone(client),
            ledger: Arc::clone(ledger),
            id: id.to_owned(),
            patience,
            state: State::Idle,
        })
    }

    /// An error unless records may be sent.
    pub(crate) fn check_open(&self) -> Result<(), BrokerError> {
        if let Some((code, text)) = self.client.fatal_error() {
            return Err(error(code, &text, Subject::Transaction(&self.id)));
        }
        match self.state {
            State::Open => Ok(()),
            State::Aborted => Err(BrokerError::TransactionAborted),
            State::Idle => Err(NO_TRANSACTION),
        }
    }

    pub(crate) async fn begin(&mut self) -> Result<(), BrokerError> {
        if self.state != State::Idle {
            return Err(BrokerError::InvalidState("a transaction is open already"));
        }
        self.ask(|client, _| ffi::begin_transaction(client)).await?;
        self.ledger.begin();
        self.state = State::Open;
        Ok(())
    }

    pub(crate) async fn send_offsets(
        &mut self,
        group: &str,
        offsets: &LogOffsets,
    ) -> Result<(), BrokerError> {
        self.check_open()?;
        if offsets.is_empty() {
            return Ok(());
        }
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (partition, offset) in offsets {
            // Offsets that Kafka has no place for are refused by it, below.
            list.add_partition_offset(
                &partition.topic,
                partition.partition,
                Offset::Offset(*offset),
            )
            .map_err(|error| BrokerError::InvalidOption(error.to_string()))?;
        }
        let (group, patience) = (group.to_owned(), self.patience);
        // Not in turns: this call cannot be taken up again. librdkafka does not end it itself; what
        // is called after it was given up fails.
        let sent = self.ask(move |client, _| ffi::send_offsets(client, &group, &list, patience));
        tokio::time::timeout(patience.saturating_mul(ATTEMPTS), sent)
            .await
            .unwrap_or_else(|_| {
                let problem = "the coordinator of the group does not answer";
                Err(BrokerError::Unavailable(problem.to_owned()))
            })
    }

    pub(crate) async fn commit(&mut self) -> Result<(), BrokerError> {
        self.check_open()?;
        flush(&self.client, &self.ledger).await;
        while ffi::outstanding(&self.client) > 0 {
            // The last callbacks were counted, but are not released yet: a matter of microseconds.
            tokio::task::yield_now().await;
        }
        if let Some(error) = self.ledger.failure() {
            return Err(self.refine(error).await);
        }
        match self.ask(ffi::commit_transaction).await {
            Ok(()) => {
                self.state = State::Idle;
                Ok(())
            }
            Err(error) => Err(self.refine(error).await),
        }
    }

    pub(crate) async fn abort(&mut self) -> Result<(), BrokerError> {
        match self.state {
            State::Idle => return Err(NO_TRANSACTION),
            State::Aborted => {}
            State::Open => {
                self.let_arrive().await;
                self.ask(ffi::abort_transaction).await?;
                self.ledger.until(|records, _| records == 0).await;
            }
        }
        self.state = State::Idle;
        Ok(())
    }

    /// Waits until what is under way has arrived, as far as it can.
    ///
    /// While the coordinator still completes the transaction before, it has not begun this one.
    /// librdkafka (2.12, `rd_kafka_txn_op_abort_transaction`) would ask it to end this one all the same,
    /// and take the refusal for the end of the producer.
    async fn let_arrive(&self) {
        let ledger = &self.ledger;
        if ledger.in_flight().0 == 0 || self.client.fatal_error().is_some() {
            return;
        }
        let _hurry = ledger.hurry();
        ffi::wake(&self.client);
        let arrived = ledger.until(|records, _| records == 0 || ledger.failure().is_some());
        // When it takes longer, aborting will tell why.
        let _ = tokio::time::timeout(self.patience, arrived).await;
    }

    /// Finds out what a refused epoch means: a newer producer has the id, or the log has aborted a
    /// transaction that took too long. Aborting tells.
    async fn refine(&mut self, error: BrokerError) -> BrokerError {
        // Records that were still to be sent only say that they were not.
        if let Some((code, text)) = self.client.fatal_error() {
            return crate::error::error(code, &text, Subject::Transaction(&self.id));
        }
        if !matches!(error, BrokerError::Fenced { .. }) {
            return error;
        }
        match in_turns(&self.client, self.patience, ffi::abort_transaction).await {
            Ok(()) => {
                self.state = State::Aborted;
                BrokerError::TransactionAborted
            }
            Err(_) => error,
        }
    }

    fn fenced(&self) -> BrokerError {
        BrokerError::Fenced {
            transactional_id: self.id.clone(),
        }
    }

    /// Makes a call of the transaction coordinator; repeats it while that can help, since a call
    /// that timed out must be made again before any other.
    async fn ask<F>(&self, request: F) -> Result<(), BrokerError>
    where
        F: Fn(&Client, Duration) -> Result<(), Failure> + Send + 'static,
    {
        let patience = self.patience.saturating_mul(ATTEMPTS);
        let result = in_turns(&self.client, patience, request).await;
        self.ledger.publish();
        let failure = match result {
            Ok(()) => return Ok(()),
            Err(failure) => failure,
        };
        let fatal = self.client.fatal_error().map(|(code, _)| code);
        if fatal.is_some_and(is_fencing) || is_fencing(failure.code) {
            return Err(self.fenced());
        }
        if failure.requires_abort
            && let Some(first) = self.ledger.failure()
        {
            return Err(first);
        }
        Err(call_error(
            &failure,
            Subject::Transaction(&self.id),
            self.client.context(),
        ))
    }
}

/// How many times its patience a call may take before it is given up on, and the producer with it.
const ATTEMPTS: u32 = 4;

/// Fences older producers of an id and aborts their open transaction.
pub(crate) async fn take_over(
    client: &Arc<Client>,
    id: &str,
    patience: Duration,
) -> Result<(), BrokerError> {
    let patience = patience.saturating_mul(ATTEMPTS);
    let taking = in_turns(client, patience, ffi::init_transactions);
    unless_refused(client, Subject::Transaction(id), taking).await
}

impl fmt::Debug for Transactions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transactions")
            .field("id", &self.id)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
