//! Consumer groups on a real broker: how they are left, deleted, and where they start.

#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

use connect_api::config_map;
use connect_broker::AdminOptions;
use connect_broker::Broker;
use connect_kafka::KafkaBroker;
use connect_testkit::kafka::KafkaCluster;

async fn broker() -> KafkaBroker {
    let kafka = tokio::task::spawn_blocking(KafkaCluster::shared)
        .await
        .unwrap();
    KafkaBroker::new(config_map! { "bootstrap.servers" => kafka.bootstrap() }).unwrap()
}

#[tokio::test]
async fn a_group_that_is_not_there_is_deleted_already() {
    let admin = broker().await.admin(AdminOptions::default()).await.unwrap();
    admin.delete_group("never-was").await.unwrap();
}
