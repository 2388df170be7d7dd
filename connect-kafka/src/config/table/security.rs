//! Options of logins and TLS.

use super::super::ClientOption;
use super::super::Treatment::Ignored;
use super::super::Treatment::Refused;
use super::super::Treatment::Renamed;
use super::super::Treatment::Same;
use super::super::Treatment::Translated;
use super::ALL;
use super::ANY;
use super::DAY;
use super::JAVA_CLASS;
use super::option;

const JAVA_TLS: &str = "TLS is up to OpenSSL, not Java";
const LOGIN: &str = "librdkafka renews logins itself";

/// Ordered by name.
pub(super) const OPTIONS: &[ClientOption] = &[
    option(
        "sasl.client.callback.handler.class",
        ALL,
        Refused,
        JAVA_CLASS,
    ),
    option(
        "sasl.jaas.config",
        ALL,
        Translated,
        "the login modules of PLAIN, SCRAM, OAUTHBEARER and GSSAPI are supported",
    ),
    option(
        "sasl.kerberos.kinit.cmd",
        ALL,
        Translated,
        "a program, which gets the arguments that librdkafka gives it, or a whole command",
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
        Translated,
        "`OAuthBearerLoginCallbackHandler` needs the feature `oidc`; others are refused",
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
        "`GSSAPI` needs the feature `gssapi`",
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
        "an option of brokers",
    ),
    option(
        "sasl.oauthbearer.expected.audience",
        ALL,
        Ignored,
        "an option of brokers",
    ),
    option(
        "sasl.oauthbearer.expected.issuer",
        ALL,
        Ignored,
        "an option of brokers",
    ),
    option(
        "sasl.oauthbearer.header.urlencode",
        ALL,
        Ignored,
        "librdkafka does not have it",
    ),
    option(
        "sasl.oauthbearer.jwks.endpoint.refresh.ms",
        ALL,
        Ignored,
        "an option of brokers",
    ),
    option(
        "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms",
        ALL,
        Ignored,
        "an option of brokers",
    ),
    option(
        "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms",
        ALL,
        Ignored,
        "an option of brokers",
    ),
    option(
        "sasl.oauthbearer.jwks.endpoint.url",
        ALL,
        Ignored,
        "an option of brokers",
    ),
    option(
        "sasl.oauthbearer.jwt.retriever.class",
        ALL,
        Translated,
        "passed on as `sasl.oauthbearer.grant.type` for Kafka's classes; `FileJwtRetriever` and others are refused",
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
        Translated,
        "tokens are requested there; `file:` addresses are refused",
    ),
    option("security.protocol", ALL, Same, ""),
    option("security.providers", ALL, Refused, JAVA_CLASS),
    option(
        "ssl.cipher.suites",
        ALL,
        Translated,
        "names of OpenSSL; those of Java are ignored",
    ),
    option("ssl.enabled.protocols", ALL, Ignored, JAVA_TLS),
    option(
        "ssl.endpoint.identification.algorithm",
        ALL,
        Translated,
        "empty is passed on as `none`",
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
        Translated,
        "PEM or PKCS#12, recognized by the content; JKS has to be converted",
    ),
    option(
        "ssl.keystore.password",
        ALL,
        Translated,
        "the password of a PKCS#12 file",
    ),
    option(
        "ssl.keystore.type",
        ALL,
        Translated,
        "not needed: the format is recognized by the content",
    ),
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
        Translated,
        "PEM or PKCS#12, recognized by the content; JKS has to be converted",
    ),
    option(
        "ssl.truststore.password",
        ALL,
        Translated,
        "the password of a PKCS#12 file",
    ),
    option(
        "ssl.truststore.type",
        ALL,
        Translated,
        "not needed: the format is recognized by the content",
    ),
];
