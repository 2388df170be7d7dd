//! Administration of an in-process log.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use connect_api::LogOffsets;
use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_broker::Admin;
use connect_broker::BrokerError;
use connect_broker::Isolation;
use connect_broker::admin::NewTopic;
use connect_broker::admin::TopicDescription;
use connect_core::sync::lock;
use connect_core::sync::read;

use crate::engine::Engine;
use crate::writer::request::Request;

/// Administers an in-process log.
#[derive(Debug)]
pub(crate) struct LocalAdmin {
    engine: Arc<Engine>,
}

impl LocalAdmin {
    /// Administers a log.
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    fn check_unused(&self, group: &str) -> Result<(), BrokerError> {
        self.engine.shared.check_open()?;
        if self.engine.shared.groups.is_in_use(group) {
            return Err(BrokerError::GroupInUse {
                group: group.to_owned(),
            });
        }
        Ok(())
    }

    fn offsets(
        &self,
        partitions: &[TopicPartition],
        offset: impl Fn(&crate::topic::Log) -> i64,
    ) -> Result<LogOffsets, BrokerError> {
        self.engine.shared.check_open()?;
        partitions
            .iter()
            .map(|partition| {
                Ok((
                    partition.clone(),
                    offset(&*self.engine.shared.log(partition)?),
                ))
            })
            .collect()
    }
}

#[async_trait]
impl Admin for LocalAdmin {
    async fn create_topic(&self, topic: NewTopic) -> Result<(), BrokerError> {
        self.engine
            .ask(|reply| Request::CreateTopic(topic, reply))
            .await
    }

    async fn delete_topic(&self, topic: &TopicName) -> Result<(), BrokerError> {
        self.engine
            .ask(|reply| Request::DeleteTopic(topic.clone(), reply))
            .await
    }

    async fn list_topics(&self) -> Result<Vec<TopicDescription>, BrokerError> {
        self.engine.shared.check_open()?;
        let topics = read(&self.engine.shared.topics);
        let describe = |(name, topic): (&TopicName, &Arc<_>)| describe(name, topic);
        Ok(topics.iter().map(describe).collect())
    }

    async fn describe_topic(
        &self,
        topic: &TopicName,
    ) -> Result<Option<TopicDescription>, BrokerError> {
        self.engine.shared.check_open()?;
        Ok(self
            .engine
            .shared
            .topic(topic)
            .map(|found| describe(topic, &found)))
    }

    async fn topic_config(
        &self,
        topic: &TopicName,
    ) -> Result<BTreeMap<String, String>, BrokerError> {
        self.engine.shared.check_open()?;
        let unknown = || BrokerError::UnknownTopic {
            topic: topic.clone(),
        };
        let topic = self.engine.shared.topic(topic).ok_or_else(unknown)?;
        Ok(topic.policy.describe(&topic.config))
    }

    async fn start_offsets(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<LogOffsets, BrokerError> {
        self.offsets(partitions, |log| log.start())
    }

    async fn end_offsets(
        &self,
        partitions: &[TopicPartition],
        isolation: Isolation,
    ) -> Result<LogOffsets, BrokerError> {
        self.offsets(partitions, |log| log.end(isolation))
    }

    async fn group_offsets(&self, group: &str) -> Result<LogOffsets, BrokerError> {
        self.engine.shared.check_open()?;
        Ok(lock(&self.engine.shared.offsets)
            .get(group)
            .cloned()
            .unwrap_or_default())
    }

    async fn alter_group_offsets(
        &self,
        group: &str,
        offsets: &BTreeMap<TopicPartition, Option<i64>>,
    ) -> Result<(), BrokerError> {
        self.check_unused(group)?;
        let changes = offsets
            .iter()
            .map(|(partition, offset)| ((group.to_owned(), partition.clone()), *offset))
            .collect();
        self.engine
            .ask(|reply| Request::Offsets(changes, reply))
            .await
    }

    async fn delete_group(&self, group: &str) -> Result<(), BrokerError> {
        self.check_unused(group)?;
        self.engine
            .ask(|reply| Request::DeleteGroup(group.to_owned(), reply))
            .await
    }

    async fn fence_producers(&self, transactional_ids: &[String]) -> Result<(), BrokerError> {
        for id in transactional_ids {
            self.engine
                .ask(|reply| Request::Fence(id.clone(), reply))
                .await?;
        }
        Ok(())
    }
}

fn describe(name: &TopicName, topic: &crate::topic::Topic) -> TopicDescription {
    TopicDescription::new(name.clone(), topic.partitions())
}
