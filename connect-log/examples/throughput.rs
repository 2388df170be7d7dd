//! How many records per second pass through the in-process logs on this machine?
//!
//! `cargo run --release -p connect-log --example throughput [folder]`; the folder is where the
//! durable log is written, by default a temporary one.

use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;
use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_broker::Broker;
use connect_broker::BrokerError;
use connect_broker::ConsumerEvent;
use connect_broker::ConsumerOptions;
use connect_broker::ProducerOptions;
use connect_broker::ProducerRecord;
use connect_broker::Subscription;
use connect_log::LocalBroker;

const RECORDS: u64 = 2_000_000;
const BATCH: u64 = 2_000;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), BrokerError> {
    println!("{RECORDS} records of 100 bytes in batches of {BATCH}");
    let memory = LocalBroker::memory();
    measure("memory", &memory).await?;
    let folder =
        tempfile::tempdir().map_err(|error| BrokerError::Unavailable(error.to_string()))?;
    let path = std::env::args()
        .nth(1)
        .map_or(folder.path().to_owned(), Into::into);
    let before = Instant::now();
    let durable = LocalBroker::open(&path).await?;
    println!("durable: open {:?}", before.elapsed());
    measure("durable", &durable).await?;
    durable.close().await?;
    let before = Instant::now();
    let durable = LocalBroker::open(&path).await?;
    println!("durable: open {:?}", before.elapsed());
    scan("durable, from the disk", &durable).await?;
    durable.close().await
}

async fn measure(name: &str, broker: &LocalBroker) -> Result<(), BrokerError> {
    let before = Instant::now();
    append(broker).await?;
    report(name, "append", before.elapsed());
    scan(name, broker).await
}

async fn append(broker: &LocalBroker) -> Result<(), BrokerError> {
    let (mut producer, mut receipts) = broker.producer(ProducerOptions::default()).await?;
    let settled = tokio::spawn(async move {
        let mut count = 0;
        while let Some(some) = receipts.next().await {
            count += some
                .iter()
                .map(|receipt| receipt.tokens.end - receipt.tokens.start)
                .sum::<u64>();
        }
        count
    });
    let topic = TopicName::from("lines");
    let value = Bytes::from(vec![b'x'; 100]);
    for batch in 0..RECORDS / BATCH {
        let tokens = batch * BATCH..(batch + 1) * BATCH;
        let record = |token| ProducerRecord::new(token, topic.clone(), value.clone());
        producer.send(tokens.map(record).collect()).await?;
    }
    producer.flush().await?;
    drop(producer);
    let count = settled
        .await
        .map_err(|error| BrokerError::Unavailable(error.to_string()))?;
    assert_eq!(count, RECORDS, "every record has its receipt");
    Ok(())
}

async fn scan(name: &str, broker: &LocalBroker) -> Result<(), BrokerError> {
    let partition = TopicPartition::new("lines", 0);
    let options = ConsumerOptions::new(Subscription::Partitions(vec![partition]));
    let mut consumer = broker.consumer(options).await?;
    let before = Instant::now();
    let mut count = 0;
    while count < RECORDS {
        if let ConsumerEvent::Records(groups) = consumer.poll(Duration::from_secs(1)).await? {
            count += groups
                .iter()
                .map(|group| group.records.len() as u64)
                .sum::<u64>();
        }
    }
    report(name, "scan", before.elapsed());
    Ok(())
}

fn report(name: &str, what: &str, time: Duration) {
    let rate = RECORDS as f64 / time.as_secs_f64() / 1e6;
    println!("{name}: {what} {rate:.2} M records/s ({time:?})");
}
