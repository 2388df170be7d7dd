//! Where a process can be killed.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::kill::pipeline::Pipeline;

/// A moment in the life of a batch of records, or any moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Step {
    /// At any moment, from outside; in one of four cases soon after the start.
    Random,
    /// The log has accepted a batch and may not have stored it yet.
    Sent,
    /// The log has stored a batch, and the task does not know it yet.
    Stored,
    /// The task knows that a batch is durable.
    Acknowledged,
    /// The offset of a batch that is durable is about to be written; with exactly-once, the batch
    /// and its offset are about to be committed.
    OffsetWrite,
    /// The source offset is written, and nobody knows it yet.
    OffsetWritten,
    /// In the middle of a write to the file of the sink.
    SinkWrite,
    /// The file of the sink is synced, and nobody knows it yet.
    SinkSync,
    /// Only with exactly-once: the offsets are about to be stored beside the file of the sink.
    SinkCheckpoint,
    /// The sink has made everything durable, and its offset is about to be committed.
    OffsetCommit,
    /// Between two steps of the compaction of the topic that keeps the source offsets.
    Compaction,
}

/// A `tracing` event that marks a [`Step`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The start of its target.
    pub(crate) target: &'static str,
    /// Its message.
    pub(crate) message: &'static str,
    /// It announces a write, in the middle of which the process is killed.
    pub(crate) is_announced_write: bool,
}

impl Step {
    /// All steps.
    pub const ALL: [Self; 11] = [
        Self::Random,
        Self::Sent,
        Self::Stored,
        Self::Acknowledged,
        Self::OffsetWrite,
        Self::OffsetWritten,
        Self::SinkWrite,
        Self::SinkSync,
        Self::SinkCheckpoint,
        Self::OffsetCommit,
        Self::Compaction,
    ];

    /// True if this moment exists.
    #[must_use]
    pub fn exists(self, exactly_once: bool) -> bool {
        exactly_once || self != Self::SinkCheckpoint
    }

    /// True if this moment exists on Kafka, where another process stores and compacts.
    #[must_use]
    pub fn exists_on_kafka(self, exactly_once: bool) -> bool {
        self.exists(exactly_once) && !matches!(self, Self::Stored | Self::Compaction)
    }

    /// Returns its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Sent => "sent",
            Self::Stored => "stored",
            Self::Acknowledged => "acknowledged",
            Self::OffsetWrite => "offset-write",
            Self::OffsetWritten => "offset-written",
            Self::SinkWrite => "sink-write",
            Self::SinkSync => "sink-sync",
            Self::SinkCheckpoint => "sink-checkpoint",
            Self::OffsetCommit => "offset-commit",
            Self::Compaction => "compaction",
        }
    }

    /// Tunes a pipeline so that the step happens often enough: source offsets must be written many
    /// times before their topic is compacted.
    pub(crate) fn tune(self, pipeline: &mut Pipeline) {
        if self == Self::Compaction {
            pipeline.batch = pipeline.batch.div_ceil(10);
            pipeline.flush_interval = pipeline.flush_interval.min(Duration::from_millis(1));
            // Each batch waits for the previous one, so there are many commits of few lines.
            pipeline.in_flight_bytes = 1;
        }
    }

    /// Returns the event that marks it; `None` for [`Step::Random`].
    ///
    /// The messages are those of the libraries: a change there must be repeated here. The kill tests
    /// fail if a step does not happen.
    pub(crate) const fn mark(self, exactly_once: bool) -> Option<Mark> {
        let (target, message) = match (self, exactly_once) {
            (Self::Random, _) => return None,
            (Self::Sent, _) => (SOURCE, "records sent"),
            (Self::Stored, _) => (LOG, "stored"),
            (Self::Acknowledged, _) => (SOURCE, "records acknowledged"),
            (Self::OffsetWrite, false) => (SOURCE, "committing offsets"),
            (Self::OffsetWrite, true) => (SOURCE, "committing a transaction"),
            (Self::OffsetWritten, false) => (SOURCE, "offsets committed"),
            (Self::OffsetWritten, true) => (SOURCE, "committed a transaction"),
            (Self::SinkWrite, _) => (FILE, "writing"),
            (Self::SinkSync, _) => (FILE, "synced"),
            (Self::SinkCheckpoint, _) => (FILE, "replacing"),
            (Self::OffsetCommit, _) => (SINK, "committing offsets"),
            (Self::Compaction, _) => (LOG, "compacting"),
        };
        Some(Mark {
            target,
            message,
            is_announced_write: matches!(self, Self::SinkWrite),
        })
    }

    /// Returns among how many events of a process one is chosen, if a process moves `batches` batches.
    pub(crate) fn choices(self, batches: u64) -> u64 {
        match self {
            // With each batch.
            Self::Sent | Self::SinkWrite => (batches / 2).max(4),
            // Once for several batches.
            Self::Random
            | Self::Stored
            | Self::Acknowledged
            | Self::OffsetWrite
            | Self::OffsetWritten
            | Self::SinkSync
            | Self::SinkCheckpoint
            | Self::OffsetCommit => (batches / 8).clamp(3, 64),
            // The events of one compaction.
            Self::Compaction => 4,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|step| step.name() == text)
            .ok_or_else(|| {
                let names: Vec<_> = Self::ALL.iter().map(|step| step.name()).collect();
                format!(
                    "unknown step \"{text}\"; expected one of {}",
                    names.join(", ")
                )
            })
    }
}

const FILE: &str = "connect_file";
const LOG: &str = "connect_log";
const SINK: &str = "connect_runtime::task::sink";
const SOURCE: &str = "connect_runtime::task::source";
