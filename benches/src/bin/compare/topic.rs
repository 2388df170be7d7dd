//! An observer of a topic.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::Message;
use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::error::KafkaResult;

use crate::digest::Digest;

/// Watches the ends of a topic's partitions.
pub(crate) struct Observer {
    client: BaseConsumer,
    topic: String,
    partitions: i32,
}

impl Observer {
    /// An observer whose client knows the topic. A client that asks too early may never find it.
    pub(crate) fn new(bootstrap: &str, topic: &str, partitions: usize) -> Self {
        for _ in 0..100 {
            let observer = Self {
                client: client(bootstrap),
                topic: topic.to_owned(),
                partitions: i32::try_from(partitions).unwrap(),
            };
            if observer.try_end().is_ok() {
                return observer;
            }
            std::thread::park_timeout(Duration::from_millis(100));
        }
        panic!("the topic {topic} cannot be seen");
    }

    /// The number of offsets that a reader of committed records can pass: the records, and one more
    /// for each transaction.
    pub(crate) fn end(&self) -> u64 {
        self.try_end().unwrap()
    }

    fn try_end(&self) -> KafkaResult<u64> {
        let mut sum = 0;
        for partition in 0..self.partitions {
            let timeout = Duration::from_secs(10);
            let (_, end) = self
                .client
                .fetch_watermarks(&self.topic, partition, timeout)?;
            sum += u64::try_from(end).unwrap_or_default();
        }
        Ok(sum)
    }
}

/// The contents of a topic.
pub(crate) struct Scan {
    pub(crate) digest: Digest,
    /// The number of records before each of the requested offsets.
    pub(crate) before: Vec<u64>,
}

/// Reads a topic from beginning to end. Offsets can be requested only for a single partition.
pub(crate) fn scan(bootstrap: &str, topic: &str, partitions: usize, offsets: &[u64]) -> Scan {
    let client = client(bootstrap);
    let mut list = TopicPartitionList::new();
    for partition in 0..i32::try_from(partitions).unwrap() {
        list.add_partition_offset(topic, partition, Offset::Beginning)
            .unwrap();
    }
    client.assign(&list).unwrap();
    let mut digest = Digest::default();
    let mut before = vec![0; offsets.len()];
    let mut open = partitions;
    while open > 0 {
        match client.poll(Duration::from_secs(30)) {
            None => panic!("the topic {topic} cannot be read"),
            Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
            Some(Err(error)) => panic!("the topic {topic}: {error}"),
            Some(Ok(message)) => {
                digest.add(message.payload().unwrap_or_default());
                let offset = u64::try_from(message.offset()).unwrap();
                for (count, asked) in before.iter_mut().zip(offsets) {
                    *count += u64::from(offset < *asked);
                }
            }
        }
    }
    Scan { digest, before }
}

fn client(bootstrap: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "none")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_committed")
        .set("fetch.queue.backoff.ms", "10")
        .create()
        .unwrap()
}
