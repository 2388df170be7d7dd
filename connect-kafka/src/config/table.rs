//! The options of Kafka's Java clients and what becomes of each.

use std::ops::RangeInclusive;

use super::ClientOption;
use super::Numbers;
use super::Treatment;
use super::Treatment::Ignored;
use super::Treatment::Own;
use super::Treatment::Refused;
use super::Treatment::Renamed;
use super::Treatment::Same;

const ADMIN: u8 = ClientOption::ADMIN;
const CONSUMER: u8 = ClientOption::CONSUMER;
const PRODUCER: u8 = ClientOption::PRODUCER;
const ALL: u8 = ADMIN | CONSUMER | PRODUCER;

const fn option(
    name: &'static str,
    clients: u8,
    treatment: Treatment,
    note: &'static str,
) -> ClientOption {
    ClientOption {
        name,
        clients,
        treatment,
        note,
        numbers: None,
    }
}

impl ClientOption {
    /// The numbers that Java takes, and those of them that have an effect here.
    const fn takes(mut self, java: RangeInclusive<i64>, here: RangeInclusive<i64>) -> Self {
        self.numbers = Some(Numbers {
            java: (*java.start(), *java.end()),
            here: (*here.start(), *here.end()),
        });
        self
    }
}

/// Java's types of numbers.
const INT: i64 = i32::MAX as i64;
const LONG: i64 = i64::MAX;
const ANY: RangeInclusive<i64> = i64::MIN..=LONG;
const ANY_INT: RangeInclusive<i64> = i32::MIN as i64..=INT;

/// In milliseconds.
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

const METRICS: &str = "the worker has its own metrics";
const BYTES: &str = "the worker hands over bytes";
const JAVA_TLS: &str = "OpenSSL decides";
const JAVA_CLASS: &str = "Java classes cannot run here";
const SHARE: &str = "no share groups here";
const LOGIN: &str = "librdkafka renews logins by itself";

/// Ordered by name.
pub(super) static OPTIONS: &[ClientOption] = &[
    option("acks", PRODUCER, Same, ""),
    option(
        "allow.auto.create.topics",
        CONSUMER,
        Same,
        "the default is `true`, as in Java",
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
        Own,
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
        Own,
        "bounds the records in flight, beside the worker's own bound",
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
        "if set, it wins over the name that the worker gives",
    ),
    option("client.rack", CONSUMER, Same, ""),
    option(
        "compression.gzip.level",
        PRODUCER,
        Own,
        "`compression.level`, if the type is `gzip`",
    )
    .takes(-1..=9, -1..=9),
    option(
        "compression.lz4.level",
        PRODUCER,
        Own,
        "`compression.level`, if the type is `lz4`",
    )
    .takes(1..=17, 1..=12),
    option("compression.type", PRODUCER, Same, ""),
    option(
        "compression.zstd.level",
        PRODUCER,
        Own,
        "`compression.level`, if the type is `zstd`",
    )
    .takes(-131_072..=22, 1..=12),
    option(
        "config.providers",
        ALL,
        Ignored,
        "the worker resolves variables",
    ),
    option(
        "connections.max.idle.ms",
        ALL,
        Same,
        "0 and less are never, which is the default: brokers close idle connections",
    )
    .takes(ANY, 0..=INT),
    option(
        "default.api.timeout.ms",
        ADMIN | CONSUMER,
        Own,
        "the limit of administrative calls; look-ups of consumers have 10 seconds",
    )
    .takes(0..=INT, 0..=HOUR),
    option(
        "delivery.timeout.ms",
        PRODUCER,
        Same,
        "at most `transaction.timeout.ms` in transactions",
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
        Own,
        "for subscriptions by pattern",
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
        Own,
        "if set, it wins over the group that the worker chooses",
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
        Own,
        "`read_committed` or `read_uncommitted`",
    ),
    option("key.deserializer", CONSUMER, Ignored, BYTES),
    option("key.serializer", PRODUCER, Ignored, BYTES),
    option(
        "linger.ms",
        PRODUCER,
        Own,
        "librdkafka is told to wait longer, and hurried after this time",
    )
    .takes(0..=LONG, 0..=60_000),
    option(
        "max.block.ms",
        PRODUCER,
        Own,
        "the limit of calls about transactions",
    )
    .takes(0..=LONG, 0..=LONG),
    option("max.in.flight.requests.per.connection", PRODUCER, Same, "")
        .takes(1..=INT, 1..=1_000_000),
    option("max.partition.fetch.bytes", CONSUMER, Same, "").takes(0..=INT, 1..=1_000_000_000),
    option("max.poll.interval.ms", CONSUMER, Same, "").takes(1..=INT, 1..=DAY),
    option(
        "max.poll.records",
        CONSUMER,
        Own,
        "if set, it wins over the worker's bound, which is 2000, not 500",
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
        "also how often patterns look for new topics",
    )
    .takes(0..=LONG, 100..=HOUR),
    option(
        "metadata.max.idle.ms",
        PRODUCER,
        Ignored,
        "librdkafka keeps what it needs",
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
        Own,
        "class names become librdkafka's names",
    ),
    option(
        "partitioner.adaptive.partitioning.enable",
        PRODUCER,
        Ignored,
        "librdkafka has no such",
    ),
    option(
        "partitioner.availability.timeout.ms",
        PRODUCER,
        Ignored,
        "librdkafka has no such",
    ),
    option("partitioner.class", PRODUCER, Refused, JAVA_CLASS),
    option(
        "partitioner.ignore.keys",
        PRODUCER,
        Own,
        "`partitioner`: `random` or `murmur2_random`",
    ),
    option(
        "receive.buffer.bytes",
        ALL,
        Renamed("socket.receive.buffer.bytes"),
        "-1 is the system's",
    )
    .takes(-1..=INT, 0..=100_000_000),
    option("reconnect.backoff.max.ms", ALL, Same, "").takes(0..=LONG, 0..=HOUR),
    option(
        "reconnect.backoff.ms",
        ALL,
        Same,
        "alone it is the longest wait as well, as in Java",
    )
    .takes(0..=LONG, 0..=HOUR),
    option(
        "request.timeout.ms",
        ALL,
        Own,
        "`socket.timeout.ms`, for producers `request.timeout.ms` as well",
    )
    .takes(0..=INT, 10..=300_000),
    option(
        "retries",
        ADMIN | PRODUCER,
        Own,
        "for producers the same; others retry in any case",
    )
    .takes(0..=INT, 0..=INT),
    option("retry.backoff.max.ms", ALL, Same, "").takes(0..=LONG, 1..=300_000),
    option("retry.backoff.ms", ALL, Same, "").takes(0..=LONG, 1..=300_000),
    option(
        "sasl.client.callback.handler.class",
        ALL,
        Refused,
        JAVA_CLASS,
    ),
    option(
        "sasl.jaas.config",
        ALL,
        Own,
        "read for PLAIN, SCRAM, OAUTHBEARER and GSSAPI; the class names the mechanism",
    ),
    option(
        "sasl.kerberos.kinit.cmd",
        ALL,
        Own,
        "a program, called as librdkafka does, or a whole command",
    ),
    option("sasl.kerberos.min.time.before.relogin", ALL, Same, "").takes(ANY, 0..=DAY),
    option("sasl.kerberos.service.name", ALL, Same, ""),
    option("sasl.kerberos.ticket.renew.jitter", ALL, Ignored, LOGIN),
    option(
        "sasl.kerberos.ticket.renew.window.factor",
        ALL,
        Ignored,
        LOGIN,
    ),
    option(
        "sasl.login.callback.handler.class",
        ALL,
        Own,
        "`OAuthBearerLoginCallbackHandler` is known, with the feature `oidc`; others are refused",
    ),
    option("sasl.login.class", ALL, Refused, JAVA_CLASS),
    option("sasl.login.connect.timeout.ms", ALL, Ignored, LOGIN),
    option("sasl.login.read.timeout.ms", ALL, Ignored, LOGIN),
    option("sasl.login.refresh.buffer.seconds", ALL, Ignored, LOGIN),
    option("sasl.login.refresh.min.period.seconds", ALL, Ignored, LOGIN),
    option("sasl.login.refresh.window.factor", ALL, Ignored, LOGIN),
    option("sasl.login.refresh.window.jitter", ALL, Ignored, LOGIN),
    option("sasl.login.retry.backoff.max.ms", ALL, Ignored, LOGIN),
    option("sasl.login.retry.backoff.ms", ALL, Ignored, LOGIN),
    option(
        "sasl.mechanism",
        ALL,
        Same,
        "`GSSAPI`, with the feature `gssapi`",
    ),
    option("sasl.oauthbearer.assertion.algorithm", ALL, Same, ""),
    option("sasl.oauthbearer.assertion.claim.aud", ALL, Same, ""),
    option(
        "sasl.oauthbearer.assertion.claim.exp.seconds",
        ALL,
        Same,
        "",
    )
    .takes(0..=86_400, 1..=86_400),
    option("sasl.oauthbearer.assertion.claim.iss", ALL, Same, ""),
    option(
        "sasl.oauthbearer.assertion.claim.jti.include",
        ALL,
        Same,
        "",
    ),
    option(
        "sasl.oauthbearer.assertion.claim.nbf.seconds",
        ALL,
        Same,
        "",
    )
    .takes(0..=3_600, 0..=3_600),
    option("sasl.oauthbearer.assertion.claim.sub", ALL, Same, ""),
    option("sasl.oauthbearer.assertion.file", ALL, Same, ""),
    option("sasl.oauthbearer.assertion.private.key.file", ALL, Same, ""),
    option(
        "sasl.oauthbearer.assertion.private.key.passphrase",
        ALL,
        Same,
        "",
    ),
    option(
        "sasl.oauthbearer.assertion.template.file",
        ALL,
        Renamed("sasl.oauthbearer.assertion.jwt.template.file"),
        "",
    ),
    option(
        "sasl.oauthbearer.client.credentials.client.id",
        ALL,
        Same,
        "",
    ),
    option(
        "sasl.oauthbearer.client.credentials.client.secret",
        ALL,
        Same,
        "",
    ),
    option(
        "sasl.oauthbearer.clock.skew.seconds",
        ALL,
        Ignored,
        "for brokers",
    ),
    option(
        "sasl.oauthbearer.expected.audience",
        ALL,
        Ignored,
        "for brokers",
    ),
    option(
        "sasl.oauthbearer.expected.issuer",
        ALL,
        Ignored,
        "for brokers",
    ),
    option(
        "sasl.oauthbearer.header.urlencode",
        ALL,
        Ignored,
        "librdkafka has no such",
    ),
    option(
        "sasl.oauthbearer.jwks.endpoint.refresh.ms",
        ALL,
        Ignored,
        "for brokers",
    ),
    option(
        "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms",
        ALL,
        Ignored,
        "for brokers",
    ),
    option(
        "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms",
        ALL,
        Ignored,
        "for brokers",
    ),
    option(
        "sasl.oauthbearer.jwks.endpoint.url",
        ALL,
        Ignored,
        "for brokers",
    ),
    option(
        "sasl.oauthbearer.jwt.retriever.class",
        ALL,
        Own,
        "`sasl.oauthbearer.grant.type`, for Kafka's own classes; `FileJwtRetriever` and others are refused",
    ),
    option(
        "sasl.oauthbearer.jwt.validator.class",
        ALL,
        Ignored,
        "the broker validates tokens",
    ),
    option("sasl.oauthbearer.scope", ALL, Same, ""),
    option(
        "sasl.oauthbearer.scope.claim.name",
        ALL,
        Ignored,
        "the broker validates tokens",
    ),
    option(
        "sasl.oauthbearer.sub.claim.name",
        ALL,
        Ignored,
        "the broker validates tokens",
    ),
    option(
        "sasl.oauthbearer.token.endpoint.url",
        ALL,
        Own,
        "makes tokens come from there; files are refused",
    ),
    option("security.protocol", ALL, Same, ""),
    option("security.providers", ALL, Refused, JAVA_CLASS),
    option(
        "send.buffer.bytes",
        ALL,
        Renamed("socket.send.buffer.bytes"),
        "-1 is the system's",
    )
    .takes(-1..=INT, 0..=100_000_000),
    option("session.timeout.ms", CONSUMER, Same, "").takes(ANY_INT, 1..=HOUR),
    option("share.acknowledgement.mode", CONSUMER, Ignored, SHARE),
    option("share.acquire.mode", CONSUMER, Ignored, SHARE),
    option(
        "socket.connection.setup.timeout.max.ms",
        ALL,
        Ignored,
        "librdkafka does not lengthen it",
    ),
    option(
        "socket.connection.setup.timeout.ms",
        ALL,
        Same,
        "the default is 10 seconds, as in Java, but for handshakes, too",
    )
    .takes(ANY, 1_000..=INT),
    option(
        "ssl.cipher.suites",
        ALL,
        Own,
        "in OpenSSL's names; Java's names are ignored",
    ),
    option("ssl.enabled.protocols", ALL, Ignored, JAVA_TLS),
    option(
        "ssl.endpoint.identification.algorithm",
        ALL,
        Own,
        "`https`, or empty for `none`",
    ),
    option("ssl.engine.factory.class", ALL, Refused, JAVA_CLASS),
    option("ssl.key.password", ALL, Same, ""),
    option("ssl.keymanager.algorithm", ALL, Ignored, JAVA_TLS),
    option(
        "ssl.keystore.certificate.chain",
        ALL,
        Renamed("ssl.certificate.pem"),
        "",
    ),
    option("ssl.keystore.key", ALL, Renamed("ssl.key.pem"), ""),
    option(
        "ssl.keystore.location",
        ALL,
        Own,
        "PEM or PKCS#12, as the file's content says; JKS has to be converted",
    ),
    option("ssl.keystore.password", ALL, Own, "of a PKCS#12 file"),
    option("ssl.keystore.type", ALL, Own, "the file's content decides"),
    option("ssl.protocol", ALL, Ignored, JAVA_TLS),
    option("ssl.provider", ALL, Ignored, JAVA_TLS),
    option("ssl.secure.random.implementation", ALL, Ignored, JAVA_TLS),
    option("ssl.trustmanager.algorithm", ALL, Ignored, JAVA_TLS),
    option(
        "ssl.truststore.certificates",
        ALL,
        Renamed("ssl.ca.pem"),
        "",
    ),
    option(
        "ssl.truststore.location",
        ALL,
        Own,
        "PEM or PKCS#12, as the file's content says; JKS has to be converted",
    ),
    option("ssl.truststore.password", ALL, Own, "of a PKCS#12 file"),
    option(
        "ssl.truststore.type",
        ALL,
        Own,
        "the file's content decides",
    ),
    option("transaction.timeout.ms", PRODUCER, Same, "").takes(ANY_INT, 1_000..=INT - 100),
    option(
        "transaction.two.phase.commit.enable",
        PRODUCER,
        Refused,
        "librdkafka has no such",
    ),
    option(
        "transactional.id",
        PRODUCER,
        Refused,
        "the worker chooses it",
    ),
    option("value.deserializer", CONSUMER, Ignored, BYTES),
    option("value.serializer", PRODUCER, Ignored, BYTES),
];
