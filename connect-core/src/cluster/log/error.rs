//! Why a record of the configuration topic is skipped.

use crate::codec::FieldError;

/// A record that cannot be used. Readers report it and skip it.
///
/// *Java*: most such records are logged and skipped too; a few stop the thread that reads the log.
#[derive(Debug, thiserror::Error)]
#[error("configuration record \"{key}\" is skipped: {problem}")]
pub struct ConfigRecordError {
    pub(super) key: String,
    #[source]
    pub(super) problem: ConfigRecordProblem,
}

/// What is wrong with a record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigRecordProblem {
    /// A member is missing or is not what it must be.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The value is not JSON. Such a record does not count in
    /// [`ConfigLog::config_offset`](super::ConfigLog::config_offset).
    #[error("the value is not JSON")]
    Json(#[source] serde_json::Error),
    /// The value is JSON but not an object.
    #[error("the value is not an object")]
    NotAnObject,
    /// Records of this kind are never deleted.
    #[error("it is a tombstone, which records of this kind never are")]
    Tombstone,
    /// The key is missing, or belongs to no kind of record.
    #[error("no record has such a key")]
    UnknownKey,
}

impl ConfigRecordError {
    /// The key of the record.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What is wrong with it.
    #[must_use]
    pub const fn problem(&self) -> &ConfigRecordProblem {
        &self.problem
    }
}
