//! The topic of source offsets: how it is created where it does not exist.

use std::collections::BTreeMap;

use connect_api::ConfigMap;
use connect_api::TopicName;
use connect_api::config::Validator;
use connect_api::config::validator;
use connect_broker::admin::NewTopic;

/// The topic of source offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OffsetTopic {
    pub(crate) name: TopicName,
    /// The key of the configuration that names it.
    pub(crate) key: &'static str,
    /// `None` is the log's default.
    partitions: Option<i32>,
    /// `None` is the log's default.
    replication_factor: Option<i16>,
    config: BTreeMap<String, String>,
}

impl OffsetTopic {
    /// The topic of a worker. On Kafka it has Java's defaults: 25 partitions and 3 replicas. The log
    /// inside the process has one copy of everything, and gains nothing by several partitions.
    pub(super) fn of_worker(
        config: &ConfigMap,
        name: &str,
        has_kafka: bool,
        partitions: Option<i32>,
        replication_factor: Option<i16>,
    ) -> Self {
        let (own_partitions, own_factor) = if has_kafka { (25, 3) } else { (1, -1) };
        let partitions = partitions.unwrap_or(own_partitions);
        let factor = replication_factor.unwrap_or(own_factor);
        let mut topic = Self {
            name: TopicName::new(name.trim()),
            key: "offset.storage.topic",
            partitions: (partitions != LOGS_DEFAULT).then_some(partitions),
            replication_factor: (i32::from(factor) != LOGS_DEFAULT).then_some(factor),
            config: BTreeMap::new(),
        };
        if has_kafka {
            topic.config = topic_options(config);
        }
        topic.config.insert(CLEANUP.into(), COMPACT.into());
        topic
    }

    /// Warns if a worker wants a topic that would lose offsets.
    pub(crate) fn warn(config: &ConfigMap) {
        let key = format!("{PREFIX}{CLEANUP}");
        let wanted = config.get(&key).map(str::trim);
        if let Some(wanted) = wanted.filter(|wanted| *wanted != COMPACT) {
            tracing::warn!(
                "option \"{key}\" is {wanted} and is replaced with {COMPACT}: anything else would \
                 lose source offsets"
            );
        }
    }

    /// A connector's own topic, made like the worker's.
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
fn topic_options(config: &ConfigMap) -> BTreeMap<String, String> {
    const WORKERS_OWN: [&str; 4] = ["file.filename", "partitions", "replication.factor", "topic"];
    let options = config.with_prefix(PREFIX);
    let own = options
        .iter()
        .filter_map(|(key, value)| Some((key, value?)));
    own.filter(|(key, _)| *key != CLEANUP && !WORKERS_OWN.contains(key))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

const PREFIX: &str = "offset.storage.";
const CLEANUP: &str = "cleanup.policy";
const COMPACT: &str = "compact";

/// Stands for the log's default.
const LOGS_DEFAULT: i32 = -1;

#[cfg(test)]
mod tests {
    use super::*;
    use connect_api::config_map;

    fn of(config: &ConfigMap, has_kafka: bool) -> NewTopic {
        OffsetTopic::of_worker(config, "offsets", has_kafka, None, None).new_topic()
    }

    #[test]
    fn on_kafka_the_topic_is_made_as_java_makes_it() {
        let config = config_map! {
            "offset.storage.topic" => "offsets", "offset.storage.file.filename" => "x",
            "offset.storage.cleanup.policy" => "delete",
            "offset.storage.segment.bytes" => 1048576,
        };
        let topic = of(&config, true);
        assert_eq!(
            (topic.partitions, topic.replication_factor),
            (Some(25), Some(3))
        );
        let options: Vec<_> = topic.config.iter().collect();
        assert_eq!(
            format!("{options:?}"),
            r#"[("cleanup.policy", "compact"), ("segment.bytes", "1048576")]"#
        );
        let local = of(&config, false);
        assert_eq!(
            (local.partitions, local.replication_factor),
            (Some(1), None)
        );
        assert_eq!(local.config.len(), 1, "compaction only");
    }

    #[test]
    fn minus_one_is_the_default_of_the_log() {
        let topic = OffsetTopic::of_worker(&ConfigMap::new(), "o", true, Some(-1), Some(-1));
        let topic = topic.named("own", "offsets.storage.topic").new_topic();
        assert_eq!((topic.partitions, topic.replication_factor), (None, None));
        let check = positive_or_default("Number of partitions");
        assert!(check.validate("k", &0.into()).is_err());
        assert!(check.validate("k", &(-1).into()).is_ok());
    }
}
