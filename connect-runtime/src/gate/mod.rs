//! Cuts an abandoned incarnation off from the log.
//!
//! The future of an incarnation may be stuck in plugin code with its clients on its stack, so the
//! clients are kept here too, where they can be taken from it. After the cut nothing more reaches the
//! log: what a producer has queued is purged, what is in flight settles by itself, and a consumer
//! leaves its group.

mod broker;
mod consumer;
mod offsets;
mod producer;

use std::sync::Arc;
use std::sync::Mutex;

use connect_broker::BrokerError;
use connect_core::sync::lock;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

pub(crate) use broker::GatedBroker;
pub(crate) use offsets::GatedOffsets;

use crate::gate::consumer::SharedConsumer;
use crate::gate::producer::SharedProducer;

/// The gate between one incarnation and the log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    cut: CancellationToken,
    clients: Mutex<Vec<Client>>,
}

#[derive(Debug)]
enum Client {
    Consumer(SharedConsumer),
    Producer(SharedProducer),
}

impl Gate {
    /// Stops everything from passing. Clients that say goodbye to the log are closed on
    /// `home`.
    pub(crate) fn shut(&self, home: &Handle) {
        self.0.cut.cancel();
        for client in std::mem::take(&mut *self.clients()) {
            match client {
                Client::Consumer(consumer) => drop(home.spawn(consumer.leave())),
                Client::Producer(producer) => producer.purge(),
            }
        }
    }

    fn is_shut(&self) -> bool {
        self.0.cut.is_cancelled()
    }

    /// Runs a call into a client unless the gate is shut, or until it is.
    async fn pass<T>(
        &self,
        call: impl Future<Output = Result<T, BrokerError>> + Send,
    ) -> Result<T, BrokerError> {
        tokio::select! {
            biased;
            // Cancel-safe: after the cut nobody needs the result of the call.
            () = self.0.cut.cancelled() => Err(BrokerError::Closed),
            result = call => result,
        }
    }

    /// Keeps a client, so that it can be taken from its incarnation. One that comes after the cut is
    /// refused.
    fn keep(&self, client: Client) -> Result<(), BrokerError> {
        let mut clients = self.clients();
        if self.is_shut() {
            return Err(BrokerError::Closed);
        }
        clients.push(client);
        Ok(())
    }

    fn clients(&self) -> std::sync::MutexGuard<'_, Vec<Client>> {
        lock(&self.0.clients)
    }
}

#[cfg(test)]
mod tests;
