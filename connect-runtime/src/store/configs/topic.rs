//! The configuration log in a topic, byte for byte as Java keeps it.

use async_trait::async_trait;
use connect_api::Result;
use connect_broker::Broker;
use connect_core::Failure;
use connect_core::cluster::log::ConfigRecord;

use super::ConfigStore;
use crate::config::StoreTopic;
use crate::store::LogClients;
use crate::store::topic_log::Entry;
use crate::store::topic_log::TopicLog;

/// A configuration log in a topic with one partition.
///
/// Each write is one transaction, so that a set of tasks with its commit, or a connector with its
/// target state, is there as a whole or not at all. A worker that opens the log fences the writes of
/// one that had it before.
#[derive(Debug)]
pub(crate) struct TopicConfigs(TopicLog);

impl TopicConfigs {
    /// Opens the topic, creating it if need be.
    ///
    /// # Errors
    /// As [`TopicLog::open`].
    pub(crate) async fn open(
        broker: &dyn Broker,
        topic: &StoreTopic,
        clients: LogClients,
    ) -> Result<Self> {
        Ok(Self(TopicLog::open(broker, topic, clients).await?))
    }
}

#[async_trait]
impl ConfigStore for TopicConfigs {
    async fn read_to_end(&mut self) -> Result<Vec<(i64, ConfigRecord)>, Failure> {
        let mut read = Vec::new();
        self.0
            .read_to_end(&mut |entry| take(entry, &mut read))
            .await?;
        Ok(read)
    }

    async fn append(
        &mut self,
        records: Vec<ConfigRecord>,
    ) -> Result<Vec<(i64, ConfigRecord)>, Failure> {
        let entries: Vec<_> = records.iter().map(ConfigRecord::encode).collect();
        tracing::debug!(records = entries.len(), "writing configurations");
        let mut read = Vec::new();
        self.0
            .write(entries, &mut |entry| take(entry, &mut read))
            .await?;
        tracing::debug!("configurations written");
        Ok(read)
    }

    async fn follow(&mut self) -> Result<Vec<(i64, ConfigRecord)>, Failure> {
        let mut read = Vec::new();
        self.0.follow(&mut |entry| take(entry, &mut read)).await?;
        Ok(read)
    }
}

/// Takes in a record, unless it cannot be used.
fn take(entry: Entry, read: &mut Vec<(i64, ConfigRecord)>) {
    match ConfigRecord::decode(entry.key.as_deref(), entry.value.as_deref()) {
        Ok(record) => read.push((entry.offset, record)),
        Err(error) => {
            tracing::error!(
                key = error.key(),
                offset = entry.offset,
                reason = error.problem().to_string(),
                "a record of the configuration log is skipped"
            );
        }
    }
}
