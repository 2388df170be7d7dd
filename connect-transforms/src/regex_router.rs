//! Renaming topics by a pattern.

use connect_api::Error;
use connect_api::Result;
use connect_api::TopicName;
use connect_api::Transform;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigError;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::config::Validator;
use connect_api::config::validator;
use connect_api::record::Origin;
use connect_api::record::Record;
use regex::Captures;
use regex::Regex;

use crate::pattern::anywhere;
use crate::pattern::whole;

/// Renames the topic of a record if a pattern matches the whole name. In the replacement, `$1` and
/// `${name}` are groups of the pattern, and a backslash makes the next character a plain one.
///
/// *Java*: patterns are those of the `regex` crate: no look-around and no back references, and in
/// exchange matching takes linear time. A replacement with a group that the pattern does not have
/// is refused here, not by every record. As in Java, what is replaced is the first match *in* the
/// name: of `a|ab` in `ab` the `a` alone.
#[derive(Debug, Default)]
pub struct RegexRouter {
    router: Option<Router>,
    /// The last topic and its new name.
    last: Option<(TopicName, TopicName)>,
}

#[derive(Debug, Clone, ConfigDef)]
struct RegexRouterConfig {
    /// Regular expression to use for matching.
    #[config(name = "regex", importance = high, validate = self::pattern())]
    regex: String,
    /// Replacement string.
    #[config(name = "replacement", importance = high)]
    replacement: String,
}

#[derive(Debug)]
struct Router {
    whole: Regex,
    first: Regex,
    replacement: Replacement,
}

/// A replacement, in pieces.
#[derive(Debug, PartialEq, Eq)]
struct Replacement(Vec<Piece>);

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Group(usize),
    Plain(char),
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
                    return Err(Error::illegal_state("the transform is not configured"));
                };
                let new = router.route(&record.topic);
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
        let no_regex = |reason| ConfigError::invalid("regex", regex, reason);
        let first = anywhere(regex).map_err(no_regex)?;
        let replacement = Replacement::parse(replacement, &first)
            .map_err(|reason| ConfigError::invalid("replacement", replacement, reason))?;
        Ok(Self {
            whole: whole(regex).map_err(no_regex)?,
            first,
            replacement,
        })
    }

    fn route(&self, topic: &TopicName) -> TopicName {
        if !self.whole.is_match(topic) {
            return topic.clone();
        }
        let replace = |captures: &Captures<'_>| self.replacement.expand(captures);
        TopicName::new(self.first.replace(topic, replace))
    }
}

impl Replacement {
    /// Reads a replacement for a pattern, as Java's `Matcher.appendReplacement` does.
    fn parse(text: &str, pattern: &Regex) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            pieces.push(match c {
                '\\' => match rest.next() {
                    Some(escaped) => Piece::Plain(escaped),
                    None => return Err("character to be escaped is missing".into()),
                },
                '$' => {
                    let (group, behind) = group(rest.as_str(), pattern)?;
                    rest = behind.chars();
                    Piece::Group(group)
                }
                plain => Piece::Plain(plain),
            });
        }
        Ok(Self(pieces))
    }

    fn expand(&self, captures: &Captures<'_>) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Group(group) => {
                    text.push_str(captures.get(*group).map_or("", |group| group.as_str()));
                }
                Piece::Plain(plain) => text.push(*plain),
            }
        }
        text
    }
}

/// The group that is meant behind a `$`, and what follows it.
fn group<'a>(text: &'a str, pattern: &Regex) -> Result<(usize, &'a str), String> {
    if let Some(text) = text.strip_prefix('{') {
        let name = text.split_once('}').filter(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric())
        });
        let Some((name, behind)) = name else {
            return Err("named capturing group is missing trailing '}'".into());
        };
        let mut names = pattern.capture_names();
        return match names.position(|other| other == Some(name)) {
            Some(group) => Ok((group, behind)),
            None => Err(format!("No group with name {{{name}}}")),
        };
    }
    let group_count = pattern.captures_len().saturating_sub(1);
    let mut digits = text.chars();
    let mut group = match digits.next() {
        None => return Err("Illegal group reference: group index is missing".into()),
        Some(c) => c.to_digit(10).ok_or("Illegal group reference")?,
    } as usize;
    if group > group_count {
        return Err(format!("No group {group}"));
    }
    // As many digits as name a group that there is.
    let mut behind = digits.as_str();
    while let Some(digit) = digits.next().and_then(|c| c.to_digit(10)) {
        let longer = group * 10 + digit as usize;
        if longer > group_count {
            break;
        }
        group = longer;
        behind = digits.as_str();
    }
    Ok((group, behind))
}

fn pattern() -> impl Validator {
    validator::check("valid regex", |_, value| match value.as_str() {
        None => Ok(()),
        Some(pattern) => whole(pattern).map(drop),
    })
}

#[cfg(test)]
mod tests {
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
    fn topics_may_take_turns() {
        let topics = route("t(.)", "x$1", &["t1", "t1", "t2", "other", "t1"]).unwrap();
        let expected = ["x1", "x1", "x2", "other", "x1"].map(TopicName::from);
        assert_eq!(topics, expected);
    }
}
