//! Producers: records go to librdkafka in runs of one topic, receipts come back in ranges of
//! tokens.

mod batch_limit;
mod connection;
mod delivery;
mod ledger;
mod linger;
mod open;
mod receipts;
mod record_error;
mod refusals;
mod transactions;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use connect_api::LogOffsets;
use connect_api::TopicName;
use connect_broker::BrokerError;
use connect_broker::Producer;
use connect_broker::ProducerRecord;
use connect_broker::Purge;
use rdkafka::types::RDKafkaErrorCode as Code;

pub(crate) use self::open::open;
pub(crate) use self::transactions::fence_producers;

use self::batch_limit::BatchLimits;
use self::batch_limit::fitting;
use self::connection::Connection;
use self::connection::ConnectionSettings;
use self::delivery::flush;
use self::ledger::Ledger;
use self::record_error::record_error;
use self::transactions::Transactions;
use crate::ffi;
use crate::ffi::Scratch;
use crate::ffi::Topic;

/// At most this many records are in flight, whatever their size: librdkafka needs about 200 bytes
/// for each besides its content.
const MAX_IN_FLIGHT_RECORDS: usize = 100_000;

/// At most this many records are passed to librdkafka before other tasks of the thread may run.
const MAX_RUN: usize = 512;

/// Writes to Kafka.
pub(crate) struct KafkaProducer {
    topics: Vec<(TopicName, Topic)>,
    connection: Connection,
    ledger: Arc<Ledger>,
    how: ConnectionSettings,
    /// The next transaction needs a new connection.
    must_reconnect: bool,
    limits: BatchLimits,
    scratch: Scratch,
    failed: Vec<(usize, Code)>,
}

impl KafkaProducer {
    async fn open(how: ConnectionSettings, ledger: Arc<Ledger>) -> Result<Self, BrokerError> {
        Ok(Self {
            topics: Vec::new(),
            connection: Connection::open(&how, &ledger).await?,
            ledger,
            how,
            must_reconnect: false,
            limits: BatchLimits::default(),
            scratch: Scratch::default(),
            failed: Vec::new(),
        })
    }

    /// Replaces the client. After the log has refused a record in a transaction, librdkafka
    /// continues with a sequence number that the log has not seen, so the next transaction would
    /// fail, too.
    async fn reconnect(&mut self) -> Result<(), BrokerError> {
        let connection = Connection::open(&self.how, &self.ledger).await?;
        self.topics.clear();
        std::mem::replace(&mut self.connection, connection).replace();
        self.must_reconnect = false;
        Ok(())
    }

    fn transactions(&mut self) -> Result<&mut Transactions, BrokerError> {
        self.connection
            .transactions
            .as_mut()
            .ok_or(BrokerError::InvalidState(
                "a producer without a transactional id has no transactions",
            ))
    }

    /// Passes records to librdkafka: those of the first record's topic that the limits allow.
    /// Returns how many that are.
    fn produce(&mut self, records: &[ProducerRecord]) -> usize {
        let Some(first) = records.first() else {
            return 0;
        };
        let index = match self.topic(&first.topic) {
            Ok(index) => index,
            Err(error) => {
                self.ledger.refuse(std::iter::once(first.token), &error);
                return 1;
            }
        };
        let Some((_, topic)) = self.topics.get(index) else {
            return 0;
        };
        let mut room = self
            .how
            .max_in_flight_bytes
            .saturating_sub(self.ledger.counts().1);
        // The batch call knows neither headers nor timestamps.
        let is_plain =
            |record: &ProducerRecord| record.headers.is_empty() && record.timestamp.is_none();
        let plain = is_plain(first);
        let run = records
            .iter()
            .take(MAX_RUN)
            .take_while(|record| {
                let fits = room > 0;
                room = room.saturating_sub(payload(record));
                fits && record.topic == first.topic && is_plain(record) == plain
            })
            .count();
        let Some(run) = records.get(..run) else {
            return 0;
        };
        let bytes: usize = run.iter().map(payload).sum();
        // Counted first: their callbacks may run before the calls return.
        let was_idle = self.ledger.add(run.len(), bytes);
        self.failed.clear();
        let done = if plain {
            ffi::produce_batch(topic, run, &mut self.scratch, &mut self.failed)
        } else {
            one_by_one(topic, run, &mut self.failed)
        };
        if was_idle {
            ffi::wake(&self.connection.client);
        }
        for record in run.iter().skip(done) {
            self.ledger.remove(1, payload(record));
        }
        for (index, code) in self.failed.drain(..) {
            let Some(record) = run.get(index) else {
                continue;
            };
            let error = record_error(code, &record.topic, record.size(), &self.ledger);
            self.ledger.refuse(std::iter::once(record.token), &error);
            self.ledger.remove(1, payload(record));
        }
        done
    }

    /// The index of a topic, which is opened if it is new.
    fn topic(&mut self, name: &TopicName) -> Result<usize, BrokerError> {
        if let Some(index) = self.topics.iter().position(|(other, _)| other == name) {
            return Ok(index);
        }
        if let Some(problem) = name.problem() {
            return Err(BrokerError::InvalidTopic(problem));
        }
        let topic = Topic::open(&self.connection.client, name)
            .map_err(|failure| BrokerError::InvalidTopic(failure.text))?;
        self.topics.push((name.clone(), topic));
        Ok(self.topics.len() - 1)
    }
}

/// The size of a record as callbacks report it.
fn payload(record: &ProducerRecord) -> usize {
    record.key.as_ref().map_or(0, bytes::Bytes::len)
        + record.value.as_ref().map_or(0, bytes::Bytes::len)
}

fn one_by_one(topic: &Topic, run: &[ProducerRecord], failed: &mut Vec<(usize, Code)>) -> usize {
    for (index, record) in run.iter().enumerate() {
        match ffi::produce_one(topic, record) {
            Ok(()) => {}
            Err(Code::QueueFull) => return index,
            Err(code) => failed.push((index, code)),
        }
    }
    run.len()
}

#[async_trait]
impl Producer for KafkaProducer {
    async fn send(&mut self, batch: Vec<ProducerRecord>) -> Result<(), BrokerError> {
        let ledger = Arc::clone(&self.ledger);
        let mut unsent = Unsent {
            ledger: &ledger,
            rest: 0..batch.len(),
            batch: &batch,
        };
        if let Some(transactions) = &self.connection.transactions
            && let Err(error) = transactions.check_open()
        {
            unsent.refuse(&error);
            return Err(error);
        }
        loop {
            let Some(rest) = batch
                .get(unsent.rest.clone())
                .filter(|rest| !rest.is_empty())
            else {
                return Ok(());
            };
            let limit = match rest.first() {
                Some(first) => {
                    let batch = self.how.full_batch.1;
                    let asked = self.limits.of(&first.topic, &self.connection.client, batch);
                    match asked.await {
                        Ok(limit) => limit,
                        Err(error) => {
                            unsent.refuse(&error);
                            return Ok(());
                        }
                    }
                }
                None => None,
            };
            let done = self.produce(limit.map_or(rest, |limit| fitting(rest, limit)));
            unsent.rest.start += done;
            if limit.is_some() {
                flush(&self.connection.client, &ledger).await;
            }
            if done == 0 {
                // Back-pressure: the limits are reached. Records that cannot be delivered time out,
                // so this wait ends.
                let limit = self.how.max_in_flight_bytes;
                let (before, _) = ledger.counts();
                ledger
                    .wait_until(|records, bytes| {
                        records == 0
                            || (bytes < limit && records < before.min(MAX_IN_FLIGHT_RECORDS))
                    })
                    .await;
            } else {
                if ledger.counts().0 >= MAX_IN_FLIGHT_RECORDS {
                    ledger
                        .wait_until(|records, _| records < MAX_IN_FLIGHT_RECORDS)
                        .await;
                }
                tokio::task::coop::consume_budget().await;
            }
        }
    }

    async fn flush(&mut self) -> Result<(), BrokerError> {
        flush(&self.connection.client, &self.ledger).await;
        Ok(())
    }

    async fn begin(&mut self) -> Result<(), BrokerError> {
        if self.must_reconnect {
            self.reconnect().await?;
        }
        self.transactions()?.begin().await
    }

    async fn send_offsets(&mut self, group: &str, offsets: &LogOffsets) -> Result<(), BrokerError> {
        self.transactions()?.send_offsets(group, offsets).await
    }

    async fn commit(&mut self) -> Result<(), BrokerError> {
        self.transactions()?.commit().await
    }

    async fn abort(&mut self) -> Result<(), BrokerError> {
        self.transactions()?.abort().await?;
        self.must_reconnect |= self.ledger.was_refused();
        Ok(())
    }

    fn purge_handle(&self) -> Option<Purge> {
        let ledger = Arc::clone(&self.ledger);
        Some(Box::new(move || {
            ledger.set_purge_reason(Some(BrokerError::Closed));
            if let Some(client) = ledger.client() {
                ffi::purge_unsent(&client);
            }
        }))
    }
}

impl fmt::Debug for KafkaProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaProducer")
            .field("client", self.connection.client.context())
            .field("transactional_id", &self.ledger.transactional_id)
            .finish_non_exhaustive()
    }
}

/// Records of a `send` that librdkafka did not get yet. If the future of `send` is dropped, this is
/// dropped with it, and they get their receipts.
struct Unsent<'a> {
    ledger: &'a Ledger,
    batch: &'a [ProducerRecord],
    rest: Range<usize>,
}

impl Unsent<'_> {
    fn refuse(&mut self, error: &BrokerError) {
        let rest = std::mem::replace(&mut self.rest, 0..0);
        let tokens = self
            .batch
            .get(rest)
            .unwrap_or_default()
            .iter()
            .map(|record| record.token);
        self.ledger.refuse(tokens, error);
    }
}

impl Drop for Unsent<'_> {
    fn drop(&mut self) {
        if !self.rest.is_empty() {
            self.refuse(&BrokerError::InvalidState(
                "the call of send was dropped before the record was accepted",
            ));
        }
    }
}
