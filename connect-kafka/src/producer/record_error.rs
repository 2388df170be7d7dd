//! The error of one record.

use connect_api::TopicName;
use connect_broker::BrokerError;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::ledger::Ledger;
use crate::error::Subject;
use crate::error::error;
use crate::error::is_fencing;

/// The error of one record. A limit of 0 is not known yet: [`KafkaReceipts`] asks for it.
///
/// [`KafkaReceipts`]: super::receipts::KafkaReceipts
pub(super) fn record_error(
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use connect_api::config_map;
    use rdkafka::types::RDKafkaType;

    use super::*;
    use crate::callbacks::Deliveries;
    use crate::client::open;
    use crate::config::Role;
    use crate::config::translate;
    use crate::ffi;

    #[test]
    fn the_error_of_a_record_is_the_fatal_error_of_its_client() {
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
            let deliveries = Arc::clone(&ledger) as Arc<dyn Deliveries>;
            let kind = RDKafkaType::RD_KAFKA_PRODUCER;
            let client = open(kind, &settings, Some(deliveries)).unwrap();
            ledger.set_client(&client);
            ffi::set_fatal_error(&client, native);
            match record_error(Code::Fatal, &topic, 1, &ledger) {
                BrokerError::Fenced { .. } if is_fenced => {}
                BrokerError::Unauthorized(text) if !is_fenced => {
                    assert!(text.contains("\"id\""), "{text}");
                }
                error => panic!("{native:?}: {error}"),
            }
        }
    }
}
