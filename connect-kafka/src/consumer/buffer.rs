//! Records that were fetched and not returned yet: they do not fit the limits of one poll, or
//! belong to paused partitions.

use std::collections::VecDeque;

use bytes::Bytes;
use connect_api::TopicPartition;
use connect_broker::FetchedRecord;
use connect_broker::PartitionRecords;

/// Records that were fetched and not returned yet, oldest first.
#[derive(Debug)]
pub(super) struct Buffer {
    groups: VecDeque<PartitionRecords>,
    max_records: usize,
    max_bytes: usize,
}

impl Buffer {
    pub(super) fn new(max_records: usize, max_bytes: usize) -> Self {
        Self {
            groups: VecDeque::new(),
            max_records,
            max_bytes,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// True if so many records and bytes may be returned by one poll.
    pub(super) fn fits(&self, records: usize, bytes: usize) -> bool {
        records <= self.max_records && (bytes <= self.max_bytes || records == 1)
    }

    pub(super) fn has(&self, partition: &TopicPartition) -> bool {
        self.groups
            .iter()
            .any(|group| group.partition == *partition)
    }

    pub(super) fn add(&mut self, groups: Vec<PartitionRecords>) {
        self.groups.extend(groups);
    }

    /// Drops the records of partitions.
    pub(super) fn remove(&mut self, partitions: &[TopicPartition]) {
        self.groups
            .retain(|group| !partitions.contains(&group.partition));
    }

    /// Takes the records of partitions that are not paused, up to the limits of one poll.
    pub(super) fn take(
        &mut self,
        is_paused: impl Fn(&TopicPartition) -> bool,
    ) -> Vec<PartitionRecords> {
        let mut taken: Vec<PartitionRecords> = Vec::new();
        let (mut count, mut bytes) = (0, 0);
        let mut kept = VecDeque::with_capacity(self.groups.len());
        let mut is_full = false;
        while let Some(mut group) = self.groups.pop_front() {
            if is_full || is_paused(&group.partition) {
                kept.push_back(group);
                continue;
            }
            let mut fitting = 0;
            for record in &group.records {
                let size = size(record);
                is_full = count >= self.max_records || (count > 0 && bytes + size > self.max_bytes);
                if is_full {
                    break;
                }
                count += 1;
                bytes += size;
                fitting += 1;
            }
            let rest = group.records.split_off(fitting);
            if !rest.is_empty() {
                kept.push_back(PartitionRecords {
                    partition: group.partition.clone(),
                    records: rest,
                });
            }
            if group.records.is_empty() {
                continue;
            }
            match taken
                .iter_mut()
                .find(|other| other.partition == group.partition)
            {
                Some(other) => other.records.append(&mut group.records),
                None => taken.push(group),
            }
        }
        self.groups = kept;
        taken
    }
}

fn size(record: &FetchedRecord) -> usize {
    let len = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
    let headers: usize = record
        .headers
        .iter()
        .map(|header| header.key.len() + len(&header.value))
        .sum();
    len(&record.key) + len(&record.value) + headers
}

#[cfg(test)]
mod tests {
    use connect_api::TimestampType;
    use connect_api::record::RawHeaders;

    use super::*;

    fn group(partition: i32, offsets: std::ops::Range<i64>) -> PartitionRecords {
        let record = |offset| FetchedRecord {
            offset,
            timestamp: None,
            timestamp_type: TimestampType::NoTimestamp,
            key: None,
            value: Some(Bytes::from_static(b"1234567890")),
            headers: RawHeaders::new(),
        };
        PartitionRecords {
            partition: TopicPartition::new("t", partition),
            records: offsets.map(record).collect(),
        }
    }

    fn offsets(groups: &[PartitionRecords]) -> Vec<(i32, Vec<i64>)> {
        let offsets = |group: &PartitionRecords| {
            let records = group.records.iter().map(|record| record.offset);
            (group.partition.partition, records.collect())
        };
        groups.iter().map(offsets).collect()
    }

    #[test]
    fn records_come_in_order_within_the_limits_and_paused_ones_stay() {
        let mut buffer = Buffer::new(3, 100);
        buffer.add(vec![group(0, 0..2), group(1, 0..2), group(0, 2..4)]);
        let taken = buffer.take(|partition| partition.partition == 1);
        assert_eq!(offsets(&taken), [(0, vec![0, 1, 2])]);
        let taken = buffer.take(|_| false);
        assert_eq!(offsets(&taken), [(1, vec![0, 1]), (0, vec![3])]);
        assert!(buffer.is_empty());
    }

    #[test]
    fn a_record_larger_than_the_limit_comes_alone() {
        let mut buffer = Buffer::new(9, 5);
        buffer.add(vec![group(0, 0..2)]);
        assert_eq!(offsets(&buffer.take(|_| false)), [(0, vec![0])]);
        assert_eq!(offsets(&buffer.take(|_| false)), [(0, vec![1])]);
    }
}
