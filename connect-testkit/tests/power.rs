//! The power fails at every step: unsynced writes are gone, and still nothing is lost.
//!
//! Needs the permission to mount; without it the tests are skipped with a message.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot start fails")]

use std::fs;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use connect_api::config_map;
use connect_runtime::SourceStream;
use connect_testkit::kill::Disk;
use connect_testkit::kill::Outcome;
use connect_testkit::kill::Pipeline;
use connect_testkit::kill::Plan;
use connect_testkit::kill::Step;
use tempfile::TempDir;

/// The folder is removed after the disk that is mounted in it.
struct Scratch {
    disk: Disk,
    folder: TempDir,
}

impl Scratch {
    fn new() -> Option<Self> {
        let memory = Path::new("/dev/shm");
        let folder = tempfile::tempdir_in(memory)
            .or_else(|_| tempfile::tempdir())
            .unwrap();
        match Disk::mount(folder.path(), 256 << 20) {
            Ok(disk) => Some(Self { disk, folder }),
            Err(error) => {
                eprintln!("SKIPPED: no disk can be mounted here: {error}");
                None
            }
        }
    }
}

fn run(step: Step, exactly_once: bool) -> Option<Outcome> {
    let scratch = Scratch::new()?;
    let mut pipeline = Pipeline::new(scratch.disk.path().to_owned(), exactly_once);
    pipeline.batch = 100;
    pipeline.flush_interval = Duration::from_millis(5);
    let mut plan = Plan::new(
        PathBuf::from(env!("CARGO_BIN_EXE_connect-kill")),
        pipeline,
        step,
    );
    let kills = if step == Step::Random { 6 } else { 2 };
    (plan.lines, plan.kills, plan.seed) = (10_000, kills, 4712);
    let outcome = plan.run_with_power_cuts(&scratch.disk).unwrap();
    println!("{}\n{outcome}", Outcome::HEAD);
    Some(outcome)
}

/// Without this the other tests would prove nothing.
#[test]
fn a_disk_keeps_synced_writes_only() {
    let Some(scratch) = Scratch::new() else {
        return;
    };
    let disk = &scratch.disk;
    let (synced, lost, half) = ("synced", "lost", "half");
    for name in [synced, lost, half] {
        let mut file = File::create(disk.path().join(name)).unwrap();
        file.write_all(b"a line\n").unwrap();
        if name != lost {
            file.sync_all().unwrap();
        }
        if name == half {
            file.write_all(b"another line\n").unwrap();
        }
    }
    File::open(disk.path()).unwrap().sync_all().unwrap();
    disk.cut_power().unwrap();
    let found = |name| fs::read_to_string(disk.path().join(name)).unwrap_or_default();
    assert_eq!(found(synced), "a line\n");
    assert_eq!(found(lost), "");
    // The file may have grown; what it has grown by is not there.
    let half = found(half);
    assert!(
        half.starts_with("a line\n") && !half.contains("another"),
        "{half:?}"
    );
}

#[test]
fn at_least_once_loses_nothing_when_the_power_fails() {
    for step in Step::ALL.into_iter().filter(|step| step.exists(false)) {
        let Some(outcome) = run(step, false) else {
            return;
        };
        assert!(outcome.is_as_promised(), "{outcome}");
    }
}

#[test]
fn exactly_once_neither_loses_nor_duplicates_when_the_power_fails() {
    for step in Step::ALL {
        let Some(outcome) = run(step, true) else {
            return;
        };
        assert!(outcome.is_as_promised(), "{outcome}");
        assert_eq!(
            (outcome.duplicates, outcome.duplicates_in_topic),
            (0, 0),
            "{outcome}"
        );
    }
}

/// The offsets file of a host that has no log.
#[tokio::test]
async fn an_offsets_file_is_always_an_old_one_or_the_new_one() {
    let Some(scratch) = Scratch::new() else {
        return;
    };
    let input = scratch.folder.path().join("in.txt");
    let lines: String = (0..100_000).map(|n| format!("{n:06}\n")).collect();
    fs::write(&input, lines).unwrap();
    let offsets = scratch.disk.path().join("offsets");
    let mut registry = connect_runtime::plugins();
    connect_file::plugins(&mut registry);
    let (mut durable, mut delivered) = (0, 0);
    for life in 0..20 {
        let config = config_map! {
            "connector.class" => "FileStreamSource", "topic" => "lines", "batch.size" => 7,
            "file" => input.display().to_string(),
        };
        let mut stream = SourceStream::builder(&registry)
            .config(config)
            .offsets_file(&offsets)
            .commit_interval(Duration::from_millis(1))
            .start()
            .await
            .unwrap();
        let mut newest = durable;
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut turn = 0;
        while turn < 50 || newest == durable {
            assert!(
                Instant::now() < deadline,
                "life {life}: nothing was committed"
            );
            let mut batch = stream.next().await.unwrap().unwrap();
            let records = batch.take_records();
            let text = records
                .first()
                .and_then(|record| record.value.value.as_str());
            let first: u64 = text.unwrap().parse().unwrap();
            if turn == 0 {
                let expected = durable..=delivered;
                assert!(
                    expected.contains(&first),
                    "life {life}: {first}, not {expected:?}"
                );
            }
            delivered = first + records.len() as u64;
            turn += 1;
            batch.acknowledge();
            tokio::time::sleep(Duration::from_micros(300)).await;
            let committed = stored_line(&offsets);
            if committed > newest {
                // A commit starts after the previous one is durable.
                (durable, newest) = (newest, committed);
            }
        }
        // Without a stop, so writes are interrupted.
        drop(stream);
        let deadline = Instant::now() + Duration::from_secs(20);
        while let Err(error) = scratch.disk.cut_power() {
            assert!(Instant::now() < deadline, "{error}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Returns the next line by an offsets file.
fn stored_line(offsets: &Path) -> u64 {
    let text = fs::read_to_string(offsets).unwrap_or_default();
    let position = text.split_once("position").map_or("", |(_, rest)| rest);
    let digits = position.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    digits.get(..end).unwrap().parse().unwrap_or(0) / 7
}
