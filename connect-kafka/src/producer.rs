//! The producer: records go to librdkafka in runs, receipts come back in ranges.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use connect_api::LogOffsets;
use connect_api::TopicName;
use connect_broker::BrokerError;
use connect_broker::Producer;
use connect_broker::ProducerRecord;
use connect_broker::Purge;
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::types::RDKafkaType;

use crate::broker::open;
use crate::config::Settings;
use crate::error::record_error;
use crate::ffi;
use crate::ffi::Client;
use crate::ffi::Scratch;
use crate::ffi::Topic;
use crate::limits::Limits;
use crate::limits::fitting;
use crate::linger::Linger;
use crate::pump::Outgoing;
use crate::pump::Pump;
use crate::pump::flush;
use crate::receipts::Ledger;
use crate::transactions::Transactions;

/// At most this many records are in flight, whatever their size: librdkafka needs some 200 bytes
/// for each besides its content.
const MAX_IN_FLIGHT_RECORDS: usize = 100_000;

/// At most this many records are handed over without giving way to other tasks of the thread.
const MAX_RUN: usize = 512;

/// Writes to Kafka.
pub(crate) struct KafkaProducer {
    topics: Vec<(TopicName, Topic)>,
    link: Link,
    ledger: Arc<Ledger>,
    recipe: Recipe,
    /// The link cannot be used for another transaction.
    worn: bool,
    limits: Limits,
    scratch: Scratch,
    failed: Vec<(usize, Code)>,
}

/// A client at work, with its transactions if it has any.
pub(crate) struct Link {
    transactions: Option<Transactions>,
    client: Arc<Client>,
    /// The last field: dropped when this holds the client no more.
    pump: Pump,
}

/// How the clients of a producer are made.
pub(crate) struct Recipe {
    pub(crate) settings: Settings,
    pub(crate) transactional_id: Option<String>,
    pub(crate) max_in_flight_bytes: usize,
    /// How long records may wait for others to go with.
    pub(crate) linger: Duration,
    /// How many records or bytes wait no longer.
    pub(crate) full_batch: (usize, usize),
}

impl Recipe {
    async fn open(&self, ledger: &Arc<Ledger>) -> Result<Link, BrokerError> {
        let client = open(RDKafkaType::RD_KAFKA_PRODUCER, &self.settings, Some(ledger))?;
        let outgoing = Outgoing {
            ledger: Arc::clone(ledger),
            linger: Linger::new(self.linger, self.full_batch),
            outlives: self.transactional_id.is_none(),
        };
        let pump = Pump::start_producer(&client, outgoing)?;
        let idempotence = self.settings.config.get("enable.idempotence");
        if idempotence.is_some_and(|text| text.eq_ignore_ascii_case("true")) {
            ask_for_identity(&client);
        }
        let transactions = match &self.transactional_id {
            Some(id) => {
                let patience = self.settings.max_block;
                Some(Transactions::open(&client, ledger, id, patience).await?)
            }
            None => None,
        };
        ledger.set_client(&client);
        Ok(Link {
            transactions,
            client,
            pump,
        })
    }
}

impl KafkaProducer {
    /// Opens a producer; with a transactional id, takes it over.
    pub(crate) async fn open(recipe: Recipe, ledger: Arc<Ledger>) -> Result<Self, BrokerError> {
        Ok(Self {
            topics: Vec::new(),
            link: recipe.open(&ledger).await?,
            ledger,
            recipe,
            worn: false,
            limits: Limits::default(),
            scratch: Scratch::default(),
            failed: Vec::new(),
        })
    }

    /// Goes on with a new client. After the log has refused a record in a transaction, librdkafka
    /// counts on from a number that the log never saw, and would have to abort the next one, too.
    async fn renew(&mut self) -> Result<(), BrokerError> {
        let link = self.recipe.open(&self.ledger).await?;
        self.topics.clear();
        std::mem::replace(&mut self.link, link).pump.replace();
        self.worn = false;
        Ok(())
    }

    fn transactions(&mut self) -> Result<&mut Transactions, BrokerError> {
        self.link
            .transactions
            .as_mut()
            .ok_or(BrokerError::InvalidState(
                "a producer without a transactional id has no transactions",
            ))
    }

    /// Hands over what there is room for, from one topic, and says how many records that were.
    fn hand_over(&mut self, records: &[ProducerRecord]) -> usize {
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
            .recipe
            .max_in_flight_bytes
            .saturating_sub(self.ledger.in_flight().1);
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
        // Before they go, since their callbacks may come before this thread goes on.
        let was_idle = self.ledger.depart(run.len(), bytes);
        self.failed.clear();
        let done = if plain {
            ffi::produce_batch(topic, run, &mut self.scratch, &mut self.failed)
        } else {
            one_by_one(topic, run, &mut self.failed)
        };
        if was_idle {
            ffi::wake(&self.link.client);
        }
        for record in run.iter().skip(done) {
            self.ledger.land(1, payload(record));
        }
        for (index, code) in self.failed.drain(..) {
            let Some(record) = run.get(index) else {
                continue;
            };
            let error = record_error(code, &record.topic, record.size(), &self.ledger);
            self.ledger.refuse(std::iter::once(record.token), &error);
            self.ledger.land(1, payload(record));
        }
        done
    }

    /// The place of a topic, opened if it is new.
    fn topic(&mut self, name: &TopicName) -> Result<usize, BrokerError> {
        if let Some(index) = self.topics.iter().position(|(other, _)| other == name) {
            return Ok(index);
        }
        if let Some(problem) = name.problem() {
            return Err(BrokerError::InvalidTopic(problem));
        }
        let topic = Topic::open(&self.link.client, name)
            .map_err(|failure| BrokerError::InvalidTopic(failure.text))?;
        self.topics.push((name.clone(), topic));
        Ok(self.topics.len() - 1)
    }
}

/// Lets an idempotent producer get its id at once.
///
/// librdkafka asks for it when it hears of the cluster, and else every half second. It hears the
/// first time from the bootstrap connection, which it then gives up, so that there is nobody to ask.
/// The second time, the lasting connection is there.
fn ask_for_identity(client: &Arc<Client>) {
    let client = Arc::clone(client);
    let asking = thread::Builder::new()
        .name("kafka-identity".into())
        .spawn(move || {
            for _ in 0..2 {
                if let Err(failure) = ffi::refresh_metadata(&client, IDENTITY_WAIT) {
                    tracing::debug!(text = failure.text, "the cluster is not there yet");
                }
            }
        });
    if let Err(error) = asking {
        tracing::debug!(%error, "a thread cannot be started; the first records wait a little");
    }
}

/// How long the cluster may take to answer before the identity is left to librdkafka.
const IDENTITY_WAIT: Duration = Duration::from_secs(1);

/// What librdkafka tells back about a record's size.
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
        if let Some(transactions) = &self.link.transactions
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
                    let batch = self.recipe.full_batch.1;
                    let asked = self.limits.of(&first.topic, &self.link.client, batch);
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
            let done = self.hand_over(limit.map_or(rest, |limit| fitting(rest, limit)));
            unsent.rest.start += done;
            if limit.is_some() {
                flush(&self.link.client, &ledger).await;
            }
            if done == 0 {
                // Back-pressure: everything is in flight that may be. Something lands soon, since
                // records that cannot be delivered time out.
                let limit = self.recipe.max_in_flight_bytes;
                let (before, _) = ledger.in_flight();
                ledger
                    .until(|records, bytes| {
                        records == 0
                            || (bytes < limit && records < before.min(MAX_IN_FLIGHT_RECORDS))
                    })
                    .await;
            } else {
                if ledger.in_flight().0 >= MAX_IN_FLIGHT_RECORDS {
                    ledger
                        .until(|records, _| records < MAX_IN_FLIGHT_RECORDS)
                        .await;
                }
                tokio::task::coop::consume_budget().await;
            }
        }
    }

    async fn flush(&mut self) -> Result<(), BrokerError> {
        flush(&self.link.client, &self.ledger).await;
        Ok(())
    }

    async fn begin(&mut self) -> Result<(), BrokerError> {
        if self.worn {
            self.renew().await?;
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
        self.worn |= self.ledger.was_refused();
        Ok(())
    }

    fn purge_handle(&self) -> Option<Purge> {
        let ledger = Arc::clone(&self.ledger);
        Some(Box::new(move || ledger.cut_off()))
    }
}

impl fmt::Debug for KafkaProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaProducer")
            .field("client", self.link.client.context())
            .field("transactional_id", &self.ledger.transactional_id)
            .finish_non_exhaustive()
    }
}

/// Records of a `send` that were not handed over yet. When it is dropped with some left, the `send`
/// was dropped, and they get their receipts.
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
                "the send was given up before it was done",
            ));
        }
    }
}
