//! Source offsets in a compacted topic, stored byte for byte as Java stores them.

use std::time::Duration;

use async_trait::async_trait;
use connect_api::Error;
use connect_api::Result;
use connect_api::Timestamp;
use connect_api::TopicName;
use connect_broker::Broker;
use connect_broker::BrokerError;
use connect_broker::Isolation;
use connect_broker::ProducerRecord;
use connect_core::ConnectorName;

use crate::config::StoreTopic;
use crate::store::LogClients;
use crate::store::OffsetStore;
use crate::store::OffsetUpdate;
use crate::store::offsets::Known;
use crate::store::topic_log::Entry;
use crate::store::topic_log::TopicLog;
use crate::store::topic_log::TopicReader;
use crate::store::topic_log::TopicWriter;
use crate::store::topic_log::record;

/// Source offsets in a compacted topic.
#[derive(Debug)]
pub(crate) struct TopicOffsets {
    topic: TopicName,
    known: Known,
    /// `None` once the store was closed, as the writer.
    reader: tokio::sync::Mutex<Option<TopicReader>>,
    writer: tokio::sync::Mutex<Option<TopicWriter>>,
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
        topic: &StoreTopic,
        clients: LogClients,
    ) -> Result<Self> {
        let (reader, writer) = TopicLog::open(broker, topic, clients).await?.into_parts();
        let store = Self {
            topic: topic.name.clone(),
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
        self.known.begin_reading();
        let fold = &mut |entry: Entry| {
            self.known.fold(entry.key, entry.value.as_deref());
        };
        let read = reader.read_to_end(end, fold).await;
        // Nobody asks between two readings.
        reader.rest();
        read.map_err(|error| {
            Error::from(error).context(format!(
                "the offsets topic \"{}\" cannot be read",
                self.topic
            ))
        })?;
        // The end of what is committed may be before an own record.
        if end == Isolation::ReadUncommitted {
            self.known.end_reading();
        }
        Ok(())
    }
}

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
                    tracing::warn!(topic = %self.topic, error, "reading of offsets resumes when the log is back");
                    tokio::time::sleep(RETRY_WAIT).await;
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
        let entries = self.known.encode(connector, updates);
        writer.write(entries, Some(now)).await.map_err(|error| {
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
        let record = |(token, entry)| record(&self.topic, token, entry, Some(now));
        Some((first_token..).zip(entries).map(record).collect())
    }
}

/// The pause before the topic is read on after an error.
const RETRY_WAIT: Duration = Duration::from_millis(500);
