//! A pull reader of JSON text.
//!
//! It accepts what Jackson accepts as Kafka Connect configures it, leading zeros included, but
//! refuses text after the value ([`Reader::end`]). Numbers stay text until their type is known, and
//! strings without escapes are slices of the input.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use connect_api::Error;
use connect_api::data::Text;
use memchr::memchr2;

/// Why a message is not JSON.
#[derive(Debug)]
pub(super) struct SyntaxError {
    position: usize,
    what: &'static str,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.position)
    }
}

impl std::error::Error for SyntaxError {}

impl SyntaxError {
    /// The message as a whole is malformed.
    pub(super) const fn at_start(what: &'static str) -> Self {
        Self { position: 0, what }
    }
}

impl From<SyntaxError> for Error {
    #[cold]
    fn from(error: SyntaxError) -> Self {
        Self::data(format!(
            "Converting byte[] to Kafka Connect data failed due to serialization error: {error}"
        ))
        .with_source(error)
    }
}

type Result<T> = std::result::Result<T, SyntaxError>;

/// A number as written in the message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number<'a> {
    /// `-?digits[.digits][e[+-]digits]`
    pub(super) text: &'a str,
    /// True if there is neither a fraction nor an exponent.
    pub(super) is_integral: bool,
}

impl Number<'_> {
    /// The number as a 64-bit integer, if it is written as an integer and fits.
    pub(super) fn to_i64(self) -> Option<i64> {
        // 18 digits cannot overflow, and the general parser is several times slower.
        let (digits, is_negative) = match self.text.strip_prefix('-') {
            Some(digits) => (digits, true),
            None => (self.text, false),
        };
        if digits.len() > 18 || !self.is_integral {
            return if self.is_integral {
                self.text.parse().ok()
            } else {
                None
            };
        }
        let magnitude = digits
            .bytes()
            .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        Some(if is_negative { -magnitude } else { magnitude })
    }

    /// The nearest double; none if it is beyond the largest one. As in Java, minus zero is zero.
    pub(super) fn to_f64(self) -> Option<f64> {
        let value = self
            .text
            .parse::<f64>()
            .ok()
            .filter(|value| value.is_finite())?;
        Some(value + 0.0)
    }

    /// The nearest float; none if it is beyond the largest one. As in Java, minus zero is zero.
    pub(super) fn to_f32(self) -> Option<f32> {
        let value = self
            .text
            .parse::<f32>()
            .ok()
            .filter(|value| value.is_finite())?;
        Some(value + 0.0)
    }
}

/// Reads a message from front to back.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    input: &'a Bytes,
    bytes: &'a [u8],
    position: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// Half of Jackson's limit: the stack of a worker thread holds no more in debug builds.
    const MAX_DEPTH: usize = 500;
    /// Jackson's limit for the length of a number.
    const MAX_NUMBER: usize = 1000;

    pub(super) fn new(input: &'a Bytes) -> Self {
        Self {
            input,
            bytes: input,
            position: 0,
            depth: 0,
        }
    }

    /// A reader of the same message that starts at a value inside its root value.
    pub(super) fn at(&self, position: usize) -> Self {
        Self {
            input: self.input,
            bytes: self.bytes,
            position,
            depth: 1,
        }
    }

    /// The position of the next byte.
    pub(super) const fn position(&self) -> usize {
        self.position
    }

    /// Skips whitespace and returns the byte after it, or none at the end.
    pub(super) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.byte() {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.position += 1,
                byte => return byte,
            }
        }
    }

    /// Skips a text if the next bytes are equal to it.
    pub(super) fn skip_exactly(&mut self, text: &[u8]) -> bool {
        let is_here = self
            .bytes
            .get(self.position..)
            .is_some_and(|rest| rest.starts_with(text));
        if is_here {
            self.position += text.len();
        }
        is_here
    }

    /// The bytes from a position up to the current one.
    pub(super) fn since(&self, start: usize) -> &'a [u8] {
        self.bytes.get(start..self.position).unwrap_or_default()
    }

    /// Reads `null`, `true` or `false`.
    pub(super) fn literal(&mut self, literal: &[u8]) -> Result<()> {
        if !self.skip_exactly(literal) {
            return Err(self.error("unrecognized token"));
        }
        match self.byte() {
            Some(b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'$' | 0x80..) => {
                Err(self.error("unrecognized token"))
            }
            _ => Ok(()),
        }
    }

    /// Reads a number.
    pub(super) fn number(&mut self) -> Result<Number<'a>> {
        let start = self.position;
        if self.byte() == Some(b'-') {
            self.position += 1;
        }
        self.digits()?;
        let mut is_integral = true;
        if self.byte() == Some(b'.') {
            self.position += 1;
            is_integral = false;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.position += 1;
            is_integral = false;
            if let Some(b'+' | b'-') = self.byte() {
                self.position += 1;
            }
            self.digits()?;
        }
        let text = self.since(start);
        if text.len() > Self::MAX_NUMBER {
            return Err(self.error("a number of more than 1000 characters"));
        }
        Ok(Number {
            text: std::str::from_utf8(text).unwrap_or_default(),
            is_integral,
        })
    }

    /// Reads a string that is not kept.
    pub(super) fn str(&mut self) -> Result<Cow<'a, str>> {
        match self.raw_string()? {
            Ok(plain) => std::str::from_utf8(plain)
                .map(Cow::Borrowed)
                .map_err(|_| self.error("invalid UTF-8")),
            Err(unescaped) => Ok(Cow::Owned(unescaped)),
        }
    }

    /// Reads a string that is kept: a slice of the input if it has no escapes.
    pub(super) fn text(&mut self) -> Result<Text> {
        match self.raw_string()? {
            Ok(plain) => {
                let end = self.position - 1;
                let start = end - plain.len();
                Text::from_utf8(self.input.slice(start..end))
                    .map_err(|_| self.error("invalid UTF-8"))
            }
            Err(unescaped) => Ok(unescaped.into()),
        }
    }

    /// Enters an array or object at its opening delimiter.
    pub(super) fn enter(&mut self) -> Result<()> {
        self.position += 1;
        self.depth += 1;
        if self.depth > Self::MAX_DEPTH {
            return Err(self.error("nested deeper than 500 levels"));
        }
        Ok(())
    }

    /// Moves to the next item of an array or object. Returns false at the closing delimiter, which it
    /// skips.
    pub(super) fn next(&mut self, is_first: bool, close: u8) -> Result<bool> {
        match self.peek() {
            Some(byte) if byte == close => {
                self.position += 1;
                self.depth -= 1;
                Ok(false)
            }
            Some(b',') if !is_first => {
                self.position += 1;
                Ok(true)
            }
            Some(_) if is_first => Ok(true),
            Some(_) => Err(self.error("no comma between items")),
            None => Err(self.error("unexpected end")),
        }
    }

    /// Skips the colon after a key.
    pub(super) fn colon(&mut self) -> Result<()> {
        if self.peek() != Some(b':') {
            return Err(self.error("no colon after a key"));
        }
        self.position += 1;
        Ok(())
    }

    /// Reads a key and its colon.
    pub(super) fn key(&mut self) -> Result<Cow<'a, str>> {
        if self.peek() != Some(b'"') {
            return Err(self.error("no quote before a key"));
        }
        let key = self.str()?;
        self.colon()?;
        Ok(key)
    }

    /// Reads a key that is kept, and its colon.
    pub(super) fn text_key(&mut self) -> Result<Text> {
        if self.peek() != Some(b'"') {
            return Err(self.error("no quote before a key"));
        }
        let key = self.text()?;
        self.colon()?;
        Ok(key)
    }

    /// Checks that only whitespace is left.
    pub(super) fn end(&mut self) -> Result<()> {
        match self.peek() {
            Some(_) => Err(self.error("text after the JSON value")),
            None => Ok(()),
        }
    }

    /// Skips a value.
    pub(super) fn skip(&mut self) -> Result<()> {
        match self.peek() {
            Some(b'{') => {
                self.enter()?;
                let mut is_first = true;
                while self.next(is_first, b'}')? {
                    is_first = false;
                    self.key()?;
                    self.skip()?;
                }
                Ok(())
            }
            Some(b'[') => {
                self.enter()?;
                let mut is_first = true;
                while self.next(is_first, b']')? {
                    is_first = false;
                    self.skip()?;
                }
                Ok(())
            }
            Some(b'"') => self.str().map(drop),
            Some(b'n') => self.literal(b"null"),
            Some(b't') => self.literal(b"true"),
            Some(b'f') => self.literal(b"false"),
            _ => self.number().map(drop),
        }
    }

    /// The error for the current position.
    #[cold]
    pub(super) const fn error(&self, what: &'static str) -> SyntaxError {
        SyntaxError {
            position: self.position,
            what,
        }
    }

    fn byte(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    fn digits(&mut self) -> Result<()> {
        let start = self.position;
        while let Some(b'0'..=b'9') = self.byte() {
            self.position += 1;
        }
        if self.position == start {
            return Err(self.error("unrecognized token"));
        }
        Ok(())
    }

    /// Reads a string: the bytes between its quotes, or the unescaped text if it has escapes.
    fn raw_string(&mut self) -> Result<std::result::Result<&'a [u8], String>> {
        let rest = self.bytes.get(self.position + 1..).unwrap_or_default();
        let Some(end) = memchr2(b'"', b'\\', rest) else {
            return Err(self.error("unexpected end of a string"));
        };
        let (plain, rest) = rest.split_at(end);
        if plain.iter().fold(false, |any, byte| any | (*byte < 0x20)) {
            return Err(self.error("control character in a string"));
        }
        if rest.first() == Some(&b'"') {
            self.position += end + 2;
            return Ok(Ok(plain));
        }
        self.unescape().map(Err)
    }

    #[cold]
    fn unescape(&mut self) -> Result<String> {
        let mut text = String::new();
        self.position += 1;
        loop {
            let rest = self.bytes.get(self.position..).unwrap_or_default();
            let Some(end) = memchr2(b'"', b'\\', rest) else {
                return Err(self.error("unexpected end of a string"));
            };
            let (plain, rest) = rest.split_at(end);
            if plain.iter().any(|byte| *byte < 0x20) {
                return Err(self.error("control character in a string"));
            }
            let plain = std::str::from_utf8(plain).map_err(|_| self.error("invalid UTF-8"))?;
            text.push_str(plain);
            self.position += end + 1;
            if rest.first() == Some(&b'"') {
                return Ok(text);
            }
            let escape = self.byte();
            self.position += 1;
            text.push(match escape {
                Some(b'b') => '\u{8}',
                Some(b't') => '\t',
                Some(b'n') => '\n',
                Some(b'f') => '\u{c}',
                Some(b'r') => '\r',
                Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
                Some(b'u') => self.unicode()?,
                _ => return Err(self.error("unrecognized escape")),
            });
        }
    }

    fn unicode(&mut self) -> Result<char> {
        let first = self.hex_digits()?;
        let mut units = [first, 0];
        let mut length = 1;
        if (0xd800..0xdc00).contains(&first) && self.skip_exactly(b"\\u") {
            units = [first, self.hex_digits()?];
            length = 2;
        }
        let mut chars = char::decode_utf16(units.into_iter().take(length));
        match (chars.next(), chars.next()) {
            (Some(Ok(c)), None) => Ok(c),
            // Java keeps half of a pair, and writes a question mark for it later.
            _ => Err(self.error("half of a surrogate pair")),
        }
    }

    fn hex_digits(&mut self) -> Result<u16> {
        let digits = self
            .bytes
            .get(self.position..self.position + 4)
            .unwrap_or_default();
        let mut unit = 0;
        for digit in digits {
            let digit = char::from(*digit)
                .to_digit(16)
                .and_then(|digit| u16::try_from(digit).ok());
            unit = unit << 4 | digit.ok_or_else(|| self.error("unrecognized escape"))?;
        }
        self.position += 4;
        if digits.len() < 4 {
            Err(self.error("unexpected end of a string"))
        } else {
            Ok(unit)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn skips(text: &[u8]) -> bool {
        let input = Bytes::copy_from_slice(text);
        let mut reader = Reader::new(&input);
        reader.skip().and_then(|()| reader.end()).is_ok()
    }

    #[test]
    fn what_jackson_reads_is_read() {
        for text in [
            "1",
            "-01",
            "012",
            "1.5e-3",
            " \n\t 1 \n ",
            "[[1]]",
            "\"\\u00e9\\ud83d\\ude42\\/\"",
            "{}",
            "[]",
        ] {
            assert!(skips(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_jackson_refuses_is_refused() {
        for text in [
            "",
            "+1",
            ".5",
            "1.",
            "1e",
            "0x10",
            "tru",
            "truex",
            "'x'",
            "{a:1}",
            "[1,]",
            "[1 2]",
            "{\"a\"}",
            "{\"a\":1,}",
            "\"\\x\"",
            "\"abc",
            "\"a\nb\"",
            "NaN",
            "-Infinity",
            "/* */ 1",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\\u12\"",
            "[",
            "{",
            "-",
            "1x",
            "1,",
        ] {
            assert!(!skips(text.as_bytes()), "{text}");
        }
        assert!(!skips(b"\"\xff\""));
    }

    #[test]
    fn text_after_the_value_is_refused() {
        for text in [
            "1 2",
            "true x",
            "\"a\"b",
            "{\"a\":1} x",
            "{}{}",
            "{}]",
            "[],",
            "1\0",
        ] {
            assert!(!skips(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(skips(nested(500).as_bytes()));
        assert!(!skips(nested(501).as_bytes()));
        assert!(!skips("[".repeat(1_000_000).as_bytes()));
    }

    #[test]
    fn plain_strings_are_slices_of_the_input() {
        let input = Bytes::from(b"\"hello\"".to_vec());
        let text = Reader::new(&input).text().unwrap();
        assert_eq!(text, "hello");
        assert_eq!(text.as_ptr(), input[1..].as_ptr());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            skips(&bytes);
        }

        #[test]
        fn valid_json_is_read_and_nothing_else(
            text in r#"(\[|\]|\{|\}|,|:|"a"|1|-2|\.5|e3|true|null| ){0,12}"#
        ) {
            let valid = serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok();
            prop_assert_eq!(skips(text.as_bytes()), valid);
        }

        #[test]
        fn integers_are_exact(number: i64) {
            let input = Bytes::from(number.to_string());
            prop_assert_eq!(Reader::new(&input).number().unwrap().to_i64(), Some(number));
        }

        #[test]
        fn numbers_are_the_nearest_ones_or_refused(text in "-?[1-9][0-9]{0,40}(\\.[0-9]{1,5})?(e[0-9]{1,3})?") {
            let input = Bytes::from(text.clone());
            let number = Reader::new(&input).number().unwrap();
            let (double, float): (f64, f32) = (text.parse().unwrap(), text.parse().unwrap());
            prop_assert_eq!(number.to_f64(), Some(double).filter(|value| value.is_finite()));
            prop_assert_eq!(number.to_f32(), Some(float).filter(|value| value.is_finite()));
        }
    }
}
