//! How fast are producer and consumer, compared with a bare loop on the same client library?
//!
//! `cargo run --release -p connect-kafka --example throughput [records [rounds]]`. Starts its own
//! broker unless `CONNECT_KAFKA_BOOTSTRAP` names one. Prints records per second and CPU time per
//! record of this process, and their ratios to the bare loop of the same round.

#![expect(clippy::unwrap_used, reason = "a measurement that fails has no result")]

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;
use connect_api::Timestamp;
use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_api::config_map;
use connect_broker::AdminOptions;
use connect_broker::Broker;
use connect_broker::ConsumerEvent;
use connect_broker::ConsumerOptions;
use connect_broker::ProducerOptions;
use connect_broker::ProducerRecord;
use connect_broker::Subscription;
use connect_broker::admin::NewTopic;
use connect_kafka::KafkaBroker;
use connect_testkit::kafka::KafkaCluster;
use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::Message;
use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::BaseRecord;
use rdkafka::producer::Producer as _;
use rdkafka::producer::ProducerContext;
use rdkafka::producer::ThreadedProducer;
use rdkafka::types::RDKafkaErrorCode;

const BATCH: u64 = 2_000;
const SIZE: usize = 100;

#[derive(Clone, Copy)]
struct Cost {
    seconds: f64,
    cpu: f64,
}

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|text| text.parse::<u64>().unwrap());
    let records = arguments.next().unwrap_or(2_000_000);
    let rounds = arguments.next().unwrap_or(5);
    let kafka = KafkaCluster::shared();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let address = kafka.bootstrap();
    for partitions in [1, 4] {
        println!("{records} records of {SIZE} bytes, {partitions} partition(s)");
        for round in 0..rounds {
            let topic = |what: &str| format!("{what}-{partitions}-{round}-{}", std::process::id());
            let [bare, own, stamped] = ["bare", "own", "stamped"].map(topic);
            for name in [&bare, &own, &stamped] {
                runtime.block_on(create(address, name, partitions));
            }
            let reference = measure(|| produce_bare(address, &bare, records));
            report("produce, bare", records, reference, reference);
            let cost = measure(|| runtime.block_on(produce_own(address, &own, records, None)));
            report("produce, own", records, cost, reference);
            let stamp = Some(Timestamp::from_millis(1_700_000_000_000));
            let cost = measure(|| runtime.block_on(produce_own(address, &stamped, records, stamp)));
            report("produce, own, with timestamps", records, cost, reference);
            let transactional = topic("transactional");
            runtime.block_on(create(address, &transactional, partitions));
            let cost = measure(|| runtime.block_on(transact_own(address, &transactional, records)));
            report("transactions of 10000, own", records, cost, reference);
            let reference = measure(|| consume_bare(address, &bare, partitions, records));
            report("consume, bare", records, reference, reference);
            let cost =
                measure(|| runtime.block_on(consume_own(address, &bare, partitions, records)));
            report("consume, own", records, cost, reference);
        }
    }
}

async fn create(address: &str, name: &str, partitions: i32) {
    let admin = broker(address)
        .admin(AdminOptions::default())
        .await
        .unwrap();
    admin
        .create_topic(NewTopic::new(name).partitions(partitions))
        .await
        .unwrap();
}

fn broker(address: &str) -> KafkaBroker {
    KafkaBroker::new(config_map! { "bootstrap.servers" => address }).unwrap()
}

fn measure(run: impl FnOnce()) -> Cost {
    let (begin, cpu) = (Instant::now(), cpu_seconds());
    run();
    Cost {
        seconds: begin.elapsed().as_secs_f64(),
        cpu: cpu_seconds() - cpu,
    }
}

/// CPU time of this process, which the kernel counts in hundredths of a second.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = text.rsplit(')').next().unwrap_or_default();
    let ticks = after.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

fn report(what: &str, records: u64, cost: Cost, reference: Cost) {
    #[expect(clippy::cast_precision_loss, reason = "for display")]
    let count = records as f64;
    println!(
        "  {what:30} {:9.0} records/s  {:5.2} µs CPU/record  rate ×{:.2}  CPU ×{:.2}",
        count / cost.seconds,
        cost.cpu / count * 1e6,
        reference.seconds / cost.seconds,
        cost.cpu / reference.cpu,
    );
}

struct Count(Arc<AtomicU64>);

impl ClientContext for Count {}

impl ProducerContext for Count {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        assert!(result.is_ok());
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn produce_bare(address: &str, topic: &str, records: u64) {
    let delivered = Arc::new(AtomicU64::new(0));
    let producer: ThreadedProducer<Count> = ClientConfig::new()
        .set("bootstrap.servers", address)
        .set("enable.idempotence", "true")
        .set("queue.buffering.max.messages", "100000")
        .create_with_context(Count(Arc::clone(&delivered)))
        .unwrap();
    let value = [b'x'; SIZE];
    for _ in 0..records {
        let mut record = BaseRecord::<(), [u8], ()>::to(topic).payload(&value);
        while let Err((error, back)) = producer.send(record) {
            assert!(matches!(
                error,
                KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)
            ));
            record = back;
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }
    while delivered.load(Ordering::Relaxed) < records || producer.in_flight_count() > 0 {
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

async fn produce_own(address: &str, topic: &str, records: u64, timestamp: Option<Timestamp>) {
    let (mut producer, mut receipts) = broker(address)
        .producer(ProducerOptions::default())
        .await
        .unwrap();
    let topic = TopicName::new(topic);
    let value = Bytes::from_static(&[b'x'; SIZE]);
    let reading = tokio::spawn(async move {
        let mut count = 0;
        while count < records {
            for receipt in receipts.next().await.unwrap() {
                receipt.outcome.unwrap();
                count += receipt.tokens.end - receipt.tokens.start;
            }
        }
    });
    let mut token = 0;
    while token < records {
        let end = (token + BATCH).min(records);
        let record = |token| {
            let mut record = ProducerRecord::new(token, topic.clone(), value.clone());
            record.timestamp = timestamp;
            record
        };
        producer
            .send((token..end).map(record).collect())
            .await
            .unwrap();
        token = end;
    }
    reading.await.unwrap();
}

async fn transact_own(address: &str, topic: &str, records: u64) {
    let mut options = ProducerOptions::default();
    options.transactional_id = Some(topic.to_owned());
    let (mut producer, mut receipts) = broker(address).producer(options).await.unwrap();
    tokio::spawn(async move { while receipts.next().await.is_some() {} });
    let topic = TopicName::new(topic);
    let value = Bytes::from_static(&[b'x'; SIZE]);
    for first in (0..records).step_by(10_000) {
        producer.begin().await.unwrap();
        for first in (first..first + 10_000).step_by(2_000) {
            let record = |token| ProducerRecord::new(token, topic.clone(), value.clone());
            producer
                .send((first..first + BATCH).map(record).collect())
                .await
                .unwrap();
        }
        producer.commit().await.unwrap();
    }
}

fn consume_bare(address: &str, topic: &str, partitions: i32, records: u64) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", address)
        .set("group.id", "none")
        .set("enable.auto.commit", "false")
        .set("fetch.queue.backoff.ms", "10")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition, Offset::Beginning)
            .unwrap();
    }
    consumer.assign(&list).unwrap();
    let mut count = 0;
    let mut bytes = 0;
    while count < records {
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            let message = message.unwrap();
            bytes += message.payload().unwrap_or_default().len();
            count += 1;
        }
    }
    assert!(bytes > 0);
}

async fn consume_own(address: &str, topic: &str, partitions: i32, records: u64) {
    let all = (0..partitions)
        .map(|partition| TopicPartition::new(topic, partition))
        .collect();
    let options = ConsumerOptions::new(Subscription::Partitions(all));
    let mut consumer = broker(address).consumer(options).await.unwrap();
    let mut count = 0;
    let mut bytes = 0;
    while count < records {
        let event = consumer.poll(Duration::from_millis(100)).await.unwrap();
        if let ConsumerEvent::Records(groups) = event {
            for record in groups.iter().flat_map(|group| &group.records) {
                bytes += record.value.as_ref().map_or(0, Bytes::len);
                count += 1;
            }
        }
    }
    assert!(bytes > 0);
}
