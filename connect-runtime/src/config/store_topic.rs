//! The topics in which a worker keeps what outlives it: how they are created where they do not exist.

use std::collections::BTreeMap;

use connect_api::ConfigMap;
use connect_api::TopicName;
use connect_api::config::Validator;
use connect_api::config::validator;
use connect_broker::admin::NewTopic;

/// What a topic of the worker keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreKind {
    Configs,
    Offsets,
    Statuses,
}

impl StoreKind {
    /// What the worker's keys about the topic begin with.
    pub(crate) const fn prefix(self) -> &'static str {
        match self {
            Self::Configs => "config.storage.",
            Self::Offsets => "offset.storage.",
            Self::Statuses => "status.storage.",
        }
    }

    /// The topic as errors call it.
    pub(crate) const fn noun(self) -> &'static str {
        match self {
            Self::Configs => "the config topic",
            Self::Offsets => "the offsets topic",
            Self::Statuses => "the status topic",
        }
    }

    /// What is in it, in Java's words.
    pub(crate) const fn purpose(self) -> &'static str {
        match self {
            Self::Configs => "connector configurations",
            Self::Offsets => "source connector offsets",
            Self::Statuses => "connector and task statuses",
        }
    }

    const fn topic_key(self) -> &'static str {
        match self {
            Self::Configs => "config.storage.topic",
            Self::Offsets => "offset.storage.topic",
            Self::Statuses => "status.storage.topic",
        }
    }

    const fn partitions_on_kafka(self) -> i32 {
        match self {
            Self::Configs => 1,
            Self::Offsets => 25,
            Self::Statuses => 5,
        }
    }
}

/// A topic of the worker, or the topic of offsets of one connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreTopic {
    pub(crate) name: TopicName,
    pub(crate) kind: StoreKind,
    /// The key of the configuration that names it.
    pub(crate) key: &'static str,
    /// `None` is the log's default.
    partitions: Option<i32>,
    /// `None` is the log's default.
    replication_factor: Option<i16>,
    config: BTreeMap<String, String>,
}

impl StoreTopic {
    /// A topic of a worker. On Kafka it has Java's defaults: 25 partitions for offsets, 5 for statuses
    /// and 1 for configurations, with 3 replicas. The log inside the process has one copy of
    /// everything, and gains nothing by several partitions.
    pub(super) fn of_worker(
        kind: StoreKind,
        config: &ConfigMap,
        name: &str,
        has_kafka: bool,
        partitions: Option<i32>,
        replication_factor: Option<i16>,
    ) -> Self {
        let (own_partitions, own_factor) = if has_kafka {
            (kind.partitions_on_kafka(), 3)
        } else {
            (1, -1)
        };
        let partitions = partitions.unwrap_or(own_partitions);
        let factor = replication_factor.unwrap_or(own_factor);
        let mut topic = Self {
            name: TopicName::new(name.trim()),
            kind,
            key: kind.topic_key(),
            partitions: (partitions != LOGS_DEFAULT).then_some(partitions),
            replication_factor: (i32::from(factor) != LOGS_DEFAULT).then_some(factor),
            config: BTreeMap::new(),
        };
        if has_kafka {
            topic.config = topic_options(kind, config);
        }
        topic.config.insert(CLEANUP.into(), COMPACT.into());
        topic
    }

    /// Warns if a worker wants a topic that would lose records.
    pub(crate) fn warn(kind: StoreKind, config: &ConfigMap) {
        let key = format!("{}{CLEANUP}", kind.prefix());
        let wanted = config.get(&key).map(str::trim);
        if let Some(wanted) = wanted.filter(|wanted| *wanted != COMPACT) {
            tracing::warn!(
                "option \"{key}\" is {wanted} and is replaced with {COMPACT}: anything else would \
                 lose {}",
                kind.purpose()
            );
        }
    }

    /// A connector's own topic, with the options of the worker's.
    pub(crate) fn named(&self, name: &str, key: &'static str) -> Self {
        Self {
            name: TopicName::new(name),
            key,
            ..self.clone()
        }
    }

    /// The topic to be created.
    pub(crate) fn new_topic(&self) -> NewTopic {
        let mut topic = NewTopic::new(self.name.clone());
        topic.partitions = self.partitions;
        topic.replication_factor = self.replication_factor;
        topic.config.clone_from(&self.config);
        topic
    }
}

/// Checks a number of partitions or replicas.
pub(super) fn positive_or_default(what: &'static str) -> impl Validator {
    validator::check("a positive number, or -1", move |_, value| {
        match value.as_i64() {
            Some(number) if number < 1 && number != i64::from(LOGS_DEFAULT) => Err(format!(
                "{what} must be positive, or -1 to use the broker's default"
            )),
            _ => Ok(()),
        }
    })
}

/// Options of the topic itself, without the worker's prefix.
fn topic_options(kind: StoreKind, config: &ConfigMap) -> BTreeMap<String, String> {
    const WORKERS_OWN: [&str; 4] = ["file.filename", "partitions", "replication.factor", "topic"];
    let options = config.with_prefix(kind.prefix());
    let own = options
        .iter()
        .filter_map(|(key, value)| Some((key, value?)));
    own.filter(|(key, _)| *key != CLEANUP && !WORKERS_OWN.contains(key))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

const CLEANUP: &str = "cleanup.policy";
const COMPACT: &str = "compact";

/// Stands for the log's default.
const LOGS_DEFAULT: i32 = -1;

#[cfg(test)]
mod tests {
    use super::*;
    use connect_api::config_map;

    fn of(kind: StoreKind, config: &ConfigMap, has_kafka: bool) -> NewTopic {
        StoreTopic::of_worker(kind, config, "t", has_kafka, None, None).new_topic()
    }

    #[test]
    fn on_kafka_topics_are_made_as_java_makes_them() {
        let config = config_map! {
            "offset.storage.topic" => "t", "offset.storage.file.filename" => "x",
            "offset.storage.cleanup.policy" => "delete",
            "offset.storage.segment.bytes" => 1048576,
            "config.storage.partitions" => 7,
        };
        let topic = of(StoreKind::Offsets, &config, true);
        assert_eq!(
            (topic.partitions, topic.replication_factor),
            (Some(25), Some(3))
        );
        let options: Vec<_> = topic.config.iter().collect();
        assert_eq!(
            format!("{options:?}"),
            r#"[("cleanup.policy", "compact"), ("segment.bytes", "1048576")]"#
        );
        let configs = of(StoreKind::Configs, &config, true);
        assert_eq!(
            configs.partitions,
            Some(1),
            "whatever the configuration says"
        );
        assert_eq!(configs.config.len(), 1, "compaction only");
        assert_eq!(of(StoreKind::Statuses, &config, true).partitions, Some(5));
        for kind in [StoreKind::Configs, StoreKind::Offsets, StoreKind::Statuses] {
            let local = of(kind, &config, false);
            assert_eq!(
                (local.partitions, local.replication_factor),
                (Some(1), None)
            );
            assert_eq!(local.config.len(), 1, "compaction only");
        }
    }

    #[test]
    fn minus_one_is_the_default_of_the_log() {
        let config = ConfigMap::new();
        let kind = StoreKind::Offsets;
        let topic = StoreTopic::of_worker(kind, &config, "o", true, Some(-1), Some(-1));
        let topic = topic.named("own", "offsets.storage.topic").new_topic();
        assert_eq!((topic.partitions, topic.replication_factor), (None, None));
        let check = positive_or_default("Number of partitions");
        assert!(check.validate("k", &0.into()).is_err());
        assert!(check.validate("k", &(-1).into()).is_ok());
    }
}
