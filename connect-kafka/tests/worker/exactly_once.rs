//! Exactly-once sources: transactions, and which task may commit one.

use std::time::Duration;

use connect_api::ConfigMap;
use connect_api::config_map;
use connect_broker::Broker;
use connect_broker::Isolation;
use connect_broker::ProducerOptions;
use connect_broker::ProducerRecord;
use connect_runtime::Connect;

use crate::support::*;

async fn exact(offsets: &str, seen: &Seen) -> Connect {
    let more = config_map! { "exactly.once.source.support" => "enabled" };
    worker_with(offsets, more, seen).await
}

/// A source that requires exactly-once delivery.
fn source(topic: &str, count: usize, more: ConfigMap) -> ConfigMap {
    let required = config_map! { "exactly.once.support" => "required" };
    with(numbers(topic, count), with(required, more))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_boundary_commits_records_with_their_offsets() {
    let boundaries = [
        (
            "exact-poll",
            config_map! { "transaction.boundary" => "poll" },
        ),
        (
            "exact-interval",
            config_map! {
                "transaction.boundary" => "interval", "transaction.boundary.interval.ms" => 50,
            },
        ),
        (
            "exact-own",
            config_map! { "transaction.boundary" => "connector" },
        ),
    ];
    for (topic, boundary) in boundaries {
        create_topic(topic, 2).await;
        let offsets = format!("{topic}-offsets");
        for count in [30, 70] {
            let connect = exact(&offsets, &Seen::default()).await;
            let config = source(
                topic,
                count,
                with(boundary.clone(), config_map! { "keys" => 5 }),
            );
            connect.create_connector("in", config).await.unwrap();
            reaches(&connect, "in", count as i64).await;
            end(connect).await;
        }
        let mut values = settled(topic).await;
        values.sort_by_key(|value| value.parse::<usize>().unwrap());
        assert_eq!(values, range(0..70), "{topic}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_of_an_aborted_transaction_are_dropped_and_not_sent_again() {
    create_topic("exact-abort", 1).await;
    let connect = exact("exact-abort-offsets", &Seen::default()).await;
    let config = source(
        "exact-abort",
        40,
        config_map! {
            "transaction.boundary" => "connector", "abort.below" => 20,
        },
    );
    connect.create_connector("in", config).await.unwrap();
    reaches(&connect, "in", 40).await;
    end(connect).await;
    assert_eq!(settled("exact-abort").await, range(20..40));
}

/// Two workers run the same task: the older one is still running.
async fn the_older_life_is_fenced(topic: &str, boundary: ConfigMap, committed: usize) {
    create_topic(topic, 1).await;
    let offsets = format!("{topic}-offsets");
    let (old_seen, new_seen) = (Seen::default(), Seen::default());
    let old = exact(&offsets, &old_seen).await;
    let config = source(topic, 100, with(boundary, config_map! { "hold.at" => 50 }));
    old.create_connector("in", config.clone()).await.unwrap();
    eventually("the first half", async || {
        (read(topic, Isolation::ReadUncommitted).await.len() == 50).then_some(())
    })
    .await;
    eventually("its commits", async || {
        (values(topic).await.len() == committed).then_some(())
    })
    .await;

    let new = exact(&offsets, &new_seen).await;
    new_seen.release();
    new.create_connector("in", config).await.unwrap();
    eventually("the newer life has sent everything", async || {
        let written = read(topic, Isolation::ReadUncommitted).await.len();
        (written == 100 + 50 - committed).then_some(())
    })
    .await;
    old_seen.release();
    let trace = failure(&old, "in").await;
    assert!(trace.contains("fenced"), "{trace}");
    end(old).await;
    end(new).await;
    assert_eq!(
        settled(topic).await,
        range(0..100),
        "neither lost nor doubled"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_life_of_a_task_cannot_continue() {
    let boundary = config_map! { "transaction.boundary" => "poll" };
    the_older_life_is_fenced("fenced-poll", boundary, 50).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_life_of_a_task_cannot_commit_its_records() {
    let boundary = config_map! {
        "transaction.boundary" => "interval", "transaction.boundary.interval.ms" => 3_600_000,
    };
    the_older_life_is_fenced("fenced-interval", boundary, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_waits_for_offsets_behind_an_open_transaction() {
    let one = config_map! {
        "exactly.once.source.support" => "enabled", "offset.storage.partitions" => 1,
    };
    create_topic("behind", 1).await;
    end(worker_with("behind-offsets", one.clone(), &Seen::default()).await).await;
    let mut options = ProducerOptions::default();
    options.transactional_id = Some("behind-somebody".into());
    let (mut somebody, _receipts) = broker().await.producer(options).await.unwrap();
    somebody.begin().await.unwrap();
    let mut record = ProducerRecord::new(0, "behind-offsets", r#"{"a":1}"#);
    record.key = Some(r#"["somebody",{"a":"b"}]"#.into());
    somebody.send(vec![record]).await.unwrap();
    somebody.flush().await.unwrap();
    write(
        "behind-offsets",
        &[(r#"["in",{"series":"numbers","task":"0"}]"#, r#"{"next":7}"#)],
    )
    .await;

    // A worker starts, its task waits.
    let connect = worker_with("behind-offsets", one, &Seen::default()).await;
    connect
        .create_connector("in", source("behind", 10, config_map! {}))
        .await
        .unwrap();
    let too_early = eventually("records", async || {
        (!values("behind").await.is_empty()).then_some(())
    });
    let too_early = tokio::time::timeout(Duration::from_secs(2), too_early).await;
    assert!(
        too_early.is_err(),
        "the task has started with an old offset"
    );
    somebody.abort().await.unwrap();
    reaches(&connect, "in", 10).await;
    end(connect).await;
    assert_eq!(settled("behind").await, range(7..10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_to_the_end_includes_the_last_transaction() {
    create_topic("exact-end", 4).await;
    let seen = Seen::default();
    let connect = exact("exact-end-offsets", &seen).await;
    let sink = with(witness("exact-end"), config_map! { "tasks.max" => 2 });
    connect
        .create_connector("exact-end-out", sink)
        .await
        .unwrap();
    let config = source("exact-end", 200, config_map! { "keys" => 9 });
    connect.create_connector("in", config).await.unwrap();
    let report = tokio::time::timeout(PATIENCE, connect.until_end()).await;
    assert_eq!(report.unwrap().unwrap().records_out, 200);
    end(connect).await;
    assert_eq!(seen.values().len(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_for_the_offsets_topic_are_refused() {
    let connect = exact("into-offsets", &Seen::default()).await;
    connect
        .create_connector("in", source("into-offsets", 10, config_map! {}))
        .await
        .unwrap();
    let trace = failure(&connect, "in").await;
    let expected = "Source tasks may not produce to their own offsets topics when exactly-once \
                    support is enabled";
    assert!(trace.contains(expected), "{trace}");
    end(connect).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn options_that_break_transactions_are_replaced_with_a_warning() {
    create_topic("replaced", 1).await;
    let connect = exact("replaced-offsets", &Seen::default()).await;
    let config = source(
        "replaced",
        10,
        config_map! {
            "producer.override.transactional.id" => "replaced-mine",
            "producer.override.enable.idempotence" => "false",
        },
    );
    connect.create_connector("in", config).await.unwrap();
    reaches(&connect, "in", 10).await;
    end(connect).await;
    assert_eq!(settled("replaced").await, range(0..10));
    for warning in [
        r#"transactional.id="replaced-mine" is replaced with "replaced-offsets-in-0""#,
        "enable.idempotence=false is replaced with true",
    ] {
        assert!(log().contains(warning), "{warning}");
    }
}
