//! Why something failed, as a value.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use connect_api::Error;
use connect_api::ErrorKind;

/// Why a connector, a task or a step of the worker failed.
///
/// It keeps the facts of an [`Error`], so that the restart policy, the status and REST replies can
/// react to them. A clone is one reference count.
///
/// `Display` shows the whole chain in one line, head first.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure(Arc<Inner>);

#[derive(PartialEq, Eq)]
struct Inner {
    kind: ErrorKind,
    retriable: bool,
    permanent: bool,
    java_class: String,
    message: String,
    causes: Vec<String>,
}

impl Failure {
    /// A failure of the worker itself, such as a call that exceeds its deadline.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::from(&Error::new(kind, message.into()))
    }

    /// A call that exceeds its deadline. It is not transient: what hangs once will hang again
    /// after a restart.
    #[must_use]
    pub fn overdue(message: &str) -> Self {
        Self::from(&Error::external(message.to_owned()).into_permanent())
    }

    /// The kind of fact.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// True if the same call may succeed later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        self.0.retriable
    }

    /// True if a restart cannot help.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        self.0.permanent
    }

    /// The Java exception class that reports the same fact.
    #[must_use]
    pub fn java_class(&self) -> &str {
        &self.0.java_class
    }

    /// The head of the chain.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The causes of the head, outermost first.
    #[must_use]
    pub fn causes(&self) -> &[String] {
        &self.0.causes
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let mut causes = Vec::new();
        let mut source = error.source();
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        Self(Arc::new(Inner {
            kind: error.kind(),
            retriable: error.is_retriable(),
            permanent: error.is_permanent(),
            java_class: error.java_class().to_owned(),
            message: error.message().to_owned(),
            causes,
        }))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        let mut last = &self.0.message;
        for cause in &self.0.causes {
            // Some libraries repeat their source in their own text.
            if !last.ends_with(cause.as_str()) {
                write!(f, ": {cause}")?;
            }
            last = cause;
        }
        Ok(())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({self})", self.0.kind)
    }
}

impl StdError for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_classification_and_the_chain_survive() {
        let error = Error::retriable("connection refused")
            .context("the queue \"orders\" cannot be opened")
            .into_permanent();
        let failure = Failure::from(&error);
        assert!(failure.is_permanent() && !failure.is_retriable());
        assert_eq!(failure.kind(), ErrorKind::External);
        assert_eq!(failure.causes(), ["connection refused"]);
        assert_eq!(
            failure.to_string(),
            "the queue \"orders\" cannot be opened: connection refused"
        );
    }
}
