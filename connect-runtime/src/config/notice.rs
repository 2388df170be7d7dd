//! Remarks about keys of a configuration that have no effect.

use std::fmt;

use connect_api::ConfigMap;
use connect_api::PluginRegistry;
use connect_api::config::ConfigDef;
use connect_api::plugin::closest;

use crate::config::connector::ConnectorKeys;
use connect_api::config::FromConfig;

/// A remark about one key of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The key.
    pub key: String,
    /// What is to be said of it.
    pub kind: NoticeKind,
}

/// What is to be said of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoticeKind {
    /// It is known and has no effect here.
    Ignored {
        /// Why.
        reason: &'static str,
    },
    /// Nobody knows it.
    Unknown {
        /// The key that was probably meant.
        likely: Option<String>,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.kind {
            NoticeKind::Ignored { reason } => write!(f, "option \"{key}\" is ignored: {reason}"),
            NoticeKind::Unknown {
                likely: Some(likely),
            } => {
                write!(
                    f,
                    "option \"{key}\" is unknown and ignored; did you mean \"{likely}\"?"
                )
            }
            NoticeKind::Unknown { likely: None } => {
                write!(f, "option \"{key}\" is unknown and ignored")
            }
        }
    }
}

/// Options of Kafka Connect's worker that mean nothing here, by key or by prefix.
const IGNORED: &[(&str, &str)] = &[
    ("plugin.path", "plugins are linked into the program"),
    ("plugin.discovery", "plugins are linked into the program"),
    ("metric.reporters", "there is no JVM to report from"),
    ("metrics.", "there is no JVM to report from"),
    ("rest.", "this program has no REST interface yet"),
    ("listeners", "this program has no REST interface yet"),
    ("admin.listeners", "this program has no REST interface yet"),
    ("access.control.", "this program has no REST interface yet"),
    (
        "response.http.headers.config",
        "this program has no REST interface yet",
    ),
    ("config.providers", "config providers are not offered yet"),
    ("internal.key.converter", "removed in Kafka 3.0"),
    ("internal.value.converter", "removed in Kafka 3.0"),
    (
        "producer.",
        "the log inside the process has no clients to configure",
    ),
    (
        "consumer.",
        "the log inside the process has no clients to configure",
    ),
    (
        "admin.",
        "the log inside the process has no clients to configure",
    ),
    (
        "client.",
        "the log inside the process has no clients to configure",
    ),
    ("security.", "the log inside the process has no network"),
    ("ssl.", "the log inside the process has no network"),
    ("sasl.", "the log inside the process has no network"),
    (
        "config.storage.",
        "the log inside the process has one copy of everything",
    ),
    (
        "status.storage.",
        "the log inside the process has one copy of everything",
    ),
    (
        "offset.storage.",
        "the log inside the process has one copy of everything",
    ),
    (
        "key.converter.plugin.version",
        "one version of a plugin is linked",
    ),
    (
        "value.converter.plugin.version",
        "one version of a plugin is linked",
    ),
    (
        "header.converter.plugin.version",
        "one version of a plugin is linked",
    ),
];

/// Those that mean nothing only if the log is Kafka, by prefix.
const IGNORED_ON_KAFKA: &[(&str, &str)] = &[
    (
        "config.storage.",
        "a standalone worker on Kafka keeps configurations in memory",
    ),
    (
        "status.storage.",
        "a standalone worker on Kafka keeps statuses in memory",
    ),
];

pub(crate) fn worker_notices(config: &ConfigMap, def: &ConfigDef) -> Vec<Notice> {
    let has_kafka = config
        .get("bootstrap.servers")
        .is_some_and(|text| !text.trim().is_empty());
    let in_memory = if has_kafka { IGNORED_ON_KAFKA } else { &[] };
    let is_in_memory = |key: &str| in_memory.iter().any(|(prefix, _)| key.starts_with(prefix));
    let ignored = [in_memory, IGNORED].concat();
    let known = |key: &str| {
        def.key(key).is_some()
            || (has_kafka && is_for_kafka(key))
            || ["key.converter.", "value.converter.", "header.converter."]
                .iter()
                .any(|prefix| key.starts_with(prefix) && !key.ends_with(".plugin.version"))
    };
    let candidates: Vec<&str> = def
        .names()
        .chain(IGNORED.iter().map(|(key, _)| *key))
        .collect();
    config
        .keys()
        .filter(|key| is_in_memory(key) || !known(key))
        .map(|key| notice(key, &ignored, &candidates))
        .collect()
}

/// True for options of clients and topics of a Kafka cluster.
fn is_for_kafka(key: &str) -> bool {
    const PREFIXES: &[&str] = &[
        "producer.",
        "consumer.",
        "admin.",
        "client.",
        "security.",
        "ssl.",
        "sasl.",
        // Of the topic of source offsets.
        "offset.storage.",
    ];
    PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

fn notice(key: &str, ignored: &[(&str, &'static str)], candidates: &[&str]) -> Notice {
    let matches = |known: &str| key == known || (known.ends_with('.') && key.starts_with(known));
    let kind = match ignored.iter().find(|(known, _)| matches(known)) {
        Some((_, reason)) => NoticeKind::Ignored { reason },
        None => NoticeKind::Unknown {
            likely: closest(key, candidates.iter().copied()).map(Into::into),
        },
    };
    Notice {
        key: key.into(),
        kind,
    }
}

/// Options of Kafka Connect's connectors that mean nothing here, by key or by prefix.
const IGNORED_OF_CONNECTORS: &[(&str, &str)] = &[
    ("type", "the class says whether it is a source or a sink"),
    (
        "connector.plugin.version",
        "one version of a plugin is linked",
    ),
    (
        "key.converter.plugin.version",
        "one version of a plugin is linked",
    ),
    (
        "value.converter.plugin.version",
        "one version of a plugin is linked",
    ),
    (
        "header.converter.plugin.version",
        "one version of a plugin is linked",
    ),
    (
        "config.action.reload",
        "config providers are not offered yet",
    ),
];

/// Remarks about keys of a connector's configuration: unknown to the worker, to the connector and to
/// its plugins.
#[must_use]
pub fn connector_notices(registry: &PluginRegistry, config: &ConfigMap) -> Vec<Notice> {
    let connector = config
        .get("connector.class")
        .and_then(|class| registry.connector(class).ok())
        .map(|factory| factory.make());
    // Of an unknown class nobody knows the keys: the class itself will be refused.
    let knows_all = connector.is_some();
    let own: Vec<&str> = connector
        .as_ref()
        .map(|c| c.config_def().names().collect())
        .unwrap_or_default();
    let mut candidates: Vec<&str> = ConnectorKeys::config_def().names().collect();
    candidates.extend(own);
    let prefixes = [
        "key.converter.",
        "value.converter.",
        "header.converter.",
        "transforms.",
        "predicates.",
        "topic.creation.",
        "producer.override.",
        "consumer.override.",
        "admin.override.",
    ];
    config
        .keys()
        .filter(|key| {
            !candidates.contains(key)
                && !prefixes
                    .iter()
                    .any(|prefix| key.starts_with(prefix) && !key.ends_with(".plugin.version"))
        })
        .map(|key| notice(key, IGNORED_OF_CONNECTORS, &candidates))
        .filter(|notice| knows_all || matches!(notice.kind, NoticeKind::Ignored { .. }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::WorkerConfig;
    use connect_api::config_map;

    #[test]
    fn a_misspelt_key_of_a_worker_is_named() {
        let config = config_map! {
            "key.converter" => "k", "value.convertr" => "v", "plugin.path" => "/opt",
            "key.converter.schemas.enable" => false,
        };
        let texts: Vec<_> = worker_notices(&config, WorkerConfig::config_def())
            .iter()
            .map(Notice::to_string)
            .collect();
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert!(
            texts
                .iter()
                .any(|text| text.contains("did you mean \"value.converter\"?"))
        );
    }
}
