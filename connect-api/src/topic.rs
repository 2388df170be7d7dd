//! Topics, partitions and positions in a log.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// The name of a topic.
///
/// *Shape*: a shared string, 16 bytes; cloning increments a reference count. Names are not checked
/// here: the log refuses bad names when a topic is created.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(Arc<str>);

impl TopicName {
    /// The longest name that Kafka accepts, in bytes.
    pub const MAX_LEN: usize = 249;

    /// Creates a name without checking it.
    #[must_use]
    pub fn new(name: impl AsRef<str>) -> Self {
        Self(Arc::from(name.as_ref()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Why Kafka refuses this name; `None` for a legal one.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let name = self.as_str();
        if name.is_empty() {
            return Some("the topic name is empty".into());
        }
        if name == "." || name == ".." {
            return Some(format!("the topic name must not be \"{name}\""));
        }
        if name.len() > Self::MAX_LEN {
            return Some(format!(
                "the topic name is longer than {} characters",
                Self::MAX_LEN
            ));
        }
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        name.chars().find(|c| !legal(*c)).map(|c| {
            format!(
                "the topic name \"{name}\" contains '{c}' (U+{:04X}); only ASCII letters, digits, '.', '_' and \
                 '-' are allowed",
                u32::from(c)
            )
        })
    }
}

impl Deref for TopicName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for TopicName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for TopicName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for TopicName {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for TopicName {
    fn from(name: String) -> Self {
        Self(Arc::from(name))
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl serde::Serialize for TopicName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for TopicName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

/// A partition of a topic. `Display` prints it as Kafka does: `topic-0`.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct TopicPartition {
    /// The topic.
    pub topic: TopicName,
    /// The partition, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// Creates the name of a partition.
    #[must_use]
    pub fn new(topic: impl Into<TopicName>, partition: i32) -> Self {
        Self {
            topic: topic.into(),
            partition,
        }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// The position of one record in a log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogPosition {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: i32,
    /// The offset of the record itself.
    pub offset: i64,
}

impl LogPosition {
    /// Creates a position.
    #[must_use]
    pub fn new(topic: impl Into<TopicName>, partition: i32, offset: i64) -> Self {
        Self {
            topic: topic.into(),
            partition,
            offset,
        }
    }

    /// The partition of the position.
    #[must_use]
    pub fn topic_partition(&self) -> TopicPartition {
        TopicPartition {
            topic: self.topic.clone(),
            partition: self.partition,
        }
    }
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}@{}", self.topic, self.partition, self.offset)
    }
}

/// Offsets of several partitions: for each, the offset of the *next* record to read.
///
/// Committed offsets of a consumer group are of this kind: one past the last processed record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[doc(alias = "OffsetAndMetadata")]
pub struct LogOffsets(BTreeMap<TopicPartition, i64>);

impl LogOffsets {
    /// Creates an empty map.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Deref for LogOffsets {
    type Target = BTreeMap<TopicPartition, i64>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl std::ops::DerefMut for LogOffsets {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl FromIterator<(TopicPartition, i64)> for LogOffsets {
    fn from_iter<I: IntoIterator<Item = (TopicPartition, i64)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl IntoIterator for LogOffsets {
    type Item = (TopicPartition, i64);
    type IntoIter = std::collections::btree_map::IntoIter<TopicPartition, i64>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a LogOffsets {
    type Item = (&'a TopicPartition, &'a i64);
    type IntoIter = std::collections::btree_map::Iter<'a, TopicPartition, i64>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Creates a timestamp from milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }
}

/// Who set the timestamp of a record in a log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TimestampType {
    /// The producer.
    #[default]
    CreateTime,
    /// The log, when it appended the record.
    LogAppendTime,
    /// The record has no timestamp.
    NoTimestamp,
}

impl TimestampType {
    /// Kafka's name: `CreateTime`, `LogAppendTime`, `NoTimestampType`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreateTime => "CreateTime",
            Self::LogAppendTime => "LogAppendTime",
            Self::NoTimestamp => "NoTimestampType",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn illegal_names_are_explained() {
        assert_eq!(TopicName::new("a.b_c-1").problem(), None);
        for bad in ["", ".", "..", "a b", "ü", &"x".repeat(250)] {
            assert!(TopicName::new(bad).problem().is_some(), "{bad}");
        }
    }
}
