//! The input of a sink that a host feeds: a queue that looks like a partition of a log.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;

use async_trait::async_trait;
use connect_api::Error;
use connect_api::LogOffsets;
use connect_api::LogPosition;
use connect_api::Result;
use connect_api::TimestampType;
use connect_api::TopicPartition;
use connect_api::record::RawHeaders;
use connect_api::record::Record;
use connect_api::record::SinkRecord;
use connect_broker::BrokerError;
use connect_broker::Consumer;
use connect_broker::ConsumerEvent;
use connect_broker::FetchedRecord;
use connect_broker::PartitionRecords;
use connect_core::sync::lock;
use tokio::sync::Notify;

use crate::pipeline::DeadLetter;
use crate::pipeline::Decoder;
use crate::pipeline::Failure;
use crate::pipeline::Stage;

/// Records that the host has queued and that are not durable yet.
#[derive(Debug)]
pub(super) struct Feed {
    queue: Mutex<Queue>,
    /// Notified when records are queued or a flush is requested.
    given: Notify,
    /// Notified when records become durable or the task ends.
    done: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    records: VecDeque<Record>,
    bytes: usize,
    /// The offset of the first record in the queue; everything before is durable.
    base: i64,
    /// True while a flush waits.
    flushing: bool,
    ended: Option<String>,
}

impl Queue {
    fn end(&self) -> i64 {
        self.base + i64::try_from(self.records.len()).unwrap_or(i64::MAX)
    }

    fn get(&self, offset: i64) -> Option<&Record> {
        self.records.get(usize::try_from(offset - self.base).ok()?)
    }
}

impl Feed {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            queue: Mutex::default(),
            given: Notify::new(),
            done: Notify::new(),
        })
    }

    /// Queues records; waits until there is room.
    pub(super) async fn give(&self, mut records: Vec<Record>) -> Result<()> {
        loop {
            let done = self.done.notified();
            {
                let mut queue = self.queue();
                if let Some(reason) = &queue.ended {
                    return Err(ended(reason));
                }
                if queue.bytes < MAX_BYTES {
                    queue.bytes += records.iter().map(Record::size).sum::<usize>();
                    queue.records.extend(records.drain(..));
                    drop(queue);
                    self.given.notify_one();
                    return Ok(());
                }
            }
            done.await;
        }
    }

    /// Waits until all queued records are durable.
    pub(super) async fn flush(&self) -> Result<()> {
        let until = self.queue().end();
        loop {
            let done = self.done.notified();
            {
                let mut queue = self.queue();
                if queue.base >= until {
                    queue.flushing = false;
                    return Ok(());
                }
                if let Some(reason) = &queue.ended {
                    return Err(ended(reason));
                }
                queue.flushing = true;
            }
            self.given.notify_one();
            done.await;
        }
    }

    /// Records that the task has ended.
    pub(super) fn end(&self, reason: &str) {
        self.queue().ended.get_or_insert_with(|| reason.to_owned());
        self.done.notify_waiters();
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // A change of the queue cannot be interrupted, so a panic elsewhere leaves it consistent.
        lock(&self.queue)
    }
}

fn ended(reason: &str) -> Error {
    Error::external(format!("the sink has ended: {reason}"))
}

/// Bytes that a feed holds before the host must wait.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Records per poll.
const MAX_RECORDS: i64 = 2000;

/// The only partition of a feed.
fn partition() -> TopicPartition {
    TopicPartition::new("feed", 0)
}

/// Reads a feed as the consumer of a partition.
pub(super) struct FeedConsumer {
    feed: Arc<Feed>,
    position: i64,
    assigned: bool,
    paused: bool,
}

impl FeedConsumer {
    pub(super) const fn new(feed: Arc<Feed>) -> Self {
        Self {
            feed,
            position: 0,
            assigned: false,
            paused: false,
        }
    }

    fn read(&mut self) -> Option<ConsumerEvent> {
        let queue = self.feed.queue();
        let until = queue.end().min(self.position + MAX_RECORDS);
        if self.paused {
            return None;
        }
        if self.position == until {
            let due = queue.flushing && queue.base < until;
            return due.then_some(ConsumerEvent::Idle);
        }
        let records = (self.position..until).map(|offset| FetchedRecord {
            offset,
            timestamp: queue.get(offset).and_then(|record| record.timestamp),
            timestamp_type: TimestampType::CreateTime,
            key: None,
            value: None,
            headers: RawHeaders::new(),
        });
        let records = records.collect();
        drop(queue);
        self.position = until;
        let partition = partition();
        Some(ConsumerEvent::Records(vec![PartitionRecords {
            partition,
            records,
        }]))
    }
}

#[async_trait]
impl Consumer for FeedConsumer {
    async fn poll(&mut self, wait: Duration) -> Result<ConsumerEvent, BrokerError> {
        if !self.assigned {
            self.assigned = true;
            return Ok(ConsumerEvent::Assigned(vec![partition()]));
        }
        if let Some(event) = self.read() {
            return Ok(event);
        }
        let feed = Arc::clone(&self.feed);
        let _ = tokio::time::timeout(wait, feed.given.notified()).await;
        Ok(self.read().unwrap_or(ConsumerEvent::Idle))
    }

    async fn rebalanced(&mut self) -> Result<(), BrokerError> {
        Ok(())
    }

    async fn commit(&mut self, offsets: &LogOffsets) -> Result<(), BrokerError> {
        if let Some(next) = offsets.get(&partition()) {
            let mut queue = self.feed.queue();
            while queue.base < *next {
                let Some(record) = queue.records.pop_front() else {
                    break;
                };
                queue.bytes -= record.size().min(queue.bytes);
                queue.base += 1;
            }
        }
        self.feed.done.notify_waiters();
        Ok(())
    }

    async fn committed(&mut self, _: &[TopicPartition]) -> Result<LogOffsets, BrokerError> {
        Ok([(partition(), self.feed.queue().base)]
            .into_iter()
            .collect())
    }

    async fn position(&mut self, _: &TopicPartition) -> Result<i64, BrokerError> {
        Ok(self.position)
    }

    fn seek(&mut self, _: &TopicPartition, offset: i64) -> Result<(), BrokerError> {
        let queue = self.feed.queue();
        self.position = offset.clamp(queue.base, queue.end());
        Ok(())
    }

    fn pause(&mut self, partitions: &[TopicPartition]) {
        self.paused |= !partitions.is_empty();
    }

    fn resume(&mut self, partitions: &[TopicPartition]) {
        self.paused &= partitions.is_empty();
    }
}

/// Passes the records of a feed on unchanged.
pub(super) struct FeedDecoder(pub(super) Arc<Feed>);

#[async_trait]
impl Decoder for FeedDecoder {
    fn decode(&mut self, position: &LogPosition, _: &FetchedRecord) -> Result<Record, Failure> {
        let record = self.0.queue().get(position.offset).cloned();
        record.ok_or_else(|| {
            let error = Error::illegal_state(format!(
                "record {} is no longer in the queue",
                position.offset
            ));
            Failure::new(Stage::ValueConverter, "feed", error)
        })
    }

    async fn resolve(&mut self, _: Stage) -> Result<()> {
        Ok(())
    }

    fn dead_letter(&mut self, _: &SinkRecord) -> DeadLetter {
        DeadLetter::default()
    }
}
