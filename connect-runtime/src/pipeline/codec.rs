//! The ends of the pipeline, where records are converted to and from what is sent and read.

use async_trait::async_trait;
use connect_api::LogPosition;
use connect_api::Result;
use connect_api::data::Datum;
use connect_api::record::Record;
use connect_api::record::SinkRecord;
use connect_broker::FetchedRecord;
use connect_broker::ProducerRecord;

use crate::pipeline::DeadLetter;
use crate::pipeline::Failure;
use crate::pipeline::Stage;

/// Takes a record out of its place, and leaves only the topic there.
pub(crate) fn take(record: &mut Record) -> Record {
    let nothing = Record::new(record.topic.clone(), Datum::NULL);
    std::mem::replace(record, nothing)
}

/// Converts records of a source to what is sent.
#[async_trait]
pub(crate) trait Encoder: Send {
    /// Appends the converted record to `out`; its token is set later. The record may be left without
    /// its data, except on failure.
    fn encode(&mut self, record: &mut Record, out: &mut Vec<ProducerRecord>)
    -> Result<(), Failure>;

    /// Fetches what the converter of a stage needs.
    async fn resolve(&mut self, stage: Stage) -> Result<()>;

    /// The record for the dead letter topic.
    fn dead_letter(&mut self, record: &Record) -> DeadLetter;
}

/// Converts what was read to records of a sink.
#[async_trait]
pub(crate) trait Decoder: Send {
    /// Converts what was read at a position to a record.
    fn decode(
        &mut self,
        position: &LogPosition,
        fetched: &FetchedRecord,
    ) -> Result<Record, Failure>;

    /// Fetches what the converter of a stage needs.
    async fn resolve(&mut self, stage: Stage) -> Result<()>;

    /// The dead letter of a record whose bytes are no longer available.
    fn dead_letter(&mut self, record: &SinkRecord) -> DeadLetter;
}
