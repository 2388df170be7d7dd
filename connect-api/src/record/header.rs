//! Headers of a record: typed in Connect, bytes in the log.

use bytes::Bytes;

use crate::data::Datum;
use crate::data::Text;

/// One typed header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The key; several headers may share it.
    pub key: Text,
    /// The value and its schema.
    pub value: Datum,
}

impl Header {
    /// Creates a header.
    #[must_use]
    pub fn new(key: impl Into<Text>, value: impl Into<Datum>) -> Self {
        Self {
            key: key.into(),
            value: value.into(),
        }
    }
}

/// Typed headers: an ordered multi-map.
///
/// ```
/// use connect_api::record::{Header, Headers};
///
/// let mut headers = Headers::new();
/// headers.push(Header::new("trace", "a"));
/// headers.push(Header::new("trace", "b"));
/// assert_eq!(headers.last("trace").unwrap().value.value.as_str(), Some("b"));
/// assert_eq!(headers.remove("trace"), 2);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[doc(alias = "ConnectHeaders")]
pub struct Headers(Vec<Header>);

impl Headers {
    /// Creates an empty list without an allocation.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Appends a header.
    pub fn push(&mut self, header: Header) {
        self.0.push(header);
    }

    /// The last header of a key.
    #[must_use]
    #[doc(alias = "lastWithName")]
    pub fn last(&self, key: &str) -> Option<&Header> {
        self.0.iter().rev().find(|header| header.key == *key)
    }

    /// All headers of a key, in order.
    #[doc(alias = "allWithName")]
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Header> {
        self.0.iter().filter(move |header| header.key == *key)
    }

    /// Removes all headers of a key and returns how many there were.
    pub fn remove(&mut self, key: &str) -> usize {
        let before = self.0.len();
        self.0.retain(|header| header.key != *key);
        before - self.0.len()
    }

    /// Keeps only the last header of each key.
    #[doc(alias = "retainLatest")]
    pub fn retain_latest(&mut self) {
        let mut kept: Vec<Header> = Vec::with_capacity(self.0.len());
        for header in self.0.drain(..).rev() {
            if !kept.iter().any(|other| other.key == header.key) {
                kept.push(header);
            }
        }
        kept.reverse();
        self.0 = kept;
    }

    /// Removes all headers.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// How many headers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The headers in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Header> {
        self.0.iter()
    }

    /// The headers in order, mutable.
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, Header> {
        self.0.iter_mut()
    }
}

impl FromIterator<Header> for Headers {
    fn from_iter<I: IntoIterator<Item = Header>>(headers: I) -> Self {
        Self(headers.into_iter().collect())
    }
}

impl IntoIterator for Headers {
    type Item = Header;
    type IntoIter = std::vec::IntoIter<Header>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Headers {
    type Item = &'a Header;
    type IntoIter = std::slice::Iter<'a, Header>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// One header as it is stored in the log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RawHeader {
    /// The key.
    pub key: Text,
    /// The bytes, or null.
    pub value: Option<Bytes>,
}

/// Headers as they are stored in the log, in order. An empty list needs no allocation.
pub type RawHeaders = Vec<RawHeader>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retain_latest_keeps_the_last_of_each_key_in_order() {
        let mut headers: Headers = [("a", 1), ("b", 2), ("a", 3)]
            .into_iter()
            .map(|(k, v)| Header::new(k, v))
            .collect();
        headers.retain_latest();
        let left: Vec<_> = headers
            .iter()
            .map(|h| (h.key.as_str(), h.value.value.as_i64()))
            .collect();
        assert_eq!(left, [("b", Some(2)), ("a", Some(3))]);
    }
}
