//! Validates a connector's configuration: the keys that the worker reads, and those of the connector,
//! its converters, transforms and predicates. All errors are reported.

use connect_api::ConfigMap;
use connect_api::ConnectorTransactionBoundaries;
use connect_api::DatumRole;
use connect_api::ExactlyOnceSupport;
use connect_api::PluginRegistry;
use connect_api::Result;
use connect_api::SourceConnector;
use connect_api::config::ConfigValue;
use connect_api::config::FromConfig;
use connect_api::config::Validation;
use connect_api::pattern::Pattern;
use connect_api::plugin::ConnectorFactory;
use connect_api::plugin::PluginKind;

use crate::config::WorkerConfig;
use crate::config::class_of;
use crate::config::clients::used_clients;
use crate::config::connector::ConnectorKeys;
use crate::config::hint::add_hints;
use crate::task::source::topics;

/// Validates a configuration, with a new instance of the connector. A connector without a worker has no
/// clients and no exactly-once delivery.
///
/// # Errors
/// The connector itself failed to validate. Errors of the configuration are in the [`Validation`].
pub(crate) async fn validate(
    registry: &PluginRegistry,
    worker: Option<&WorkerConfig>,
    config: &ConfigMap,
) -> Result<Validation> {
    let mut validation = checked(registry, worker, config).await?;
    add_hints(config, &mut validation);
    Ok(validation)
}

async fn checked(
    registry: &PluginRegistry,
    worker: Option<&WorkerConfig>,
    config: &ConfigMap,
) -> Result<Validation> {
    let mut validation = ConnectorKeys::config_def().validate(config);
    for key in config
        .iter()
        .filter(|(_, value)| value.is_none())
        .map(|(key, _)| key)
    {
        add(
            &mut validation,
            key,
            "Null value can not be supplied as the configuration value.",
        );
    }
    check_converters(registry, config, &mut validation);
    check_plugins(registry, config, &mut validation);
    let Some(class) = config.get("connector.class") else {
        return Ok(validation);
    };
    let factory = match registry.connector(class) {
        Ok(factory) => factory,
        Err(error) => {
            add(&mut validation, "connector.class", error.to_string());
            return Ok(validation);
        }
    };
    if let Some(worker) = worker {
        check_overrides(
            matches!(factory, ConnectorFactory::Source(_)),
            worker,
            config,
            &mut validation,
        );
    }
    match &factory {
        ConnectorFactory::Sink(_) => check_topics(config, &mut validation),
        ConnectorFactory::Source(source) => {
            let offered = worker.is_some_and(WorkerConfig::exactly_once_source);
            check_exactly_once(&*source.make(), offered, config, &mut validation);
            for (key, problem) in topics::problems(config) {
                add(&mut validation, &key, problem);
            }
        }
        _ => {}
    }
    validation.extend(factory.make().validate(config).await?);
    Ok(validation)
}

/// The message for an invalid configuration, in Java's words; the REST interface adds the hint at its
/// endpoint. Unlike in Java, a message that several keys have is listed once.
pub(crate) fn problems(validation: &Validation) -> String {
    let mut errors: Vec<&str> = Vec::new();
    for (_, message) in validation.errors() {
        if !errors.contains(&message) {
            errors.push(message);
        }
    }
    format!(
        "Connector configuration is invalid and contains the following {} error(s):\n{}",
        errors.len(),
        errors.join("\n")
    )
}

fn add(validation: &mut Validation, key: &str, message: impl Into<String>) {
    if validation.get(key).is_none() {
        validation.push(ConfigValue::new(key));
    }
    validation.add_error(key, message);
}

fn check_converters(registry: &PluginRegistry, config: &ConfigMap, validation: &mut Validation) {
    for role in [DatumRole::Key, DatumRole::Value, DatumRole::Header] {
        let key = &*format!("{}.converter", role.name());
        let Some(class) = config.get(key) else {
            continue;
        };
        let mut options = config.with_prefix(&format!("{key}."));
        if !options.contains_key("converter.type") {
            options.insert("converter.type", role.name()); // the worker sets it, as in Java
        }
        let checked = if role == DatumRole::Header {
            let (kind, find) = (
                PluginKind::HeaderConverter,
                PluginRegistry::new_header_converter,
            );
            class_of(registry, kind, key, class, find).map(|it| it.config_def().validate(&options))
        } else {
            let (kind, find) = (PluginKind::Converter, PluginRegistry::new_converter);
            class_of(registry, kind, key, class, find).map(|it| it.config_def().validate(&options))
        };
        take_over(validation, key, &format!("{key}."), checked);
    }
}

fn check_plugins(registry: &PluginRegistry, config: &ConfigMap, validation: &mut Validation) {
    let aliases = |validation: &Validation, key: &str| -> Vec<String> {
        validation
            .value(key)
            .as_list()
            .map(<[String]>::to_vec)
            .unwrap_or_default()
    };
    let predicates = aliases(validation, "predicates");
    for alias in aliases(validation, "transforms") {
        let prefix = format!("transforms.{alias}.");
        check_plugin(config, &prefix, validation, |key, class, options| {
            let (kind, find) = (PluginKind::Transform, PluginRegistry::new_transform);
            let transform = class_of(registry, kind, key, class, find)?;
            Ok(transform.config_def().validate(options))
        });
        check_condition(config, &prefix, &predicates, validation);
    }
    for alias in predicates {
        let prefix = format!("predicates.{alias}.");
        check_plugin(config, &prefix, validation, |key, class, options| {
            let (kind, find) = (PluginKind::Predicate, PluginRegistry::new_predicate);
            let predicate = class_of(registry, kind, key, class, find)?;
            Ok(predicate.config_def().validate(options))
        });
    }
}

/// Checks the class and the options of a plugin under a prefix.
fn check_plugin(
    config: &ConfigMap,
    prefix: &str,
    validation: &mut Validation,
    check: impl FnOnce(&str, &str, &ConfigMap) -> Result<Validation>,
) {
    let options = config.with_prefix(prefix);
    let class_key = format!("{prefix}type");
    match options.get("type") {
        Some(class) => {
            let checked = check(&class_key, class, &options);
            take_over(validation, &class_key, prefix, checked);
        }
        None => add(
            validation,
            &class_key,
            format!("Missing required configuration \"{class_key}\" which has no default value."),
        ),
    }
}

/// Checks the predicate of a transform.
fn check_condition(
    config: &ConfigMap,
    prefix: &str,
    predicates: &[String],
    validation: &mut Validation,
) {
    let (key, negate) = (format!("{prefix}predicate"), format!("{prefix}negate"));
    match config.get(&key) {
        Some(predicate) if !predicates.iter().any(|known| known == predicate) => {
            let known = predicates.join(", ");
            let message = format!(
                "Invalid value {predicate} for configuration {key}: no such predicate; \
                 `predicates` has: {known}"
            );
            add(validation, &key, message);
        }
        None if config.contains_key(&negate) => {
            let message = format!("Config '{negate}' requires '{key}' to be set as well");
            add(validation, &negate, message);
        }
        _ => {}
    }
}

/// Adds the errors of a plugin's options under their full keys.
fn take_over(
    validation: &mut Validation,
    class_key: &str,
    prefix: &str,
    checked: Result<Validation>,
) {
    match checked {
        Err(error) => add(validation, class_key, error.to_string()),
        Ok(options) => {
            for (key, message) in options.errors() {
                let key = format!("{prefix}{key}");
                add(validation, &key, message);
            }
        }
    }
}

/// Client options of a connector, under the worker's policy.
fn check_overrides(
    is_source: bool,
    worker: &WorkerConfig,
    config: &ConfigMap,
    validation: &mut Validation,
) {
    for kind in used_clients(is_source, config) {
        let prefix = kind.override_prefix();
        for key in config.with_prefix(&prefix).keys() {
            if let Some(refusal) = worker.override_refusal(key) {
                add(validation, &format!("{prefix}{key}"), refusal);
            }
        }
    }
}

/// Java's checks of exactly-once delivery (KIP-618), in its words.
fn check_exactly_once(
    connector: &dyn SourceConnector,
    offered: bool,
    config: &ConfigMap,
    validation: &mut Validation,
) {
    let is = |key: &str, value: &str| {
        config
            .get(key)
            .is_some_and(|text| text.trim().eq_ignore_ascii_case(value))
    };
    if is("exactly.once.support", "required") {
        let problem = if !offered {
            "This worker does not have exactly-once source support enabled."
        } else {
            match connector.exactly_once_support(config) {
                Some(ExactlyOnceSupport::Supported) => "",
                Some(_) => {
                    "The connector does not support exactly-once semantics with the provided \
                     configuration."
                }
                None => {
                    "The connector does not say whether it supports exactly-once semantics with \
                     the provided configuration. If it does, set exactly.once.support to \
                     'requested' to continue without this check."
                }
            }
        };
        if !problem.is_empty() {
            add(validation, "exactly.once.support", problem);
        }
    }
    if is("transaction.boundary", "connector")
        && connector.transaction_boundaries(config) != ConnectorTransactionBoundaries::Supported
    {
        let problem = "The connector does not support connector-defined transaction boundaries \
                       with the given configuration. Please reconfigure it to use a different \
                       transaction boundary definition.";
        add(validation, "transaction.boundary", problem);
    }
}

fn check_topics(config: &ConfigMap, validation: &mut Validation) {
    let set = |key: &str| {
        config
            .get(key)
            .is_some_and(|value| !value.trim().is_empty())
    };
    let dead_letters = config
        .get("errors.deadletterqueue.topic.name")
        .unwrap_or_default()
        .trim();
    let problem = match (set("topics"), set("topics.regex")) {
        (false, false) => "Must configure one of topics or topics.regex",
        (true, true) => "topics and topics.regex are mutually exclusive options, but both are set.",
        _ => {
            check_regex(config, dead_letters, validation);
            let topics = validation.value("topics").as_list().unwrap_or_default();
            if topics.iter().any(|topic| topic == dead_letters) {
                let message = format!(
                    "The DLQ topic '{dead_letters}' may not be included in the list of topics \
                     ('topics=[{}]') consumed by the connector",
                    topics.join(", ")
                );
                add(validation, "topics", message);
            }
            return;
        }
    };
    add(validation, "topics", problem);
    add(validation, "topics.regex", problem);
}

fn check_regex(config: &ConfigMap, dead_letters: &str, validation: &mut Validation) {
    let Some(pattern) = config
        .get("topics.regex")
        .filter(|pattern| !pattern.trim().is_empty())
    else {
        return;
    };
    let pattern = pattern.trim();
    let matched = Pattern::new(pattern).and_then(|compiled| {
        let has_dead_letters = !dead_letters.is_empty();
        Ok(has_dead_letters && compiled.matches(dead_letters)?)
    });
    match matched {
        Err(error) => {
            let reason = error.reason();
            let message =
                format!("Invalid value {pattern} for configuration topics.regex: {reason}");
            add(validation, "topics.regex", message);
        }
        Ok(true) => {
            let message = format!(
                "The DLQ topic '{dead_letters}' may not be matched by the regex for the topics \
                 ('topics.regex={pattern}') consumed by the connector"
            );
            add(validation, "topics.regex", message);
        }
        Ok(false) => {}
    }
}

#[cfg(test)]
mod tests {
    use connect_api::config_map;

    use super::*;

    fn regex_errors(pattern: &str) -> Vec<String> {
        let config = config_map! {
            "topics.regex" => pattern, "errors.deadletterqueue.topic.name" => "__dead",
        };
        let mut validation = Validation::new();
        check_topics(&config, &mut validation);
        let errors = validation.errors().map(|(_, message)| message.to_owned());
        errors.collect()
    }

    #[test]
    fn patterns_of_topics_are_those_of_java() {
        assert!(regex_errors("^(?!__).*").is_empty());
        assert!(regex_errors(r"(a|b)\1").is_empty());
        let matched = regex_errors("__.*");
        assert!(matched[0].contains("may not be matched by the regex for the topics"));
        let invalid = regex_errors("a(");
        let start = "Invalid value a( for configuration topics.regex: ";
        assert!(invalid[0].starts_with(start), "{invalid:?}");
    }

    #[test]
    fn a_message_of_two_keys_is_printed_once() {
        let mut validation = Validation::new();
        check_topics(&ConfigMap::new(), &mut validation);
        assert_eq!(validation.error_count(), 2, "each key has it");
        assert_eq!(
            problems(&validation),
            "Connector configuration is invalid and contains the following 1 error(s):\n\
             Must configure one of topics or topics.regex"
        );
    }
}
