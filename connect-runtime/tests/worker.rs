//! A worker on the log in memory, seen from its host.

mod common;

use std::sync::atomic::Ordering;
use std::time::Duration;

use common::*;
use connect_api::config::FromConfig;
use connect_api::config_map;
use connect_log::LocalBroker;
use connect_runtime::Connect;
use connect_runtime::HerderError;
use connect_runtime::State;
use connect_runtime::TargetState;
use connect_runtime::WorkerConfig;
use futures::FutureExt;

const DEADLINE: Duration = Duration::from_secs(10);

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

#[tokio::test]
async fn records_travel_from_a_source_to_a_sink() {
    let (broker, seen) = (LocalBroker::memory(), Seen::default());
    let connect = worker(&broker, &seen).await;
    let info = connect.create_connector("out", collect()).await.unwrap();
    assert_eq!((info.tasks, info.created), (1, true));
    connect.create_connector("in", lines(1000)).await.unwrap();
    let report = connect.until_end().await.unwrap();
    assert_eq!((report.records_in, report.records_out), (1000, 1000));
    assert_eq!(seen.lines(), numbers(0..1000));
    assert_eq!(seen.delivered.load(Ordering::SeqCst), 1000);
    assert!(connect.shutdown(DEADLINE).await.is_clean());
    assert_eq!(
        seen.stopped.load(Ordering::SeqCst),
        2,
        "every started task is stopped once"
    );
    assert_eq!(connect.connectors().await, Err(HerderError::ShuttingDown));
}

#[tokio::test]
async fn a_sink_that_begins_at_the_end_is_at_its_end() {
    let (broker, seen) = (LocalBroker::memory(), Seen::default());
    let connect = worker(&broker, &seen).await;
    connect.create_connector("in", lines(100)).await.unwrap();
    connect.until_end().await.unwrap();
    let mut late = collect();
    late.insert("consumer.override.auto.offset.reset", "latest");
    connect.create_connector("out", late).await.unwrap();
    let end = tokio::time::timeout(Duration::from_secs(20), connect.until_end()).await;
    assert_eq!(end.unwrap().unwrap().records_out, 0);
    let _ = connect.shutdown(DEADLINE).await;
}

#[tokio::test]
async fn a_new_worker_resumes_where_the_old_one_stopped() {
    let broker = LocalBroker::memory();
    for (count, expected) in [(100, 0..100), (250, 100..250)] {
        let seen = Seen::default();
        let connect = worker(&broker, &seen).await;
        connect.put_connector("out", collect()).await.unwrap();
        connect.put_connector("in", lines(count)).await.unwrap();
        connect.until_end().await.unwrap();
        assert!(connect.shutdown(DEADLINE).await.is_clean());
        assert_eq!(seen.lines(), numbers(expected), "neither lost nor doubled");
        let offsets = connect.source_offsets("in");
        assert_eq!(
            offsets[0].1.get("next").unwrap().as_i64(),
            Some(count as i64)
        );
    }
}

#[tokio::test]
async fn a_panic_stays_in_its_task() {
    let (broker, seen) = (LocalBroker::memory(), Seen::default());
    let connect = worker(&broker, &seen).await;
    let mut bad = lines(100);
    bad.extend(config_map! { "misbehave" => "panic", "at" => 50, "topic" => "other" });
    connect.create_connector("bad", bad).await.unwrap();
    connect.create_connector("in", lines(100)).await.unwrap();
    connect.create_connector("out", collect()).await.unwrap();
    let status = task_in(&connect, "bad", State::Failed).await;
    let trace = status.tasks[0].trace.clone().unwrap();
    assert!(trace.contains("line 50 makes me panic"), "{trace}");
    assert_eq!(status.state, State::Running, "the connector itself runs on");
    eventually(async || (seen.lines().len() == 100).then_some(())).await;
    let error = connect.until_end().await.unwrap_err();
    assert!(error.report().contains("bad-0"), "{}", error.report());
    // What was durable before the panic is committed.
    assert_eq!(
        connect.source_offsets("bad")[0]
            .1
            .get("next")
            .unwrap()
            .as_i64(),
        Some(50)
    );
    assert!(connect.shutdown(DEADLINE).await.is_clean());
}

#[tokio::test]
async fn a_failed_task_can_be_restarted() {
    let (broker, seen) = (LocalBroker::memory(), Seen::default());
    let connect = worker(&broker, &seen).await;
    connect.create_connector("out", collect()).await.unwrap();
    let mut bad = lines(20);
    bad.extend(config_map! { "misbehave" => "error", "at" => 10, "batch" => 1 });
    connect.create_connector("in", bad.clone()).await.unwrap();
    task_in(&connect, "in", State::Failed).await;
    bad.insert("misbehave", "");
    connect.put_connector("in", bad).await.unwrap();
    connect.until_end().await.unwrap();
    assert_eq!(
        seen.lines(),
        numbers(0..20),
        "it resumes after the last durable record"
    );
    connect.restart("in", true, false).await.unwrap();
    connect.until_end().await.unwrap();
    assert_eq!(
        seen.lines().len(),
        20,
        "a restart repeats nothing that was committed"
    );
    let _ = connect.shutdown(DEADLINE).await;
}

#[tokio::test]
async fn a_paused_connector_does_nothing_until_it_is_resumed() {
    let (broker, seen) = (LocalBroker::memory(), Seen::default());
    let connect = worker(&broker, &seen).await;
    connect
        .create_connector_in("out", collect(), TargetState::Paused)
        .await
        .unwrap();
    let status = connect.status("out").await.unwrap();
    assert_eq!(
        (status.state, status.tasks.len()),
        (State::Paused, 0),
        "as in Java"
    );
    connect.create_connector("in", lines(100)).await.unwrap();
    eventually(async || (seen.delivered.load(Ordering::SeqCst) == 100).then_some(())).await;
    assert!(seen.lines().is_empty());
    connect.resume("out").await.unwrap();
    connect.until_end().await.unwrap();
    assert_eq!(seen.lines().len(), 100);

    connect.pause("out").await.unwrap();
    task_in(&connect, "out", State::Paused).await;
    connect.stop("out").await.unwrap();
    let stopped =
        |s: &connect_runtime::ConnectorStatus| s.state == State::Stopped && s.tasks.is_empty();
    status_when(&connect, "out", stopped).await;
    connect.delete_connector("out").await.unwrap();
    assert_eq!(connect.connectors().await.unwrap(), ["in".into()]);
    let _ = connect.shutdown(DEADLINE).await;
}

#[tokio::test]
async fn a_refused_put_gets_the_same_records_again() {
    let (broker, seen) = (LocalBroker::memory(), Seen::default());
    let connect = worker(&broker, &seen).await;
    let mut busy = collect();
    busy.insert("fail.puts", "3");
    connect.create_connector("out", busy).await.unwrap();
    connect.create_connector("in", lines(50)).await.unwrap();
    connect.until_end().await.unwrap();
    assert_eq!(seen.lines(), numbers(0..50));
    assert!(seen.puts.load(Ordering::SeqCst) > 3);
    let _ = connect.shutdown(DEADLINE).await;
}

#[tokio::test]
async fn a_panicking_sink_commits_nothing_and_loses_nothing() {
    let (broker, seen) = (LocalBroker::memory(), Seen::default());
    let connect = worker(&broker, &seen).await;
    let mut bad = collect();
    bad.insert("panic.at", "7");
    connect.create_connector("out", bad.clone()).await.unwrap();
    connect.create_connector("in", lines(10)).await.unwrap();
    task_in(&connect, "out", State::Failed).await;
    bad.insert("panic.at", "");
    seen.put.lock().unwrap().clear();
    connect.put_connector("out", bad).await.unwrap();
    connect.until_end().await.unwrap();
    assert_eq!(seen.lines(), numbers(0..10));
    let _ = connect.shutdown(DEADLINE).await;
}

#[tokio::test]
async fn the_offset_of_a_dropped_record_advances() {
    let (broker, seen) = (LocalBroker::memory(), Seen::default());
    let connect = worker(&broker, &seen).await;
    let mut odd = lines(10);
    odd.extend(config_map! { "transforms" => "odd", "transforms.odd.type" => "DropOdd" });
    connect.create_connector("in", odd).await.unwrap();
    connect.create_connector("out", collect()).await.unwrap();
    connect.until_end().await.unwrap();
    let _ = connect.shutdown(DEADLINE).await;
    assert_eq!(seen.lines(), ["0", "2", "4", "6", "8"]);
    assert_eq!(
        connect.source_offsets("in")[0]
            .1
            .get("next")
            .unwrap()
            .as_i64(),
        Some(10)
    );
}

#[tokio::test]
async fn tolerance_decides_about_a_refused_record() {
    let (broker, seen) = (LocalBroker::memory(), Seen::default());
    let connect = worker(&broker, &seen).await;
    let mut config = lines(10);
    config.extend(config_map! { "transforms" => "r", "transforms.r.type" => "Refuse" });
    connect.create_connector("out", collect()).await.unwrap();
    connect
        .create_connector("in", config.clone())
        .await
        .unwrap();
    let status = task_in(&connect, "in", State::Failed).await;
    let trace = status.tasks[0].trace.clone().unwrap();
    for part in [
        "Tolerance exceeded in error handler",
        "TRANSFORMATION",
        "three is not liked",
    ] {
        assert!(trace.contains(part), "{trace}");
    }
    config.insert("errors.tolerance", "ALL");
    connect.put_connector("in", config).await.unwrap();
    let report = connect.until_end().await.unwrap();
    assert_eq!(report.skipped, 1);
    let mut expected = numbers(0..10);
    expected.remove(3);
    assert_eq!(seen.lines(), expected);
    let _ = connect.shutdown(DEADLINE).await;
}

#[tokio::test]
async fn every_error_of_a_configuration_is_listed() {
    let (broker, seen) = (LocalBroker::memory(), Seen::default());
    let connect = worker(&broker, &seen).await;
    let refused = |config| async { connect.create_connector("x", config).await.unwrap_err() };
    let error = refused(config_map! {
        "connector.class" => "Lines", "tasks.max" => "none", "count" => "many",
        "transforms" => "t", "value.converter" => "Jsn",
    });
    let error = error.await.to_string();
    for part in [
        "tasks.max",
        "count",
        "\"topic\"",
        "transforms.t.type",
        "Jsn",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
    let error = refused(config_map! { "connector.class" => "test.Liness" })
        .await
        .to_string();
    assert!(error.contains("did you mean test.Lines?"), "{error}");
    let error = refused(config_map! { "connector.class" => "Collect" })
        .await
        .to_string();
    assert!(
        error.contains("Must configure one of topics or topics.regex"),
        "{error}"
    );
    assert!(connect.connectors().await.unwrap().is_empty());
    let _ = connect.shutdown(DEADLINE).await;
}

#[tokio::test]
async fn a_connector_that_does_not_start_says_why() {
    let (broker, seen) = (LocalBroker::memory(), Seen::default());
    let connect = worker(&broker, &seen).await;
    for (start, reason) in [
        ("error", "the source is not there"),
        ("panic", "the connector panics"),
    ] {
        let mut config = lines(1);
        config.insert("start", start);
        let error = connect.create_connector(start, config).await.unwrap_err();
        assert!(matches!(error, HerderError::ConnectorFailed { .. }));
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(connect.status(start).await.unwrap().state, State::Failed);
    }
    let error = connect
        .create_connector("error", lines(1))
        .await
        .unwrap_err();
    assert_eq!(error, HerderError::AlreadyExists("error".into()));
    assert!(connect.shutdown(DEADLINE).await.is_clean());
}

#[tokio::test]
async fn shutdown_reports_a_task_that_does_not_stop() {
    let (broker, seen) = (LocalBroker::memory(), Seen::default());
    let more = config_map! { "task.shutdown.graceful.timeout.ms" => 50 };
    let connect = worker_with(broker.clone(), more, &seen).await;
    let mut stuck = lines(10);
    stuck.extend(config_map! { "misbehave" => "never.stop", "batch" => 1 });
    connect.create_connector("stuck", stuck).await.unwrap();
    eventually(async || (seen.stuck.load(Ordering::SeqCst) > 0).then_some(())).await;
    let (report, other) = tokio::join!(connect.shutdown(DEADLINE), connect.shutdown(DEADLINE));
    assert_eq!(report, other, "each caller gets the same report");
    assert!(!report.is_clean());
    let left: Vec<_> = report.left.iter().map(ToString::to_string).collect();
    assert_eq!(left, ["task stuck-0 in `poll`, which blocks its thread"]);
    seen.stopped.fetch_add(1, Ordering::SeqCst); // lets its thread go
}

#[tokio::test]
async fn a_shutdown_that_was_dropped_can_be_waited_for_again() {
    let (broker, seen) = (LocalBroker::memory(), Seen::default());
    let connect = worker(&broker, &seen).await;
    connect.create_connector("in", lines(100)).await.unwrap();
    task_in(&connect, "in", State::Running).await;
    assert!(connect.shutdown(DEADLINE).now_or_never().is_none());
    assert!(connect.shutdown(DEADLINE).await.is_clean());
    let stopped = seen.stopped.load(Ordering::SeqCst);
    assert_eq!(stopped, 1, "the task has ended");
}

#[tokio::test]
async fn two_workers_with_different_registries_run_side_by_side() {
    let (first, second) = (Seen::default(), Seen::default());
    let (broker, other_broker) = (LocalBroker::memory(), LocalBroker::memory());
    let connect = worker(&broker, &first).await;
    let other = Connect::builder()
        .registry(registry(&second).without(&["Lines"]).unwrap())
        .broker(other_broker)
        .worker(WorkerConfig::from_config(&worker_config()).unwrap())
        .build()
        .await
        .unwrap();
    connect.create_connector("in", lines(10)).await.unwrap();
    connect.create_connector("out", collect()).await.unwrap();
    other.create_connector("out", collect()).await.unwrap();
    let error = other
        .create_connector("in", lines(10))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("Lines"), "{error}");
    connect.until_end().await.unwrap();
    assert_eq!(first.lines().len(), 10);
    assert!(second.lines().is_empty());
    // Ending one leaves the other alone.
    assert!(connect.shutdown(DEADLINE).await.is_clean());
    assert_eq!(other.status("out").await.unwrap().state, State::Running);
    assert!(other.shutdown(DEADLINE).await.is_clean());
}

#[tokio::test]
async fn several_sink_tasks_share_the_partitions() {
    use connect_broker::Broker;
    let (broker, seen) = (LocalBroker::memory(), Seen::default());
    let admin = broker.admin(Default::default()).await.unwrap();
    admin
        .create_topic(connect_broker::admin::NewTopic::new("lines").partitions(4))
        .await
        .unwrap();
    let connect = worker(&broker, &seen).await;
    let mut sink = collect();
    sink.insert("tasks.max", "3");
    assert_eq!(
        connect.create_connector("out", sink).await.unwrap().tasks,
        3
    );
    let mut source = lines(500);
    source.insert("batch", "7");
    connect.create_connector("in", source).await.unwrap();
    connect.until_end().await.unwrap();
    let mut lines = seen.lines();
    lines.sort_by_key(|line| line.parse::<usize>().unwrap());
    assert_eq!(lines, numbers(0..500));
    assert!(connect.shutdown(DEADLINE).await.is_clean());
}

fn with_dead_letters(mut config: connect_api::ConfigMap) -> connect_api::ConfigMap {
    config.extend(config_map! {
        "transforms" => "r", "transforms.r.type" => "Refuse", "errors.tolerance" => "all",
        "errors.deadletterqueue.topic.name" => "dead",
        "errors.deadletterqueue.context.headers.enable" => true,
    });
    config
}

#[tokio::test]
async fn a_record_that_a_sink_refuses_becomes_a_dead_letter() {
    let (broker, seen) = (LocalBroker::memory(), Seen::default());
    let connect = worker(&broker, &seen).await;
    connect.create_connector("in", lines(10)).await.unwrap();
    connect
        .create_connector("out", with_dead_letters(collect()))
        .await
        .unwrap();
    let report = connect.until_end().await.unwrap();
    assert_eq!((report.skipped, seen.lines().len()), (1, 9));
    let letters = dead_letters(&broker, "dead").await;
    assert_eq!(letters.len(), 1);
    let (value, headers) = &letters[0];
    assert_eq!(value, "3", "the original bytes");
    for (name, expected) in [
        ("topic", "lines"),
        ("offset", "3"),
        ("connector.name", "out"),
        ("stage", "TRANSFORMATION"),
        (
            "exception.class.name",
            "org.apache.kafka.connect.errors.DataException",
        ),
        ("exception.message", "three is not liked"),
    ] {
        assert_eq!(header(headers, name), Some(expected), "{name}");
    }
    let _ = connect.shutdown(DEADLINE).await;
}

#[tokio::test]
async fn a_record_that_a_source_refuses_becomes_a_dead_letter_too() {
    let (broker, seen) = (LocalBroker::memory(), Seen::default());
    let connect = worker(&broker, &seen).await;
    connect
        .create_connector("in", with_dead_letters(lines(10)))
        .await
        .unwrap();
    connect.create_connector("out", collect()).await.unwrap();
    let report = connect.until_end().await.unwrap();
    assert_eq!((report.skipped, seen.lines().len()), (1, 9));
    let letters = dead_letters(&broker, "dead").await;
    assert_eq!(letters[0].0, "3");
    assert_eq!(header(&letters[0].1, "connector.name"), Some("in"));
    assert_eq!(
        header(&letters[0].1, "topic"),
        None,
        "it comes from no topic"
    );
    let _ = connect.shutdown(DEADLINE).await;
}

#[tokio::test]
async fn a_sink_task_reports_records_that_it_cannot_write() {
    let (broker, seen) = (LocalBroker::memory(), Seen::default());
    let connect = worker(&broker, &seen).await;
    connect.create_connector("in", lines(10)).await.unwrap();
    let mut config = collect();
    config.extend(config_map! {
        "report" => "4", "errors.deadletterqueue.topic.name" => "dead", "errors.tolerance" => "all",
        "errors.deadletterqueue.context.headers.enable" => true,
    });
    connect
        .create_connector("out", config.clone())
        .await
        .unwrap();
    connect.until_end().await.unwrap();
    assert_eq!(seen.lines().len(), 9);
    let letters = dead_letters(&broker, "dead").await;
    assert_eq!((letters.len(), letters[0].0.as_str()), (1, "4"));
    assert_eq!(header(&letters[0].1, "stage"), Some("TASK_PUT"));

    // Without tolerance the same report fails the task, even if it swallows the error.
    config.insert("errors.tolerance", "none");
    config.insert("topics", "lines");
    config.insert("errors.deadletterqueue.topic.name", "dead2");
    connect.create_connector("strict", config).await.unwrap();
    let status = task_in(&connect, "strict", State::Failed).await;
    let trace = status.tasks[0].trace.clone().unwrap();
    assert!(
        trace.contains("offset=4") && trace.contains("four is not writable"),
        "{trace}"
    );
    let _ = connect.shutdown(DEADLINE).await;
}

#[tokio::test]
async fn a_slow_sink_holds_up_neither_its_neighbor_nor_the_shutdown() {
    let (broker, fast, slow) = (LocalBroker::memory(), Seen::default(), Seen::default());
    let mut config = worker_config();
    config.insert("task.shutdown.graceful.timeout.ms", "3000");
    let mut registry = registry(&fast);
    let info = connect_api::plugin::PluginInfo::new("test.SlowCollect", "1");
    let clone = slow.clone();
    registry.sink(info, move || common::collect_plugin(&clone));
    let connect = Connect::builder()
        .registry(registry)
        .broker(broker.clone())
        .worker(WorkerConfig::from_config(&config).unwrap())
        .build()
        .await
        .unwrap();
    let mut slow_config = collect();
    slow_config.extend(config_map! { "connector.class" => "SlowCollect", "delay.ms" => 1000 });
    connect.create_connector("slow", slow_config).await.unwrap();
    connect.create_connector("fast", collect()).await.unwrap();
    connect.create_connector("in", lines(50_000)).await.unwrap();
    eventually(async || (fast.count() == 50_000).then_some(())).await;
    assert!(slow.lines().len() < 100, "the slow one is slow");
    assert_eq!(connect.status("slow").await.unwrap().state, State::Running);
    let report = connect.shutdown(DEADLINE).await;
    let left: Vec<_> = report.left.iter().map(ToString::to_string).collect();
    assert_eq!(left, ["task slow-0 in `put`"], "named, not waited for");
    assert!(!report.timed_out);
}
