//! The `.properties` format of Java.
//!
//! One entry per line: key, separator (`=`, `:` or blanks), value. A line that starts with `#` or `!`
//! is a comment; there are no comments behind values. A line that ends with an odd number of
//! backslashes continues on the next line. Escapes are `\t`, `\n`, `\r`, `\f` and `\uXXXX`; a
//! backslash before any other character is dropped. If a key occurs twice, the last value is used.

use std::collections::BTreeMap;
use std::fmt;
use std::iter::Peekable;
use std::path::Path;
use std::path::PathBuf;
use std::str::Chars;

use connect_api::ConfigMap;

/// Why a `.properties` file could not be read.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum PropertiesError {
    /// The file itself could not be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// An escape is wrong.
    #[error("line {line}: {source}")]
    Syntax {
        /// The line on which the entry starts, counted from 1.
        line: usize,
        /// What is wrong.
        source: EscapeError,
    },
    /// An escape in a file is wrong.
    #[error("{path}: {source}", path = path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        source: Box<PropertiesError>,
    },
}

/// As `Display`: a `main` that returns the error prints `Debug`.
impl fmt::Debug for PropertiesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What is wrong with an escape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EscapeError {
    /// `\u` without four hexadecimal digits.
    #[error("malformed \\uxxxx encoding")]
    Malformed,
    /// Half of a surrogate pair without the other half.
    #[error("\\u{0:04x} is half of a surrogate pair without the other half")]
    Surrogate(u16),
}

/// Reads a file. A key that occurs twice is logged as a warning.
///
/// *Java* reads such files as Latin-1. Here they are UTF-8, and Latin-1 only if they are not valid
/// UTF-8. ASCII files mean the same in both, and a path with an umlaut is read as it was written.
///
/// # Errors
/// The file cannot be read, or an escape in it is wrong.
pub fn read(path: &Path) -> Result<ConfigMap, PropertiesError> {
    let bytes = std::fs::read(path).map_err(|source| PropertiesError::Io {
        path: path.to_owned(),
        source,
    })?;
    let entries = entries(&decode(&bytes)).map_err(|source| PropertiesError::InFile {
        path: path.to_owned(),
        source: source.into(),
    })?;
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    for Entry { line, key, .. } in &entries {
        if let Some(earlier) = lines.insert(key, *line) {
            tracing::warn!(
                "{}: option \"{key}\" is set in line {earlier} and again in line {line}; the last \
                 value is used",
                path.display()
            );
        }
    }
    Ok(config(entries))
}

/// Reads a text.
///
/// ```
/// let config = connect_cli::properties::parse("name = lines\nfile: /tmp/in\\\n   .txt\n# end\n")?;
/// assert_eq!(config.get("name"), Some("lines"));
/// assert_eq!(config.get("file"), Some("/tmp/in.txt"));
/// # Ok::<(), connect_cli::properties::PropertiesError>(())
/// ```
///
/// # Errors
/// [`PropertiesError::Syntax`]: an escape is wrong.
pub fn parse(text: &str) -> Result<ConfigMap, PropertiesError> {
    entries(text).map(config)
}

/// A key with its value.
struct Entry {
    /// The line on which it starts, counted from 1.
    line: usize,
    key: String,
    value: String,
}

fn entries(text: &str) -> Result<Vec<Entry>, PropertiesError> {
    let lines = logical_lines(text).into_iter();
    lines
        .map(|(line, entry)| {
            let (key, value) = split(&entry);
            let unescape =
                |text| unescape(text).map_err(|source| PropertiesError::Syntax { line, source });
            Ok(Entry {
                line,
                key: unescape(key)?,
                value: unescape(value)?,
            })
        })
        .collect()
}

fn config(entries: Vec<Entry>) -> ConfigMap {
    let entries = entries.into_iter();
    entries.map(|entry| (entry.key, entry.value)).collect()
}

fn decode(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text).to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

/// The entries, each with the number of its first line: without comments, blank lines and leading
/// blanks, continued lines joined.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut entries: Vec<(usize, String)> = Vec::new();
    let mut is_continued = false;
    for (index, line) in natural_lines(text).enumerate() {
        let line = line.trim_start_matches(is_blank);
        if !is_continued && (line.is_empty() || line.starts_with(['#', '!'])) {
            continue;
        }
        let backslashes = line.len() - line.trim_end_matches('\\').len();
        let continues = backslashes % 2 == 1;
        let content = if continues {
            line.get(..line.len() - 1).unwrap_or(line)
        } else {
            line
        };
        match entries.last_mut() {
            Some((_, entry)) if is_continued => entry.push_str(content),
            _ => entries.push((index + 1, content.to_owned())),
        }
        is_continued = continues;
    }
    entries
}

/// The lines of a text, which end with `\n`, `\r` or `\r\n`.
fn natural_lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n')
        .flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

/// Splits an entry at the first separator that is not escaped.
fn split(entry: &str) -> (&str, &str) {
    let mut is_escaped = false;
    let end = entry.char_indices().find(|&(_, c)| {
        let is_separator = !is_escaped && (is_blank(c) || c == '=' || c == ':');
        is_escaped = c == '\\' && !is_escaped;
        is_separator
    });
    let (key, rest) = entry.split_at(end.map_or(entry.len(), |(at, _)| at));
    let rest = rest.trim_start_matches(is_blank);
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, value.trim_start_matches(is_blank))
}

const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{c}')
}

fn unescape(text: &str) -> Result<String, EscapeError> {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match chars.next() {
            Some('f') => plain.push('\u{c}'),
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('t') => plain.push('\t'),
            Some('u') => plain.push(unicode(&mut chars)?),
            Some(other) => plain.push(other),
            None => {}
        }
    }
    Ok(plain)
}

/// The character behind `\u`; a surrogate pair is two such escapes.
fn unicode(chars: &mut Peekable<Chars<'_>>) -> Result<char, EscapeError> {
    let first = four_digits(chars)?;
    let mut units = vec![first];
    if (0xd800..0xdc00).contains(&first) && chars.next_if_eq(&'\\').is_some() {
        chars
            .next_if_eq(&'u')
            .ok_or(EscapeError::Surrogate(first))?;
        units.push(four_digits(chars)?);
    }
    match *Vec::from_iter(char::decode_utf16(units)) {
        [Ok(c)] => Ok(c),
        _ => Err(EscapeError::Surrogate(first)),
    }
}

fn four_digits(chars: &mut Peekable<Chars<'_>>) -> Result<u16, EscapeError> {
    (0..4).try_fold(0, |unit, _| {
        let digit = chars
            .next()
            .and_then(|c| c.to_digit(16))
            .ok_or(EscapeError::Malformed)?;
        Ok(unit << 4 | u16::try_from(digit).map_err(|_| EscapeError::Malformed)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unicode_escapes_are_characters() {
        let config = parse(r"a=\u00e4 \u20AC \ud83d\ude00").unwrap();
        assert_eq!(config.get("a"), Some("ä € 😀"));
    }

    #[test]
    fn wrong_escapes_name_their_line() {
        for (text, message) in [
            (
                "a=1\n\nb=\\\n  \\u00g0",
                "line 3: malformed \\uxxxx encoding",
            ),
            ("a=\\u12", "line 1: malformed \\uxxxx encoding"),
            (
                "a=\\ud83d",
                "line 1: \\ud83d is half of a surrogate pair without the other half",
            ),
            (
                "a=\\ud83d\\n",
                "line 1: \\ud83d is half of a surrogate pair without the other half",
            ),
            (
                "a=\\ud83d\\u0041",
                "line 1: \\ud83d is half of a surrogate pair without the other half",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn files_are_utf8_or_else_latin_1() {
        assert_eq!(decode("\u{feff}größe".as_bytes()), "größe");
        assert_eq!(decode(b"gr\xf6\xdfe"), "größe");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read(Path::new("/nowhere/worker.properties")).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot read /nowhere/worker.properties: ")
        );
    }
}
