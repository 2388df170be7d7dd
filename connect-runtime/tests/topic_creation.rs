//! The topics of a source are created as its configuration says, whatever else reads them.

mod common;

use std::time::Duration;

use common::*;
use connect_api::ConfigMap;
use connect_api::config_map;
use connect_broker::Broker;
use connect_log::LocalBroker;

fn many_partitions() -> ConfigMap {
    let mut config = lines(10);
    config.extend(config_map! {
        "topic.creation.groups" => "many",
        "topic.creation.many.include" => "li.*",
        "topic.creation.many.partitions" => 3,
        "topic.creation.many.cleanup.policy" => "compact",
        "topic.creation.default.partitions" => 2,
        "topic.creation.default.replication.factor" => 1,
    });
    config
}

#[tokio::test]
async fn the_rules_of_a_source_hold_beside_a_sink() {
    for sink_first in [true, false] {
        let (log, seen) = (LocalBroker::memory(), Seen::default());
        let connect = worker(&log, &seen).await;
        let mut connectors = vec![("in", many_partitions()), ("out", collect())];
        if sink_first {
            connectors.reverse();
        }
        for (name, config) in connectors {
            connect.create_connector(name, config).await.unwrap();
            if name == "out" {
                // Its consumer has subscribed.
                task_in(&connect, name, connect_runtime::State::Running).await;
            }
        }
        let report = connect.until_end().await.unwrap();
        assert_eq!((report.records_in, report.records_out), (10, 10));
        assert!(report.leftovers.is_empty(), "{:?}", report.leftovers);
        let admin = log.admin(Default::default()).await.unwrap();
        let topic = "lines".into();
        let found = admin.describe_topic(&topic).await.unwrap().unwrap();
        assert_eq!(found.partitions, 3, "sink first: {sink_first}");
        let config = admin.topic_config(&topic).await.unwrap();
        assert_eq!(
            config.get("cleanup.policy").map(String::as_str),
            Some("compact")
        );
        let ended = connect.shutdown(Duration::from_secs(10)).await;
        assert!(ended.is_clean());
    }
}

#[tokio::test]
async fn the_end_names_a_topic_that_does_not_exist() {
    let (log, seen) = (LocalBroker::memory(), Seen::default());
    let connect = worker(&log, &seen).await;
    connect.create_connector("out", collect()).await.unwrap();
    task_in(&connect, "out", connect_runtime::State::Running).await;
    let report = connect.until_end().await.unwrap();
    let missing = "topic \"lines\" of connector \"out\" does not exist";
    assert_eq!(report.leftovers, [missing]);
    let admin = log.admin(Default::default()).await.unwrap();
    assert_eq!(admin.describe_topic(&"lines".into()).await.unwrap(), None);
    assert!(connect.shutdown(Duration::from_secs(10)).await.is_clean());
}
