//! Numbers, big endian in as many bytes as their type has.

use bytes::Bytes;
use connect_api::Error;
use connect_api::Result;
use connect_api::data::Datum;
use connect_api::data::SchemaRef;
use connect_api::data::Value;

use crate::all_roles::all_roles;
use crate::refusal::not_deserialized;

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
            fn encode_datum(&self, datum: &Datum) -> Result<Option<Bytes>> {
                match &datum.value {
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

            fn decode_bytes(&self, bytes: Option<Bytes>) -> Result<Datum> {
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

        all_roles!($converter);
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
