//! Bytes as they are.

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

/// Hands bytes on as they are, without a copy, in both directions.
///
/// Anything but bytes is refused, and so is a value with a schema other than BYTES.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct ByteArrayConverter;

impl Converter for ByteArrayConverter {
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
        Ok(Datum::new(SchemaRef::OPTIONAL_BYTES, bytes))
    }
}

impl HeaderConverter for ByteArrayConverter {
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
        Ok(Datum::new(SchemaRef::OPTIONAL_BYTES, bytes))
    }
}

fn encode(datum: &Datum) -> Result<Option<Bytes>> {
    if let Some(schema) = &datum.schema
        && !matches!(schema.schema_type(), SchemaType::Bytes)
    {
        return Err(Error::data(format!(
            "Invalid schema type for ByteArrayConverter: {}",
            schema.schema_type().name()
        )));
    }
    match &datum.value {
        Value::Null => Ok(None),
        Value::Bytes(bytes) => Ok(Some(bytes.clone())),
        other => Err(Error::data(format!(
            "ByteArrayConverter is not compatible with objects of type class {}",
            other.java_class()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_handed_on_without_a_copy() {
        let bytes = Bytes::from(vec![1, 2, 3]);
        let datum = Datum::bytes(bytes.clone());
        let encoded = encode(&datum).unwrap().unwrap();
        assert_eq!(encoded.as_ptr(), bytes.as_ptr());
    }

    #[test]
    fn other_types_are_refused() {
        for datum in [
            Datum::string("x"),
            Datum::schemaless("x"),
            Datum::new(SchemaRef::OPTIONAL_STRING, Value::Null),
        ] {
            assert!(encode(&datum).is_err());
        }
        assert_eq!(encode(&Datum::NULL).unwrap(), None);
    }
}
