//! Notices about a worker's configuration.

use connect_api::ConfigMap;
use connect_api::PluginRegistry;
use connect_api::config::ConfigDef;
use connect_api::config::FromConfig;
use connect_api::config::ParsedValue;

use super::Notice;
use super::NoticeKind;
use super::known;
use super::plugin;
use super::plugin::PluginOptions;
use crate::config::WorkerConfig;

/// The options of a worker that have no effect or that nothing reads, ordered by key.
///
/// `config` need not be valid: notices often say why it is not. The worker logs its notices when it
/// is built; call this to show them in another way.
#[must_use]
pub fn worker_notices(registry: &PluginRegistry, config: &ConfigMap) -> Vec<Notice> {
    let def = WorkerConfig::config_def();
    let has_kafka = config
        .get("bootstrap.servers")
        .is_some_and(|text| !text.trim().is_empty());
    let converters = converters(registry, config);
    let is_known = |key: &str| {
        let consumers = key.strip_prefix("consumer.");
        let is_in_memory = has_kafka && known::is_kept_in_memory(key);
        (def.allows(key) && !is_in_memory)
            || (has_kafka && known::is_for_kafka(key))
            || consumers.is_some_and(known::is_read_by_worker)
    };
    let has_prefix = |key: &str| PREFIXES.iter().any(|prefix| key.starts_with(prefix));
    let mut notices: Vec<Notice> = config
        .keys()
        .filter(|key| !is_known(key) && !has_prefix(key))
        .map(|key| Notice::new(key, kind(key, def, &converters)))
        .collect();
    for (prefix, class, def) in &converters {
        let options = PluginOptions {
            prefix,
            class,
            def,
            workers: &[],
        };
        options.check(config, &mut notices);
    }
    notices.sort_by(|a, b| a.key.cmp(&b.key));
    notices
}

/// The worker's converters: prefix, class and options. Without those that do not exist, which the
/// worker refuses.
fn converters(
    registry: &PluginRegistry,
    config: &ConfigMap,
) -> Vec<(&'static str, String, ConfigDef)> {
    let found = PREFIXES.iter().filter_map(|prefix| {
        let key = prefix.trim_end_matches('.');
        let default = WorkerConfig::config_def().key(key)?.default.as_ref();
        let default = default.and_then(ParsedValue::as_str);
        let class = config.get(key).or(default)?;
        let (class, def) = plugin::converter(registry, key, class)?;
        Some((*prefix, class, def))
    });
    found.collect()
}

fn kind(key: &str, def: &ConfigDef, converters: &[(&str, String, ConfigDef)]) -> NoticeKind {
    // An option of a converter without its prefix: `schemas.enable`.
    let value_first = converters.iter().rev();
    let of_converter = value_first
        .filter(|(_, _, def)| def.key(key).is_some())
        .map(|(prefix, _, _)| format!("{prefix}{key}"))
        .next();
    if of_converter.is_some() {
        return NoticeKind::Unknown {
            class: None,
            likely: of_converter,
        };
    }
    let ignored = known::IGNORED_OF_WORKERS;
    let candidates = ignored.iter().map(|(key, _)| key.trim_end_matches('.'));
    known::ignored_or_unknown(key, ignored, def.names().chain(candidates))
}

const PREFIXES: &[&str] = &["header.converter.", "key.converter.", "value.converter."];

#[cfg(test)]
mod tests {
    use connect_api::config_map;

    use super::*;

    fn texts(config: &ConfigMap) -> Vec<String> {
        let notices = worker_notices(&crate::plugins(), config);
        notices.iter().map(Notice::to_string).collect()
    }

    #[test]
    fn a_misspelled_key_is_named() {
        let config = config_map! {
            "key.converter" => "Json", "value.convertr" => "v", "plugin.path" => "/opt",
            "key.converter.schemas.enable" => false,
        };
        assert_eq!(
            texts(&config),
            [
                "option \"plugin.path\" is ignored: plugins are linked into the program",
                "option \"value.convertr\" is unknown and ignored; did you mean \
                 \"value.converter\"?",
            ]
        );
    }

    #[cfg(feature = "builtin")]
    #[test]
    fn options_of_converters_are_those_of_their_class() {
        let config = config_map! {
            "key.converter" => "String", "key.converter.schemas.enable" => false,
            "value.converter" => "Json", "value.converter.schema.enable" => false,
            "header.converter.encoding" => "x", "schemas.enable" => false,
        };
        assert_eq!(
            texts(&config),
            [
                "option \"header.converter.encoding\" is unknown to \
                 org.apache.kafka.connect.storage.SimpleHeaderConverter and ignored",
                "option \"key.converter.schemas.enable\" is unknown to \
                 org.apache.kafka.connect.storage.StringConverter and ignored",
                "option \"schemas.enable\" is unknown and ignored; did you mean \
                 \"value.converter.schemas.enable\"?",
                "option \"value.converter.schema.enable\" is unknown to \
                 org.apache.kafka.connect.json.JsonConverter and ignored; did you mean \
                 \"value.converter.schemas.enable\"?",
            ]
        );
    }

    #[test]
    fn files_for_distributed_workers_have_no_warnings() {
        let config = config_map! {
            "bootstrap.servers" => "b:9092", "group.id" => "g", "request.timeout.ms" => 1,
            "offset.storage.topic" => "o", "offset.storage.segment.bytes" => 1,
            "config.storage.topic" => "c", "status.storage.topic" => "s",
            "listeners" => "http://:8083", "rest.advertised.host.name" => "h",
            "heartbeat.interval.ms" => 3000, "session.timeout.ms" => 10000,
            "producer.acks" => "all", "sasl.mechanism" => "PLAIN",
            "config.providers" => "file", "config.providers.file.class" => "x",
            "internal.key.converter.schemas.enable" => false,
        };
        let notices = worker_notices(&crate::plugins(), &config);
        assert!(!notices.iter().any(Notice::is_warning), "{notices:?}");
    }

    #[test]
    fn without_kafka_client_options_are_ignored_but_for_those_that_the_worker_reads() {
        let config = config_map! {
            "consumer.max.poll.records" => 5, "consumer.fetch.min.bytes" => 5,
        };
        let notices = worker_notices(&crate::plugins(), &config);
        assert_eq!(notices.len(), 1);
        assert_eq!(notices[0].key, "consumer.fetch.min.bytes");
        assert!(!notices[0].is_warning());
    }
}
