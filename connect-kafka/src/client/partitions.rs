//! Partitions in librdkafka's form.

use connect_api::TopicPartition;
use rdkafka::Offset;
use rdkafka::TopicPartitionList;

/// A list of partitions.
pub(crate) fn list<'a>(
    partitions: impl IntoIterator<Item = &'a TopicPartition>,
) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition);
    }
    list
}

/// A list of partitions with offsets.
pub(crate) fn list_with<'a>(
    partitions: impl IntoIterator<Item = (&'a TopicPartition, Offset)>,
) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in partitions {
        let mut element = list.add_partition(&partition.topic, partition.partition);
        // Fails for offsets that Kafka cannot represent; they stay unset.
        drop(element.set_offset(offset));
    }
    list
}
