//! Options that Kafka Connect has and that mean nothing here, and options that it had.

use connect_api::plugin::closest;

use super::NoticeKind;

/// An option that Kafka Connect had.
pub(super) struct Removed {
    class: &'static str,
    option: &'static str,
    pub(super) release: &'static str,
    pub(super) replacement: &'static str,
}

/// What replaced an option of a plugin class, if Kafka Connect removed it.
pub(super) fn removed(class: &str, option: &str) -> Option<&'static Removed> {
    let class = class.split('$').next().unwrap_or(class);
    REMOVED
        .iter()
        .find(|removed| removed.class == class && removed.option == option)
}

/// The notice for a key that nothing reads: why it is ignored, or which of `candidates` was probably
/// meant.
pub(super) fn ignored_or_unknown<'a>(
    key: &str,
    ignored: &[(&str, &'static str)],
    candidates: impl IntoIterator<Item = &'a str>,
) -> NoticeKind {
    match why_ignored(key, ignored) {
        Some(reason) => NoticeKind::Ignored { reason },
        None => NoticeKind::Unknown {
            class: None,
            likely: closest(key, candidates).map(str::to_owned),
        },
    }
}

/// Why a key is ignored, if it is one of `ignored`.
pub(super) fn why_ignored(key: &str, ignored: &[(&str, &'static str)]) -> Option<&'static str> {
    let matches = |known: &str| match known.strip_suffix('.') {
        Some(stem) => key == stem || key.starts_with(known),
        None => key == known,
    };
    let found = ignored.iter().find(|(known, _)| matches(known));
    found.map(|(_, reason)| *reason)
}

/// True if the worker itself reads a client option, whatever the log is.
pub(super) fn is_read_by_worker(option: &str) -> bool {
    [
        "auto.offset.reset",
        "group.id",
        "isolation.level",
        "max.poll.interval.ms",
        "max.poll.records",
    ]
    .contains(&option)
}

/// True for options of clients and topics of a Kafka cluster in a worker's configuration.
pub(super) fn is_for_kafka(key: &str) -> bool {
    const PREFIXES: &[&str] = &[
        "producer.",
        "consumer.",
        "admin.",
        "client.",
        "security.",
        "ssl.",
        "sasl.",
        "librdkafka.",
        // Of the topic of source offsets.
        "offset.storage.",
    ];
    const ALL_CLIENTS: &[&str] = &[
        "connections.max.idle.ms",
        "default.api.timeout.ms",
        "metadata.max.age.ms",
        "receive.buffer.bytes",
        "reconnect.backoff.max.ms",
        "reconnect.backoff.ms",
        "request.timeout.ms",
        "retry.backoff.max.ms",
        "retry.backoff.ms",
        "send.buffer.bytes",
        "socket.connection.setup.timeout.max.ms",
        "socket.connection.setup.timeout.ms",
    ];
    ALL_CLIENTS.contains(&key) || PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

const REMOVED: &[Removed] = &[
    Removed {
        class: "org.apache.kafka.connect.transforms.ReplaceField",
        option: "blacklist",
        release: "Kafka 4.0",
        replacement: "exclude",
    },
    Removed {
        class: "org.apache.kafka.connect.transforms.ReplaceField",
        option: "whitelist",
        release: "Kafka 4.0",
        replacement: "include",
    },
];

/// Options of Kafka Connect's worker that mean nothing here. A key that ends with a full stop is a
/// prefix, and also the key without the stop.
pub(super) const IGNORED_OF_WORKERS: &[(&str, &str)] = &[
    ("plugin.path", LINKED),
    ("plugin.discovery", LINKED),
    ("metric.reporters", NO_JVM),
    ("metrics.", NO_JVM),
    ("rest.", NO_REST),
    ("listeners.", NO_REST),
    ("admin.listeners.", NO_REST),
    ("access.control.", NO_REST),
    ("response.http.headers.config", NO_REST),
    ("config.providers.", NO_PROVIDERS),
    ("internal.key.converter.", "removed in Kafka 3.0"),
    ("internal.value.converter.", "removed in Kafka 3.0"),
    ("producer.", NO_CLIENTS),
    ("consumer.", NO_CLIENTS),
    ("admin.", NO_CLIENTS),
    ("client.", NO_CLIENTS),
    ("security.", NO_NETWORK),
    ("ssl.", NO_NETWORK),
    ("sasl.", NO_NETWORK),
    ("config.storage.", IN_MEMORY),
    ("status.storage.", IN_MEMORY),
    (
        "offset.storage.",
        "the log inside the process has one copy of everything",
    ),
    ("connect.protocol", NO_GROUP),
    ("heartbeat.interval.ms", NO_GROUP),
    ("inter.worker.", NO_GROUP),
    ("rebalance.timeout.ms", NO_GROUP),
    ("scheduled.rebalance.max.delay.ms", NO_GROUP),
    ("session.timeout.ms", NO_GROUP),
    ("worker.sync.timeout.ms", NO_GROUP),
    ("worker.unsync.backoff.ms", NO_GROUP),
];

/// True for options of topics that a worker on Kafka does not have.
pub(super) fn is_kept_in_memory(key: &str) -> bool {
    let prefixes = ["config.storage.", "status.storage."];
    prefixes.iter().any(|prefix| key.starts_with(prefix))
}

const IN_MEMORY: &str =
    "a worker keeps its connectors in memory on Kafka, and in one copy in a log of its own";

/// Options of Kafka Connect's connectors that mean nothing here.
pub(super) const IGNORED_OF_CONNECTORS: &[(&str, &str)] = &[
    ("type", "the class says whether it is a source or a sink"),
    ("connector.plugin.version", ONE_VERSION),
    ("config.action.reload", NO_PROVIDERS),
];

/// Options of connectors that mean nothing without a log.
pub(super) const IGNORED_WITHOUT_LOG: &[(&str, &str)] = &[
    ("key.converter.", NO_LOG),
    ("value.converter.", NO_LOG),
    ("header.converter.", NO_LOG),
    ("errors.deadletterqueue.", NO_LOG),
    ("offsets.storage.topic", NO_LOG),
    ("topic.creation.", NO_LOG),
    ("producer.override.", NO_LOG),
    ("consumer.override.", NO_LOG),
    ("admin.override.", NO_LOG),
];

/// Options of Kafka's topics.
pub(super) const TOPIC_OPTIONS: &[&str] = &[
    "cleanup.policy",
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.type",
    "compression.zstd.level",
    "delete.retention.ms",
    "file.delete.delay.ms",
    "flush.messages",
    "flush.ms",
    "follower.replication.throttled.replicas",
    "index.interval.bytes",
    "leader.replication.throttled.replicas",
    "local.retention.bytes",
    "local.retention.ms",
    "max.compaction.lag.ms",
    "max.message.bytes",
    "message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms",
    "message.timestamp.type",
    "min.cleanable.dirty.ratio",
    "min.compaction.lag.ms",
    "min.insync.replicas",
    "preallocate",
    "remote.log.copy.disable",
    "remote.log.delete.on.disable",
    "remote.storage.enable",
    "retention.bytes",
    "retention.ms",
    "segment.bytes",
    "segment.index.bytes",
    "segment.jitter.ms",
    "segment.ms",
    "unclean.leader.election.enable",
];

pub(super) const ONE_VERSION: &str = "one version of a plugin is linked";
pub(super) const NO_CLIENTS: &str = "the log inside the process has no clients to configure";
const LINKED: &str = "plugins are linked into the program";
const NO_GROUP: &str = "a standalone worker is not a member of a group";
const NO_JVM: &str = "there is no JVM to report from";
const NO_LOG: &str =
    "the connector runs without a log, so records are neither converted nor stored";
const NO_NETWORK: &str = "the log inside the process has no network";
const NO_PROVIDERS: &str = "config providers are not offered yet";
const NO_REST: &str = "there is no REST interface yet";
