//! Options of sending, reading and connections.

use super::super::ClientOption;
use super::super::Treatment::Ignored;
use super::super::Treatment::Refused;
use super::super::Treatment::Renamed;
use super::super::Treatment::Same;
use super::super::Treatment::Translated;
use super::ADMIN;
use super::ALL;
use super::ANY;
use super::ANY_INT;
use super::CONSUMER;
use super::DAY;
use super::HOUR;
use super::INT;
use super::JAVA_CLASS;
use super::LONG;
use super::PRODUCER;
use super::option;

const METRICS: &str = "configures Java's metrics, which this client does not have";
const BYTES: &str = "converters do this";
const SHARE: &str = "share groups are not used";

/// Ordered by name.
pub(super) const OPTIONS: &[ClientOption] = &[
    option("acks", PRODUCER, Same, ""),
    option(
        "allow.auto.create.topics",
        CONSUMER,
        Same,
        "the default is `false`, not `true`: sinks wait for their topics and do not create them",
    ),
    option(
        "auto.commit.interval.ms",
        CONSUMER,
        Ignored,
        "the worker commits offsets",
    ),
    option("auto.include.jmx.reporter", ALL, Ignored, METRICS),
    option(
        "auto.offset.reset",
        CONSUMER,
        Translated,
        "`earliest`, `latest` or `none`; `by_duration` is refused",
    ),
    option(
        "batch.size",
        PRODUCER,
        Same,
        "the default is librdkafka's 1000000, not 16384",
    )
    .takes(0..=INT, 1..=INT),
    option(
        "bootstrap.controllers",
        ADMIN,
        Refused,
        "use `bootstrap.servers`",
    ),
    option("bootstrap.servers", ALL, Same, ""),
    option(
        "buffer.memory",
        PRODUCER,
        Translated,
        "limits the bytes in flight, if it is less than the worker's own limit",
    )
    .takes(0..=LONG, 0..=LONG),
    option(
        "check.crcs",
        CONSUMER,
        Same,
        "the default is `true`, as in Java",
    ),
    option("client.dns.lookup", ALL, Same, ""),
    option(
        "client.id",
        ALL,
        Same,
        "the default is a name that the worker chooses",
    ),
    option("client.rack", CONSUMER, Same, ""),
    option(
        "compression.gzip.level",
        PRODUCER,
        Translated,
        "passed on as `compression.level` if `compression.type` is `gzip`",
    )
    .takes(-1..=9, -1..=9),
    option(
        "compression.lz4.level",
        PRODUCER,
        Translated,
        "passed on as `compression.level` if `compression.type` is `lz4`",
    )
    .takes(1..=17, 1..=12),
    option("compression.type", PRODUCER, Same, ""),
    option(
        "compression.zstd.level",
        PRODUCER,
        Translated,
        "passed on as `compression.level` if `compression.type` is `zstd`",
    )
    .takes(-131_072..=22, 1..=12),
    option(
        "config.providers",
        ALL,
        Ignored,
        "config providers are not supported yet",
    ),
    option(
        "connections.max.idle.ms",
        ALL,
        Same,
        "0 or less means never, which is the default: brokers close idle connections",
    )
    .takes(ANY, 0..=INT),
    option(
        "default.api.timeout.ms",
        ADMIN | CONSUMER,
        Translated,
        "the limit of administrative calls, and of reading committed offsets",
    )
    .takes(0..=INT, 0..=HOUR),
    option(
        "delivery.timeout.ms",
        PRODUCER,
        Same,
        "in transactions, at most `transaction.timeout.ms`",
    )
    .takes(0..=INT, 1..=INT),
    option(
        "enable.auto.commit",
        CONSUMER,
        Ignored,
        "the worker commits offsets",
    ),
    option(
        "enable.idempotence",
        PRODUCER,
        Same,
        "the default is `true`, as in Java",
    ),
    option("enable.metrics.push", ALL, Same, ""),
    option(
        "exclude.internal.topics",
        CONSUMER,
        Translated,
        "for `topics.regex`; the default is `true`, as in Java",
    ),
    option(
        "fetch.max.bytes",
        CONSUMER,
        Same,
        "a soft limit, as in Java",
    )
    .takes(0..=INT, 1_000..=INT - 512),
    option(
        "fetch.max.wait.ms",
        CONSUMER,
        Renamed("fetch.wait.max.ms"),
        "",
    )
    .takes(0..=INT, 0..=300_000),
    option("fetch.min.bytes", CONSUMER, Same, "").takes(0..=INT, 1..=100_000_000),
    option(
        "group.id",
        CONSUMER,
        Translated,
        "the default is the group that the worker chooses",
    ),
    option("group.instance.id", CONSUMER, Same, ""),
    option("group.protocol", CONSUMER, Same, ""),
    option("group.remote.assignor", CONSUMER, Same, ""),
    option("heartbeat.interval.ms", CONSUMER, Same, "").takes(ANY_INT, 1..=HOUR),
    option(
        "interceptor.classes",
        CONSUMER | PRODUCER,
        Refused,
        JAVA_CLASS,
    ),
    option(
        "isolation.level",
        CONSUMER,
        Translated,
        "`read_committed` or `read_uncommitted`",
    ),
    option("key.deserializer", CONSUMER, Ignored, BYTES),
    option("key.serializer", PRODUCER, Ignored, BYTES),
    option(
        "linger.ms",
        PRODUCER,
        Translated,
        "records wait this long for their batch to fill; librdkafka is flushed then",
    )
    .takes(0..=LONG, 0..=60_000),
    option(
        "max.block.ms",
        PRODUCER,
        Translated,
        "calls to the transaction coordinator are given up after four times this",
    )
    .takes(0..=LONG, 0..=LONG),
    option("max.in.flight.requests.per.connection", PRODUCER, Same, "")
        .takes(1..=INT, 1..=1_000_000),
    option("max.partition.fetch.bytes", CONSUMER, Same, "").takes(0..=INT, 1..=1_000_000_000),
    option("max.poll.interval.ms", CONSUMER, Same, "").takes(1..=INT, 1..=DAY),
    option(
        "max.poll.records",
        CONSUMER,
        Translated,
        "the default is 2000, not 500",
    )
    .takes(1..=INT, 1..=INT),
    option(
        "max.request.size",
        PRODUCER,
        Renamed("message.max.bytes"),
        "",
    )
    .takes(0..=INT, 1_000..=1_000_000_000),
    option(
        "metadata.max.age.ms",
        ALL,
        Renamed("topic.metadata.refresh.interval.ms"),
        "also how often `topics.regex` looks for new topics, by default every 10 seconds",
    )
    .takes(0..=LONG, 100..=HOUR),
    option(
        "metadata.max.idle.ms",
        PRODUCER,
        Ignored,
        "librdkafka decides how long it keeps metadata",
    ),
    option("metadata.recovery.rebootstrap.trigger.ms", ALL, Same, "").takes(0..=LONG, 0..=INT),
    option("metadata.recovery.strategy", ALL, Same, ""),
    option("metric.reporters", ALL, Ignored, METRICS),
    option("metrics.num.samples", ALL, Ignored, METRICS),
    option("metrics.recording.level", ALL, Ignored, METRICS),
    option("metrics.sample.window.ms", ALL, Ignored, METRICS),
    option(
        "partition.assignment.strategy",
        CONSUMER,
        Translated,
        "names of Java's assignors become those of librdkafka; the default is `range`",
    ),
    option(
        "partitioner.adaptive.partitioning.enable",
        PRODUCER,
        Ignored,
        "librdkafka does not have it",
    ),
    option(
        "partitioner.availability.timeout.ms",
        PRODUCER,
        Ignored,
        "librdkafka does not have it",
    ),
    option("partitioner.class", PRODUCER, Refused, JAVA_CLASS),
    option(
        "partitioner.ignore.keys",
        PRODUCER,
        Translated,
        "passed on as `partitioner`: `random` if true, else `murmur2_random`",
    ),
    option(
        "receive.buffer.bytes",
        ALL,
        Renamed("socket.receive.buffer.bytes"),
        "-1 is the default of the operating system",
    )
    .takes(-1..=INT, 0..=100_000_000),
    option("reconnect.backoff.max.ms", ALL, Same, "").takes(0..=LONG, 0..=HOUR),
    option(
        "reconnect.backoff.ms",
        ALL,
        Same,
        "without `reconnect.backoff.max.ms` it is also the longest wait, as in Java",
    )
    .takes(0..=LONG, 0..=HOUR),
    option(
        "request.timeout.ms",
        ALL,
        Translated,
        "passed on as `socket.timeout.ms`, for producers as `request.timeout.ms`, too",
    )
    .takes(0..=INT, 10..=300_000),
    option(
        "retries",
        ADMIN | PRODUCER,
        Translated,
        "passed on for producers; administrative clients always retry",
    )
    .takes(0..=INT, 0..=INT),
    option("retry.backoff.max.ms", ALL, Same, "").takes(0..=LONG, 1..=300_000),
    option("retry.backoff.ms", ALL, Same, "").takes(0..=LONG, 1..=300_000),
    option(
        "send.buffer.bytes",
        ALL,
        Renamed("socket.send.buffer.bytes"),
        "-1 is the default of the operating system",
    )
    .takes(-1..=INT, 0..=100_000_000),
    option("session.timeout.ms", CONSUMER, Same, "").takes(ANY_INT, 1..=HOUR),
    option("share.acknowledgement.mode", CONSUMER, Ignored, SHARE),
    option("share.acquire.mode", CONSUMER, Ignored, SHARE),
    option(
        "socket.connection.setup.timeout.max.ms",
        ALL,
        Ignored,
        "librdkafka does not increase the time-out",
    ),
    option(
        "socket.connection.setup.timeout.ms",
        ALL,
        Same,
        "the default is 10 seconds, as in Java; it includes the handshakes of TLS and SASL",
    )
    .takes(ANY, 1_000..=INT),
    option("transaction.timeout.ms", PRODUCER, Same, "").takes(ANY_INT, 1_000..=INT - 100),
    option(
        "transaction.two.phase.commit.enable",
        PRODUCER,
        Refused,
        "librdkafka does not have it",
    ),
    option(
        "transactional.id",
        PRODUCER,
        Refused,
        "the worker chooses it; remove the option",
    ),
    option("value.deserializer", CONSUMER, Ignored, BYTES),
    option("value.serializer", PRODUCER, Ignored, BYTES),
];
