//! Source offsets in a compacted topic, byte for byte as Java keeps them.

use std::time::Duration;

use async_trait::async_trait;
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
use connect_broker::admin::NewTopic;
use connect_core::ConnectorName;

use crate::store::OffsetStore;
use crate::store::OffsetUpdate;
use crate::store::offsets::Known;

/// Source offsets in a compacted topic.
pub(crate) struct TopicOffsets {
    topic: TopicName,
    known: Known,
    reader: tokio::sync::Mutex<Reader>,
    writer: tokio::sync::Mutex<Writer>,
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

impl TopicOffsets {
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
        let policy = admin
            .topic_config(&topic)
            .await
            .map_err(failed)?
            .remove("cleanup.policy");
        if policy.as_deref().is_some_and(|policy| policy != "compact") {
            return Err(Error::config(format!(
                "topic \"{topic}\" supplied via the 'offset.storage.topic' property is required \
                 to have 'cleanup.policy=compact' to guarantee consistency and durability of \
                 source connector offsets, but found the topic currently has 'cleanup.policy={}'",
                policy.unwrap_or_default()
            )));
        }
        let partitions: Vec<_> = (0..partitions)
            .map(|index| TopicPartition::new(topic.clone(), index))
            .collect();
        let subscription = Subscription::Partitions(partitions.clone());
        let mut options = ConsumerOptions::new(subscription);
        options.client_id = "offsets".into();
        options.isolation = Isolation::ReadCommitted;
        let consumer = broker.consumer(options).await.map_err(failed)?;
        let reader = Reader {
            admin,
            consumer,
            partitions,
        };
        let mut options = ProducerOptions::default();
        options.client_id = "offsets".into();
        let (producer, receipts) = broker.producer(options).await.map_err(failed)?;
        let writer = Writer {
            producer,
            receipts,
            next_token: 0,
        };
        let store = Self {
            topic,
            known: Known::default(),
            reader: tokio::sync::Mutex::new(reader),
            writer: tokio::sync::Mutex::new(writer),
        };
        store.catch_up().await?;
        Ok(store)
    }
}

#[async_trait]
impl OffsetStore for TopicOffsets {
    fn known(&self) -> &Known {
        &self.known
    }

    async fn catch_up(&self) -> Result<()> {
        let mut reader = self.reader.lock().await;
        reader.read_to_end(&self.known).await.map_err(|error| {
            Error::from(error).context(format!(
                "the offsets topic \"{}\" cannot be read",
                self.topic
            ))
        })
    }

    async fn write(
        &self,
        connector: &ConnectorName,
        updates: &[OffsetUpdate],
        now: Timestamp,
    ) -> Result<()> {
        let mut writer = self.writer.lock().await;
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
                // An earlier, abandoned write does not count, even where its records share a
                // receipt with those of this one.
                let own = receipt
                    .tokens
                    .end
                    .saturating_sub(first.max(receipt.tokens.start));
                if own > 0 {
                    missing -= own;
                    outcome = outcome.and(receipt.outcome.map(drop));
                }
            }
        }
        outcome
    }
}

impl Reader {
    async fn read_to_end(&mut self, known: &Known) -> Result<(), BrokerError> {
        let ends = self
            .admin
            .end_offsets(&self.partitions, Isolation::ReadCommitted)
            .await?;
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

/// How long one look at the topic waits. It is not a time-out: reading goes on to the end.
const POLL_WAIT: Duration = Duration::from_millis(500);

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

    /// The log was away for longer than a write may take, then both arrived one behind the other.
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
