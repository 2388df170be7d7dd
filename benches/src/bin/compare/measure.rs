//! A child process, watched until its records have arrived.

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use crate::rest::RestProbe;

/// How often the target is checked.
const INTERVAL: Duration = Duration::from_millis(20);

/// Longest time that a run may take without progress.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longest time without progress once the process has ended.
const PATIENCE_AFTER_END: Duration = Duration::from_secs(5);

/// The condition for everything to have arrived.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// The target has reached exactly this.
    At(u64),
    /// The target has reached at least this, and has not changed for this long.
    Still(u64, Duration),
}

/// One check of the target.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    time: Instant,
    /// The progress of the target.
    pub(crate) done: u64,
    /// CPU seconds of the process until then.
    cpu: f64,
}

/// The observations of one run.
pub(crate) struct Watched {
    begin: Instant,
    /// The first check that saw records.
    pub(crate) first: Look,
    /// The last check that saw new records.
    pub(crate) last: Look,
    peak: f64,
    answered: Option<Instant>,
}

/// The figures of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// Records per second, between the first and the last check that saw new ones.
    pub(crate) rate: f64,
    /// CPU seconds of the process per million records, in the same time.
    pub(crate) cpu: f64,
    /// Peak resident memory in megabytes.
    pub(crate) peak: f64,
    /// Seconds from the start of the process to the first record at the target.
    pub(crate) first: f64,
    /// Seconds from the start of the process until its REST interface answered.
    pub(crate) answered: Option<f64>,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.0} records/s, {:.2} CPU-s per million, {:.0} MB, first after {:.2} s",
            self.rate, self.cpu, self.peak, self.first
        )?;
        match self.answered {
            Some(answered) => write!(f, ", REST after {answered:.2} s"),
            None => Ok(()),
        }
    }
}

impl Watched {
    /// The figures, if this many records arrived between the first and the last check.
    pub(crate) fn run(&self, records: u64) -> Run {
        assert!(records > 0, "too few lines: all arrived between two checks");
        let records = float(records);
        Run {
            rate: records / (self.last.time - self.first.time).as_secs_f64(),
            cpu: (self.last.cpu - self.first.cpu) / records * 1e6,
            peak: self.peak,
            first: (self.first.time - self.begin).as_secs_f64(),
            answered: self.answered.map(|at| (at - self.begin).as_secs_f64()),
        }
    }
}

/// A child process that is killed when dropped.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a process, watches a target, then kills the process. Its output goes to a file.
pub(crate) fn watch(
    command: &mut Command,
    log: &Path,
    goal: Goal,
    rest_port: Option<u16>,
    target: &mut dyn FnMut() -> u64,
) -> Watched {
    command.stdin(Stdio::null());
    command.stderr(File::create(log).unwrap());
    let begin = Instant::now();
    let child = Guard(command.spawn().unwrap());
    let probe = rest_port.map(RestProbe::new);
    let proc = format!("/proc/{}", child.0.id());
    let mut first: Option<Look> = None;
    let mut last = Look {
        time: begin,
        done: 0,
        cpu: 0.0,
    };
    let mut peak = 0.0_f64;
    loop {
        std::thread::park_timeout(INTERVAL);
        let done = target();
        let time = Instant::now();
        let (cpu, ended) = cpu_seconds(&proc);
        peak = peak.max(peak_megabytes(&proc));
        if done > last.done {
            last = Look { time, done, cpu };
            first.get_or_insert(last);
        }
        let silence = time - last.time;
        match goal {
            Goal::At(total) if last.done >= total => break,
            Goal::Still(least, long) if last.done >= least && silence >= long => break,
            Goal::At(_) | Goal::Still(..) => {}
        }
        assert!(
            silence < PATIENCE && !(ended && silence > PATIENCE_AFTER_END),
            "{command:?} stopped at {} of {goal:?}:\n{}",
            last.done,
            std::fs::read_to_string(log).unwrap_or_default()
        );
    }
    drop(child);
    Watched {
        begin,
        first: first.unwrap(),
        last,
        peak,
        answered: probe.and_then(RestProbe::answered),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn float(number: u64) -> f64 {
    number as f64
}

/// CPU time of a process, which the kernel counts in hundredths of a second, and whether it ended.
fn cpu_seconds(proc: &str) -> (f64, bool) {
    let text = std::fs::read_to_string(format!("{proc}/stat")).unwrap_or_default();
    let after = text.rsplit(')').next().unwrap_or_default();
    let mut words = after.split_whitespace();
    let ended = words.next() == Some("Z");
    let ticks = words.skip(10).take(2);
    let ticks: f64 = ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    (ticks / 100.0, ended)
}

/// Peak resident memory, or 0 once the process has ended.
fn peak_megabytes(proc: &str) -> f64 {
    let text = std::fs::read_to_string(format!("{proc}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or_default() / 1024.0
}
