//! Headers whose type is guessed from their text.

use bytes::Bytes;
use connect_api::HeaderConverter;
use connect_api::Result;
use connect_api::TopicName;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigMap;
use connect_api::data::Datum;
use connect_api::data::SchemaRef;
use connect_api::data::Text;
use connect_api::data::Value;
use connect_api::data::parse;
use connect_api::data::text_form::to_text;
use connect_api::record::Header;

use crate::encoding::Encoding;

/// Writes header values as text ([`to_text`]) and guesses the type of a value from its text
/// ([`parse`]).
///
/// A value may therefore come back as another type: the text `5` as a number, a struct as a map,
/// bytes as text. No character of the text is lost. Malformed UTF-8 becomes U+FFFD.
///
/// *Java*: moments are in UTC, whatever the time zone of the machine.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct SimpleHeaderConverter;

impl HeaderConverter for SimpleHeaderConverter {
    fn config_def(&self) -> &ConfigDef {
        ConfigDef::empty()
    }

    fn configure(&mut self, _: &ConfigMap) -> Result<()> {
        Ok(())
    }

    fn encode(&mut self, _: &TopicName, header: &Header) -> Result<Option<Bytes>> {
        Ok(match &header.value.value {
            Value::String(text) => Some(text.as_bytes().clone()),
            value => to_text(value).map(Bytes::from),
        })
    }

    fn decode(&mut self, _: &TopicName, _: &Text, bytes: Option<Bytes>) -> Result<Datum> {
        let Some(bytes) = bytes else {
            return Ok(Datum::NULL);
        };
        let text = Encoding::Utf8.decode(bytes);
        let datum = parse(&text);
        if datum.value.as_str() == Some(text.as_str()) {
            // Share the bytes instead of copying them.
            return Ok(Datum::new(SchemaRef::STRING, text));
        }
        Ok(datum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &'static str) -> Datum {
        let bytes = Some(Bytes::from_static(text.as_bytes()));
        SimpleHeaderConverter
            .decode(&"t".into(), &"k".into(), bytes)
            .unwrap()
    }

    #[test]
    fn the_type_is_guessed_from_the_text() {
        assert_eq!(decode("5"), Datum::new(SchemaRef::INT8, 5i8));
        assert_eq!(decode("five"), Datum::string("five"));
        assert_eq!(decode("null"), Datum::NULL);
    }

    #[test]
    fn null_stays_null() {
        let header = Header::new("k", Datum::NULL);
        assert_eq!(
            SimpleHeaderConverter.encode(&"t".into(), &header).unwrap(),
            None
        );
        let decoded = SimpleHeaderConverter
            .decode(&"t".into(), &"k".into(), None)
            .unwrap();
        assert_eq!(decoded, Datum::NULL);
    }
}
