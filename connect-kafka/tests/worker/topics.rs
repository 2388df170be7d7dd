//! Topics that the worker creates, for records and for offsets.

use connect_api::config_map;
use connect_broker::admin::NewTopic;

use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_of_a_source_are_created_by_their_groups() {
    let seen = Seen::default();
    let connect = worker("topic-groups-offsets", &seen).await;
    let groups = config_map! {
        "topic.creation.groups" => "state",
        "topic.creation.default.partitions" => 3,
        "topic.creation.default.replication.factor" => -1,
        "topic.creation.state.include" => "topic-groups-state.*",
        "topic.creation.state.partitions" => 2,
        "topic.creation.state.cleanup.policy" => "compact",
    };
    for topic in ["topic-groups-plain", "topic-groups-state"] {
        let config = with(numbers(topic, 5), groups.clone());
        connect
            .create_connector(topic, with(config, config_map! { "keys" => 5 }))
            .await
            .unwrap();
        reaches(&connect, topic, 5).await;
    }
    end(connect).await;
    let admin = admin().await;
    for (topic, partitions, policy) in [
        ("topic-groups-plain", 3, "delete"),
        ("topic-groups-state", 2, "compact"),
    ] {
        let found = admin.describe_topic(&topic.into()).await.unwrap().unwrap();
        let config = admin.topic_config(&topic.into()).await.unwrap();
        assert_eq!(
            (found.partitions, config["cleanup.policy"].as_str()),
            (partitions, policy)
        );
        assert_eq!(settled(topic).await.len(), 5);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_fails_with_the_name_of_a_topic_that_does_not_exist() {
    let seen = Seen::default();
    let more = config_map! { "topic.creation.enable" => false };
    let connect = worker_with("nobody-creates-offsets", more, &seen).await;
    let config = with(
        numbers("nobody-creates", 5),
        config_map! {
            "topic.creation.default.partitions" => 1,
            "topic.creation.default.replication.factor" => 1,
            // How long librdkafka waits for a topic to appear.
            "producer.override.librdkafka.topic.metadata.propagation.max.ms" => 500,
        },
    );
    connect.create_connector("in", config).await.unwrap();
    let trace = failure(&connect, "in").await;
    assert!(
        trace.contains("topic \"nobody-creates\" does not exist"),
        "{trace}"
    );
    assert!(!exists("nobody-creates").await);
    end(connect).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_offsets_topic_is_created_as_the_worker_is_configured() {
    let seen = Seen::default();
    let more = config_map! {
        "offset.storage.partitions" => 7, "offset.storage.replication.factor" => -1,
        "offset.storage.cleanup.policy" => "delete", "offset.storage.segment.bytes" => 1048576,
    };
    end(worker_with("made-as-said", more, &seen).await).await;
    let admin = admin().await;
    let found = admin
        .describe_topic(&"made-as-said".into())
        .await
        .unwrap()
        .unwrap();
    let options = admin.topic_config(&"made-as-said".into()).await.unwrap();
    assert_eq!(found.partitions, 7);
    assert_eq!(
        options["cleanup.policy"], "compact",
        "anything else would lose offsets"
    );
    assert_eq!(options["segment.bytes"], "1048576");
    let warning = "\"offset.storage.cleanup.policy\" is delete and is replaced with compact";
    assert!(log().contains(warning));

    let mut config = config("made-as-java-does", config_map! {}).await;
    config.remove("offset.storage.partitions");
    end(try_worker(config, &seen).await.unwrap()).await;
    let found = admin
        .describe_topic(&"made-as-java-does".into())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.partitions, 25);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_too_few_brokers_the_error_names_the_option() {
    let seen = Seen::default();
    let mut config = config("too-few", config_map! {}).await;
    config.remove("offset.storage.replication.factor");
    let error = try_worker(config, &seen).await.unwrap_err().report();
    for part in [
        "topic \"too-few\"",
        "3 replicas",
        "1 broker",
        "`offset.storage.replication.factor` to at most 1",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let connect = worker("too-few-of-a-source", &seen).await;
    let config = with(
        numbers("too-few-lines", 5),
        config_map! {
            "topic.creation.default.partitions" => 1,
            "topic.creation.default.replication.factor" => 2,
        },
    );
    connect.create_connector("in", config).await.unwrap();
    let trace = failure(&connect, "in").await;
    assert!(
        trace.contains("Task failed to create new topic \"too-few-lines\""),
        "{trace}"
    );
    assert!(
        trace.contains("topic.creation.default.replication.factor"),
        "{trace}"
    );
    end(connect).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offsets_topic_that_is_not_compacted_is_refused() {
    let seen = Seen::default();
    let topic = NewTopic::new("not-compacted").partitions(1);
    admin().await.create_topic(topic).await.unwrap();
    let config = config("not-compacted", config_map! {}).await;
    let error = try_worker(config, &seen).await.unwrap_err().report();
    let expected = "Topic 'not-compacted' supplied via the 'offset.storage.topic' property is \
                    required to have 'cleanup.policy=compact'";
    assert!(error.contains(expected), "{error}");
}
