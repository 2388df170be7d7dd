//! Options that take more than another name to translate.

use std::collections::BTreeMap;
use std::time::Duration;

use connect_broker::BrokerError;
use connect_broker::Isolation;
use connect_broker::StartOffset;

use super::Role;
use super::Settings;
use super::bad;
use super::jaas;
use super::store;

type Given<'a> = BTreeMap<&'a str, &'a str>;

/// Applies an option that the table calls translated.
pub(super) fn apply(
    role: Role,
    name: &str,
    value: &str,
    given: &Given<'_>,
    settings: &mut Settings,
) -> Result<(), BrokerError> {
    let config = &mut settings.config;
    match name {
        "auto.offset.reset" => {
            let (start, native) = match value {
                "earliest" => (Some(StartOffset::Earliest), "earliest"),
                "latest" => (Some(StartOffset::Latest), "latest"),
                "none" => (None, "error"),
                _ => return Err(bad(name, value, "use earliest, latest or none")),
            };
            settings.start = start;
            config.set(name, native);
        }
        "buffer.memory" => settings.buffer_memory = Some(number(name, value)?),
        "compression.gzip.level" | "compression.lz4.level" | "compression.zstd.level" => {
            let kind = name.split('.').nth(1);
            if given.get("compression.type").copied() == kind {
                config.set("compression.level", value);
            }
        }
        "default.api.timeout.ms" => settings.api_timeout = millis(name, value)?,
        "exclude.internal.topics" => {
            settings.exclude_internal_topics = boolean(name, value)?;
        }
        "group.id" => settings.group = Some(value.to_owned()).filter(|group| !group.is_empty()),
        "isolation.level" => {
            settings.isolation = Some(match value {
                "read_committed" => Isolation::ReadCommitted,
                "read_uncommitted" => Isolation::ReadUncommitted,
                _ => return Err(bad(name, value, "use read_committed or read_uncommitted")),
            });
        }
        "linger.ms" => settings.linger = millis(name, value)?,
        "max.block.ms" => settings.max_block = millis(name, value)?,
        "max.poll.records" => settings.max_poll_records = Some(number(name, value)?),
        "partition.assignment.strategy" => {
            config.set(name, assignment_strategy(value)?);
        }
        "partitioner.ignore.keys" => {
            config.set(
                "partitioner",
                if boolean(name, value)? {
                    "random"
                } else {
                    "murmur2_random"
                },
            );
        }
        "request.timeout.ms" => {
            settings.request_timeout = millis(name, value)?;
            config.set("socket.timeout.ms", value);
            if role == Role::Producer {
                config.set(name, value);
            }
        }
        "retries" if role == Role::Producer => {
            config.set(name, value);
        }
        "sasl.jaas.config" => jaas::apply(value, given, config)?,
        "sasl.kerberos.kinit.cmd" => {
            // Java takes a program, librdkafka a command: its default command, with this program.
            let keytab = "-t \"%{sasl.kerberos.keytab}\" -k %{sasl.kerberos.principal}";
            let command = format!("{value} -R {keytab} || {value} {keytab}");
            let is_program = !value.contains(char::is_whitespace);
            config.set(name, if is_program { &command } else { value });
        }
        "sasl.login.callback.handler.class" => {
            if !value.ends_with(".OAuthBearerLoginCallbackHandler") {
                return Err(bad(
                    name,
                    value,
                    "Java classes cannot run here; use OAuthBearerLoginCallbackHandler",
                ));
            }
            config.set("sasl.oauthbearer.method", "oidc");
        }
        "sasl.oauthbearer.jwt.retriever.class" => {
            let grant = match value.rsplit('.').next().unwrap_or(value) {
                "" | "DefaultJwtRetriever" => return Ok(()),
                "ClientCredentialsJwtRetriever" => "client_credentials",
                "JwtBearerJwtRetriever" => "urn:ietf:params:oauth:grant-type:jwt-bearer",
                _ => {
                    let advice = "use DefaultJwtRetriever, ClientCredentialsJwtRetriever or \
                                  JwtBearerJwtRetriever";
                    return Err(bad(name, value, advice));
                }
            };
            config.set("sasl.oauthbearer.grant.type", grant);
        }
        "sasl.oauthbearer.token.endpoint.url" => {
            if value.starts_with("file:") {
                return Err(bad(
                    name,
                    value,
                    "tokens cannot be read from a file; use an https:// address",
                ));
            }
            config.set(name, value);
            config.set("sasl.oauthbearer.method", "oidc");
        }
        "ssl.cipher.suites" => {
            if value.starts_with("TLS_") {
                tracing::info!(
                    option = name,
                    "Java's names of cipher suites are ignored; use those of OpenSSL"
                );
            } else if !value.is_empty() {
                config.set(name, value);
            }
        }
        "ssl.endpoint.identification.algorithm" => {
            config.set(name, if value.is_empty() { "none" } else { value });
        }
        "ssl.keystore.location" => store::keystore(value, given, config)?,
        "ssl.truststore.location" => store::truststore(value, given, config)?,
        // Read together with the location.
        "ssl.keystore.password" | "ssl.truststore.password" => {}
        "ssl.keystore.type" | "ssl.truststore.type" => {}
        _ => {}
    }
    Ok(())
}

/// Reads options that are passed on and matter here, too.
pub(super) fn read(name: &str, value: &str, settings: &mut Settings) -> Result<(), BrokerError> {
    match name {
        "fetch.max.bytes" => {
            // librdkafka wants it to be at least as large as this, though consumers send nothing
            // large.
            let limit = number(name, value)?.min(1_000_000);
            settings.config.set("message.max.bytes", limit.to_string());
        }
        "max.poll.interval.ms" => settings.max_poll_interval = Some(millis(name, value)?),
        "max.request.size" => settings.max_record_bytes = number(name, value)?,
        "metadata.max.age.ms" => settings.metadata_max_age = Some(millis(name, value)?),
        // Compared in other places, which know the spelling in lower case only.
        "enable.idempotence" | "group.protocol" | "security.protocol" => {
            settings.config.set(name, value.to_ascii_lowercase());
        }
        _ => {}
    }
    Ok(())
}

/// The names of librdkafka for Java's assignor classes. Kafka's default lists an eager and a
/// cooperative one, to allow rolling changes. librdkafka takes one kind only: that of the first.
fn assignment_strategy(value: &str) -> Result<String, BrokerError> {
    let mut names = Vec::new();
    for class in value
        .split(',')
        .map(str::trim)
        .filter(|class| !class.is_empty())
    {
        let name = match class.rsplit('.').next().unwrap_or(class) {
            "CooperativeStickyAssignor" | "cooperative-sticky" => "cooperative-sticky",
            "RangeAssignor" | "range" => "range",
            "RoundRobinAssignor" | "roundrobin" => "roundrobin",
            _ => {
                return Err(bad(
                    "partition.assignment.strategy",
                    class,
                    "use RangeAssignor, RoundRobinAssignor or CooperativeStickyAssignor",
                ));
            }
        };
        names.push(name);
    }
    let cooperative = names.first() == Some(&"cooperative-sticky");
    names.retain(|name| (*name == "cooperative-sticky") == cooperative);
    Ok(names.join(","))
}

/// In any case, as in Java.
fn boolean(name: &str, value: &str) -> Result<bool, BrokerError> {
    let value = value.to_ascii_lowercase();
    value
        .parse()
        .map_err(|_| bad(name, &value, "use true or false"))
}

fn number(name: &str, value: &str) -> Result<usize, BrokerError> {
    value
        .trim()
        .parse()
        .map_err(|_| bad(name, value, "it must be a number of 0 or more"))
}

/// Milliseconds; Java's largest numbers mean "forever".
fn millis(name: &str, value: &str) -> Result<Duration, BrokerError> {
    let millis = number(name, value)?;
    Ok(Duration::from_millis(
        u64::try_from(millis).unwrap_or(u64::MAX),
    ))
}

#[cfg(test)]
mod tests {
    use connect_api::config_map;

    use super::*;
    use crate::config::translate;

    #[test]
    fn booleans_are_read_in_any_case() {
        let none = connect_api::ConfigMap::new();
        let options = config_map! { "exclude.internal.topics" => "False" };
        let settings = translate(Role::Consumer, &none, &options).unwrap();
        assert!(!settings.exclude_internal_topics);
        let options = config_map! { "partitioner.ignore.keys" => "TRUE" };
        let settings = translate(Role::Producer, &none, &options).unwrap();
        assert_eq!(settings.config.get("partitioner"), Some("random"));
        let options = config_map! { "partitioner.ignore.keys" => "yes" };
        let error = translate(Role::Producer, &none, &options).unwrap_err();
        assert!(
            error.to_string().contains("partitioner.ignore.keys"),
            "{error}"
        );
    }
}
