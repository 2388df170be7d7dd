//! A predicate on the topic.

use connect_api::Error;
use connect_api::Predicate;
use connect_api::Result;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigError;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::config::Validator;
use connect_api::config::validator;
use connect_api::pattern::Pattern;
use connect_api::record::Origin;
use connect_api::record::Record;

/// True for records whose topic, after earlier transforms, matches the configured pattern as a
/// whole. False for an empty topic, which Java has as null.
///
/// *Errors*: a match that takes too many steps is a data error.
///
/// *Java*: `TopicNameMatches`. Patterns have Java's syntax ([`Pattern`]).
#[derive(Debug, Default)]
pub struct TopicNameMatches {
    pattern: Option<Pattern>,
}

#[derive(Debug, Clone, ConfigDef)]
struct TopicNameMatchesConfig {
    /// A regular expression for matching against the name of a record's topic.
    #[config(name = "pattern", validate = self::non_empty_pattern())]
    pattern: String,
}

impl Predicate for TopicNameMatches {
    fn config_def(&self) -> &ConfigDef {
        TopicNameMatchesConfig::config_def()
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let pattern = TopicNameMatchesConfig::from_config(config)?.pattern;
        let compiled = Pattern::new(&pattern)
            .map_err(|error| ConfigError::invalid("pattern", pattern, error.reason()))?;
        self.pattern = Some(compiled);
        Ok(())
    }

    fn test(&mut self, record: &Record, _: Origin<'_>) -> Result<bool> {
        let Some(pattern) = &self.pattern else {
            return Err(Error::illegal_state("TopicNameMatches is not configured"));
        };
        let topic = &record.topic;
        if topic.is_empty() {
            return Ok(false);
        }
        pattern.matches(topic).map_err(|error| {
            Error::data(format!(
                "topic \"{topic}\" with option \"pattern\": {error}"
            ))
        })
    }
}

fn non_empty_pattern() -> impl Validator {
    validator::all_of([
        Box::new(validator::non_empty()) as Box<dyn Validator>,
        Box::new(validator::pattern()),
    ])
}

#[cfg(test)]
mod tests {
    use connect_api::config_map;
    use connect_api::data::Datum;
    use connect_api::record::SourceOffset;
    use connect_api::record::SourcePartition;

    use super::*;

    #[test]
    fn the_pattern_matches_the_whole_name() {
        let record = Record::new("topic-a", Datum::NULL);
        let (partition, offset) = (SourcePartition::null(), SourceOffset::default());
        let origin = Origin::Source {
            partition: &partition,
            offset: &offset,
        };
        for (pattern, expected) in [
            ("topic-.*", true),
            ("topic", false),
            ("a", false),
            ("^topic-a$", true),
            ("b|topic-a", true),
            ("^(?!__).*", true),
            (".*(?<!-a)", false),
            (r"(t)opi(c)-a(?!\1)", true),
        ] {
            let mut predicate = TopicNameMatches::default();
            predicate
                .configure(&config_map! { "pattern" => pattern })
                .unwrap();
            assert_eq!(
                predicate.test(&record, origin).unwrap(),
                expected,
                "{pattern}"
            );
        }
    }

    #[test]
    fn a_record_without_a_topic_does_not_match() {
        let mut predicate = TopicNameMatches::default();
        let config = config_map! { "pattern" => ".*" };
        predicate.configure(&config).unwrap();
        let (partition, offset) = (SourcePartition::null(), SourceOffset::default());
        let origin = Origin::Source {
            partition: &partition,
            offset: &offset,
        };
        let record = Record::new("", Datum::NULL);
        assert!(!predicate.test(&record, origin).unwrap());
    }

    #[test]
    fn a_bad_pattern_is_refused() {
        for pattern in ["", "[", ")("] {
            let mut predicate = TopicNameMatches::default();
            assert!(
                predicate
                    .configure(&config_map! { "pattern" => pattern })
                    .is_err()
            );
        }
    }
}
