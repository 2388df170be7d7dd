//! A consumer behind a gate.

use std::fmt;
use std::sync::Arc;
use std::sync::Weak;
use std::time::Duration;

use async_trait::async_trait;
use connect_api::LogOffsets;
use connect_api::TopicPartition;
use connect_broker::BrokerError;
use connect_broker::Consumer;
use connect_broker::ConsumerEvent;
use tokio::sync::Mutex;

use crate::gate::Gate;

/// A consumer behind a gate.
pub(super) struct GatedConsumer {
    /// Empty once it was taken away or closed.
    slot: Arc<Mutex<Option<Box<dyn Consumer>>>>,
    gate: Gate,
}

/// What the gate holds of a consumer.
pub(super) struct SharedConsumer(Weak<Mutex<Option<Box<dyn Consumer>>>>);

impl GatedConsumer {
    pub(super) fn new(inner: Box<dyn Consumer>, gate: Gate) -> (Self, SharedConsumer) {
        let slot = Arc::new(Mutex::new(Some(inner)));
        let shared = SharedConsumer(Arc::downgrade(&slot));
        (Self { slot, gate }, shared)
    }
}

impl SharedConsumer {
    /// Leaves the group. A call in progress ends first, since the gate is shut.
    pub(super) async fn leave(self) {
        let Some(slot) = self.0.upgrade() else { return };
        let taken = slot.lock().await.take();
        if let Some(mut consumer) = taken {
            consumer.close().await;
        }
    }
}

impl fmt::Debug for SharedConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedConsumer").finish_non_exhaustive()
    }
}

/// Calls the consumer unless the gate is shut.
macro_rules! pass {
    ($self:ident, $consumer:ident => $call:expr) => {{
        let mut slot = $self.slot.lock().await;
        let $consumer = slot.as_mut().ok_or(BrokerError::Closed)?;
        $self.gate.pass($call).await
    }};
}

#[async_trait]
impl Consumer for GatedConsumer {
    async fn poll(&mut self, wait: Duration) -> Result<ConsumerEvent, BrokerError> {
        pass!(self, consumer => consumer.poll(wait))
    }

    async fn rebalanced(&mut self) -> Result<(), BrokerError> {
        pass!(self, consumer => consumer.rebalanced())
    }

    async fn commit(&mut self, offsets: &LogOffsets) -> Result<(), BrokerError> {
        pass!(self, consumer => consumer.commit(offsets))
    }

    async fn committed(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Result<LogOffsets, BrokerError> {
        pass!(self, consumer => consumer.committed(partitions))
    }

    async fn position(&mut self, partition: &TopicPartition) -> Result<i64, BrokerError> {
        pass!(self, consumer => consumer.position(partition))
    }

    fn seek(&mut self, partition: &TopicPartition, offset: i64) -> Result<(), BrokerError> {
        if self.gate.is_shut() {
            return Err(BrokerError::Closed);
        }
        // Otherwise only `shut` takes this lock.
        let mut slot = self.slot.try_lock().map_err(|_| BrokerError::Closed)?;
        let consumer = slot.as_mut().ok_or(BrokerError::Closed)?;
        consumer.seek(partition, offset)
    }

    fn pause(&mut self, partitions: &[TopicPartition]) {
        if let Ok(mut slot) = self.slot.try_lock()
            && let Some(consumer) = slot.as_mut()
        {
            consumer.pause(partitions);
        }
    }

    fn resume(&mut self, partitions: &[TopicPartition]) {
        if let Ok(mut slot) = self.slot.try_lock()
            && let Some(consumer) = slot.as_mut()
        {
            consumer.resume(partitions);
        }
    }

    async fn close(&mut self) {
        let taken = self.slot.lock().await.take();
        if let Some(mut consumer) = taken {
            consumer.close().await;
        }
    }
}
