//! The least that a program on librdkafka can do: the loops that run as children of `compare`.

use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::io::BufWriter;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

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
use rdkafka::producer::ProducerContext;
use rdkafka::producer::ThreadedProducer;
use rdkafka::types::RDKafkaErrorCode;

struct Count(Arc<AtomicU64>);

impl ClientContext for Count {}

impl ProducerContext for Count {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        assert!(result.is_ok());
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Sends every line of a file and waits for all receipts.
pub(crate) fn produce(address: &str, topic: &str, file: &str) {
    let delivered = Arc::new(AtomicU64::new(0));
    let producer: ThreadedProducer<Count> = ClientConfig::new()
        .set("bootstrap.servers", address)
        .set("enable.idempotence", "true")
        .create_with_context(Count(Arc::clone(&delivered)))
        .unwrap();
    let mut input = BufReader::with_capacity(256 * 1024, File::open(file).unwrap());
    let mut line = Vec::new();
    let mut sent = 0;
    while input.read_until(b'\n', &mut line).unwrap() > 0 {
        let value = line.strip_suffix(b"\n").unwrap_or(&line);
        let mut record = BaseRecord::<(), [u8], ()>::to(topic).payload(value);
        while let Err((error, back)) = producer.send(record) {
            assert!(matches!(
                error,
                KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)
            ));
            record = back;
            std::thread::park_timeout(Duration::from_millis(1));
        }
        sent += 1;
        line.clear();
    }
    while delivered.load(Ordering::Relaxed) < sent {
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// Writes the values of a topic of one partition to a file, until there are `count`.
pub(crate) fn consume(address: &str, topic: &str, file: &str, count: u64) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", address)
        .set("group.id", "none")
        .set("enable.auto.commit", "false")
        .set("fetch.queue.backoff.ms", "10")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Beginning)
        .unwrap();
    consumer.assign(&list).unwrap();
    let mut output = BufWriter::with_capacity(256 * 1024, File::create(file).unwrap());
    let mut written = 0;
    while written < count {
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            let message = message.unwrap();
            output
                .write_all(message.payload().unwrap_or_default())
                .unwrap();
            output.write_all(b"\n").unwrap();
            written += 1;
        }
    }
    output.flush().unwrap();
}
