//! The administrative client.

mod groups;
mod offsets;
mod open;
mod retry;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use connect_api::LogOffsets;
use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_broker::Admin;
use connect_broker::BrokerError;
use connect_broker::Isolation;
use connect_broker::admin::NewTopic;
use connect_broker::admin::TopicDescription;
use rdkafka::Offset;
use rdkafka::types::RDKafkaErrorCode as Code;

pub(crate) use self::open::cluster_id;
pub(crate) use self::open::open;

use self::groups::Groups;
use self::retry::PAUSE;
use self::retry::repeat;
use self::retry::settled;
use crate::client::CallbackThread;
use crate::client::call;
use crate::client::list;
use crate::client::list_with;
use crate::client::topics;
use crate::config::SharedOptions;
use crate::error::Subject;
use crate::error::error;
use crate::ffi;
use crate::ffi::AdminTimeouts;
use crate::ffi::Client;
use crate::ffi::Failure;
use crate::producer;

/// Administers a Kafka cluster.
pub(crate) struct KafkaAdmin {
    client: Arc<Client>,
    timeouts: AdminTimeouts,
    /// The options of the clients that fence producers.
    options: SharedOptions,
    groups: Groups,
    /// The last field, so that it is dropped after all other uses of the client.
    _thread: CallbackThread,
}

impl KafkaAdmin {
    /// Makes a call about one topic.
    async fn topic<T, F>(&self, topic: &TopicName, request: F) -> Result<T, BrokerError>
    where
        T: Send + 'static,
        F: Fn(&Client, &str, AdminTimeouts) -> Result<T, Failure> + Send + 'static,
    {
        let (name, timeouts) = (topic.clone(), self.timeouts);
        call(&self.client, Subject::Topic(topic), move |client| {
            repeat(timeouts.operation, || request(client, &name, timeouts))
        })
        .await
    }

    /// The error of a topic that was refused: a common reason, too few brokers, is looked for.
    async fn why_not_created(
        &self,
        topic: TopicName,
        replicas: Option<i16>,
        problem: String,
    ) -> BrokerError {
        let timeout = self.timeouts.request;
        let brokers = call(&self.client, Subject::Cluster, move |client| {
            let metadata = client.fetch_metadata(None, timeout).map_err(|error| {
                let code = error.rdkafka_error_code().unwrap_or(Code::Fail);
                Failure::new(code, format!("listing brokers failed: {code}"))
            })?;
            Ok(metadata.brokers().len())
        });
        match (replicas, brokers.await) {
            (Some(replicas), Ok(brokers))
                if usize::try_from(replicas).is_ok_and(|wanted| wanted > brokers) =>
            {
                BrokerError::TooFewBrokers {
                    topic,
                    replicas,
                    brokers,
                }
            }
            _ => BrokerError::InvalidTopic(problem),
        }
    }

    /// Waits until a topic that was just created is known to the brokers, with its leaders.
    async fn wait_until_usable(&self, topic: &TopicName) -> Result<(), BrokerError> {
        let begin = Instant::now();
        let description = loop {
            match self.describe_topic(topic).await? {
                Some(description) => break description,
                None if begin.elapsed() < self.timeouts.operation => {
                    tokio::time::sleep(PAUSE).await;
                }
                None => return Ok(()),
            }
        };
        let partitions: Vec<_> = (0..description.partitions)
            .map(|index| TopicPartition::new(topic.clone(), index))
            .collect();
        self.start_offsets(&partitions).await.map(drop)
    }
}

#[async_trait]
impl Admin for KafkaAdmin {
    async fn create_topic(&self, topic: NewTopic) -> Result<(), BrokerError> {
        if let Some(problem) = topic.name.problem() {
            return Err(BrokerError::InvalidTopic(problem));
        }
        let (name, replicas) = (topic.name.clone(), topic.replication_factor);
        let timeouts = self.timeouts;
        // Not repeated: after a lost answer, the second attempt would find that the topic exists.
        let created = call(&self.client, Subject::Topic(&name), move |client| {
            ffi::create_topic(client, &topic, timeouts)
        })
        .await;
        match created {
            // Refused by librdkafka: the numbers are out of range.
            Err(BrokerError::InvalidOption(problem) | BrokerError::Rejected(problem)) => {
                Err(BrokerError::InvalidTopic(problem))
            }
            Err(BrokerError::InvalidTopic(problem)) => {
                Err(self.why_not_created(name, replicas, problem).await)
            }
            Ok(()) => {
                if let Err(error) = self.wait_until_usable(&name).await {
                    // It has been created. The client may lack the right to describe it.
                    tracing::debug!(topic = %name, %error, "the new topic cannot be described");
                }
                Ok(())
            }
            refused => refused,
        }
    }

    async fn delete_topic(&self, topic: &TopicName) -> Result<(), BrokerError> {
        self.topic(topic, ffi::delete_topic).await
    }

    async fn list_topics(&self) -> Result<Vec<TopicDescription>, BrokerError> {
        let timeout = self.timeouts.request;
        let listed = call(&self.client, Subject::Cluster, move |client| {
            topics(client, timeout)
        });
        let mut topics = listed.await?;
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    async fn describe_topic(
        &self,
        topic: &TopicName,
    ) -> Result<Option<TopicDescription>, BrokerError> {
        match self.topic(topic, ffi::describe_topic).await {
            Ok((partitions, internal)) => {
                let mut description = TopicDescription::new(topic.clone(), partitions);
                description.internal = internal;
                Ok(Some(description))
            }
            Err(BrokerError::UnknownTopic { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn topic_config(
        &self,
        topic: &TopicName,
    ) -> Result<BTreeMap<String, String>, BrokerError> {
        self.topic(topic, ffi::topic_config).await
    }

    async fn start_offsets(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<LogOffsets, BrokerError> {
        self.offsets(partitions, Offset::Beginning, Isolation::ReadUncommitted)
            .await
    }

    async fn end_offsets(
        &self,
        partitions: &[TopicPartition],
        isolation: Isolation,
    ) -> Result<LogOffsets, BrokerError> {
        self.offsets(partitions, Offset::End, isolation).await
    }

    async fn group_offsets(&self, group: &str) -> Result<LogOffsets, BrokerError> {
        let elements = self
            .groups
            .ask(group, |client, group, timeouts| {
                settled(ffi::group_offsets(client, group, timeouts)?)
            })
            .await?;
        let known = elements.into_iter().filter(|element| element.offset >= 0);
        Ok(known
            .map(|element| (element.partition, element.offset))
            .collect())
    }

    async fn alter_group_offsets(
        &self,
        group: &str,
        offsets: &BTreeMap<TopicPartition, Option<i64>>,
    ) -> Result<(), BrokerError> {
        let set = offsets
            .iter()
            .filter_map(|(partition, offset)| Some((partition, (*offset)?)));
        let set = list_with(set.map(|(partition, offset)| (partition, Offset::Offset(offset))));
        let removed = offsets.iter().filter(|(_, offset)| offset.is_none());
        let removed = list(removed.map(|(partition, _)| partition));
        let mut results = Vec::new();
        // Removals first: a group with members refuses these most reliably.
        if removed.count() > 0 {
            let removal = self
                .groups
                .ask(group, move |client, group, timeouts| {
                    settled(ffi::delete_group_offsets(
                        client, group, &removed, timeouts,
                    )?)
                })
                .await;
            match removal {
                Ok(elements) => results.extend(elements),
                // There is nothing to remove from a group without offsets.
                Err(BrokerError::Unavailable(_)) if !self.has_offsets(group).await? => {}
                Err(error) => return Err(error),
            }
        }
        if set.count() > 0 {
            let elements = self
                .groups
                .ask(group, move |client, group, timeouts| {
                    settled(ffi::alter_group_offsets(client, group, &set, timeouts)?)
                })
                .await?;
            results.extend(elements);
        }
        match results.iter().find_map(|element| element.error) {
            None => Ok(()),
            Some(code) => Err(error(code, &code.to_string(), Subject::Group(group))),
        }
    }

    async fn delete_group(&self, group: &str) -> Result<(), BrokerError> {
        self.groups
            .ask(group, |client, group, timeouts| {
                match ffi::delete_group(client, group, timeouts) {
                    Err(failure) if failure.code == Code::GroupIdNotFound => Ok(()),
                    result => result,
                }
            })
            .await
    }

    async fn fence_producers(&self, transactional_ids: &[String]) -> Result<(), BrokerError> {
        for id in transactional_ids {
            producer::fence_producers(&self.options, id).await?;
        }
        Ok(())
    }
}

impl KafkaAdmin {
    async fn has_offsets(&self, group: &str) -> Result<bool, BrokerError> {
        Ok(!self.group_offsets(group).await?.is_empty())
    }
}

impl std::fmt::Debug for KafkaAdmin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaAdmin")
            .field("client", self.client.context())
            .finish_non_exhaustive()
    }
}
