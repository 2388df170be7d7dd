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
        let transactional_id = id.transactional_id(worker.group_id());
        options.client_config = exactly_once_config(options.client_config, &transactional_id);
        options.transactional_id = Some(transactional_id);
    }
    options
}

pub(crate) fn consumer_options(
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
        None | Some("read_committed") => Isolation::ReadCommitted,
        Some("read_uncommitted") => Isolation::ReadUncommitted,
        Some(other) => {
            return Err(Error::config(format!(
                "Invalid value {other} for configuration isolation.level: it must be \
                 read_committed or read_uncommitted"
            )));
        }
    };
    if let Some(records) = positive(config, "max.poll.records")? {
        options.max_poll_records = records;
    }
    if let Some(millis) = positive(config, "max.poll.interval.ms")? {
        options.session_timeout = Duration::from_millis(millis as u64);
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

/// A client option that is a number of 32 bits above 0.
fn positive(config: &ConfigMap, key: &str) -> Result<Option<usize>> {
    let Some(text) = config.get(key) else {
        return Ok(None);
    };
    let number = text.trim().parse::<i32>().ok();
    match number.and_then(|number| usize::try_from(number).ok()) {
        Some(number) if number > 0 => Ok(Some(number)),
        _ => Err(Error::config(format!(
            "Invalid value {text} for configuration {key}: it must be a number from 1 to {}",
            i32::MAX
        ))),
    }
}

/// The consumer group of a sink connector, which its client options may rename.
pub(crate) fn group(connector: &ConnectorName, consumer_config: &ConfigMap) -> String {
    let own = consumer_config.get("group.id").map(str::to_owned);
    own.unwrap_or_else(|| connector.consumer_group())
}
