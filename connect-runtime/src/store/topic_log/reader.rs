//! Reads a topic from where it stopped last time.

use std::time::Duration;

use connect_api::LogOffsets;
use connect_api::TopicPartition;
use connect_broker::Admin;
use connect_broker::BrokerError;
use connect_broker::Consumer;
use connect_broker::ConsumerEvent;
use connect_broker::Isolation;
use connect_broker::PartitionRecords;

use super::Entry;
use super::writer::Written;

/// Reads a topic from where it stopped last time.
pub(crate) struct TopicReader {
    admin: Box<dyn Admin>,
    consumer: Box<dyn Consumer>,
    partitions: Vec<TopicPartition>,
    rests: bool,
}

impl TopicReader {
    pub(super) fn new(
        admin: Box<dyn Admin>,
        consumer: Box<dyn Consumer>,
        partitions: Vec<TopicPartition>,
    ) -> Self {
        Self {
            admin,
            consumer,
            partitions,
            rests: false,
        }
    }

    /// Reads to the end that the topic has now. With [`Isolation::ReadCommitted`] that is the end
    /// of what is decided; with the other, transactions that are open are waited for.
    pub(crate) async fn read_to_end(
        &mut self,
        end: Isolation,
        fold: &mut (dyn FnMut(Entry) + Send),
    ) -> Result<(), BrokerError> {
        self.wake();
        let ends = self.admin.end_offsets(&self.partitions, end).await?;
        self.read_until(&ends, &Written::default(), fold).await
    }

    /// Reads until everything that was written has come back.
    pub(super) async fn read_past(
        &mut self,
        written: &Written,
        fold: &mut (dyn FnMut(Entry) + Send),
    ) -> Result<(), BrokerError> {
        self.wake();
        self.read_until(&written.ends(), written, fold).await
    }

    /// Waits until there is something new and reads it.
    ///
    /// *Cancellation*: safe, as [`Consumer::poll`] is: what was read is folded without a wait.
    pub(super) async fn follow(
        &mut self,
        fold: &mut (dyn FnMut(Entry) + Send),
    ) -> Result<(), BrokerError> {
        self.wake();
        match self.consumer.poll(Duration::MAX).await? {
            ConsumerEvent::Records(batches) => fold_all(batches, &Written::default(), fold),
            ConsumerEvent::Idle => {}
            _ => self.consumer.rebalanced().await?,
        }
        Ok(())
    }

    /// Fetches nothing until the next reading.
    pub(crate) fn rest(&mut self) {
        self.consumer.pause(&self.partitions);
        self.rests = true;
    }

    fn wake(&mut self) {
        if std::mem::take(&mut self.rests) {
            self.consumer.resume(&self.partitions);
        }
    }

    async fn read_until(
        &mut self,
        ends: &LogOffsets,
        written: &Written,
        fold: &mut (dyn FnMut(Entry) + Send),
    ) -> Result<(), BrokerError> {
        loop {
            let mut at_end = true;
            for (partition, end) in ends {
                at_end &= self.consumer.position(partition).await? >= *end;
            }
            if at_end {
                return Ok(());
            }
            match self.consumer.poll(POLL_WAIT).await? {
                ConsumerEvent::Records(batches) => fold_all(batches, written, fold),
                ConsumerEvent::Idle => {}
                _ => self.consumer.rebalanced().await?,
            }
        }
    }
}

fn fold_all(
    batches: Vec<PartitionRecords>,
    written: &Written,
    fold: &mut (dyn FnMut(Entry) + Send),
) {
    for batch in batches {
        for record in batch.records {
            fold(Entry {
                is_own: written.contains(batch.partition.partition, record.offset),
                offset: record.offset,
                key: record.key,
                value: record.value,
            });
        }
    }
}

impl std::fmt::Debug for TopicReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TopicReader")
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

/// How long one look at the topic waits. It is not a time-out: reading continues to the end.
const POLL_WAIT: Duration = Duration::from_millis(500);
