//! JSON, with or without schemas.

mod charset;
mod config;
mod decode;
mod encode;
mod field;
mod plan;
mod read;
mod schema;
#[cfg(test)]
mod tests;
mod write;

use bytes::Bytes;
use bytes::BytesMut;
use connect_api::DatumRole;
use connect_api::Error;
use connect_api::Result;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::data::Datum;
use connect_api::data::SchemaRef;
use connect_api::data::Value;

use self::charset::to_utf8;
use self::config::DecimalFormat;
use self::config::JsonConverterConfig;
use self::decode::read_any;
use self::decode::read_schemaless;
use self::encode::Style;
use self::plan::Plan;
use self::read::Reader;
use self::schema::ReadSchemas;
use self::schema::read_schema;
use crate::all_roles::all_roles;
use crate::converter_type::CONVERTER_TYPE;

/// Writes and reads JSON; with `schemas.enable` (the default) as `{"schema":…,"payload":…}`.
///
/// # Contract
///
/// * Null without a schema is a tombstone. Null with a schema is the payload `null`.
/// * Without schemas, integers are read as INT64, other numbers as FLOAT64, objects as maps.
/// * Bytes are base64, and so are decimals unless `decimal.format=NUMERIC`. Dates, times and
///   timestamps are numbers. Maps whose keys are not text are arrays of pairs. `NaN` and infinities
///   are strings.
/// * With `schema.content`, all messages have that schema and are bare payloads.
/// * A message may be in UTF-8, UTF-16 or UTF-32. Messages are written in UTF-8.
///
/// *Shape*: a text without escapes is a slice of the message. Written messages are slices of blocks
/// of 64 KiB; a message that is kept for long keeps its block in memory.
///
/// # Errors
///
/// All are data errors: text after the JSON value; a number that does not fit its type, overflows to
/// infinity, or has a fraction where an integer is expected; an integer beyond 64 bits without a
/// schema; a JSON type that does not match the schema; unpaired surrogates; base64 with stray bits;
/// values nested more than 500 levels deep, and schemas more than 100.
///
/// *Java*: the written bytes are the same, except for the last digit of a few floats. Java accepts
/// most messages that are refused here, and reads another value or only a part of them. It reads
/// `NaN` and infinities as 0, and accepts twice the depth. `docs/deviations.md` lists the differences.
#[derive(Debug)]
pub struct JsonConverter {
    schemas_are_enabled: bool,
    schemas_to_keep: usize,
    style: Style,
    /// The schema of all decoded messages, from `schema.content`.
    content: Option<Plan>,
    read: ReadSchemas,
    written: Vec<WrittenSchema>,
    message: Vec<u8>,
    arena: BytesMut,
}

/// A schema that was written.
#[derive(Debug)]
struct WrittenSchema {
    plan: Plan,
    /// The bytes before a payload.
    envelope: Box<[u8]>,
}

impl JsonConverter {
    const BLOCK: usize = 64 * 1024;

    fn configure_as(&mut self, config: &ConfigMap, role: DatumRole) -> Result<()> {
        let mut own = config.clone();
        own.insert(CONVERTER_TYPE, role.name());
        let config = JsonConverterConfig::from_config(&own)?;
        let content = config
            .schema_content
            .filter(|content| !content.trim().is_empty());
        let content = content
            .map(|content| content_schema(&content.into()))
            .transpose()?
            .flatten();
        *self = Self {
            schemas_are_enabled: config.schemas_enable,
            schemas_to_keep: usize::try_from(config.schemas_cache_size).unwrap_or_default(),
            style: Style {
                decimal_format: config.decimal_format,
                replaces_null_with_default: config.replace_null_with_default,
            },
            content: content.as_ref().map(Plan::new),
            ..Self::default()
        };
        Ok(())
    }

    fn encode_datum(&mut self, datum: &Datum) -> Result<Option<Bytes>> {
        self.message.clear();
        match &datum.schema {
            None if datum.value.is_null() => return Ok(None),
            None if self.schemas_are_enabled => {
                self.message
                    .extend_from_slice(b"{\"schema\":null,\"payload\":");
                self.style
                    .push_schemaless(&mut self.message, &datum.value)?;
                self.message.push(b'}');
            }
            None => self
                .style
                .push_schemaless(&mut self.message, &datum.value)?,
            Some(schema) => {
                self.prepare(schema)?;
                let Some(WrittenSchema { plan, envelope }) = self.written.first() else {
                    return Err(Error::illegal_state("no schema is prepared"));
                };
                self.message.extend_from_slice(envelope);
                self.style.push(&mut self.message, plan, &datum.value)?;
                if self.schemas_are_enabled {
                    self.message.push(b'}');
                }
            }
        }
        if self.arena.capacity() < self.message.len() {
            self.arena = BytesMut::with_capacity(Self::BLOCK.max(self.message.len()));
        }
        self.arena.extend_from_slice(&self.message);
        Ok(Some(self.arena.split().freeze()))
    }

    /// Moves a schema to the front of the written ones.
    fn prepare(&mut self, schema: &SchemaRef) -> Result<()> {
        let is_here = |written: &WrittenSchema| written.plan.schema.is_same(schema);
        if self.written.first().is_some_and(is_here) {
            return Ok(());
        }
        let known = self.written.iter().position(is_here).or_else(|| {
            self.written
                .iter()
                .position(|written| written.plan.schema == *schema)
        });
        let mut written = match known {
            Some(index) => self.written.remove(index),
            None => {
                let plan = Plan::new(schema);
                let mut envelope = Vec::new();
                if self.schemas_are_enabled {
                    envelope.extend_from_slice(b"{\"schema\":");
                    self.style.push_schema(&mut envelope, Some(&plan))?;
                    envelope.extend_from_slice(b",\"payload\":");
                }
                WrittenSchema {
                    plan,
                    envelope: envelope.into(),
                }
            }
        };
        // The next record most likely has this very schema in memory.
        written.plan.schema = schema.clone();
        self.written.truncate(self.schemas_to_keep.max(1) - 1);
        self.written.insert(0, written);
        Ok(())
    }

    fn decode_bytes(&mut self, bytes: Option<Bytes>) -> Result<Datum> {
        let Some(bytes) = bytes else {
            return Ok(Datum::NULL);
        };
        let message = to_utf8(bytes)?;
        let mut reader = Reader::new(&message);
        let datum = self.decode(&mut reader)?;
        reader.end()?;
        Ok(datum)
    }

    fn decode(&mut self, reader: &mut Reader<'_>) -> Result<Datum> {
        let is_lax = self.style.replaces_null_with_default;
        let first = reader.peek();
        if !self.schemas_are_enabled {
            return match first {
                Some(_) => Ok(Datum::schemaless(read_schemaless(reader)?)),
                None => Ok(Datum::NULL),
            };
        }
        if let Some(plan) = &self.content {
            return match first {
                Some(_) => Ok(datum_of(Some(plan), decode::read(reader, plan, is_lax)?)),
                None => Err(Error::data("an empty message has no payload")),
            };
        }
        match first {
            Some(b'{') => self.decode_envelope(reader, is_lax),
            Some(_) => {
                // A syntax error takes precedence.
                reader.skip()?;
                Err(no_envelope())
            }
            None => Err(no_envelope()),
        }
    }

    fn decode_envelope(&mut self, reader: &mut Reader<'_>, is_lax: bool) -> Result<Datum> {
        // Nearly always the schema comes first, so that one pass is enough.
        let mut schema_at = None;
        let mut payload_at = None;
        let mut datum = None;
        let mut is_envelope = true;
        reader.enter()?;
        let mut is_first = true;
        while reader.next(is_first, b'}')? {
            is_first = false;
            let key = reader.key()?;
            reader.peek();
            let position = reader.position();
            match &*key {
                "schema" => {
                    schema_at = Some(position);
                    datum = None;
                    self.read.read(reader, self.schemas_to_keep)?;
                }
                "payload" => {
                    payload_at = Some(position);
                    if schema_at.is_some() {
                        let plan = self.read.last();
                        let value = read_any(reader, plan, is_lax)?;
                        datum = Some(datum_of(plan, value));
                    } else {
                        reader.skip()?;
                    }
                }
                _ => {
                    is_envelope = false;
                    reader.skip()?;
                }
            }
        }
        match (datum, schema_at, payload_at) {
            (Some(datum), ..) if is_envelope => Ok(datum),
            (None, Some(_), Some(payload_at)) if is_envelope => {
                let plan = self.read.last();
                let value = read_any(&mut reader.at(payload_at), plan, is_lax)?;
                Ok(datum_of(plan, value))
            }
            _ => Err(no_envelope()),
        }
    }
}

impl Default for JsonConverter {
    fn default() -> Self {
        Self {
            schemas_are_enabled: true,
            schemas_to_keep: 1000,
            style: Style {
                decimal_format: DecimalFormat::Base64,
                replaces_null_with_default: true,
            },
            content: None,
            read: ReadSchemas::default(),
            written: Vec::new(),
            message: Vec::new(),
            arena: BytesMut::new(),
        }
    }
}

all_roles!(
    JsonConverter,
    JsonConverterConfig::config_def(),
    Self::configure_as
);

fn datum_of(plan: Option<&Plan>, value: Value) -> Datum {
    Datum {
        schema: plan.map(|plan| plan.schema.clone()),
        value,
    }
}

/// Reads the schema of the option `schema.content`.
fn content_schema(content: &Bytes) -> Result<Option<SchemaRef>> {
    let mut reader = Reader::new(content);
    let mut probe = reader.clone();
    probe.skip().and_then(|()| probe.end()).map_err(|error| {
        Error::data(format!(
            "Failed to parse schema in converter config due to serialization error: {error} of \
             the option schema.content"
        ))
        .with_source(error)
    })?;
    read_schema(&mut reader)
}

fn no_envelope() -> Error {
    Error::data(
        "JsonConverter with schemas.enable requires \"schema\" and \"payload\" fields and may not \
         contain additional fields. If you are trying to deserialize plain JSON data, set \
         schemas.enable=false in your converter configuration.",
    )
}
