//! The part of a record that a transform changes.

use connect_api::data::Datum;
use connect_api::record::Record;

/// The part of a record that a transform changes.
///
/// *Java*: the nested classes `Key` and `Value` of a transformation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a record has only these two parts")]
pub enum Part {
    /// The key.
    Key,
    /// The value.
    Value,
}

impl Part {
    /// The name of the nested class: `Key` or `Value`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Key => "Key",
            Self::Value => "Value",
        }
    }

    /// The part of a record.
    pub(crate) const fn of_mut(self, record: &mut Record) -> &mut Datum {
        match self {
            Self::Key => &mut record.key,
            Self::Value => &mut record.value,
        }
    }
}
