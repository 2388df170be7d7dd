//! Transactions of a producer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use connect_api::ConfigMap;
use connect_api::LogOffsets;
use connect_broker::BrokerError;
use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::types::RDKafkaType;

use super::delivery::flush;
use super::ledger::Ledger;
use crate::client::CallbackThread;
use crate::client::call_error;
use crate::client::in_turns;
use crate::client::open;
use crate::client::unless_refused;
use crate::config::Role;
use crate::config::SharedOptions;
use crate::error::Subject;
use crate::error::error;
use crate::error::is_fencing;
use crate::ffi;
use crate::ffi::Client;
use crate::ffi::Failure;

const NO_TRANSACTION: BrokerError =
    BrokerError::InvalidState("no transaction is open; call `begin` first");

/// The transactions of one transactional id.
pub(crate) struct Transactions {
    client: Arc<Client>,
    ledger: Arc<Ledger>,
    id: String,
    /// How long one request to the coordinator may take.
    timeout: Duration,
    state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// The log has aborted it; the caller has not called `abort` yet.
    Aborted,
    Idle,
    Open,
}

impl Transactions {
    /// Fences older producers of the id.
    pub(crate) async fn open(
        client: &Arc<Client>,
        ledger: &Arc<Ledger>,
        id: &str,
        timeout: Duration,
    ) -> Result<Self, BrokerError> {
        fence(client, id, timeout).await?;
        Ok(Self {
            client: Arc::clone(client),
            ledger: Arc::clone(ledger),
            id: id.to_owned(),
            timeout,
            state: State::Idle,
        })
    }

    /// Returns an error unless records may be sent.
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
            return Err(BrokerError::InvalidState(
                "a transaction is already open; call `commit` or `abort` first",
            ));
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
            list.add_partition_offset(
                &partition.topic,
                partition.partition,
                Offset::Offset(*offset),
            )
            .map_err(|error| BrokerError::InvalidOption(error.to_string()))?;
        }
        let named = group;
        let (group, timeout) = (group.to_owned(), self.timeout);
        // Not in turns: this call cannot be resumed. librdkafka has no time-out for it; calls after
        // one that was given up fail.
        let sent = self.ask(move |client, _| ffi::send_offsets(client, &group, &list, timeout));
        tokio::time::timeout(self.timeout.saturating_mul(ATTEMPTS), sent)
            .await
            .unwrap_or_else(|_| {
                Err(BrokerError::Unavailable(format!(
                    "the coordinator of consumer group \"{named}\" does not answer; check that the \
                     cluster is up"
                )))
            })
    }

    pub(crate) async fn commit(&mut self) -> Result<(), BrokerError> {
        self.check_open()?;
        flush(&self.client, &self.ledger).await;
        while ffi::outstanding(&self.client) > 0 {
            // librdkafka counts the last callbacks until they have returned, microseconds later.
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
                self.wait_for_records().await;
                self.ask(ffi::abort_transaction).await?;
                self.ledger.wait_until(|records, _| records == 0).await;
            }
        }
        self.state = State::Idle;
        Ok(())
    }

    /// Waits until the records in flight are delivered or have failed, for a limited time.
    ///
    /// While the coordinator completes the previous transaction, it has not begun this one.
    /// librdkafka (2.12, `rd_kafka_txn_op_abort_transaction`) would ask it to abort this one anyway
    /// and take the refusal for a fatal error.
    async fn wait_for_records(&self) {
        let ledger = &self.ledger;
        if ledger.counts().0 == 0 || self.client.fatal_error().is_some() {
            return;
        }
        let _flush = ledger.flush();
        ffi::wake(&self.client);
        let completed = ledger.wait_until(|records, _| records == 0 || ledger.failure().is_some());
        // If it takes longer, the abort reports why.
        let _ = tokio::time::timeout(self.timeout, completed).await;
    }

    /// Finds out what a refused epoch means: either a newer producer has the id, or the log has
    /// aborted a transaction that took too long. In the second case, an abort succeeds.
    async fn refine(&mut self, error: BrokerError) -> BrokerError {
        // The errors of records that were purged say less.
        if let Some((code, text)) = self.client.fatal_error() {
            return crate::error::error(code, &text, Subject::Transaction(&self.id));
        }
        if !matches!(error, BrokerError::Fenced { .. }) {
            return error;
        }
        match in_turns(&self.client, self.timeout, ffi::abort_transaction).await {
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

    /// Calls the transaction coordinator. A call that timed out is repeated, since librdkafka
    /// accepts no other call before it has succeeded.
    async fn ask<F>(&self, request: F) -> Result<(), BrokerError>
    where
        F: Fn(&Client, Duration) -> Result<(), Failure> + Send + 'static,
    {
        let limit = self.timeout.saturating_mul(ATTEMPTS);
        let result = in_turns(&self.client, limit, request).await;
        self.ledger.notify();
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

/// How many times its time-out a call may take before the producer is given up.
const ATTEMPTS: u32 = 4;

/// Fences older producers of an id and aborts their open transaction.
async fn fence(client: &Arc<Client>, id: &str, timeout: Duration) -> Result<(), BrokerError> {
    let limit = timeout.saturating_mul(ATTEMPTS);
    let fencing = in_turns(client, limit, ffi::init_transactions);
    unless_refused(client, Subject::Transaction(id), fencing).await
}

/// Fences the producers of an id with a client that is opened for this.
pub(crate) async fn fence_producers(
    options: &SharedOptions,
    transactional_id: &str,
) -> Result<(), BrokerError> {
    let mut settings = options.settings(Role::Admin, &ConfigMap::new(), "")?;
    settings.config.set("transactional.id", transactional_id);
    settings.bound_by_transaction();
    let client = open(RDKafkaType::RD_KAFKA_PRODUCER, &settings, None)?;
    let thread = CallbackThread::start(&client)?;
    let result = fence(&client, transactional_id, settings.api_timeout).await;
    drop(client);
    drop(thread);
    result
}

impl fmt::Debug for Transactions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transactions")
            .field("id", &self.id)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
