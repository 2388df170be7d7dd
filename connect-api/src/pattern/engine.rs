//! The two engines that match translated patterns.

use std::ops::Range;

use fancy_regex::RegexBuilder;

/// How often a match may go back before it is given up.
pub(super) const MAX_STEPS: usize = 1_000_000;

/// A compiled pattern.
pub(super) enum Engine {
    Backtracking(fancy_regex::Regex),
    Linear(regex::Regex),
}

/// A match took more than [`MAX_STEPS`].
#[derive(Debug)]
pub(super) struct Overrun;

impl Engine {
    pub(super) fn new(pattern: &str, needs_backtracking: bool) -> Result<Self, String> {
        if needs_backtracking {
            RegexBuilder::new(pattern)
                .backtrack_limit(MAX_STEPS)
                .build()
                .map(Self::Backtracking)
                .map_err(|error| one_line(&error.to_string()))
        } else {
            regex::Regex::new(pattern)
                .map(Self::Linear)
                .map_err(|error| one_line(&error.to_string()))
        }
    }

    pub(super) fn is_match(&self, text: &str) -> Result<bool, Overrun> {
        match self {
            Self::Backtracking(regex) => regex.is_match(text).map_err(|_| Overrun),
            Self::Linear(regex) => Ok(regex.is_match(text)),
        }
    }

    pub(super) fn find(&self, text: &str) -> Result<Option<Range<usize>>, Overrun> {
        match self {
            Self::Backtracking(regex) => {
                let found = regex.find(text).map_err(|_| Overrun)?;
                Ok(found.map(|found| found.range()))
            }
            Self::Linear(regex) => Ok(regex.find(text).map(|found| found.range())),
        }
    }

    /// The bytes of the first match and of its groups; empty without a match.
    pub(super) fn groups(&self, text: &str) -> Result<Vec<Option<Range<usize>>>, Overrun> {
        match self {
            Self::Backtracking(regex) => {
                let captures = regex.captures(text).map_err(|_| Overrun)?;
                Ok(captures.map_or_else(Vec::new, |captures| {
                    captures.iter().map(|m| m.map(|m| m.range())).collect()
                }))
            }
            Self::Linear(regex) => Ok(regex.captures(text).map_or_else(Vec::new, |captures| {
                captures.iter().map(|m| m.map(|m| m.range())).collect()
            })),
        }
    }
}

/// The last line of a message: the lines before it draw the pattern.
fn one_line(message: &str) -> String {
    let last = message.trim_end().lines().last().unwrap_or(message);
    last.trim().trim_start_matches("error: ").to_owned()
}
