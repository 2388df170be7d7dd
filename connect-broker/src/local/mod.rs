//! A log inside the process: in memory, or durable in a folder.
//!
//! [`LocalBroker`] is what a worker uses when there is no Kafka. It keeps the
//! [contract](crate) of a log without its wire: topics with partitions, consumer groups,
//! transactions, compaction and retention.
//!
//! * **Order and durability.** One writer appends. What clients ask of it while it writes goes
//!   into the next commit together, so that many producers share one wait for the disk. A record,
//!   and the offsets that are committed with it, are stored in one step or not at all.
//! * **Transactions.** Records are stored as they are sent; readers of committed data stop before
//!   the first that is undecided. An abort removes the records, and so does opening a log whose
//!   process died inside a transaction. Offsets of records that were removed are not used again.
//! * **Reading.** Consumers are notified. Recent batches come from memory; older ones are read
//!   by the runtime's threads for blocking work. Every batch has a checksum: what is damaged is
//!   reported, never served.
//! * **Space.** Old records go by age, by size of a partition ([`retention.bytes`]) and by size of
//!   everything ([`LocalOptions::max_bytes`]). For space, nothing goes that a known consumer group
//!   has not read; producers wait instead.
//!
//! Not here, and not to come: replication, access from other processes, quotas.
//!
//! [`retention.bytes`]: https://kafka.apache.org/documentation/#topicconfigs_retention.bytes

mod admin;
mod administer;
mod assignment;
mod batch;
mod catalog;
mod clock;
mod compaction;
mod consumer;
mod engine;
#[cfg(test)]
mod faults;
mod fetch;
mod groups;
mod memory;
mod open;
mod options;
mod policy;
mod producer;
mod reading;
mod receipts;
mod redb;
mod request;
mod retention;
mod session;
mod stage;
mod store;
mod sync;
mod thread;
mod topic;
mod varint;
mod writer;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::Admin;
use crate::AdminOptions;
use crate::Broker;
use crate::BrokerError;
use crate::Consumer;
use crate::ConsumerOptions;
use crate::Producer;
use crate::ProducerOptions;
use crate::Receipts;
use crate::local::admin::LocalAdmin;
use crate::local::consumer::LocalConsumer;
use crate::local::engine::Engine;
use crate::local::producer::LocalProducer;
use crate::local::receipts::Ledger;
use crate::local::receipts::LocalReceipts;
use crate::local::request::Request;

pub use clock::Clock;
pub use options::Durability;
pub use options::LocalOptions;

/// A log inside the process. See the [module](self) for what it does.
///
/// Cheap to clone. The log closes when the last handle and the last client are dropped, or with
/// [`close`](Self::close).
///
/// ```
/// use connect_broker::{Broker, LocalBroker, ProducerOptions, ProducerRecord};
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
    engine: Arc<Engine>,
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
