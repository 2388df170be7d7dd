//! What librdkafka's errors mean to a Connect worker.

use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_broker::BrokerError;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::callbacks::Context;
use crate::ffi::Failure;
use crate::producer::receipts::Ledger;

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

/// The error of a call.
pub(crate) fn call_error(
    failure: &Failure,
    subject: Subject<'_>,
    context: &Context,
) -> BrokerError {
    match error(failure.code, &failure.text, subject) {
        BrokerError::Unavailable(text) => context.explain(&text),
        error => error,
    }
}

/// The error of making a client: its options are wrong.
pub(crate) fn open_error(error: &KafkaError) -> BrokerError {
    let text = match error {
        KafkaError::ClientConfig(_, problem, ..) => problem.clone(),
        KafkaError::ClientCreation(problem) => problem.clone(),
        other => other.to_string(),
    };
    BrokerError::InvalidOption(text)
}

/// The error of one record. A limit of 0 is to be asked for.
pub(crate) fn record_error(
    code: Code,
    topic: &TopicName,
    size: usize,
    ledger: &Ledger,
) -> BrokerError {
    match code {
        Code::MessageSizeTooLarge => {
            let own = ledger.max_record_bytes;
            let limit = if size > own { own } else { 0 };
            BrokerError::RecordTooLarge {
                topic: topic.clone(),
                size,
                limit,
            }
        }
        Code::Fatal | Code::State => match ledger.fatal_error() {
            Some((code, text)) => error(code, &text, ledger.subject(topic)),
            None => BrokerError::InvalidState("the producer is not in a state to send records"),
        },
        _ => {
            let subject = match &ledger.transactional_id {
                Some(id) if is_fencing(code) => Subject::Transaction(id),
                _ => Subject::Topic(topic),
            };
            error(code, &code.to_string(), subject)
        }
    }
}

/// True if a newer producer took over, or the log gave up the transaction.
pub(crate) fn is_fencing(code: Code) -> bool {
    matches!(
        code,
        Code::Fenced | Code::InvalidProducerEpoch | Code::ProducerFenced
    )
}

/// The error of a partition that there is no offset to start from, when none is to be made up.
pub(crate) fn no_start(partition: &TopicPartition, group: Option<&str>, why: &str) -> BrokerError {
    let group = group.map_or(String::new(), |group| {
        format!(" for consumer group \"{group}\"")
    });
    BrokerError::Rejected(format!(
        "to start partition {partition}{group} without a valid offset: {why}; auto.offset.reset is \
         none, so commit an offset for it, or set auto.offset.reset to earliest or latest"
    ))
}

/// One variant per reaction.
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
            lost: "nothing damaged is served; the log's replicas may have a sound copy".into(),
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
    use std::sync::Arc;

    use connect_api::config_map;
    use rdkafka::types::RDKafkaType;

    use super::*;
    use crate::broker::open;
    use crate::config::Role;
    use crate::config::translate;
    use crate::ffi;

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
    fn a_client_that_gave_up_says_why() {
        use rdkafka::bindings::rd_kafka_resp_err_t as Native;
        let options = config_map! { "bootstrap.servers" => "127.0.0.1:1" };
        let topic = TopicName::new("t");
        for (native, is_fenced) in [
            (Native::RD_KAFKA_RESP_ERR_PRODUCER_FENCED, true),
            (
                Native::RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
                false,
            ),
        ] {
            let mut settings = translate(Role::Producer, &options, &options).unwrap();
            settings.config.set("transactional.id", "id");
            let ledger = Arc::new(Ledger::new(Some("id".into()), 1_000));
            let kind = RDKafkaType::RD_KAFKA_PRODUCER;
            let client = open(kind, &settings, Some(&ledger)).unwrap();
            ledger.set_client(&client);
            ffi::fail_for_good(&client, native);
            match record_error(Code::Fatal, &topic, 1, &ledger) {
                BrokerError::Fenced { .. } if is_fenced => {}
                BrokerError::Unauthorized(text) if !is_fenced => {
                    assert!(text.contains("\"id\""), "{text}");
                }
                error => panic!("{native:?}: {error}"),
            }
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
