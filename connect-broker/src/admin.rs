//! Administration of topics, groups and producers.

use std::collections::BTreeMap;

use async_trait::async_trait;
use connect_api::LogOffsets;
use connect_api::TopicName;
use connect_api::TopicPartition;

use crate::BrokerError;
use crate::Isolation;

/// A topic to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewTopic {
    /// Its name.
    pub name: TopicName,
    /// How many partitions; `None` is the log's default.
    pub partitions: Option<i32>,
    /// How many replicas; `None` is the log's default. A log in one process ignores it.
    pub replication_factor: Option<i16>,
    /// Topic options in Kafka's names, such as `cleanup.policy`.
    pub config: BTreeMap<String, String>,
}

impl NewTopic {
    /// A topic with the log's defaults.
    #[must_use]
    pub fn new(name: impl Into<TopicName>) -> Self {
        Self {
            name: name.into(),
            partitions: None,
            replication_factor: None,
            config: BTreeMap::new(),
        }
    }

    /// Sets the number of partitions.
    #[must_use]
    pub fn partitions(mut self, partitions: i32) -> Self {
        self.partitions = Some(partitions);
        self
    }

    /// Sets a topic option.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.config.insert(key.into(), value.into());
        self
    }

    /// A compacted topic: of each key, the last record is kept.
    #[must_use]
    pub fn compacted(self) -> Self {
        self.with("cleanup.policy", "compact")
    }
}

/// A topic that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicDescription {
    /// Its name.
    pub name: TopicName,
    /// How many partitions it has.
    pub partitions: i32,
    /// True if the log made it for itself.
    pub internal: bool,
}

impl TopicDescription {
    /// Describes a topic; for implementers of [`Admin`].
    #[must_use]
    pub fn new(name: impl Into<TopicName>, partitions: i32) -> Self {
        Self {
            name: name.into(),
            partitions,
            internal: false,
        }
    }
}

/// Administers a log. All methods may run at the same time.
#[async_trait]
pub trait Admin: Send + Sync {
    /// Creates a topic.
    ///
    /// # Errors
    /// [`BrokerError::TopicExists`]; [`BrokerError::InvalidTopic`] for a bad name, number of
    /// partitions or option; [`BrokerError::TooFewBrokers`].
    async fn create_topic(&self, topic: NewTopic) -> Result<(), BrokerError>;

    /// Deletes a topic and its records.
    ///
    /// # Errors
    /// [`BrokerError::UnknownTopic`].
    async fn delete_topic(&self, topic: &TopicName) -> Result<(), BrokerError>;

    /// All topics, by name.
    ///
    /// # Errors
    /// [`BrokerError::Unavailable`].
    async fn list_topics(&self) -> Result<Vec<TopicDescription>, BrokerError>;

    /// One topic, or `None` if it does not exist.
    ///
    /// # Errors
    /// [`BrokerError::Unavailable`].
    async fn describe_topic(
        &self,
        topic: &TopicName,
    ) -> Result<Option<TopicDescription>, BrokerError>;

    /// The effective options of a topic, in Kafka's names.
    ///
    /// # Errors
    /// [`BrokerError::UnknownTopic`].
    async fn topic_config(
        &self,
        topic: &TopicName,
    ) -> Result<BTreeMap<String, String>, BrokerError>;

    /// The first offset that is left in each partition.
    ///
    /// # Errors
    /// [`BrokerError::UnknownTopic`].
    async fn start_offsets(&self, partitions: &[TopicPartition])
    -> Result<LogOffsets, BrokerError>;

    /// The offset that the next record of each partition will get; with
    /// [`Isolation::ReadCommitted`] that of the first record of an open transaction, if any.
    ///
    /// # Errors
    /// [`BrokerError::UnknownTopic`].
    async fn end_offsets(
        &self,
        partitions: &[TopicPartition],
        isolation: Isolation,
    ) -> Result<LogOffsets, BrokerError>;

    /// The committed offsets of a group; empty for an unknown group.
    ///
    /// # Errors
    /// [`BrokerError::Unavailable`].
    async fn group_offsets(&self, group: &str) -> Result<LogOffsets, BrokerError>;

    /// Sets (`Some`) or removes (`None`) committed offsets of a group without members.
    ///
    /// # Errors
    /// [`BrokerError::GroupInUse`] while the group has members.
    async fn alter_group_offsets(
        &self,
        group: &str,
        offsets: &BTreeMap<TopicPartition, Option<i64>>,
    ) -> Result<(), BrokerError>;

    /// Deletes a group with its offsets.
    ///
    /// # Errors
    /// [`BrokerError::GroupInUse`] while the group has members.
    async fn delete_group(&self, group: &str) -> Result<(), BrokerError>;

    /// Fences the producers of transactional ids and aborts their open transactions.
    ///
    /// # Errors
    /// [`BrokerError::Unavailable`].
    async fn fence_producers(&self, transactional_ids: &[String]) -> Result<(), BrokerError>;
}
