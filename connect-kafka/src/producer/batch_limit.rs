//! Topics that take less at once than a batch of librdkafka may hold.
//!
//! A broker refuses a batch that is larger than `max.message.bytes` of its topic, with all the
//! records in it, also those that are small. Java's producer splits such a batch and tries again;
//! librdkafka does not. So these topics get no more at once than they take.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use connect_api::TopicName;
use connect_broker::BrokerError;
use connect_broker::ProducerRecord;

use crate::client::call::call;
use crate::error::Subject;
use crate::ffi;
use crate::ffi::AdminTimeouts;
use crate::ffi::Client;

/// What the topics of one producer take at once.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    known: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    topic: TopicName,
    /// `None` if it takes every batch, as far as is known.
    limit: Option<usize>,
    /// When to ask again; never, if the cluster has answered.
    until: Option<Instant>,
}

impl Limits {
    /// What a topic takes at once, if that is less than a batch may hold. Asks the cluster, once if
    /// it answers.
    ///
    /// # Errors
    /// The cluster turns the client away.
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
            ffi::topic_config(client, &name, PATIENCE)
        });
        let (limit, until) = match asked.await {
            Ok(config) => {
                let limit = config
                    .get("max.message.bytes")
                    .and_then(|text| text.parse().ok());
                (limit.filter(|limit| *limit < batch), None)
            }
            Err(error @ (BrokerError::Authentication(_) | BrokerError::Tls(_))) => {
                return Err(error);
            }
            // The topic may be about to come; until then, the answer does not take long.
            Err(BrokerError::UnknownTopic { .. }) => return Ok(None),
            Err(error) => {
                tracing::debug!(%topic, %error, "what the topic takes at once is not known");
                // Each question holds records up, so a cluster that is away is not asked often.
                (None, error.is_retriable().then(|| Instant::now() + PAUSE))
            }
        };
        self.known.retain(|known| known.topic != *topic);
        self.known.push(Known {
            topic: topic.clone(),
            limit,
            until,
        });
        Ok(limit)
    }

    fn known(&self, topic: &TopicName, now: Instant) -> Option<Option<usize>> {
        let known = self.known.iter().find(|known| known.topic == *topic)?;
        let is_valid = known.until.is_none_or(|until| now < until);
        is_valid.then_some(known.limit)
    }
}

/// The records from the first one on that go together into a topic with a limit: at least one.
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

/// Bytes around a batch, a record, a header, at most.
const BATCH_FRAME: usize = 100;
const RECORD_FRAME: usize = 40;
const HEADER_FRAME: usize = 10;

/// How long the cluster may take to answer before the question is put off: not long, since a client
/// that is turned away must say so soon.
const PATIENCE: AdminTimeouts = AdminTimeouts {
    request: Duration::from_secs(2),
    operation: Duration::from_secs(2),
};

/// How long nobody is asked again after a question without an answer.
const PAUSE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use connect_api::config_map;
    use rdkafka::types::RDKafkaType;

    use super::*;
    use crate::broker::open;
    use crate::config::Role;
    use crate::config::translate;

    #[tokio::test]
    async fn a_cluster_that_is_away_is_not_asked_again_at_once() {
        let options = config_map! { "bootstrap.servers" => "127.0.0.1:1" };
        let settings = translate(Role::Producer, &options, &options).unwrap();
        let client = open(RDKafkaType::RD_KAFKA_PRODUCER, &settings, None).unwrap();
        let (mut limits, topic) = (Limits::default(), TopicName::new("t"));
        assert_eq!(limits.of(&topic, &client, 1_000).await.unwrap(), None);
        let now = Instant::now();
        assert_eq!(limits.known(&topic, now), Some(None));
        assert_eq!(limits.known(&topic, now + PAUSE), None);
    }

    #[test]
    fn no_more_go_together_than_fit() {
        let record = |topic: &str, size| ProducerRecord::new(0, topic, vec![0; size]);
        let mut records: Vec<_> = (0..10).map(|_| record("t", 60)).collect();
        assert_eq!(fitting(&records, 400).len(), 3);
        records[0] = record("t", 1_000);
        assert_eq!(
            fitting(&records, 400).len(),
            1,
            "alone, to be refused alone"
        );
        records[1] = record("other", 1);
        assert_eq!(fitting(&records[1..], 400).len(), 1, "another topic");
        assert!(fitting(&[], 400).is_empty());
    }
}
