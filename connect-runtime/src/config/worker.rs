//! The configuration of a worker.

use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use connect_api::ConfigMap;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigEnum;
use connect_api::config::ConfigErrors;
use connect_api::config::FromConfig;

use crate::config::clients::OverridePolicy;
use crate::config::hint::with_hints;
use crate::config::store_topic::StoreKind;
use crate::config::store_topic::StoreTopic;
use crate::config::store_topic::positive_or_default;
use crate::plugin_threads::CallLimits;
use crate::plugin_threads::WatchLimits;

/// The configuration of a worker, in Kafka Connect's keys.
///
/// ```
/// use connect_api::config_map;
/// use connect_api::config::FromConfig;
/// use connect_runtime::WorkerConfig;
///
/// let config = WorkerConfig::from_config(&config_map! {
///     "key.converter" => "org.apache.kafka.connect.storage.StringConverter",
///     "value.converter" => "org.apache.kafka.connect.storage.StringConverter",
///     "offset.flush.interval.ms" => "10000",
/// })?;
/// assert_eq!(config.offset_flush_interval().as_secs(), 10);
/// # Ok::<(), connect_api::config::ConfigErrors>(())
/// ```
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    keys: WorkerKeys,
    raw: ConfigMap,
}

/// Whether a worker offers exactly-once delivery to sources (KIP-618).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ConfigEnum)]
#[config(ignore_case)]
enum ExactlyOnceSource {
    Disabled,
    Enabled,
    /// The same as disabled for a worker without a group.
    Preparing,
}

#[derive(Debug, Clone, ConfigDef)]
struct WorkerKeys {
    /// Kafka brokers to connect to. Without it, topics live in a durable log inside the process.
    #[config(name = "bootstrap.servers", default = "", importance = high)]
    bootstrap_servers: Vec<String>,
    /// Folder of the durable log inside the process.
    #[config(name = "data.dir", default = "connect-data", importance = high)]
    data_dir: PathBuf,
    /// Converter of record keys, unless the connector names its own.
    #[config(name = "key.converter", importance = high)]
    key_converter: String,
    /// Converter of record values, unless the connector names its own.
    #[config(name = "value.converter", importance = high)]
    value_converter: String,
    /// Converter of header values, unless the connector names its own.
    #[config(
        name = "header.converter",
        default = "org.apache.kafka.connect.storage.SimpleHeaderConverter",
        importance = low
    )]
    header_converter: String,
    /// How long all tasks together may take to stop before they are abandoned.
    #[config(name = "task.shutdown.graceful.timeout.ms", default = 5000, importance = low)]
    task_shutdown_graceful_timeout_ms: i64,
    /// Interval at which offsets are committed.
    #[config(name = "offset.flush.interval.ms", default = 60000, importance = low)]
    offset_flush_interval_ms: i64,
    /// How long one commit of offsets may take.
    #[config(name = "offset.flush.timeout.ms", default = 5000, importance = low)]
    offset_flush_timeout_ms: i64,
    /// Topic that keeps source offsets.
    #[config(
        name = "offset.storage.topic",
        default = "connect-offsets",
        validate = non_empty,
        importance = low
    )]
    offset_storage_topic: String,
    /// Partitions of the topic of source offsets, if it is created; -1 is the log's default. On
    /// Kafka 25 if absent.
    #[config(
        name = "offset.storage.partitions",
        validate = positive_or_default("Number of partitions"),
        importance = low
    )]
    offset_storage_partitions: Option<i32>,
    /// Replicas of the topic of source offsets, if it is created; -1 is the log's default. On
    /// Kafka 3 if absent.
    #[config(
        name = "offset.storage.replication.factor",
        validate = positive_or_default("Replication factor"),
        importance = low
    )]
    offset_storage_replication: Option<i16>,
    /// Topic that keeps the configurations of connectors, where the worker keeps them in the log.
    #[config(
        name = "config.storage.topic",
        default = "connect-configs",
        validate = non_empty,
        importance = low
    )]
    config_storage_topic: String,
    /// Replicas of the topic of configurations, where it is created; -1 is the log's default. On
    /// Kafka 3 if absent.
    #[config(
        name = "config.storage.replication.factor",
        validate = positive_or_default("Replication factor"),
        importance = low
    )]
    config_storage_replication: Option<i16>,
    /// Topic that keeps statuses and used topics, where the worker keeps them in the log.
    #[config(
        name = "status.storage.topic",
        default = "connect-status",
        validate = non_empty,
        importance = low
    )]
    status_storage_topic: String,
    /// Partitions of the topic of statuses, where it is created; -1 is the log's default. On Kafka 5
    /// if absent.
    #[config(
        name = "status.storage.partitions",
        validate = positive_or_default("Number of partitions"),
        importance = low
    )]
    status_storage_partitions: Option<i32>,
    /// Replicas of the topic of statuses, where it is created; -1 is the log's default. On Kafka 3
    /// if absent.
    #[config(
        name = "status.storage.replication.factor",
        validate = positive_or_default("Replication factor"),
        importance = low
    )]
    status_storage_replication: Option<i16>,
    /// Whether the topics that connectors use are recorded.
    #[config(name = "topic.tracking.enable", default = true, importance = low)]
    topic_tracking: bool,
    /// Whether the topics that a connector has used may be forgotten on request.
    #[config(name = "topic.tracking.allow.reset", default = true, importance = low)]
    topic_tracking_reset: bool,
    /// File that keeps source offsets on Kafka; imported once into the log inside the process.
    #[config(name = "offset.storage.file.filename", default = "", importance = low)]
    offset_storage_file: PathBuf,
    /// Whether source records and their offsets are written in one transaction: `enabled` or not.
    #[config(
        name = "exactly.once.source.support",
        default = ExactlyOnceSource::Disabled,
        importance = high
    )]
    exactly_once_source: ExactlyOnceSource,
    /// The group of the worker. In standalone mode it only names transactions.
    #[config(name = "group.id", default = "connect-standalone", importance = low)]
    group_id: String,
    /// Whether connectors may define how the topics that they write to are created.
    #[config(name = "topic.creation.enable", default = true, importance = low)]
    topic_creation: bool,
    /// Which client options connectors may override: All, None, Principal or Allowlist.
    #[config(
        name = "connector.client.config.override.policy",
        default = OverridePolicy::All,
        importance = medium
    )]
    override_policy: OverridePolicy,
    /// Client options that connectors may override under the policy Allowlist.
    #[config(
        name = "connector.client.config.override.allowlist",
        default = "",
        importance = medium
    )]
    override_allowlist: Vec<String>,
    /// Bytes of records of a source task that the log may have accepted and that are not durable yet.
    #[config(
        name = "source.max.in.flight.bytes",
        default = 16777216,
        validate = at_least(1),
        importance = low
    )]
    source_max_in_flight_bytes: i64,
    /// Threads that run plugins; 0 is one per core.
    #[config(name = "plugin.threads", default = 0, validate = at_least(0), importance = low)]
    plugin_threads: i32,
    /// Threads that may be added while plugins block others.
    #[config(
        name = "plugin.threads.spare.max",
        default = 64,
        validate = at_least(0),
        importance = low
    )]
    plugin_threads_spare_max: i32,
    /// How long plugin code may hold its thread before a spare thread takes its place.
    #[config(
        name = "plugin.block.timeout.ms",
        default = 1000,
        validate = at_least(1),
        importance = low
    )]
    plugin_block_timeout_ms: i64,
    /// How long `start` of a connector or task may take before it has failed.
    #[config(
        name = "plugin.start.timeout.ms",
        default = 60000,
        validate = at_least(1),
        importance = low
    )]
    plugin_start_timeout_ms: i64,
    /// How long `task_configs` may take before the connector has failed.
    #[config(
        name = "plugin.task.configs.timeout.ms",
        default = 60000,
        validate = at_least(1),
        importance = low
    )]
    plugin_task_configs_timeout_ms: i64,
    /// How long `validate` may take before the request is refused.
    #[config(
        name = "plugin.validate.timeout.ms",
        default = 60000,
        validate = at_least(1),
        importance = low
    )]
    plugin_validate_timeout_ms: i64,
    /// How long `alter_offsets` and the change itself may take before the request is refused.
    #[config(
        name = "plugin.alter.offsets.timeout.ms",
        default = 60000,
        validate = at_least(1),
        importance = low
    )]
    plugin_alter_offsets_timeout_ms: i64,
    /// How long `put` may take before the task counts as stalled.
    #[config(
        name = "plugin.put.timeout.ms",
        default = 60000,
        validate = at_least(1),
        importance = low
    )]
    plugin_put_timeout_ms: i64,
    /// How long `open`, `pre_commit` and `close` may take before the task counts as stalled.
    #[config(
        name = "plugin.commit.timeout.ms",
        default = 60000,
        validate = at_least(1),
        importance = low
    )]
    plugin_commit_timeout_ms: i64,
    /// How long `delivered` and `committed` may take before the task counts as stalled.
    #[config(
        name = "plugin.callback.timeout.ms",
        default = 10000,
        validate = at_least(1),
        importance = low
    )]
    plugin_callback_timeout_ms: i64,
    /// How long a request may take, unless the caller says so.
    #[config(
        name = "herder.request.timeout.ms",
        default = 90000,
        validate = at_least(1),
        importance = low
    )]
    herder_request_timeout_ms: i64,
    /// Whether what has failed for now is started again: `transient` or `never`, unless the connector says so.
    #[config(name = "restart.policy", default = "transient", validate = one_of_ignore_case("transient", "never"), importance = low)]
    #[expect(dead_code, reason = "checked here and read by `RestartPolicy`")]
    restart_policy: String,
    /// Milliseconds before the first restart; each further one waits twice as long.
    #[config(name = "restart.backoff.min.ms", default = 1000, validate = at_least(1), importance = low)]
    #[expect(dead_code, reason = "checked here and read by `RestartPolicy`")]
    restart_backoff_min_ms: i64,
    /// The longest wait before a restart, in milliseconds.
    #[config(name = "restart.backoff.max.ms", default = 60000, validate = at_least(1), importance = low)]
    #[expect(dead_code, reason = "checked here and read by `RestartPolicy`")]
    restart_backoff_max_ms: i64,
    /// How many restarts are allowed within the window.
    #[config(name = "restart.max.attempts", default = 20, validate = at_least(0), importance = low)]
    #[expect(dead_code, reason = "checked here and read by `RestartPolicy`")]
    restart_max_attempts: i32,
    /// The window that restarts are counted in, in milliseconds.
    #[config(name = "restart.window.ms", default = 3600000, validate = at_least(1), importance = low)]
    #[expect(dead_code, reason = "checked here and read by `RestartPolicy`")]
    restart_window_ms: i64,
}

impl WorkerConfig {
    /// True if there is a Kafka cluster to run on.
    #[must_use]
    pub fn has_kafka(&self) -> bool {
        !self.keys.bootstrap_servers.is_empty()
    }

    /// `bootstrap.servers`.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &[String] {
        &self.keys.bootstrap_servers
    }

    /// `data.dir`: folder of the durable log inside the process.
    #[must_use]
    pub const fn data_dir(&self) -> &PathBuf {
        &self.keys.data_dir
    }

    /// `offset.flush.interval.ms`.
    #[must_use]
    pub fn offset_flush_interval(&self) -> Duration {
        millis(self.keys.offset_flush_interval_ms).max(Duration::from_millis(1))
    }

    /// `offset.flush.timeout.ms`.
    #[must_use]
    pub fn offset_flush_timeout(&self) -> Duration {
        millis(self.keys.offset_flush_timeout_ms)
    }

    /// `task.shutdown.graceful.timeout.ms`.
    #[must_use]
    pub fn graceful_timeout(&self) -> Duration {
        millis(self.keys.task_shutdown_graceful_timeout_ms)
    }

    /// `offset.storage.topic`.
    #[must_use]
    pub fn offset_topic(&self) -> &str {
        &self.keys.offset_storage_topic
    }

    /// The topic of source offsets, and how it is made.
    pub(crate) fn offset_storage(&self) -> StoreTopic {
        StoreTopic::of_worker(
            StoreKind::Offsets,
            &self.raw,
            &self.keys.offset_storage_topic,
            self.has_kafka(),
            self.keys.offset_storage_partitions,
            self.keys.offset_storage_replication,
        )
    }

    /// The topic of configurations, and how it is made.
    pub(crate) fn config_storage(&self) -> StoreTopic {
        StoreTopic::of_worker(
            StoreKind::Configs,
            &self.raw,
            &self.keys.config_storage_topic,
            self.has_kafka(),
            None,
            self.keys.config_storage_replication,
        )
    }

    /// The topic of statuses, and how it is made.
    pub(crate) fn status_storage(&self) -> StoreTopic {
        StoreTopic::of_worker(
            StoreKind::Statuses,
            &self.raw,
            &self.keys.status_storage_topic,
            self.has_kafka(),
            self.keys.status_storage_partitions,
            self.keys.status_storage_replication,
        )
    }

    /// `topic.tracking.enable`.
    pub(crate) const fn topic_tracking(&self) -> bool {
        self.keys.topic_tracking
    }

    /// `topic.tracking.allow.reset`.
    pub(crate) const fn topic_tracking_reset(&self) -> bool {
        self.keys.topic_tracking_reset
    }

    /// `offset.storage.file.filename`, if set.
    #[must_use]
    pub fn offset_file(&self) -> Option<&PathBuf> {
        Some(&self.keys.offset_storage_file).filter(|path| !path.as_os_str().is_empty())
    }

    /// True if `exactly.once.source.support` is `enabled`.
    #[must_use]
    pub fn exactly_once_source(&self) -> bool {
        self.keys.exactly_once_source == ExactlyOnceSource::Enabled
    }

    /// `group.id`.
    #[must_use]
    pub fn group_id(&self) -> &str {
        &self.keys.group_id
    }

    /// `source.max.in.flight.bytes`.
    #[must_use]
    pub fn source_max_in_flight_bytes(&self) -> usize {
        usize::try_from(self.keys.source_max_in_flight_bytes).unwrap_or(usize::MAX)
    }

    /// The configuration as it was given.
    #[must_use]
    pub const fn raw(&self) -> &ConfigMap {
        &self.raw
    }

    /// `plugin.threads`: how many threads run plugins.
    pub(crate) fn plugin_threads(&self) -> usize {
        match usize::try_from(self.keys.plugin_threads) {
            Ok(threads) if threads > 0 => threads,
            _ => std::thread::available_parallelism().map_or(1, NonZero::get),
        }
    }

    /// `plugin.threads.spare.max`.
    pub(crate) fn plugin_threads_spare_max(&self) -> usize {
        usize::try_from(self.keys.plugin_threads_spare_max).unwrap_or_default()
    }

    /// `herder.request.timeout.ms`.
    pub(crate) fn request_timeout(&self) -> Duration {
        millis(self.keys.herder_request_timeout_ms)
    }

    /// When calls into plugins make a task stalled.
    pub(crate) fn watch_limits(&self) -> WatchLimits {
        WatchLimits {
            block: millis(self.keys.plugin_block_timeout_ms),
            calls: CallLimits {
                put: millis(self.keys.plugin_put_timeout_ms),
                commit: millis(self.keys.plugin_commit_timeout_ms),
                callback: millis(self.keys.plugin_callback_timeout_ms),
            },
        }
    }

    /// How long the herder waits.
    pub(crate) fn herder_limits(&self) -> connect_core::herder::CallLimits {
        let mut limits = connect_core::herder::CallLimits::default();
        limits.alter_offsets = millis(self.keys.plugin_alter_offsets_timeout_ms);
        limits.start = millis(self.keys.plugin_start_timeout_ms);
        limits.stop = self.graceful_timeout();
        limits.task_configs = millis(self.keys.plugin_task_configs_timeout_ms);
        limits.validate = millis(self.keys.plugin_validate_timeout_ms);
        limits
    }

    /// `topic.creation.enable`.
    pub(crate) fn topic_creation(&self) -> bool {
        self.keys.topic_creation
    }

    /// Why a client option may not be overridden.
    pub(crate) fn override_refusal(&self, key: &str) -> Option<String> {
        self.keys
            .override_policy
            .refusal(key, &self.keys.override_allowlist)
    }

    /// The class of the converter for connectors that do not set their own.
    pub(crate) fn converter(&self, key: &str) -> &str {
        match key {
            "key.converter" => &self.keys.key_converter,
            "value.converter" => &self.keys.value_converter,
            _ => &self.keys.header_converter,
        }
    }
}

impl FromConfig for WorkerConfig {
    fn config_def() -> &'static ConfigDef {
        WorkerKeys::config_def()
    }

    fn from_config(config: &ConfigMap) -> Result<Self, ConfigErrors> {
        Ok(Self {
            keys: WorkerKeys::from_config(config).map_err(|errors| with_hints(config, errors))?,
            raw: config.clone(),
        })
    }
}

fn millis(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}
