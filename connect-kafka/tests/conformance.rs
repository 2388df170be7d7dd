//! The conformance suite of logs, against a real Kafka.

#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

use std::sync::Arc;

use connect_api::config_map;
use connect_broker::Broker;
use connect_kafka::KafkaBroker;
use connect_testkit::kafka::KafkaCluster;

async fn open() -> Arc<dyn Broker> {
    let kafka = tokio::task::spawn_blocking(KafkaCluster::shared)
        .await
        .unwrap();
    let options = config_map! {
        "bootstrap.servers" => kafka.bootstrap(),
        // Patterns find new topics soon.
        "metadata.max.age.ms" => 1_000,
    };
    Arc::new(KafkaBroker::new(options).unwrap())
}

connect_testkit::broker_conformance!(open);
