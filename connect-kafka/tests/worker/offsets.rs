//! Source offsets in topics of the worker and of connectors, byte for byte as in Java.

use connect_api::config_map;
use connect_broker::Broker;
use connect_broker::Isolation;
use connect_broker::ProducerOptions;
use connect_broker::ProducerRecord;
use connect_core::partitioner::partition_for_key;

use crate::support::*;

/// The key of the first task as this worker writes it.
const KEY: &str = r#"["in",{"series":"numbers","task":"0"}]"#;

/// The same key as Java may write it: the order of members is that of a hash map.
const KEY_OF_JAVA: &str = r#"["in",{"task":"0","series":"numbers"}]"#;

/// Runs the connector "in" until this many numbers are committed.
async fn run(offsets: &str, topic: &str, count: usize, more: connect_api::ConfigMap) {
    let connect = worker(offsets, &Seen::default()).await;
    run_on(connect, topic, count, more).await;
}

async fn run_on(
    connect: connect_runtime::Connect,
    topic: &str,
    count: usize,
    more: connect_api::ConfigMap,
) {
    let config = with(numbers(topic, count), more);
    connect.create_connector("in", config).await.unwrap();
    let wanted = i64::try_from(count).ok();
    eventually("the offset", async || {
        (next(&connect, "in", 0) == wanted).then_some(())
    })
    .await;
    end(connect).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_task_resumes_where_it_stopped() {
    create_topic("several", 1).await;
    for count in [100, 250] {
        let connect = worker("several-offsets", &Seen::default()).await;
        let config = with(numbers("several", count), config_map! { "tasks.max" => 8 });
        connect.create_connector("in", config).await.unwrap();
        let wanted = i64::try_from(count).ok();
        for task in 0..8 {
            let reached = async || (next(&connect, "in", task) == wanted).then_some(());
            eventually("the offset", reached).await;
        }
        end(connect).await;
    }
    let mut values = settled("several").await;
    values.sort_by_key(|value| value.parse::<usize>().unwrap());
    let expected: Vec<_> = range(0..250).into_iter().flat_map(|v| vec![v; 8]).collect();
    assert_eq!(values, expected, "neither lost nor doubled");
    let records = read("several-offsets", Isolation::ReadCommitted).await;
    let mut used = std::collections::BTreeSet::new();
    for (partition, record) in records {
        let key = record.key.unwrap();
        assert_eq!(partition, partition_for_key(&key, 5), "{key:?}");
        used.insert(partition);
    }
    assert!(
        used.len() > 1,
        "the offsets are in several partitions: {used:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offsets_of_java_are_found_and_keep_their_key() {
    create_topic("of-java", 1).await;
    let connect = worker("of-java-offsets", &Seen::default()).await;
    end(connect).await;
    write(
        "of-java-offsets",
        &[
            (KEY_OF_JAVA, r#"{"next":3}"#),
            (KEY_OF_JAVA, r#"{"next":7}"#),
        ],
    )
    .await;
    run("of-java-offsets", "of-java", 20, config_map! {}).await;
    assert_eq!(settled("of-java").await, range(7..20));
    let table = table("of-java-offsets").await;
    let entries: Vec<_> = table
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    assert_eq!(entries, [(KEY_OF_JAVA, r#"{"next":20}"#)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_reset_by_java_a_task_starts_over() {
    create_topic("reset", 1).await;
    run("reset-offsets", "reset", 5, config_map! {}).await;
    assert_eq!(table("reset-offsets").await[KEY], r#"{"next":5}"#);
    write_tombstone("reset-offsets", KEY).await;
    run("reset-offsets", "reset", 5, config_map! {}).await;
    assert_eq!(settled("reset").await, [range(0..5), range(0..5)].concat());
}

async fn write_tombstone(topic: &str, key: &str) {
    let (mut producer, mut receipts) = broker()
        .await
        .producer(ProducerOptions::default())
        .await
        .unwrap();
    let mut record = ProducerRecord::new(0, topic, "");
    record.value = None;
    record.key = Some(key.as_bytes().to_vec().into());
    producer.send(vec![record]).await.unwrap();
    producer.flush().await.unwrap();
    for receipt in receipts.next().await.unwrap() {
        receipt.outcome.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connectors_own_topic_overrides_the_workers() {
    create_topic("own", 1).await;
    let own = config_map! { "offsets.storage.topic" => "own-own-offsets" };
    run("own-offsets", "own", 10, config_map! {}).await;
    // The worker's offset is used until the connector's own topic has one.
    run("own-offsets", "own", 20, own.clone()).await;
    assert_eq!(table("own-own-offsets").await[KEY], r#"{"next":20}"#);
    eventually("the copy", async || {
        (table("own-offsets").await[KEY] == r#"{"next":20}"#).then_some(())
    })
    .await;
    // Then that one is used.
    write("own-offsets", &[(KEY, r#"{"next":99}"#)]).await;
    run("own-offsets", "own", 30, own).await;
    assert_eq!(settled("own").await, range(0..30));
    let config = admin()
        .await
        .topic_config(&"own-own-offsets".into())
        .await
        .unwrap();
    assert_eq!(config["cleanup.policy"], "compact");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connectors_own_topic_has_its_transactions() {
    create_topic("own-exact", 1).await;
    let more = config_map! { "exactly.once.source.support" => "enabled" };
    let own = config_map! { "offsets.storage.topic" => "own-exact-own-offsets" };
    for count in [10, 25] {
        let connect = worker_with("own-exact-offsets", more.clone(), &Seen::default()).await;
        run_on(connect, "own-exact", count, own.clone()).await;
    }
    assert_eq!(settled("own-exact").await, range(0..25));
    assert_eq!(table("own-exact-own-offsets").await[KEY], r#"{"next":25}"#);
    eventually("the copy", async || {
        let copy = table("own-exact-offsets").await;
        (copy.get(KEY).is_some_and(|value| value == r#"{"next":25}"#)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offsets_of_other_workers_are_seen_by_a_new_task() {
    create_topic("elsewhere", 1).await;
    let (first, second) = (
        worker("elsewhere-offsets", &Seen::default()).await,
        worker("elsewhere-offsets", &Seen::default()).await,
    );
    // The second has read the topic before the first writes.
    run_on(first, "elsewhere", 10, config_map! {}).await;
    run_on(second, "elsewhere", 20, config_map! {}).await;
    assert_eq!(settled("elsewhere").await, range(0..20));
}
