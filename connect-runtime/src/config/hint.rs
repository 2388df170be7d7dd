//! Hints about mistakes in a value that are hard to see.

use connect_api::ConfigMap;
use connect_api::config::ConfigError;
use connect_api::config::ConfigErrors;
use connect_api::config::Validation;

/// Adds a hint to the error of each value with a comment behind it, quotation marks around it or an
/// invisible character in it. The message itself stays first.
pub(crate) fn add_hints(config: &ConfigMap, validation: &mut Validation) {
    let invalid: Vec<String> = validation
        .values()
        .iter()
        .filter(|value| !value.errors.is_empty())
        .map(|value| value.name.clone())
        .collect();
    for key in invalid {
        let errors = validation.get_mut(&key).map(|value| &mut value.errors);
        if let Some(error) = errors.and_then(|errors| errors.first_mut())
            && let Some(hint) = hint_for(config, &key, error)
        {
            error.push_str(&hint);
        }
    }
}

/// As [`add_hints`], for errors without a validation.
pub(crate) fn with_hints(config: &ConfigMap, errors: ConfigErrors) -> ConfigErrors {
    let hinted = errors.iter().map(|error| {
        let text = error.to_string();
        match hint_for(config, error.key(), &text) {
            Some(hint) => ConfigError::new(error.key(), text + &hint),
            None => error.clone(),
        }
    });
    ConfigErrors::from_errors(hinted).unwrap_or(errors)
}

/// What to append to an error of a key. No part of a secret is shown.
fn hint_for(config: &ConfigMap, key: &str, error: &str) -> Option<String> {
    if config.is_secret(key) || error.contains("[hidden]") {
        return None;
    }
    // A key can contain such a mistake too: the alias of a transform is part of it.
    hint(config.get(key).unwrap_or(key)).map(|hint| format!(" ({hint})"))
}

/// The text without a comment behind it, quotation marks around it, and invisible characters at its
/// ends.
pub(super) fn cleaned(text: &str) -> &str {
    let text = match comment(text) {
        Some(comment) => text.strip_suffix(comment).unwrap_or(text),
        None => text,
    };
    let text = text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c));
    unquoted(text).unwrap_or(text)
}

fn hint(value: &str) -> Option<String> {
    if let Some(comment) = comment(value) {
        let comment = comment.trim();
        return Some(format!(
            "there are no comments behind values: remove \"{comment}\""
        ));
    }
    if unquoted(value.trim()).is_some() {
        return Some("quotation marks are part of the value: remove them".into());
    }
    let invisible = value.chars().find(|c| is_invisible(*c))?;
    Some(format!(
        "the value has an invisible character, U+{:04X}: remove it",
        u32::from(invisible)
    ))
}

/// A comment behind a value, with the white space before it.
fn comment(value: &str) -> Option<&str> {
    let marks = ["#", "//"].into_iter().filter_map(|mark| {
        let at = value.match_indices(mark).map(|(at, _)| at);
        at.filter_map(|at| {
            let before = value.get(..at)?.trim_end();
            let is_behind = before.len() < at && !before.is_empty();
            is_behind.then_some(before.len())
        })
        .next()
    });
    value.get(marks.min()?..)
}

fn unquoted(value: &str) -> Option<&str> {
    let inside = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    inside('"').or_else(|| inside('\''))
}

/// True for invisible characters other than blanks.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && !c.is_ascii())
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use connect_api::config_map;

    use super::*;

    #[test]
    fn mistakes_that_are_hard_to_see_are_named() {
        for (value, expected) in [
            (
                "1 # one task",
                Some("there are no comments behind values: remove \"# one task\""),
            ),
            (
                "a\t// b # c",
                Some("there are no comments behind values: remove \"// b # c\""),
            ),
            (
                "\"1\"",
                Some("quotation marks are part of the value: remove them"),
            ),
            (
                "'x'",
                Some("quotation marks are part of the value: remove them"),
            ),
            (
                "x\u{a0}",
                Some("the value has an invisible character, U+00A0: remove it"),
            ),
            ("http://host/#top", None),
            ("#", None),
            ("\"", None),
            ("größe 1", None),
        ] {
            assert_eq!(hint(value).as_deref(), expected, "{value:?}");
        }
    }

    #[test]
    fn texts_are_cleaned_of_it() {
        for (text, expected) in [
            ("Filter // drops", "Filter"),
            ("\u{feff}\"Filter\" # x", "Filter"),
            ("Filter", "Filter"),
            ("", ""),
        ] {
            assert_eq!(cleaned(text), expected);
        }
    }

    #[test]
    fn hints_follow_the_first_error_of_a_key_and_spare_secrets() {
        let mut validation = Validation::new();
        validation.add_error("tasks.max", "first");
        validation.add_error("tasks.max", "second");
        validation.add_error(
            "password",
            "Invalid value [hidden] for configuration password",
        );
        validation.add_error("transforms.a // b.type", "missing");
        let config = config_map! { "tasks.max" => "1 # one", "password" => "x #1" };
        add_hints(&config, &mut validation);
        let errors: Vec<_> = validation.errors().map(|(_, error)| error).collect();
        assert_eq!(
            errors,
            [
                "first (there are no comments behind values: remove \"# one\")",
                "second",
                "Invalid value [hidden] for configuration password",
                "missing (there are no comments behind values: remove \"// b.type\")",
            ]
        );
    }
}
