//! A producer behind a gate.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use connect_api::LogOffsets;
use connect_broker::BrokerError;
use connect_broker::Producer;
use connect_broker::ProducerRecord;
use connect_broker::Purge;
use tokio::sync::Mutex;

use crate::gate::Gate;

/// Empty once it was taken away.
type Slot = Arc<Mutex<Option<Box<dyn Producer>>>>;

/// A producer behind a gate.
pub(super) struct GatedProducer {
    slot: Slot,
    gate: Gate,
}

/// What the gate holds of a producer.
pub(super) struct SharedProducer {
    slot: std::sync::Weak<Mutex<Option<Box<dyn Producer>>>>,
    purge: Option<Purge>,
}

impl GatedProducer {
    pub(super) fn new(inner: Box<dyn Producer>, gate: Gate) -> (Self, SharedProducer) {
        let purge = inner.purge_handle();
        let slot = Arc::new(Mutex::new(Some(inner)));
        let shared = SharedProducer {
            slot: Arc::downgrade(&slot),
            purge,
        };
        (Self { slot, gate }, shared)
    }
}

impl SharedProducer {
    /// Drops what is queued. The producer is dropped too, unless a call is stuck half-way in it: that
    /// one will find the gate shut.
    pub(super) fn purge(self) {
        if let Some(purge) = &self.purge {
            purge();
        }
        if let Some(slot) = self.slot.upgrade()
            && let Ok(mut producer) = slot.try_lock()
        {
            *producer = None;
        }
    }
}

impl fmt::Debug for SharedProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedProducer").finish_non_exhaustive()
    }
}

/// Calls the producer unless the gate is shut.
macro_rules! pass {
    ($self:ident, $producer:ident => $call:expr) => {{
        let mut slot = $self.slot.lock().await;
        let $producer = slot.as_mut().ok_or(BrokerError::Closed)?;
        $self.gate.pass($call).await
    }};
}

#[async_trait]
impl Producer for GatedProducer {
    async fn send(&mut self, batch: Vec<ProducerRecord>) -> Result<(), BrokerError> {
        pass!(self, producer => producer.send(batch))
    }

    async fn flush(&mut self) -> Result<(), BrokerError> {
        pass!(self, producer => producer.flush())
    }

    async fn begin(&mut self) -> Result<(), BrokerError> {
        pass!(self, producer => producer.begin())
    }

    async fn send_offsets(&mut self, group: &str, offsets: &LogOffsets) -> Result<(), BrokerError> {
        pass!(self, producer => producer.send_offsets(group, offsets))
    }

    async fn commit(&mut self) -> Result<(), BrokerError> {
        pass!(self, producer => producer.commit())
    }

    async fn abort(&mut self) -> Result<(), BrokerError> {
        pass!(self, producer => producer.abort())
    }
}
