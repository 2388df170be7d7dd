//! From the callbacks of single records to receipts: which tokens are durable, and where.

use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::Weak;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use connect_api::LogPosition;
use connect_api::TopicName;
use connect_broker::BrokerError;
use connect_broker::Receipt;
use connect_broker::Receipts;
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::sync::Notify;

use crate::call::blocking;
use crate::context::Delivered;
use crate::error::Subject;
use crate::error::error;
use crate::error::record_error;
use crate::ffi;
use crate::ffi::AdminTimeouts;
use crate::ffi::Client;
use crate::linger::UnderWay;

/// What a producer has handed over and not heard of yet, and the receipts that wait to be read.
///
/// A token is in exactly one of three states: not accepted, in flight, or in a receipt. Whoever
/// counts it out of flight has queued its receipt before.
pub(crate) struct Ledger {
    state: Mutex<State>,
    /// Records that were ever handed over.
    departed: AtomicU64,
    records: AtomicUsize,
    bytes: AtomicUsize,
    /// How many wait until nothing is in flight.
    hurried: AtomicUsize,
    /// Rings when records left the flight.
    landed: Notify,
    /// Rings when there are receipts to read.
    ready: Notify,
    pub(crate) transactional_id: Option<String>,
    /// The largest record that the client itself takes.
    pub(crate) max_record_bytes: usize,
    /// Whom to ask for the limit of a topic.
    client: Mutex<Weak<Client>>,
}

#[derive(Default)]
struct State {
    receipts: Vec<Receipt>,
    /// The code behind the last receipt if it is an error.
    last_code: Option<Code>,
    /// The topic of the last receipt, by librdkafka's identity.
    last_topic: usize,
    /// Names of topics by librdkafka's identity.
    topics: Vec<(usize, TopicName)>,
    /// The first error of the current transaction.
    failure: Option<BrokerError>,
    /// The log refused a record of the current transaction.
    refused: bool,
    /// Why everything was given up.
    given_up: Option<BrokerError>,
    /// No producer hands over any more.
    ended: bool,
}

impl Ledger {
    pub(crate) fn new(transactional_id: Option<String>, max_record_bytes: usize) -> Self {
        Self {
            state: Mutex::default(),
            departed: AtomicU64::new(0),
            records: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            hurried: AtomicUsize::new(0),
            landed: Notify::new(),
            ready: Notify::new(),
            transactional_id,
            max_record_bytes,
            client: Mutex::default(),
        }
    }

    /// From now on, this client hands over the records.
    pub(crate) fn set_client(&self, client: &Arc<Client>) {
        // Identities of topics are those of a client.
        self.lock().topics.clear();
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(client);
    }

    /// Records and bytes in flight.
    pub(crate) fn in_flight(&self) -> (usize, usize) {
        (
            self.records.load(Ordering::Acquire),
            self.bytes.load(Ordering::Acquire),
        )
    }

    pub(crate) fn under_way(&self) -> UnderWay {
        let (records, bytes) = self.in_flight();
        let departed = self.departed.load(Ordering::Acquire);
        UnderWay {
            landed: departed.saturating_sub(records as u64),
            records,
            bytes,
            is_flushing: self.hurried.load(Ordering::Acquire) > 0,
        }
    }

    /// Makes records go at once, until the answer is dropped.
    pub(crate) fn hurry(&self) -> Hurry<'_> {
        self.hurried.fetch_add(1, Ordering::AcqRel);
        Hurry(self)
    }

    /// Counts records in, before they are handed over. True if there were none.
    pub(crate) fn depart(&self, records: usize, bytes: usize) -> bool {
        self.departed.fetch_add(records as u64, Ordering::AcqRel);
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
        self.records.fetch_add(records, Ordering::AcqRel) == 0
    }

    /// Counts records out.
    pub(crate) fn land(&self, records: usize, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        self.records.fetch_sub(records, Ordering::AcqRel);
    }

    /// Queues the receipt of a record that a callback tells of. Called on threads of the client.
    pub(crate) fn delivered(&self, record: &Delivered<'_>) {
        self.note(record);
        self.land(1, record.size);
    }

    fn note(&self, record: &Delivered<'_>) {
        let mut state = self.lock();
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
                state.refused |= !matches!(code, Code::PurgeQueue | Code::PurgeInflight);
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
        match (code, &state.given_up, &self.transactional_id) {
            (Code::PurgeQueue | Code::PurgeInflight, Some(reason), _) => reason.clone(),
            (Code::PurgeQueue | Code::PurgeInflight, None, Some(_)) => {
                BrokerError::TransactionAborted
            }
            // The client has given up for good: why says more than that the record is not sent.
            (Code::PurgeQueue | Code::PurgeInflight, None, None) => match self.fatal_error() {
                Some((code, text)) => error(code, &text, Subject::Topic(topic)),
                None => record_error(code, topic, record.size, self),
            },
            _ => record_error(code, topic, record.size, self),
        }
    }

    /// What errors of the whole client are about: a record of `topic` met one.
    pub(crate) fn subject<'a>(&'a self, topic: &'a TopicName) -> Subject<'a> {
        match &self.transactional_id {
            Some(id) => Subject::Transaction(id),
            None => Subject::Topic(topic),
        }
    }

    /// Why the client has given up for good, if it has.
    pub(crate) fn fatal_error(&self) -> Option<(Code, String)> {
        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        client.upgrade()?.fatal_error()
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

    /// Queues the receipts of records that were never handed over.
    pub(crate) fn refuse(&self, tokens: impl Iterator<Item = u64>, error: &BrokerError) {
        let mut state = self.lock();
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

    /// What gives-up callbacks mean from now on.
    pub(crate) fn give_up(&self, reason: BrokerError) {
        self.lock().given_up = Some(reason);
    }

    /// The user of the producer is given up on: what the client has not sent yet is not sent any more.
    /// What is in flight settles by itself.
    pub(crate) fn cut_off(&self) {
        self.give_up(BrokerError::Closed);
        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = client.upgrade() {
            ffi::purge_unsent(&client);
        }
    }

    /// Gives-up callbacks have no reason of their own any more.
    pub(crate) fn go_on(&self) {
        self.lock().given_up = None;
    }

    /// Forgets the errors of earlier transactions.
    pub(crate) fn begin(&self) {
        let mut state = self.lock();
        state.failure = None;
        state.refused = false;
    }

    /// True if the log refused a record since [`begin`](Self::begin).
    pub(crate) fn was_refused(&self) -> bool {
        self.lock().refused
    }

    /// The first error of a record since [`begin`](Self::begin).
    pub(crate) fn failure(&self) -> Option<BrokerError> {
        self.lock().failure.clone()
    }

    /// Wakes those who wait for room or for the end of the flight.
    pub(crate) fn publish(&self) {
        self.landed.notify_waiters();
    }

    /// No record will be handed over any more, and none is in flight.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.ready.notify_one();
        self.publish();
    }

    /// Waits until something holds for the records and bytes in flight.
    pub(crate) async fn until(&self, holds: impl Fn(usize, usize) -> bool) {
        loop {
            // Registered before the check, so that no bell is missed.
            let mut bell = pin!(self.landed.notified());
            bell.as_mut().enable();
            let (records, bytes) = self.in_flight();
            if holds(records, bytes) {
                return;
            }
            bell.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While it lives, no record waits for others to go with.
pub(crate) struct Hurry<'a>(&'a Ledger);

impl Drop for Hurry<'_> {
    fn drop(&mut self) {
        self.0.hurried.fetch_sub(1, Ordering::AcqRel);
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
            // The texts of these name the record.
            let own = matches!(error, BrokerError::RecordTooLarge { .. });
            !own && record.error.is_some() && last_code == record.error
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

/// The stream of receipts of one producer.
pub(crate) struct KafkaReceipts {
    ledger: Arc<Ledger>,
    timeouts: AdminTimeouts,
    /// Taken, but not handed out yet.
    held: Vec<Receipt>,
}

impl KafkaReceipts {
    pub(crate) fn new(ledger: Arc<Ledger>, timeouts: AdminTimeouts) -> Self {
        Self {
            ledger,
            timeouts,
            held: Vec::new(),
        }
    }

    /// Asks the cluster for the limits that it refused records by: its refusal does not tell them.
    async fn complete(&mut self) {
        while let Some(topic) = self.held.iter().find_map(unknown_limit) {
            let limit = self.limit_of(&topic).await;
            for receipt in &mut self.held {
                if let Err(BrokerError::RecordTooLarge {
                    topic: other,
                    size,
                    limit: own @ 0,
                }) = &mut receipt.outcome
                    && *other == topic
                {
                    *own = limit;
                    if *size <= limit {
                        receipt.outcome = Err(batch_too_large(&topic, limit));
                    }
                }
            }
        }
    }

    async fn limit_of(&self, topic: &TopicName) -> usize {
        // Without an answer, the client's own limit is the best guess.
        let guess = self.ledger.max_record_bytes;
        let client = self
            .ledger
            .client
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .upgrade();
        let Some(client) = client else { return guess };
        let (name, timeouts) = (topic.clone(), self.timeouts);
        let config = blocking(move || ffi::topic_config(&client, &name, timeouts)).await;
        let limit = config
            .ok()
            .and_then(|config| config.get("max.message.bytes")?.parse().ok());
        limit.filter(|limit| *limit > 0).unwrap_or(guess)
    }
}

/// A small record was refused with the batch that it was in. It comes to this only if the topic's
/// limit could not be asked for before.
fn batch_too_large(topic: &TopicName, limit: usize) -> BrokerError {
    BrokerError::Rejected(format!(
        "topic \"{topic}\" takes at most {limit} bytes at once, and the record was refused with the \
         batch that it was in; set the client option batch.size to less"
    ))
}

/// The topic of a receipt for a record that is too large by a limit that is not known yet.
fn unknown_limit(receipt: &Receipt) -> Option<TopicName> {
    match &receipt.outcome {
        Err(BrokerError::RecordTooLarge {
            topic, limit: 0, ..
        }) => Some(topic.clone()),
        _ => None,
    }
}

#[async_trait]
impl Receipts for KafkaReceipts {
    async fn next(&mut self) -> Option<Vec<Receipt>> {
        loop {
            // What is held survives a future that is dropped.
            self.complete().await;
            if !self.held.is_empty() {
                return Some(std::mem::take(&mut self.held));
            }
            {
                let mut state = self.ledger.lock();
                if !state.receipts.is_empty() {
                    self.held = std::mem::take(&mut state.receipts);
                    continue;
                }
                if state.ended && self.ledger.in_flight().0 == 0 {
                    return None;
                }
            }
            // Cancel-safe: a bell that nobody hears is kept for the next who listens.
            self.ledger.ready.notified().await;
        }
    }
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
        ledger.depart(7, 7);
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
        let receipts: Vec<_> = ledger
            .lock()
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
        assert_eq!(ledger.in_flight(), (0, 0));
    }

    #[test]
    fn errors_are_shared_if_they_do_not_name_the_record() {
        let ledger = Ledger::new(None, 1_000);
        ledger.depart(4, 4);
        for (token, code) in [
            (0, Code::TopicAuthorizationFailed),
            (1, Code::TopicAuthorizationFailed),
            (2, Code::MessageSizeTooLarge),
            (3, Code::MessageSizeTooLarge),
        ] {
            ledger.delivered(&delivered(token, 0, -1, Some(code)));
        }
        let tokens: Vec<_> = ledger
            .lock()
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

    #[tokio::test]
    async fn receipts_end_after_the_last_one() {
        let ledger = Arc::new(Ledger::new(None, 1_000));
        let timeouts = AdminTimeouts {
            request: std::time::Duration::ZERO,
            operation: std::time::Duration::ZERO,
        };
        let mut receipts = KafkaReceipts::new(Arc::clone(&ledger), timeouts);
        ledger.refuse(3..5, &BrokerError::Closed);
        ledger.end();
        let some = receipts.next().await.unwrap();
        assert_eq!(some.len(), 1);
        assert_eq!(some[0].tokens, 3..5);
        assert!(receipts.next().await.is_none());
    }
}
