//! The options of the file connectors.
//!
//! `file`, `topic` and `batch.size` are Kafka's options. The others are our own; their defaults keep
//! Kafka's behavior, except that a line longer than `max.line.bytes` fails the task.

use std::path::Path;
use std::path::PathBuf;

use connect_api::TopicName;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigEnum;

/// The options of the file source.
#[derive(Debug, Clone, ConfigDef)]
pub struct FileSourceConfig {
    /// Source filename. If not specified, the standard input will be used
    #[config(name = "file", importance = high)]
    pub file: Option<String>,

    /// The topic to publish data to
    #[config(name = "topic", importance = high, validate = non_empty)]
    pub topic: TopicName,

    /// The maximum number of records the source task can read from the file each time it is polled
    #[config(name = "batch.size", default = 2000, importance = low)]
    pub batch_size: i32,

    /// The length of the longest allowed line in bytes, without the line ending
    #[config(
        name = "max.line.bytes",
        default = 16_777_216i64,
        importance = low,
        validate = between(1i64, 1_073_741_824i64)
    )]
    pub max_line_bytes: i64,

    /// What happens to a line longer than max.line.bytes: 'fail' fails the task, 'skip' drops the
    /// line with a warning, 'split' makes several records of it with a warning
    #[config(
        name = "max.line.policy",
        default = LongLine::Fail,
        importance = low,
        validate = one_of("fail", "skip", "split")
    )]
    pub max_line_policy: LongLine,

    /// What happens to a line that is not valid UTF-8: 'fail' fails the task, 'replace' puts U+FFFD
    /// in place of invalid bytes. With 'bytes' the values of all records are bytes instead of text,
    /// and nothing is checked
    #[config(
        name = "invalid.utf8.policy",
        default = InvalidUtf8::Replace,
        importance = low,
        validate = one_of("fail", "replace", "bytes")
    )]
    pub invalid_utf8_policy: InvalidUtf8,
}

impl FileSourceConfig {
    /// Returns the file to read; `None` is standard input.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.file
            .as_deref()
            .filter(|file| !file.is_empty())
            .map(Path::new)
    }

    /// Returns the maximum number of records of a poll: at least 1, as in Java.
    #[must_use]
    pub fn batch_size(&self) -> usize {
        usize::try_from(self.batch_size).unwrap_or(1).max(1)
    }

    /// Returns the length of the longest allowed line in bytes, without the line ending.
    #[must_use]
    pub fn max_line_bytes(&self) -> usize {
        usize::try_from(self.max_line_bytes).unwrap_or(usize::MAX)
    }
}

/// What happens to a line longer than `max.line.bytes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ConfigEnum)]
#[non_exhaustive]
pub enum LongLine {
    /// The task fails.
    Fail,
    /// The line is dropped, with a warning.
    Skip,
    /// The line becomes several records, with a warning.
    Split,
}

/// What happens to a line that is not valid UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ConfigEnum)]
#[non_exhaustive]
pub enum InvalidUtf8 {
    /// The values of all records are bytes, and nothing is checked.
    Bytes,
    /// The task fails.
    Fail,
    /// U+FFFD replaces invalid bytes, as in Java; with one warning per task.
    Replace,
}

/// The options of the file sink.
#[derive(Debug, Clone, ConfigDef)]
pub struct FileSinkConfig {
    /// Destination filename. If not specified, the standard output will be used
    #[config(name = "file", importance = high)]
    pub file: Option<String>,

    /// Whether offsets are stored with the data, in a file named like the destination with
    /// '.offsets' added, so that every record is written exactly once. Each task needs its own
    /// file: with several tasks, put ${task} in the filename
    #[config(name = "exactly.once", default = false, importance = medium)]
    pub exactly_once: bool,

    /// The size in bytes at which the file is renamed, with a number added, and a new one started.
    /// This happens when offsets are committed, so files end up a little larger. -1 means never
    #[config(
        name = "rotate.bytes",
        default = -1i64,
        importance = low,
        validate = at_least(-1i64)
    )]
    pub rotate_bytes: i64,

    /// The interval in milliseconds, counted from midnight UTC, after which the file is renamed,
    /// with a number added, and a new one started. This happens when offsets are committed. -1 means
    /// never
    #[config(
        name = "rotate.interval.ms",
        default = -1i64,
        importance = low,
        validate = at_least(-1i64)
    )]
    pub rotate_interval_ms: i64,
}

impl FileSinkConfig {
    /// Returns the file that a task writes; `None` is standard output.
    #[must_use]
    pub fn path(&self, task_index: usize) -> Option<PathBuf> {
        let file = self.file.as_deref().filter(|file| !file.is_empty())?;
        Some(file.replace(TASK_VARIABLE, &task_index.to_string()).into())
    }

    /// True if each task has its own file.
    #[must_use]
    pub fn has_file_per_task(&self) -> bool {
        self.file
            .as_deref()
            .is_some_and(|file| file.contains(TASK_VARIABLE))
    }

    /// Returns the size at which a new file is started.
    #[must_use]
    pub fn rotate_bytes(&self) -> Option<u64> {
        u64::try_from(self.rotate_bytes)
            .ok()
            .filter(|bytes| *bytes > 0)
    }

    /// Returns the interval after which a new file is started, in milliseconds.
    #[must_use]
    pub fn rotate_interval_ms(&self) -> Option<i64> {
        Some(self.rotate_interval_ms).filter(|interval| *interval > 0)
    }

    /// True if the output is split into several files.
    #[must_use]
    pub fn rotates(&self) -> bool {
        self.rotate_bytes().is_some() || self.rotate_interval_ms().is_some()
    }
}

/// Replaced by the number of the task in the name of the destination.
pub(crate) const TASK_VARIABLE: &str = "${task}";
