//! Renaming topics by a pattern.

use connect_api::Error;
use connect_api::Result;
use connect_api::TopicName;
use connect_api::Transform;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigError;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::config::validator;
use connect_api::pattern::Pattern;
use connect_api::pattern::PatternError;
use connect_api::pattern::Replacement;
use connect_api::record::Origin;
use connect_api::record::Record;

/// Renames the topic of a record if a pattern matches the whole name. In the replacement, `$1` and
/// `${name}` are groups of the pattern, and a backslash escapes the next character.
///
/// *Errors*: a match that takes too many steps is a data error.
///
/// *Java*: `RegexRouter`. Patterns have Java's syntax ([`Pattern`]). A replacement with a group that
/// the pattern does not have is refused when the transform is configured; Java refuses each record.
/// As in Java, the replacement takes the place of the first match *in* the name: for the pattern
/// `a|ab` and the name `ab`, of the `a` alone.
#[derive(Debug, Default)]
pub struct RegexRouter {
    router: Option<Router>,
    /// The last topic and its new name.
    last: Option<(TopicName, TopicName)>,
}

#[derive(Debug, Clone, ConfigDef)]
struct RegexRouterConfig {
    /// Regular expression to use for matching.
    #[config(name = "regex", importance = high, validate = validator::pattern())]
    regex: String,
    /// Replacement string.
    #[config(name = "replacement", importance = high)]
    replacement: String,
}

#[derive(Debug)]
struct Router {
    pattern: Pattern,
    replacement: Replacement,
}

impl Transform for RegexRouter {
    fn config_def(&self) -> &ConfigDef {
        RegexRouterConfig::config_def()
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = RegexRouterConfig::from_config(config)?;
        self.router = Some(Router::new(&config)?);
        Ok(())
    }

    fn apply(&mut self, mut record: Record, _: Origin<'_>) -> Result<Option<Record>> {
        record.topic = match &self.last {
            Some((topic, new)) if *topic == record.topic => new.clone(),
            _ => {
                let Some(router) = &self.router else {
                    return Err(Error::illegal_state("RegexRouter is not configured"));
                };
                let new = router.route(&record.topic)?;
                self.last = Some((record.topic, new.clone()));
                new
            }
        };
        Ok(Some(record))
    }
}

impl Router {
    fn new(config: &RegexRouterConfig) -> Result<Self, ConfigError> {
        let RegexRouterConfig { regex, replacement } = config;
        let pattern = Pattern::new(regex)
            .map_err(|error| ConfigError::invalid("regex", regex, error.reason()))?;
        let replacement = Replacement::new(replacement, &pattern)
            .map_err(|error| ConfigError::invalid("replacement", replacement, error.reason()))?;
        Ok(Self {
            pattern,
            replacement,
        })
    }

    fn route(&self, topic: &TopicName) -> Result<TopicName> {
        let route = || {
            if !self.pattern.matches(topic)? {
                return Ok(topic.clone());
            }
            let new = self.pattern.replace_first(topic, &self.replacement)?;
            Ok(TopicName::new(new))
        };
        route().map_err(|error: PatternError| {
            Error::data(format!("topic \"{topic}\" with option \"regex\": {error}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use connect_api::ErrorKind;
    use connect_api::config_map;
    use connect_api::data::Datum;

    use super::*;
    use crate::testing::apply;

    fn route(regex: &str, replacement: &str, topics: &[&str]) -> Result<Vec<TopicName>> {
        let mut router = RegexRouter::default();
        router.configure(&config_map! { "regex" => regex, "replacement" => replacement })?;
        let mut routed = Vec::new();
        for topic in topics {
            routed.push(apply(&mut router, Record::new(*topic, Datum::NULL))?.topic);
        }
        Ok(routed)
    }

    #[test]
    fn replacements_are_those_of_java() {
        for (regex, replacement, expected) in [
            ("(a)(b)", "$2$1", "ba"),
            ("(a)(b)", "$12", "a2"),
            ("(a)(b)", "$0-$02", "ab-b"),
            ("(?<n1>a)b", "${n1}x", "ax"),
            ("ab(c)?", "[$1]", "[]"),
            ("ab", r"\$1\\", r"$1\"),
            ("ab", "ü", "ü"),
            ("a|ab", "x", "xb"),
            ("a", "x", "ab"),
        ] {
            let topics = route(regex, replacement, &["ab"]).unwrap();
            assert_eq!(topics, [TopicName::from(expected)], "{regex} {replacement}");
        }
    }

    #[test]
    fn a_replacement_that_cannot_work_is_refused() {
        for replacement in [
            "$", r"\", "$x", "$2", "${", "${}", "${m}", "${n", "${n.}", "$ü",
        ] {
            assert!(route("(?<n>a)", replacement, &[]).is_err(), "{replacement}");
        }
    }

    #[test]
    fn patterns_may_look_around() {
        let topics = route("^(?!__)(.*)", "x-$1", &["a", "__a"]).unwrap();
        assert_eq!(topics, ["x-a", "__a"].map(TopicName::from));
    }

    #[test]
    fn a_match_that_takes_too_many_steps_names_option_and_pattern() {
        let topic = "x".repeat(200);
        let error = route("(?=x)(?:x+x+)+(?!z)y", "a", &[&topic]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        for part in ["\"regex\"", "(?:x+x+)+"] {
            assert!(error.message().contains(part), "{}", error.message());
        }
    }

    #[test]
    fn topics_may_take_turns() {
        let topics = route("t(.)", "x$1", &["t1", "t1", "t2", "other", "t1"]).unwrap();
        let expected = ["x1", "x1", "x2", "other", "x1"].map(TopicName::from);
        assert_eq!(topics, expected);
    }
}
