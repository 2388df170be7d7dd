//! Damaged files, and a clock that jumps.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use connect_api::Timestamp;
use connect_broker::BrokerError;
use connect_log::LocalBroker;
use connect_log::LocalOptions;
use connect_runtime::Clock;

use crate::lab::Lab;
use crate::lab::append;
use crate::lab::builder;
use crate::lab::eventually;
use crate::lab::says;
use crate::lab::sink;
use crate::lab::source;
use crate::lab::worker_config;

#[tokio::test]
async fn a_corrupt_offsets_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("connect.offsets");
    fs::write(&path, b"\xac\xed\x00\x05 rubbish").unwrap();
    let mut config = worker_config();
    config.insert("offset.storage.file.filename", path.display().to_string());
    let error = builder(LocalBroker::memory(), &config)
        .build()
        .await
        .unwrap_err()
        .report();
    says(&error, &[&path.display().to_string(), "move it away"]);
    fs::remove_file(&path).unwrap();
    let connect = builder(LocalBroker::memory(), &config)
        .build()
        .await
        .unwrap();
    assert!(connect.shutdown(Duration::from_secs(5)).await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn corrupt_offsets_beside_the_file_of_a_sink_are_named() {
    let mut lab = Lab::new().await;
    let (input, out) = (lab.path("in"), lab.path("out"));
    lab.write("in", "a line\n");
    lab.write("out.offsets", "{\"version\":1,");
    let mut config = sink(&out, "lines");
    config.insert("exactly.once", "true");
    lab.create("source", source(&input, "lines")).await;
    lab.create("sink", config).await;
    let why = lab.failure("sink").await;
    says(
        &why,
        &["out.offsets", "is corrupt", "restore it, or delete it"],
    );
    lab.bystanders_run().await;

    fs::remove_file(lab.path("out.offsets")).unwrap();
    lab.restart("sink").await;
    lab.has(&out, "a line\n").await;
    lab.end().await;
}

/// A log with 20,000 lines in a topic.
async fn fill(folder: &Path, lines: &str) {
    let broker = LocalBroker::open(folder.join("log")).await.unwrap();
    let connect = builder(broker.clone(), &worker_config())
        .build()
        .await
        .unwrap();
    let input = folder.join("in");
    fs::write(&input, lines).unwrap();
    connect
        .create_connector("source", source(&input, "lines"))
        .await
        .unwrap();
    let _ = connect.until_end().await.unwrap();
    assert!(connect.shutdown(Duration::from_secs(20)).await.is_clean());
    broker.close().await.unwrap();
}

/// Whichever bit flips: an error that names the log, or the right lines, never other lines.
#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_log_is_reported_and_never_served() {
    let folder = tempfile::tempdir().unwrap();
    let lines: String = (0..20_000).map(|n| format!("{n:08} some text\n")).collect();
    fill(folder.path(), &lines).await;
    let file = folder.path().join("log/log.redb");
    let sound = fs::read(&file).unwrap();
    let mut reported = 0;
    for seed in 1..=12_usize {
        let mut bytes = sound.clone();
        for step in 0..60 {
            let at = (seed * 7_919 + step * 104_729 * seed) % bytes.len();
            bytes[at] ^= 0x55;
        }
        fs::write(&file, &bytes).unwrap();
        let out = folder.path().join(format!("out-{seed}"));
        if let Some(error) = read_out(&folder.path().join("log"), &out).await {
            reported += 1;
            says(&error, &["log"]);
        }
        let found = fs::read_to_string(&out).unwrap_or_default();
        assert!(
            lines.starts_with(&found),
            "seed {seed}: lines that nobody wrote"
        );
    }
    assert!(reported > 0, "no damage was noticed");
}

/// Runs a sink on a log; the error, if the log, the worker or the task has one.
async fn read_out(log: &Path, out: &Path) -> Option<String> {
    let broker = match LocalBroker::open(log).await {
        Ok(broker) => broker,
        Err(error) => return Some(explained(&error)),
    };
    let error = match builder(broker.clone(), &worker_config()).build().await {
        Ok(connect) => {
            let created = connect.create_connector("sink", sink(out, "lines")).await;
            let error = match created {
                Ok(_) => connect.until_end().await.err().map(|error| error.report()),
                Err(error) => Some(error.to_string()),
            };
            let _ = connect.shutdown(Duration::from_secs(20)).await;
            error
        }
        Err(error) => Some(error.report()),
    };
    // Closing a damaged log may fail.
    let _ = broker.close().await;
    error
}

/// What is corrupt, and what is lost.
fn explained(error: &BrokerError) -> String {
    if let BrokerError::Corrupt { what, lost } = error {
        assert!(!what.is_empty() && !lost.is_empty(), "{error}");
    }
    error.to_string()
}

/// A clock that the test sets.
#[derive(Debug, Clone)]
struct HandSet(Arc<AtomicI64>);

impl HandSet {
    fn read(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

impl Clock for HandSet {
    fn now(&self) -> Timestamp {
        self.read()
    }
}

/// Timestamps go back with the clock; nothing else does.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_steps_back_stops_nothing() {
    let clock = HandSet(Arc::new(AtomicI64::new(1_800_000_000_000)));
    let mut options = LocalOptions::default();
    let log_clock = clock.clone();
    options.clock = connect_log::Clock::new(move || log_clock.read());
    options.retention = Some(Duration::from_secs(600));
    let broker = LocalBroker::memory_with(options);
    let connect = builder(broker, &worker_config())
        .clock(clock.clone())
        .build()
        .await
        .unwrap();
    let mut lab = Lab::around(connect).await;
    let (input, out) = (lab.path("in"), lab.path("out"));
    let mut all = String::new();
    lab.create("source", source(&input, "lines")).await;
    lab.create("sink", sink(&out, "lines")).await;
    // By a second, an hour, a year, and to the beginning of time, where the system's clock ends.
    for step in [0, 1_000, 3_600_000, 31_536_000_000, i64::MAX] {
        let now = clock.read().as_millis();
        clock
            .0
            .store(now.saturating_sub(step).max(0), Ordering::Relaxed);
        let line = format!("back by {step}\n");
        append(&input, &line);
        all.push_str(&line);
        lab.has(&out, &all).await;
        lab.bystanders_run().await;
        eventually("the offset is committed", async || {
            let offsets = lab.connect.source_offsets("source");
            let position = offsets.first()?.1.get("position")?.as_i64()?;
            (position == i64::try_from(all.len()).unwrap()).then_some(())
        })
        .await;
    }
    lab.end().await;
}
