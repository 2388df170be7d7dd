//! Replacements of a match, as Java's `Matcher.appendReplacement` reads them.

use super::Pattern;
use super::PatternError;

/// What a match of a [`Pattern`] is replaced by.
///
/// `$1` and `${name}` stand for groups of the pattern, `$0` for the whole match. A backslash makes
/// the next character a plain one. `$12` is group 12 if the pattern has it, else group 1 and a `2`.
/// A group that took no part in the match is replaced by nothing.
///
/// *Java*: a group that the pattern does not have is refused here, not by every match.
///
/// ```
/// use connect_api::pattern::{Pattern, Replacement};
///
/// let pattern = Pattern::new("(.*)-(?<region>eu|us)")?;
/// let replacement = Replacement::new("${region}.$1", &pattern)?;
/// assert_eq!(pattern.replace_first("orders-eu", &replacement)?, "eu.orders");
/// # Ok::<(), connect_api::pattern::PatternError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Group(usize),
    Plain(String),
}

impl Replacement {
    /// Reads the replacement for a pattern.
    ///
    /// # Errors
    /// [`PatternError::InvalidReplacement`] with the reason.
    pub fn new(text: &str, pattern: &Pattern) -> Result<Self, PatternError> {
        parse(text, pattern).map_err(|reason| PatternError::InvalidReplacement {
            pattern: pattern.as_str().into(),
            replacement: text.into(),
            reason,
        })
    }

    /// Appends the replacement, with the groups of a match.
    pub(super) fn expand<'t>(&self, to: &mut String, group: impl Fn(usize) -> Option<&'t str>) {
        for piece in &self.0 {
            match piece {
                Piece::Group(index) => to.push_str(group(*index).unwrap_or_default()),
                Piece::Plain(text) => to.push_str(text),
            }
        }
    }
}

fn parse(text: &str, pattern: &Pattern) -> Result<Replacement, String> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some(escaped) => plain.push(escaped),
                None => return Err("character to be escaped is missing".into()),
            },
            '$' => {
                let (group, behind) = group(rest.as_str(), pattern)?;
                rest = behind.chars();
                if !plain.is_empty() {
                    pieces.push(Piece::Plain(std::mem::take(&mut plain)));
                }
                pieces.push(Piece::Group(group));
            }
            c => plain.push(c),
        }
    }
    if !plain.is_empty() {
        pieces.push(Piece::Plain(plain));
    }
    Ok(Replacement(pieces))
}

/// The group that is meant behind a `$`, and what follows it.
fn group<'a>(text: &'a str, pattern: &Pattern) -> Result<(usize, &'a str), String> {
    if let Some(text) = text.strip_prefix('{') {
        let name = text.split_once('}').filter(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric())
        });
        let Some((name, behind)) = name else {
            return Err("named capturing group is missing trailing '}'".into());
        };
        return match pattern.group_named(name) {
            Some(group) => Ok((group, behind)),
            None => Err(format!("No group with name {{{name}}}")),
        };
    }
    let mut digits = text.chars();
    let mut group = match digits.next() {
        None => return Err("Illegal group reference: group index is missing".into()),
        Some(c) => c.to_digit(10).ok_or("Illegal group reference")?,
    } as usize;
    if group > pattern.group_count() {
        return Err(format!("No group {group}"));
    }
    // As many digits as name a group of the pattern.
    let mut behind = digits.as_str();
    while let Some(digit) = digits.next().and_then(|c| c.to_digit(10)) {
        let longer = group * 10 + digit as usize;
        if longer > pattern.group_count() {
            break;
        }
        group = longer;
        behind = digits.as_str();
    }
    Ok((group, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacements_are_those_of_java() {
        for (pattern, replacement, expected) in [
            ("(a)(b)", "$2$1", "ba"),
            ("(a)(b)", "$12", "a2"),
            ("(a)(b)", "$0-$02", "ab-b"),
            ("(?<n1>a)b", "${n1}x", "ax"),
            ("(?=a)(?<n1>a)(b)", "${n1}$2x", "abx"),
            ("ab(c)?", "[$1]", "[]"),
            ("ab", r"\$1\\", r"$1\"),
            ("ab", "ü", "ü"),
            ("a|ab", "x", "xb"),
            ("b", "x", "ax"),
        ] {
            let pattern = Pattern::new(pattern).unwrap();
            let replacement = Replacement::new(replacement, &pattern).unwrap();
            let replaced = pattern.replace_first("ab", &replacement).unwrap();
            assert_eq!(replaced, expected, "{pattern}");
        }
    }

    #[test]
    fn a_replacement_that_cannot_work_is_refused() {
        let pattern = Pattern::new("(?<n>a)").unwrap();
        for replacement in [
            "$", r"\", "$x", "$2", "${", "${}", "${m}", "${n", "${n.}", "$ü",
        ] {
            let error = Replacement::new(replacement, &pattern).unwrap_err();
            assert!(error.to_string().contains(replacement), "{error}");
        }
    }
}
