//! Source offsets in a compacted topic, byte for byte as Java keeps them.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use connect_api::Error;
use connect_api::Result;
use connect_api::Timestamp;
use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_api::record::RawHeaders;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
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
use connect_broker::admin::NewTopic;
use connect_core::ConnectorName;
use connect_core::codec::offset;
use connect_core::codec::offset_file::Entries;

/// A new offset of a source partition; `None` forgets it.
pub(crate) type OffsetUpdate = (SourcePartition, Option<SourceOffset>);

/// Source offsets of all connectors: read whole at the start, kept in memory, written through.
pub(crate) struct OffsetStore {
    topic: TopicName,
    known: Mutex<Known>,
    reader: tokio::sync::Mutex<Reader>,
    writer: tokio::sync::Mutex<Writer>,
}

/// What is stored, by connector and partition.
type Known = BTreeMap<ConnectorName, HashMap<SourcePartition, Stored>>;

struct Stored {
    /// The key bytes as they are stored: an update must use the very same ones.
    key: Bytes,
    /// `None` after a reset.
    offset: Option<SourceOffset>,
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

impl OffsetStore {
    /// Opens the topic, creating it if need be, and reads it to its end.
    pub(crate) async fn open(broker: &dyn Broker, topic: &str) -> Result<Self> {
        let topic = TopicName::new(topic);
        let failed = |error: BrokerError| {
            Error::from(error).context(format!("the offsets topic \"{topic}\" cannot be used"))
        };
        let mut options = AdminOptions::default();
        options.client_id = "offsets".into();
        let admin = broker.admin(options).await.map_err(failed)?;
        let partitions = match admin.describe_topic(&topic).await.map_err(failed)? {
            Some(description) => description.partitions,
            None => {
                let new = NewTopic::new(topic.clone()).partitions(1).compacted();
                admin.create_topic(new).await.map_err(failed)?;
                1
            }
        };
        let policy = admin.topic_config(&topic).await.map_err(failed)?.remove("cleanup.policy");
        if policy.as_deref().is_some_and(|policy| policy != "compact") {
            return Err(Error::config(format!(
                "topic \"{topic}\" supplied via the 'offset.storage.topic' property is required \
                 to have 'cleanup.policy=compact' to guarantee consistency and durability of \
                 source connector offsets, but found the topic currently has 'cleanup.policy={}'",
                policy.unwrap_or_default()
            )));
        }
        let partitions: Vec<_> =
            (0..partitions).map(|index| TopicPartition::new(topic.clone(), index)).collect();
        let subscription = Subscription::Partitions(partitions.clone());
        let mut options = ConsumerOptions::new(subscription);
        options.client_id = "offsets".into();
        options.isolation = Isolation::ReadCommitted;
        let consumer = broker.consumer(options).await.map_err(failed)?;
        let reader = Reader { admin, consumer, partitions };
        let mut options = ProducerOptions::default();
        options.client_id = "offsets".into();
        let (producer, receipts) = broker.producer(options).await.map_err(failed)?;
        let writer = Writer { producer, receipts, next_token: 0 };
        let store = Self {
            topic,
            known: Mutex::default(),
            reader: tokio::sync::Mutex::new(reader),
            writer: tokio::sync::Mutex::new(writer),
        };
        store.catch_up().await?;
        Ok(store)
    }

    /// Reads the topic to its present end: called before a task reads its offsets, once older
    /// incarnations of it are fenced (invariant T2), since they may have written until then.
    pub(crate) async fn catch_up(&self) -> Result<()> {
        let mut reader = self.reader.lock().await;
        reader.read_to_end(&self.known).await.map_err(|error| {
            Error::from(error).context(format!("the offsets topic \"{}\" cannot be read", self.topic))
        })
    }

    /// The offsets of partitions, in the order asked for.
    pub(crate) fn read(
        &self,
        connector: &str,
        partitions: &[SourcePartition],
    ) -> Vec<Option<SourceOffset>> {
        let known = self.known();
        let of_connector = known.get(connector);
        partitions
            .iter()
            .map(|partition| of_connector?.get(partition)?.offset.clone())
            .collect()
    }

    /// All offsets of a connector.
    pub(crate) fn all(&self, connector: &str) -> Vec<(SourcePartition, SourceOffset)> {
        let known = self.known();
        let stored = known.get(connector).into_iter().flatten();
        stored
            .filter_map(|(partition, stored)| Some((partition.clone(), stored.offset.clone()?)))
            .collect()
    }

    /// Writes offsets and returns when they are durable.
    ///
    /// *Cancellation*: the write goes on; what is known changes only if this returns.
    pub(crate) async fn write(
        &self,
        connector: &ConnectorName,
        updates: &[OffsetUpdate],
        now: Timestamp,
    ) -> Result<()> {
        let mut writer = self.writer.lock().await;
        let records = self.records(connector, updates, now, writer.next_token);
        writer.write(records).await.map_err(|error| {
            Error::from(error).context(format!("offsets of connector \"{connector}\" not written"))
        })?;
        self.apply(connector, updates);
        Ok(())
    }

    /// The records that store updates, for a producer that writes them in its own transaction.
    /// [`apply`](OffsetStore::apply) follows once they are durable.
    pub(crate) fn records(
        &self,
        connector: &ConnectorName,
        updates: &[OffsetUpdate],
        now: Timestamp,
        first_token: u64,
    ) -> Vec<ProducerRecord> {
        let known = self.known();
        let stored = known.get(connector);
        let record = |(token, (partition, offset)): (u64, &OffsetUpdate)| {
            let key = stored
                .and_then(|stored| Some(stored.get(partition)?.key.clone()))
                .unwrap_or_else(|| offset::encode_key(connector, partition));
            ProducerRecord {
                token,
                topic: self.topic.clone(),
                partition: None,
                timestamp: Some(now),
                key: Some(key),
                value: offset.as_ref().map(offset::encode_value),
                headers: RawHeaders::new(),
            }
        };
        (first_token..).zip(updates).map(record).collect()
    }

    /// Takes note that updates are durable.
    pub(crate) fn apply(&self, connector: &ConnectorName, updates: &[OffsetUpdate]) {
        let mut known = self.known();
        let stored = known.entry(connector.clone()).or_default();
        for (partition, offset) in updates {
            match stored.get_mut(partition) {
                Some(stored) => stored.offset.clone_from(offset),
                None => {
                    let key = offset::encode_key(connector, partition);
                    stored.insert(partition.clone(), Stored { key, offset: offset.clone() });
                }
            }
        }
    }

    /// Takes over offsets that are stored nowhere else yet; answers how many.
    pub(crate) async fn import(&self, entries: Entries, now: Timestamp) -> Result<usize> {
        let mut imported = 0;
        for (key, value) in entries {
            let Ok((connector, partition)) = offset::decode_key(&key) else {
                tracing::warn!(key = %String::from_utf8_lossy(&key), "an offset was not imported: its key is damaged");
                continue;
            };
            let Some(Ok(offset)) = value.as_deref().map(offset::decode_value) else { continue };
            let connector = ConnectorName::from(connector);
            let is_known = self
                .known()
                .get(&connector)
                .is_some_and(|stored| stored.contains_key(&partition));
            if !is_known {
                self.write(&connector, &[(partition, Some(offset))], now).await?;
                imported += 1;
            }
        }
        Ok(imported)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        // Every change of the map is a single insertion, so a panic elsewhere leaves it whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for OffsetStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OffsetStore").field("topic", &self.topic).finish_non_exhaustive()
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
                // Receipts of an earlier, abandoned write do not count.
                if receipt.tokens.start >= first {
                    missing -= receipt.tokens.end - receipt.tokens.start;
                    outcome = outcome.and(receipt.outcome.map(drop));
                }
            }
        }
        outcome
    }
}

impl Reader {
    async fn read_to_end(&mut self, known: &Mutex<Known>) -> Result<(), BrokerError> {
        let ends = self.admin.end_offsets(&self.partitions, Isolation::ReadCommitted).await?;
        loop {
            let mut at_end = true;
            for (partition, end) in &ends {
                at_end &= self.consumer.position(partition).await? >= *end;
            }
            if at_end {
                return Ok(());
            }
            match self.consumer.poll(POLL_WAIT).await? {
                ConsumerEvent::Records(batches) => {
                    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                    for record in batches.into_iter().flat_map(|batch| batch.records) {
                        fold(&mut known, record.key, record.value.as_deref());
                    }
                }
                ConsumerEvent::Idle => {}
                _ => self.consumer.rebalanced().await?,
            }
        }
    }
}

/// How long one look at the topic waits. It is not a time-out: reading goes on to the end.
const POLL_WAIT: Duration = Duration::from_millis(500);

fn fold(known: &mut Known, key: Option<Bytes>, value: Option<&[u8]>) {
    let read = || {
        let key = key.ok_or("the record has no key")?;
        let (connector, partition) = offset::decode_key(&key)?;
        let offset = value.map(offset::decode_value).transpose()?;
        Ok::<_, String>((connector, partition, Stored { key, offset }))
    };
    match read() {
        Ok((connector, partition, stored)) => {
            known.entry(connector.into()).or_default().insert(partition, stored);
        }
        Err(reason) => tracing::error!(reason, "a stored offset cannot be read and is skipped"),
    }
}
