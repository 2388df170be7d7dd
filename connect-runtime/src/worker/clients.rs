//! The options of the clients that tasks get.

use std::time::Duration;

use connect_api::ConfigMap;
use connect_api::Error;
use connect_api::Result;
use connect_api::pattern::Pattern;
use connect_broker::ConsumerOptions;
use connect_broker::Isolation;
use connect_broker::ProducerOptions;
use connect_broker::StartOffset;
use connect_broker::Subscription;
use connect_core::ConnectorName;
use connect_core::TaskId;

use crate::config::ClientKind;
use crate::config::ConnectorSettings;
use crate::config::WorkerConfig;
use crate::config::client_config;
use crate::config::exactly_once_config;

pub(super) fn producer_options(
    id: &TaskId,
    worker: &WorkerConfig,
    connector: &ConfigMap,
) -> ProducerOptions {
    let mut options = ProducerOptions::default();
    options.client_id = format!("connector-producer-{id}");
    options.client_config = client_config(ClientKind::Producer, worker, connector);
    options.max_in_flight_bytes = worker.source_max_in_flight_bytes();
    if worker.exactly_once_source() {
        // The same id in each life of the task: a new one fences what is left of the old one.
        let transactional_id = transactional_id(worker, &id.connector, id.index);
        options.client_config = exactly_once_config(options.client_config, &transactional_id);
        options.transactional_id = Some(transactional_id);
    }
    options
}

/// The transactional id of a task (KIP-618).
pub(super) fn transactional_id(
    worker: &WorkerConfig,
    connector: &ConnectorName,
    index: usize,
) -> String {
    format!("{}-{connector}-{index}", worker.group_id())
}

pub(super) fn consumer_options(
    id: &TaskId,
    settings: &ConnectorSettings,
    worker: &WorkerConfig,
    connector: &ConfigMap,
) -> Result<ConsumerOptions> {
    let mut options = ConsumerOptions::new(subscription(settings)?);
    options.client_id = format!("connector-consumer-{id}");
    options.client_config = client_config(ClientKind::Consumer, worker, connector);
    let config = &options.client_config;
    options.group = Some(group(&id.connector, config));
    options.isolation = match config.get("isolation.level").map(str::trim) {
        Some("read_uncommitted") => Isolation::ReadUncommitted,
        _ => Isolation::ReadCommitted,
    };
    if let Some(records) = config
        .get("max.poll.records")
        .and_then(|text| text.trim().parse().ok())
    {
        options.max_poll_records = records;
    }
    if let Some(millis) = config
        .get("max.poll.interval.ms")
        .and_then(|text| text.trim().parse().ok())
    {
        options.session_timeout = Duration::from_millis(millis);
    }
    if config.get("auto.offset.reset").map(str::trim) == Some("latest") {
        options.start = StartOffset::Latest;
    }
    Ok(options)
}

/// What a sink connector reads: `topics`, or `topics.regex`.
pub(crate) fn subscription(settings: &ConnectorSettings) -> Result<Subscription> {
    let text = settings.keys.topics_regex.trim();
    if text.is_empty() {
        return Ok(Subscription::Topics(settings.topics()));
    }
    let pattern = Pattern::new(text).map_err(|error| {
        let reason = error.reason();
        Error::config(format!(
            "Invalid value {text} for configuration topics.regex: {reason}"
        ))
    })?;
    Ok(Subscription::Pattern(pattern))
}

/// The consumer group of a sink connector, which its client options may rename.
pub(crate) fn group(connector: &str, consumer_config: &ConfigMap) -> String {
    let own = consumer_config.get("group.id").map(str::to_owned);
    own.unwrap_or_else(|| format!("connect-{connector}"))
}
