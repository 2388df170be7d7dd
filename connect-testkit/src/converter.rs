//! The conformance suite of converters.
//!
//! A converter that passes [`conforms`] keeps the contract of [`Converter`]: tombstones stay
//! tombstones, what is written is read back, what was written earlier does not change, and foreign
//! bytes are refused without a panic.
//!
//! ```
//! # use bytes::Bytes;
//! # use connect_api::config::{ConfigDef, ConfigMap};
//! # use connect_api::data::{SchemaRef, Text, Value};
//! # use connect_api::record::RawHeaders;
//! # use connect_api::{Converter, DatumRole, Error, Result, TopicName};
//! # #[derive(Default)]
//! # struct Utf8;
//! # impl Converter for Utf8 {
//! #     fn config_def(&self) -> &ConfigDef { ConfigDef::empty() }
//! #     fn configure(&mut self, _: &ConfigMap, _: DatumRole) -> Result<()> { Ok(()) }
//! #     fn encode(&mut self, _: &TopicName, _: &mut RawHeaders, datum: &Datum) -> Result<Option<Bytes>> {
//! #         match &datum.value {
//! #             Value::Null => Ok(None),
//! #             Value::String(text) => Ok(Some(text.as_bytes().clone())),
//! #             _ => Err(Error::data("not text")),
//! #         }
//! #     }
//! #     fn decode(&mut self, _: &TopicName, _: &RawHeaders, bytes: Option<Bytes>) -> Result<Datum> {
//! #         let text = bytes.map(|bytes| Text::from_utf8(bytes).map_err(|_| Error::data("not UTF-8")));
//! #         Ok(Datum::new(SchemaRef::OPTIONAL_STRING, text.transpose()?))
//! #     }
//! # }
//! use connect_api::data::Datum;
//! use connect_testkit::converter::{Sample, conforms};
//!
//! let samples = [Sample::new(Datum::string("a"), Datum::new(SchemaRef::OPTIONAL_STRING, "a"))];
//! conforms(&mut Utf8, &samples, &[b"\xff"]);
//! ```

use bytes::Bytes;
use connect_api::Converter;
use connect_api::ErrorKind;
use connect_api::TopicName;
use connect_api::data::Datum;
use connect_api::record::RawHeaders;

/// A datum, and the datum that is read back after it was written.
#[derive(Debug, Clone)]
pub struct Sample {
    written: Datum,
    read: Datum,
}

impl Sample {
    /// A datum that is read back as another one, for example with another schema.
    #[must_use]
    pub fn new(written: Datum, read: Datum) -> Self {
        Self { written, read }
    }
}

impl From<Datum> for Sample {
    /// A datum that is read back unchanged.
    fn from(datum: Datum) -> Self {
        Self {
            read: datum.clone(),
            written: datum,
        }
    }
}

/// Runs all checks on a configured converter: its samples come back, malformed bytes are refused.
///
/// # Panics
/// A check fails; the message says which one.
pub fn conforms(converter: &mut dyn Converter, samples: &[Sample], malformed: &[&'static [u8]]) {
    tombstones(converter);
    round_trip(converter, samples);
    refuses(converter, malformed);
    survives_any_bytes(converter);
    // Errors must not affect valid data that follows.
    round_trip(converter, samples);
    tombstones(converter);
}

/// Null without a schema is written as a tombstone, and a tombstone is read as null.
///
/// # Panics
/// It is not.
pub fn tombstones(converter: &mut dyn Converter) {
    let written = converter.encode(&topic(), &mut RawHeaders::new(), &Datum::NULL);
    let written = written.unwrap_or_else(|error| panic!("null is refused: {}", error.report()));
    assert_eq!(written, None, "null is a tombstone");
    let read = converter.decode(&topic(), &RawHeaders::new(), None);
    let read = read.unwrap_or_else(|error| panic!("a tombstone is refused: {}", error.report()));
    assert!(read.value.is_null(), "a tombstone is null");
}

/// Each sample is read back, is written the same again, and does not change what was written
/// before.
///
/// # Panics
/// It is not.
pub fn round_trip(converter: &mut dyn Converter, samples: &[Sample]) {
    let mut kept = Vec::new();
    for Sample { written, read } in samples {
        let mut encode = || {
            converter
                .encode(&topic(), &mut RawHeaders::new(), written)
                .unwrap_or_else(|error| panic!("{written:?} cannot be written: {}", error.report()))
        };
        let (bytes, again) = (encode(), encode());
        assert_eq!(bytes, again, "{written:?} is written the same again");
        let copy = bytes.as_ref().map(|bytes| bytes.to_vec());
        let datum = converter
            .decode(&topic(), &RawHeaders::new(), bytes.clone())
            .unwrap_or_else(|error| panic!("{written:?} cannot be read: {}", error.report()));
        assert_eq!(datum, *read, "what was written of {written:?}");
        kept.push((written, bytes, copy));
    }
    for (written, bytes, copy) in kept {
        assert_eq!(
            bytes.as_deref(),
            copy.as_deref(),
            "{written:?} changed after it was written"
        );
    }
}

/// Malformed bytes are a data error that is not retriable.
///
/// # Panics
/// They are accepted, or the error is of another kind.
pub fn refuses(converter: &mut dyn Converter, malformed: &[&'static [u8]]) {
    for bytes in malformed {
        let read = converter.decode(
            &topic(),
            &RawHeaders::new(),
            Some(Bytes::from_static(bytes)),
        );
        match read {
            Ok(datum) => panic!("{} is read as {datum:?}", bytes.escape_ascii()),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Data, "{}", bytes.escape_ascii());
                assert!(!error.is_retriable(), "the same bytes will never be right");
            }
        }
    }
}

/// No bytes make the converter panic.
///
/// # Panics
/// Some do.
pub fn survives_any_bytes(converter: &mut dyn Converter) {
    let all: Vec<u8> = (0..=255).collect();
    let nested = [b"[".repeat(100_000), b"{\"a\":".repeat(100_000)];
    let single = (0..=255).map(|byte| vec![byte]);
    let tails = (0..all.len()).map(|start| all.split_at(start).1.to_vec());
    for bytes in single.chain(tails).chain(nested).chain([Vec::new()]) {
        // Refused or not: both are fine here.
        let _ = converter.decode(&topic(), &RawHeaders::new(), Some(Bytes::from(bytes)));
    }
}

fn topic() -> TopicName {
    TopicName::from("topic")
}
