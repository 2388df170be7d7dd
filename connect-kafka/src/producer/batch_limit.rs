//! Topics whose limit is less than the size of a batch.
//!
//! A broker refuses a batch that is larger than the topic's `max.message.bytes`, with all records
//! in it. Java's producer splits such a batch and sends it again; librdkafka does not. So records
//! for these topics are sent in batches that fit.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use connect_api::TopicName;
use connect_broker::BrokerError;
use connect_broker::ProducerRecord;

use crate::client::call;
use crate::error::Subject;
use crate::ffi;
use crate::ffi::AdminTimeouts;
use crate::ffi::Client;

/// The limits of the topics of one producer.
#[derive(Debug, Default)]
pub(crate) struct BatchLimits {
    known: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    topic: TopicName,
    /// `None` if every batch fits, as far as is known.
    limit: Option<usize>,
    /// When to ask again; `None` if the cluster has answered.
    ask_again: Option<Instant>,
}

impl BatchLimits {
    /// The limit of a topic in bytes, if it is less than `batch`. Asks the cluster until it answers
    /// once.
    ///
    /// # Errors
    /// The cluster refuses the client.
    pub(crate) async fn of(
        &mut self,
        topic: &TopicName,
        client: &Arc<Client>,
        batch: usize,
    ) -> Result<Option<usize>, BrokerError> {
        if let Some(limit) = self.known(topic, Instant::now()) {
            return Ok(limit);
        }
        let name = topic.clone();
        let asked = call(client, Subject::Topic(topic), move |client| {
            ffi::topic_config(client, &name, TIMEOUTS)
        });
        let (limit, ask_again) = match asked.await {
            Ok(config) => {
                let limit = config
                    .get("max.message.bytes")
                    .and_then(|text| text.parse().ok());
                (limit.filter(|limit| *limit < batch), None)
            }
            Err(error @ (BrokerError::Authentication(_) | BrokerError::Tls(_))) => {
                return Err(error);
            }
            // The topic may be created later; until then, the cluster answers quickly.
            Err(BrokerError::UnknownTopic { .. }) => return Ok(None),
            Err(error) => {
                tracing::debug!(%topic, %error, "max.message.bytes cannot be read; batches may exceed it");
                // Asking delays records, so a cluster that is away is not asked often.
                (None, error.is_retriable().then(|| Instant::now() + PAUSE))
            }
        };
        self.known.retain(|known| known.topic != *topic);
        self.known.push(Known {
            topic: topic.clone(),
            limit,
            ask_again,
        });
        Ok(limit)
    }

    fn known(&self, topic: &TopicName, now: Instant) -> Option<Option<usize>> {
        let known = self.known.iter().find(|known| known.topic == *topic)?;
        let is_valid = known.ask_again.is_none_or(|time| now < time);
        is_valid.then_some(known.limit)
    }
}

/// The first records that fit in one batch of a topic with a limit: at least one.
pub(crate) fn fitting(records: &[ProducerRecord], limit: usize) -> &[ProducerRecord] {
    let Some(first) = records.first() else {
        return records;
    };
    let mut size = BATCH_FRAME;
    let count = records
        .iter()
        .take_while(|record| {
            size += record.size() + RECORD_FRAME + HEADER_FRAME * record.headers.len();
            record.topic == first.topic && size <= limit
        })
        .count();
    records.get(..count.max(1)).unwrap_or(records)
}

/// The most bytes that a batch, a record and a header take besides their content.
const BATCH_FRAME: usize = 100;
const RECORD_FRAME: usize = 40;
const HEADER_FRAME: usize = 10;

/// How long to wait for the answer: not long, since records wait meanwhile.
const TIMEOUTS: AdminTimeouts = AdminTimeouts {
    request: Duration::from_secs(2),
    operation: Duration::from_secs(2),
};

/// How long to wait after a request without an answer before asking again.
const PAUSE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use connect_api::config_map;
    use rdkafka::types::RDKafkaType;

    use super::*;
    use crate::client::open;
    use crate::config::Role;
    use crate::config::translate;

    #[tokio::test]
    async fn an_unreachable_cluster_is_not_asked_again_at_once() {
        let options = config_map! { "bootstrap.servers" => "127.0.0.1:1" };
        let settings = translate(Role::Producer, &options, &options).unwrap();
        let client = open(RDKafkaType::RD_KAFKA_PRODUCER, &settings, None).unwrap();
        let (mut limits, topic) = (BatchLimits::default(), TopicName::new("t"));
        assert_eq!(limits.of(&topic, &client, 1_000).await.unwrap(), None);
        let now = Instant::now();
        assert_eq!(limits.known(&topic, now), Some(None));
        assert_eq!(limits.known(&topic, now + PAUSE), None);
    }

    #[test]
    fn a_batch_has_the_records_that_fit() {
        let record = |topic: &str, size| ProducerRecord::new(0, topic, vec![0; size]);
        let mut records: Vec<_> = (0..10).map(|_| record("t", 60)).collect();
        assert_eq!(fitting(&records, 400).len(), 3);
        records[0] = record("t", 1_000);
        assert_eq!(
            fitting(&records, 400).len(),
            1,
            "alone, so that it is refused alone"
        );
        records[1] = record("other", 1);
        assert_eq!(fitting(&records[1..], 400).len(), 1, "another topic");
        assert!(fitting(&[], 400).is_empty());
    }
}
