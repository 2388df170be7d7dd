//! How far a consumer has read, by what was taken from librdkafka.
//!
//! librdkafka keeps that itself, but counts the end of a partition, which it tells as if it were a
//! record, as one (2.12.1: `rd_kafka_q_serve_rkmessages` moves the position past everything that it
//! returns). A partition that is paused at its end, by the application or while the group
//! rebalances, would go on one record too far, or nowhere. So a pause is followed by a seek (ADR 15).

use std::collections::BTreeMap;

use connect_api::TopicPartition;
use rdkafka::Offset;
use rdkafka::TopicPartitionList;

use crate::consumer::handoff::Fetch;
use crate::consumer::reader::list_with;

/// The offset of the next record of each partition of which something was taken.
#[derive(Debug, Default)]
pub(crate) struct Reached(BTreeMap<TopicPartition, i64>);

impl Reached {
    pub(crate) fn take(&mut self, fetch: &Fetch) {
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

    /// Reading goes on elsewhere.
    pub(crate) fn set(&mut self, partition: &TopicPartition, next: i64) {
        self.0.insert(partition.clone(), next);
    }

    pub(crate) fn forget(&mut self, partitions: &[TopicPartition]) {
        self.0
            .retain(|partition, _| !partitions.contains(partition));
    }

    /// Where to go on in some partitions; `None` if nothing is known of any.
    pub(crate) fn of(
        &self,
        wanted: impl Fn(&TopicPartition) -> bool,
    ) -> Option<TopicPartitionList> {
        let known = self.0.iter().filter(|(partition, _)| wanted(partition));
        let list = list_with(known.map(|(partition, next)| (partition, Offset::Offset(*next))));
        (list.count() > 0).then_some(list)
    }
}
