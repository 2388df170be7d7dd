//! Exactly-once source tasks on the in-process log: whatever is cut off when, each line is in the
//! topic once.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail like tests"
)]

mod common;

use std::time::Duration;

use common::*;
use connect_api::ConfigMap;
use connect_api::TopicPartition;
use connect_api::config::FromConfig;
use connect_api::config_map;
use connect_broker::Broker;
use connect_broker::ConsumerEvent;
use connect_broker::ConsumerOptions;
use connect_broker::Isolation;
use connect_broker::Subscription;
use connect_log::LocalBroker;
use connect_runtime::Connect;
use connect_runtime::WorkerConfig;
use proptest::prelude::*;

async fn worker(broker: &LocalBroker, seen: &Seen, exactly_once: bool) -> Connect {
    let mut config = worker_config();
    if exactly_once {
        config.insert("exactly.once.source.support", "enabled");
    }
    Connect::builder()
        .registry(registry(seen))
        .broker(broker.clone())
        .worker(WorkerConfig::from_config(&config).unwrap())
        .build()
        .await
        .unwrap()
}

/// The committed lines of a topic, in order.
async fn committed(broker: &LocalBroker, topic: &str) -> Vec<String> {
    let partition = TopicPartition::new(topic, 0);
    let mut options = ConsumerOptions::new(Subscription::Partitions(vec![partition.clone()]));
    options.isolation = Isolation::ReadCommitted;
    let mut consumer = broker.consumer(options).await.unwrap();
    let admin = broker.admin(Default::default()).await.unwrap();
    let partitions = [partition.clone()];
    let ends = admin
        .end_offsets(&partitions, Isolation::ReadCommitted)
        .await
        .unwrap();
    let mut lines = Vec::new();
    while consumer.position(&partition).await.unwrap() < ends[&partition] {
        if let ConsumerEvent::Records(read) = consumer.poll(Duration::from_secs(1)).await.unwrap() {
            let records = read.into_iter().flat_map(|part| part.records);
            lines.extend(records.map(|r| String::from_utf8(r.value.unwrap().to_vec()).unwrap()));
        }
    }
    lines
}

async fn exists(broker: &LocalBroker, topic: &str) -> bool {
    let admin = broker.admin(Default::default()).await.unwrap();
    let described = admin.describe_topic(&topic.into()).await.unwrap();
    described.is_some()
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|n| n.to_string()).collect()
}

fn source(count: usize, boundary: &str, batch: usize) -> ConfigMap {
    let mut config = lines(count);
    config.extend(config_map! {
        "transaction.boundary" => boundary, "transaction.boundary.interval.ms" => 3,
        "batch" => batch,
    });
    config
}

/// Runs a worker on a runtime of its own and cuts it off after a while, tasks and all.
fn run_and_cut(broker: &LocalBroker, config: ConfigMap, after: Duration) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let broker = broker.clone();
    runtime.block_on(async move {
        let connect = worker(&broker, &Seen::default(), true).await;
        connect.put_connector("in", config).await.unwrap();
        tokio::time::sleep(after).await;
    });
    runtime.shutdown_background();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// T1: records and their offsets become visible together or not at all.
    #[test]
    fn a_cut_off_worker_neither_loses_nor_doubles(
        cuts in prop::collection::vec(0u64..15, 1..6),
        interval in any::<bool>(),
        batch in 1usize..40,
    ) {
        let broker = LocalBroker::memory();
        let boundary = if interval { "interval" } else { "poll" };
        for cut in cuts {
            run_and_cut(&broker, source(3000, boundary, batch), Duration::from_millis(cut));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let lines = runtime.block_on(async {
            let connect = worker(&broker, &Seen::default(), true).await;
            connect.put_connector("in", source(3000, boundary, batch)).await.unwrap();
            // With `interval` the end of the last transaction comes with the stop.
            eventually(async || {
                // The task may wait until older ones are fenced.
                let done = connect.progress().iter().any(|p| p.caught_up);
                (done || interval).then_some(())
            })
            .await;
            if interval {
                eventually(async || (exists(&broker, "lines").await && committed(&broker, "lines").await.len() == 3000).then_some(())).await;
            }
            assert!(connect.shutdown(Duration::from_secs(10)).await.is_clean());
            committed(&broker, "lines").await
        });
        prop_assert_eq!(lines, numbers(3000));
    }
}

#[tokio::test]
async fn what_a_worker_cannot_give_is_refused() {
    let broker = LocalBroker::memory();
    let mut required = source(10, "poll", 10);
    required.insert("exactly.once.support", "required");
    let connect = worker(&broker, &Seen::default(), false).await;
    let error = connect
        .create_connector("in", required.clone())
        .await
        .unwrap_err()
        .to_string();
    let expected = "This worker does not have exactly-once source support enabled.";
    assert!(error.contains(expected), "{error}");
    let _ = connect.shutdown(Duration::from_secs(5)).await;

    let connect = worker(&broker, &Seen::default(), true).await;
    let error = connect
        .create_connector("in", required)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("does not say whether it supports exactly-once"),
        "{error}"
    );
    let own = source(10, "connector", 10);
    let error = connect
        .create_connector("in", own)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("does not support connector-defined transaction boundaries"),
        "{error}"
    );
    let _ = connect.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_run_to_the_end_does_not_wait_for_an_interval() {
    let broker = LocalBroker::memory();
    let connect = worker(&broker, &Seen::default(), true).await;
    let mut config = source(10, "interval", 10);
    config.insert("transaction.boundary.interval.ms", "3600000");
    connect.create_connector("in", config).await.unwrap();
    let end = tokio::time::timeout(Duration::from_secs(20), connect.until_end()).await;
    assert_eq!(end.unwrap().unwrap().records_in, 10);
    assert_eq!(committed(&broker, "lines").await.len(), 10);
    let _ = connect.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_pause_commits_the_open_transaction() {
    let broker = LocalBroker::memory();
    let seen = Seen::default();
    let connect = worker(&broker, &seen, true).await;
    let mut config = source(10, "interval", 10);
    config.insert("transaction.boundary.interval.ms", "3600000");
    connect.create_connector("in", config).await.unwrap();
    let admin = broker.admin(Default::default()).await.unwrap();
    let partition = [TopicPartition::new("lines", 0)];
    let appended = async || {
        let ends = admin
            .end_offsets(&partition, Isolation::ReadUncommitted)
            .await;
        (ends.is_ok_and(|ends| ends[&partition[0]] == 10)).then_some(())
    };
    eventually(appended).await;
    let delivered = || seen.delivered.load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(
        delivered(),
        0,
        "nothing is delivered before its transaction is committed"
    );
    connect.pause("in").await.unwrap();
    eventually(async || (committed(&broker, "lines").await.len() == 10).then_some(())).await;
    // The commit is visible a moment before the worker knows of it.
    eventually(async || {
        let offsets = connect.source_offsets("in");
        let next = offsets.first()?.1.get("next")?.as_i64();
        (next == Some(10)).then_some(())
    })
    .await;
    let _ = connect.shutdown(Duration::from_secs(5)).await;
}
