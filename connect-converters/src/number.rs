//! Numbers, big endian in as many bytes as their type has.

use std::borrow::Cow;

use bytes::Bytes;
use connect_api::Converter;
use connect_api::DatumRole;
use connect_api::Error;
use connect_api::HeaderConverter;
use connect_api::Result;
use connect_api::TopicName;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigMap;
use connect_api::data::Datum;
use connect_api::data::SchemaRef;
use connect_api::data::Text;
use connect_api::data::Value;
use connect_api::record::Header;
use connect_api::record::RawHeaders;

/// Defines the converter of one type of numbers: the variant of its values, the schema that they
/// are read with, what errors call it, and Kafka's deserializer.
macro_rules! converter {
    (
        $(#[$documentation:meta])*
        $converter:ident, $number:ty, $variant:ident, $schema:ident, $name:literal, $deserializer:literal
    ) => {
        $(#[$documentation])*
        ///
        /// Values of any other type are refused, whatever their schema, and so are bytes of another
        /// length.
        #[derive(Debug, Default)]
        #[non_exhaustive]
        pub struct $converter;

        impl $converter {
            fn encode_value(value: &Value) -> Result<Option<Bytes>> {
                match value {
                    Value::Null => Ok(None),
                    Value::$variant(number) => {
                        Ok(Some(Bytes::copy_from_slice(&number.to_be_bytes())))
                    }
                    other => Err(Error::data(format!(
                        "Failed to serialize to {} (was class {}): ",
                        $name,
                        other.java_class()
                    ))),
                }
            }

            fn decode_bytes(bytes: Option<Bytes>) -> Result<Datum> {
                let number = bytes.map(|bytes| match (*bytes).try_into() {
                    Ok(bytes) => Ok(<$number>::from_be_bytes(bytes)),
                    Err(_) => Err(not_deserialized(
                        $name,
                        format!(
                            "Size of data received by {} is not {}",
                            $deserializer,
                            size_of::<$number>()
                        ),
                    )),
                });
                Ok(Datum::new(SchemaRef::$schema, number.transpose()?))
            }
        }

        impl Converter for $converter {
            fn config_def(&self) -> &ConfigDef {
                crate::converter_type::def()
            }

            fn configure(&mut self, _: &ConfigMap, _: DatumRole) -> Result<()> {
                Ok(())
            }

            fn encode(
                &mut self,
                _: &TopicName,
                _: &mut RawHeaders,
                datum: &Datum,
            ) -> Result<Option<Bytes>> {
                Self::encode_value(&datum.value)
            }

            fn decode(
                &mut self,
                _: &TopicName,
                _: &RawHeaders,
                bytes: Option<Bytes>,
            ) -> Result<Datum> {
                Self::decode_bytes(bytes)
            }
        }

        impl HeaderConverter for $converter {
            fn config_def(&self) -> &ConfigDef {
                crate::converter_type::def()
            }

            fn configure(&mut self, _: &ConfigMap) -> Result<()> {
                Ok(())
            }

            fn encode(&mut self, _: &TopicName, header: &Header) -> Result<Option<Bytes>> {
                Self::encode_value(&header.value.value)
            }

            fn decode(&mut self, _: &TopicName, _: &Text, bytes: Option<Bytes>) -> Result<Datum> {
                Self::decode_bytes(bytes)
            }
        }
    };
}

converter! {
    /// Writes 64-bit floating point numbers as 8 bytes.
    DoubleConverter, f64, Float64, OPTIONAL_FLOAT64, "double", "Deserializer"
}

converter! {
    /// Writes 32-bit floating point numbers as 4 bytes.
    FloatConverter, f32, Float32, OPTIONAL_FLOAT32, "float", "Deserializer"
}

converter! {
    /// Writes 32-bit integers as 4 bytes.
    IntegerConverter, i32, Int32, OPTIONAL_INT32, "integer", "IntegerDeserializer"
}

converter! {
    /// Writes 64-bit integers as 8 bytes.
    LongConverter, i64, Int64, OPTIONAL_INT64, "long", "LongDeserializer"
}

converter! {
    /// Writes 16-bit integers as 2 bytes.
    ShortConverter, i16, Int16, OPTIONAL_INT16, "short", "ShortDeserializer"
}

/// The bytes are not those of a value: Kafka's deserializer says why.
pub(crate) fn not_deserialized(name: &str, reason: impl Into<Cow<'static, str>>) -> Error {
    let reason = Error::data(reason)
        .with_java_class("org.apache.kafka.common.errors.SerializationException");
    Error::data(format!("Failed to deserialize {name}: ")).with_source(reason)
}
