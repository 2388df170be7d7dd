//! What to do when a record cannot be handled: retry, skip it, or fail the task.
//!
//! The rules are those of Kafka Connect 4.3 (KIP-298): a retriable error is retried until
//! `errors.retry.timeout` has passed, and then treated like any other. With `errors.tolerance=all` the
//! record is skipped and reported; with `none` the task fails (invariant E1).

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use connect_api::Error;
use connect_api::ErrorKind;
use connect_api::record::Record;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::ConnectorSettings;
use crate::config::ErrorTolerance;

/// Where a record was when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    HeaderConverter,
    KafkaProduce,
    KeyConverter,
    TaskPoll,
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
            Self::TaskPoll => "TASK_POLL",
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
    /// The transformed record, if a converter has failed: then only the converter is retried.
    pub(crate) transformed: Option<Box<Record>>,
}

impl Failure {
    pub(crate) fn new(stage: Stage, class: &str, error: Error) -> Self {
        Self {
            stage,
            class: class.to_owned(),
            error,
            transformed: None,
        }
    }

    pub(crate) fn of(mut self, transformed: Record) -> Self {
        self.transformed = Some(Box::new(transformed));
        self
    }
}

/// What to do about a failure.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Report the failure, then fail the task.
    Fail(Failure),
    /// Resolve the converter of the stage, then retry the record.
    Resolve,
    /// Retry the record after this time.
    Retry(Duration),
    /// Report the failure, then skip the record.
    Skip(Failure),
}

impl Failure {
    /// The error that fails the task.
    pub(crate) fn into_error(self, record: &str) -> Error {
        let Self {
            stage,
            class,
            error,
            ..
        } = self;
        error.context(format!(
            "Tolerance exceeded in error handler: stage {stage}, class {class}, {record}"
        ))
    }
}

/// Decides about failures of one task.
#[derive(Debug)]
pub(crate) struct Operator {
    stop: CancellationToken,
    tolerance: ErrorTolerance,
    /// `None` is without limit.
    retry_timeout: Option<Duration>,
    retry_delay_max: Duration,
    /// For the record that is being retried: since when, and how often.
    attempt: Option<(Instant, u32)>,
    /// How often a converter was resolved for the record that is being tried again.
    resolved: u32,
    skipped: u64,
}

impl Operator {
    pub(crate) fn new(settings: &ConnectorSettings, stop: CancellationToken) -> Self {
        Self {
            stop,
            tolerance: settings.tolerance(),
            retry_timeout: settings.retry_timeout(),
            retry_delay_max: settings.retry_delay_max(),
            attempt: None,
            resolved: 0,
            skipped: 0,
        }
    }

    /// True if a record must be kept unchanged, since it may be retried.
    pub(crate) fn may_retry(&self) -> bool {
        self.retry_timeout != Some(Duration::ZERO)
    }

    /// True if failed records are skipped. Counts one as skipped.
    pub(crate) fn tolerates(&mut self) -> bool {
        let all = self.tolerance == ErrorTolerance::All;
        self.skipped += u64::from(all);
        all
    }

    /// How many records were skipped.
    pub(crate) const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Decides what to do. The caller reports failures that are not retried (invariant E1: exactly
    /// once).
    pub(crate) fn decide(&mut self, mut failure: Failure) -> Verdict {
        if failure.error.kind() == ErrorKind::Unresolved {
            self.resolved += 1;
            if self.resolved <= MAX_RESOLVED {
                return Verdict::Resolve;
            }
            let text = format!(
                "the converter says `Unresolved` again after `resolve` has succeeded {MAX_RESOLVED} times"
            );
            failure.error = Error::data(text).with_source(failure.error);
        }
        if failure.error.is_retriable()
            && let Some(delay) = self.next_retry()
        {
            return Verdict::Retry(delay);
        }
        self.succeeded();
        match self.tolerance {
            ErrorTolerance::All => {
                self.skipped += 1;
                Verdict::Skip(failure)
            }
            ErrorTolerance::None => Verdict::Fail(failure),
        }
    }

    /// Records that a record was handled: the next failure is the first of its record.
    pub(crate) const fn succeeded(&mut self) {
        self.attempt = None;
        self.resolved = 0;
    }

    /// Waits for `work` unless the task must stop.
    ///
    /// # Errors
    /// The task must stop; see [`unless_interrupted`].
    pub(crate) async fn unless_stopped<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, Error> {
        tokio::select! {
            () = self.stop.cancelled() => Err(interrupted()),
            done = work => Ok(done),
        }
    }

    /// Waits before a record is retried.
    ///
    /// # Errors
    /// The task must stop; see [`unless_interrupted`].
    pub(crate) async fn wait(&self, delay: Duration) -> Result<(), Error> {
        self.unless_stopped(tokio::time::sleep(delay)).await
    }

    fn next_retry(&mut self) -> Option<Duration> {
        let (since, attempts) = *self.attempt.get_or_insert_with(|| (Instant::now(), 0));
        let left = match self.retry_timeout {
            None => Duration::MAX,
            Some(timeout) => timeout
                .checked_sub(since.elapsed())
                .filter(|left| !left.is_zero())?,
        };
        self.attempt = Some((since, attempts + 1));
        let delay = FIRST_DELAY
            .saturating_mul(1 << attempts.min(20))
            .min(self.retry_delay_max);
        Some(delay.min(left))
    }
}

/// The error of a task that was stopped while it waited; see [`unless_interrupted`].
pub(crate) fn interrupted() -> Error {
    Error::illegal_state("the task was stopped while it waited").with_source(Interrupted)
}

/// Removes the error of a task that was stopped while it waited.
pub(crate) fn unless_interrupted(ended: Result<(), Error>) -> Result<(), Error> {
    ended.or_else(|error| {
        let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
        while let Some(known) = cause {
            if known.is::<Interrupted>() {
                return Ok(());
            }
            cause = known.source();
        }
        Err(error)
    })
}

/// Marks the end of a task that was stopped.
#[derive(Debug)]
struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a stop was requested")
    }
}

impl StdError for Interrupted {}

/// How often a converter may be resolved for one record.
const MAX_RESOLVED: u32 = 3;

/// The wait before the first retry; doubled each time.
const FIRST_DELAY: Duration = Duration::from_millis(300);
