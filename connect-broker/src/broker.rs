//! The entry point: a broker hands out producers, consumers and administration.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::Admin;
use crate::AdminOptions;
use crate::BrokerError;
use crate::Consumer;
use crate::ConsumerOptions;
use crate::Producer;
use crate::ProducerOptions;
use crate::Receipts;

/// A log with topics, consumer groups and transactions.
///
/// Cheap to share: a worker keeps one behind an `Arc` and opens clients from it. All methods may
/// run at the same time.
#[async_trait]
pub trait Broker: Debug + Send + Sync + 'static {
    /// An identity of the log that does not change over its life, as Kafka's cluster id.
    ///
    /// # Errors
    /// [`BrokerError::Unavailable`] if the log cannot be reached in time.
    async fn cluster_id(&self) -> Result<String, BrokerError>;

    /// True if only this process reads and writes the log, so that what a worker keeps in it is that
    /// worker's own. False, as by default, for a log that workers share.
    ///
    /// A worker that is alone keeps its connectors and their statuses in a log of its own, and in
    /// memory if the log is shared: it must not adopt the connectors of another worker.
    fn has_one_owner(&self) -> bool {
        false
    }

    /// Opens an administrative client.
    ///
    /// # Errors
    /// [`BrokerError::InvalidOption`] for options that the log refuses.
    async fn admin(&self, options: AdminOptions) -> Result<Box<dyn Admin>, BrokerError>;

    /// Opens a producer and the stream of its receipts.
    ///
    /// With [`ProducerOptions::transactional_id`] every older producer of the same id is fenced
    /// before this returns, and its open transaction is aborted.
    ///
    /// # Errors
    /// [`BrokerError::InvalidOption`] for options that the log refuses.
    async fn producer(
        &self,
        options: ProducerOptions,
    ) -> Result<(Box<dyn Producer>, Box<dyn Receipts>), BrokerError>;

    /// Opens a consumer.
    ///
    /// # Errors
    /// [`BrokerError::InvalidOption`] for options that the log refuses.
    async fn consumer(&self, options: ConsumerOptions) -> Result<Box<dyn Consumer>, BrokerError>;

    /// Says that a consumer group exists, whether it has members or not. The options are those with
    /// which its members open their consumers.
    ///
    /// A log that keeps what groups have not read does so for seven days after the last call of
    /// this method, the last commit of the group, or its last member. The method does nothing for
    /// a log that removes records whether or not a group has read them, such as Kafka.
    ///
    /// # Errors
    /// [`BrokerError::InvalidOption`] without a group; [`BrokerError::Storage`] and
    /// [`BrokerError::Full`] if it cannot be stored.
    async fn declare_group(&self, _options: &ConsumerOptions) -> Result<(), BrokerError> {
        Ok(())
    }
}
