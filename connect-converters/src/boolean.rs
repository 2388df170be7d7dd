//! Booleans as one byte.

use bytes::Bytes;
use connect_api::Result;
use connect_api::data::Datum;
use connect_api::data::SchemaRef;
use connect_api::data::SchemaType;
use connect_api::data::Value;

use crate::all_roles::all_roles;
use crate::refusal::check_schema;
use crate::refusal::not_compatible;
use crate::refusal::not_deserialized;

/// Writes `true` as the byte 1 and `false` as the byte 0.
///
/// *Errors*: any other value, a schema other than BOOLEAN, any other byte, and more or less than one
/// byte are data errors.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct BooleanConverter;

impl BooleanConverter {
    fn encode_datum(&self, datum: &Datum) -> Result<Option<Bytes>> {
        check_schema(datum, &SchemaType::Boolean, "BooleanConverter")?;
        match &datum.value {
            Value::Null => Ok(None),
            Value::Boolean(true) => Ok(Some(Bytes::from_static(&[1]))),
            Value::Boolean(false) => Ok(Some(Bytes::from_static(&[0]))),
            other => Err(not_compatible(other, "BooleanConverter")),
        }
    }

    fn decode_bytes(&self, bytes: Option<Bytes>) -> Result<Datum> {
        let value = bytes.map(|bytes| match *bytes {
            [0] => Ok(false),
            [1] => Ok(true),
            [byte] => {
                let byte = byte.cast_signed();
                let reason = format!("Unexpected byte received by BooleanDeserializer: {byte}");
                Err(not_deserialized("boolean", reason))
            }
            _ => {
                let length = bytes.len();
                let reason =
                    format!("Size of data received by BooleanDeserializer is not 1 but {length}");
                Err(not_deserialized("boolean", reason))
            }
        });
        Ok(Datum::new(SchemaRef::OPTIONAL_BOOLEAN, value.transpose()?))
    }
}

all_roles!(BooleanConverter);
