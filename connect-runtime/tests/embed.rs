//! Connectors without a log.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

mod common;

use std::sync::atomic::Ordering;
use std::time::Duration;

use common::*;
use connect_api::config_map;
use connect_api::data::Datum;
use connect_api::record::Record;
use connect_runtime::SinkHandle;
use connect_runtime::SourceStream;
use futures::StreamExt;

fn line(record: &Record) -> String {
    record.value.value.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_source_is_a_stream_whose_offsets_follow_acknowledgements() {
    let folder = tempfile::tempdir().unwrap();
    let offsets = folder.path().join("lines.offsets");
    let start = || async {
        SourceStream::builder(&registry(&Seen::default()))
            .config(lines(100))
            .offsets_file(&offsets)
            .commit_interval(Duration::from_millis(1))
            .start()
            .await
            .unwrap()
    };
    let mut stream = start().await;
    for expected in [0, 10, 20] {
        let batch = stream.next().await.unwrap().unwrap();
        assert_eq!(line(&batch.records()[0]), expected.to_string());
        batch.acknowledge();
    }
    let unacknowledged = stream.next().await.unwrap().unwrap();
    assert_eq!(line(&unacknowledged.records()[0]), "30");
    drop(unacknowledged);
    stream.stop().await.unwrap();

    let mut stream = start().await;
    let mut seen = Vec::new();
    while !stream.is_caught_up() {
        let next = tokio::time::timeout(Duration::from_millis(10), stream.next()).await;
        let Ok(Some(batch)) = next else { continue };
        let mut batch = batch.unwrap();
        seen.extend(batch.take_records().iter().map(line));
        batch.acknowledge();
    }
    stream.stop().await.unwrap();
    let expected: Vec<_> = (30..100).map(|n| n.to_string()).collect();
    assert_eq!(
        seen, expected,
        "only what was not acknowledged is delivered again"
    );
}

#[tokio::test]
async fn offsets_are_committed_while_the_host_takes_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let offsets = folder.path().join("lines.offsets");
    let registry = registry(&Seen::default());
    let mut stream = SourceStream::builder(&registry)
        .config(lines(1000))
        .offsets_file(&offsets)
        .commit_interval(Duration::from_millis(1))
        .start()
        .await
        .unwrap();
    stream.next().await.unwrap().unwrap().acknowledge();
    // The task waits with its next batches, since `next` is not called.
    eventually(async || {
        let stored = std::fs::read_to_string(&offsets).unwrap_or_default();
        stored.contains(r#"{\"next\":10}"#).then_some(())
    })
    .await;
    stream.stop().await.unwrap();
}

#[tokio::test]
async fn transforms_apply_and_dropped_records_are_not_waited_for() {
    let mut config = lines(10);
    config.extend(config_map! { "transforms" => "odd", "transforms.odd.type" => "DropOdd" });
    let registry = registry(&Seen::default());
    let mut stream = SourceStream::builder(&registry)
        .config(config)
        .start()
        .await
        .unwrap();
    let batch = StreamExt::next(&mut stream).await.unwrap().unwrap();
    assert_eq!(
        batch.records().iter().map(line).collect::<Vec<_>>(),
        ["0", "2", "4", "6", "8"]
    );
    batch.acknowledge();
    eventually(async || stream.is_caught_up().then_some(())).await;
    stream.stop().await.unwrap();
}

#[tokio::test]
async fn a_failed_task_ends_its_stream_with_an_error() {
    let mut config = lines(10);
    config.extend(config_map! { "misbehave" => "panic", "at" => 5, "batch" => 5 });
    let registry = registry(&Seen::default());
    let mut stream = SourceStream::builder(&registry)
        .config(config)
        .start()
        .await
        .unwrap();
    let mut errors = Vec::new();
    while let Some(batch) = stream.next().await {
        match batch {
            Ok(batch) => batch.acknowledge(),
            Err(error) => {
                errors.push(error.report());
                break;
            }
        }
    }
    assert!(errors[0].contains("line 5 makes me panic"), "{errors:?}");
    let error = SourceStream::builder(&registry)
        .config(config_map! { "connector.class" => "Lines" })
        .start()
        .await
        .unwrap_err()
        .report();
    assert!(
        error.contains("\"count\"") && error.contains("\"topic\""),
        "{error}"
    );
}

#[tokio::test]
async fn a_sink_is_fed_by_hand() {
    let seen = Seen::default();
    let mut config = collect();
    config.remove("topics");
    config.extend(config_map! {
        "fail.puts" => 2, "transforms" => "odd", "transforms.odd.type" => "DropOdd",
    });
    let sink = SinkHandle::builder(&registry(&seen))
        .config(config)
        .start()
        .await
        .unwrap();
    for chunk in 0..50 {
        let records =
            (0..100).map(|n| Record::new("t", Datum::string((chunk * 100 + n).to_string())));
        sink.send(records.collect()).await.unwrap();
    }
    sink.flush().await.unwrap();
    let expected: Vec<_> = (0..5000)
        .filter(|n| n % 2 == 0)
        .map(|n| n.to_string())
        .collect();
    assert_eq!(seen.lines(), expected);
    sink.send(vec![Record::new("t", Datum::string("5000"))])
        .await
        .unwrap();
    sink.stop().await.unwrap();
    assert_eq!(seen.lines().len(), 2501, "stop flushes");
    assert_eq!(seen.stopped.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_failed_sink_refuses_more() {
    let seen = Seen::default();
    let mut config = collect();
    config.insert("panic.at", "7");
    let sink = SinkHandle::builder(&registry(&seen))
        .config(config)
        .start()
        .await
        .unwrap();
    sink.send(vec![Record::new("t", Datum::string("7"))])
        .await
        .unwrap();
    let error = sink.flush().await.unwrap_err().report();
    assert!(error.contains("this line makes me panic"), "{error}");
    assert!(
        sink.send(vec![Record::new("t", Datum::string("8"))])
            .await
            .is_err()
    );
}
