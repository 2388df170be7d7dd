//! Connectors and statuses in topics of a cluster, for a worker that has them for itself.

use connect_api::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::config_map;
use connect_broker::Isolation;
use connect_broker::admin::NewTopic;
use connect_runtime::Connect;
use connect_runtime::HerderError;
use connect_runtime::State;
use connect_runtime::WorkerConfig;

use crate::support::*;

fn topics(name: &str) -> ConfigMap {
    config_map! {
        "group.id" => name,
        "config.storage.topic" => format!("{name}-configs"),
        "config.storage.replication.factor" => 1,
        "status.storage.topic" => format!("{name}-status"),
        "status.storage.replication.factor" => 1,
        "status.storage.partitions" => 3,
    }
}

async fn keeping(name: &str) -> Result<Connect, connect_api::Error> {
    let config = config(&format!("{name}-offsets"), topics(name)).await;
    Connect::builder()
        .registry(registry(&Seen::default()))
        .broker(broker().await)
        .worker(WorkerConfig::from_config(&config).unwrap())
        .keeps_connectors(true)
        .build()
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_keeps_connectors_comes_back_whole() {
    create_topic("kept", 1).await;
    let connect = keeping("kept").await.unwrap();
    connect
        .create_connector("in", numbers("kept", 10))
        .await
        .unwrap();
    connect
        .create_connector("out", witness("kept"))
        .await
        .unwrap();
    connect.pause("out").await.unwrap();
    reaches(&connect, "in", 10).await;
    end(connect).await;

    let connect = keeping("kept").await.unwrap();
    assert_eq!(connect.connectors().await.unwrap().len(), 2);
    connect.wait_for("in", State::Running).await.unwrap();
    connect.wait_for("out", State::Paused).await.unwrap();
    assert_eq!(connect.active_topics("in").unwrap(), ["kept"]);
    connect.delete_connector("out").await.unwrap();
    end(connect).await;

    let admin = admin().await;
    let described = admin.describe_topic(&"kept-configs".into()).await.unwrap();
    assert_eq!(described.unwrap().partitions, 1);
    let described = admin.describe_topic(&"kept-status".into()).await.unwrap();
    assert_eq!(described.unwrap().partitions, 3);
    let config = admin.topic_config(&"kept-status".into()).await.unwrap();
    assert_eq!(config["cleanup.policy"], "compact");
    let records = read("kept-configs", Isolation::ReadCommitted).await;
    let last = records.last().unwrap().1.clone();
    assert_eq!(
        (text(last.key), last.value),
        ("target-state-out".to_owned(), None)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_later_worker_on_the_same_topics_fences_the_other() {
    create_topic("fenced", 1).await;
    let old = keeping("fenced").await.unwrap();
    old.create_connector("in", numbers("fenced", 1))
        .await
        .unwrap();
    let new = keeping("fenced").await.unwrap();
    let refused = old.delete_connector("in").await.unwrap_err();
    assert!(matches!(refused, HerderError::Store { .. }), "{refused}");
    new.delete_connector("in").await.unwrap();
    // The other one follows the topic.
    eventually("the deletion", async || {
        old.connectors().await.unwrap().is_empty().then_some(())
    })
    .await;
    end(old).await;
    end(new).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_that_do_not_fit_are_refused() {
    let topic = NewTopic::new("unfit-configs").partitions(2).compacted();
    admin().await.create_topic(topic).await.unwrap();
    let error = keeping("unfit").await.unwrap_err().report();
    assert!(
        error.contains("required to have a single partition"),
        "{error}"
    );
    create_topic("unfit-2-status", 1).await;
    let error = keeping("unfit-2").await.unwrap_err().report();
    let key = "'unfit-2-status' supplied via the 'status.storage.topic' property";
    assert!(
        error.contains(key) && error.contains("cleanup.policy=delete"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_on_kafka_keeps_connectors_in_memory_unless_told() {
    create_topic("unkept", 1).await;
    for _ in 0..2 {
        let connect = worker_with("unkept-offsets", topics("unkept"), &Seen::default()).await;
        connect
            .create_connector("in", numbers("unkept", 1))
            .await
            .unwrap();
        end(connect).await;
    }
    assert!(!exists("unkept-configs").await);
}
