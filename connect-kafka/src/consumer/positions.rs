//! How far a consumer has read, by what was taken from librdkafka.
//!
//! librdkafka has positions of its own, but they are wrong at the end of a partition: it reports an
//! end like a record, and counts it as one (2.12.1: `rd_kafka_q_serve_rkmessages` moves the
//! position past everything that it returns). If a partition is paused there, by the application or
//! during a rebalance, librdkafka would skip the next record or start over. So a pause is followed
//! by a seek (ADR 15).

use std::collections::BTreeMap;

use connect_api::TopicPartition;
use rdkafka::Offset;
use rdkafka::TopicPartitionList;

use super::handoff::Fetch;
use crate::client::list_with;

/// The offset of the next record of each partition from which something was taken.
#[derive(Debug, Default)]
pub(super) struct Positions(BTreeMap<TopicPartition, i64>);

impl Positions {
    /// Moves the positions past what was fetched.
    pub(super) fn advance(&mut self, fetch: &Fetch) {
        for group in &fetch.groups {
            if let Some(last) = group.records.last() {
                self.raise(&group.partition, last.offset + 1);
            }
        }
        for (partition, end) in &fetch.ends {
            self.raise(partition, *end);
        }
    }

    fn raise(&mut self, partition: &TopicPartition, next: i64) {
        match self.0.get_mut(partition) {
            Some(known) => *known = next.max(*known),
            None => _ = self.0.insert(partition.clone(), next),
        }
    }

    /// Sets a position after a seek.
    pub(super) fn set(&mut self, partition: &TopicPartition, next: i64) {
        self.0.insert(partition.clone(), next);
    }

    pub(super) fn remove(&mut self, partitions: &[TopicPartition]) {
        self.0
            .retain(|partition, _| !partitions.contains(partition));
    }

    /// The positions of some partitions; `None` if none is known.
    pub(super) fn list(
        &self,
        wanted: impl Fn(&TopicPartition) -> bool,
    ) -> Option<TopicPartitionList> {
        let known = self.0.iter().filter(|(partition, _)| wanted(partition));
        let list = list_with(known.map(|(partition, next)| (partition, Offset::Offset(*next))));
        (list.count() > 0).then_some(list)
    }
}
