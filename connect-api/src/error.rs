//! The error type between plugins and the runtime.
//!
//! Inside a crate, errors are precise enums. Between a plugin and the runtime there is one boxed
//! [`Error`] with a kind. The runtime reacts to its [`ErrorKind`] and to [`Error::is_retriable`],
//! never to its text.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

/// The result of every call into a plugin.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as far as the runtime has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Something with that name already exists (REST: 409).
    AlreadyExists,
    /// A configuration is wrong (REST: 400).
    Config,
    /// This record cannot be processed, but others can. Subject to `errors.tolerance`.
    Data,
    /// Another system, a file or the network failed.
    External,
    /// A method was called in a state that does not allow it.
    IllegalState,
    /// Nothing with that name exists (REST: 404).
    NotFound,
    /// A plugin panicked. Only its task fails.
    Panicked,
    /// A converter needs [`Converter::resolve`](crate::Converter::resolve) to be called first.
    Unresolved,
    /// The operation is not supported.
    Unsupported,
}

impl ErrorKind {
    /// The corresponding Java exception class, for dead letter queues and REST responses.
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

/// An error with a kind, a message and an optional source.
///
/// *Shape*: one pointer, so that a `Result` stays small. `Display` shows the message without its
/// sources. `Debug` shows [`Error::report`], the whole chain in one line, because `main` prints the
/// error that it returns in that form; `{:#?}` shows all fields.
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
    /// Creates an error.
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

    /// Creates an error of kind [`AlreadyExists`](ErrorKind::AlreadyExists).
    #[must_use]
    pub fn already_exists(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::AlreadyExists, message)
    }

    /// Creates an error of kind [`Config`](ErrorKind::Config).
    #[must_use]
    #[doc(alias = "ConfigException")]
    pub fn config(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    /// Creates an error of kind [`Data`](ErrorKind::Data).
    #[must_use]
    #[doc(alias = "DataException")]
    pub fn data(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Data, message)
    }

    /// Creates an error of kind [`External`](ErrorKind::External) that is not retriable.
    #[must_use]
    #[doc(alias = "ConnectException")]
    pub fn external(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::External, message)
    }

    /// Creates an error of kind [`IllegalState`](ErrorKind::IllegalState).
    #[must_use]
    #[doc(alias = "IllegalWorkerStateException")]
    pub fn illegal_state(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::IllegalState, message)
    }

    /// Creates an error of kind [`NotFound`](ErrorKind::NotFound).
    #[must_use]
    #[doc(alias = "NotFoundException")]
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// Creates a retriable error of kind [`External`](ErrorKind::External): the same call may
    /// succeed later.
    #[must_use]
    #[doc(alias = "RetriableException")]
    pub fn retriable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::External, message).into_retriable()
    }

    /// Creates an error of kind [`Unresolved`](ErrorKind::Unresolved).
    #[must_use]
    pub fn unresolved(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Unresolved, message)
    }

    /// Creates an error of kind [`Unsupported`](ErrorKind::Unsupported).
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

    /// Sets the Java exception class, where that of the kind is not the right one.
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

    /// Marks the error as permanent: a restart of the task does not help.
    #[must_use]
    pub fn into_permanent(mut self) -> Self {
        self.0.permanent = true;
        self.0.retriable = false;
        self
    }

    /// Wraps the error in one whose message says what was being done.
    ///
    /// The new error has the same kind and Java class, and is retriable or permanent if this one is.
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

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message, without those of its sources.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// True if the same call with the same input may succeed later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        self.0.retriable
    }

    /// True if a restart of the task does not help.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        self.0.permanent
    }

    /// The corresponding Java exception class.
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

    /// The messages of the error and its sources in one line, joined by `: `.
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

/// Wraps the error of a `Result` in an [`Error`] with a message.
pub trait ResultExt<T> {
    /// Reports a failure of another system that is not worth retrying.
    ///
    /// # Errors
    /// The original error, wrapped in one of kind [`ErrorKind::External`].
    fn external(self, message: impl FnOnce() -> String) -> Result<T>;

    /// Reports a temporary failure of another system.
    ///
    /// # Errors
    /// The original error, wrapped in a retriable one of kind [`ErrorKind::External`].
    fn retriable(self, message: impl FnOnce() -> String) -> Result<T>;

    /// Reports that this record cannot be processed.
    ///
    /// # Errors
    /// The original error, wrapped in one of kind [`ErrorKind::Data`].
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
