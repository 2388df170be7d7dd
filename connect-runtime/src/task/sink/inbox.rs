//! From what was read from the log to records for a sink.

use std::fmt;

use connect_api::Error;
use connect_api::LogPosition;
use connect_api::Result;
use connect_api::TopicPartition;
use connect_api::record::Origin;
use connect_api::record::SinkRecord;
use connect_broker::FetchedRecord;
use connect_broker::PartitionRecords;

use crate::pipeline::Chain;
use crate::pipeline::Converters;
use crate::pipeline::Failure;
use crate::pipeline::Operator;
use crate::pipeline::Verdict;

/// Records on their way to `put`, and how far they go.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) records: Vec<SinkRecord>,
    /// Per partition, the offset after the last record, dropped ones included.
    pub(super) reach: Vec<(TopicPartition, i64)>,
    /// How many records were read.
    pub(super) read: usize,
}

impl Batch {
    /// Forgets what came from partitions that are gone, by where it came from.
    pub(super) fn forget(&mut self, partitions: &[TopicPartition]) {
        self.reach.retain(|(partition, _)| !partitions.contains(partition));
        self.records.retain(|record| {
            let position = &record.position;
            !partitions.iter().any(|gone| {
                gone.partition == position.partition && gone.topic == position.topic
            })
        });
    }
}

/// Converts and transforms what was read.
pub(super) struct Inbox {
    pub(super) chain: Chain,
    pub(super) converters: Converters,
    pub(super) operator: Operator,
}

impl Inbox {
    /// Turns what was read into records for `put`. Records that fail are tried again, skipped or
    /// fail the task as the error options say.
    pub(super) async fn convert(&mut self, read: Vec<PartitionRecords>) -> Result<Batch> {
        let mut batch = Batch::default();
        batch.records.reserve(read.iter().map(|part| part.records.len()).sum());
        for PartitionRecords { partition, records } in read {
            let Some(last) = records.last() else { continue };
            batch.reach.push((partition.clone(), last.offset + 1));
            batch.read += records.len();
            for fetched in &records {
                let position = LogPosition {
                    topic: partition.topic.clone(),
                    partition: partition.partition,
                    offset: fetched.offset,
                };
                let converted = match self.step(&position, fetched) {
                    Ok(converted) => converted,
                    Err(failure) => self.recover(failure, &position, fetched).await?,
                };
                batch.records.extend(converted.map(|record| SinkRecord {
                    position,
                    timestamp_type: fetched.timestamp_type,
                    record,
                }));
            }
        }
        Ok(batch)
    }

    #[inline]
    fn step(
        &mut self,
        position: &LogPosition,
        fetched: &FetchedRecord,
    ) -> Result<Option<connect_api::record::Record>, Failure> {
        let record = self.converters.decode(&position.topic, position.partition, fetched)?;
        self.chain.apply(record, Origin::Sink { position })
    }

    /// The slow path: a record has failed.
    async fn recover(
        &mut self,
        mut failure: Failure,
        position: &LogPosition,
        fetched: &FetchedRecord,
    ) -> Result<Option<connect_api::record::Record>, Error> {
        loop {
            let stage = failure.stage;
            match self.operator.decide(failure, &Described(position)) {
                Verdict::Fail(error) => return Err(error),
                Verdict::Skip => return Ok(None),
                Verdict::Resolve => self.converters.resolve(stage).await?,
                Verdict::Retry(delay) => tokio::time::sleep(delay).await,
            }
            match self.step(position, fetched) {
                Ok(record) => {
                    self.operator.succeeded();
                    return Ok(record);
                }
                Err(again) => failure = again,
            }
        }
    }
}

/// A record of the log as error reports name it: where it stands, not what is in it.
struct Described<'a>(&'a LogPosition);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "record of topic \"{}\", partition {}, offset {}",
            self.0.topic, self.0.partition, self.0.offset
        )
    }
}
