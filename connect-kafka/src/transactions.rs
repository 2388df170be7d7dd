//! Transactions of a producer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use connect_api::LogOffsets;
use connect_broker::BrokerError;
use rdkafka::Offset;
use rdkafka::TopicPartitionList;

use crate::call::blocking;
use crate::call::call;
use crate::error::Subject;
use crate::error::call_error;
use crate::error::error;
use crate::error::is_fencing;
use crate::ffi;
use crate::ffi::Client;
use crate::ffi::Failure;
use crate::pump::flush;
use crate::receipts::Ledger;

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
        self.ask(ffi::begin_transaction).await?;
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
        self.ask(move |client| ffi::send_offsets(client, &group, &list, patience))
            .await
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
        let patience = self.patience;
        let result = self
            .ask(move |client| ffi::commit_transaction(client, patience))
            .await;
        match result {
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
                let patience = self.patience;
                self.ask(move |client| ffi::abort_transaction(client, patience))
                    .await?;
                self.ledger.until(|records, _| records == 0).await;
            }
        }
        self.state = State::Idle;
        Ok(())
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
        let patience = self.patience;
        let client = Arc::clone(&self.client);
        match blocking(move || ffi::abort_transaction(&client, patience)).await {
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
        F: Fn(&Client) -> Result<(), Failure> + Send + Sync + 'static,
    {
        let id = self.id.clone();
        let request = Arc::new(request);
        let mut attempt = 0;
        let result = loop {
            let (client, request) = (Arc::clone(&self.client), Arc::clone(&request));
            let result = blocking(move || request(&client)).await;
            attempt += 1;
            match &result {
                Err(failure) if failure.retriable && !failure.fatal && attempt < ATTEMPTS => {}
                _ => break result,
            }
        };
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
            Subject::Transaction(&id),
            self.client.context(),
        ))
    }
}

/// How often a call is made that could not be finished in time.
const ATTEMPTS: usize = 4;

/// Fences older producers of an id and aborts their open transaction.
pub(crate) async fn take_over(
    client: &Arc<Client>,
    id: &str,
    patience: Duration,
) -> Result<(), BrokerError> {
    let subject = Subject::Transaction(id);
    let mut attempt = 1;
    loop {
        let result = call(client, subject, move |client| {
            ffi::init_transactions(client, patience)
        })
        .await;
        match result {
            Err(BrokerError::Unavailable(_)) if attempt < ATTEMPTS => attempt += 1,
            result => return result,
        }
    }
}

impl fmt::Debug for Transactions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transactions")
            .field("id", &self.id)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
