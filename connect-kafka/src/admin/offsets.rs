//! The first and next offsets of partitions.

use std::collections::BTreeSet;
use std::time::Duration;
use std::time::Instant;

use connect_api::LogOffsets;
use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_broker::Admin;
use connect_broker::BrokerError;
use connect_broker::Isolation;
use rdkafka::Offset;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::KafkaAdmin;
use super::retry::PAUSE;
use super::retry::repeat;
use super::retry::settled;
use crate::client::PROPAGATION;
use crate::client::call;
use crate::client::list_with;
use crate::error::Subject;
use crate::error::error;
use crate::ffi;
use crate::ffi::AdminTimeouts;
use crate::ffi::Client;
use crate::ffi::Element;
use crate::ffi::Failure;

impl KafkaAdmin {
    /// Looks up offsets. Repeated for as long as [`wait_for`] allows for the error.
    pub(super) async fn offsets(
        &self,
        partitions: &[TopicPartition],
        edge: Offset,
        isolation: Isolation,
    ) -> Result<LogOffsets, BrokerError> {
        if partitions.is_empty() {
            return Ok(LogOffsets::new());
        }
        let begin = Instant::now();
        loop {
            let problem = match self.try_offsets(partitions, edge, isolation).await {
                Ok(offsets) => return Ok(offsets),
                Err(BrokerError::Unavailable(text)) => self.why_unavailable(partitions, text).await,
                Err(problem) => problem,
            };
            if begin.elapsed() >= wait_for(&problem, self.timeouts) {
                return Err(problem);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn try_offsets(
        &self,
        partitions: &[TopicPartition],
        edge: Offset,
        isolation: Isolation,
    ) -> Result<LogOffsets, BrokerError> {
        let Some(first) = partitions.first() else {
            return Ok(LogOffsets::new());
        };
        let list = list_with(partitions.iter().map(|partition| (partition, edge)));
        let topics: BTreeSet<_> = partitions.iter().map(|each| each.topic.clone()).collect();
        let timeouts = self.timeouts;
        let request = move |client: &Client| {
            repeat(timeouts.operation, || {
                let answer = ffi::list_offsets(client, &list, isolation, timeouts);
                let answer = answer.and_then(settled);
                if let Err(failure) = &answer {
                    refresh_leaders(client, failure, &topics, timeouts);
                }
                answer
            })
        };
        let elements = call(&self.client, Subject::Topic(&first.topic), request).await?;
        elements.into_iter().map(offset).collect()
    }

    /// "No leaders" may mean that a topic does not exist.
    async fn why_unavailable(&self, partitions: &[TopicPartition], text: String) -> BrokerError {
        let topics: BTreeSet<&TopicName> = partitions.iter().map(|each| &each.topic).collect();
        for topic in topics {
            if let Ok(None) = self.describe_topic(topic).await {
                return BrokerError::UnknownTopic {
                    topic: topic.clone(),
                };
            }
        }
        BrokerError::Unavailable(text)
    }
}

fn offset(element: Element) -> Result<(TopicPartition, i64), BrokerError> {
    match element.error {
        None => Ok((element.partition, element.offset)),
        Some(Code::UnknownPartition) => Err(BrokerError::InvalidTopic(format!(
            "partition {} does not exist",
            element.partition
        ))),
        Some(code) => {
            let topic = &element.partition.topic;
            Err(error(code, &code.to_string(), Subject::Topic(topic)))
        }
    }
}

/// For how long a look-up that failed with an error is repeated.
fn wait_for(problem: &BrokerError, timeouts: AdminTimeouts) -> Duration {
    match problem {
        // A broker that has just started does not know its topics and partitions yet.
        BrokerError::InvalidTopic(_) | BrokerError::UnknownTopic { .. } => PROPAGATION,
        // A leader is being elected, or the client does not know the new one yet.
        BrokerError::Unavailable(_) => timeouts.operation,
        _ => Duration::ZERO,
    }
}

/// Asks for the leaders of topics if one was asked as of another epoch than its own: librdkafka
/// would continue with the leaders that it knows.
fn refresh_leaders(
    client: &Client,
    failure: &Failure,
    topics: &BTreeSet<TopicName>,
    timeouts: AdminTimeouts,
) {
    if matches!(
        failure.code,
        Code::FencedLeaderEpoch | Code::UnknownLeaderEpoch
    ) {
        for topic in topics {
            let _ = client.fetch_metadata(Some(topic), timeouts.request);
        }
    }
}
