//! The output of a source stream, where the host receives the records.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use connect_api::LogOffsets;
use connect_api::LogPosition;
use connect_api::Result;
use connect_api::record::Record;
use connect_broker::BrokerError;
use connect_broker::Producer;
use connect_broker::ProducerRecord;
use connect_broker::Receipt;
use connect_broker::Receipts;
use connect_core::sync::lock;
use tokio::sync::Notify;
use tokio::sync::mpsc;

use crate::embed::SourceBatch;
use crate::pipeline::DeadLetter;
use crate::pipeline::Encoder;
use crate::pipeline::Failure;
use crate::pipeline::Stage;
use crate::pipeline::take;

/// Records between the encoder and the producer of one task, in order.
type Queue = Arc<Mutex<VecDeque<Record>>>;

/// Passes records on unchanged.
pub(super) struct StreamEncoder(Queue);

/// Sends batches to the host.
pub(super) struct StreamProducer {
    queue: Queue,
    batches: mpsc::Sender<SourceBatch>,
    acknowledged: Arc<Acknowledged>,
}

/// Tells the task what the host has acknowledged.
pub(super) struct StreamReceipts(Arc<Acknowledged>);

/// Receipts that the task has not read yet.
#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    receipts: Mutex<Vec<Receipt>>,
    news: Notify,
}

/// The three parts, connected to each other.
pub(super) fn stream_end(
    batches: mpsc::Sender<SourceBatch>,
) -> (StreamEncoder, StreamProducer, StreamReceipts) {
    let queue = Queue::default();
    let acknowledged = Arc::new(Acknowledged::default());
    let producer = StreamProducer {
        queue: Arc::clone(&queue),
        batches,
        acknowledged: Arc::clone(&acknowledged),
    };
    (StreamEncoder(queue), producer, StreamReceipts(acknowledged))
}

impl Acknowledged {
    pub(super) fn add(&self, tokens: Vec<Range<u64>>) {
        let receipt = |tokens: Range<u64>| {
            // There is no log: the position only identifies the record.
            let offset = i64::try_from(tokens.start).unwrap_or(i64::MAX);
            Receipt::new(tokens, Ok(LogPosition::new("", -1, offset)))
        };
        lock(&self.receipts).extend(tokens.into_iter().map(receipt));
        self.news.notify_one();
    }
}

#[async_trait]
impl Encoder for StreamEncoder {
    fn encode(
        &mut self,
        record: &mut Record,
        out: &mut Vec<ProducerRecord>,
    ) -> Result<(), Failure> {
        lock(&self.0).push_back(take(record));
        out.push(ProducerRecord::new(0, record.topic.clone(), Bytes::new()));
        Ok(())
    }

    async fn resolve(&mut self, _: Stage) -> Result<()> {
        Ok(())
    }

    fn dead_letter(&mut self, _: &Record) -> DeadLetter {
        DeadLetter::default()
    }
}

#[async_trait]
impl Producer for StreamProducer {
    async fn send(&mut self, batch: Vec<ProducerRecord>) -> Result<(), BrokerError> {
        let records: Vec<Record> = {
            let mut queue = lock(&self.queue);
            let length = batch.len().min(queue.len());
            queue.drain(..length).collect()
        };
        let mut tokens: Vec<Range<u64>> = Vec::new();
        for ProducerRecord { token, .. } in batch {
            match tokens.last_mut() {
                Some(range) if range.end == token => range.end += 1,
                _ => tokens.push(token..token + 1),
            }
        }
        let batch = SourceBatch::new(records, tokens, Arc::clone(&self.acknowledged));
        self.batches
            .send(batch)
            .await
            .map_err(|_| BrokerError::Closed)
    }

    async fn flush(&mut self) -> Result<(), BrokerError> {
        Ok(())
    }

    async fn begin(&mut self) -> Result<(), BrokerError> {
        Err(NO_TRANSACTIONS)
    }

    async fn send_offsets(&mut self, _: &str, _: &LogOffsets) -> Result<(), BrokerError> {
        Err(NO_TRANSACTIONS)
    }

    async fn commit(&mut self) -> Result<(), BrokerError> {
        Err(NO_TRANSACTIONS)
    }

    async fn abort(&mut self) -> Result<(), BrokerError> {
        Err(NO_TRANSACTIONS)
    }
}

const NO_TRANSACTIONS: BrokerError = BrokerError::InvalidState("a stream has no transactions");

#[async_trait]
impl Receipts for StreamReceipts {
    async fn next(&mut self) -> Option<Vec<Receipt>> {
        loop {
            let receipts = std::mem::take(&mut *lock(&self.0.receipts));
            if !receipts.is_empty() {
                return Some(receipts);
            }
            self.0.news.notified().await;
        }
    }
}
