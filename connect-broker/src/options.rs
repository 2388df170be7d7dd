//! Options of clients.

use std::time::Duration;

use connect_api::ConfigMap;
use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_api::pattern::Pattern;

/// Which records of transactions a reader sees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Isolation {
    /// Only records outside transactions and of committed ones, in order: reading stops before the
    /// first open transaction.
    ReadCommitted,
    /// Everything that is durable.
    #[default]
    ReadUncommitted,
}

/// Where a reader without a committed offset starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartOffset {
    /// At the first record that is left.
    #[default]
    Earliest,
    /// After the last record.
    Latest,
}

/// What a consumer reads.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Subscription {
    /// These partitions, outside any group's assignment.
    Partitions(Vec<TopicPartition>),
    /// All topics whose whole name matches, also those created later; shared in the group.
    Pattern(Pattern),
    /// These topics, shared in the group.
    Topics(Vec<TopicName>),
}

/// Options of an administrative client.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct AdminOptions {
    /// `client.id`: names the client in logs and metrics.
    pub client_id: String,
    /// Client options in Kafka's names; a log ignores those that do not apply to it.
    pub client_config: ConfigMap,
}

/// Options of a producer.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ProducerOptions {
    /// `client.id`: names the client in logs and metrics.
    pub client_id: String,
    /// Makes the producer transactional and fences older ones of the same id.
    pub transactional_id: Option<String>,
    /// The log aborts a transaction that stays open for longer than this.
    pub transaction_timeout: Duration,
    /// `send` waits while more than this many bytes are accepted and not yet durable.
    pub max_in_flight_bytes: usize,
    /// Client options in Kafka's names; a log ignores those that do not apply to it.
    pub client_config: ConfigMap,
}

impl Default for ProducerOptions {
    fn default() -> Self {
        Self {
            client_id: String::new(),
            transactional_id: None,
            transaction_timeout: Duration::from_secs(60),
            max_in_flight_bytes: 32 * 1024 * 1024,
            client_config: ConfigMap::default(),
        }
    }
}

/// Options of a consumer.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ConsumerOptions {
    /// `client.id`: names the client in logs and metrics.
    pub client_id: String,
    /// The consumer group; needed to share topics and to commit.
    pub group: Option<String>,
    /// What to read.
    pub subscription: Subscription,
    /// Where to start without a committed offset.
    pub start: StartOffset,
    /// Which records of transactions to see.
    pub isolation: Isolation,
    /// At most this many records per poll.
    pub max_poll_records: usize,
    /// Poll stops adding records after this many bytes; one larger record still comes, alone.
    pub max_poll_bytes: usize,
    /// A group member that does not poll for this long loses its partitions.
    pub session_timeout: Duration,
    /// Client options in Kafka's names; a log ignores those that do not apply to it.
    ///
    /// A consumer does not create the topics that it names, unless it has
    /// `allow.auto.create.topics=true` here and the log creates topics by itself. It waits for
    /// them.
    pub client_config: ConfigMap,
}

impl ConsumerOptions {
    /// Options with Kafka Connect's defaults for a subscription.
    #[must_use]
    pub fn new(subscription: Subscription) -> Self {
        Self {
            client_id: String::new(),
            group: None,
            subscription,
            start: StartOffset::Earliest,
            isolation: Isolation::ReadUncommitted,
            max_poll_records: 2_000,
            max_poll_bytes: 4 * 1024 * 1024,
            session_timeout: Duration::from_secs(45),
            client_config: ConfigMap::default(),
        }
    }
}
