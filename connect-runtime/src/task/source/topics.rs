//! Topics that a source writes to: created by the worker where the connector says how (KIP-158).

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use connect_api::ConfigMap;
use connect_api::Error;
use connect_api::Result;
use connect_api::TopicName;
use connect_api::pattern::Pattern;
use connect_api::pattern::PatternError;
use connect_broker::Admin;
use connect_broker::BrokerError;
use connect_broker::ProducerRecord;
use connect_broker::admin::NewTopic;
use connect_broker::admin::TopicDescription;

use crate::config::too_few_brokers;
use crate::pipeline::Operator;

/// Creates the topics of one source task on first use.
pub(crate) struct Topics {
    admin: Box<dyn Admin>,
    groups: Vec<TopicGroup>,
    /// Topics that exist.
    known: BTreeSet<TopicName>,
}

/// How topics of some names are created.
#[derive(Debug)]
struct TopicGroup {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
    partitions: Option<i32>,
    replication_factor: Option<i16>,
    config: BTreeMap<String, String>,
}

impl Topics {
    /// The groups that a connector's configuration defines; `None` if it defines none: then the log
    /// decides what becomes of an unknown topic.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](connect_api::ErrorKind::Config) naming the key.
    pub(crate) fn from_config(config: &ConfigMap, admin: Box<dyn Admin>) -> Result<Option<Self>> {
        if !is_used(config) {
            return Ok(None);
        }
        let names = names(config);
        let groups = names
            .iter()
            .map(|name| group(config, name))
            .collect::<Result<_>>()?;
        Ok(Some(Self {
            admin,
            groups,
            known: BTreeSet::new(),
        }))
    }

    /// Sees that the topics of records exist before they are sent; tries again as long as the log
    /// is away.
    ///
    /// # Errors
    /// The topic and why it cannot be created; or the task must stop, as told by
    /// [`Operator::wait`].
    pub(super) async fn ensure(
        &mut self,
        records: &[ProducerRecord],
        operator: &Operator,
    ) -> Result<()> {
        for record in records {
            let topic = &record.topic;
            while !self.known.contains(topic) {
                let group = self.group_of(topic)?;
                match self.create(topic, group).await {
                    Ok(()) => _ = self.known.insert(topic.clone()),
                    Err(error) if error.is_retriable() => {
                        tracing::warn!(%topic, %error, "the topic cannot be created for now; trying again");
                        operator.wait(RETRY_DELAY).await?;
                    }
                    Err(error) => return Err(not_created(topic, error)),
                }
            }
        }
        Ok(())
    }

    /// The first group that a topic belongs to.
    fn group_of(&self, topic: &TopicName) -> Result<Option<&TopicGroup>, PatternError> {
        for group in &self.groups {
            if group.matches(topic)? {
                return Ok(Some(group));
            }
        }
        Ok(None)
    }

    async fn create(
        &self,
        topic: &TopicName,
        group: Option<&TopicGroup>,
    ) -> Result<(), BrokerError> {
        let Some(group) = group else {
            return Ok(());
        };
        if let Some(found) = self.admin.describe_topic(topic).await? {
            group.compare(&found);
            return Ok(());
        }
        let mut new = NewTopic::new(topic.clone());
        new.partitions = group.partitions;
        new.replication_factor = group.replication_factor;
        new.config.clone_from(&group.config);
        match self.admin.create_topic(new).await {
            Ok(()) => Ok(()),
            // Something else was faster.
            Err(BrokerError::TopicExists { .. }) => {
                if let Some(found) = self.admin.describe_topic(topic).await? {
                    group.compare(&found);
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

fn not_created(topic: &TopicName, error: BrokerError) -> Error {
    let hint = too_few_brokers(&error, "topic.creation.default.replication.factor");
    Error::from(error).context(format!("Task failed to create new topic \"{topic}\"{hint}"))
}

/// The pause before a topic is created again.
const RETRY_DELAY: Duration = Duration::from_millis(100);

impl TopicGroup {
    fn matches(&self, topic: &str) -> Result<bool, PatternError> {
        Ok(any(&self.include, topic)? && !any(&self.exclude, topic)?)
    }

    /// Warns if a topic that exists has fewer partitions than this says.
    fn compare(&self, found: &TopicDescription) {
        if let Some(wanted) = self.partitions.filter(|wanted| *wanted > found.partitions) {
            tracing::warn!(
                topic = %found.name,
                partitions = found.partitions,
                wanted,
                "the topic exists with fewer partitions than topic.creation.* says",
            );
        }
    }
}

fn any(patterns: &[Pattern], topic: &str) -> Result<bool, PatternError> {
    for pattern in patterns {
        if pattern.matches(topic)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// True if a configuration defines how topics are created.
pub(crate) fn is_used(config: &ConfigMap) -> bool {
    config.keys().any(|key| key.starts_with("topic.creation."))
}

/// What is wrong with the `topic.creation.` keys of a configuration, by key.
pub(crate) fn problems(config: &ConfigMap) -> Vec<(String, String)> {
    if !is_used(config) {
        return Vec::new();
    }
    let mut problems = Vec::new();
    let groups = list(config.get("topic.creation.groups"));
    if (1..groups.len()).any(|i| groups.iter().take(i).any(|g| Some(g) == groups.get(i))) {
        problems.push((
            "topic.creation.groups".into(),
            format!(
                "Invalid value [{}] for configuration topic.creation.groups: Duplicate alias \
                 provided.",
                groups.join(", ")
            ),
        ));
    }
    for key in [
        "topic.creation.default.partitions",
        "topic.creation.default.replication.factor",
    ] {
        if !config.contains_key(key) {
            problems.push((
                key.into(),
                format!("Missing required configuration \"{key}\" which has no default value."),
            ));
        }
    }
    for name in names(config) {
        if let Err(error) = group(config, &name) {
            problems.push((format!("topic.creation.{name}"), error.report()));
        }
    }
    problems
}

/// Group names in the order in which they are tried: `default` last.
fn names(config: &ConfigMap) -> Vec<String> {
    let mut names = list(config.get("topic.creation.groups"));
    names.retain(|name| name != "default");
    names.push("default".into());
    names
}

fn group(config: &ConfigMap, name: &str) -> Result<TopicGroup> {
    let prefix = format!("topic.creation.{name}.");
    let mut options = config.with_prefix(&prefix);
    let is_default = name == "default";
    let mut patterns = |key: &str, default: &str| {
        let texts = options.get(key).unwrap_or(default).to_owned();
        options.remove(key);
        list(Some(&texts))
            .iter()
            .map(|text| {
                Pattern::new(text).map_err(|error| {
                    let (key, reason) = (format!("{prefix}{key}"), error.reason());
                    Error::config(format!(
                        "Invalid value {text} for configuration {key}: {reason}"
                    ))
                })
            })
            .collect::<Result<Vec<_>>>()
    };
    let include = patterns("include", if is_default { ".*" } else { "" })?;
    let exclude = patterns("exclude", "")?;
    let partitions = number(&mut options, config, &prefix, "partitions")?;
    let replication = number(&mut options, config, &prefix, "replication.factor")?;
    Ok(TopicGroup {
        include,
        exclude,
        partitions,
        replication_factor: replication.and_then(|count| i16::try_from(count).ok()),
        config: options
            .iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())))
            .collect(),
    })
}

/// A count of a group, or that of the default group; `None` is the log's default.
fn number(
    options: &mut ConfigMap,
    config: &ConfigMap,
    prefix: &str,
    key: &str,
) -> Result<Option<i32>> {
    let text = options.get(key).map(str::to_owned);
    options.remove(key);
    let (name, text) = match text {
        Some(text) if text.trim() != "-1" => (format!("{prefix}{key}"), Some(text)),
        _ => {
            let name = format!("topic.creation.default.{key}");
            let text = config.get(&name).map(str::to_owned);
            (name, text)
        }
    };
    let Some(text) = text else { return Ok(None) };
    match text.trim().parse::<i32>() {
        Ok(-1) => Ok(None),
        Ok(count) if count >= 1 => Ok(Some(count)),
        Ok(count) => Err(Error::config(format!(
            "Invalid value {count} for configuration {name}: Value must be at least 1, or -1 to \
             use the log's default"
        ))),
        Err(_) => Err(Error::config(format!(
            "Invalid value {text} for configuration {name}: Not a number of type INT"
        ))),
    }
}

fn list(text: Option<&str>) -> Vec<String> {
    let parts = text.unwrap_or_default().split(',').map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use connect_api::config_map;

    #[test]
    fn the_first_group_that_matches_decides_and_inherits_counts() {
        let config = config_map! {
            "topic.creation.groups" => "compacted,other",
            "topic.creation.default.partitions" => "3",
            "topic.creation.default.replication.factor" => "-1",
            "topic.creation.compacted.include" => "(?!state-tmp)state.*, keys",
            "topic.creation.compacted.exclude" => "state-raw",
            "topic.creation.compacted.cleanup.policy" => "compact",
            "topic.creation.other.include" => "state.*",
            "topic.creation.other.partitions" => "9",
        };
        let groups: Vec<_> = names(&config)
            .iter()
            .map(|n| group(&config, n).unwrap())
            .collect();
        let of = |topic: &str| {
            groups
                .iter()
                .find(|group| group.matches(topic).unwrap())
                .unwrap()
        };
        assert_eq!(
            of("state-1").config.get("cleanup.policy").unwrap(),
            "compact"
        );
        assert_eq!(of("state-1").partitions, Some(3), "inherited");
        assert_eq!(of("state-raw").partitions, Some(9), "exclude wins");
        assert_eq!(
            of("state-tmp").partitions,
            Some(9),
            "look-ahead, as in Java"
        );
        assert_eq!(of("x").replication_factor, None, "the log's default");
        assert!(problems(&config).is_empty());
    }

    #[test]
    fn problems_name_their_key() {
        let config = config_map! {
            "topic.creation.groups" => "a,a",
            "topic.creation.a.include" => "[",
            "topic.creation.default.partitions" => "0",
        };
        let problems = problems(&config);
        let keys: Vec<_> = problems.iter().map(|(key, _)| key.as_str()).collect();
        assert!(keys.contains(&"topic.creation.groups"), "{problems:?}");
        assert!(
            keys.contains(&"topic.creation.default.replication.factor"),
            "{problems:?}"
        );
        assert!(keys.contains(&"topic.creation.a") && keys.contains(&"topic.creation.default"));
    }
}
