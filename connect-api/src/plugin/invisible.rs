//! Invisible characters in names.

/// Describes the first invisible character of a name; `None` if there is none.
///
/// Names that are copied from a web page or a document often have such characters.
pub(crate) fn invisible_note(name: &str) -> Option<String> {
    let (at, c) = name.char_indices().find(|(_, c)| is_invisible(*c))?;
    let what = match c {
        ' ' => "a space",
        '\t' => "a tab",
        '\n' | '\r' => "a line break",
        '\u{a0}' => "a no-break space (U+00A0)",
        '\u{200b}' => "a zero-width space (U+200B)",
        '\u{feff}' => "a byte order mark (U+FEFF)",
        c => {
            return Some(note(
                &format!("an invisible character (U+{:04X})", u32::from(c)),
                name,
                at,
            ));
        }
    };
    Some(note(what, name, at))
}

/// The name without invisible characters.
pub(crate) fn visible(name: &str) -> String {
    name.chars().filter(|c| !is_invisible(*c)).collect()
}

fn note(what: &str, name: &str, at: usize) -> String {
    let before = visible(name.get(..at).unwrap_or_default());
    let behind = visible(name.get(at..).unwrap_or_default());
    let place = if before.is_empty() {
        "at its start".to_owned()
    } else if behind.is_empty() {
        "at its end".to_owned()
    } else {
        format!("after \"{before}\"")
    };
    format!("the name has {what} {place}; remove it")
}

fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' |
            '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_are_named_with_their_place() {
        for (name, note) in [
            ("a.JsonConverter", None),
            (
                "a.Json ",
                Some("the name has a space at its end; remove it"),
            ),
            (
                "\u{a0}Json",
                Some("the name has a no-break space (U+00A0) at its start; remove it"),
            ),
            (
                "Json\u{200b}Converter",
                Some("the name has a zero-width space (U+200B) after \"Json\"; remove it"),
            ),
            (
                "Json\u{2060}",
                Some("the name has an invisible character (U+2060) at its end; remove it"),
            ),
            (
                "Json\n",
                Some("the name has a line break at its end; remove it"),
            ),
        ] {
            assert_eq!(invisible_note(name).as_deref(), note, "{name:?}");
        }
        assert_eq!(visible("\u{feff}a b\u{a0}"), "ab");
    }
}
