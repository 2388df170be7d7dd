//! The part of a connector's configuration that the worker reads.

use std::time::Duration;

use connect_api::ConfigMap;
use connect_api::TopicName;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigEnum;
use connect_api::config::ConfigErrors;
use connect_api::config::FromConfig;
use connect_api::config::Validator;
use connect_api::config::validator;

/// What happens to records that cannot be handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ConfigEnum)]
#[config(ignore_case)]
#[non_exhaustive]
pub enum ErrorTolerance {
    /// They are skipped and reported.
    All,
    /// The first one fails the task.
    None,
}

/// Whether a source connector requires exactly-once delivery (KIP-618).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ConfigEnum)]
#[config(ignore_case)]
#[non_exhaustive]
pub enum ExactlyOnce {
    /// It is used if the worker offers it.
    Requested,
    /// The worker must offer it and the connector must support it.
    Required,
}

/// Where transactions of a source task end (KIP-618).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ConfigEnum)]
#[config(ignore_case)]
#[non_exhaustive]
pub enum TransactionBoundary {
    /// Where the task defines them.
    Connector,
    /// At an interval.
    Interval,
    /// After each batch of `poll`.
    Poll,
}

/// Keys of every connector. Keys that only sources or only sinks have are optional here; `validate`
/// checks them.
#[derive(Debug, Clone, ConfigDef)]
#[config(group = "Common")]
pub(crate) struct ConnectorKeys {
    /// Globally unique name to use for this connector.
    #[config(
        name = "name",
        importance = high,
        validate = non_empty_without_control_chars,
        width = medium,
        display = "Connector name"
    )]
    #[expect(
        dead_code,
        reason = "the key is checked; who reads it knows the name already"
    )]
    pub(crate) name: String,
    /// Class of the connector: full name, simple name or short name.
    #[config(
        name = "connector.class",
        importance = high,
        width = long,
        display = "Connector class"
    )]
    pub(crate) class: String,
    /// Maximum number of tasks to use for this connector.
    #[config(
        name = "tasks.max",
        default = 1,
        importance = high,
        validate = at_least(1),
        width = short,
        display = "Tasks max"
    )]
    pub(crate) tasks_max: i32,
    /// Whether a connector that makes more tasks than `tasks.max` is an error.
    #[config(name = "tasks.max.enforce", default = true, importance = low)]
    pub(crate) tasks_max_enforce: bool,
    /// Converter of record keys; the worker's if absent.
    #[config(name = "key.converter", importance = low)]
    pub(crate) key_converter: Option<String>,
    /// Converter of record values; the worker's if absent.
    #[config(name = "value.converter", importance = low)]
    pub(crate) value_converter: Option<String>,
    /// Converter of header values; the worker's if absent.
    #[config(name = "header.converter", importance = low)]
    pub(crate) header_converter: Option<String>,
    /// Aliases of the transforms, in the order in which they apply.
    #[config(name = "transforms", default = "", importance = low, group = "Transforms")]
    pub(crate) transforms: Vec<String>,
    /// Aliases of the predicates that transforms use.
    #[config(name = "predicates", default = "", importance = low, group = "Predicates")]
    #[expect(
        dead_code,
        reason = "the key is checked; transforms name their predicates"
    )]
    pub(crate) predicates: Vec<String>,
    /// How long a failed operation is retried, in milliseconds; -1 is without limit.
    #[config(
        name = "errors.retry.timeout",
        default = 0,
        importance = medium,
        group = "Error Handling"
    )]
    pub(crate) errors_retry_timeout: i64,
    /// The longest wait between two attempts, in milliseconds.
    #[config(
        name = "errors.retry.delay.max.ms",
        default = 60000,
        importance = medium,
        group = "Error Handling"
    )]
    pub(crate) errors_retry_delay_max_ms: i64,
    /// `none` fails the task at the first record that cannot be handled; `all` skips such records.
    #[config(
        name = "errors.tolerance",
        default = ErrorTolerance::None,
        importance = medium,
        group = "Error Handling"
    )]
    pub(crate) errors_tolerance: ErrorTolerance,
    /// Whether records that cannot be handled are logged.
    #[config(name = "errors.log.enable", default = false, importance = medium, group = "Error Handling")]
    pub(crate) errors_log_enable: bool,
    /// Whether the log entry identifies the record.
    #[config(
        name = "errors.log.include.messages",
        default = false,
        importance = medium,
        group = "Error Handling"
    )]
    pub(crate) errors_log_include_messages: bool,
    /// Topic for records that cannot be handled. Sources have it too, unlike in Java.
    #[config(
        name = "errors.deadletterqueue.topic.name",
        default = "",
        importance = medium,
        group = "Error Handling"
    )]
    pub(crate) dead_letter_topic: String,
    /// Replicas of the dead letter topic, if it is created.
    #[config(
        name = "errors.deadletterqueue.topic.replication.factor",
        default = 3,
        importance = medium,
        group = "Error Handling"
    )]
    pub(crate) dead_letter_replication: i16,
    /// Whether the headers of dead letters describe the error.
    #[config(
        name = "errors.deadletterqueue.context.headers.enable",
        default = false,
        importance = medium,
        group = "Error Handling"
    )]
    pub(crate) dead_letter_context_headers: bool,
    /// Whether a source must be able to deliver exactly once.
    #[config(
        name = "exactly.once.support",
        default = ExactlyOnce::Requested,
        importance = medium,
        group = "Exactly Once Support"
    )]
    #[expect(dead_code, reason = "checked when the connector is created")]
    pub(crate) exactly_once: ExactlyOnce,
    /// Where transactions of a source end: `poll`, `interval` or `connector`.
    #[config(
        name = "transaction.boundary",
        default = TransactionBoundary::Poll,
        importance = medium,
        group = "Exactly Once Support"
    )]
    pub(crate) transaction_boundary: TransactionBoundary,
    /// Milliseconds between the ends of transactions with the boundary `interval`; the worker's
    /// `offset.flush.interval.ms` if absent.
    #[config(
        name = "transaction.boundary.interval.ms",
        importance = low,
        group = "Exactly Once Support"
    )]
    pub(crate) transaction_interval_ms: Option<i64>,
    /// Topic that keeps the source offsets of this connector; the worker's if absent.
    #[config(
        name = "offsets.storage.topic",
        validate = non_blank(),
        importance = low,
        group = "offsets.topic"
    )]
    pub(crate) offsets_topic: Option<String>,
    /// Whether what has failed for now is started again: `transient` or `never`; the worker's if absent.
    #[config(name = "restart.policy", validate = restart_policy(), importance = low, group = "Restarts")]
    #[expect(dead_code, reason = "checked here and read by `RestartPolicy`")]
    pub(crate) restart_policy: Option<String>,
    /// Milliseconds before the first restart; each further one waits twice as long.
    #[config(name = "restart.backoff.min.ms", validate = absent_or_at_least(1), importance = low, group = "Restarts")]
    #[expect(dead_code, reason = "checked here and read by `RestartPolicy`")]
    pub(crate) restart_backoff_min_ms: Option<i64>,
    /// The longest wait before a restart, in milliseconds.
    #[config(name = "restart.backoff.max.ms", validate = absent_or_at_least(1), importance = low, group = "Restarts")]
    #[expect(dead_code, reason = "checked here and read by `RestartPolicy`")]
    pub(crate) restart_backoff_max_ms: Option<i64>,
    /// How many restarts are allowed within the window.
    #[config(name = "restart.max.attempts", validate = absent_or_at_least(0), importance = low, group = "Restarts")]
    #[expect(dead_code, reason = "checked here and read by `RestartPolicy`")]
    pub(crate) restart_max_attempts: Option<i32>,
    /// The window that restarts are counted in, in milliseconds.
    #[config(name = "restart.window.ms", validate = absent_or_at_least(1), importance = low, group = "Restarts")]
    #[expect(dead_code, reason = "checked here and read by `RestartPolicy`")]
    pub(crate) restart_window_ms: Option<i64>,
    /// Topics that a sink reads.
    #[config(name = "topics", default = "", importance = high)]
    pub(crate) topics: Vec<String>,
    /// Regular expression of topics that a sink reads.
    #[config(name = "topics.regex", default = "", importance = high)]
    pub(crate) topics_regex: String,
}

/// The part of a connector's configuration that the worker reads.
#[derive(Debug, Clone)]
pub struct ConnectorSettings {
    pub(crate) keys: ConnectorKeys,
}

impl ConnectorSettings {
    /// Reads a configuration.
    ///
    /// # Errors
    /// The first error of each key.
    pub fn new(config: &ConfigMap) -> Result<Self, ConfigErrors> {
        Ok(Self {
            keys: ConnectorKeys::from_config(config)?,
        })
    }

    /// `connector.class`.
    #[must_use]
    pub fn class(&self) -> &str {
        &self.keys.class
    }

    /// `tasks.max`.
    #[must_use]
    pub fn tasks_max(&self) -> usize {
        usize::try_from(self.keys.tasks_max).unwrap_or(1)
    }

    /// `errors.tolerance`.
    #[must_use]
    pub const fn tolerance(&self) -> ErrorTolerance {
        self.keys.errors_tolerance
    }

    /// `topics`.
    #[must_use]
    pub fn topics(&self) -> Vec<TopicName> {
        self.keys.topics.iter().map(TopicName::new).collect()
    }

    pub(crate) fn dead_letter_topic(&self) -> Option<TopicName> {
        let name = self.keys.dead_letter_topic.trim();
        (!name.is_empty()).then(|| TopicName::new(name))
    }

    pub(crate) fn transaction_interval(&self) -> Option<Duration> {
        let millis = u64::try_from(self.keys.transaction_interval_ms?).unwrap_or_default();
        Some(Duration::from_millis(millis))
    }

    pub(crate) fn retry_timeout(&self) -> Option<Duration> {
        match u64::try_from(self.keys.errors_retry_timeout) {
            Ok(millis) => Some(Duration::from_millis(millis)),
            Err(_) => None,
        }
    }

    pub(crate) fn retry_delay_max(&self) -> Duration {
        Duration::from_millis(
            u64::try_from(self.keys.errors_retry_delay_max_ms).unwrap_or_default(),
        )
    }
}

fn restart_policy() -> impl Validator {
    validator::check("transient or never", |_, value| match value.as_str() {
        Some(policy)
            if !["transient", "never"]
                .iter()
                .any(|it| policy.eq_ignore_ascii_case(it)) =>
        {
            Err("String must be one of (case insensitive): TRANSIENT, NEVER".into())
        }
        _ => Ok(()),
    })
}

fn absent_or_at_least(min: i64) -> impl Validator {
    validator::check(
        "absent or a large enough number",
        move |_, value| match value.as_i64() {
            Some(number) if number < min => Err(format!("Value must be at least {min}")),
            _ => Ok(()),
        },
    )
}

fn non_blank() -> impl Validator {
    validator::check("non-blank text", |_, value| match value.as_str() {
        Some(text) if text.trim().is_empty() => Err("Value must be non-blank".into()),
        _ => Ok(()),
    })
}
