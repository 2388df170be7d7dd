//! Rules for cases where our answer differs from Java's on purpose.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::Answer;
use super::Case;

/// A rule of a file of deviations.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Deviation {
    pub(super) name: String,
    /// What Java does.
    java: String,
    /// What we do.
    ours: String,
    /// Why that is better for the user.
    why: String,
    #[serde(default)]
    ops: Vec<String>,
    #[serde(default)]
    ids: Vec<String>,
    #[serde(default)]
    notes: Vec<String>,
    /// The file that the rule applies to; all of them if absent.
    #[serde(default)]
    files: Vec<String>,
    /// The crate's own vectors need not have such a case.
    #[serde(default)]
    pub(super) may_be_unused: bool,
    pub(super) judge: Option<String>,
    error: Option<String>,
    output: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deviations {
    #[serde(default)]
    deviation: Vec<Deviation>,
}

impl Deviation {
    /// The rules of a file, for the vectors of another.
    pub(super) fn read(path: &Path, vectors: &str) -> Vec<Self> {
        let text = fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()));
        let deviations: Deviations =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut rules = deviations.deviation;
        for rule in &rules {
            let said = [&rule.java, &rule.ours, &rule.why];
            assert!(
                said.iter().all(|text| !text.is_empty()),
                "deviation {} says little",
                rule.name
            );
            let answers = [&rule.error, &rule.output, &rule.judge];
            assert!(
                answers.iter().any(|answer| answer.is_some()),
                "{} has no answer",
                rule.name
            );
        }
        rules.retain(|rule| matches_any(&rule.files, vectors));
        rules
    }

    /// The right answer to a case, if the rule applies to it.
    pub(super) fn answer(
        &self,
        case: &Case,
        judge: impl FnOnce(&Case) -> Option<Answer>,
    ) -> Option<Answer> {
        let is_meant = matches_any(&self.ops, &case.op)
            && matches_any(&self.ids, &case.id)
            && matches_any(&self.notes, &case.note);
        if !is_meant {
            return None;
        }
        let judged = if self.judge.is_some() {
            Some(judge(case)?)
        } else {
            None
        };
        match (&self.error, &self.output) {
            (Some(class), _) => Some(Answer::error(class)),
            (_, Some(output)) => serde_json::from_str(output).ok().map(Answer::Output),
            _ => judged,
        }
    }
}

/// True if a text matches one of the patterns, or if there are none.
fn matches_any(patterns: &[String], text: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| matches(pattern, text))
}

/// True if a text matches a pattern in which `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        if let Some(part) = last.replace(part) {
            let Some(at) = rest.find(part) else {
                return false;
            };
            rest = rest.get(at + part.len()..).unwrap_or_default();
        }
    }
    match last {
        Some(last) => rest.ends_with(last),
        None => rest.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, expected) in [
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*b*c", "a--b--c", true),
            ("a*b*c", "a--c--b", false),
            ("*", "", true),
            ("a*a", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
