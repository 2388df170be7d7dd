//! Records of certain topics.

use connect_api::Error;
use connect_api::Predicate;
use connect_api::Result;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigError;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::config::Validator;
use connect_api::config::validator;
use connect_api::record::Origin;
use connect_api::record::Record;
use regex::Regex;

use crate::pattern::whole;

/// True for records whose topic, as earlier transforms have left it, matches the configured
/// pattern as a whole.
///
/// *Java*: patterns are those of the `regex` crate: no look-around and no back references, and in
/// exchange matching takes linear time.
#[derive(Debug, Default)]
pub struct TopicNameMatches {
    pattern: Option<Regex>,
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
        let whole =
            whole(&pattern).map_err(|reason| ConfigError::invalid("pattern", pattern, reason))?;
        self.pattern = Some(whole);
        Ok(())
    }

    fn test(&mut self, record: &Record, _: Origin<'_>) -> Result<bool> {
        match &self.pattern {
            Some(pattern) => Ok(pattern.is_match(&record.topic)),
            None => Err(Error::illegal_state("the predicate is not configured")),
        }
    }
}

fn non_empty_pattern() -> impl Validator {
    validator::check("non-empty string, valid regex", |_, value| {
        match value.as_str() {
            None => Ok(()),
            Some("") => Err("String must be non-empty".into()),
            Some(pattern) => whole(pattern).map(drop),
        }
    })
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
