//! A cluster that creates topics that clients ask about: what a source says about its topics holds
//! even if a sink was there first.

use std::sync::LazyLock;

use connect_api::ConfigMap;
use connect_api::TopicPartition;
use connect_api::config_map;
use connect_broker::Admin;
use connect_broker::AdminOptions;
use connect_broker::Broker;
use connect_broker::BrokerError;
use connect_broker::Isolation;
use connect_broker::ProducerOptions;
use connect_kafka::KafkaBroker;
use connect_runtime::Connect;
use connect_testkit::kafka::KafkaCluster;

use crate::support::*;

static KAFKA: LazyLock<KafkaCluster> = LazyLock::new(|| {
    KafkaCluster::builder()
        .with("auto.create.topics.enable", "true")
        .start()
});

/// Without options that make clients look for topics more often than by default.
async fn auto_creating() -> KafkaBroker {
    let kafka = tokio::task::spawn_blocking(|| &*KAFKA).await.unwrap();
    KafkaBroker::new(config_map! { "bootstrap.servers" => kafka.bootstrap() }).unwrap()
}

async fn worker_there(offsets: &str, seen: &Seen) -> (Connect, Box<dyn Admin>) {
    let broker = auto_creating().await;
    let admin = broker.admin(AdminOptions::default()).await.unwrap();
    let servers = config_map! { "bootstrap.servers" => KAFKA.bootstrap() };
    let config = config(offsets, servers).await;
    (try_worker_on(broker, config, seen).await.unwrap(), admin)
}

fn source(topic: &str) -> ConfigMap {
    with(
        numbers(topic, 20),
        config_map! {
            "topic.creation.default.partitions" => 3,
            "topic.creation.default.replication.factor" => 1,
        },
    )
}

async fn partitions(admin: &dyn Admin, topic: &str) -> Option<i32> {
    let found = admin.describe_topic(&topic.into()).await.unwrap();
    found.map(|topic| topic.partitions)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_was_first_does_not_create_the_topic_of_a_source() {
    let seen = Seen::default();
    let (connect, admin) = worker_there("sink-first-offsets", &seen).await;
    let warned = logged(&["sink-first", "does not exist"]);
    let sink = witness("sink-first");
    connect
        .create_connector("sink-first-out", sink)
        .await
        .unwrap();
    warned.await;
    assert_eq!(partitions(admin.as_ref(), "sink-first").await, None);
    let source = source("sink-first");
    connect
        .create_connector("sink-first-in", source)
        .await
        .unwrap();
    seen.has_all(0..20).await;
    assert_eq!(partitions(admin.as_ref(), "sink-first").await, Some(3));
    end(connect).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_with_a_pattern_reads_a_topic_that_comes_later() {
    let seen = Seen::default();
    let (connect, admin) = worker_there("pattern-first-offsets", &seen).await;
    let sink = config_map! {
        "connector.class" => "Witness", "topics.regex" => "pattern-first",
    };
    connect
        .create_connector("pattern-first-out", sink)
        .await
        .unwrap();
    let source = source("pattern-first");
    connect
        .create_connector("pattern-first-in", source)
        .await
        .unwrap();
    seen.has_all(0..20).await;
    assert_eq!(partitions(admin.as_ref(), "pattern-first").await, Some(3));
    end(connect).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_creates_topics_if_it_is_told_to_as_in_java() {
    let seen = Seen::default();
    let (connect, admin) = worker_there("java-offsets", &seen).await;
    let java = config_map! { "consumer.override.allow.auto.create.topics" => true };
    let sink = with(witness("as-java"), java);
    connect.create_connector("java-out", sink).await.unwrap();
    eventually("the topic", async || {
        partitions(admin.as_ref(), "as-java").await
    })
    .await;
    end(connect).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asking_about_a_topic_does_not_create_it() {
    let broker = auto_creating().await;
    let admin = broker.admin(AdminOptions::default()).await.unwrap();
    let missing = [TopicPartition::new("asked-about", 0)];
    let error = admin.end_offsets(&missing, Isolation::ReadCommitted).await;
    let error = error.unwrap_err();
    assert!(matches!(error, BrokerError::UnknownTopic { .. }), "{error}");
    // A producer that is opened does not create it either.
    drop(broker.producer(ProducerOptions::default()).await.unwrap());
    assert_eq!(partitions(admin.as_ref(), "asked-about").await, None);
}
