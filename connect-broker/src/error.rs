//! What can go wrong at a log, one variant per distinct reaction.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use connect_api::Error;
use connect_api::ErrorKind;
use connect_api::TopicName;
use connect_api::TopicPartition;

/// An error of a log. Cheap to clone, since one failure may affect many records.
///
/// Its debug form is its text with its causes, so that a `main` that returns it prints a message
/// for people.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// The log does not accept the identity of the client: a wrong password, an unknown user, or a
    /// mechanism that the log does not support.
    #[error("authentication failed: {0}")]
    Authentication(String),
    /// The log was closed while the client was in use.
    #[error("the log is closed")]
    Closed,
    /// Stored data is damaged. Nothing damaged is ever served.
    #[error("the log is corrupt: {what}; {lost}")]
    Corrupt {
        /// What is damaged: file, topic, partition, offset.
        what: String,
        /// What is lost, and what to do.
        lost: String,
    },
    /// A newer producer has taken over the transactional id.
    #[error("the producer with transactional id \"{transactional_id}\" was fenced by a newer one")]
    Fenced {
        /// The id.
        transactional_id: String,
    },
    /// There is no space for more data.
    #[error("the log in {path} is full: {detail}", path = path.display())]
    Full {
        /// Where the data is.
        path: PathBuf,
        /// What ran out and what to do.
        detail: String,
    },
    /// The group has members, which own its offsets.
    #[error("consumer group \"{group}\" has active members; stop them first")]
    GroupInUse {
        /// The group.
        group: String,
    },
    /// An option is not valid.
    #[error("invalid client option: {0}")]
    InvalidOption(String),
    /// The call is not allowed in this state.
    #[error("{0}")]
    InvalidState(&'static str),
    /// The topic is not valid.
    #[error("invalid topic: {0}")]
    InvalidTopic(String),
    /// The data folder belongs to another log that is open, in this process or another.
    #[error(
        "the data folder {path} is in use by another worker; give this one its own `data.dir` or stop the other",
        path = path.display()
    )]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// The partition belongs to another member of the group.
    #[error("partition {partition} is not assigned to this consumer")]
    NotAssigned {
        /// The partition.
        partition: TopicPartition,
    },
    /// A record is larger than the log accepts.
    #[error("a record of {size} bytes for topic \"{topic}\" is larger than the limit of {limit}")]
    RecordTooLarge {
        /// The topic.
        topic: TopicName,
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The log rejects the request for good, for a reason that no other variant names.
    #[error("the log rejects the request: {0}")]
    Rejected(String),
    /// Reading or writing the stored data failed.
    #[error("{action} the log in {path} failed", path = path.display())]
    Storage {
        /// What was done, as a gerund.
        action: &'static str,
        /// Where the data is.
        path: PathBuf,
        /// The cause.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// There is no secure connection to the log: its certificate has expired, is not trusted or
    /// belongs to another host, or one side does not speak TLS.
    #[error("no secure connection: {0}")]
    Tls(String),
    /// A topic cannot be created because it needs more replicas than there are brokers.
    #[error(
        "topic \"{topic}\" needs {replicas} replicas, but the cluster has {brokers} broker{s}",
        s = if *brokers == 1 { "" } else { "s" }
    )]
    TooFewBrokers {
        /// The topic.
        topic: TopicName,
        /// How many replicas it needs.
        replicas: i16,
        /// How many brokers there are.
        brokers: usize,
    },
    /// The topic already exists.
    #[error("topic \"{topic}\" already exists")]
    TopicExists {
        /// The topic.
        topic: TopicName,
    },
    /// The transaction that the record belonged to was aborted.
    #[error("the transaction was aborted")]
    TransactionAborted,
    /// The client is not allowed to do this.
    #[error("not authorized: {0}")]
    Unauthorized(String),
    /// The log cannot be reached at the moment.
    #[error("the log is unavailable: {0}")]
    Unavailable(String),
    /// The topic does not exist.
    #[error("topic \"{topic}\" does not exist")]
    UnknownTopic {
        /// The topic.
        topic: TopicName,
    },
}

impl BrokerError {
    /// True if the same call may succeed later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Unavailable(_))
    }
}

impl fmt::Debug for BrokerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl From<BrokerError> for Error {
    fn from(error: BrokerError) -> Self {
        let kind = match &error {
            BrokerError::TopicExists { .. } => ErrorKind::AlreadyExists,
            BrokerError::InvalidOption(_)
            | BrokerError::InvalidTopic(_)
            | BrokerError::Locked { .. }
            | BrokerError::TooFewBrokers { .. } => ErrorKind::Config,
            BrokerError::UnknownTopic { .. } => ErrorKind::NotFound,
            BrokerError::InvalidState(_) => ErrorKind::IllegalState,
            _ => ErrorKind::External,
        };
        let retriable = error.is_retriable();
        let wrapped = Self::new(kind, error.to_string());
        let wrapped = match std::error::Error::source(&error) {
            Some(_) => wrapped.with_source(SourceOf(error)),
            None => wrapped,
        };
        if retriable {
            wrapped.into_retriable()
        } else {
            wrapped
        }
    }
}

/// Shows the cause of a broker error whose own text is already the head of the chain.
#[derive(Debug)]
struct SourceOf(BrokerError);

impl fmt::Display for SourceOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::error::Error::source(&self.0) {
            Some(source) => fmt::Display::fmt(source, f),
            None => fmt::Display::fmt(&self.0, f),
        }
    }
}

impl std::error::Error for SourceOf {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0).and_then(std::error::Error::source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_debug_form_is_for_people() {
        let error = BrokerError::Storage {
            action: "writing",
            path: "data".into(),
            source: Arc::new(std::io::Error::other("the disk is gone")),
        };
        assert_eq!(
            format!("{error:?}"),
            "writing the log in data failed: the disk is gone"
        );
        let error = BrokerError::Locked {
            path: "data".into(),
        };
        assert_eq!(format!("{error:?}"), error.to_string());
    }
}
