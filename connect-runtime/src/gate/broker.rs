//! A log whose clients are behind a gate.

use std::sync::Arc;

use async_trait::async_trait;
use connect_broker::Admin;
use connect_broker::AdminOptions;
use connect_broker::Broker;
use connect_broker::BrokerError;
use connect_broker::Consumer;
use connect_broker::ConsumerOptions;
use connect_broker::Producer;
use connect_broker::ProducerOptions;
use connect_broker::Receipts;

use crate::gate::Client;
use crate::gate::Gate;
use crate::gate::consumer::GatedConsumer;
use crate::gate::producer::GatedProducer;

/// A log whose clients are behind a gate.
#[derive(Debug)]
pub(crate) struct GatedBroker {
    pub(crate) inner: Arc<dyn Broker>,
    pub(crate) gate: Gate,
}

#[async_trait]
impl Broker for GatedBroker {
    async fn cluster_id(&self) -> Result<String, BrokerError> {
        self.gate.pass(self.inner.cluster_id()).await
    }

    fn has_one_owner(&self) -> bool {
        self.inner.has_one_owner()
    }

    async fn admin(&self, options: AdminOptions) -> Result<Box<dyn Admin>, BrokerError> {
        self.gate.pass(self.inner.admin(options)).await
    }

    async fn producer(
        &self,
        options: ProducerOptions,
    ) -> Result<(Box<dyn Producer>, Box<dyn Receipts>), BrokerError> {
        let (inner, receipts) = self.gate.pass(self.inner.producer(options)).await?;
        let (producer, shared) = GatedProducer::new(inner, self.gate.clone());
        self.gate.keep(Client::Producer(shared))?;
        Ok((Box::new(producer), receipts))
    }

    async fn consumer(&self, options: ConsumerOptions) -> Result<Box<dyn Consumer>, BrokerError> {
        let inner = self.gate.pass(self.inner.consumer(options)).await?;
        let (consumer, shared) = GatedConsumer::new(inner, self.gate.clone());
        self.gate.keep(Client::Consumer(shared))?;
        Ok(Box::new(consumer))
    }
}
