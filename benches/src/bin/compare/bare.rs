//! The minimal program on librdkafka: loops that run as children of `compare`. One thread with its
//! own client for each part.

use std::fs::File;
use std::fs::OpenOptions;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::path::Path;
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

/// How many bytes are read or written at once.
const BLOCK: usize = 256 * 1024;

struct Count(Arc<AtomicU64>);

impl ClientContext for Count {}

impl ProducerContext for Count {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        assert!(result.is_ok());
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Sends every line of files and waits for all receipts.
pub(crate) fn produce(bootstrap: &str, topic: &str, files: &[impl AsRef<Path> + Sync]) {
    std::thread::scope(|scope| {
        for file in files {
            scope.spawn(|| produce_file(bootstrap, topic, file.as_ref(), None));
        }
    });
}

/// Sends every line of a file, to any partition or the given one, and waits for all receipts.
pub(crate) fn produce_file(bootstrap: &str, topic: &str, file: &Path, partition: Option<i32>) {
    let delivered = Arc::new(AtomicU64::new(0));
    let producer: ThreadedProducer<Count> = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("enable.idempotence", "true")
        .create_with_context(Count(Arc::clone(&delivered)))
        .unwrap();
    let mut input = BufReader::with_capacity(BLOCK, File::open(file).unwrap());
    let mut line = Vec::new();
    let mut sent = 0;
    while input.read_until(b'\n', &mut line).unwrap() > 0 {
        let value = line.strip_suffix(b"\n").unwrap_or(&line);
        let mut record = BaseRecord::<(), [u8], ()>::to(topic).payload(value);
        if let Some(partition) = partition {
            record = record.partition(partition);
        }
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

/// Writes the values of the partitions of a topic to one file, until there are `count` of each.
pub(crate) fn consume(bootstrap: &str, topic: &str, file: &str, partitions: i32, count: u64) {
    std::thread::scope(|scope| {
        for partition in 0..partitions {
            scope.spawn(move || consume_partition(bootstrap, topic, file, partition, count));
        }
    });
}

fn consume_partition(bootstrap: &str, topic: &str, file: &str, partition: i32, count: u64) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "none")
        .set("enable.auto.commit", "false")
        .set("fetch.queue.backoff.ms", "10")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Beginning)
        .unwrap();
    consumer.assign(&list).unwrap();
    // Whole lines at the end of the file at once, so that threads can share it.
    let mut options = OpenOptions::new();
    let mut output = options.create(true).append(true).open(file).unwrap();
    let mut block = Vec::with_capacity(BLOCK + 4096);
    let mut written = 0;
    while written < count {
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            let message = message.unwrap();
            block.extend_from_slice(message.payload().unwrap_or_default());
            block.push(b'\n');
            if block.len() >= BLOCK {
                output.write_all(&block).unwrap();
                block.clear();
            }
            written += 1;
        }
    }
    output.write_all(&block).unwrap();
}
