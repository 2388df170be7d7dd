//! What to do when a record cannot be handled: try again, skip it, or fail the task.
//!
//! The rules are those of Kafka Connect 4.3 (KIP-298): a retriable error is tried again until
//! `errors.retry.timeout` is over, then it counts like any other; with `errors.tolerance=all` the
//! record is skipped and reported, with `none` the task fails (invariant E1).

use std::fmt;
use std::time::Duration;

use connect_api::Error;
use connect_api::ErrorKind;
use connect_core::TaskId;
use tokio::time::Instant;

use crate::config::ConnectorSettings;
use crate::config::ErrorTolerance;

/// Where a record was when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    HeaderConverter,
    KafkaProduce,
    KeyConverter,
    TaskPut,
    Transformation,
    ValueConverter,
}

impl fmt::Display for Stage {
    /// Kafka Connect's name of the stage.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HeaderConverter => "HEADER_CONVERTER",
            Self::KafkaProduce => "KAFKA_PRODUCE",
            Self::KeyConverter => "KEY_CONVERTER",
            Self::TaskPut => "TASK_PUT",
            Self::Transformation => "TRANSFORMATION",
            Self::ValueConverter => "VALUE_CONVERTER",
        })
    }
}

/// A record that could not be handled.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) stage: Stage,
    pub(crate) class: String,
    pub(crate) error: Error,
}

impl Failure {
    pub(crate) fn new(stage: Stage, class: &str, error: Error) -> Self {
        Self { stage, class: class.to_owned(), error }
    }
}

/// What to do about a failure.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The task fails with this error.
    Fail(Error),
    /// The converter of the stage must be resolved, then the record comes again.
    Resolve,
    /// The record comes again after this long.
    Retry(Duration),
    /// The record is skipped; it was reported.
    Skip,
}

/// Decides about failures of one task.
#[derive(Debug)]
pub(crate) struct Operator {
    id: TaskId,
    tolerance: ErrorTolerance,
    /// `None` is for ever.
    retry_timeout: Option<Duration>,
    retry_delay_max: Duration,
    log: bool,
    log_messages: bool,
    /// Of the record that is being tried again: since when, and how often.
    attempt: Option<(Instant, u32)>,
    skipped: u64,
}

impl Operator {
    pub(crate) fn new(id: TaskId, settings: &ConnectorSettings) -> Self {
        Self {
            id,
            tolerance: settings.tolerance(),
            retry_timeout: settings.retry_timeout(),
            retry_delay_max: settings.retry_delay_max(),
            log: settings.keys.errors_log_enable,
            log_messages: settings.keys.errors_log_include_messages,
            attempt: None,
            skipped: 0,
        }
    }

    /// True if a record must be kept as it was, since it may come again.
    pub(crate) fn may_retry(&self) -> bool {
        self.retry_timeout != Some(Duration::ZERO)
    }

    /// How many records were skipped.
    pub(crate) const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Decides. `record` describes the record, for reports.
    pub(crate) fn decide(&mut self, failure: Failure, record: &dyn fmt::Display) -> Verdict {
        if failure.error.kind() == ErrorKind::Unresolved {
            return Verdict::Resolve;
        }
        if failure.error.is_retriable()
            && let Some(delay) = self.next_retry()
        {
            return Verdict::Retry(delay);
        }
        self.attempt = None;
        self.report(&failure, record);
        let Failure { stage, class, error } = failure;
        match self.tolerance {
            ErrorTolerance::All => {
                self.skipped += 1;
                Verdict::Skip
            }
            ErrorTolerance::None => Verdict::Fail(error.context(format!(
                "Tolerance exceeded in error handler: stage {stage}, class {class}, {record}"
            ))),
        }
    }

    /// A record went through: the next failure is the first of its record.
    pub(crate) const fn succeeded(&mut self) {
        self.attempt = None;
    }

    fn next_retry(&mut self) -> Option<Duration> {
        let (since, attempts) = *self.attempt.get_or_insert_with(|| (Instant::now(), 0));
        let left = match self.retry_timeout {
            None => Duration::MAX,
            Some(timeout) => timeout.checked_sub(since.elapsed()).filter(|left| !left.is_zero())?,
        };
        self.attempt = Some((since, attempts + 1));
        let delay = FIRST_DELAY.saturating_mul(1 << attempts.min(20)).min(self.retry_delay_max);
        Some(delay.min(left))
    }

    fn report(&self, failure: &Failure, record: &dyn fmt::Display) {
        if !self.log {
            return;
        }
        let record: &dyn fmt::Display = if self.log_messages { record } else { &"" };
        tracing::error!(
            task = %self.id,
            stage = %failure.stage,
            class = failure.class,
            record = %record,
            error = failure.error.report(),
            "a record could not be handled"
        );
    }
}

/// The wait before the first repetition; doubled each time.
const FIRST_DELAY: Duration = Duration::from_millis(300);
