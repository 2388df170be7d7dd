//! Full disks.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use connect_log::LocalBroker;
use tempfile::TempDir;

use crate::lab::Lab;
use crate::lab::builder;
use crate::lab::eventually;
use crate::lab::says;
use crate::lab::sink;
use crate::lab::source;
use crate::lab::worker_config;

/// A small disk, in memory.
struct Disk(TempDir);

impl Disk {
    /// `None`, with a message, where mounting is not permitted.
    fn mount(bytes: u64) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"])
            .arg(folder.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(folder)),
            other => {
                eprintln!("SKIPPED: no small disk can be mounted here: {other:?}");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills the disk except for this many bytes.
    fn fill(&self, left: u64) -> PathBuf {
        let ballast = self.path().join("ballast");
        // Fails once the disk is full, as intended.
        let _ = fs::write(&ballast, vec![0; 64 << 20]);
        let size = fs::metadata(&ballast).unwrap().len();
        let file = fs::OpenOptions::new().write(true).open(&ballast).unwrap();
        file.set_len(size.saturating_sub(left)).unwrap();
        ballast
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a failed test may still have files open.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

fn lines(count: usize) -> String {
    (0..count)
        .map(|n| format!("{n:08} {}\n", "x".repeat(90)))
        .collect()
}

async fn a_sink_goes_on_when_there_is_room(exactly_once: bool) {
    let Some(disk) = Disk::mount(4 << 20) else {
        return;
    };
    let mut lab = Lab::new().await;
    let ballast = disk.fill(256 << 10);
    let (input, out) = (lab.path("in"), disk.path().join("out"));
    let all = lines(20_000);
    lab.write("in", &all);
    let mut config = sink(&out, "lines");
    config.insert("exactly.once", exactly_once.to_string());
    lab.create("source", source(&input, "lines")).await;
    lab.create("sink", config).await;
    let why = lab.failure("sink").await;
    says(
        &why,
        &[
            &out.display().to_string(),
            "free some space, then restart the task",
        ],
    );
    lab.bystanders_run().await;

    fs::remove_file(ballast).unwrap();
    lab.restart("sink").await;
    lab.has(&out, all).await;
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_on_a_full_disk_says_so_and_resumes_without_a_torn_or_duplicate_line() {
    a_sink_goes_on_when_there_is_room(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exactly_once_sink_on_a_full_disk_goes_on_likewise() {
    a_sink_goes_on_when_there_is_room(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_on_a_full_disk_says_so_and_goes_on_when_there_is_room() {
    let Some(disk) = Disk::mount(16 << 20) else {
        return;
    };
    let folder = disk.path().join("log");
    let broker = LocalBroker::open(&folder).await.unwrap();
    let lab = Lab::with(broker.clone()).await;
    let ballast = disk.fill(1 << 20);
    let (input, out) = (lab.path("in"), lab.path("out"));
    let all = lines(50_000);
    lab.write("in", &all);
    lab.create("source", source(&input, "lines")).await;
    lab.create("sink", sink(&out, "lines")).await;
    let why = lab.failure("source").await;
    says(&why, &[&folder.display().to_string(), "free some space"]);

    fs::remove_file(ballast).unwrap();
    lab.restart("source").await;
    eventually("all lines are there", async || {
        let found = fs::read_to_string(&out).unwrap_or_default();
        found.ends_with(&all[all.len() - 100..]).then_some(())
    })
    .await;
    // What was stored and not committed comes again, whole.
    let found = fs::read_to_string(&out).unwrap();
    let mut expected: Vec<_> = all.lines().collect();
    let mut arrived: Vec<_> = found.lines().collect();
    arrived.sort_unstable();
    arrived.dedup();
    expected.sort_unstable();
    assert!(arrived == expected, "lines are missing or damaged");
    lab.end().await;
    broker.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_does_not_start_on_a_full_disk_and_says_why() {
    let Some(disk) = Disk::mount(1 << 20) else {
        return;
    };
    disk.fill(0);
    let folder = disk.path().join("log");
    let started = async {
        let broker = LocalBroker::open(&folder).await?;
        let connect = builder(broker, &worker_config()).build().await;
        connect.map_err(|error| connect_broker::BrokerError::Unavailable(error.report()))
    };
    let error = tokio::time::timeout(Duration::from_secs(20), started)
        .await
        .unwrap();
    says(
        &error.unwrap_err().to_string(),
        &[&folder.display().to_string(), "free some space"],
    );
}
