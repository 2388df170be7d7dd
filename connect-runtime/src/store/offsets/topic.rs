//! Source offsets in a compacted topic, stored byte for byte as Java stores them.

use std::time::Duration;

use async_trait::async_trait;
use connect_api::ConfigMap;
use connect_api::Error;
use connect_api::Result;
use connect_api::Timestamp;
use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_api::record::RawHeaders;
use connect_broker::Admin;
use connect_broker::AdminOptions;
use connect_broker::Broker;
use connect_broker::BrokerError;
use connect_broker::Consumer;
use connect_broker::ConsumerEvent;
use connect_broker::ConsumerOptions;
use connect_broker::Isolation;
use connect_broker::Producer;
use connect_broker::ProducerOptions;
use connect_broker::ProducerRecord;
use connect_broker::Receipts;
use connect_broker::Subscription;
use connect_core::ConnectorName;

use crate::config::OffsetTopic;
use crate::config::too_few_brokers;
use crate::store::OffsetStore;
use crate::store::OffsetUpdate;
use crate::store::offsets::Known;

/// Source offsets in a compacted topic.
pub(crate) struct TopicOffsets {
    topic: TopicName,
    known: Known,
    /// `None` once the store was closed, as the writer.
    reader: tokio::sync::Mutex<Option<Reader>>,
    writer: tokio::sync::Mutex<Option<Writer>>,
}

/// Reads the topic, from where it stopped last time.
struct Reader {
    admin: Box<dyn Admin>,
    consumer: Box<dyn Consumer>,
    partitions: Vec<TopicPartition>,
}

struct Writer {
    producer: Box<dyn Producer>,
    receipts: Box<dyn Receipts>,
    next_token: u64,
}

/// The options of the clients of the topic.
#[derive(Debug, Clone, Default)]
pub(crate) struct OffsetClients {
    pub(crate) admin: AdminOptions,
    /// Options of the consumer, in Kafka's names.
    pub(crate) consumer: ConfigMap,
    pub(crate) producer: ProducerOptions,
}

impl TopicOffsets {
    /// Opens the topic, creates it if it does not exist, and reads it to its end.
    ///
    /// This does not wait for offsets behind an open transaction: a caller that needs the newest
    /// offsets catches up after earlier producers are fenced.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](connect_api::ErrorKind::Config) if the topic is not compacted or
    /// cannot be created as the configuration says; otherwise what the log reports.
    pub(crate) async fn open(
        broker: &dyn Broker,
        topic: &OffsetTopic,
        clients: OffsetClients,
    ) -> Result<Self> {
        let OffsetTopic { name, key, .. } = topic;
        let failed = |error: BrokerError| {
            Error::from(error).context(format!("the offsets topic \"{name}\" cannot be used"))
        };
        let client_id = clients.admin.client_id.clone();
        let admin = broker.admin(clients.admin).await.map_err(failed)?;
        let partitions = partitions_of(&*admin, topic).await?;
        check_compaction(&*admin, name, key).await?;
        let partitions: Vec<_> = (0..partitions)
            .map(|index| TopicPartition::new(name.clone(), index))
            .collect();
        let subscription = Subscription::Partitions(partitions.clone());
        let mut options = ConsumerOptions::new(subscription);
        options.client_id = client_id;
        options.client_config = for_offsets(clients.consumer);
        options.isolation = Isolation::ReadCommitted;
        let consumer = broker.consumer(options).await.map_err(failed)?;
        let reader = Reader {
            admin,
            consumer,
            partitions,
        };
        let (producer, receipts) = broker.producer(clients.producer).await.map_err(failed)?;
        let writer = Writer {
            producer,
            receipts,
            next_token: 0,
        };
        let store = Self {
            topic: name.clone(),
            known: Known::default(),
            reader: tokio::sync::Mutex::new(Some(reader)),
            writer: tokio::sync::Mutex::new(Some(writer)),
        };
        store.read_to_end(Isolation::ReadCommitted).await?;
        Ok(store)
    }

    async fn read_to_end(&self, end: Isolation) -> Result<()> {
        let mut reader = self.reader.lock().await;
        let reader = reader.as_mut().ok_or(BrokerError::Closed)?;
        reader.read_to_end(&self.known, end).await.map_err(|error| {
            Error::from(error).context(format!(
                "the offsets topic \"{}\" cannot be read",
                self.topic
            ))
        })
    }
}

/// How many partitions the topic has. Creates it if it does not exist.
async fn partitions_of(admin: &dyn Admin, topic: &OffsetTopic) -> Result<i32> {
    let name = &topic.name;
    let failed = |error: BrokerError| {
        let text = format!("the offsets topic \"{name}\" cannot be created");
        let hint = too_few_brokers(&error, "offset.storage.replication.factor");
        Error::from(error).context(text + &hint)
    };
    if let Some(found) = admin.describe_topic(name).await.map_err(failed)? {
        return Ok(found.partitions);
    }
    match admin.create_topic(topic.new_topic()).await {
        Ok(()) => tracing::info!(topic = %name, "created the topic of source offsets"),
        // Another worker may have been faster.
        Err(BrokerError::TopicExists { .. }) => {}
        Err(error) => return Err(failed(error)),
    }
    // Now the log's default is known. A topic that was just created may not be visible at once.
    for _ in 0..SIGHTINGS {
        if let Some(found) = admin.describe_topic(name).await.map_err(failed)? {
            return Ok(found.partitions);
        }
        tokio::time::sleep(SIGHTING_WAIT).await;
    }
    Err(failed(BrokerError::UnknownTopic {
        topic: name.clone(),
    }))
}

/// Refuses a topic that would lose offsets, in Java's words.
async fn check_compaction(admin: &dyn Admin, topic: &TopicName, key: &str) -> Result<()> {
    let policy = match admin.topic_config(topic).await {
        Ok(mut config) => config.remove("cleanup.policy"),
        Err(error @ BrokerError::Unauthorized(_)) => {
            tracing::warn!(%topic, %error, "cannot find out whether the topic of source offsets is compacted");
            None
        }
        Err(error) => {
            let text = format!("the offsets topic \"{topic}\" cannot be used");
            return Err(Error::from(error).context(text));
        }
    };
    match policy {
        Some(policy) if policy != "compact" => Err(Error::config(format!(
            "Topic '{topic}' supplied via the '{key}' property is required to have \
             'cleanup.policy=compact' to guarantee consistency and durability of source connector \
             offsets, but found the topic currently has 'cleanup.policy={policy}'. Continuing \
             would likely result in eventually losing source connector offsets and problems \
             restarting this Connect cluster in the future. Change the '{key}' property to use a \
             topic with 'cleanup.policy=compact'."
        ))),
        _ => Ok(()),
    }
}

/// Options of a consumer that reads all that is committed from the beginning, outside any group.
fn for_offsets(mut config: ConfigMap) -> ConfigMap {
    config.remove("group.id");
    config.remove("group.instance.id");
    config.insert("auto.offset.reset", "earliest");
    config.insert("isolation.level", "read_committed");
    if !config.contains_key("fetch.max.wait.ms") {
        config.insert("fetch.max.wait.ms", END_WAIT_MS);
    }
    config
}

/// How long a broker waits for more data at the end of the topic. Only its response shows whether
/// transaction markers follow the last record. There are no requests between two readings.
const END_WAIT_MS: &str = "10";

#[async_trait]
impl OffsetStore for TopicOffsets {
    fn known(&self) -> &Known {
        &self.known
    }

    fn topic(&self) -> Option<&TopicName> {
        Some(&self.topic)
    }

    /// Waits for open transactions: offsets that were committed behind them must be read, too.
    async fn catch_up(&self) -> Result<()> {
        loop {
            match self.read_to_end(Isolation::ReadUncommitted).await {
                Err(error) if error.is_retriable() => {
                    let error = error.report();
                    tracing::warn!(topic = %self.topic, error, "cannot read offsets now; reading resumes when the log is available");
                    tokio::time::sleep(POLL_WAIT).await;
                }
                done => return done,
            }
        }
    }

    async fn close(&self) {
        drop(self.reader.lock().await.take());
        drop(self.writer.lock().await.take());
    }

    async fn write(
        &self,
        connector: &ConnectorName,
        updates: &[OffsetUpdate],
        now: Timestamp,
    ) -> Result<()> {
        let mut writer = self.writer.lock().await;
        let writer = writer.as_mut().ok_or(BrokerError::Closed)?;
        let first = writer.next_token;
        let records = self
            .records(connector, updates, now, first)
            .unwrap_or_default();
        writer.write(records).await.map_err(|error| {
            Error::from(error).context(format!("offsets of connector \"{connector}\" not written"))
        })?;
        self.known.apply(connector, updates);
        Ok(())
    }

    fn records(
        &self,
        connector: &ConnectorName,
        updates: &[OffsetUpdate],
        now: Timestamp,
        first_token: u64,
    ) -> Option<Vec<ProducerRecord>> {
        let entries = self.known.encode(connector, updates);
        let record = |(token, (key, value))| ProducerRecord {
            token,
            topic: self.topic.clone(),
            partition: None,
            timestamp: Some(now),
            key: Some(key),
            value,
            headers: RawHeaders::new(),
        };
        Some((first_token..).zip(entries).map(record).collect())
    }
}

impl std::fmt::Debug for TopicOffsets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TopicOffsets")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

impl Writer {
    async fn write(&mut self, records: Vec<ProducerRecord>) -> Result<(), BrokerError> {
        let first = self.next_token;
        self.next_token += records.len() as u64;
        let sent = self.producer.send(records).await;
        self.producer.flush().await?;
        sent?;
        let mut missing = self.next_token - first;
        let mut outcome = Ok(());
        while missing > 0 {
            let receipts = self.receipts.next().await.ok_or(BrokerError::Closed)?;
            for receipt in receipts {
                // Tokens of an earlier, abandoned write are skipped.
                let own = receipt.tokens.start.max(first)..receipt.tokens.end;
                if !own.is_empty() {
                    missing -= own.end - own.start;
                    outcome = outcome.and(receipt.outcome.map(drop));
                }
            }
        }
        outcome
    }
}

impl Reader {
    async fn read_to_end(&mut self, known: &Known, end: Isolation) -> Result<(), BrokerError> {
        self.consumer.resume(&self.partitions);
        let read = self.read_on(known, end).await;
        self.consumer.pause(&self.partitions);
        read
    }

    async fn read_on(&mut self, known: &Known, end: Isolation) -> Result<(), BrokerError> {
        known.begin_reading();
        let ends = self.admin.end_offsets(&self.partitions, end).await?;
        loop {
            let mut at_end = true;
            for (partition, last) in &ends {
                at_end &= self.consumer.position(partition).await? >= *last;
            }
            if at_end {
                // The end of what is committed may be before a record of this worker.
                if end == Isolation::ReadUncommitted {
                    known.end_reading();
                }
                return Ok(());
            }
            match self.consumer.poll(POLL_WAIT).await? {
                ConsumerEvent::Records(batches) => {
                    for record in batches.into_iter().flat_map(|batch| batch.records) {
                        known.fold(record.key, record.value.as_deref());
                    }
                }
                ConsumerEvent::Idle => {}
                _ => self.consumer.rebalanced().await?,
            }
        }
    }
}

/// How long one poll waits. It is not a timeout: reading continues to the end.
const POLL_WAIT: Duration = Duration::from_millis(500);

/// How often to look for a topic that was created, and how long to wait in between.
const SIGHTINGS: usize = 100;
const SIGHTING_WAIT: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use connect_api::LogOffsets;
    use connect_api::LogPosition;
    use connect_broker::Receipt;

    use super::*;

    struct Sends;

    #[async_trait]
    impl Producer for Sends {
        async fn send(&mut self, _: Vec<ProducerRecord>) -> Result<(), BrokerError> {
            Ok(())
        }

        async fn flush(&mut self) -> Result<(), BrokerError> {
            Ok(())
        }

        async fn begin(&mut self) -> Result<(), BrokerError> {
            Err(BrokerError::Closed)
        }

        async fn send_offsets(&mut self, _: &str, _: &LogOffsets) -> Result<(), BrokerError> {
            Err(BrokerError::Closed)
        }

        async fn commit(&mut self) -> Result<(), BrokerError> {
            Err(BrokerError::Closed)
        }

        async fn abort(&mut self) -> Result<(), BrokerError> {
            Err(BrokerError::Closed)
        }
    }

    struct Tells(Option<Vec<Receipt>>);

    #[async_trait]
    impl Receipts for Tells {
        async fn next(&mut self) -> Option<Vec<Receipt>> {
            self.0.take()
        }
    }

    /// The log was unavailable for longer than a write may take; then both receipts arrived in order.
    #[tokio::test]
    async fn a_write_is_done_by_a_receipt_that_it_shares_with_an_abandoned_one() {
        let position = LogPosition {
            topic: "offsets".into(),
            partition: 0,
            offset: 5,
        };
        let mut writer = Writer {
            producer: Box::new(Sends),
            receipts: Box::new(Tells(Some(vec![Receipt::new(0..2, Ok(position))]))),
            next_token: 1,
        };
        let record = ProducerRecord::new(1, "offsets", Vec::new());
        writer.write(vec![record]).await.unwrap();
    }
}
