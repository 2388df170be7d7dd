//! The records of a producer that are in flight, and their receipts: callbacks report the fate of
//! single records, receipts that of runs of records.

use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::Weak;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use connect_api::LogPosition;
use connect_api::TopicName;
use connect_broker::BrokerError;
use connect_broker::Receipt;
use connect_core::sync::lock;
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::sync::Notify;

use super::linger::InFlight;
use super::record_error::record_error;
use crate::callbacks::Delivered;
use crate::callbacks::Deliveries;
use crate::error::Subject;
use crate::error::error;
use crate::ffi::Client;

/// Counts the records that a producer has in flight and queues receipts until they are read.
///
/// A token is in exactly one of three states: not accepted, in flight, or in a receipt. Its receipt
/// is queued before it is counted out of flight.
pub(crate) struct Ledger {
    state: Mutex<State>,
    /// How many records were ever in flight.
    total: AtomicU64,
    records: AtomicUsize,
    bytes: AtomicUsize,
    /// How many flushes wait until nothing is in flight.
    flushes: AtomicUsize,
    /// Notified when fewer records are in flight.
    completed: Notify,
    /// Notified when there are receipts to read.
    ready: Notify,
    pub(crate) transactional_id: Option<String>,
    /// The largest record that librdkafka accepts.
    pub(crate) max_record_bytes: usize,
    /// The client that sends the records.
    client: Mutex<Weak<Client>>,
}

#[derive(Default)]
struct State {
    receipts: Vec<Receipt>,
    /// The code behind the last receipt if it is an error.
    last_code: Option<Code>,
    /// The topic of the last receipt, by librdkafka's id.
    last_topic: usize,
    /// Names of topics by librdkafka's id.
    topics: Vec<(usize, TopicName)>,
    /// The first error of the current transaction.
    failure: Option<BrokerError>,
    /// The log refused a record of the current transaction.
    was_refused: bool,
    /// Why records are being purged.
    purge_reason: Option<BrokerError>,
    /// The producer is gone and nothing is in flight.
    has_ended: bool,
}

impl Ledger {
    pub(crate) fn new(transactional_id: Option<String>, max_record_bytes: usize) -> Self {
        Self {
            state: Mutex::default(),
            total: AtomicU64::new(0),
            records: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            flushes: AtomicUsize::new(0),
            completed: Notify::new(),
            ready: Notify::new(),
            transactional_id,
            max_record_bytes,
            client: Mutex::default(),
        }
    }

    /// Sets the client that sends the records from now on.
    pub(crate) fn set_client(&self, client: &Arc<Client>) {
        // Ids of topics are those of a client.
        lock(&self.state).topics.clear();
        *lock(&self.client) = Arc::downgrade(client);
    }

    pub(crate) fn client(&self) -> Option<Arc<Client>> {
        lock(&self.client).upgrade()
    }

    /// Records and bytes in flight.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (
            self.records.load(Ordering::Acquire),
            self.bytes.load(Ordering::Acquire),
        )
    }

    pub(crate) fn in_flight(&self) -> InFlight {
        let (records, bytes) = self.counts();
        let total = self.total.load(Ordering::Acquire);
        InFlight {
            completed: total.saturating_sub(records as u64),
            records,
            bytes,
            is_flushing: self.flushes.load(Ordering::Acquire) > 0,
        }
    }

    /// Makes the producer's thread send everything at once, until the guard is dropped.
    pub(crate) fn flush(&self) -> Flush<'_> {
        self.flushes.fetch_add(1, Ordering::AcqRel);
        Flush(self)
    }

    /// Counts records as in flight, before librdkafka gets them. True if none were.
    pub(crate) fn add(&self, records: usize, bytes: usize) -> bool {
        self.total.fetch_add(records as u64, Ordering::AcqRel);
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
        self.records.fetch_add(records, Ordering::AcqRel) == 0
    }

    /// Counts records as no longer in flight.
    pub(crate) fn remove(&self, records: usize, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        self.records.fetch_sub(records, Ordering::AcqRel);
    }

    /// Queues the receipt of a record, or extends the last one.
    fn add_receipt(&self, record: &Delivered<'_>) {
        let mut state = lock(&self.state);
        let state = &mut *state;
        if let Some(last) = state.receipts.last_mut()
            && last.tokens.end == record.token
            && state.last_topic == record.topic_id
            && follows(last, state.last_code, record)
        {
            last.tokens.end += 1;
            return;
        }
        let topic = topic_of(&mut state.topics, record);
        state.last_topic = record.topic_id;
        let outcome = match record.error {
            None => Ok(LogPosition {
                topic,
                partition: record.partition,
                offset: record.offset,
            }),
            Some(code) => {
                state.was_refused |= !matches!(code, Code::PurgeQueue | Code::PurgeInflight);
                Err(self.error(state, code, &topic, record))
            }
        };
        state.last_code = record.error;
        self.push(state, Receipt::new(record.token..record.token + 1, outcome));
    }

    fn error(
        &self,
        state: &State,
        code: Code,
        topic: &TopicName,
        record: &Delivered<'_>,
    ) -> BrokerError {
        match (code, &state.purge_reason, &self.transactional_id) {
            (Code::PurgeQueue | Code::PurgeInflight, Some(reason), _) => reason.clone(),
            (Code::PurgeQueue | Code::PurgeInflight, None, Some(_)) => {
                BrokerError::TransactionAborted
            }
            // A fatal error of the client says more than that the record was purged.
            (Code::PurgeQueue | Code::PurgeInflight, None, None) => match self.fatal_error() {
                Some((code, text)) => error(code, &text, Subject::Topic(topic)),
                None => record_error(code, topic, record.size, self),
            },
            _ => record_error(code, topic, record.size, self),
        }
    }

    /// What an error of the client that a record of `topic` met is about.
    pub(crate) fn subject<'a>(&'a self, topic: &'a TopicName) -> Subject<'a> {
        match &self.transactional_id {
            Some(id) => Subject::Transaction(id),
            None => Subject::Topic(topic),
        }
    }

    /// The fatal error of the client, if it has one.
    pub(crate) fn fatal_error(&self) -> Option<(Code, String)> {
        self.client()?.fatal_error()
    }

    fn push(&self, state: &mut State, receipt: Receipt) {
        if let Err(error) = &receipt.outcome {
            state.failure.get_or_insert_with(|| error.clone());
        }
        let first = state.receipts.is_empty();
        state.receipts.push(receipt);
        if first {
            self.ready.notify_one();
        }
    }

    /// Queues the receipts of records that librdkafka did not get.
    pub(crate) fn refuse(&self, tokens: impl Iterator<Item = u64>, error: &BrokerError) {
        let mut state = lock(&self.state);
        state.last_code = None;
        for token in tokens {
            match state.receipts.last_mut() {
                Some(last) if last.tokens.end == token && is_same(&last.outcome, error) => {
                    last.tokens.end += 1;
                }
                _ => {
                    let receipt = Receipt::new(token..token + 1, Err(error.clone()));
                    self.push(&mut state, receipt);
                }
            }
        }
    }

    /// Sets the error of records that are purged from now on, `None` for that of librdkafka.
    pub(crate) fn set_purge_reason(&self, reason: Option<BrokerError>) {
        lock(&self.state).purge_reason = reason;
    }

    /// Clears the errors of earlier transactions.
    pub(crate) fn begin(&self) {
        let mut state = lock(&self.state);
        state.failure = None;
        state.was_refused = false;
    }

    /// True if the log refused a record since [`begin`](Self::begin).
    pub(crate) fn was_refused(&self) -> bool {
        lock(&self.state).was_refused
    }

    /// The first error of a record since [`begin`](Self::begin).
    pub(crate) fn failure(&self) -> Option<BrokerError> {
        lock(&self.state).failure.clone()
    }

    /// Wakes the tasks in [`wait_until`](Self::wait_until).
    pub(crate) fn notify(&self) {
        self.completed.notify_waiters();
    }

    /// Notes that no more records will be sent and none is in flight.
    pub(crate) fn end(&self) {
        lock(&self.state).has_ended = true;
        self.ready.notify_one();
        self.notify();
    }

    /// Takes the queued receipts; `None` after the last one.
    pub(crate) fn take(&self) -> Option<Vec<Receipt>> {
        let mut state = lock(&self.state);
        let is_last = state.receipts.is_empty() && state.has_ended && self.counts().0 == 0;
        (!is_last).then(|| std::mem::take(&mut state.receipts))
    }

    /// Waits until there are receipts, or no more will come.
    pub(crate) async fn receipts_ready(&self) {
        self.ready.notified().await;
    }

    /// Waits until a condition holds for the records and bytes in flight.
    pub(crate) async fn wait_until(&self, holds: impl Fn(usize, usize) -> bool) {
        loop {
            // Registered before the check, so that no notification is missed.
            let mut notified = pin!(self.completed.notified());
            notified.as_mut().enable();
            let (records, bytes) = self.counts();
            if holds(records, bytes) {
                return;
            }
            notified.await;
        }
    }
}

impl Deliveries for Ledger {
    fn delivered(&self, record: &Delivered<'_>) {
        self.add_receipt(record);
        self.remove(1, record.size);
    }
}

/// While it lives, records do not linger.
pub(crate) struct Flush<'a>(&'a Ledger);

impl Drop for Flush<'_> {
    fn drop(&mut self) {
        self.0.flushes.fetch_sub(1, Ordering::AcqRel);
    }
}

/// True if a record of the same topic continues the last receipt.
fn follows(last: &Receipt, last_code: Option<Code>, record: &Delivered<'_>) -> bool {
    match &last.outcome {
        Ok(position) => {
            let length = i64::try_from(last.tokens.end - last.tokens.start).unwrap_or(i64::MAX);
            record.error.is_none()
                && position.partition == record.partition
                && position.offset.checked_add(length) == Some(record.offset)
        }
        Err(error) => {
            // This one names the size of its record.
            let is_own = matches!(error, BrokerError::RecordTooLarge { .. });
            !is_own && record.error.is_some() && last_code == record.error
        }
    }
}

fn is_same(outcome: &Result<LogPosition, BrokerError>, error: &BrokerError) -> bool {
    outcome.as_ref().is_err_and(|other| {
        std::mem::discriminant(other) == std::mem::discriminant(error)
            && other.to_string() == error.to_string()
    })
}

fn topic_of(topics: &mut Vec<(usize, TopicName)>, record: &Delivered<'_>) -> TopicName {
    if let Some((_, name)) = topics.iter().find(|(id, _)| *id == record.topic_id) {
        return name.clone();
    }
    let name = TopicName::new((record.topic)());
    topics.push((record.topic_id, name.clone()));
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(
        token: u64,
        partition: i32,
        offset: i64,
        error: Option<Code>,
    ) -> Delivered<'static> {
        Delivered {
            token,
            error,
            topic_id: 1,
            topic: &|| "t",
            partition,
            offset,
            size: 1,
        }
    }

    #[test]
    fn consecutive_records_share_a_receipt() {
        let ledger = Ledger::new(None, 1_000);
        ledger.add(7, 7);
        for (token, partition, offset) in [
            (0, 0, 5),
            (1, 0, 6),
            (4, 0, 7),
            (2, 1, 0),
            (3, 1, 1),
            (5, 1, 3),
            (6, 1, 4),
        ] {
            ledger.delivered(&delivered(token, partition, offset, None));
        }
        let receipts: Vec<_> = lock(&ledger.state)
            .receipts
            .iter()
            .map(|receipt| {
                (
                    receipt.tokens.clone(),
                    receipt.outcome.clone().unwrap().to_string(),
                )
            })
            .collect();
        let expected = [
            (0..2, "t-0@5"),
            (4..5, "t-0@7"),
            (2..4, "t-1@0"),
            (5..7, "t-1@3"),
        ];
        assert_eq!(
            receipts,
            expected.map(|(tokens, text)| (tokens, text.to_owned()))
        );
        assert_eq!(ledger.counts(), (0, 0));
    }

    #[test]
    fn errors_are_shared_if_they_do_not_name_the_record() {
        let ledger = Ledger::new(None, 1_000);
        ledger.add(4, 4);
        for (token, code) in [
            (0, Code::TopicAuthorizationFailed),
            (1, Code::TopicAuthorizationFailed),
            (2, Code::MessageSizeTooLarge),
            (3, Code::MessageSizeTooLarge),
        ] {
            ledger.delivered(&delivered(token, 0, -1, Some(code)));
        }
        let tokens: Vec<_> = lock(&ledger.state)
            .receipts
            .iter()
            .map(|r| r.tokens.clone())
            .collect();
        assert_eq!(tokens, [0..2, 2..3, 3..4]);
        assert!(matches!(
            ledger.failure(),
            Some(BrokerError::Unauthorized(_))
        ));
    }
}
