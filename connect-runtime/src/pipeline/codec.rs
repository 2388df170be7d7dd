//! Where records leave or enter the pipeline: as bytes of a log, or as they are.

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

/// Takes a record out of its place, which keeps nothing but the topic.
pub(crate) fn take(record: &mut Record) -> Record {
    let nothing = Record::new(record.topic.clone(), Datum::NULL);
    std::mem::replace(record, nothing)
}

/// Turns records of a source into what is sent.
#[async_trait]
pub(crate) trait Encoder: Send {
    /// Adds what is sent of a record; its token is set later. A failure keeps the record, else it is
    /// of no more use.
    fn encode(&mut self, record: &mut Record, out: &mut Vec<ProducerRecord>)
    -> Result<(), Failure>;

    /// Gets from elsewhere what a stage missed.
    async fn resolve(&mut self, stage: Stage) -> Result<()>;

    /// The record for the dead letter topic.
    fn dead_letter(&mut self, record: &Record) -> DeadLetter;
}

/// Turns what was read into records of a sink.
#[async_trait]
pub(crate) trait Decoder: Send {
    /// Turns what was read at a position into a record.
    fn decode(
        &mut self,
        position: &LogPosition,
        fetched: &FetchedRecord,
    ) -> Result<Record, Failure>;

    /// Gets from elsewhere what a stage missed.
    async fn resolve(&mut self, stage: Stage) -> Result<()>;

    /// The dead letter of a record whose bytes are gone.
    fn dead_letter(&mut self, record: &SinkRecord) -> DeadLetter;
}
