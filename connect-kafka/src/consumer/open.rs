//! From options to a consumer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use connect_api::TopicPartition;
use connect_broker::BrokerError;
use connect_broker::ConsumerOptions;
use connect_broker::Isolation;
use connect_broker::StartOffset;
use connect_broker::Subscription;
use rdkafka::types::RDKafkaType;

use super::KafkaConsumer;
use super::Partition;
use super::buffer::Buffer;
use super::fetch::Fetcher;
use super::handoff::Handoff;
use super::offsets;
use super::offsets::Start;
use super::reader::Reader;
use super::subscription::Matching;
use super::subscription::MissingTopics;
use super::subscription::Watch;
use crate::client::NO_GROUP;
use crate::client::call;
use crate::client::call_error;
use crate::client::open as open_client;
use crate::config::Role;
use crate::config::Settings;
use crate::config::SharedOptions;
use crate::error::Subject;
use crate::ffi;
use crate::ffi::Client;
use crate::ffi::ConsumerQueue;

/// How often patterns look for new topics unless `metadata.max.age.ms` is set.
const PATTERN_INTERVAL: Duration = Duration::from_secs(10);

/// The longest that a group waits for a member that has died, unless `session.timeout.ms` is set.
const LONGEST_SESSION: Duration = Duration::from_secs(45);

/// Opens a consumer.
pub(crate) async fn open(
    shared: &SharedOptions,
    options: ConsumerOptions,
) -> Result<KafkaConsumer, BrokerError> {
    let mut settings =
        shared.settings(Role::Consumer, &options.client_config, &options.client_id)?;
    let group = settings
        .group
        .take()
        .or(options.group)
        .filter(|group| !group.is_empty());
    let is_member = !matches!(options.subscription, Subscription::Partitions(_));
    if is_member && group.is_none() {
        let problem = "a subscription to topics needs a consumer group; set group.id";
        return Err(BrokerError::InvalidOption(problem.into()));
    }
    let start = settings.start.unwrap_or(options.start);
    let must_be_committed = settings.config.get("auto.offset.reset") == Some("error");
    let isolation = settings.isolation.unwrap_or(options.isolation);
    let max_records = settings
        .max_poll_records
        .unwrap_or(options.max_poll_records)
        .max(1);
    let interval = settings
        .max_poll_interval
        .unwrap_or(options.session_timeout);
    set_defaults(&mut settings, group.as_deref(), start, isolation, interval);
    // Without a group, no offset is ever committed.
    let start = if must_be_committed && group.is_some() {
        Start::Fail
    } else {
        Start::from(start)
    };

    let client = open_client(RDKafkaType::RD_KAFKA_CONSUMER, &settings, None)?;
    let problem = |failure| call_error(&failure, Subject::Cluster, client.context());
    let queue = Arc::new(ConsumerQueue::open(&client).map_err(problem)?);
    let handoff = Arc::new(Handoff::new());
    let missing = Arc::new(MissingTopics::default());
    let mut consumer = KafkaConsumer {
        refusals: client.context().refusals(),
        client: Arc::clone(&client),
        handoff: Arc::clone(&handoff),
        queue: Arc::clone(&queue),
        group: group.clone(),
        start,
        timeout: settings.api_timeout,
        partitions: BTreeMap::new(),
        buffer: Buffer::new(max_records, options.max_poll_bytes.max(1)),
        seek: 0,
        unanswered: None,
        commit: None,
        watch: None,
    };
    let fetcher = Fetcher::new(max_records, options.max_poll_bytes);
    Reader::new(
        queue,
        &handoff,
        fetcher,
        start,
        group.clone(),
        interval,
        &missing,
    )
    .start()?;
    match options.subscription {
        Subscription::Partitions(partitions) => {
            consumer.partitions = assign(&client, partitions, group.is_some(), start).await?;
        }
        Subscription::Pattern(pattern) => {
            let interval = settings.metadata_max_age.unwrap_or(PATTERN_INTERVAL);
            let matching = Matching {
                pattern,
                exclude_internal: settings.exclude_internal_topics,
            };
            consumer.watch = Some(Watch::pattern(&client, matching, interval, &handoff)?);
        }
        Subscription::Topics(topics) => {
            consumer.watch = Some(Watch::names(&client, &topics, &missing, &handoff)?);
        }
        _ => {
            return Err(BrokerError::InvalidOption(
                "connect-kafka does not support this kind of subscription".into(),
            ));
        }
    }
    Ok(consumer)
}

/// Sets the options of librdkafka that the user has not set.
fn set_defaults(
    settings: &mut Settings,
    group: Option<&str>,
    start: StartOffset,
    isolation: Isolation,
    interval: Duration,
) {
    settings.config.set("group.id", group.unwrap_or(NO_GROUP));
    settings.config.set("enable.auto.commit", "false");
    settings.config.set("enable.auto.offset.store", "false");
    settings.config.set("enable.partition.eof", "true");
    let isolation = match isolation {
        Isolation::ReadCommitted => "read_committed",
        _ => "read_uncommitted",
    };
    settings.config.set("isolation.level", isolation);
    let reset = if start == StartOffset::Latest {
        "latest"
    } else {
        "earliest"
    };
    settings.set_default("auto.offset.reset", reset);
    settings.set_default("check.crcs", "true");
    // A topic that a consumer creates has the broker's number of partitions, not that of the source
    // that writes to it.
    settings.set_default("allow.auto.create.topics", "false");
    let protocol = settings.config.get("group.protocol").unwrap_or_default();
    if !protocol.eq_ignore_ascii_case("consumer") {
        let session = interval.min(LONGEST_SESSION).as_millis().to_string();
        settings.set_default("session.timeout.ms", session);
        let heartbeat = (interval.min(LONGEST_SESSION) / 3).min(Duration::from_secs(3));
        let heartbeat = heartbeat.as_millis().max(1).to_string();
        settings.set_default("heartbeat.interval.ms", heartbeat);
        settings.set_default("partition.assignment.strategy", "range");
    }
    let session = settings.number("session.timeout.ms").unwrap_or_default();
    let interval = interval.as_millis().max(session.into());
    settings
        .config
        .set("max.poll.interval.ms", interval.to_string());
    // By default, librdkafka pauses for a whole second once its queue is full.
    settings.set_default("fetch.queue.backoff.ms", "10");
    // Enough to keep a task busy during that pause. By default, librdkafka reads ahead 100,000
    // records or 64 MB, and needs a few hundred bytes more for each record.
    settings.set_default("queued.max.messages.kbytes", "16384");
    settings.set_default("queued.min.messages", "40000");
}

/// Assigns partitions without a group's assignment.
async fn assign(
    client: &Arc<Client>,
    partitions: Vec<TopicPartition>,
    has_group: bool,
    start: Start,
) -> Result<BTreeMap<TopicPartition, Partition>, BrokerError> {
    call(client, Subject::Cluster, move |client| {
        let starts = offsets::starts(client, &partitions, has_group, start);
        let list = offsets::list_with_starts(&partitions, &starts, has_group, start);
        ffi::assign(client, &list)?;
        let known = partitions.into_iter().map(|partition| {
            let next = starts.get(&partition).copied();
            (partition, Partition::starting_at(next))
        });
        Ok(known.collect())
    })
    .await
}

#[cfg(test)]
mod tests {
    use connect_api::ConfigMap;
    use connect_api::config_map;

    use super::*;
    use crate::config::translate;

    fn defaults(own: &ConfigMap) -> Settings {
        let mut settings = translate(Role::Consumer, &ConfigMap::new(), own).unwrap();
        let (start, isolation) = (StartOffset::Earliest, Isolation::ReadCommitted);
        let interval = Duration::from_secs(60);
        set_defaults(&mut settings, Some("g"), start, isolation, interval);
        settings
    }

    #[test]
    fn the_new_group_protocol_is_recognized_in_any_case() {
        for (protocol, sessions) in [("CONSUMER", false), ("consumer", false), ("CLASSIC", true)] {
            let settings = defaults(&config_map! { "group.protocol" => protocol });
            let session = settings.config.get("session.timeout.ms");
            assert_eq!(session.is_some(), sessions, "{protocol}");
        }
    }

    #[test]
    fn consumers_create_topics_only_if_told_to() {
        let name = "allow.auto.create.topics";
        assert_eq!(defaults(&ConfigMap::new()).config.get(name), Some("false"));
        let own = config_map! { name => "true" };
        assert_eq!(defaults(&own).config.get(name), Some("true"));
    }
}
