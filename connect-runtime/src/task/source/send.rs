//! From polled records to the log, and from receipts to offsets.

use std::collections::BTreeMap;
use std::ops::Range;

use connect_api::Error;
use connect_api::RawMessage;
use connect_api::ReportHandle;
use connect_api::Result;
use connect_api::Timestamp;
use connect_api::record::Delivery;
use connect_api::record::Origin;
use connect_api::record::Record;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_api::record::SourceRecord;
use connect_broker::BrokerError;
use connect_broker::ProducerRecord;
use connect_broker::Receipt;
use connect_core::source::OffsetTracker;

use crate::pipeline::Chain;
use crate::pipeline::DeadLetter;
use crate::pipeline::Encoder;
use crate::pipeline::Failure;
use crate::pipeline::Letter;
use crate::pipeline::Operator;
use crate::pipeline::Reports;
use crate::pipeline::Stage;
use crate::pipeline::Verdict;
use crate::task::source::transaction::FIRST_OFFSET_TOKEN;
use crate::task::source::transaction::Transactions;

/// Turns polled records into records for the log, and keeps track of them.
pub(super) struct Outbox {
    pub(super) chain: Chain,
    pub(super) encoder: Box<dyn Encoder>,
    pub(super) operator: Operator,
    pub(super) reports: Reports,
    pub(super) tracker: OffsetTracker,
    /// Records that were dropped and not told the task yet.
    dropped: Vec<Delivery>,
    /// Records under way as they were, by token, where failed ones are reported.
    kept: BTreeMap<u64, Record>,
    /// Skipped records by the dead letter that must be durable before they are acknowledged.
    letters: BTreeMap<Letter, u64>,
    /// Reports of the task itself by their dead letter.
    errant: BTreeMap<Letter, ReportHandle>,
    /// Records that will never be acknowledged: they come again.
    lost: u64,
    /// What fails from now on is no failure: the task was stopped, and the records come again.
    pub(super) is_cut_off: bool,
}

impl Outbox {
    pub(super) fn new(
        chain: Chain,
        encoder: Box<dyn Encoder>,
        operator: Operator,
        reports: Reports,
    ) -> Self {
        Self {
            chain,
            encoder,
            operator,
            reports,
            tracker: OffsetTracker::new(),
            dropped: Vec::new(),
            kept: BTreeMap::new(),
            letters: BTreeMap::new(),
            errant: BTreeMap::new(),
            lost: 0,
            is_cut_off: false,
        }
    }

    /// How many records may still be acknowledged.
    pub(super) const fn under_way(&self) -> u64 {
        self.tracker.unacknowledged().saturating_sub(self.lost)
    }

    /// Takes note that records were not sent and will not be.
    pub(super) const fn lose(&mut self, records: usize) {
        self.lost += records as u64;
    }

    /// Transforms and converts a batch, of which only the frames are left. Records that fail are
    /// tried again, skipped or fail the task as the error options say; those before a failing one are
    /// in `out` all the same.
    pub(super) async fn convert(
        &mut self,
        batch: &mut [SourceRecord],
        mut transactions: Option<&mut Transactions>,
        out: &mut Vec<ProducerRecord>,
    ) -> Result<()> {
        let keep = self.operator.may_retry() || self.reports.wants_record();
        for SourceRecord {
            partition,
            offset,
            more_follow,
            record,
        } in batch
        {
            let original = keep.then(|| record.clone());
            let fate = match self.step(record, partition, offset, out) {
                Ok(fate) => fate,
                Err(failure) => {
                    let original = original.as_ref();
                    self.recover(failure, original, partition, offset, out)
                        .await?
                }
            };
            if let Some(transactions) = &mut transactions {
                transactions.submitted(partition, offset, *more_follow);
            }
            let offset = std::mem::take(offset);
            let token = self.tracker.submit(partition, offset, *more_follow);
            match (fate, out.last_mut()) {
                (Fate::Sent, Some(record)) => {
                    record.token = token;
                    if let Some(original) = original.filter(|_| self.reports.wants_record()) {
                        self.kept.insert(token, original);
                    }
                }
                (Fate::Skipped(letter), _) => {
                    self.letters.insert(letter, token);
                }
                _ => self.let_go(token),
            }
        }
        self.tracker.seal();
        Ok(())
    }

    /// Nothing of a record is in flight, and it was not sent.
    fn let_go(&mut self, token: u64) {
        self.tracker.acknowledge(token..token + 1);
        match self.dropped.last_mut() {
            Some(last) if last.records.end == token => last.records.end += 1,
            _ => self.dropped.push(Delivery::new(token..token + 1, None)),
        }
    }

    /// Takes in the dead letters that are durable: only now their records are let go, so that no
    /// source forgets a message that a crash would lose.
    pub(super) fn take_letters(&mut self) {
        for letters in self.reports.take_durable() {
            for letter in letters {
                if let Some(token) = self.letters.remove(&letter) {
                    self.let_go(token);
                }
                if let Some(report) = self.errant.remove(&letter) {
                    report.settle();
                }
            }
        }
    }

    /// Reports a message that the task could not turn into a record.
    pub(super) async fn report_message(&mut self, report: ErrantMessage) -> Result<()> {
        let ErrantMessage {
            failure,
            message,
            handle,
        } = report;
        let letter = || DeadLetter {
            key: message.key,
            value: message.value,
            headers: message.headers,
            timestamp: message.timestamp,
            origin: None,
        };
        let what = "a message that the task could not turn into a record";
        match self.reports.report(&failure, what, letter).await? {
            Some(letter) => _ = self.errant.insert(letter, handle),
            None => handle.settle(),
        }
        if self.operator.tolerates() {
            Ok(())
        } else {
            Err(failure.into_error(what))
        }
    }

    /// What becomes of a record that no stage refuses.
    #[inline]
    fn step(
        &mut self,
        record: &mut Record,
        partition: &SourcePartition,
        offset: &SourceOffset,
        out: &mut Vec<ProducerRecord>,
    ) -> Result<Fate, Failure> {
        let origin = Origin::Source { partition, offset };
        if !self.chain.apply(record, origin)? {
            return Ok(Fate::Dropped);
        }
        if let Some(time) = record.timestamp.filter(|time| *time < NO_TIMESTAMP) {
            let error = Error::data(format!("Invalid record timestamp {}", time.as_millis()));
            return Err(Failure::new(Stage::KafkaProduce, "", error));
        }
        self.encoder.encode(record, out)?;
        Ok(Fate::Sent)
    }

    /// The slow path: a record has failed.
    async fn recover(
        &mut self,
        mut failure: Failure,
        original: Option<&Record>,
        partition: &SourcePartition,
        offset: &SourceOffset,
        out: &mut Vec<ProducerRecord>,
    ) -> Result<Fate> {
        loop {
            let (stage, class) = (failure.stage, failure.class.clone());
            let transformed = failure.transformed.clone();
            let described = || format!("source record of partition {partition} at offset {offset}");
            match self.operator.decide(failure) {
                Verdict::Fail(failure) => {
                    self.report(&failure, &described(), original).await?;
                    return Err(failure.into_error(&described()));
                }
                Verdict::Skip(failure) => {
                    let letter = self.report(&failure, &described(), original).await?;
                    return Ok(letter.map_or(Fate::Dropped, Fate::Skipped));
                }
                Verdict::Resolve => {
                    let resolving = self.encoder.resolve(stage);
                    if let Err(error) = self.operator.unless_stopped(resolving).await? {
                        failure = Failure::new(stage, &class, error);
                        failure.transformed = transformed;
                        continue;
                    }
                }
                Verdict::Retry(delay) => self.operator.wait(delay).await?,
            }
            let again = match (transformed, original) {
                (Some(mut record), _) => {
                    let encoded = self.encoder.encode(&mut record, out);
                    encoded.map(|()| Fate::Sent)
                }
                (None, Some(record)) => self.step(&mut record.clone(), partition, offset, out),
                (None, None) => {
                    return Err(Error::illegal_state(
                        "a transform asked to be resolved, which only converters may",
                    ));
                }
            };
            match again {
                Ok(fate) => {
                    self.operator.succeeded();
                    return Ok(fate);
                }
                Err(again) => failure = again,
            }
        }
    }

    async fn report(
        &mut self,
        failure: &Failure,
        description: &str,
        original: Option<&Record>,
    ) -> Result<Option<Letter>> {
        let Self {
            reports, encoder, ..
        } = self;
        let letter = || {
            original
                .map(|record| encoder.dead_letter(record))
                .unwrap_or_default()
        };
        reports.report(failure, description, letter).await
    }

    /// Takes in what became of sent records. Answers what the task is to be told.
    ///
    /// # Errors
    /// The first record that will never be durable and may not be skipped.
    pub(super) async fn settle(&mut self, receipts: Vec<Receipt>) -> (Vec<Delivery>, Result<()>) {
        let mut deliveries = std::mem::take(&mut self.dropped);
        let mut outcome = Ok(());
        for receipt in receipts {
            let tokens = receipt.tokens;
            if tokens.start >= FIRST_OFFSET_TOKEN {
                continue; // offsets of a transaction: its commit tells of their fate
            }
            let position = match receipt.outcome {
                Ok(position) => Some(position),
                // The task itself has aborted its transaction, and with it dropped its records.
                Err(BrokerError::TransactionAborted) => None,
                Err(_) if self.is_cut_off => {
                    self.lost += tokens.end - tokens.start;
                    continue;
                }
                Err(error) => {
                    let refused = self.refused(&tokens, error.into()).await;
                    if refused.is_err() {
                        self.lost += tokens.end - tokens.start;
                        outcome = outcome.and(refused);
                    }
                    continue;
                }
            };
            self.tracker.acknowledge(tokens.clone());
            if !self.kept.is_empty() {
                for token in tokens.clone() {
                    self.kept.remove(&token);
                }
            }
            deliveries.push(Delivery::new(tokens, position));
        }
        deliveries.append(&mut self.dropped);
        (deliveries, outcome)
    }

    /// The log does not take some records. It has tried long enough, and never hands a record back
    /// to be sent again, since later ones may be durable already.
    ///
    /// # Errors
    /// They may not be skipped.
    async fn refused(&mut self, tokens: &Range<u64>, error: Error) -> Result<()> {
        let mut text = format!("record {} of the task", tokens.start);
        if let Some(partition) = self.tracker.partition_of(tokens.start) {
            text += &format!(", from source partition {partition}");
        }
        let failure = Failure::new(Stage::KafkaProduce, "producer", error);
        let mut reported = Vec::new();
        for token in tokens.clone() {
            let record = self.kept.remove(&token);
            let letter = self.report(&failure, &text, record.as_ref()).await?;
            reported.push((token, letter));
        }
        if self.operator.tolerates() {
            for (token, letter) in reported {
                match letter {
                    Some(letter) => _ = self.letters.insert(letter, token),
                    None => self.let_go(token),
                }
            }
            let error = failure.error.report();
            tracing::error!(record = tokens.start, error, "a record was skipped");
            Ok(())
        } else {
            Err(failure.into_error(&text))
        }
    }

    /// True if the task has not been told of some dropped records.
    pub(super) fn has_dropped(&self) -> bool {
        !self.dropped.is_empty()
    }
}

/// What became of a polled record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// A transform dropped it, or it was skipped and no dead letter tells of it.
    Dropped,
    Sent,
    /// It was skipped, and this dead letter tells of it.
    Skipped(Letter),
}

/// A message that the task could not turn into a record, on its way to the reports.
pub(super) struct ErrantMessage {
    pub(super) failure: Failure,
    pub(super) message: RawMessage,
    pub(super) handle: ReportHandle,
}

/// Kafka's mark of a record without a time.
const NO_TIMESTAMP: Timestamp = Timestamp::from_millis(-1);
