//! Notices about a connector's configuration.

use connect_api::ConfigMap;
use connect_api::PluginRegistry;
use connect_api::config::ConfigDef;
use connect_api::config::FromConfig;

use super::Notice;
use super::NoticeKind;
use super::known;
use super::plugin;
use super::plugin::PluginOptions;
use super::topics;
use crate::config::ClientKind;
use crate::config::WorkerConfig;
use crate::config::clients::used_clients;
use crate::config::connector::ConnectorKeys;

/// The options of a connector that have no effect or that nothing reads, ordered by key: its own,
/// those of its converters, transforms and predicates, and those that the worker reads.
///
/// `worker` is the worker that is to run it; without one, the connector runs without a log. `config`
/// need not be valid: notices often say why it is not. The worker logs the notices of a connector
/// when it is created; call this to show them in another way.
///
/// ```
/// use connect_api::config_map;
/// use connect_runtime::connector_notices;
///
/// let config = config_map! {
///     "transforms" => "drop",
///     "transforms.drop.type" => "org.apache.kafka.connect.transforms.ReplaceField$Value",
///     "transforms.drop.blacklist" => "ssn",
/// };
/// let notices = connector_notices(&connect_runtime::plugins(), None, &config);
/// assert_eq!(
///     notices[0].to_string(),
///     "option \"transforms.drop.blacklist\" is ignored: it was removed in Kafka 4.0; \
///      use \"transforms.drop.exclude\"",
/// );
/// ```
#[must_use]
pub fn connector_notices(
    registry: &PluginRegistry,
    worker: Option<&WorkerConfig>,
    config: &ConfigMap,
) -> Vec<Notice> {
    let mut notices = Vec::new();
    let connector = config
        .get("connector.class")
        .and_then(|class| plugin::connector(registry, class));
    // The options of an unknown class are unknown too, and the class itself is an error.
    if let Some((def, is_source)) = &connector {
        check_own(config, def, &mut notices);
        check_role(config, def, *is_source, &mut notices);
        if let Some(worker) = worker {
            check_topics(config, worker, *is_source, &mut notices);
            check_clients(config, worker, *is_source, &mut notices);
        }
    }
    match worker {
        Some(_) => check_converters(registry, config, &mut notices),
        None => {
            let ignored = known::IGNORED_WITHOUT_LOG;
            let why = |key| Some((key, known::why_ignored(key, ignored)?));
            let found = config.keys().filter_map(why);
            notices.extend(
                found.map(|(key, reason)| Notice::new(key, NoticeKind::Ignored { reason })),
            );
        }
    }
    check_transforms(registry, config, &mut notices);
    notices.sort_by(|a, b| a.key.cmp(&b.key));
    notices
}

/// Aliases that a list names, and the keys below its prefix.
pub(super) struct Aliases<'a> {
    config: &'a ConfigMap,
    prefix: &'a str,
    /// The key of the list.
    list: &'a str,
    pub(super) listed: Vec<&'a str>,
}

impl<'a> Aliases<'a> {
    pub(super) fn of(config: &'a ConfigMap, prefix: &'a str, list: &'a str) -> Self {
        let texts = config.get(list).unwrap_or_default().split(',');
        let listed = texts.map(str::trim).filter(|alias| !alias.is_empty());
        Self {
            config,
            prefix,
            list,
            listed: listed.collect(),
        }
    }

    /// Aliases that have options and are not listed, each with the key that shows it best.
    pub(super) fn unlisted(&self) -> Vec<(&'a str, &'a str)> {
        let mut unlisted: Vec<(&str, &str)> = Vec::new();
        for key in self.config.keys().filter(|key| *key != self.list) {
            let Some(rest) = key.strip_prefix(self.prefix) else {
                continue;
            };
            let is_listed = |alias: &&str| {
                rest.strip_prefix(*alias)
                    .is_some_and(|option| option.starts_with('.'))
            };
            if self.listed.iter().any(is_listed) {
                continue;
            }
            let (alias, option) = rest.split_once('.').unwrap_or((rest, ""));
            match unlisted.iter_mut().find(|(known, _)| *known == alias) {
                Some((_, shown)) if option == "type" => *shown = key,
                Some(_) => {}
                None => unlisted.push((alias, key)),
            }
        }
        unlisted
    }
}

/// Keys without a prefix of a plugin.
fn check_own(config: &ConfigMap, def: &ConfigDef, notices: &mut Vec<Notice>) {
    let keys = ConnectorKeys::config_def();
    for key in config.keys() {
        let is_checked_elsewhere = PREFIXES.iter().any(|prefix| key.starts_with(prefix));
        if keys.allows(key) || def.allows(key) || is_checked_elsewhere {
            continue;
        }
        let candidates = def.names().chain(keys.names());
        let kind = known::ignored_or_unknown(key, known::IGNORED_OF_CONNECTORS, candidates);
        notices.push(Notice::new(key, kind));
    }
}

/// Keys that only sources or only sinks have.
fn check_role(config: &ConfigMap, def: &ConfigDef, is_source: bool, notices: &mut Vec<Notice>) {
    let (others, reason) = if is_source {
        (SINKS_ONLY, "only sink connectors have it")
    } else {
        (SOURCES_ONLY, "only source connectors have it")
    };
    let set = others
        .iter()
        .filter(|key| config.contains_key(key) && !def.allows(key));
    notices.extend(set.map(|key| Notice::unused(*key, reason)));
}

/// Rules for the creation of topics.
fn check_topics(
    config: &ConfigMap,
    worker: &WorkerConfig,
    is_source: bool,
    notices: &mut Vec<Notice>,
) {
    let Some(first) = config.keys().find(|key| key.starts_with(topics::PREFIX)) else {
        return;
    };
    if !is_source {
        let reason = "only source connectors create the topics that they use";
        notices.push(Notice::unused(first, reason));
    } else if !worker.topic_creation() {
        let reason = "the worker has topic.creation.enable=false";
        notices.push(Notice::unused(first, reason));
    } else {
        topics::check(config, notices);
    }
}

/// Options of clients that the connector does not have.
fn check_clients(
    config: &ConfigMap,
    worker: &WorkerConfig,
    is_source: bool,
    notices: &mut Vec<Notice>,
) {
    let used = used_clients(is_source, config);
    for kind in ClientKind::ALL {
        let prefix = kind.override_prefix();
        for option in config.with_prefix(&prefix).keys() {
            let key = format!("{prefix}{option}");
            let is_read = kind == ClientKind::Consumer && known::is_read_by_worker(option);
            if !used.contains(&kind) {
                let needs = if is_source {
                    "offsets.storage.topic"
                } else {
                    "errors.deadletterqueue.topic.name"
                };
                let kind = kind.name();
                let reason = format!("the connector has no {kind} without \"{needs}\"");
                notices.push(Notice::unused(key, reason));
            } else if !worker.has_kafka() && !is_read {
                let reason = known::NO_CLIENTS;
                notices.push(Notice::new(key, NoticeKind::Ignored { reason }));
            }
        }
    }
}

fn check_converters(registry: &PluginRegistry, config: &ConfigMap, notices: &mut Vec<Notice>) {
    for key in ["header.converter", "key.converter", "value.converter"] {
        let prefix = format!("{key}.");
        match config.get(key) {
            Some(class) => {
                if let Some((class, def)) = plugin::converter(registry, key, class) {
                    let options = PluginOptions {
                        prefix: &prefix,
                        class: &class,
                        def: &def,
                        workers: &[],
                    };
                    options.check(config, notices);
                }
            }
            None => {
                let reason = format!(
                    "the connector does not set \"{key}\", so the worker's converter is used with \
                     the worker's options"
                );
                let options = config.keys().filter(|key| key.starts_with(&prefix));
                notices.extend(options.map(|key| Notice::unused(key, reason.clone())));
            }
        }
    }
}

/// Transforms and their predicates.
fn check_transforms(registry: &PluginRegistry, config: &ConfigMap, notices: &mut Vec<Notice>) {
    let transforms = Aliases::of(config, "transforms.", "transforms");
    let predicates = Aliases::of(config, "predicates.", "predicates");
    for alias in &transforms.listed {
        let prefix = format!("transforms.{alias}.");
        check_plugin(
            config,
            &prefix,
            &["type", "predicate", "negate"],
            notices,
            |class| plugin::transform(registry, class),
        );
    }
    for alias in &predicates.listed {
        let prefix = format!("predicates.{alias}.");
        check_plugin(config, &prefix, &["type"], notices, |class| {
            plugin::predicate(registry, class)
        });
    }
    for (alias, key) in transforms.unlisted() {
        let reason = format!("transform \"{alias}\" is not listed in \"transforms\"");
        notices.push(Notice::unused(key, reason));
    }
    for (alias, key) in predicates.unlisted() {
        let reason = format!("predicate \"{alias}\" is not listed in \"predicates\"");
        notices.push(Notice::unused(key, reason));
    }
    let is_used = |predicate: &str| {
        transforms
            .listed
            .iter()
            .any(|alias| config.get(&format!("transforms.{alias}.predicate")) == Some(predicate))
    };
    for alias in predicates.listed.iter().filter(|alias| !is_used(alias)) {
        let key = format!("predicates.{alias}.type");
        let reason = format!("no transform has predicate \"{alias}\"");
        if config.contains_key(&key) {
            notices.push(Notice::unused(key, reason));
        }
    }
}

fn check_plugin(
    config: &ConfigMap,
    prefix: &str,
    workers: &[&'static str],
    notices: &mut Vec<Notice>,
    find: impl FnOnce(&str) -> Option<(String, ConfigDef)>,
) {
    let class = config.get(&format!("{prefix}type"));
    if let Some((class, def)) = class.and_then(find) {
        let options = PluginOptions {
            prefix,
            class: &class,
            def: &def,
            workers,
        };
        options.check(config, notices);
    }
}

/// Prefixes that are checked against something else than the connector.
const PREFIXES: &[&str] = &[
    "header.converter.",
    "key.converter.",
    "value.converter.",
    "transforms.",
    "predicates.",
    topics::PREFIX,
    "admin.override.",
    "consumer.override.",
    "producer.override.",
];

const SINKS_ONLY: &[&str] = &["topics", "topics.regex"];

const SOURCES_ONLY: &[&str] = &[
    "exactly.once.support",
    "offsets.storage.topic",
    "transaction.boundary",
    "transaction.boundary.interval.ms",
];

#[cfg(all(test, feature = "builtin"))]
#[expect(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]
mod tests {
    use async_trait::async_trait;
    use connect_api::Connector;
    use connect_api::ConnectorContext;
    use connect_api::Result;
    use connect_api::SourceConnector;
    use connect_api::SourceTask;
    use connect_api::config::ConfigKey;
    use connect_api::config::ConfigType;
    use connect_api::config_map;
    use connect_api::plugin::PluginInfo;

    use super::*;

    struct Http(ConfigDef);

    #[async_trait]
    impl Connector for Http {
        fn config_def(&self) -> &ConfigDef {
            &self.0
        }
        async fn start(&mut self, _: ConnectorContext, _: ConfigMap) -> Result<()> {
            Ok(())
        }
        async fn task_configs(&mut self, _: usize) -> Result<Vec<ConfigMap>> {
            Ok(Vec::new())
        }
    }

    impl SourceConnector for Http {
        fn task(&self) -> Box<dyn SourceTask> {
            unreachable!("nothing runs")
        }
    }

    fn registry() -> PluginRegistry {
        let mut registry = crate::plugins();
        registry.source(PluginInfo::new("test.Http", "1"), || {
            let url = ConfigKey::new("url", ConfigType::String);
            Http(ConfigDef::builder().key(url).open("http.header.").build())
        });
        registry.source(PluginInfo::new("test.Broken", "1"), || -> Http {
            panic!("it cannot be made")
        });
        registry
    }

    fn worker(more: &ConfigMap) -> WorkerConfig {
        let mut config = config_map! { "key.converter" => "String", "value.converter" => "String" };
        config.extend(more.clone());
        WorkerConfig::from_config(&config).unwrap()
    }

    fn texts(config: &ConfigMap) -> Vec<String> {
        let notices = connector_notices(&registry(), Some(&worker(&ConfigMap::new())), config);
        notices.iter().map(Notice::to_string).collect()
    }

    #[track_caller]
    fn assert_one(config: ConfigMap, text: &str) {
        let mut whole = config_map! { "name" => "c", "connector.class" => "Http", "url" => "u" };
        whole.extend(config);
        assert_eq!(texts(&whole), [text]);
    }

    #[test]
    fn the_connector_says_which_options_it_has() {
        assert_one(
            config_map! { "http.header.Accept" => "y", "task.max.enforce" => "z" },
            "option \"task.max.enforce\" is unknown and ignored; did you mean \
             \"tasks.max.enforce\"?",
        );
    }

    #[test]
    fn options_of_transforms_are_those_of_their_class() {
        let transform = |option: &str| {
            config_map! {
                "transforms" => "t", "transforms.t.type" => "ReplaceField$Value",
                format!("transforms.t.{option}") => "x",
            }
        };
        let class = "org.apache.kafka.connect.transforms.ReplaceField$Value";
        assert_one(
            transform("predicates"),
            &format!(
                "option \"transforms.t.predicates\" is unknown to {class} and ignored; did you \
                 mean \"transforms.t.predicate\"?"
            ),
        );
        assert_one(
            transform("whitelist"),
            "option \"transforms.t.whitelist\" is ignored: it was removed in Kafka 4.0; use \
             \"transforms.t.include\"",
        );
        assert_one(
            transform("plugin.version"),
            "option \"transforms.t.plugin.version\" is ignored: one version of a plugin is linked",
        );
    }

    #[test]
    fn transforms_and_predicates_that_nothing_uses_are_named_once() {
        let config = config_map! {
            "name" => "c", "connector.class" => "Http",
            "transforms" => "a, b.c", "transforms.a.type" => "Filter",
            "transforms.b.c.type" => "Filter", "transforms.b.c.predicate" => "used",
            "transforms.d.field" => "f", "transforms.d.type" => "HoistField$Value",
            "predicates" => "used,unused", "predicates.used.type" => "RecordIsTombstone",
            "predicates.unused.type" => "RecordIsTombstone",
            "predicates.other.type" => "TopicNameMatches", "predicates.other.pattern" => ".*",
        };
        assert_eq!(
            texts(&config),
            [
                "option \"predicates.other.type\" has no effect: predicate \"other\" is not listed \
                 in \"predicates\"",
                "option \"predicates.unused.type\" has no effect: no transform has predicate \
                 \"unused\"",
                "option \"transforms.d.type\" has no effect: transform \"d\" is not listed in \
                 \"transforms\"",
            ]
        );
    }

    #[test]
    fn options_of_a_converter_that_the_connector_does_not_set_have_no_effect() {
        assert_one(
            config_map! { "value.converter.schemas.enable" => false },
            "option \"value.converter.schemas.enable\" has no effect: the connector does not set \
             \"value.converter\", so the worker's converter is used with the worker's options",
        );
        assert_one(
            config_map! { "key.converter" => "Json", "key.converter.schemas.enabled" => false },
            "option \"key.converter.schemas.enabled\" is unknown to \
             org.apache.kafka.connect.json.JsonConverter and ignored; did you mean \
             \"key.converter.schemas.enable\"?",
        );
    }

    #[test]
    fn topic_creation_has_its_groups_and_the_options_of_topics() {
        assert_one(
            config_map! {
                "topic.creation.groups" => "g", "topic.creation.g.include" => ".*",
                "topic.creation.default.partitions" => 1, "topic.creation.g.retention.ms" => 1,
                "topic.creation.g.confluent.tier.enable" => true, "topic.creation.g.replica" => 1,
            },
            "option \"topic.creation.g.replica\" is unknown and ignored",
        );
        assert_one(
            config_map! { "topic.creation.default.replication" => 3, "url" => "x" },
            "option \"topic.creation.default.replication\" is unknown and ignored",
        );
        assert_one(
            config_map! { "topic.creation.g.partitions" => 3, "topic.creation.g.include" => ".*" },
            "option \"topic.creation.g.include\" has no effect: group \"g\" is not listed in \
             \"topic.creation.groups\"",
        );
    }

    #[test]
    fn options_of_sinks_have_no_effect_on_sources() {
        assert_one(
            config_map! { "topics" => "t" },
            "option \"topics\" has no effect: only sink connectors have it",
        );
        assert_one(
            config_map! { "consumer.override.max.poll.records" => "t" },
            "option \"consumer.override.max.poll.records\" has no effect: the connector has no \
             consumer without \"offsets.storage.topic\"",
        );
    }

    #[test]
    fn client_options_are_left_to_the_clients_of_a_cluster() {
        let config = config_map! {
            "name" => "c", "connector.class" => "Http", "producer.override.anything" => "1",
        };
        let kafka = worker(&config_map! { "bootstrap.servers" => "b:9092" });
        assert_eq!(connector_notices(&registry(), Some(&kafka), &config), []);
        let local = connector_notices(&registry(), Some(&worker(&ConfigMap::new())), &config);
        assert_eq!((local.len(), local[0].is_warning()), (1, false));
    }

    #[test]
    fn a_plugin_that_cannot_be_made_has_no_notices() {
        let config = config_map! { "connector.class" => "Broken", "anything" => 1 };
        assert_eq!(connector_notices(&registry(), None, &config), []);
        let config = config_map! { "connector.class" => "Unheard", "anything" => 1 };
        assert_eq!(connector_notices(&registry(), None, &config), []);
    }

    #[test]
    fn without_a_log_nothing_is_converted() {
        let config = config_map! {
            "connector.class" => "Http", "value.converter" => "Json",
            "value.converter.schemas.enable" => false, "transforms" => "",
        };
        let notices = connector_notices(&registry(), None, &config);
        assert_eq!(notices.len(), 2, "{notices:?}");
        assert!(!notices.iter().any(Notice::is_warning));
    }
}
