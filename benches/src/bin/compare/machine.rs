//! The machine and the time of the measurement.

use std::fs;
use std::process::Command;

/// The environment of all runs.
pub(crate) struct Machine {
    date: String,
    commit: String,
    parts: Vec<String>,
    load: String,
}

impl Machine {
    /// Collects the facts. Call it first, so that the load is only that of other work.
    pub(crate) fn look() -> Self {
        let load = load();
        let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let models = processors.lines().filter_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key.trim() == "model name").then(|| value.trim().to_owned())
        });
        let models: Vec<String> = models.collect();
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let kilobytes = memory
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:"));
        let kilobytes = kilobytes.and_then(|text| text.split_whitespace().next()?.parse().ok());
        let parts = vec![
            format!(
                "{} cores ({})",
                models.len(),
                models.first().map_or("unknown", String::as_str)
            ),
            format!("{:.0} GB", kilobytes.unwrap_or(0.0_f64) / 1024.0 / 1024.0),
            said("uname", &["-sr"]),
            first_words(&said("rustc", &["-V"]), 2),
            // "openjdk version "17.0.1" 2021-10-19", on the standard error.
            first_words(&said("java", &["-version"]).replace('"', ""), 3),
            kcat(),
        ];
        let changes = said("git", &["status", "--porcelain", "--untracked-files=no"]);
        let mut commit = format!("`{}`", said("git", &["rev-parse", "--short", "HEAD"]));
        if !changes.is_empty() {
            commit += " with changes";
        }
        Self {
            date: said("date", &["-u", "+%F"]),
            commit,
            parts: parts.into_iter().filter(|part| !part.is_empty()).collect(),
            load,
        }
    }

    /// One sentence.
    pub(crate) fn describe(&self) -> String {
        format!(
            "{}, commit {}: {}; load average {} before, {} at the end.",
            self.date,
            self.commit,
            self.parts.join(", "),
            self.load,
            load()
        )
    }

    /// A short form for the footer of the plot.
    pub(crate) fn brief(&self) -> String {
        let cores = self.parts.first().map_or("", String::as_str);
        format!("{}, {cores}", self.date)
    }
}

/// The load average over one minute.
fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    first_words(&text, 1)
}

fn kcat() -> String {
    // "Version 1.7.1 (JSON, …, librdkafka 2.0.2 …)"
    let text = said("kcat", &["-V"]);
    let after = text.split_once("Version ").map(|(_, after)| after);
    after.map_or_else(String::new, |after| {
        format!("kcat {}", first_words(after, 1))
    })
}

fn first_words(text: &str, count: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().take(count).collect();
    words.join(" ")
}

/// What a program prints, or nothing if it cannot be run.
fn said(program: &str, arguments: &[&str]) -> String {
    let Ok(output) = Command::new(program).args(arguments).output() else {
        return String::new();
    };
    let bytes = if output.stdout.is_empty() {
        output.stderr
    } else {
        output.stdout
    };
    String::from_utf8_lossy(&bytes).trim().to_owned()
}
