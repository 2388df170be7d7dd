//! Writes to a topic and waits until that is durable.

use std::ops::Range;

use connect_api::LogOffsets;
use connect_api::Timestamp;
use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_api::record::RawHeaders;
use connect_broker::Broker;
use connect_broker::BrokerError;
use connect_broker::Producer;
use connect_broker::ProducerOptions;
use connect_broker::ProducerRecord;
use connect_broker::Receipts;

use super::KeyValue;

/// Writes to a topic, one write after the other.
pub(crate) struct TopicWriter {
    topic: TopicName,
    producer: Box<dyn Producer>,
    receipts: Box<dyn Receipts>,
    next_token: u64,
    /// Each write is a transaction.
    is_transactional: bool,
}

/// Where the records of a write stand.
#[derive(Debug, Default)]
pub(crate) struct Written(Vec<(TopicPartition, Range<i64>)>);

impl Written {
    pub(super) fn contains(&self, partition: i32, offset: i64) -> bool {
        let mut parts = self.0.iter();
        parts.any(|(own, offsets)| own.partition == partition && offsets.contains(&offset))
    }

    /// Where a reader is once it has read all of them.
    pub(super) fn ends(&self) -> LogOffsets {
        let mut ends = LogOffsets::new();
        for (partition, offsets) in &self.0 {
            let end = ends.entry(partition.clone()).or_insert(offsets.end);
            *end = offsets.end.max(*end);
        }
        ends
    }
}

impl TopicWriter {
    pub(super) async fn open(
        broker: &dyn Broker,
        topic: TopicName,
        options: ProducerOptions,
    ) -> Result<Self, BrokerError> {
        let is_transactional = options.transactional_id.is_some();
        let (producer, receipts) = broker.producer(options).await?;
        Ok(Self {
            topic,
            producer,
            receipts,
            next_token: 0,
            is_transactional,
        })
    }

    /// Writes entries in this order and returns when they are durable.
    ///
    /// # Errors
    /// The first error of a record. In a transaction nothing is written then.
    pub(crate) async fn write(
        &mut self,
        entries: Vec<KeyValue>,
        now: Option<Timestamp>,
    ) -> Result<Written, BrokerError> {
        let first = self.next_token;
        self.next_token += entries.len() as u64;
        let records = (first..)
            .zip(entries)
            .map(|(token, entry)| record(&self.topic, token, entry, now))
            .collect();
        if !self.is_transactional {
            let sent = self.producer.send(records).await;
            self.producer.flush().await?;
            sent?;
            return self.settle(first).await;
        }
        self.producer.begin().await?;
        let committed = match self.producer.send(records).await {
            Ok(()) => self.producer.commit().await,
            Err(error) => Err(error),
        };
        match committed {
            Ok(()) => self.settle(first).await,
            Err(error) => {
                // It matters only whether the transaction was committed, which it was not.
                if let Err(error) = self.producer.abort().await {
                    tracing::debug!(topic = %self.topic, %error, "a transaction cannot be aborted");
                }
                Err(error)
            }
        }
    }

    /// Waits for the receipts of all records from a token on.
    async fn settle(&mut self, first: u64) -> Result<Written, BrokerError> {
        let mut missing = self.next_token - first;
        let mut written = Vec::new();
        let mut outcome = Ok(());
        while missing > 0 {
            let receipts = self.receipts.next().await.ok_or(BrokerError::Closed)?;
            for receipt in receipts {
                // Tokens of an earlier, abandoned write do not count.
                let own = receipt.tokens.start.max(first)..receipt.tokens.end;
                if own.is_empty() {
                    continue;
                }
                missing -= own.end - own.start;
                match receipt.outcome {
                    Ok(position) => {
                        let offset = |token: u64| {
                            let behind = i64::try_from(token - receipt.tokens.start);
                            position.offset + behind.unwrap_or(i64::MAX)
                        };
                        let partition =
                            TopicPartition::new(position.topic.clone(), position.partition);
                        written.push((partition, offset(own.start)..offset(own.end)));
                    }
                    Err(error) => outcome = outcome.and(Err(error)),
                }
            }
        }
        outcome.map(|()| Written(written))
    }
}

/// A record of a topic. Without a time, the log fills in its own.
pub(crate) fn record(
    topic: &TopicName,
    token: u64,
    (key, value): KeyValue,
    now: Option<Timestamp>,
) -> ProducerRecord {
    ProducerRecord {
        token,
        topic: topic.clone(),
        partition: None,
        timestamp: now,
        key: Some(key),
        value,
        headers: RawHeaders::new(),
    }
}

impl std::fmt::Debug for TopicWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TopicWriter")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use bytes::Bytes;
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
        let mut writer = TopicWriter {
            topic: "offsets".into(),
            producer: Box::new(Sends),
            receipts: Box::new(Tells(Some(vec![Receipt::new(0..2, Ok(position))]))),
            next_token: 1,
            is_transactional: false,
        };
        let entries = vec![(Bytes::new(), None)];
        let written = writer.write(entries, None).await.unwrap();
        assert!(written.contains(0, 6) && !written.contains(0, 5));
        assert!(written.ends().values().eq(&[7]));
    }
}
