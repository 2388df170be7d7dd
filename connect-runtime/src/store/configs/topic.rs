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
pub(crate) struct TopicConfigs {
    log: TopicLog,
    /// Read and not handed over yet: at the opening, or before an error.
    found: Vec<(i64, ConfigRecord)>,
}

impl TopicConfigs {
    /// Opens the topic, creating it if need be, and reads it to its end.
    ///
    /// # Errors
    /// As [`TopicLog::open`] and [`TopicLog::read_to_end`].
    pub(crate) async fn open(
        broker: &dyn Broker,
        topic: &StoreTopic,
        clients: LogClients,
    ) -> Result<Self> {
        let mut log = TopicLog::open(broker, topic, clients).await?;
        let mut found = Vec::new();
        log.read_to_end(&mut |entry| take(&entry, &mut found))
            .await?;
        Ok(Self { log, found })
    }
}

#[async_trait]
impl ConfigStore for TopicConfigs {
    async fn read_to_end(&mut self) -> Result<Vec<(i64, ConfigRecord)>, Failure> {
        let found = &mut self.found;
        self.log
            .read_to_end(&mut |entry| take(&entry, found))
            .await?;
        Ok(std::mem::take(found))
    }

    async fn append(
        &mut self,
        records: Vec<ConfigRecord>,
    ) -> Result<Vec<(i64, ConfigRecord)>, Failure> {
        let entries: Vec<_> = records.iter().map(ConfigRecord::encode).collect();
        tracing::debug!(records = entries.len(), "writing configurations");
        let found = &mut self.found;
        self.log
            .write(entries, &mut |entry| take(&entry, found))
            .await?;
        tracing::debug!("configurations written");
        Ok(std::mem::take(found))
    }

    async fn follow(&mut self) -> Result<Vec<(i64, ConfigRecord)>, Failure> {
        let found = &mut self.found;
        if found.is_empty() {
            self.log.follow(&mut |entry| take(&entry, found)).await?;
        }
        Ok(std::mem::take(found))
    }
}

/// Takes in a record, unless it cannot be used.
fn take(entry: &Entry, read: &mut Vec<(i64, ConfigRecord)>) {
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
