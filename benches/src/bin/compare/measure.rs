//! A child process, watched until its records have arrived.

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

/// How often the target is looked at.
const INTERVAL: Duration = Duration::from_millis(20);

/// Longest time that a run may take without progress.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long nothing more must come from a child that ended before all records arrived.
const QUIET: Duration = Duration::from_millis(500);

/// What one run took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// Records per second, between the first and the last look at the target that saw new ones.
    pub(crate) rate: f64,
    /// CPU seconds of the process per million records, in the same time.
    pub(crate) cpu: f64,
    /// Megabytes that were resident at most.
    pub(crate) peak: f64,
    /// Seconds from the start of the process to the first record at the target.
    pub(crate) first: f64,
    /// The share of the expected that arrived.
    pub(crate) share: f64,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.0} records/s, {:.2} CPU-s per million, {:.0} MB, first after {:.2} s, {:.4} arrived",
            self.rate, self.cpu, self.peak, self.first, self.share
        )
    }
}

/// A child that does not outlive this program's interest in it.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One look.
#[derive(Clone, Copy)]
struct Look {
    time: Instant,
    done: u64,
    cpu: f64,
}

/// Starts a process and watches a target that counts up to `total`, which stands for `records`;
/// then kills the process.
pub(crate) fn watch(
    command: &mut Command,
    log: &Path,
    (total, records): (u64, u64),
    mut look_at_target: impl FnMut() -> u64,
) -> Run {
    command.stdin(Stdio::null());
    command.stderr(File::create(log).unwrap());
    let begin = Instant::now();
    let child = Guard(command.spawn().unwrap());
    let proc = format!("/proc/{}", child.0.id());
    let mut first: Option<Look> = None;
    let mut last = Look {
        time: begin,
        done: 0,
        cpu: 0.0,
    };
    let mut peak = 0.0_f64;
    while last.done < total {
        std::thread::park_timeout(INTERVAL);
        let done = look_at_target();
        let time = Instant::now();
        let (cpu, ended) = cpu_seconds(&proc);
        peak = peak.max(peak_megabytes(&proc));
        if done > last.done {
            last = Look { time, done, cpu };
            first.get_or_insert(last);
        }
        let silence = time - last.time;
        if ended && silence > QUIET && first.is_some() {
            break;
        }
        assert!(
            silence < PATIENCE && !(ended && silence > Duration::from_secs(5)),
            "{command:?} stands at {} of {total}:\n{}",
            last.done,
            std::fs::read_to_string(log).unwrap_or_default()
        );
    }
    drop(child);
    let first = first.unwrap();
    assert!(
        first.done < last.done,
        "too few lines: all arrived between two looks"
    );
    let moved = share(last.done - first.done, total) * share(records, 1);
    Run {
        rate: moved / (last.time - first.time).as_secs_f64(),
        cpu: (last.cpu - first.cpu) / moved * 1e6,
        peak,
        first: (first.time - begin).as_secs_f64(),
        share: share(last.done, total),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// CPU time of a process, from the kernel's account in hundredths of a second, and whether it ended.
fn cpu_seconds(proc: &str) -> (f64, bool) {
    let text = std::fs::read_to_string(format!("{proc}/stat")).unwrap_or_default();
    let after = text.rsplit(')').next().unwrap_or_default();
    let mut words = after.split_whitespace();
    let ended = words.next() == Some("Z");
    let ticks = words.skip(10).take(2);
    let ticks: f64 = ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    (ticks / 100.0, ended)
}

/// The most that was resident, or 0 once the process has ended.
fn peak_megabytes(proc: &str) -> f64 {
    let text = std::fs::read_to_string(format!("{proc}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or_default() / 1024.0
}
