//! Records from a source, and the offsets that say where they came from.

use std::borrow::Cow;
use std::fmt;
use std::hash::Hash;
use std::hash::Hasher;
use std::ops::Range;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::data::Text;
use crate::record::Record;
use crate::topic::LogPosition;

/// A value in a source partition or source offset: anything that JSON has without nesting.
///
/// *Java*: integers of any width are read back with 64 bits.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum OffsetValue {
    /// Null.
    #[default]
    Null,
    /// True or false.
    Boolean(bool),
    /// An integer.
    Int(i64),
    /// A floating point number. Equality compares bits.
    Float(f64),
    /// Text.
    String(Text),
    /// Bytes, stored as base64 text.
    Bytes(Bytes),
}

impl OffsetValue {
    /// The integer, if it is one.
    #[must_use]
    pub const fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The text, if it is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// True for null.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

impl PartialEq for OffsetValue {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Boolean(a), Self::Boolean(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (Self::String(a), Self::String(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for OffsetValue {}

/// The value as a person reads it: text without quotation marks, bytes as base64.
impl fmt::Display for OffsetValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::String(text) => f.write_str(text),
            Self::Bytes(bytes) => f.write_str(&STANDARD.encode(bytes)),
        }
    }
}

impl Hash for OffsetValue {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Null => {}
            Self::Boolean(value) => value.hash(state),
            Self::Int(value) => value.hash(state),
            Self::Float(value) => value.to_bits().hash(state),
            Self::String(text) => text.hash(state),
            Self::Bytes(bytes) => bytes.hash(state),
        }
    }
}

macro_rules! from {
    ($($from:ty => $variant:ident),* $(,)?) => {$(
        impl From<$from> for OffsetValue {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}

from! {
    bool => Boolean, i8 => Int, i16 => Int, i32 => Int, u32 => Int, i64 => Int, f64 => Float,
    Text => String, &str => String, String => String, Bytes => Bytes,
}

/// Keeps the shortest text, which is what is stored: 1.1 stays 1.1.
impl From<f32> for OffsetValue {
    fn from(value: f32) -> Self {
        Self::Float(value.to_string().parse().unwrap_or_else(|_| value.into()))
    }
}

impl<T: Into<Self>> From<Option<T>> for OffsetValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A name in a source partition or offset.
pub type OffsetKey = Cow<'static, str>;

/// Entries of a source partition or offset.
pub type OffsetEntries = [(OffsetKey, OffsetValue)];

/// Which part of the other system a record came from: a file, a table, a queue.
///
/// *Shape*: build it once and clone it; cloning increments a reference count. The order of entries
/// is kept because it determines the bytes of the key under which offsets are stored.
///
/// ```
/// use connect_api::record::SourcePartition;
///
/// let partition = SourcePartition::new([("filename", "access.log")]);
/// assert_eq!(partition.get("filename").and_then(|v| v.as_str()), Some("access.log"));
/// ```
#[derive(Clone, Default)]
pub struct SourcePartition(Option<Arc<OffsetEntries>>);

impl SourcePartition {
    /// Creates a partition from its entries.
    #[must_use]
    pub fn new<K, V>(entries: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<OffsetKey>,
        V: Into<OffsetValue>,
    {
        Self(Some(
            entries
                .into_iter()
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        ))
    }

    /// The null partition: offsets of its records are not stored.
    #[must_use]
    pub const fn null() -> Self {
        Self(None)
    }

    /// True for the null partition.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        self.0.is_none()
    }

    /// The entries in order; empty for the null partition.
    #[must_use]
    pub fn entries(&self) -> &OffsetEntries {
        self.0.as_deref().unwrap_or_default()
    }

    /// The value of an entry.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&OffsetValue> {
        self.entries()
            .iter()
            .find(|(other, _)| other == key)
            .map(|(_, value)| value)
    }

    /// True if both share their memory. `==` compares the content.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        }
    }
}

/// Equality ignores the order of entries, as Java's maps do.
impl PartialEq for SourcePartition {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other)
            || (self.is_null() == other.is_null()
                && self.entries().len() == other.entries().len()
                && self
                    .entries()
                    .iter()
                    .all(|(key, value)| other.get(key) == Some(value)))
    }
}

impl Eq for SourcePartition {}

impl Hash for SourcePartition {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut sum = 0u64;
        for entry in self.entries() {
            let mut hasher = std::hash::DefaultHasher::new();
            entry.hash(&mut hasher);
            sum = sum.wrapping_add(hasher.finish());
        }
        state.write_u64(sum);
    }
}

impl fmt::Debug for SourcePartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.entries().iter().map(|(key, value)| (key, value)))
            .finish()
    }
}

/// The entries as a person reads them: `{filename=in.txt}`.
impl fmt::Display for SourcePartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_entries(f, self.entries().iter().map(|(key, value)| (key, value)))
    }
}

/// Where to resume in a source partition *after* a record was delivered.
///
/// *Shape*: the entry that changes is stored inline and the others are shared, so an offset per
/// record needs no allocation.
///
/// ```
/// use connect_api::record::SourceOffset;
///
/// let constant = SourceOffset::shared([("unit", "bytes")]);
/// let offset = SourceOffset::new("position", 30i64).with_shared(&constant);
/// assert_eq!(offset.get("position").and_then(|v| v.as_i64()), Some(30));
/// assert_eq!(offset.get("unit").and_then(|v| v.as_str()), Some("bytes"));
/// ```
#[derive(Clone, Default)]
pub struct SourceOffset {
    moving: Option<(OffsetKey, OffsetValue)>,
    shared: Option<SharedOffset>,
}

/// The constant entries of a [`SourceOffset`].
pub type SharedOffset = Arc<OffsetEntries>;

impl SourceOffset {
    /// Creates an offset of one entry that changes from record to record.
    #[must_use]
    pub fn new(key: impl Into<OffsetKey>, value: impl Into<OffsetValue>) -> Self {
        Self {
            moving: Some((key.into(), value.into())),
            shared: None,
        }
    }

    /// Creates an offset from any entries.
    #[must_use]
    pub fn from_entries<K, V>(entries: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<OffsetKey>,
        V: Into<OffsetValue>,
    {
        let entries: Vec<_> = entries
            .into_iter()
            .map(|(k, v)| (k.into(), v.into()))
            .collect();
        Self {
            moving: None,
            shared: Some(entries.into()),
        }
    }

    /// Creates constant entries to be shared by many offsets.
    #[must_use]
    pub fn shared<K, V>(entries: impl IntoIterator<Item = (K, V)>) -> SharedOffset
    where
        K: Into<OffsetKey>,
        V: Into<OffsetValue>,
    {
        entries
            .into_iter()
            .map(|(key, value)| (key.into(), value.into()))
            .collect()
    }

    /// Adds constant entries.
    #[must_use]
    pub fn with_shared(mut self, shared: &SharedOffset) -> Self {
        self.shared = Some(SharedOffset::clone(shared));
        self
    }

    /// The entries; the one that changes comes first.
    pub fn entries(&self) -> impl Iterator<Item = (&OffsetKey, &OffsetValue)> {
        let moving = self.moving.iter().map(|(key, value)| (key, value));
        let shared = self.shared.iter().flat_map(|entries| entries.iter());
        moving.chain(shared.map(|(key, value)| (key, value)))
    }

    /// The value of an entry.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&OffsetValue> {
        self.entries()
            .find(|(other, _)| *other == key)
            .map(|(_, value)| value)
    }
}

impl PartialEq for SourceOffset {
    fn eq(&self, other: &Self) -> bool {
        self.entries().count() == other.entries().count()
            && self
                .entries()
                .all(|(key, value)| other.get(key) == Some(value))
    }
}

impl Eq for SourceOffset {}

impl fmt::Debug for SourceOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.entries()).finish()
    }
}

/// The entries as a person reads them: `{position=30}`.
impl fmt::Display for SourceOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_entries(f, self.entries())
    }
}

fn write_entries<'a>(
    f: &mut fmt::Formatter<'_>,
    entries: impl Iterator<Item = (&'a OffsetKey, &'a OffsetValue)>,
) -> fmt::Result {
    f.write_str("{")?;
    for (index, (key, value)) in entries.enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        write!(f, "{separator}{key}={value}")?;
    }
    f.write_str("}")
}

/// A record from a source, with the offset from which to resume after it.
///
/// Transforms cannot change the offset and the source partition.
#[derive(Debug, Clone)]
pub struct SourceRecord {
    /// The source partition that it came from.
    pub partition: SourcePartition,
    /// Where to resume after this record.
    pub offset: SourceOffset,
    /// True if more records with the same offset follow. The offset is committed when all of them,
    /// up to the first record of the partition without this mark, are durable or dropped.
    /// Exactly-once delivery writes them in one transaction.
    pub more_follow: bool,
    /// The record itself.
    pub record: Record,
}

impl SourceRecord {
    /// Creates a record that has its offset for itself.
    #[must_use]
    pub fn new(partition: SourcePartition, offset: SourceOffset, record: Record) -> Self {
        Self {
            partition,
            offset,
            more_follow: false,
            record,
        }
    }

    /// Marks that more records with the same offset follow.
    ///
    /// *Misuse*: setting the mark on the last of them, too. Offsets of the partition are then no
    /// longer committed.
    #[must_use]
    pub fn more_follow(mut self) -> Self {
        self.more_follow = true;
        self
    }
}

/// Reports that consecutive records of a source task are durable or were dropped.
///
/// Records are counted from 0, in the order in which `poll` returned them since the task started.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "commitRecord")]
pub struct Delivery {
    /// The records.
    pub records: Range<u64>,
    /// The position of the first one; the others follow in the same partition without a gap. `None`
    /// if they were dropped by a transform or by error tolerance.
    pub position: Option<LogPosition>,
}

impl Delivery {
    /// Creates a delivery, for runtimes and tests.
    #[must_use]
    pub fn new(records: Range<u64>, position: Option<LogPosition>) -> Self {
        Self { records, position }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_with_a_moving_entry_does_not_allocate() {
        let shared = SourceOffset::shared([("unit", "bytes")]);
        let offset = SourceOffset::new("position", 7i64).with_shared(&shared);
        assert_eq!(Arc::strong_count(&shared), 2);
        assert_eq!(
            offset,
            SourceOffset::from_entries([
                ("unit", OffsetValue::from("bytes")),
                ("position", OffsetValue::from(7i64)),
            ])
        );
        assert!(size_of::<SourceOffset>() <= 88);
    }

    #[test]
    fn partitions_and_offsets_are_displayed_for_people() {
        let partition = SourcePartition::new([("filename", "in.txt"), ("host", "a")]);
        assert_eq!(partition.to_string(), "{filename=in.txt, host=a}");
        assert_eq!(SourcePartition::null().to_string(), "{}");
        let offset = SourceOffset::from_entries([
            ("at", OffsetValue::Float(1.5)),
            ("id", Bytes::from_static(b"ab").into()),
            ("none", OffsetValue::Null),
        ]);
        assert_eq!(offset.to_string(), "{at=1.5, id=YWI=, none=null}");
    }

    #[test]
    fn partitions_compare_by_content() {
        let a = SourcePartition::new([("x", 1), ("y", 2)]);
        let b = SourcePartition::new([("y", 2), ("x", 1)]);
        assert!(a == b && !a.is_same(&b));
        assert_ne!(a, SourcePartition::null());
    }
}
