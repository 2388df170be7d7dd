//! Numbers in big endian.

use bytes::Bytes;
use connect_api::Error;
use connect_api::Result;
use connect_api::data::Datum;
use connect_api::data::SchemaRef;
use connect_api::data::Value;

use crate::all_roles::all_roles;
use crate::refusal::not_deserialized;

/// Defines the converter of one number type: its `Value` variant, the schema of decoded values, and
/// the names of the type and of Kafka's deserializer in errors.
macro_rules! converter {
    (
        $(#[$documentation:meta])*
        $converter:ident, $number:ty, $variant:ident, $schema:ident, $name:literal, $deserializer:literal
    ) => {
        $(#[$documentation])*
        ///
        /// *Errors*: values of any other type, whatever their schema, and bytes of any other length
        /// are data errors.
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
                        "Failed to serialize to {} (was {}): {} takes {} values only",
                        $name,
                        other.type_name(),
                        stringify!($converter),
                        SchemaRef::$schema.schema_type().name()
                    ))),
                }
            }

            fn decode_bytes(&self, bytes: Option<Bytes>) -> Result<Datum> {
                let number = bytes.map(|bytes| match (*bytes).try_into() {
                    Ok(exact) => Ok(<$number>::from_be_bytes(exact)),
                    Err(_) => Err(not_deserialized(
                        $name,
                        format!(
                            "Size of data received by {} is not {} but {}",
                            $deserializer,
                            size_of::<$number>(),
                            bytes.len()
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn all_bytes_are_used(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            let bytes = Bytes::from(bytes);
            macro_rules! check {
                ($converter:ident, $number:ty) => {
                    match $converter.decode_bytes(Some(bytes.clone())) {
                        Ok(datum) => {
                            let encoded = $converter.encode_datum(&datum).unwrap();
                            prop_assert_eq!(encoded.as_ref(), Some(&bytes));
                        }
                        Err(_) => prop_assert_ne!(bytes.len(), size_of::<$number>()),
                    }
                };
            }
            check!(DoubleConverter, f64);
            check!(FloatConverter, f32);
            check!(IntegerConverter, i32);
            check!(LongConverter, i64);
            check!(ShortConverter, i16);
        }
    }

    #[test]
    fn an_error_names_what_was_found_and_what_is_taken() {
        let error = IntegerConverter
            .encode_datum(&Datum::string("x"))
            .unwrap_err();
        assert_eq!(
            error.report(),
            "Failed to serialize to integer (was STRING): IntegerConverter takes INT32 values only"
        );
        let bytes = Some(Bytes::from_static(b"123"));
        let error = IntegerConverter.decode_bytes(bytes).unwrap_err();
        assert_eq!(
            error.report(),
            "Failed to deserialize integer: Size of data received by IntegerDeserializer is not 4 \
             but 3"
        );
    }
}
