//! Regular expressions that users write, in Java's syntax.
//!
//! Every option that holds a regular expression (`topics.regex`, `topic.creation.*.include`, the
//! transforms and predicates) is read by [`Pattern`], so they all accept the same syntax and match
//! in the same way.
//!
//! A pattern that needs no backtracking matches in linear time. Look-around, back references,
//! atomic groups and possessive quantifiers need backtracking. It is bounded: a match that takes
//! too many steps is an error that names the pattern.

mod engine;
mod java;
mod replacement;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

pub use self::replacement::Replacement;

use self::engine::Engine;
use crate::Error;
use crate::ErrorKind;

/// A compiled regular expression in Java's syntax.
///
/// *Shape*: cloning is cheap. Patterns are equal if their texts are equal.
///
/// *Java*: `java.util.regex.Pattern`. `\d`, `\w` and `\s` are ASCII unless `(?U)` is on. Differences:
/// `.` excludes only `\n`; without `(?m)`, `$` matches only at the very end; `(?i)` ignores the case
/// of all letters, as with `(?iu)`; `\G`, `\X`, `\N{…}`, Unicode blocks (`\p{InGreek}`) and
/// `\p{java…}` are refused.
///
/// ```
/// use connect_api::pattern::Pattern;
///
/// let pattern = Pattern::new("^(?!__).*")?;
/// assert!(pattern.matches("orders")?);
/// assert!(!pattern.matches("__consumer_offsets")?);
/// # Ok::<(), connect_api::pattern::PatternError>(())
/// ```
#[derive(Clone)]
pub struct Pattern(Arc<Inner>);

struct Inner {
    text: String,
    /// The names of the groups, in order; group 0 is not among them.
    groups: Vec<Option<String>>,
    whole: Engine,
    part: Engine,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// [`PatternError::Invalid`] with the reason.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let invalid = |reason| PatternError::Invalid {
            pattern: text.into(),
            reason,
        };
        let translated = java::translate(text).map_err(invalid)?;
        let backtracks = translated.needs_backtracking;
        let part = Engine::new(&translated.text, backtracks).map_err(invalid)?;
        let whole = format!(r"\A(?:{})\z", translated.text);
        Ok(Self(Arc::new(Inner {
            text: text.into(),
            groups: translated.groups,
            whole: Engine::new(&whole, backtracks).map_err(invalid)?,
            part,
        })))
    }

    /// The text that was compiled.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// True if the pattern matches the whole text.
    ///
    /// # Errors
    /// [`PatternError::TooManySteps`].
    pub fn matches(&self, text: &str) -> Result<bool, PatternError> {
        self.0.whole.is_match(text).map_err(|_| self.overrun())
    }

    /// The bytes of the first match in a text.
    ///
    /// # Errors
    /// [`PatternError::TooManySteps`].
    pub fn find(&self, text: &str) -> Result<Option<Range<usize>>, PatternError> {
        self.0.part.find(text).map_err(|_| self.overrun())
    }

    /// Replaces the first match in a text. A text without a match is returned as it is.
    ///
    /// # Errors
    /// [`PatternError::TooManySteps`].
    pub fn replace_first<'t>(
        &self,
        text: &'t str,
        replacement: &Replacement,
    ) -> Result<Cow<'t, str>, PatternError> {
        let groups = self.0.part.groups(text).map_err(|_| self.overrun())?;
        let Some(Some(matched)) = groups.first() else {
            return Ok(Cow::Borrowed(text));
        };
        let mut replaced = String::new();
        replaced.push_str(text.get(..matched.start).unwrap_or_default());
        replacement.expand(&mut replaced, |group| {
            let range = groups.get(group)?.clone()?;
            text.get(range)
        });
        replaced.push_str(text.get(matched.end..).unwrap_or_default());
        Ok(Cow::Owned(replaced))
    }

    /// How many groups the pattern has, without the whole match.
    fn group_count(&self) -> usize {
        self.0.groups.len()
    }

    /// The number of a named group.
    fn group_named(&self, name: &str) -> Option<usize> {
        let mut groups = self.0.groups.iter();
        let index = groups.position(|group| group.as_deref() == Some(name))?;
        Some(index + 1)
    }

    fn overrun(&self) -> PatternError {
        PatternError::TooManySteps {
            pattern: self.0.text.clone(),
        }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.as_str()).finish()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

impl std::str::FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        Self::new(text)
    }
}

/// Why a [`Pattern`] cannot be compiled or matched.
///
/// Converts into an [`Error`] of kind [`Config`](ErrorKind::Config), or of kind
/// [`Data`](ErrorKind::Data) for [`TooManySteps`](Self::TooManySteps): another text may match.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// The text is not a regular expression.
    #[error("pattern \"{pattern}\" is not valid: {reason}")]
    Invalid {
        /// The text.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The replacement does not fit the pattern.
    #[error("replacement \"{replacement}\" is not valid for pattern \"{pattern}\": {reason}")]
    InvalidReplacement {
        /// The text of the pattern.
        pattern: String,
        /// The text of the replacement.
        replacement: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A match was aborted because it backtracked too often.
    #[error(
        "matching pattern \"{pattern}\" was aborted after {} steps; avoid look-around, back \
         references and nested repetitions in it, or make it more specific",
        engine::MAX_STEPS
    )]
    TooManySteps {
        /// The text of the pattern.
        pattern: String,
    },
}

impl PatternError {
    /// What is wrong, without the text of the pattern: for messages that already name it.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Invalid { reason, .. } | Self::InvalidReplacement { reason, .. } => {
                reason.clone()
            }
            Self::TooManySteps { .. } => self.to_string(),
        }
    }
}

/// The same as `Display`, because `main` prints the error that it returns in this form.
impl fmt::Debug for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<PatternError> for Error {
    fn from(error: PatternError) -> Self {
        let kind = match error {
            PatternError::TooManySteps { .. } => ErrorKind::Data,
            _ => ErrorKind::Config,
        };
        Self::new(kind, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern).unwrap().matches(text).unwrap()
    }

    #[test]
    fn patterns_match_the_whole_text() {
        for (pattern, text, expected) in [
            ("topic-.*", "topic-a", true),
            ("topic", "topic-a", false),
            ("a", "topic-a", false),
            ("^topic-a$", "topic-a", true),
            ("b|topic-a", "topic-a", true),
            ("a|ab", "ab", true),
            ("", "", true),
            ("", "a", false),
            ("a$", "a\n", false),
            // Look-around.
            ("^(?!__).*", "orders", true),
            ("^(?!__).*", "__offsets", false),
            (".*(?<!-dlq|-retry)", "orders", true),
            (".*(?<!-dlq|-retry)", "orders-retry", false),
            ("(?=.*a)(?=.*b).+", "xbxa", true),
            ("(?=.*a)(?=.*b).+", "xax", false),
            (".*(?<=x{1,3})", "axx", true),
            // Back references.
            (r"(\w+)-\1", "ab-ab", true),
            (r"(\w+)-\1", "ab-ac", false),
            (r"(?<n>\w+)-\k<n>", "ab-ab", true),
            (r"(?<n>a)(b)\2\1", "abba", true),
            (r"(a)\11", "aa1", true),
            // Possessive quantifiers and atomic groups.
            ("a++a", "aaa", false),
            ("a*+b", "aab", true),
            ("a?+a", "a", false),
            ("a{1,2}+a", "aa", false),
            ("a{1,2}+a", "aaa", true),
            ("(?:ab)++c", "ababc", true),
            ("(?>a|ab)c", "abc", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn syntax_is_that_of_java() {
        for (pattern, text, expected) in [
            (r"\Qa.b\E+", "a.bbb", true),
            (r"\Qa.b", "a.b", true),
            (r"\Qa.b", "axb", false),
            (r"[\Q^-]\E]+", "^-]", true),
            (r"\d\w\s", "1_ ", true),
            (r"\d", "٣", false),
            (r"(?U)\d", "٣", true),
            (r"\w", "é", false),
            (r"[\d\-x]+", "1-x", true),
            (r"[^\D]", "7", true),
            (r"\h\v", "\t\x0c", true),
            (r"\H\V", "ab", true),
            (r"a\Rb", "a\r\nb", true),
            (r"\<\>\_\é", "<>_é", true),
            (r"\e\a\cA\x41\u0042\x{43}\0101", "\x1b\x07\x01ABCA", true),
            (r"\uD83D\uDE00", "😀", true),
            (r"\p{Alpha}\p{Digit}\P{Upper}", "a1b", true),
            (r"\p{Alpha}", "é", false),
            (r"[\p{Alnum}_]+", "a_1", true),
            (r"[^\p{Punct}]", "!", false),
            (r"\p{L}\pL\p{IsLatin}\p{IsAlphabetic}", "éaéa", true),
            ("[a-z&&[^bc]]+", "ad", true),
            ("[a-z&&[^bc]]+", "ab", false),
            ("[a-d[m-p]]+", "am", true),
            ("[]a]+", "]a", true),
            ("[^]a]", "]", false),
            ("[+--]+", "+,-", true),
            ("[-a]+", "-a", true),
            ("[a-]+", "-a", true),
            (r"[\w-.]+", "a-.", true),
            ("[a~~b]+", "~", true),
            ("a]}", "a]}", true),
            ("(?i)TOPIC", "topic", true),
            ("(?i:T)opic", "topic", true),
            ("(?idmsux-U:T)opic", "topic", true),
            ("(?x) a b # comment )\n c", "abc", true),
            ("(?x: a b ) c", "ab c", true),
            (r"(?x)a\ b", "a b", true),
            ("(?s)a.b", "a\nb", true),
            (r"a\Z", "a", true),
            (r"\Aa\z", "a", true),
            (r"\bab\b", "ab", true),
            ("a{2}", "aa", true),
            ("a{2,}?", "aaa", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn what_is_not_a_pattern_is_refused_with_a_reason() {
        for (pattern, reason) in [
            ("(", "a group is not closed"),
            (")(", "\")\" closes no group"),
            ("[", "a character class is not closed"),
            ("[a", "a character class is not closed"),
            ("*", "nothing to repeat before \"*\""),
            ("(|+a)", "nothing to repeat before \"+\""),
            ("a**", "nothing to repeat before \"*\""),
            ("a{", "\"{\" is not followed by a number of repetitions"),
            ("a{,2}", "\"{\" is not followed by a number of repetitions"),
            ("a{1,2", "\"{\" is not followed by a number of repetitions"),
            ("\\", "the last backslash escapes nothing"),
            (r"\y", "escape \"\\y\" is not known"),
            (r"\G", "escape \"\\G\" is not supported"),
            (r"\X", "escape \"\\X\" is not supported"),
            (
                r"[\b]",
                "escape \"\\b\" is not allowed in a character class",
            ),
            (
                r"\x4",
                "escape \"\\x\" needs hexadecimal digits of a character",
            ),
            (
                r"\uD83D",
                "escape \"\\u\" needs hexadecimal digits of a character",
            ),
            (
                r"\p{InGreek}",
                "character class \"\\p{InGreek}\" is not supported",
            ),
            (
                r"\p{javaLowerCase}",
                "character class \"\\p{javaLowerCase}\" is not supported",
            ),
            (r"\p{", "\"\\p\" is not followed by the name of a class"),
            (
                "[[:alpha:]]",
                "\"[:alpha:]\" is not known; write \\p{Alpha}",
            ),
            ("(?P<n>a)", "flag \"P\" is not known"),
            ("(?<n>a)(?<n>b)", "group \"n\" is there twice"),
            (
                "(?<1>a)",
                "a name of a group consists of ASCII letters and digits and starts with a letter",
            ),
            (r"\1(a)", "group 1 does not exist"),
            (r"\k<n>", "group \"n\" does not exist"),
        ] {
            let error = Pattern::new(pattern).unwrap_err();
            assert_eq!(error.reason(), reason, "{pattern}");
            assert!(error.to_string().contains(pattern), "{error}");
        }
        let error = Pattern::new("[z-a]").unwrap_err();
        assert!(!error.reason().contains('\n'), "{error}");
    }

    #[test]
    fn a_match_that_takes_too_many_steps_names_the_pattern() {
        let pattern = Pattern::new("(?=x)(?:x+x+)+(?!z)y").unwrap();
        let error = pattern.matches(&"x".repeat(200)).unwrap_err();
        assert!(matches!(error, PatternError::TooManySteps { .. }));
        assert!(error.to_string().contains("(?:x+x+)+"), "{error}");
        assert_eq!(Error::from(error).kind(), ErrorKind::Data);
    }

    #[test]
    fn the_first_match_is_found_and_replaced() {
        let pattern = Pattern::new("(?<d>[0-9]+)(?!0)").unwrap();
        assert_eq!(pattern.find("ab12c3").unwrap(), Some(2..4));
        assert_eq!(pattern.find("ab").unwrap(), None);
        let replacement = Replacement::new("<${d}>", &pattern).unwrap();
        let replaced = |text| pattern.replace_first(text, &replacement).unwrap();
        assert_eq!(replaced("ab12c3"), "ab<12>c3");
        assert_eq!(replaced("ab"), "ab");
    }

    #[test]
    fn patterns_are_compared_and_shown_by_their_text() {
        let pattern = Pattern::new("a.b").unwrap();
        assert_eq!(pattern, Pattern::new("a.b").unwrap());
        assert_ne!(pattern, Pattern::new("a.c").unwrap());
        assert_eq!(format!("{pattern} {pattern:?}"), r#"a.b Pattern("a.b")"#);
    }

    /// Patterns of a small grammar, which both engines understand.
    fn simple() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            "[ab]",
            Just(".".into()),
            Just("[a&&b]".into()),
            Just(r"\w".into())
        ];
        leaf.prop_recursive(4, 16, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}|{b})")),
                (inner, prop_oneof![Just("*"), Just("+?"), Just("{0,2}")])
                    .prop_map(|(a, times)| format!("(?:{a}){times}")),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_text_compiles_or_is_refused(pattern in "\\PC{0,16}", text in "\\PC{0,8}") {
            if let Ok(pattern) = Pattern::new(&pattern) {
                let _ = pattern.matches(&text);
                let _ = pattern.find(&text);
            }
        }

        #[test]
        fn quoted_text_matches_itself_alone(text in "[^\\\\]{0,8}", other in "\\PC{0,8}") {
            let quoted = format!("\\Q{text}\\E");
            prop_assert!(matches(&quoted, &text));
            prop_assert_eq!(matches(&quoted, &other), text == other);
        }

        #[test]
        fn both_engines_agree(pattern in simple(), text in "[abc]{0,8}") {
            // The look-ahead is always true and needs the engine that backtracks.
            let backtracking = Pattern::new(&format!("{pattern}(?!\\z\\A|d)")).unwrap();
            let linear = Pattern::new(&pattern).unwrap();
            if !text.is_empty() {
                prop_assert_eq!(backtracking.matches(&text), linear.matches(&text));
                prop_assert_eq!(backtracking.find(&text), linear.find(&text));
            }
        }
    }
}
