//! Bytes, unchanged.

use bytes::Bytes;
use connect_api::Result;
use connect_api::data::Datum;
use connect_api::data::SchemaRef;
use connect_api::data::SchemaType;
use connect_api::data::Value;

use crate::all_roles::all_roles;
use crate::refusal::check_schema;
use crate::refusal::not_compatible;

/// Passes bytes through unchanged and without a copy, in both directions.
///
/// *Errors*: any value that is not bytes, and a schema other than BYTES, are data errors.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct ByteArrayConverter;

impl ByteArrayConverter {
    fn encode_datum(&self, datum: &Datum) -> Result<Option<Bytes>> {
        check_schema(datum, &SchemaType::Bytes, "ByteArrayConverter")?;
        match &datum.value {
            Value::Null => Ok(None),
            Value::Bytes(bytes) => Ok(Some(bytes.clone())),
            other => Err(not_compatible(other, "ByteArrayConverter")),
        }
    }

    fn decode_bytes(&self, bytes: Option<Bytes>) -> Result<Datum> {
        Ok(Datum::new(SchemaRef::OPTIONAL_BYTES, bytes))
    }
}

all_roles!(ByteArrayConverter);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_not_copied() {
        let bytes = Bytes::from(vec![1, 2, 3]);
        let datum = Datum::bytes(bytes.clone());
        let encoded = ByteArrayConverter.encode_datum(&datum).unwrap().unwrap();
        assert_eq!(encoded.as_ptr(), bytes.as_ptr());
    }

    #[test]
    fn other_types_are_refused() {
        for datum in [
            Datum::string("x"),
            Datum::schemaless("x"),
            Datum::new(SchemaRef::OPTIONAL_STRING, Value::Null),
        ] {
            assert!(ByteArrayConverter.encode_datum(&datum).is_err());
        }
        assert_eq!(ByteArrayConverter.encode_datum(&Datum::NULL).unwrap(), None);
    }
}
