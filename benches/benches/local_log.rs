//! How many records per second does the log inside the process write until they are durable, and
//! how many does it read? Batches of 1,000 records of 100 bytes. Each append waits for its
//! receipts, so the durable log forces every batch to the disk.
#![expect(clippy::unwrap_used, reason = "a bench that cannot start ends")]

use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;
use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_benches::records::BATCH;
use connect_benches::worker::Log;
use connect_broker::Broker;
use connect_broker::ConsumerEvent;
use connect_broker::ConsumerOptions;
use connect_broker::ProducerOptions;
use connect_broker::ProducerRecord;
use connect_broker::Subscription;
use connect_log::LocalBroker;
use criterion::Criterion;
use criterion::Throughput;
use tokio::runtime::Runtime;

/// Batches in the log that is scanned.
const SCANNED: u64 = 100;

fn main() {
    let runtime = Runtime::new().unwrap();
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("local_log");
    group.sample_size(20);
    for log in Log::ALL {
        let folder = tempfile::tempdir().unwrap();
        let broker = runtime.block_on(log.open(folder.path())).unwrap();
        group.throughput(Throughput::Elements(BATCH as u64));
        for (name, in_flight) in [("one batch at a time", 1), ("8 batches in flight", 8)] {
            group.bench_function(format!("append, {name}, {}", log.name()), |bench| {
                let topic = TopicName::new(format!("append-{in_flight}"));
                bench.iter_custom(|times| {
                    runtime.block_on(append(&broker, &topic, times, in_flight))
                });
            });
        }
        group.throughput(Throughput::Elements(BATCH as u64 * SCANNED));
        group.bench_function(format!("scan, {}", log.name()), |bench| {
            let topic = TopicName::new("scan");
            runtime.block_on(append(&broker, &topic, SCANNED, 8));
            bench.iter_custom(|times| runtime.block_on(scan(&broker, &topic, times)));
        });
        runtime.block_on(broker.close()).unwrap();
    }
    group.finish();
    criterion.final_summary();
}

/// Appends batches, with this many of them in flight.
async fn append(broker: &LocalBroker, topic: &TopicName, times: u64, in_flight: u64) -> Duration {
    let (mut producer, mut receipts) = broker.producer(ProducerOptions::default()).await.unwrap();
    let value = Bytes::from(vec![b'x'; 100]);
    let start = Instant::now();
    let (mut sent, mut durable) = (0, 0);
    while durable < times * BATCH as u64 {
        while sent < times && sent * (BATCH as u64) < durable + in_flight * BATCH as u64 {
            let first = sent * BATCH as u64;
            let batch = (first..first + BATCH as u64)
                .map(|token| ProducerRecord::new(token, topic.clone(), value.clone()))
                .collect();
            producer.send(batch).await.unwrap();
            sent += 1;
        }
        for receipt in receipts.next().await.unwrap() {
            receipt.outcome.unwrap();
            durable += receipt.tokens.end - receipt.tokens.start;
        }
    }
    start.elapsed()
}

/// Reads a topic from its beginning to its end.
async fn scan(broker: &LocalBroker, topic: &TopicName, times: u64) -> Duration {
    let mut time = Duration::ZERO;
    for _ in 0..times {
        let partition = TopicPartition::new(topic.clone(), 0);
        let options = ConsumerOptions::new(Subscription::Partitions(vec![partition]));
        let mut consumer = broker.consumer(options).await.unwrap();
        let start = Instant::now();
        let mut seen = 0;
        while seen < SCANNED * BATCH as u64 {
            match consumer.poll(Duration::from_secs(1)).await.unwrap() {
                ConsumerEvent::Assigned(_) => consumer.rebalanced().await.unwrap(),
                ConsumerEvent::Records(partitions) => {
                    let records = |p: &connect_broker::PartitionRecords| p.records.len() as u64;
                    seen += partitions.iter().map(records).sum::<u64>();
                }
                _ => {}
            }
        }
        time += start.elapsed();
    }
    time
}
