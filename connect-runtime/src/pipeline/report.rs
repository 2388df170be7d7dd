//! Reports of records that could not be handled: to the program's log, and to a dead letter topic.
//!
//! *Java*: a dead letter that cannot be written is logged and lost, and sources have no dead letter
//! queue. Here offsets are committed only after the dead letters before them are durable, a dead
//! letter that cannot be written fails the task, and sources have a dead letter queue too.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use connect_api::ConfigMap;
use connect_api::Error;
use connect_api::Result;
use connect_api::Timestamp;
use connect_api::TopicName;
use connect_api::data::Text;
use connect_api::record::RawHeader;
use connect_api::record::RawHeaders;
use connect_broker::AdminOptions;
use connect_broker::Broker;
use connect_broker::BrokerError;
use connect_broker::Producer;
use connect_broker::ProducerOptions;
use connect_broker::ProducerRecord;
use connect_broker::Receipts;
use connect_broker::admin::NewTopic;
use connect_core::TaskId;

use crate::config::ClientKind;
use crate::config::ConnectorSettings;
use crate::config::WorkerConfig;
use crate::config::client_config;
use crate::config::too_few_brokers;
use crate::connect::Event;
use crate::connect::Events;
use crate::pipeline::Failure;

/// A record as it was before the failure.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeadLetter {
    pub(crate) key: Option<Bytes>,
    pub(crate) value: Option<Bytes>,
    pub(crate) headers: RawHeaders,
    pub(crate) timestamp: Option<Timestamp>,
    /// Topic, partition and offset that it was read from; a source record has none.
    pub(crate) origin: Option<(TopicName, i32, i64)>,
}

/// Reports failed records of one task.
pub(crate) struct Reports {
    id: TaskId,
    log: bool,
    log_messages: bool,
    dead_letters: Option<DeadLetters>,
    /// Who hears of dead letters.
    events: Option<Events>,
}

struct DeadLetters {
    topic: TopicName,
    context_headers: bool,
    producer: Box<dyn Producer>,
    receipts: Box<dyn Receipts>,
    next_token: u64,
    /// Dead letters that are neither durable nor failed yet.
    unsettled: u64,
    /// Dead letters that have become durable since they were last taken.
    durable: Vec<Range<u64>>,
}

/// A dead letter on its way.
pub(crate) type Letter = u64;

impl Reports {
    /// The reporters that the configuration sets. Creates the dead letter topic if it does not exist.
    pub(crate) async fn open(
        id: &TaskId,
        settings: &ConnectorSettings,
        worker: &WorkerConfig,
        connector: &ConfigMap,
        broker: &dyn Broker,
    ) -> Result<Self> {
        let dead_letters = match settings.dead_letter_topic() {
            Some(topic) => {
                let config = |kind| client_config(kind, worker, connector);
                Some(DeadLetters::open(id, topic, settings, config, broker).await?)
            }
            None => None,
        };
        Ok(Self {
            id: id.clone(),
            log: settings.keys.errors_log_enable,
            log_messages: settings.keys.errors_log_include_messages,
            dead_letters,
            events: None,
        })
    }

    /// The error log only, for connectors without a log of records.
    pub(crate) fn to_log(id: &TaskId, settings: &ConnectorSettings) -> Self {
        Self {
            id: id.clone(),
            log: settings.keys.errors_log_enable,
            log_messages: settings.keys.errors_log_include_messages,
            dead_letters: None,
            events: None,
        }
    }

    /// Tells of dead letters.
    pub(crate) fn telling(self, events: Events) -> Self {
        Self {
            events: Some(events),
            ..self
        }
    }

    /// True if reports need the original record.
    pub(crate) const fn wants_record(&self) -> bool {
        self.dead_letters.is_some()
    }

    /// Reports a failure. `description` identifies the record, `letter` makes the dead letter.
    /// Returns the dead letter that is now in flight, if there is one.
    ///
    /// # Errors
    /// The dead letter cannot be written: the task must fail, or the record would be lost.
    pub(crate) async fn report(
        &mut self,
        failure: &Failure,
        description: &str,
        letter: impl FnOnce() -> DeadLetter,
    ) -> Result<Option<Letter>> {
        if self.log {
            let record = self.log_messages.then_some(description);
            tracing::error!(
                record,
                error = failure.error.report(),
                "Error encountered in task {}. Executing stage '{}' with class '{}'.",
                self.id,
                failure.stage,
                failure.class,
            );
        }
        let Some(dead_letters) = &mut self.dead_letters else {
            return Ok(None);
        };
        let letter = dead_letters.send(&self.id, failure, letter()).await?;
        if let Some(events) = &self.events {
            events.send(Event::DeadLetter {
                task: self.id.clone(),
                failure: (&failure.error).into(),
            });
        }
        Ok(Some(letter))
    }

    /// True while the fate of a dead letter is not known.
    pub(crate) fn has_unsettled(&self) -> bool {
        self.unsettled() > 0
    }

    /// True if so many dead letters are on their way that the task must wait for some.
    pub(crate) fn is_full(&self) -> bool {
        self.unsettled() >= MAX_UNSETTLED
    }

    fn unsettled(&self) -> u64 {
        self.dead_letters
            .as_ref()
            .map_or(0, |dead_letters| dead_letters.unsettled)
    }

    /// Waits until some dead letters are durable.
    ///
    /// *Cancellation*: safe.
    ///
    /// # Errors
    /// One could not be written: the task must fail, or its record would be lost.
    pub(crate) async fn settle(&mut self) -> Result<()> {
        match &mut self.dead_letters {
            Some(dead_letters) if dead_letters.unsettled > 0 => dead_letters.settle().await,
            _ => std::future::pending().await,
        }
    }

    /// The dead letters that have become durable since the last call.
    pub(crate) fn take_durable(&mut self) -> Vec<Range<Letter>> {
        self.dead_letters
            .as_mut()
            .map(|dead_letters| std::mem::take(&mut dead_letters.durable))
            .unwrap_or_default()
    }

    /// Waits until every dead letter is durable, but no longer than `limit`; false if that has
    /// passed. Called before offsets are committed that count on it.
    ///
    /// # Errors
    /// A dead letter could not be written.
    pub(crate) async fn flush(&mut self, limit: Duration) -> Result<bool> {
        match &mut self.dead_letters {
            Some(dead_letters) if dead_letters.unsettled > 0 => {
                match tokio::time::timeout(limit, dead_letters.flush()).await {
                    Ok(flushed) => flushed.map(|()| true),
                    Err(_) => Ok(false),
                }
            }
            _ => Ok(true),
        }
    }
}

impl DeadLetters {
    async fn open(
        id: &TaskId,
        topic: TopicName,
        settings: &ConnectorSettings,
        config: impl Fn(ClientKind) -> ConfigMap,
        broker: &dyn Broker,
    ) -> Result<Self> {
        let mut options = AdminOptions::default();
        options.client_id = format!("connector-dlq-adminclient-{id}");
        options.client_config = config(ClientKind::Admin);
        let admin = broker.admin(options).await?;
        if admin.describe_topic(&topic).await?.is_none() {
            let mut new = NewTopic::new(topic.clone()).partitions(1);
            new.replication_factor = Some(settings.keys.dead_letter_replication);
            match admin.create_topic(new).await {
                // Another task may have created it first.
                Ok(()) | Err(BrokerError::TopicExists { .. }) => {}
                Err(error) => {
                    let key = "errors.deadletterqueue.topic.replication.factor";
                    let hint = too_few_brokers(&error, key);
                    return Err(Error::from(error).context(format!(
                        "the dead letter topic \"{topic}\" cannot be created{hint}"
                    )));
                }
            }
        }
        let mut options = ProducerOptions::default();
        options.client_id = format!("connector-dlq-producer-{id}");
        options.client_config = config(ClientKind::Producer);
        // Dead letters are not part of transactions.
        options.client_config.remove("transactional.id");
        let (producer, receipts) = broker.producer(options).await?;
        let context_headers = settings.keys.dead_letter_context_headers;
        Ok(Self {
            topic,
            context_headers,
            producer,
            receipts,
            next_token: 0,
            unsettled: 0,
            durable: Vec::new(),
        })
    }

    async fn send(&mut self, id: &TaskId, failure: &Failure, letter: DeadLetter) -> Result<Letter> {
        let mut headers = letter.headers;
        if self.context_headers {
            context_headers(&mut headers, id, failure, letter.origin.as_ref());
        }
        let token = self.next_token;
        let record = ProducerRecord {
            token,
            topic: self.topic.clone(),
            partition: None,
            timestamp: letter.timestamp,
            key: letter.key,
            value: letter.value,
            headers,
        };
        self.next_token += 1;
        self.unsettled += 1;
        self.producer
            .send(vec![record])
            .await
            .map_err(|error| self.failed(error))?;
        Ok(token)
    }

    async fn flush(&mut self) -> Result<()> {
        self.producer
            .flush()
            .await
            .map_err(|error| self.failed(error))?;
        while self.unsettled > 0 {
            self.settle().await?;
        }
        Ok(())
    }

    async fn settle(&mut self) -> Result<()> {
        let receipts = self.receipts.next().await.unwrap_or_default();
        if receipts.is_empty() {
            return Err(self.failed(BrokerError::Closed));
        }
        let mut outcome = Ok(());
        for receipt in receipts {
            let letters = receipt.tokens.end - receipt.tokens.start;
            self.unsettled = self.unsettled.saturating_sub(letters);
            match receipt.outcome {
                Ok(_) => self.durable.push(receipt.tokens),
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        outcome.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: BrokerError) -> Error {
        Error::from(error).context(format!(
            "a dead letter could not be written to topic \"{}\"",
            self.topic
        ))
    }
}

/// How many dead letters may be in flight.
const MAX_UNSETTLED: u64 = 1000;

/// Adds headers that describe the failure (KIP-298), in Java's order. Headers of the same names are
/// kept.
fn context_headers(
    headers: &mut RawHeaders,
    id: &TaskId,
    failure: &Failure,
    origin: Option<&(TopicName, i32, i64)>,
) {
    let mut add = |name: &'static str, value: Option<String>| {
        let key = Text::from(format!("__connect.errors.{name}"));
        headers.push(RawHeader {
            key,
            value: value.map(Bytes::from),
        });
    };
    if let Some((topic, partition, offset)) = origin {
        add("topic", Some(topic.to_string()));
        add("partition", Some(partition.to_string()));
        add("offset", Some(offset.to_string()));
    }
    add("connector.name", Some(id.connector.to_string()));
    add("task.id", Some(id.index.to_string()));
    add("stage", Some(failure.stage.to_string()));
    add("class.name", Some(failure.class.clone()));
    add(
        "exception.class.name",
        Some(failure.error.java_class().to_owned()),
    );
    add(
        "exception.message",
        Some(failure.error.message().to_owned()),
    );
    add("exception.stacktrace", Some(failure.error.report()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Stage;

    #[test]
    fn context_headers_come_in_the_order_of_java() {
        let failure = Failure::new(Stage::ValueConverter, "JsonConverter", Error::data("bad"));
        let mut headers = RawHeaders::new();
        let origin = (TopicName::new("t"), 3, 42);
        context_headers(&mut headers, &TaskId::new("c", 1), &failure, Some(&origin));
        let read: Vec<_> = headers
            .iter()
            .map(|h| {
                let name = h.key.strip_prefix("__connect.errors.").unwrap();
                (
                    name,
                    String::from_utf8(h.value.clone().unwrap().to_vec()).unwrap(),
                )
            })
            .collect();
        let expected = [
            ("topic", "t"),
            ("partition", "3"),
            ("offset", "42"),
            ("connector.name", "c"),
            ("task.id", "1"),
            ("stage", "VALUE_CONVERTER"),
            ("class.name", "JsonConverter"),
            (
                "exception.class.name",
                "org.apache.kafka.connect.errors.DataException",
            ),
            ("exception.message", "bad"),
            ("exception.stacktrace", "bad"),
        ];
        assert_eq!(read, expected.map(|(name, value)| (name, value.to_owned())));
    }
}
