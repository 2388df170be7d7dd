//! Why a stored record is skipped.

/// A stored record that cannot be used. Readers report it and skip it.
///
/// *Java*: most such records are logged and skipped too; a few stop the thread that reads the
/// topic.
#[derive(Debug, thiserror::Error)]
#[error("record \"{key}\" cannot be used")]
pub struct RecordError {
    key: String,
    #[source]
    problem: RecordProblem,
}

/// What is wrong with a stored record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordProblem {
    /// A member is missing or is not what it must be.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The value is not JSON.
    #[error("the value is not JSON")]
    Json(#[source] JsonError),
    /// The value is JSON but not an object.
    #[error("the value is not an object")]
    NotAnObject,
    /// Records of this kind are never deleted.
    #[error("it is a tombstone, but records of this kind are never deleted")]
    Tombstone,
    /// The key is missing, or belongs to no kind of record.
    #[error("the key belongs to no kind of record")]
    UnknownKey,
}

impl RecordError {
    pub(crate) fn new(key: impl Into<String>, problem: RecordProblem) -> Self {
        Self {
            key: key.into(),
            problem,
        }
    }

    /// The key of the record.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What is wrong with it.
    #[must_use]
    pub const fn problem(&self) -> &RecordProblem {
        &self.problem
    }
}

/// Why text is not JSON, and where.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct JsonError(serde_json::Error);

impl JsonError {
    pub(crate) const fn new(error: serde_json::Error) -> Self {
        Self(error)
    }
}

/// A member of a stored JSON object is missing or is not what it must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{field}\" is not {expected}")]
pub struct FieldError {
    field: &'static str,
    expected: &'static str,
}

impl FieldError {
    pub(crate) const fn new(field: &'static str, expected: &'static str) -> Self {
        Self { field, expected }
    }

    /// The name of the member.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        self.field
    }
}
