//! A log that misbehaves: what heals is waited for, what does not ends the task, and a stop ends in
//! time.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

mod common;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use common::*;
use connect_api::LogOffsets;
use connect_api::TopicPartition;
use connect_api::config_map;
use connect_broker::Admin;
use connect_broker::AdminOptions;
use connect_broker::Broker;
use connect_broker::BrokerError;
use connect_broker::Consumer;
use connect_broker::ConsumerEvent;
use connect_broker::ConsumerOptions;
use connect_broker::Producer;
use connect_broker::ProducerOptions;
use connect_broker::ProducerRecord;
use connect_broker::Receipts;
use connect_broker::admin::NewTopic;
use connect_log::LocalBroker;
use connect_runtime::Connect;
use connect_runtime::State;

/// A log in memory, with faults for the clients of tasks.
#[derive(Debug)]
struct Faulty {
    log: LocalBroker,
    faults: Arc<Faults>,
}

#[derive(Debug, Default)]
struct Faults {
    /// Producers of tasks wait forever.
    takes_nothing: Arc<AtomicBool>,
    /// The producer of statuses waits forever.
    takes_no_status: Arc<AtomicBool>,
    /// Commits of consumers wait forever.
    commits_hang: AtomicBool,
    /// How often a position is not known.
    lost_positions: AtomicUsize,
}

#[async_trait]
impl Broker for Faulty {
    async fn cluster_id(&self) -> Result<String, BrokerError> {
        self.log.cluster_id().await
    }

    fn has_one_owner(&self) -> bool {
        self.log.has_one_owner()
    }

    async fn admin(&self, options: AdminOptions) -> Result<Box<dyn Admin>, BrokerError> {
        self.log.admin(options).await
    }

    async fn producer(
        &self,
        options: ProducerOptions,
    ) -> Result<(Box<dyn Producer>, Box<dyn Receipts>), BrokerError> {
        let takes_nothing = if options.client_id.starts_with("connector-producer") {
            Arc::clone(&self.faults.takes_nothing)
        } else if options.client_id.ends_with("-statuses") {
            Arc::clone(&self.faults.takes_no_status)
        } else {
            Arc::default()
        };
        let (producer, receipts) = self.log.producer(options).await?;
        let producer = FaultyProducer {
            producer,
            takes_nothing,
        };
        Ok((Box::new(producer), receipts))
    }

    async fn consumer(&self, options: ConsumerOptions) -> Result<Box<dyn Consumer>, BrokerError> {
        let of_task = options.client_id.starts_with("connector-consumer");
        let consumer = self.log.consumer(options).await?;
        let faults = of_task.then(|| Arc::clone(&self.faults));
        Ok(Box::new(FaultyConsumer {
            consumer,
            faults: faults.unwrap_or_default(),
        }))
    }
}

struct FaultyProducer {
    producer: Box<dyn Producer>,
    takes_nothing: Arc<AtomicBool>,
}

#[async_trait]
impl Producer for FaultyProducer {
    async fn send(&mut self, batch: Vec<ProducerRecord>) -> Result<(), BrokerError> {
        if self.takes_nothing.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.producer.send(batch).await
    }

    async fn flush(&mut self) -> Result<(), BrokerError> {
        self.producer.flush().await
    }

    async fn begin(&mut self) -> Result<(), BrokerError> {
        self.producer.begin().await
    }

    async fn send_offsets(&mut self, group: &str, offsets: &LogOffsets) -> Result<(), BrokerError> {
        self.producer.send_offsets(group, offsets).await
    }

    async fn commit(&mut self) -> Result<(), BrokerError> {
        self.producer.commit().await
    }

    async fn abort(&mut self) -> Result<(), BrokerError> {
        self.producer.abort().await
    }
}

struct FaultyConsumer {
    consumer: Box<dyn Consumer>,
    faults: Arc<Faults>,
}

#[async_trait]
impl Consumer for FaultyConsumer {
    async fn poll(&mut self, wait: Duration) -> Result<ConsumerEvent, BrokerError> {
        self.consumer.poll(wait).await
    }

    async fn rebalanced(&mut self) -> Result<(), BrokerError> {
        self.consumer.rebalanced().await
    }

    async fn commit(&mut self, offsets: &LogOffsets) -> Result<(), BrokerError> {
        if self.faults.commits_hang.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.consumer.commit(offsets).await
    }

    async fn committed(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Result<LogOffsets, BrokerError> {
        self.consumer.committed(partitions).await
    }

    async fn position(&mut self, partition: &TopicPartition) -> Result<i64, BrokerError> {
        let lost = &self.faults.lost_positions;
        let less = |left: usize| left.checked_sub(1);
        if lost
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
            .is_ok()
        {
            return Err(BrokerError::Unavailable("no leader".into()));
        }
        self.consumer.position(partition).await
    }

    fn seek(&mut self, partition: &TopicPartition, offset: i64) -> Result<(), BrokerError> {
        self.consumer.seek(partition, offset)
    }

    fn pause(&mut self, partitions: &[TopicPartition]) {
        self.consumer.pause(partitions);
    }

    fn resume(&mut self, partitions: &[TopicPartition]) {
        self.consumer.resume(partitions);
    }
}

/// A worker on such a log.
async fn faulty(log: &LocalBroker, seen: &Seen, flush_interval: u64) -> (Connect, Arc<Faults>) {
    let faults = Arc::new(Faults::default());
    let more = config_map! {
        "offset.flush.interval.ms" => flush_interval, "offset.flush.timeout.ms" => 60_000,
    };
    let broker = Faulty {
        log: log.clone(),
        faults: Arc::clone(&faults),
    };
    (worker_with(broker, more, seen).await, faults)
}

/// Takes the lines up to "9", and none that is longer.
async fn topic_of_short_lines(log: &LocalBroker) {
    let size = ProducerRecord::new(0, "lines", "9").size();
    let topic = NewTopic::new("lines").partitions(1);
    let topic = topic.with("max.message.bytes", size.to_string());
    let admin = log.admin(AdminOptions::default()).await.unwrap();
    admin.create_topic(topic).await.unwrap();
}

#[tokio::test]
async fn a_refused_record_fails_the_task_at_once() {
    let (log, seen) = (LocalBroker::memory(), Seen::default());
    topic_of_short_lines(&log).await;
    // Longer than this test waits for anything.
    let more = config_map! {
        "offset.flush.timeout.ms" => 600_000, "task.shutdown.graceful.timeout.ms" => 600_000,
    };
    let connect = worker_with(log.clone(), more, &seen).await;
    let mut source = lines(20);
    source.insert("batch", "20");
    connect.create_connector("in", source).await.unwrap();
    let status = task_in(&connect, "in", State::Failed).await;
    let trace = status.tasks[0].trace.clone().unwrap();
    assert!(trace.contains("record 10 of the task"), "{trace}");
    assert!(connect.shutdown(Duration::from_secs(10)).await.is_clean());
}

#[tokio::test]
async fn a_record_that_the_log_refuses_becomes_a_dead_letter() {
    let (log, seen) = (LocalBroker::memory(), Seen::default());
    topic_of_short_lines(&log).await;
    let connect = worker(&log, &seen).await;
    let mut source = lines(12);
    source.extend(config_map! {
        "batch" => 5, "errors.tolerance" => "all",
        "errors.deadletterqueue.topic.name" => "dead",
        "errors.deadletterqueue.context.headers.enable" => true,
    });
    connect.create_connector("in", source).await.unwrap();
    connect.create_connector("out", collect()).await.unwrap();
    let report = connect.until_end().await.unwrap();
    assert_eq!((report.skipped, seen.lines().len()), (2, 10));
    let letters = dead_letters(&log, "dead").await;
    let values: Vec<_> = letters.iter().map(|(value, _)| value.as_str()).collect();
    assert_eq!(values, ["10", "11"]);
    for (_, headers) in &letters {
        assert_eq!(header(headers, "stage"), Some("KAFKA_PRODUCE"));
    }
    let _ = connect.shutdown(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn a_task_whose_records_are_not_taken_stops_in_time() {
    let (log, seen) = (LocalBroker::memory(), Seen::default());
    let (connect, faults) = faulty(&log, &seen, 60_000).await;
    faults.takes_nothing.store(true, Ordering::SeqCst);
    connect.create_connector("in", lines(20)).await.unwrap();
    task_in(&connect, "in", State::Running).await;
    let report = connect.shutdown(Duration::from_secs(10)).await;
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(seen.stopped.load(Ordering::SeqCst), 1, "the plugin's stop");
}

#[tokio::test]
async fn a_sink_whose_commit_hangs_is_closed_in_time() {
    let (log, seen) = (LocalBroker::memory(), Seen::default());
    let (connect, faults) = faulty(&log, &seen, 60_000).await;
    faults.commits_hang.store(true, Ordering::SeqCst);
    connect.create_connector("out", collect()).await.unwrap();
    connect.create_connector("in", lines(20)).await.unwrap();
    eventually(async || (seen.lines().len() == 20).then_some(())).await;
    let report = connect.shutdown(Duration::from_secs(10)).await;
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(seen.stopped.load(Ordering::SeqCst), 2, "both tasks");
}

#[tokio::test]
async fn a_position_that_is_not_known_for_a_moment_is_waited_for() {
    let (log, seen) = (LocalBroker::memory(), Seen::default());
    let (connect, faults) = faulty(&log, &seen, 20).await;
    faults.lost_positions.store(1, Ordering::SeqCst);
    connect.create_connector("in", lines(20)).await.unwrap();
    connect.create_connector("out", collect()).await.unwrap();
    eventually(async || (seen.lines().len() == 20).then_some(())).await;
    assert_eq!(faults.lost_positions.load(Ordering::SeqCst), 0);
    assert!(connect.shutdown(Duration::from_secs(10)).await.is_clean());
}

#[tokio::test]
async fn statuses_that_are_not_taken_hold_up_nothing() {
    let (log, seen) = (LocalBroker::memory(), Seen::default());
    let (connect, faults) = faulty(&log, &seen, 20).await;
    faults.takes_no_status.store(true, Ordering::SeqCst);
    connect.create_connector("in", lines(20)).await.unwrap();
    task_in(&connect, "in", State::Running).await;
    connect.stop("in").await.unwrap();
    assert_eq!(connect.status("in").await.unwrap().state, State::Stopped);
    connect.delete_connector("in").await.unwrap();
    assert!(connect.shutdown(Duration::from_secs(10)).await.is_clean());
}
