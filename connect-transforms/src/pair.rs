//! Options that are lists of pairs, such as `foo:bar`.

/// The description of such an option in Java's documentation.
pub(crate) const LIST_OF_PAIRS: &str =
    "list of colon-delimited pairs, e.g. <code>foo:bar,abc:xyz</code>";

/// The text before the colon, and the text after it if there is a colon. None if there are several.
///
/// *Java*: `String.split`, which ignores colons at the end.
pub(crate) fn split(text: &str) -> Option<(&str, Option<&str>)> {
    let text = text.trim_end_matches(':');
    match text.split_once(':') {
        Some((_, second)) if second.contains(':') => None,
        Some((first, second)) => Some((first, Some(second))),
        None => Some((text, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_those_of_java() {
        for (text, expected) in [
            ("a:b", Some(("a", Some("b")))),
            (":b", Some(("", Some("b")))),
            ("a:b::", Some(("a", Some("b")))),
            ("a:", Some(("a", None))),
            ("a:b:c", None),
            ("a::b", None),
            ("::", Some(("", None))),
            ("", Some(("", None))),
        ] {
            assert_eq!(split(text), expected, "{text}");
        }
    }
}
