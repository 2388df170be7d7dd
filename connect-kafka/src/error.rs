//! What librdkafka's error codes mean to a Connect worker.

use connect_api::TopicName;
use connect_broker::BrokerError;
use rdkafka::types::RDKafkaErrorCode as Code;

/// What a call was about: errors name it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject<'a> {
    Cluster,
    Group(&'a str),
    Topic(&'a TopicName),
    Transaction(&'a str),
}

impl Subject<'_> {
    fn describe(self, text: &str) -> String {
        match self {
            Self::Cluster => text.to_owned(),
            Self::Group(group) => format!("consumer group \"{group}\": {text}"),
            Self::Topic(topic) => format!("topic \"{topic}\": {text}"),
            Self::Transaction(id) => format!("transactional id \"{id}\": {text}"),
        }
    }
}

/// True if a newer producer has the transactional id, or the log has aborted the transaction.
pub(crate) fn is_fencing(code: Code) -> bool {
    matches!(
        code,
        Code::Fenced | Code::InvalidProducerEpoch | Code::ProducerFenced
    )
}

/// The error for a code: one variant per reaction.
pub(crate) fn error(code: Code, text: &str, subject: Subject<'_>) -> BrokerError {
    let text = || subject.describe(text);
    match code {
        Code::UnknownTopic | Code::UnknownTopicOrPartition => match subject {
            Subject::Topic(topic) => BrokerError::UnknownTopic {
                topic: topic.clone(),
            },
            _ => BrokerError::Unavailable(text()),
        },
        Code::TopicAlreadyExists => match subject {
            Subject::Topic(topic) => BrokerError::TopicExists {
                topic: topic.clone(),
            },
            _ => BrokerError::Rejected(text()),
        },
        Code::InvalidTopic
        | Code::InvalidPartitions
        | Code::InvalidReplicationFactor
        | Code::InvalidReplicaAssignment
        | Code::InvalidConfig
        | Code::PolicyViolation
        | Code::UnknownPartition => BrokerError::InvalidTopic(text()),
        Code::NonEmptyGroup | Code::GroupSubscribedToTopic | Code::UnknownMemberId => match subject
        {
            Subject::Group(group) => BrokerError::GroupInUse {
                group: group.to_owned(),
            },
            _ => BrokerError::Unavailable(text()),
        },
        _ if is_fencing(code) => match subject {
            Subject::Transaction(id) => BrokerError::Fenced {
                transactional_id: id.to_owned(),
            },
            _ => BrokerError::Unavailable(text()),
        },
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed
        | Code::DelegationTokenAuthorizationFailed => BrokerError::Unauthorized(text()),
        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::IllegalSASLState => BrokerError::Authentication(text()),
        Code::BadMessage | Code::InvalidMessage | Code::BadCompression => BrokerError::Corrupt {
            what: text(),
            lost: "no damaged record is returned; another replica may have an intact copy".into(),
        },
        Code::InvalidArgument | Code::InvalidRequest | Code::InvalidGroupId => {
            BrokerError::InvalidOption(text())
        }
        Code::PurgeQueue | Code::PurgeInflight | Code::BrokerDestroy => BrokerError::Closed,
        Code::State | Code::Conflict | Code::InvalidTransactionalState => {
            BrokerError::InvalidState("the client is not in a state to do this")
        }
        Code::InvalidRecord
        | Code::InvalidTimestamp
        | Code::InvalidRequiredAcks
        | Code::InvalidMessageSize
        | Code::UnsupportedForMessageFormat
        | Code::UnsupportedVersion
        | Code::UnsupportedCompressionType
        | Code::NotImplemented
        | Code::UnsupportedFeature
        | Code::InvalidSessionTimeout
        | Code::InvalidTransactionTimeout
        | Code::SecurityDisabled
        | Code::Inconsistent => BrokerError::Rejected(text()),
        _ => BrokerError::Unavailable(text()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_the_reaction_that_helps() {
        let topic = TopicName::new("t");
        let subject = Subject::Topic(&topic);
        type IsRight = fn(&BrokerError) -> bool;
        let table: &[(Code, IsRight)] = &[
            (Code::UnknownTopic, |e| {
                matches!(e, BrokerError::UnknownTopic { .. })
            }),
            (Code::TopicAlreadyExists, |e| {
                matches!(e, BrokerError::TopicExists { .. })
            }),
            (Code::InvalidConfig, |e| {
                matches!(e, BrokerError::InvalidTopic(_))
            }),
            (Code::TopicAuthorizationFailed, |e| {
                matches!(e, BrokerError::Unauthorized(_))
            }),
            (Code::InvalidRecord, |e| {
                matches!(e, BrokerError::Rejected(_))
            }),
            (Code::MessageTimedOut, BrokerError::is_retriable),
            (Code::NotLeaderForPartition, BrokerError::is_retriable),
            (Code::BadMessage, |e| {
                matches!(e, BrokerError::Corrupt { .. })
            }),
            (Code::SaslAuthenticationFailed, |e| {
                matches!(e, BrokerError::Authentication(_))
            }),
        ];
        for (code, is_right) in table {
            let error = error(*code, &code.to_string(), subject);
            assert!(is_right(&error), "{code:?}: {error:?}");
        }
    }

    #[test]
    fn errors_name_what_they_are_about() {
        let error = error(Code::GroupAuthorizationFailed, "no", Subject::Group("g"));
        assert_eq!(
            error.to_string(),
            "not authorized: consumer group \"g\": no"
        );
    }
}
