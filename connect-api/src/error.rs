//! The one error that crosses the plugin boundary.
//!
//! Inside a crate, errors are precise enums. Where a plugin meets the runtime there is one boxed,
//! classified [`Error`]: the runtime reacts to its [`ErrorKind`] and to [`Error::is_retriable`],
//! never to its text.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

/// The result of every call into a plugin.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of fact an [`Error`] reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Something of that name exists already (REST: 409).
    AlreadyExists,
    /// A configuration is wrong (REST: 400).
    Config,
    /// This record cannot be handled; the next one may. Subject to `errors.tolerance`.
    Data,
    /// Another system, a file or the network failed.
    External,
    /// A method was called at a moment that does not allow it.
    IllegalState,
    /// Nothing of that name exists (REST: 404).
    NotFound,
    /// A plugin panicked; the panic was contained in its task.
    Panicked,
    /// A converter needs [`Converter::resolve`](crate::Converter::resolve) before it can go on.
    Unresolved,
    /// The operation is not offered here.
    Unsupported,
}

impl ErrorKind {
    /// The Java exception class that reports the same fact, as dead letters and REST replies name it.
    #[must_use]
    pub const fn java_class(self) -> &'static str {
        match self {
            Self::AlreadyExists => "org.apache.kafka.connect.errors.AlreadyExistsException",
            Self::Config => "org.apache.kafka.common.config.ConfigException",
            Self::Data => "org.apache.kafka.connect.errors.DataException",
            Self::External | Self::Panicked | Self::Unresolved => {
                "org.apache.kafka.connect.errors.ConnectException"
            }
            Self::IllegalState => "org.apache.kafka.connect.errors.IllegalWorkerStateException",
            Self::NotFound => "org.apache.kafka.connect.errors.NotFoundException",
            Self::Unsupported => "java.lang.UnsupportedOperationException",
        }
    }
}

/// A classified error: kind, message, optional source.
///
/// *Shape*: one pointer, so that hot results stay small. `Display` shows the message of the head.
/// `Debug` shows [`Error::report`], the whole chain in one line, because that is what `main` prints
/// of the error that it returns; `{:#?}` shows all fields.
///
/// ```
/// use connect_api::{Error, ErrorKind};
///
/// let error = Error::data("field \"age\" is not a number").with_source("x".parse::<i32>().unwrap_err());
/// assert_eq!(error.kind(), ErrorKind::Data);
/// assert!(!error.is_retriable());
/// assert_eq!(error.to_string(), "field \"age\" is not a number");
/// assert_eq!(error.report(), "field \"age\" is not a number: invalid digit found in string");
/// assert_eq!(format!("{error:?}"), error.report());
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    retriable: bool,
    permanent: bool,
    java_class: Option<Cow<'static, str>>,
    message: Cow<'static, str>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Creates an error of a kind.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            retriable: false,
            permanent: false,
            java_class: None,
            message: message.into(),
            source: None,
        }))
    }

    /// Something of that name exists already.
    #[must_use]
    pub fn already_exists(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::AlreadyExists, message)
    }

    /// A configuration is wrong.
    #[must_use]
    #[doc(alias = "ConfigException")]
    pub fn config(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    /// This record cannot be handled.
    #[must_use]
    #[doc(alias = "DataException")]
    pub fn data(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Data, message)
    }

    /// Another system, a file or the network failed, and trying again is not expected to help.
    #[must_use]
    #[doc(alias = "ConnectException")]
    pub fn external(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::External, message)
    }

    /// A method was called at a moment that does not allow it.
    #[must_use]
    #[doc(alias = "IllegalWorkerStateException")]
    pub fn illegal_state(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::IllegalState, message)
    }

    /// Nothing of that name exists.
    #[must_use]
    #[doc(alias = "NotFoundException")]
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// Another system failed for now: call again with the same input.
    #[must_use]
    #[doc(alias = "RetriableException")]
    pub fn retriable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::External, message).into_retriable()
    }

    /// A converter must be resolved before it can handle this record.
    #[must_use]
    pub fn unresolved(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Unresolved, message)
    }

    /// The operation is not offered here.
    #[must_use]
    pub fn unsupported(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// Adds the error that caused this one.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Names the Java exception class where the kind alone is too coarse.
    #[must_use]
    pub fn with_java_class(mut self, class: impl Into<Cow<'static, str>>) -> Self {
        self.0.java_class = Some(class.into());
        self
    }

    /// Marks the error as retriable: the same call with the same input may succeed later.
    #[must_use]
    pub fn into_retriable(mut self) -> Self {
        self.0.retriable = true;
        self
    }

    /// Marks the error as one that a restart of the task cannot heal.
    #[must_use]
    pub fn into_permanent(mut self) -> Self {
        self.0.permanent = true;
        self.0.retriable = false;
        self
    }

    /// Wraps the error under a message that says what was being done.
    ///
    /// Kind, retriability and Java class stay those of the wrapped error.
    #[must_use]
    pub fn context(self, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind: self.0.kind,
            retriable: self.0.retriable,
            permanent: self.0.permanent,
            java_class: self.0.java_class.clone(),
            message: message.into(),
            source: Some(Box::new(self)),
        }))
    }

    /// The kind of fact.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message of the head, without its sources.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// True if the same call with the same input may succeed later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        self.0.retriable
    }

    /// True if a restart of the task cannot heal it.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        self.0.permanent
    }

    /// The Java exception class that reports the same fact.
    #[must_use]
    pub fn java_class(&self) -> &str {
        match &self.0.java_class {
            Some(class) => class,
            None if self.0.retriable && self.0.kind == ErrorKind::External => {
                "org.apache.kafka.connect.errors.RetriableException"
            }
            None => self.0.kind.java_class(),
        }
    }

    /// The whole chain in one line, head first, joined by `: `.
    #[must_use]
    pub fn report(&self) -> String {
        let mut text = self.0.message.to_string();
        let mut source = self.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !text.ends_with(&cause_text) {
                text.push_str(": ");
                text.push_str(&cause_text);
            }
            source = cause.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !f.alternate() {
            return f.write_str(&self.report());
        }
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("retriable", &self.0.retriable)
            .field("message", &self.0.message)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

/// Turns any error into an [`Error`] with a message that names the thing.
pub trait ResultExt<T> {
    /// The failure is one of another system and final.
    ///
    /// # Errors
    /// The original error, wrapped as [`ErrorKind::External`].
    fn external(self, message: impl FnOnce() -> String) -> Result<T>;

    /// The failure is one of another system and may pass.
    ///
    /// # Errors
    /// The original error, wrapped as a retriable [`ErrorKind::External`].
    fn retriable(self, message: impl FnOnce() -> String) -> Result<T>;

    /// The failure is one of this record.
    ///
    /// # Errors
    /// The original error, wrapped as [`ErrorKind::Data`].
    fn data(self, message: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<Box<dyn StdError + Send + Sync>>> ResultExt<T> for std::result::Result<T, E> {
    fn external(self, message: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| Error::external(message()).with_source(source))
    }

    fn retriable(self, message: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| Error::retriable(message()).with_source(source))
    }

    fn data(self, message: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| Error::data(message()).with_source(source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_is_one_pointer() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }

    #[test]
    fn context_keeps_the_classification() {
        let error =
            Error::retriable("connection refused").context("connector \"x\" could not start");
        assert!(error.is_retriable());
        assert_eq!(
            error.java_class(),
            "org.apache.kafka.connect.errors.RetriableException"
        );
        assert_eq!(
            error.report(),
            "connector \"x\" could not start: connection refused"
        );
    }

    #[test]
    fn a_permanent_error_is_not_retriable() {
        let error = Error::retriable("x").into_permanent();
        assert!(error.is_permanent() && !error.is_retriable());
    }
}
