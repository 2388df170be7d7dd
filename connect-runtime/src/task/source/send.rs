//! From polled records to the log, and from receipts to offsets.

use std::fmt;

use connect_api::Error;
use connect_api::Result;
use connect_api::Timestamp;
use connect_api::record::Delivery;
use connect_api::record::Origin;
use connect_api::record::Record;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_api::record::SourceRecord;
use connect_broker::ProducerRecord;
use connect_broker::Receipt;
use connect_core::source::OffsetTracker;

use crate::pipeline::Chain;
use crate::pipeline::Converters;
use crate::pipeline::Encoded;
use crate::pipeline::Failure;
use crate::pipeline::Operator;
use crate::pipeline::Stage;
use crate::pipeline::Verdict;

/// Turns polled records into records for the log, and keeps track of them.
pub(super) struct Outbox {
    pub(super) chain: Chain,
    pub(super) converters: Converters,
    pub(super) operator: Operator,
    pub(super) tracker: OffsetTracker,
    /// Records that were dropped and not told the task yet.
    dropped: Vec<Delivery>,
}

/// A record that went through, or not.
enum Step {
    Send(Record, Encoded),
    Drop,
}

impl Outbox {
    pub(super) fn new(chain: Chain, converters: Converters, operator: Operator) -> Self {
        Self { chain, converters, operator, tracker: OffsetTracker::new(), dropped: Vec::new() }
    }

    /// Transforms and converts a batch. Records that fail are tried again, skipped or fail the task
    /// as the error options say; those before a failing one are in `out` all the same.
    pub(super) async fn convert(
        &mut self,
        batch: Vec<SourceRecord>,
        out: &mut Vec<ProducerRecord>,
    ) -> Result<()> {
        for SourceRecord { partition, offset, more_follow, record } in batch {
            let original = self.operator.may_retry().then(|| record.clone());
            let step = match self.step(record, &partition, &offset) {
                Ok(step) => step,
                Err(failure) => self.recover(failure, original, &partition, &offset).await?,
            };
            let token = self.tracker.submit(&partition, offset, more_follow);
            match step {
                Step::Send(record, encoded) => out.push(ProducerRecord {
                    token,
                    topic: record.topic,
                    partition: record.partition,
                    timestamp: record.timestamp,
                    key: encoded.key,
                    value: encoded.value,
                    headers: encoded.headers,
                }),
                Step::Drop => {
                    self.tracker.acknowledge(token..token + 1);
                    self.dropped.push(Delivery::new(token..token + 1, None));
                }
            }
        }
        self.tracker.seal();
        Ok(())
    }

    #[inline]
    fn step(
        &mut self,
        record: Record,
        partition: &SourcePartition,
        offset: &SourceOffset,
    ) -> Result<Step, Failure> {
        let Some(record) = self.chain.apply(record, Origin::Source { partition, offset })? else {
            return Ok(Step::Drop);
        };
        if let Some(time) = record.timestamp.filter(|time| *time < NO_TIMESTAMP) {
            let error = Error::data(format!("Invalid record timestamp {}", time.as_millis()));
            return Err(Failure::new(Stage::KafkaProduce, "", error));
        }
        let encoded = self.converters.encode(&record)?;
        Ok(Step::Send(record, encoded))
    }

    /// The slow path: a record has failed.
    async fn recover(
        &mut self,
        mut failure: Failure,
        original: Option<Record>,
        partition: &SourcePartition,
        offset: &SourceOffset,
    ) -> Result<Step> {
        loop {
            let stage = failure.stage;
            match self.operator.decide(failure, &Described { partition, offset }) {
                Verdict::Fail(error) => return Err(error),
                Verdict::Skip => return Ok(Step::Drop),
                Verdict::Resolve => self.converters.resolve(stage).await?,
                Verdict::Retry(delay) => tokio::time::sleep(delay).await,
            }
            let Some(record) = original.clone() else {
                return Err(Error::illegal_state(
                    "a converter asked to be resolved for a record that was not kept; \
                     set errors.retry.timeout",
                ));
            };
            match self.step(record, partition, offset) {
                Ok(step) => {
                    self.operator.succeeded();
                    return Ok(step);
                }
                Err(again) => failure = again,
            }
        }
    }

    /// Takes in what became of sent records. Answers what the task is to be told.
    ///
    /// # Errors
    /// The first record that will never be durable and may not be skipped.
    pub(super) fn settle(&mut self, receipts: Vec<Receipt>) -> (Vec<Delivery>, Result<()>) {
        let mut deliveries = std::mem::take(&mut self.dropped);
        let mut outcome = Ok(());
        for receipt in receipts {
            let tokens = receipt.tokens;
            match receipt.outcome {
                Ok(position) => {
                    self.tracker.acknowledge(tokens.clone());
                    deliveries.push(Delivery::new(tokens, Some(position)));
                }
                Err(error) => {
                    let text = format!("record {} of the task", tokens.start);
                    let failure = Failure::new(Stage::KafkaProduce, "producer", error.into());
                    match self.operator.decide(failure, &text) {
                        Verdict::Skip => {
                            self.tracker.acknowledge(tokens.clone());
                            deliveries.push(Delivery::new(tokens, None));
                        }
                        // The log has tried long enough: it never hands a record back to be sent
                        // again, since later ones may be durable already.
                        Verdict::Fail(error) => outcome = outcome.and(Err(error)),
                        Verdict::Resolve | Verdict::Retry(_) => {
                            let error = Error::external(format!("{text} could not be sent"));
                            outcome = outcome.and(Err(error));
                        }
                    }
                }
            }
        }
        (deliveries, outcome)
    }

    /// True if the task has not been told of some dropped records.
    pub(super) fn has_dropped(&self) -> bool {
        !self.dropped.is_empty()
    }
}

/// A source record as error reports name it: where it came from, not what is in it.
struct Described<'a> {
    partition: &'a SourcePartition,
    offset: &'a SourceOffset,
}

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "source record of partition {:?} at offset {:?}", self.partition, self.offset)
    }
}

/// Kafka's mark of a record without a time.
const NO_TIMESTAMP: Timestamp = Timestamp::from_millis(-1);
