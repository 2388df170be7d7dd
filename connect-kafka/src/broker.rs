//! The entry point: a cluster that opens clients.

use std::fmt;

use async_trait::async_trait;
use connect_api::ConfigMap;
use connect_broker::Admin;
use connect_broker::AdminOptions;
use connect_broker::Broker;
use connect_broker::BrokerError;
use connect_broker::Consumer;
use connect_broker::ConsumerOptions;
use connect_broker::Producer;
use connect_broker::ProducerOptions;
use connect_broker::Receipts;

use crate::admin;
use crate::config::SharedOptions;
use crate::consumer;
use crate::producer;

/// A Kafka cluster as the log of a worker.
///
/// ```no_run
/// use connect_api::config_map;
/// use connect_kafka::KafkaBroker;
///
/// let broker = KafkaBroker::new(config_map! { "bootstrap.servers" => "localhost:9092" })?;
/// # Ok::<(), connect_broker::BrokerError>(())
/// ```
#[derive(Clone)]
pub struct KafkaBroker {
    options: SharedOptions,
}

impl KafkaBroker {
    /// Creates a cluster from the options that all its clients share: `bootstrap.servers` and the
    /// other options of the [`config`](crate::config) module. Does not connect yet.
    ///
    /// The whole configuration of a worker may be passed: options that are not about clients are
    /// ignored, and so are `client.id`, `group.id`, `session.timeout.ms` and
    /// `heartbeat.interval.ms`, which have another meaning there. A producer or consumer with its
    /// own `bootstrap.servers` gets none of these options.
    ///
    /// # Errors
    /// [`BrokerError::InvalidOption`] if `bootstrap.servers` is missing, or an option is refused.
    pub fn new(options: ConfigMap) -> Result<Self, BrokerError> {
        let options = SharedOptions::new(options)?;
        Ok(Self { options })
    }
}

impl fmt::Debug for KafkaBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaBroker")
            .field("bootstrap.servers", &self.options.bootstrap_servers())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Broker for KafkaBroker {
    async fn cluster_id(&self) -> Result<String, BrokerError> {
        admin::cluster_id(&self.options).await
    }

    async fn admin(&self, options: AdminOptions) -> Result<Box<dyn Admin>, BrokerError> {
        Ok(Box::new(admin::open(&self.options, options)?))
    }

    async fn producer(
        &self,
        options: ProducerOptions,
    ) -> Result<(Box<dyn Producer>, Box<dyn Receipts>), BrokerError> {
        let (producer, receipts) = producer::open(&self.options, options).await?;
        Ok((Box::new(producer), Box::new(receipts)))
    }

    async fn consumer(&self, options: ConsumerOptions) -> Result<Box<dyn Consumer>, BrokerError> {
        Ok(Box::new(consumer::open(&self.options, options).await?))
    }
}
