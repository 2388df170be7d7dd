//! The host's `tracing` subscriber panics in every callback of librdkafka: the process survives,
//! and the clients do their work.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot continue has failed"
)]

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use connect_api::config_map;
use connect_broker::AdminOptions;
use connect_broker::Broker;
use connect_broker::BrokerError;
use connect_broker::ConsumerOptions;
use connect_broker::ProducerOptions;
use connect_broker::ProducerRecord;
use connect_broker::Subscription;
use connect_kafka::KafkaBroker;
use rdkafka::mocking::MockCluster;
use tracing::Event;
use tracing::Metadata;
use tracing::Subscriber;
use tracing::span;

/// How often the subscriber has panicked.
static LINES: AtomicUsize = AtomicUsize::new(0);
static PROBLEMS: AtomicUsize = AtomicUsize::new(0);

/// Panics in the events of callbacks: lines of librdkafka, and connection problems.
struct Panics;

impl Subscriber for Panics {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        match event.metadata().target() {
            "librdkafka" => {
                LINES.fetch_add(1, Ordering::SeqCst);
                panic!("a line of librdkafka");
            }
            target if target.starts_with("connect_kafka::callbacks") => {
                PROBLEMS.fetch_add(1, Ordering::SeqCst);
                panic!("a connection problem");
            }
            _ => {}
        }
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

fn broker_at(servers: &str) -> KafkaBroker {
    let options = config_map! {
        "bootstrap.servers" => servers, "librdkafka.debug" => "all",
        "default.api.timeout.ms" => 500, "request.timeout.ms" => 500,
    };
    KafkaBroker::new(options).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_of_the_subscriber_in_a_callback_ends_neither_process_nor_client() {
    // Thousands of panics are expected; their reports would hide a real one.
    std::panic::set_hook(Box::new(|info| {
        let payload = info.payload().downcast_ref::<&str>().copied();
        if !["a line of librdkafka", "a connection problem"].contains(&payload.unwrap_or_default())
        {
            eprintln!("{info}");
        }
    }));
    tracing::subscriber::set_global_default(Panics).unwrap();

    let mock = MockCluster::new(1).unwrap();
    mock.create_topic("t", 1, 1).unwrap();
    let broker = broker_at(&mock.bootstrap_servers());
    let (mut producer, mut receipts) = broker.producer(ProducerOptions::default()).await.unwrap();
    let record = ProducerRecord::new(0, "t", "v");
    producer.send(vec![record]).await.unwrap();
    producer.flush().await.unwrap();
    let receipt = receipts.next().await.unwrap().remove(0);
    assert_eq!(receipt.outcome.unwrap().offset, 0);
    let mut options = ConsumerOptions::new(Subscription::Topics(vec!["t".into()]));
    options.group = Some("g".into());
    let mut consumer = broker.consumer(options).await.unwrap();
    let reading = async {
        loop {
            match consumer.poll(Duration::from_secs(1)).await.unwrap() {
                connect_broker::ConsumerEvent::Records(groups) => break groups.len(),
                connect_broker::ConsumerEvent::Idle => {}
                _ => consumer.rebalanced().await.unwrap(),
            }
        }
    };
    let read = tokio::time::timeout(Duration::from_secs(60), reading).await;
    assert_eq!(read.unwrap(), 1);
    consumer.close().await;
    assert!(LINES.load(Ordering::SeqCst) > 0);

    // Nobody listens there: connection problems.
    let admin = broker_at("127.0.0.1:1")
        .admin(AdminOptions::default())
        .await
        .unwrap();
    let error = admin.list_topics().await.unwrap_err();
    assert!(matches!(&error, BrokerError::Unavailable(_)), "{error}");
    assert!(error.to_string().contains("last problem"), "{error}");
    assert!(PROBLEMS.load(Ordering::SeqCst) > 0);
}
