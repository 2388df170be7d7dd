//! Shared UTF-8 strings.

use std::borrow::Borrow;
use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use bytestring::ByteString;

/// A UTF-8 string in shared bytes.
///
/// A line is a slice of the chunk that was read, and the string converter passes the same bytes on,
/// so text moves from a file to the log without a copy. Cloning increments a reference count.
///
/// ```
/// use connect_api::data::Text;
///
/// let chunk = bytes::Bytes::from_static(b"first\nsecond");
/// let line = Text::from_utf8(chunk.slice(0..5)).unwrap();
/// assert_eq!(line, "first");
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(ByteString);

impl Text {
    /// Creates an empty string.
    #[must_use]
    pub const fn new() -> Self {
        Self(ByteString::new())
    }

    /// Creates text from a static string.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(ByteString::from_static(text))
    }

    /// Creates text from shared bytes without a copy.
    ///
    /// # Errors
    /// Returns the bytes if they are not valid UTF-8.
    pub fn from_utf8(bytes: Bytes) -> Result<Self, Bytes> {
        if simdutf8::basic::from_utf8(&bytes).is_err() {
            return Err(bytes);
        }
        #[expect(
            unsafe_code,
            reason = "checking again would take a third of the time of a sink"
        )]
        // SAFETY: the bytes were checked above, and shared bytes do not change.
        Ok(Self(unsafe { ByteString::from_bytes_unchecked(bytes) }))
    }

    /// Creates text from shared bytes. Invalid UTF-8 becomes U+FFFD, as in Java.
    #[must_use]
    pub fn from_utf8_lossy(bytes: Bytes) -> Self {
        match Self::from_utf8(bytes) {
            Ok(text) => text,
            Err(bytes) => Self::from(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// The string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The shared bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        self.0.as_bytes()
    }

    /// Converts the text to its shared bytes without a copy.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0.into_bytes()
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(ByteString::from(text))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(ByteString::from(text))
    }
}

impl From<Cow<'_, str>> for Text {
    fn from(text: Cow<'_, str>) -> Self {
        Self::from(text.into_owned())
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl serde::Serialize for Text {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

/// The value of a decimal digit of any script in the basic plane.
#[must_use]
#[doc(alias = "Character.digit")]
pub fn decimal_digit(c: char) -> Option<u32> {
    /// The zeros of the scripts, each followed by the other nine digits.
    const ZEROS: [char; 36] = [
        '0', '\u{660}', '\u{6f0}', '\u{7c0}', '\u{966}', '\u{9e6}', '\u{a66}', '\u{ae6}',
        '\u{b66}', '\u{be6}', '\u{c66}', '\u{ce6}', '\u{d66}', '\u{de6}', '\u{e50}', '\u{ed0}',
        '\u{f20}', '\u{1040}', '\u{1090}', '\u{17e0}', '\u{1810}', '\u{1946}', '\u{19d0}',
        '\u{1a80}', '\u{1a90}', '\u{1b50}', '\u{1bb0}', '\u{1c40}', '\u{1c50}', '\u{a620}',
        '\u{a8d0}', '\u{a900}', '\u{a9d0}', '\u{a9f0}', '\u{aa50}', '\u{abf0}',
    ];
    if c.is_ascii() {
        return c.to_digit(10);
    }
    ZEROS
        .iter()
        .chain(&['\u{ff10}'])
        .find(|zero| (**zero..=char::from_u32(**zero as u32 + 9).unwrap_or(**zero)).contains(&c))
        .map(|zero| c as u32 - *zero as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_shares_its_chunk() {
        let chunk = Bytes::from(b"ab\ncd".to_vec());
        let line = Text::from_utf8(chunk.slice(3..)).unwrap();
        assert_eq!(line, "cd");
        assert_eq!(line.as_bytes().as_ptr(), chunk[3..].as_ptr());
    }

    #[test]
    fn bad_bytes_come_back_or_are_replaced() {
        let bad = Bytes::from_static(b"a\xffb");
        assert_eq!(Text::from_utf8(bad.clone()).unwrap_err(), bad);
        assert_eq!(Text::from_utf8_lossy(bad), "a\u{fffd}b");
    }

    proptest::proptest! {
        /// Long enough for vector instructions, and nearly valid, so that both results occur.
        #[test]
        fn the_check_is_that_of_the_standard_library(
            text in "[a-zß-鿿🙂-🙏]{0,120}",
            flip in proptest::option::of((0_usize..400, 0_u8..)),
        ) {
            let mut bytes = text.into_bytes();
            if let Some((place, byte)) = flip {
                let length = bytes.len().max(1);
                if let Some(target) = bytes.get_mut(place % length) {
                    *target = byte;
                }
            }
            let expected = std::str::from_utf8(&bytes).map(str::to_owned).ok();
            let found = Text::from_utf8(bytes.into()).ok();
            proptest::prop_assert_eq!(found.as_deref(), expected.as_deref());
        }
    }
}
