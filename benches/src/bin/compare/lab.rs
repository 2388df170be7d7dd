//! What all runs share: the broker, the programs, the topics.

use std::fs;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;

use connect_benches::lines::Lines;
use connect_testkit::kafka::KafkaCluster;
use rdkafka::ClientConfig;
use rdkafka::admin::AdminClient;
use rdkafka::admin::AdminOptions;
use rdkafka::admin::NewTopic;
use rdkafka::admin::TopicReplication;
use rdkafka::client::DefaultClientContext;
use tempfile::TempDir;

use crate::bare;
use crate::digest::Digest;
use crate::programs::Programs;
use crate::topic::Observer;
use crate::topic::scan;
use crate::workload::Direction;
use crate::workload::Workload;

pub(crate) struct Lab {
    pub(crate) programs: Programs,
    kafka: KafkaCluster,
    folder: TempDir,
    admin: AdminClient<DefaultClientContext>,
    runtime: tokio::runtime::Runtime,
}

/// The lines of a workload, in files, and in a topic if they are read from Kafka.
pub(crate) struct Input {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) topic: String,
    pub(crate) lines: u64,
    pub(crate) digest: Digest,
}

impl Lab {
    /// Builds, fetches and starts everything.
    pub(crate) fn set_up() -> Self {
        let programs = Programs::set_up();
        let kafka = KafkaCluster::builder()
            // The disk gets the space of a run back before the next one fills it.
            .with("log.segment.delete.delay.ms", "1000")
            .start();
        Self {
            programs,
            folder: tempfile::tempdir().unwrap(),
            admin: ClientConfig::new()
                .set("bootstrap.servers", kafka.bootstrap())
                .create()
                .unwrap(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap(),
            kafka,
        }
    }

    pub(crate) fn bootstrap(&self) -> &str {
        self.kafka.bootstrap()
    }

    /// Where runs put their files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Makes the lines of a workload.
    pub(crate) fn input(&self, workload: &Workload, lines: u64) -> Input {
        let mut files = Vec::new();
        for part in 0..workload.parts as u64 {
            let path = self.folder().join(format!("{}-{part}.txt", workload.name));
            let mut file = File::create(&path).unwrap();
            Lines::new(part + 1)
                .write_sized_to(
                    lines / workload.parts as u64,
                    workload.line_bytes,
                    &mut file,
                )
                .unwrap();
            // Otherwise the first runs would share the disk with these lines.
            file.sync_all().unwrap();
            files.push(path);
        }
        let digest = Digest::of_files(files.iter().map(PathBuf::as_path));
        let topic = format!("{}-full", workload.name);
        if workload.direction == Direction::KafkaToFile {
            self.create(&topic, workload.parts);
            for (partition, file) in (0..).zip(&files) {
                bare::produce_file(self.bootstrap(), &topic, file, Some(partition));
            }
            let found = scan(self.bootstrap(), &topic, workload.parts, &[]).digest;
            assert_eq!(found.in_any_order(), digest.in_any_order());
        }
        Input {
            files,
            topic,
            lines,
            digest,
        }
    }

    /// Deletes the lines of a workload.
    pub(crate) fn discard(&self, workload: &Workload, input: &Input) {
        for file in &input.files {
            fs::remove_file(file).unwrap();
        }
        if workload.direction == Direction::KafkaToFile {
            self.delete(&input.topic);
        }
    }

    pub(crate) fn create(&self, topic: &str, partitions: usize) {
        self.create_with(topic, partitions, "delete");
    }

    /// Creates the topic in which a worker with exactly-once keeps offsets, as the worker would.
    /// Its creation is not part of the measurement.
    pub(crate) fn create_offsets(&self, topic: &str) {
        self.create_with(topic, 1, "compact");
        Observer::new(self.bootstrap(), topic, 1);
    }

    fn create_with(&self, topic: &str, partitions: usize, cleanup: &str) {
        let partitions = i32::try_from(partitions).unwrap();
        let topic = NewTopic::new(topic, partitions, TopicReplication::Fixed(1))
            .set("cleanup.policy", cleanup);
        let creating = self.admin.create_topics([&topic], &AdminOptions::new());
        for outcome in self.runtime.block_on(creating).unwrap() {
            outcome.unwrap();
        }
    }

    pub(crate) fn delete(&self, topic: &str) {
        let deleting = self.admin.delete_topics(&[topic], &AdminOptions::new());
        for outcome in self.runtime.block_on(deleting).unwrap() {
            outcome.unwrap();
        }
    }
}
