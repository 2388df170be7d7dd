//! Sinks on Kafka: groups, partitions, patterns, waits.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use connect_api::TopicPartition;
use connect_api::config_map;
use connect_broker::AdminOptions;
use connect_broker::Broker;
use connect_broker::Isolation;
use connect_broker::ProducerOptions;
use connect_broker::ProducerRecord;
use connect_broker::admin::NewTopic;
use connect_core::partitioner::partition_for_key;
use connect_runtime::State;
use connect_testkit::kafka::KafkaCluster;

use crate::support::*;

/// The tasks that have each partition, by the calls of open and close.
fn owners(events: &[Event]) -> BTreeMap<TopicPartition, BTreeSet<usize>> {
    let mut owners = BTreeMap::<_, BTreeSet<usize>>::new();
    for event in events {
        match event {
            Event::Open(task, partitions) => {
                for partition in partitions {
                    let is_new = owners.entry(partition.clone()).or_default().insert(*task);
                    assert!(is_new, "{partition} was opened twice by task {task}");
                }
            }
            Event::Close(task, partitions) => {
                for partition in partitions {
                    let was_open = owners.entry(partition.clone()).or_default().remove(task);
                    assert!(
                        was_open,
                        "task {task} closed {partition}, which it had not open"
                    );
                }
            }
            Event::Put(task, position, _) => {
                let partition = position.topic_partition();
                assert!(owners[&partition].contains(task), "{partition} is not open");
            }
        }
    }
    owners.retain(|_, tasks| !tasks.is_empty());
    owners
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_tasks_share_four_partitions_and_those_of_a_failed_one() {
    let seen = Seen::default();
    create_topic("shared", 4).await;
    let connect = worker("shared-offsets", &seen).await;
    let four = with(
        witness("shared"),
        config_map! { "tasks.max" => 4, "fail.at" => "bad", "restart.policy" => "never" },
    );
    connect.create_connector("shared-out", four).await.unwrap();
    eventually("a partition for each task", async || {
        let owners = owners(&seen.events());
        let tasks: BTreeSet<_> = owners.values().flatten().copied().collect();
        (owners.len() == 4 && tasks.len() == 4).then_some(())
    })
    .await;
    let source = with(numbers("shared", 400), config_map! { "keys" => 40 });
    connect.create_connector("in", source).await.unwrap();
    seen.has_all(0..400).await;
    let tasks: BTreeSet<_> = seen.events().iter().filter_map(putter).collect();
    assert_eq!(tasks.len(), 4, "every task got records");
    assert_eq!(seen.values().len(), 400, "each record once");

    write("shared", &[("key-1", "bad"), ("key-1", "good")]).await;
    let trace = failure(&connect, "shared-out").await;
    assert!(trace.contains("bad cannot be written"), "{trace}");
    eventually("the record goes to another task", async || {
        seen.values().contains(&"good".to_owned()).then_some(())
    })
    .await;
    let status = connect.status("shared-out").await.unwrap();
    let running = status
        .tasks
        .iter()
        .filter(|task| task.state == State::Running);
    assert_eq!(running.count(), 3);
    let values = seen.values();
    assert!(
        values.contains(&"bad".to_owned()),
        "it comes again where it can be written"
    );
    end(connect).await;
    assert!(owners(&seen.events()).is_empty(), "everything was closed");
    let ends: i64 = group("connect-shared-out").await.values().sum();
    assert_eq!(ends, 402, "the group has committed everything");
}

fn putter(event: &Event) -> Option<usize> {
    match event {
        Event::Put(task, ..) => Some(*task),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_matches_is_read_though_it_is_created_later() {
    let seen = Seen::default();
    create_topic("pattern-1", 1).await;
    let connect = worker("by-pattern-offsets", &seen).await;
    let config = config_map! { "connector.class" => "Witness", "topics.regex" => "pattern-[0-9]" };
    connect
        .create_connector("by-pattern", config)
        .await
        .unwrap();
    write("pattern-1", &[("", "0"), ("", "1")]).await;
    seen.has_all(0..2).await;
    create_topic("pattern-2", 2).await;
    create_topic("pattern-x", 1).await;
    write("pattern-x", &[("", "x")]).await;
    write("pattern-2", &[("", "2"), ("k", "3")]).await;
    seen.has_all(0..4).await;
    assert!(!seen.values().contains(&"x".to_owned()));
    end(connect).await;
    owners(&seen.events());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_seeks_back_and_reads_again() {
    let seen = Seen::default();
    create_topic("rewound", 1).await;
    let records: Vec<String> = range(0..10);
    let records: Vec<_> = records.iter().map(|value| ("", value.as_str())).collect();
    write("rewound", &records).await;
    let connect = worker("rewound-offsets", &seen).await;
    let config = with(witness("rewound"), config_map! { "rewind.at" => "7" });
    connect
        .create_connector("rewound-out", config)
        .await
        .unwrap();
    seen.has_all(0..10).await;
    assert_eq!(seen.values(), [range(0..7), range(0..10)].concat());
    end(connect).await;
    assert_eq!(group("connect-rewound-out").await[&0], 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_records_are_put_again() {
    let seen = Seen::default();
    create_topic("refused", 2).await;
    write("refused", &[("a", "0"), ("b", "1"), ("c", "2")]).await;
    let connect = worker("refused-offsets", &seen).await;
    let config = with(witness("refused"), config_map! { "refuse.puts" => 3 });
    connect
        .create_connector("refused-out", config)
        .await
        .unwrap();
    seen.has_all(0..3).await;
    end(connect).await;
    assert_eq!(seen.values().len(), 3, "each record once");
    assert_eq!(group("connect-refused-out").await.values().sum::<i64>(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_stays_in_the_group_during_a_long_retry() {
    let seen = Seen::default();
    create_topic("long-retry", 2).await;
    let connect = worker("long-retry-offsets", &seen).await;
    let config = with(
        witness("long-retry"),
        config_map! {
            "transforms" => "moody", "transforms.moody.type" => "Moody",
            "errors.retry.timeout" => -1, "errors.retry.delay.max.ms" => 12_000,
            "consumer.override.max.poll.interval.ms" => 10_000,
            "consumer.override.session.timeout.ms" => 10_000,
        },
    );
    connect
        .create_connector("long-retry-out", config)
        .await
        .unwrap();
    let source = with(numbers("long-retry", 10), config_map! { "keys" => 10 });
    connect.create_connector("in", source).await.unwrap();
    // The waits get longer: 0.3, 0.6, … 9.6, 12 s. The last is longer than a member may stay away.
    eventually("seven waits", async || (seen.moods() >= 8).then_some(())).await;
    seen.heal();
    seen.has_all(0..10).await;
    let moves = seen
        .events()
        .into_iter()
        .filter(|event| !matches!(event, Event::Put(..)));
    assert_eq!(
        moves.count(),
        1,
        "the partitions were opened once: {:?}",
        seen.events()
    );
    assert_eq!(seen.values().len(), 10, "each record once");
    end(connect).await;
    assert_eq!(
        group("connect-long-retry-out").await.values().sum::<i64>(),
        10
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_waits_for_a_retry_can_be_stopped() {
    let seen = Seen::default();
    create_topic("endless-retry", 1).await;
    write("endless-retry", &[("", "1"), ("", "3")]).await;
    let connect = worker("endless-retry-offsets", &seen).await;
    let config = with(
        witness("endless-retry"),
        config_map! {
            "transforms" => "moody", "transforms.moody.type" => "Moody",
            "errors.retry.timeout" => -1,
        },
    );
    connect
        .create_connector("endless-retry-out", config)
        .await
        .unwrap();
    eventually("a retry", async || (seen.moods() >= 2).then_some(())).await;
    end(connect).await;
    assert!(seen.values().is_empty() && group("connect-endless-retry-out").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sinks_read_committed_records_only() {
    let seen = Seen::default();
    create_topic("half-committed", 1).await;
    let mut options = ProducerOptions::default();
    options.transactional_id = Some("half-committed".into());
    let (mut producer, _receipts) = broker().await.producer(options).await.unwrap();
    let record = |value: &str| ProducerRecord::new(0, "half-committed", value.as_bytes().to_vec());
    for (value, commit) in [("0", true), ("aborted", false), ("1", true)] {
        producer.begin().await.unwrap();
        producer.send(vec![record(value)]).await.unwrap();
        producer.flush().await.unwrap();
        if commit {
            producer.commit().await.unwrap();
        } else {
            producer.abort().await.unwrap();
        }
    }
    producer.begin().await.unwrap();
    producer.send(vec![record("open")]).await.unwrap();
    producer.flush().await.unwrap();
    let connect = worker("half-committed-offsets", &seen).await;
    connect
        .create_connector("committed-out", witness("half-committed"))
        .await
        .unwrap();
    let dirty = with(
        witness("half-committed"),
        config_map! {
            "consumer.override.isolation.level" => "read_uncommitted",
        },
    );
    connect.create_connector("dirty-out", dirty).await.unwrap();
    eventually("both have read all they may", async || {
        (seen.values().len() >= 6).then_some(())
    })
    .await;
    end(connect).await;
    let mut values = seen.values();
    values.sort();
    assert_eq!(values, ["0", "0", "1", "1", "aborted", "open"]);
    producer.abort().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keyed_records_go_to_the_partitions_of_java() {
    let seen = Seen::default();
    create_topic("keyed", 10).await;
    let connect = worker("keyed-offsets", &seen).await;
    let source = with(numbers("keyed", 100), config_map! { "keys" => 30 });
    connect.create_connector("keyed", source).await.unwrap();
    reaches(&connect, "keyed", 100).await;
    end(connect).await;
    let records = read("keyed", Isolation::ReadCommitted).await;
    assert_eq!(records.len(), 100);
    for (partition, record) in records {
        let key = record.key.unwrap();
        assert_eq!(partition, partition_for_key(&key, 10), "{key:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_to_the_end_reads_the_topics_of_the_sink() {
    let start = || KafkaCluster::builder().start();
    let other = tokio::task::spawn_blocking(start).await.unwrap();
    let elsewhere = broker_at(other.bootstrap());
    let topic = NewTopic::new("elsewhere").partitions(2);
    let admin = elsewhere.admin(AdminOptions::default()).await.unwrap();
    admin.create_topic(topic).await.unwrap();
    write_to(&elsewhere, "elsewhere", &[("", "0"), ("", "1"), ("", "2")]).await;

    let seen = Seen::default();
    let connect = worker("elsewhere-offsets", &seen).await;
    let config = with(
        witness("elsewhere"),
        config_map! { "consumer.override.bootstrap.servers" => other.bootstrap() },
    );
    connect
        .create_connector("elsewhere-out", config)
        .await
        .unwrap();
    let report = tokio::time::timeout(PATIENCE, connect.until_end()).await;
    assert_eq!(report.unwrap().unwrap().records_out, 3);
    end(connect).await;
    assert_eq!(seen.values().len(), 3);
}
