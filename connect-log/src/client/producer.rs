//! The producer of an in-process log: picks partitions, encodes batches, begins and ends
//! transactions.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use connect_api::LogOffsets;
use connect_api::TopicName;
use connect_broker::BrokerError;
use connect_broker::Producer;
use connect_broker::ProducerOptions;
use connect_broker::ProducerRecord;
use connect_core::partitioner::partition_for_key;
use tokio::task::AbortHandle;

use crate::client::receipts::Ledger;
use crate::engine::Engine;
use crate::format::batch::BatchBuilder;
use crate::format::batch::FLAG_APPEND_TIME;
use crate::format::batch::FLAG_TRANSACTION;
use crate::topic::Log;
use crate::topic::Topic;
use crate::writer::request::Append;
use crate::writer::request::End;
use crate::writer::request::OffsetChanges;
use crate::writer::request::Request;
use crate::writer::session::Session;
use crate::writer::stage::set_offsets;

/// Writes to an in-process log.
#[derive(Debug)]
pub(crate) struct LocalProducer {
    engine: Arc<Engine>,
    options: ProducerOptions,
    ledger: Arc<Ledger>,
    session: Option<Arc<Session>>,
    /// How many transactions were begun.
    transactions: u64,
    open: Option<OpenTransaction>,
    topics: HashMap<TopicName, Arc<Topic>>,
}

/// The transaction between `begin` and its end.
#[derive(Debug)]
struct OpenTransaction {
    session: Arc<Session>,
    number: u64,
    offsets: OffsetChanges,
    /// The first error of a record that never reached the writer.
    failure: Option<BrokerError>,
    timeout: AbortHandle,
}

impl LocalProducer {
    /// A producer, with a session if it is transactional.
    pub(crate) fn new(
        engine: Arc<Engine>,
        options: ProducerOptions,
        ledger: Arc<Ledger>,
        session: Option<Arc<Session>>,
    ) -> Self {
        let topics = HashMap::new();
        Self {
            engine,
            options,
            ledger,
            session,
            transactions: 0,
            open: None,
            topics,
        }
    }

    fn check(&self) -> Result<(), BrokerError> {
        self.engine.shared.check_open()?;
        match &self.session {
            None => Ok(()),
            Some(session) => session.check(),
        }
    }

    /// Looks up the topics of a batch. Creates missing ones if the log creates topics.
    async fn look_up(&mut self, batch: &[ProducerRecord]) -> HashMap<TopicName, BrokerError> {
        let mut unknown = HashMap::new();
        let mut last: Option<&TopicName> = None;
        for record in batch {
            if last.is_some_and(|last| is_same(last, &record.topic)) {
                continue;
            }
            last = Some(&record.topic);
            let known = self
                .topics
                .get(&record.topic)
                .is_some_and(|topic| !topic.is_deleted());
            if known || unknown.contains_key(&record.topic) {
                continue;
            }
            match self.engine.topic_or_create(&record.topic).await {
                Ok(topic) => drop(self.topics.insert(record.topic.clone(), topic)),
                Err(error) => drop(unknown.insert(record.topic.clone(), error)),
            }
        }
        unknown
    }

    /// Encodes a batch and sends it to the writer. Never waits, so it is accepted as a whole or not
    /// at all.
    fn accept(&mut self, batch: Vec<ProducerRecord>, unknown: &HashMap<TopicName, BrokerError>) {
        let now = self.engine.shared.options.clock.now().as_millis();
        let expected = batch.len() * (batch.first().map_or(0, ProducerRecord::size) + OVERHEAD);
        let mut split = Split {
            expected,
            open: Vec::new(),
            ready: Vec::new(),
            sticky: Vec::new(),
        };
        let mut current: Option<(TopicName, Arc<Topic>)> = None;
        for record in batch {
            let topic = match &current {
                Some((name, topic)) if is_same(name, &record.topic) => topic,
                _ => match self.topics.get(&record.topic) {
                    Some(topic) if !unknown.contains_key(&record.topic) => {
                        &current.insert((record.topic.clone(), Arc::clone(topic))).1
                    }
                    _ => {
                        let error = unknown.get(&record.topic).cloned().unwrap_or_else(|| {
                            BrokerError::UnknownTopic {
                                topic: record.topic.clone(),
                            }
                        });
                        self.refuse(record.token, error);
                        continue;
                    }
                },
            };
            let placed = self
                .check_size(topic, &record)
                .and_then(|()| split.log(topic, &record));
            match placed {
                Ok(log) => split.push(log, &topic.policy, &record, now),
                Err(error) => self.refuse(record.token, error),
            }
        }
        for part in split.into_parts() {
            let transaction = self
                .open
                .as_ref()
                .map(|open| (Arc::clone(&open.session), open.number));
            let (own, producer) = match &transaction {
                None => (0, 0),
                Some((session, _)) => (FLAG_TRANSACTION, session.entry.id),
            };
            let batch = part.builder.finish(part.flags | own, producer);
            let accepted = self.ledger.accept(part.tokens, batch.len());
            let append = Append {
                log: part.log,
                batch,
                accepted,
                transaction,
            };
            self.engine.submit(Request::Append(append));
        }
    }

    fn check_size(&self, topic: &Topic, record: &ProducerRecord) -> Result<(), BrokerError> {
        let size = record.size();
        let most = self.engine.shared.options.max_record_bytes;
        let limit = topic
            .policy
            .max_record_bytes
            .map_or(most, |own| own.min(most));
        if size > limit {
            return Err(BrokerError::RecordTooLarge {
                topic: record.topic.clone(),
                size,
                limit,
            });
        }
        Ok(())
    }

    fn refuse(&mut self, token: u64, error: BrokerError) {
        if let Some(open) = &mut self.open {
            open.failure.get_or_insert_with(|| error.clone());
        }
        self.ledger.refuse(token..token + 1, error);
    }

    /// Ends the open transaction.
    async fn end(&mut self, commit: bool) -> Result<(), BrokerError> {
        let Some(open) = &mut self.open else {
            return Err(NO_TRANSACTION);
        };
        let (session, number) = (Arc::clone(&open.session), open.number);
        let offsets = open.offsets.clone();
        if commit && let Some(error) = open.failure.clone() {
            self.ledger.idle().await;
            return Err(error);
        }
        let end = |reply| {
            Request::End(End {
                session,
                number,
                commit,
                offsets,
                reply,
            })
        };
        self.engine.ask(end).await?;
        if let Some(open) = self.open.take() {
            open.timeout.abort();
        }
        Ok(())
    }

    /// Aborts an open transaction without waiting.
    fn give_up(&mut self) {
        if let Some(open) = self.open.take() {
            open.timeout.abort();
            self.engine.submit(abort(open.session, open.number));
        }
    }
}

#[async_trait]
impl Producer for LocalProducer {
    async fn send(&mut self, batch: Vec<ProducerRecord>) -> Result<(), BrokerError> {
        let mut unsent = Unsent {
            ledger: Arc::clone(&self.ledger),
            batch,
        };
        let checked = self.check().and(match (&self.session, &self.open) {
            (Some(_), None) => Err(NO_TRANSACTION),
            _ => Ok(()),
        });
        if let Err(error) = checked {
            unsent.refuse(&error);
            return Err(error);
        }
        // If this future is dropped at one of these waits, nothing is accepted and `unsent` says
        // so.
        let unknown = self.look_up(&unsent.batch).await;
        self.ledger.room(self.options.max_in_flight_bytes).await;
        if let Err(error) = self.check() {
            unsent.refuse(&error);
            return Err(error);
        }
        self.accept(std::mem::take(&mut unsent.batch), &unknown);
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), BrokerError> {
        self.ledger.idle().await;
        self.engine.shared.check_open()
    }

    async fn begin(&mut self) -> Result<(), BrokerError> {
        self.check()?;
        let session = self.session.as_ref().ok_or(BrokerError::InvalidState(
            "a producer without a transactional id has no transactions",
        ))?;
        if self.open.is_some() {
            return Err(BrokerError::InvalidState(
                "the producer is inside a transaction already",
            ));
        }
        self.transactions += 1;
        let number = self.transactions;
        let timer = time_out(
            Arc::downgrade(&self.engine),
            Arc::clone(session),
            number,
            self.options.transaction_timeout,
        );
        self.open = Some(OpenTransaction {
            session: Arc::clone(session),
            number,
            offsets: OffsetChanges::new(),
            failure: None,
            timeout: tokio::spawn(timer).abort_handle(),
        });
        Ok(())
    }

    async fn send_offsets(&mut self, group: &str, offsets: &LogOffsets) -> Result<(), BrokerError> {
        self.check()?;
        let open = self.open.as_mut().ok_or(NO_TRANSACTION)?;
        open.offsets.extend(set_offsets(group, offsets));
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), BrokerError> {
        self.end(true).await
    }

    async fn abort(&mut self) -> Result<(), BrokerError> {
        self.end(false).await
    }
}

impl Drop for LocalProducer {
    fn drop(&mut self) {
        self.give_up();
        self.ledger.end();
    }
}

/// Records of a `send` that are not accepted yet. Dropped with some left, it gives each its
/// receipt.
struct Unsent {
    ledger: Arc<Ledger>,
    batch: Vec<ProducerRecord>,
}

impl Unsent {
    fn refuse(&mut self, error: &BrokerError) {
        let mut range: Range<u64> = 0..0;
        for record in self.batch.drain(..) {
            if record.token != range.end || range.is_empty() {
                self.ledger.refuse(range, error.clone());
                range = record.token..record.token;
            }
            range.end += 1;
        }
        self.ledger.refuse(range, error.clone());
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        self.refuse(&BrokerError::InvalidState(
            "the send was canceled before it was accepted",
        ));
    }
}

/// A `send`, split by partition.
struct Split {
    /// Roughly how many bytes it takes in all.
    expected: usize,
    open: Vec<Part>,
    ready: Vec<Part>,
    /// Where records without keys go, by topic.
    sticky: Vec<(TopicName, i32)>,
}

/// The records of a `send` that go into one batch.
struct Part {
    log: Arc<Log>,
    builder: BatchBuilder,
    tokens: Vec<Range<u64>>,
    flags: u8,
}

impl Split {
    fn log<'a>(
        &mut self,
        topic: &'a Topic,
        record: &ProducerRecord,
    ) -> Result<&'a Arc<Log>, BrokerError> {
        let partition = match (record.partition, &record.key) {
            (Some(partition), _) => partition,
            (None, Some(key)) => partition_for_key(key, topic.partitions()),
            (None, None) => self.sticky(topic),
        };
        topic.log(partition).ok_or_else(|| {
            BrokerError::InvalidTopic(format!(
                "topic \"{}\" has {} partitions, there is no partition {partition}",
                topic.name,
                topic.partitions()
            ))
        })
    }

    fn sticky(&mut self, topic: &Topic) -> i32 {
        if let Some((_, partition)) = self
            .sticky
            .iter()
            .find(|(name, _)| is_same(name, &topic.name))
        {
            return *partition;
        }
        let partition = topic.next_partition();
        self.sticky.push((topic.name.clone(), partition));
        partition
    }

    fn push(
        &mut self,
        log: &Arc<Log>,
        policy: &crate::topic::policy::Policy,
        record: &ProducerRecord,
        now: i64,
    ) {
        let at = self
            .open
            .iter()
            .position(|part| Arc::ptr_eq(&part.log, log));
        let full = |part: &Part| part.builder.len() + record.size() > MAX_BATCH_BYTES;
        let index = match at {
            Some(index) if !self.open.get(index).is_some_and(full) => index,
            at => {
                if let Some(index) = at {
                    self.ready.push(self.open.swap_remove(index));
                }
                let builder = BatchBuilder::with_capacity(self.expected.min(MAX_BATCH_BYTES));
                let flags = if policy.append_time {
                    FLAG_APPEND_TIME
                } else {
                    0
                };
                self.open.push(Part {
                    log: Arc::clone(log),
                    builder,
                    tokens: Vec::new(),
                    flags,
                });
                self.open.len() - 1
            }
        };
        let Some(part) = self.open.get_mut(index) else {
            return;
        };
        let time = match record.timestamp {
            Some(time) if !policy.append_time => time.as_millis(),
            _ => now,
        };
        let ProducerRecord {
            token,
            key,
            value,
            headers,
            ..
        } = record;
        part.builder
            .push(0, time, key.as_deref(), value.as_deref(), headers);
        match part.tokens.last_mut() {
            Some(range) if range.end == *token => range.end += 1,
            _ => part.tokens.push(*token..*token + 1),
        }
    }

    /// All parts; those of one log in order.
    fn into_parts(self) -> impl Iterator<Item = Part> {
        self.ready.into_iter().chain(self.open)
    }
}

/// Aborts a transaction after its timeout. Owned by the transaction, which stops it.
async fn time_out(
    engine: std::sync::Weak<Engine>,
    session: Arc<Session>,
    number: u64,
    timeout: std::time::Duration,
) {
    tokio::time::sleep(timeout).await;
    if let Some(engine) = engine.upgrade() {
        tracing::warn!(
            transactional_id = session.transactional_id,
            "a transaction timed out"
        );
        engine.submit(abort(session, number));
    }
}

fn abort(session: Arc<Session>, number: u64) -> Request {
    let (reply, _) = tokio::sync::oneshot::channel();
    Request::End(End {
        session,
        number,
        commit: false,
        offsets: OffsetChanges::new(),
        reply,
    })
}

/// Equal names are mostly the same allocation.
fn is_same(a: &TopicName, b: &TopicName) -> bool {
    std::ptr::eq(a.as_str(), b.as_str()) || a == b
}

const NO_TRANSACTION: BrokerError =
    BrokerError::InvalidState("there is no open transaction; call `begin` first");

/// A batch grows to about this size. With its framing it fits into pages of 2^n.
const MAX_BATCH_BYTES: usize = 508 * 1024;

/// What the format adds to a record without headers.
const OVERHEAD: usize = 10;
