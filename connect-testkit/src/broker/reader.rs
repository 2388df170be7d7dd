//! A consumer that acknowledges its events and keeps what it read.

use std::collections::BTreeSet;
use std::time::Duration;

use connect_api::LogOffsets;
use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_broker::Consumer;
use connect_broker::ConsumerEvent;
use connect_broker::ConsumerOptions;
use connect_broker::FetchedRecord;
use connect_broker::Isolation;
use connect_broker::Subscription;
use tokio::time::Instant;

use crate::broker::Fixture;
use crate::broker::fixture::GLANCE;
use crate::broker::fixture::PATIENCE;
use crate::broker::fixture::patiently;

/// A consumer under observation.
pub(crate) struct Reader {
    pub(crate) consumer: Box<dyn Consumer>,
    /// The partitions that it was assigned.
    pub(crate) owned: BTreeSet<TopicPartition>,
    /// The partitions that it lost without notice.
    pub(crate) lost: BTreeSet<TopicPartition>,
    /// The records that it read.
    pub(crate) records: Vec<(TopicPartition, FetchedRecord)>,
}

impl Reader {
    pub(crate) async fn open(fixture: &Fixture, options: ConsumerOptions) -> Self {
        let owned = match &options.subscription {
            Subscription::Partitions(partitions) => partitions.iter().cloned().collect(),
            _ => BTreeSet::new(),
        };
        let consumer = patiently("a consumer", fixture.broker.consumer(options))
            .await
            .unwrap();
        Self {
            consumer,
            owned,
            lost: BTreeSet::new(),
            records: Vec::new(),
        }
    }

    /// Reads all partitions of a topic from the start, outside any group.
    pub(crate) async fn of(fixture: &Fixture, topic: &TopicName, isolation: Isolation) -> Self {
        let admin = fixture.admin().await;
        let description = admin.describe_topic(topic).await.unwrap().unwrap();
        let partitions = (0..description.partitions)
            .map(|p| TopicPartition::new(topic.clone(), p))
            .collect();
        let mut options = ConsumerOptions::new(Subscription::Partitions(partitions));
        options.isolation = isolation;
        Self::open(fixture, options).await
    }

    /// Polls once and acknowledges the event.
    pub(crate) async fn step(&mut self, wait: Duration) {
        let event = patiently("a poll", self.consumer.poll(wait)).await.unwrap();
        match event {
            ConsumerEvent::Assigned(partitions) => {
                self.owned.extend(partitions);
                self.answer().await;
            }
            ConsumerEvent::Revoked(partitions) => {
                self.owned
                    .retain(|partition| !partitions.contains(partition));
                self.answer().await;
            }
            ConsumerEvent::Lost(partitions) => {
                self.owned
                    .retain(|partition| !partitions.contains(partition));
                self.lost.extend(partitions);
                self.answer().await;
            }
            ConsumerEvent::Records(groups) => self.take(groups),
            _ => {}
        }
    }

    pub(crate) fn take(&mut self, groups: Vec<connect_broker::PartitionRecords>) {
        for group in groups {
            assert!(
                self.owned.contains(&group.partition),
                "{} is not assigned",
                group.partition
            );
            let records = group.records.into_iter();
            self.records
                .extend(records.map(|record| (group.partition.clone(), record)));
        }
    }

    pub(crate) async fn answer(&mut self) {
        patiently("an answer", self.consumer.rebalanced())
            .await
            .unwrap();
    }

    /// Polls until a condition holds.
    pub(crate) async fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
            self.step(Duration::from_millis(50)).await;
        }
    }

    /// Polls until this many records were read, then checks that no more arrive.
    pub(crate) async fn read(&mut self, count: usize) {
        self.until(&format!("{count} records"), |reader| {
            reader.records.len() >= count
        })
        .await;
        self.glance().await;
        assert_eq!(self.records.len(), count, "more records than expected");
    }

    /// Polls for a moment, whether or not something arrives.
    pub(crate) async fn glance(&mut self) {
        let end = Instant::now() + GLANCE;
        while Instant::now() < end {
            self.step(Duration::from_millis(50)).await;
        }
    }

    /// The values in the order in which they were read.
    pub(crate) fn values(&self) -> Vec<String> {
        let value = |record: &FetchedRecord| {
            String::from_utf8(record.value.clone().unwrap_or_default().to_vec()).unwrap()
        };
        self.records
            .iter()
            .map(|(_, record)| value(record))
            .collect()
    }

    /// Commits an offset of one partition.
    pub(crate) async fn commit(
        &mut self,
        partition: &TopicPartition,
        offset: i64,
    ) -> Result<(), connect_broker::BrokerError> {
        let offsets: LogOffsets = [(partition.clone(), offset)].into_iter().collect();
        patiently("a commit", self.consumer.commit(&offsets)).await
    }
}
