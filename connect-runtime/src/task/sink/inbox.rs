//! From what was read from the log to records for a sink.

use std::time::Duration;

use connect_api::Error;
use connect_api::LogPosition;
use connect_api::Result;
use connect_api::TopicPartition;
use connect_api::record::Origin;
use connect_api::record::SinkRecord;
use connect_broker::FetchedRecord;
use connect_broker::PartitionRecords;

use crate::pipeline::Chain;
use crate::pipeline::DeadLetter;
use crate::pipeline::Decoder;
use crate::pipeline::Failure;
use crate::pipeline::Operator;
use crate::pipeline::Reports;
use crate::pipeline::Stage;
use crate::pipeline::Verdict;

/// Records on their way to `put`, and how far they go.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) records: Vec<SinkRecord>,
    /// Per partition, the offset after the last record, dropped ones included.
    pub(super) reach: Vec<(TopicPartition, i64)>,
    /// How many records were read.
    pub(super) read: usize,
    /// What was read, as long as somebody may report a record of it.
    pub(super) raw: Vec<PartitionRecords>,
}

impl Batch {
    /// The record as it was read.
    pub(super) fn raw(&self, position: &LogPosition) -> Option<&FetchedRecord> {
        let part = self.raw.iter().find(|part| {
            part.partition.partition == position.partition && part.partition.topic == position.topic
        })?;
        let index = part
            .records
            .binary_search_by_key(&position.offset, |record| record.offset);
        part.records.get(index.ok()?)
    }

    /// Forgets what came from partitions that are gone, by where it came from.
    pub(super) fn forget(&mut self, partitions: &[TopicPartition]) {
        self.reach
            .retain(|(partition, _)| !partitions.contains(partition));
        self.records.retain(|record| {
            let position = &record.position;
            !partitions
                .iter()
                .any(|gone| gone.partition == position.partition && gone.topic == position.topic)
        });
    }
}

/// What was read and is on its way to `put`. It can be left where it is and gone on with.
#[derive(Debug, Default)]
pub(super) struct Conversion {
    read: Vec<PartitionRecords>,
    /// The part of `read`, and the record in it, that comes next.
    part: usize,
    record: usize,
    /// That record has failed and is tried again.
    again: bool,
    /// Its converter could not be resolved.
    unresolved: Option<Failure>,
    batch: Batch,
}

impl Conversion {
    pub(super) fn new(read: Vec<PartitionRecords>) -> Self {
        let mut batch = Batch::default();
        batch
            .records
            .reserve(read.iter().map(|part| part.records.len()).sum());
        Self {
            read,
            batch,
            ..Self::default()
        }
    }

    /// The converter of the record that is tried again could not be resolved.
    pub(super) fn unresolved(&mut self, failure: Failure) {
        self.unresolved = Some(failure);
    }

    /// The outcome. With `keep_raw` it keeps what was read.
    pub(super) fn into_batch(mut self, keep_raw: bool) -> Batch {
        if keep_raw {
            self.batch.raw = self.read;
        }
        self.batch
    }

    /// Forgets what came from partitions that are gone; true if that was tried again.
    fn forget(&mut self, partitions: &[TopicPartition]) -> bool {
        let is_gone = |part: &PartitionRecords| partitions.contains(&part.partition);
        let behind = self.read.get(..self.part).unwrap_or(&self.read);
        let gone_behind = behind.iter().filter(|part| is_gone(part)).count();
        let current_is_gone = self.read.get(self.part).is_some_and(is_gone);
        self.read.retain(|part| !is_gone(part));
        self.part -= gone_behind;
        self.batch.forget(partitions);
        if current_is_gone {
            self.record = 0;
            self.unresolved = None;
        }
        current_is_gone && std::mem::take(&mut self.again)
    }
}

/// Converts and transforms what was read.
pub(super) struct Inbox {
    pub(super) chain: Chain,
    pub(super) decoder: Box<dyn Decoder>,
    pub(super) operator: Operator,
    pub(super) reports: Reports,
}

impl Inbox {
    /// Turns what was read into records for `put`. Records that fail are tried again, skipped or
    /// fail the task as the error options say.
    ///
    /// Returns what to wait for if a record is to be tried again: the caller keeps its place in the
    /// group meanwhile, and calls again with the same conversion. `None` once all is done.
    pub(super) async fn convert(&mut self, conversion: &mut Conversion) -> Result<Option<Again>> {
        let Conversion {
            read,
            part,
            record: next,
            again,
            unresolved,
            batch,
        } = conversion;
        while let Some(PartitionRecords { partition, records }) = read.get(*part) {
            for fetched in records.get(*next..).unwrap_or_default() {
                let stepped = match unresolved.take() {
                    Some(failure) => Err(failure),
                    None => self.step(partition, fetched, &mut batch.records),
                };
                if let Err(failure) = stepped
                    && let Some(wait) = self.recover(failure, partition, fetched).await?
                {
                    *again = true;
                    return Ok(Some(wait));
                }
                if std::mem::take(again) {
                    self.operator.succeeded();
                }
                *next += 1;
            }
            if let Some(last) = records.last() {
                batch.reach.push((partition.clone(), last.offset + 1));
                batch.read += records.len();
            }
            *part += 1;
            *next = 0;
        }
        Ok(None)
    }

    /// Takes records out of a conversion whose partitions are gone.
    pub(super) fn forget(&mut self, conversion: &mut Conversion, partitions: &[TopicPartition]) {
        if conversion.forget(partitions) {
            self.operator.succeeded();
        }
    }

    /// Adds what becomes of a record, unless a transform drops it.
    #[inline]
    fn step(
        &mut self,
        partition: &TopicPartition,
        fetched: &FetchedRecord,
        out: &mut Vec<SinkRecord>,
    ) -> Result<(), Failure> {
        let position = position(partition, fetched);
        let record = self.decoder.decode(&position, fetched)?;
        out.push(SinkRecord {
            position,
            timestamp_type: fetched.timestamp_type,
            record,
        });
        let Some(SinkRecord {
            position, record, ..
        }) = out.last_mut()
        else {
            return Ok(());
        };
        let transformed = self.chain.apply(record, Origin::Sink { position });
        if !matches!(transformed, Ok(true)) {
            out.pop();
        }
        transformed.map(drop)
    }

    async fn report(
        &mut self,
        failure: &Failure,
        position: &LogPosition,
        fetched: &FetchedRecord,
    ) -> Result<()> {
        let letter = || dead_letter(position, fetched);
        self.reports
            .report(failure, &describe(position), letter)
            .await
            .map(drop)
    }

    /// The slow path: a record has failed. Returns what to wait for if it is to be tried again.
    async fn recover(
        &mut self,
        failure: Failure,
        partition: &TopicPartition,
        fetched: &FetchedRecord,
    ) -> Result<Option<Again>, Error> {
        let position = position(partition, fetched);
        let (stage, class) = (failure.stage, failure.class.clone());
        match self.operator.decide(failure) {
            Verdict::Fail(failure) => {
                self.report(&failure, &position, fetched).await?;
                Err(failure.into_error(&describe(&position)))
            }
            Verdict::Skip(failure) => {
                self.report(&failure, &position, fetched).await?;
                Ok(None)
            }
            Verdict::Resolve => Ok(Some(Again::Resolved(stage, class))),
            Verdict::Retry(delay) => Ok(Some(Again::After(delay))),
        }
    }
}

/// When a record is tried again.
pub(super) enum Again {
    After(Duration),
    /// Once the converter of this stage, of this class, is resolved.
    Resolved(Stage, String),
}

fn position(partition: &TopicPartition, fetched: &FetchedRecord) -> LogPosition {
    LogPosition {
        topic: partition.topic.clone(),
        partition: partition.partition,
        offset: fetched.offset,
    }
}

/// A record of the log as error reports name it: where it stands, not what is in it.
pub(super) fn describe(position: &LogPosition) -> String {
    let LogPosition {
        topic,
        partition,
        offset,
    } = position;
    format!("where consumed record is {{topic='{topic}', partition={partition}, offset={offset}}}")
}

/// A record of the log for the dead letter topic: as it was.
pub(super) fn dead_letter(position: &LogPosition, fetched: &FetchedRecord) -> DeadLetter {
    DeadLetter {
        key: fetched.key.clone(),
        value: fetched.value.clone(),
        headers: fetched.headers.clone(),
        timestamp: fetched.timestamp,
        origin: Some((position.topic.clone(), position.partition, position.offset)),
    }
}
