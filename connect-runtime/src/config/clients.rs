//! Client options of connectors: Connect's defaults, then the worker's `producer.`, `consumer.` and
//! `admin.`, then the connector's `producer.override.` and so on, under the override policy.

use connect_api::ConfigMap;
use connect_api::config::ConfigEnum;

use crate::config::WorkerConfig;

/// Which client options connectors may override (KIP-458, KIP-1188).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum OverridePolicy {
    All,
    /// Those in `connector.client.config.override.allowlist`.
    Allowlist,
    None,
    /// Those of authentication.
    Principal,
}

impl OverridePolicy {
    const fn name(self) -> &'static str {
        match self {
            Self::All => "All",
            Self::Allowlist => "Allowlist",
            Self::None => "None",
            Self::Principal => "Principal",
        }
    }

    /// Why an override is refused, in Java's words.
    pub(crate) fn refusal(self, key: &str, allowlist: &[String]) -> Option<String> {
        let allowed = match self {
            Self::All => true,
            Self::Allowlist => allowlist.iter().any(|allowed| allowed == key),
            Self::None => false,
            Self::Principal => {
                matches!(
                    key,
                    "security.protocol" | "sasl.jaas.config" | "sasl.mechanism"
                )
            }
        };
        (!allowed).then(|| {
            format!(
                "The '{}' policy does not allow '{key}' to be overridden in the connector \
                 configuration.",
                self.name()
            )
        })
    }
}

/// A kind of client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientKind {
    Admin,
    Consumer,
    Producer,
}

impl ClientKind {
    pub(crate) const ALL: [Self; 3] = [Self::Admin, Self::Consumer, Self::Producer];

    /// The name in configurations.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Consumer => "consumer",
            Self::Producer => "producer",
        }
    }

    /// The defaults that Connect sets.
    ///
    /// *Java*: producers are not idempotent and have one request in flight. Idempotent producers keep
    /// the order too, duplicate nothing on a retry, and are faster.
    const fn defaults(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Admin => &[],
            Self::Consumer => &[
                ("auto.offset.reset", "earliest"),
                // Kafka's own default: a `put` may take that long.
                ("max.poll.interval.ms", "300000"),
            ],
            Self::Producer => &[
                ("acks", "all"),
                ("delivery.timeout.ms", "2147483647"),
                ("enable.idempotence", "true"),
                ("max.block.ms", "9223372036854775807"),
            ],
        }
    }

    /// The prefix of overrides in a connector's configuration.
    pub(crate) fn override_prefix(self) -> String {
        format!("{}.override.", self.name())
    }
}

/// The clients that a connector has: sources write, sinks read, and each has all three with a topic
/// of its own for offsets or for dead letters.
pub(crate) fn used_clients(is_source: bool, connector: &ConfigMap) -> &'static [ClientKind] {
    let is_set = |key: &str| {
        connector
            .get(key)
            .is_some_and(|name| !name.trim().is_empty())
    };
    if is_source {
        if is_set("offsets.storage.topic") {
            &[
                ClientKind::Producer,
                ClientKind::Admin,
                ClientKind::Consumer,
            ]
        } else {
            &[ClientKind::Producer, ClientKind::Admin]
        }
    } else if is_set("errors.deadletterqueue.topic.name") {
        &[
            ClientKind::Consumer,
            ClientKind::Producer,
            ClientKind::Admin,
        ]
    } else {
        &[ClientKind::Consumer]
    }
}

/// The options of a client of a connector, in Kafka's names.
pub(crate) fn client_config(
    kind: ClientKind,
    worker: &WorkerConfig,
    connector: &ConfigMap,
) -> ConfigMap {
    let mut config: ConfigMap = kind.defaults().iter().copied().collect();
    config.extend(worker.raw().with_prefix(&format!("{}.", kind.name())));
    config.extend(connector.with_prefix(&kind.override_prefix()));
    if kind == ClientKind::Producer
        && !is_set(worker, connector, "enable.idempotence")
        && !allows_idempotence(&config)
    {
        config.insert("enable.idempotence", "false");
    }
    config
}

/// The options of a client that select the cluster and the login.
pub(crate) fn way_to_cluster(config: &ConfigMap) -> ConfigMap {
    let is_of_it = |key: &str| {
        key == "bootstrap.servers"
            || ["sasl.", "security.", "ssl."]
                .iter()
                .any(|prefix| key.starts_with(prefix))
    };
    let mut way = config.clone();
    for (key, _) in config.iter().filter(|(key, _)| !is_of_it(key)) {
        way.remove(key);
    }
    way
}

/// The options of a producer of an exactly-once source task. Options that would break its transactions
/// are replaced, with a warning.
pub(crate) fn exactly_once_config(mut config: ConfigMap, id: &str) -> ConfigMap {
    if let Some(own) = config.get("transactional.id").filter(|own| *own != id) {
        tracing::warn!(
            "the client option transactional.id=\"{own}\" is replaced with \"{id}\": the worker \
             names the transactions of exactly-once source tasks"
        );
    }
    config.remove("transactional.id");
    if let Some(own) = config.get("enable.idempotence").map(str::trim)
        && !own.eq_ignore_ascii_case("true")
    {
        tracing::warn!(
            "the client option enable.idempotence={own} is replaced with true: exactly-once source \
             tasks need it"
        );
        config.insert("enable.idempotence", "true");
    }
    config
}

/// True unless an option excludes idempotence. As in Java, a producer then does without it if it was
/// not requested explicitly.
fn allows_idempotence(config: &ConfigMap) -> bool {
    let fits = |key: &str, fits: fn(&str) -> bool| config.get(key).map(str::trim).is_none_or(fits);
    fits("acks", |acks| acks == "all" || acks == "-1")
        && fits("retries", |retries| retries != "0")
        && fits("max.in.flight.requests.per.connection", |count| {
            count.parse::<u32>().is_ok_and(|count| count <= 5)
        })
}

/// True if the worker or the connector sets a client option of producers.
fn is_set(worker: &WorkerConfig, connector: &ConfigMap, key: &str) -> bool {
    let kind = ClientKind::Producer;
    worker.raw().contains_key(&format!("{}.{key}", kind.name()))
        || connector.contains_key(&format!("{}{key}", kind.override_prefix()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use connect_api::config::FromConfig;
    use connect_api::config_map;

    #[test]
    fn the_connector_overrides_the_worker_which_overrides_connect() {
        let worker = WorkerConfig::from_config(&config_map! {
            "key.converter" => "k", "value.converter" => "v",
            "producer.acks" => "1", "producer.linger.ms" => "5", "consumer.acks" => "no",
        })
        .unwrap();
        let connector = config_map! { "producer.override.linger.ms" => "7" };
        let config = client_config(ClientKind::Producer, &worker, &connector);
        assert_eq!(
            (config.get("acks"), config.get("linger.ms")),
            (Some("1"), Some("7"))
        );
        assert_eq!(config.get("delivery.timeout.ms"), Some("2147483647"));
        assert_eq!(config.get("enable.idempotence"), Some("false"), "acks is 1");
        let connector = config_map! { "producer.override.enable.idempotence" => "true" };
        let config = client_config(ClientKind::Producer, &worker, &connector);
        assert_eq!(
            config.get("enable.idempotence"),
            Some("true"),
            "as it was asked for"
        );
    }

    #[test]
    fn what_breaks_transactions_is_replaced() {
        let config = config_map! {
            "transactional.id" => "mine", "enable.idempotence" => "false", "linger.ms" => "5",
        };
        let config = exactly_once_config(config, "g-c-0");
        let expected = config_map! { "enable.idempotence" => "true", "linger.ms" => "5" };
        assert_eq!(config, expected);
    }

    #[test]
    fn policies_refuse_in_the_words_of_java() {
        let none = OverridePolicy::None.refusal("acks", &[]).unwrap();
        assert_eq!(
            none,
            "The 'None' policy does not allow 'acks' to be overridden in the connector configuration."
        );
        assert!(
            OverridePolicy::Principal
                .refusal("sasl.mechanism", &[])
                .is_none()
        );
        assert!(OverridePolicy::Principal.refusal("acks", &[]).is_some());
        assert!(
            OverridePolicy::Allowlist
                .refusal("acks", &["acks".into()])
                .is_none()
        );
        assert!(OverridePolicy::All.refusal("acks", &[]).is_none());
    }
}
