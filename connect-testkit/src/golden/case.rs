//! One case, and an answer to it.

use connect_api::Error;
use connect_api::Result;
use serde::Deserialize;

use super::Json;

/// One case of a vector file.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct Case {
    /// The area and a hash of what is asked.
    pub id: String,
    /// The operation that ran in Java.
    pub op: String,
    /// What the case is about.
    #[serde(default)]
    pub note: String,
    /// The configuration of what ran.
    #[serde(default)]
    pub config: Json,
    /// What it was given.
    #[serde(default)]
    pub input: Json,
    /// What Java answered.
    pub expect: Expectation,
}

/// What Java answered.
#[derive(Debug, Clone, Deserialize)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the format of vectors has these two"
)]
#[serde(rename_all = "lowercase")]
pub enum Expectation {
    /// An error.
    Error {
        /// The class of the exception.
        class: String,
        /// Its message.
        #[serde(default)]
        message: Option<String>,
    },
    /// An output.
    Output(Json),
}

impl Case {
    /// The member of the configuration, as text.
    #[must_use]
    pub fn config_str(&self, key: &str) -> &str {
        self.config
            .get(key)
            .and_then(Json::as_str)
            .unwrap_or_default()
    }

    /// What Java returned, unless it was an error.
    #[must_use]
    pub const fn output(&self) -> Option<&Json> {
        match &self.expect {
            Expectation::Output(output) => Some(output),
            Expectation::Error { .. } => None,
        }
    }
}

/// What the code under test answered to a case.
#[derive(Debug)]
#[non_exhaustive]
pub enum Answer {
    /// An error.
    Error(Error),
    /// An output, in the form of the vectors.
    Output(Json),
    /// What the case asks for does not exist yet.
    Skipped,
}

impl Answer {
    /// The answer of a fallible call.
    pub fn of(call: impl FnOnce() -> Result<Json>) -> Self {
        match call() {
            Ok(output) => Self::Output(output),
            Err(error) => Self::Error(error),
        }
    }

    /// An error of a Java class, for judges of deviations.
    #[must_use]
    pub fn error(class: impl Into<String>) -> Self {
        Self::Error(Error::data("").with_java_class(class.into()))
    }
}

/// The class of errors about inputs that cannot be represented in Rust.
pub(super) const UNREPRESENTABLE: &str = "unrepresentable";

/// The error for an input that cannot be represented in Rust, and so cannot be passed to any code.
pub fn unrepresentable(what: impl std::fmt::Display) -> Error {
    Error::data(format!("{what} cannot be represented in Rust")).with_java_class(UNREPRESENTABLE)
}
