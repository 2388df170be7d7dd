//! The administrative client.

pub(crate) mod groups;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
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

use crate::admin::groups::Groups;
use crate::broker::Opener;
use crate::client::call::call;
use crate::consumer::pattern::is_internal;
use crate::consumer::reader;
use crate::consumer::reader::SIGHT;
use crate::error::Subject;
use crate::error::error;
use crate::ffi;
use crate::ffi::AdminTimeouts;
use crate::ffi::Client;
use crate::ffi::Element;
use crate::ffi::Failure;
use crate::producer::delivery::Pump;

/// Administers a Kafka cluster.
pub(crate) struct KafkaAdmin {
    pub(crate) client: Arc<Client>,
    pub(crate) timeouts: AdminTimeouts,
    /// Makes the clients that fence producers.
    pub(crate) opener: Opener,
    pub(crate) groups: Groups,
    /// The last field: dropped when this holds the client no more.
    pub(crate) _pump: Pump,
}

impl KafkaAdmin {
    /// A call about one topic.
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

    async fn offsets(
        &self,
        partitions: &[TopicPartition],
        edge: Offset,
        isolation: Isolation,
    ) -> Result<LogOffsets, BrokerError> {
        let Some(first) = partitions.first() else {
            return Ok(LogOffsets::new());
        };
        let begin = Instant::now();
        let elements = loop {
            let list = reader::list_with(partitions.iter().map(|partition| (partition, edge)));
            let topics: BTreeSet<_> = partitions.iter().map(|each| each.topic.clone()).collect();
            let timeouts = self.timeouts;
            let request = move |client: &Client| {
                repeat(timeouts.operation, || {
                    let told = ffi::list_offsets(client, &list, isolation, timeouts);
                    let told = told.and_then(settled);
                    if told
                        .as_ref()
                        .is_err_and(|failure| is_outdated(failure.code))
                    {
                        // librdkafka itself would go on with what it knows of the leaders.
                        for topic in &topics {
                            let _ = client.fetch_metadata(Some(topic), timeouts.request);
                        }
                    }
                    told
                })
            };
            let told = call(&self.client, Subject::Topic(&first.topic), request).await;
            let problem = match told {
                Ok(elements) => match elements.iter().find_map(|element| element.error) {
                    Some(code) if is_unknown(code) && begin.elapsed() < SIGHT => None,
                    _ => break elements,
                },
                Err(BrokerError::Unavailable(text)) => {
                    Some(self.why_no_offsets(partitions, text).await)
                }
                Err(error) => Some(error),
            };
            match problem {
                // A broker that has just come does not know its topics yet.
                None => {}
                Some(BrokerError::UnknownTopic { .. }) if begin.elapsed() < SIGHT => {}
                // A leader is about to be chosen, or the client does not know it yet.
                Some(BrokerError::Unavailable(_)) if begin.elapsed() < timeouts.operation => {}
                Some(error) => return Err(error),
            }
            tokio::time::sleep(PAUSE).await;
        };
        elements
            .into_iter()
            .map(|element| match element.error {
                None => Ok((element.partition, element.offset)),
                Some(code) => {
                    let topic = &element.partition.topic;
                    Err(error(code, &code.to_string(), Subject::Topic(topic)))
                }
            })
            .collect()
    }
}

impl KafkaAdmin {
    /// A topic may be refused because of its replicas, which is told plainly.
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
                Failure::new(code, format!("listing brokers: {code}"))
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

    /// "No leaders" may mean that there is no such topic.
    async fn why_no_offsets(&self, partitions: &[TopicPartition], text: String) -> BrokerError {
        let topics: BTreeSet<&TopicName> = partitions.iter().map(|each| &each.topic).collect();
        for topic in topics {
            if let Ok(None) = self.describe_topic(topic).await {
                return BrokerError::UnknownTopic {
                    topic: topic.clone(),
                };
            }
        }
        BrokerError::Unavailable(text)
    }

    /// Waits until a topic that was just created is known, with its leaders, to who asks next.
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
        // Made once: the answer to a second attempt could be that the first one has succeeded.
        let created = call(&self.client, Subject::Topic(&name), move |client| {
            ffi::create_topic(client, &topic, timeouts)
        })
        .await;
        match created {
            // Refused before it was sent: the numbers cannot be.
            Err(BrokerError::InvalidOption(problem) | BrokerError::Rejected(problem)) => {
                Err(BrokerError::InvalidTopic(problem))
            }
            Err(BrokerError::InvalidTopic(problem)) => {
                Err(self.why_not_created(name, replicas, problem).await)
            }
            Ok(()) => {
                if let Err(error) = self.wait_until_usable(&name).await {
                    // It was created all the same, maybe by who may do nothing else with it.
                    tracing::debug!(topic = %name, %error, "a new topic cannot be looked at");
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
        let mut topics = call(&self.client, Subject::Cluster, move |client| {
            let metadata = client.fetch_metadata(None, timeout).map_err(|error| {
                let code = error.rdkafka_error_code().unwrap_or(Code::Fail);
                Failure::new(code, format!("listing topics: {code}"))
            })?;
            Ok(metadata
                .topics()
                .iter()
                .filter(|topic| topic.error().is_none())
                .map(|topic| {
                    let count = i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX);
                    let mut description = TopicDescription::new(topic.name(), count);
                    description.internal = is_internal(topic.name());
                    description
                })
                .collect::<Vec<_>>())
        })
        .await?;
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
        let set =
            reader::list_with(set.map(|(partition, offset)| (partition, Offset::Offset(offset))));
        let removed = offsets.iter().filter(|(_, offset)| offset.is_none());
        let removed = reader::list(removed.map(|(partition, _)| partition));
        let mut results = Vec::new();
        // Removing first: it is what a group with members refuses most reliably.
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
                // A group that does not exist has no offsets to remove.
                Err(BrokerError::Unavailable(_)) if !self.exists(group).await? => {}
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
            self.opener.fence(id).await?;
        }
        Ok(())
    }
}

impl KafkaAdmin {
    /// True if a group has offsets.
    async fn exists(&self, group: &str) -> Result<bool, BrokerError> {
        Ok(!self.group_offsets(group).await?.is_empty())
    }
}

/// Makes a call again while it is refused for a reason that passes, as Kafka's clients do: a broker
/// has just gone or come, or is still reading what it coordinates.
pub(crate) fn repeat<T>(
    limit: Duration,
    request: impl Fn() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let begin = Instant::now();
    loop {
        match request() {
            Err(failure) if passes(failure.code) && begin.elapsed() < limit => {
                std::thread::park_timeout(PAUSE);
            }
            result => return result,
        }
    }
}

/// The results of single partitions, unless one was refused for a reason that passes.
fn settled(elements: Vec<Element>) -> Result<Vec<Element>, Failure> {
    let refused = elements.iter().find_map(|element| {
        let code = element.error.filter(|code| passes(*code))?;
        Some(Failure::new(code, code.to_string()))
    });
    refused.map_or(Ok(elements), Err)
}

const fn passes(code: Code) -> bool {
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::FencedLeaderEpoch
            | Code::KafkaStorageError
            | Code::LeaderNotAvailable
            | Code::NetworkException
            | Code::NotCoordinator
            | Code::NotLeaderForPartition
            | Code::OffsetNotAvailable
            | Code::ReplicaNotAvailable
            | Code::UnknownLeaderEpoch
            | Code::UnstableOffsetCommit
            | Code::WaitingForCoordinator
    )
}

const fn is_unknown(code: Code) -> bool {
    matches!(
        code,
        Code::UnknownPartition | Code::UnknownTopic | Code::UnknownTopicOrPartition
    )
}

/// True if a leader was asked as of another epoch than its own.
const fn is_outdated(code: Code) -> bool {
    matches!(code, Code::FencedLeaderEpoch | Code::UnknownLeaderEpoch)
}

/// Between two attempts of a call.
const PAUSE: Duration = Duration::from_millis(100);

impl std::fmt::Debug for KafkaAdmin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaAdmin")
            .field("client", self.client.context())
            .finish_non_exhaustive()
    }
}
