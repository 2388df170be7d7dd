//! Booleans, one byte each.

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
use connect_api::data::SchemaType;
use connect_api::data::Text;
use connect_api::data::Value;
use connect_api::record::Header;
use connect_api::record::RawHeaders;

use crate::number::not_deserialized;

/// Writes true as the byte 1 and false as the byte 0.
///
/// Other values and bytes are refused, and so is a value with a schema other than BOOLEAN.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct BooleanConverter;

impl Converter for BooleanConverter {
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
        encode(datum)
    }

    fn decode(&mut self, _: &TopicName, _: &RawHeaders, bytes: Option<Bytes>) -> Result<Datum> {
        decode(bytes.as_deref())
    }
}

impl HeaderConverter for BooleanConverter {
    fn config_def(&self) -> &ConfigDef {
        crate::converter_type::def()
    }

    fn configure(&mut self, _: &ConfigMap) -> Result<()> {
        Ok(())
    }

    fn encode(&mut self, _: &TopicName, header: &Header) -> Result<Option<Bytes>> {
        encode(&header.value)
    }

    fn decode(&mut self, _: &TopicName, _: &Text, bytes: Option<Bytes>) -> Result<Datum> {
        decode(bytes.as_deref())
    }
}

fn encode(datum: &Datum) -> Result<Option<Bytes>> {
    if let Some(schema) = &datum.schema
        && !matches!(schema.schema_type(), SchemaType::Boolean)
    {
        return Err(Error::data(format!(
            "Invalid schema type for BooleanConverter: {}",
            schema.schema_type().name()
        )));
    }
    match &datum.value {
        Value::Null => Ok(None),
        Value::Boolean(true) => Ok(Some(Bytes::from_static(&[1]))),
        Value::Boolean(false) => Ok(Some(Bytes::from_static(&[0]))),
        other => Err(Error::data(format!(
            "BooleanConverter is not compatible with objects of type class {}",
            other.java_class()
        ))),
    }
}

fn decode(bytes: Option<&[u8]>) -> Result<Datum> {
    let value = match bytes {
        None => None,
        Some([0]) => Some(false),
        Some([1]) => Some(true),
        Some([byte]) => {
            let byte = byte.cast_signed();
            let reason = format!("Unexpected byte received by BooleanDeserializer: {byte}");
            return Err(not_deserialized("boolean", reason));
        }
        Some(_) => {
            let reason = "Size of data received by BooleanDeserializer is not 1";
            return Err(not_deserialized("boolean", reason));
        }
    };
    Ok(Datum::new(SchemaRef::OPTIONAL_BOOLEAN, value))
}
