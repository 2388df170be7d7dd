//! What a worker loses to the retention of its log: nothing, or it says so.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail like tests"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use common::*;
use connect_api::ConfigMap;
use connect_api::Timestamp;
use connect_api::config_map;
use connect_broker::Broker;
use connect_broker::ProducerOptions;
use connect_broker::ProducerRecord;
use connect_broker::admin::NewTopic;

use connect_log::Clock;
use connect_log::LocalBroker;
use connect_log::LocalOptions;
use connect_runtime::Connect;
use connect_runtime::State;
use connect_runtime::TargetState;

const MINUTE: i64 = 60 * 1000;
const DAY: i64 = 24 * 60 * MINUTE;

/// The middle of 2023: when the lines of the backfill were made.
const LONG_AGO: i64 = 1_690_000_000_000;

/// Options of a log whose clock does not move by itself.
fn options() -> (LocalOptions, Arc<AtomicI64>) {
    let hand = Arc::new(AtomicI64::new(LONG_AGO + 900 * DAY));
    let now = Arc::clone(&hand);
    let mut options = LocalOptions::default();
    options.retention = Some(Duration::from_secs(60));
    options.clock = Clock::new(move || Timestamp::from_millis(now.load(Ordering::SeqCst)));
    (options, hand)
}

/// Moves the clock and has the log look for old records.
async fn pass(log: &LocalBroker, hand: &AtomicI64, time: i64) {
    hand.fetch_add(time, Ordering::SeqCst);
    // The log looks after each group of requests, before it takes the next.
    for _ in 0..2 {
        let options = ProducerOptions::default();
        let (mut producer, mut receipts) = log.producer(options).await.unwrap();
        let tick = ProducerRecord::new(0, "ticks", "tick");
        producer.send(vec![tick]).await.unwrap();
        assert!(receipts.next().await.unwrap()[0].outcome.is_ok());
    }
}

async fn exactly_once(log: &LocalBroker, seen: &Seen) -> Connect {
    let config = config_map! { "exactly.once.source.support" => "enabled" };
    worker_with(log.clone(), config, seen).await
}

fn backfill() -> ConfigMap {
    let mut config = lines(100);
    config.insert("made", LONG_AGO.to_string());
    config
}

/// Creates a sink and pauses it once it is a member of its group.
async fn create_and_pause(connect: &Connect) {
    connect.create_connector("out", collect()).await.unwrap();
    task_in(connect, "out", State::Running).await;
    connect.pause("out").await.unwrap();
    task_in(connect, "out", State::Paused).await;
}

async fn caught_up(connect: &Connect) {
    eventually(async || {
        let progress = connect.progress();
        progress
            .iter()
            .any(|p| p.is_source && p.caught_up)
            .then_some(())
    })
    .await;
}

async fn end(connect: Connect) {
    assert!(connect.shutdown(Duration::from_secs(20)).await.is_clean());
}

/// A source brings lines of 2023 while its sink is paused; the worker is restarted, a second sink
/// comes later. The log keeps records for a minute.
async fn a_backfill_arrives(
    mut log: LocalBroker,
    reopen: impl AsyncFn(LocalBroker) -> LocalBroker,
    hand: &AtomicI64,
) {
    let connect = exactly_once(&log, &Seen::default()).await;
    create_and_pause(&connect).await;
    connect.create_connector("in", backfill()).await.unwrap();
    caught_up(&connect).await;
    pass(&log, hand, 2 * MINUTE).await;
    end(connect).await;
    log = reopen(log).await;
    // Nobody has joined yet.
    pass(&log, hand, 3 * DAY).await;

    let (first, later) = (Seen::default(), Seen::default());
    let mut registry = registry(&first);
    let clone = later.clone();
    let info = connect_api::plugin::PluginInfo::new("test.Later", "1");
    registry.sink(info, move || collect_plugin(&clone));
    let mut config = worker_config();
    config.insert("exactly.once.source.support", "enabled");
    let connect = Connect::builder()
        .registry(registry)
        .broker(log.clone())
        .worker(connect_api::config::FromConfig::from_config(&config).unwrap())
        .build()
        .await
        .unwrap();
    // Both came back by themselves.
    task_in(&connect, "out", State::Paused).await;
    caught_up(&connect).await;
    let mut config = collect();
    config.insert("connector.class", "Later");
    connect.create_connector("later", config).await.unwrap();
    eventually(async || (later.count() >= 100).then_some(())).await;
    pass(&log, hand, 2 * DAY).await;
    connect.resume("out").await.unwrap();
    let report = connect.until_end().await.unwrap();
    assert_eq!((report.records_out, report.lost), (200, 0));
    let expected: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    assert_eq!((first.lines(), later.lines()), (expected.clone(), expected));
    end(connect).await;
    log.close().await.unwrap();
}

#[tokio::test]
async fn a_backfill_of_old_records_arrives_from_a_log_in_memory() {
    let (options, hand) = options();
    let log = LocalBroker::memory_with(options);
    a_backfill_arrives(log, async |log| log, &hand).await;
}

#[tokio::test]
async fn a_backfill_of_old_records_arrives_from_a_durable_log() {
    let (options, hand) = options();
    let folder = tempfile::tempdir().unwrap();
    let open = async || {
        LocalBroker::open_with(folder.path(), options.clone())
            .await
            .unwrap()
    };
    let reopen = async |log: LocalBroker| {
        log.close().await.unwrap();
        drop(log);
        open().await
    };
    a_backfill_arrives(open().await, reopen, &hand).await;
}

#[tokio::test(start_paused = true)]
async fn a_stopped_sink_gets_everything_when_it_runs_again() {
    let (options, hand) = options();
    let log = LocalBroker::memory_with(options);
    let seen = Seen::default();
    let connect = worker(&log, &seen).await;
    connect
        .create_connector_in("out", collect(), TargetState::Stopped)
        .await
        .unwrap();
    connect.create_connector("in", backfill()).await.unwrap();
    caught_up(&connect).await;
    for _ in 0..30 {
        // The time of the worker, which is paused: it tells the log again that the sink exists.
        tokio::time::sleep(Duration::from_secs(61)).await;
        pass(&log, &hand, DAY).await;
    }
    connect.resume("out").await.unwrap();
    eventually(async || (seen.count() >= 100).then_some(())).await;
    let report = connect.until_end().await.unwrap();
    assert_eq!((report.records_out, report.lost), (100, 0));
    end(connect).await;
}

#[tokio::test]
async fn the_end_says_what_a_sink_did_not_get() {
    for paused_before in [true, false] {
        let (options, hand) = options();
        let log = LocalBroker::memory_with(options);
        let admin = log.admin(Default::default()).await.unwrap();
        let topic = NewTopic::new("lines").with("retention.bytes", "0");
        admin.create_topic(topic).await.unwrap();
        let seen = Seen::default();
        let connect = worker(&log, &seen).await;
        create_and_pause(&connect).await;
        if paused_before {
            // It has its partition, but reads nothing.
            connect.create_connector("in", backfill()).await.unwrap();
            caught_up(&connect).await;
        } else {
            // It has committed some of it, and another life of it meets the gap.
            connect.resume("out").await.unwrap();
            connect.create_connector("in", lines(40)).await.unwrap();
            let report = connect.until_end().await.unwrap();
            assert_eq!((report.records_out, report.lost), (40, 0));
            connect.stop("out").await.unwrap();
            connect.put_connector("in", backfill()).await.unwrap();
            eventually(async || {
                let partition = connect_api::TopicPartition::new("lines", 0);
                let ends = admin.end_offsets(&[partition], Default::default()).await;
                (ends.unwrap().values().sum::<i64>() == 100).then_some(())
            })
            .await;
        }
        pass(&log, &hand, MINUTE).await;
        connect.resume("out").await.unwrap();
        task_in(&connect, "out", State::Running).await;
        let report = connect.until_end().await.unwrap();
        let (out, lost) = if paused_before { (0, 100) } else { (0, 60) };
        assert_eq!((report.records_out, report.lost), (out, lost), "{report:?}");
        end(connect).await;
    }
}
