//! The handle of a log.

use std::fmt;
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

use crate::client::admin::LocalAdmin;
use crate::client::consumer::LocalConsumer;
use crate::client::producer::LocalProducer;
use crate::client::receipts::Ledger;
use crate::client::receipts::LocalReceipts;
use crate::engine::Engine;
use crate::group::Interest;
use crate::group::group_of;
use crate::writer::request::Request;

/// A log inside the process. See the [crate's page](crate) for what it does.
///
/// Cheap to clone. The log closes when the last handle and the last client are dropped, or with
/// [`close`](Self::close).
///
/// ```
/// use connect_broker::{Broker, ProducerOptions, ProducerRecord};
/// use connect_log::LocalBroker;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), connect_broker::BrokerError> {
/// let broker = LocalBroker::memory();
/// let (mut producer, mut receipts) = broker.producer(ProducerOptions::default()).await?;
/// producer.send(vec![ProducerRecord::new(0, "greetings", "hello")]).await?;
/// let receipt = &receipts.next().await.unwrap()[0];
/// assert_eq!(receipt.outcome.as_ref().unwrap().offset, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct LocalBroker {
    /// What every client of the log shares.
    pub(crate) engine: Arc<Engine>,
}

impl LocalBroker {
    /// Forces everything to the disk and closes the log: clients get [`BrokerError::Closed`] from
    /// now on. Closing twice is fine.
    ///
    /// # Errors
    /// [`BrokerError::Full`] or [`BrokerError::Storage`] if the last of it could not be written;
    /// the log is closed nevertheless.
    pub async fn close(&self) -> Result<(), BrokerError> {
        self.engine.close().await
    }
}

impl fmt::Debug for LocalBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalBroker")
            .field("path", &self.engine.shared.path)
            .field("cluster_id", &self.engine.shared.cluster_id)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Broker for LocalBroker {
    async fn cluster_id(&self) -> Result<String, BrokerError> {
        Ok(self.engine.shared.cluster_id.clone())
    }

    fn has_one_owner(&self) -> bool {
        true
    }

    async fn admin(&self, _options: AdminOptions) -> Result<Box<dyn Admin>, BrokerError> {
        self.engine.shared.check_open()?;
        Ok(Box::new(LocalAdmin::new(Arc::clone(&self.engine))))
    }

    async fn producer(
        &self,
        options: ProducerOptions,
    ) -> Result<(Box<dyn Producer>, Box<dyn Receipts>), BrokerError> {
        self.engine.shared.check_open()?;
        let session = match &options.transactional_id {
            None => None,
            Some(id) if id.is_empty() => {
                let problem = "the transactional id is empty";
                return Err(BrokerError::InvalidOption(problem.to_owned()));
            }
            Some(id) => Some(
                self.engine
                    .ask(|reply| Request::OpenSession(id.clone(), reply))
                    .await?,
            ),
        };
        let ledger = Arc::new(Ledger::default());
        let receipts = LocalReceipts::new(Arc::clone(&ledger));
        let producer = LocalProducer::new(Arc::clone(&self.engine), options, ledger, session);
        Ok((Box::new(producer), Box::new(receipts)))
    }

    async fn consumer(&self, options: ConsumerOptions) -> Result<Box<dyn Consumer>, BrokerError> {
        Ok(Box::new(
            LocalConsumer::open(Arc::clone(&self.engine), options).await?,
        ))
    }

    async fn declare_group(&self, options: &ConsumerOptions) -> Result<(), BrokerError> {
        let group = group_of(options)?;
        let interest = Interest::new(&options.subscription, options.start)?;
        self.engine.declare(group, interest).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_can_be_shared_as_any_broker() {
        fn shared<T: Send + Sync + Clone + 'static>(handle: T) -> T {
            handle
        }
        let broker: Arc<dyn Broker> = Arc::new(shared(LocalBroker::memory()));
        assert!(format!("{broker:?}").contains("cluster_id"));
    }
}
