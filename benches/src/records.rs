//! Records as a file source makes them: every line a slice of one chunk.

use bytes::Bytes;
use connect_api::TopicName;
use connect_api::data::Datum;
use connect_api::data::SchemaBuilder;
use connect_api::data::SchemaRef;
use connect_api::data::Struct;
use connect_api::data::Text;
use connect_api::data::Value;
use connect_api::record::Record;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_api::record::SourceRecord;

/// Records per batch, in all benches.
pub const BATCH: usize = 1000;

/// A chunk of lines of 94 bytes, and their start positions.
#[derive(Debug)]
pub struct Chunk {
    text: Text,
    topic: TopicName,
    partition: SourcePartition,
}

impl Chunk {
    /// [`BATCH`] lines.
    #[must_use]
    pub fn new() -> Self {
        let text: String = (0..BATCH)
            .map(|number| format!("{number:08} {LINE}\n"))
            .collect();
        Self {
            text: text.into(),
            topic: TopicName::new("lines"),
            partition: SourcePartition::new([("filename", "access.log")]),
        }
    }

    /// The lines, each a slice of the chunk.
    pub fn lines(&self) -> impl Iterator<Item = Text> {
        let bytes: &Bytes = self.text.as_bytes();
        let size = bytes.len() / BATCH;
        (0..BATCH).filter_map(move |number| {
            let start = number * size;
            Text::from_utf8(bytes.slice(start..start + size - 1)).ok()
        })
    }

    /// One record per line.
    pub fn records(&self) -> impl Iterator<Item = Record> {
        let datum = |line| Datum::new(SchemaRef::STRING, Value::String(line));
        self.lines()
            .map(move |line| Record::new(self.topic.clone(), datum(line)))
    }

    /// One source record per line, with an offset each.
    pub fn source_records(&self) -> impl Iterator<Item = SourceRecord> {
        (1i64..).zip(self.records()).map(|(position, record)| {
            SourceRecord::new(
                self.partition.clone(),
                SourceOffset::new("position", position),
                record,
            )
        })
    }
}

impl Default for Chunk {
    fn default() -> Self {
        Self::new()
    }
}

/// An order: three fields.
#[must_use]
pub fn order_schema() -> SchemaRef {
    SchemaBuilder::structure()
        .name("Order")
        .field("id", SchemaRef::INT64)
        .field("customer", SchemaRef::STRING)
        .field("total", SchemaRef::FLOAT64)
        .build()
        .unwrap_or(SchemaRef::STRING)
}

/// A value of [`order_schema`].
#[must_use]
pub fn order(schema: &SchemaRef, id: i64, customer: Text) -> Datum {
    let values = vec![
        Value::Int64(id),
        Value::String(customer),
        Value::Float64(id as f64 / 100.0),
    ];
    let order = Struct::from_values(schema.clone(), values).map_or(Value::Null, Value::Struct);
    Datum::new(schema.clone(), order)
}

const LINE: &str =
    "192.0.2.17 - - [20/Nov/2026:06:25:24 +0000] \"GET /articles/2026/ HTTP/1.1\" 200 5";
