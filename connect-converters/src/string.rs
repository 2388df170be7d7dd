//! Text.

use bytes::Bytes;
use connect_api::DatumRole;
use connect_api::Error;
use connect_api::Result;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::data::Datum;
use connect_api::data::SchemaRef;
use connect_api::data::Value;
use connect_api::data::text_form::java_string;

use crate::all_roles::all_roles;
use crate::converter_type::CONVERTER_TYPE;
use crate::encoding::Encoding;

/// Writes values as text and reads bytes as text.
///
/// UTF-8 is not copied, in either direction. Values that are not text are written as Java prints
/// them ([`java_string`]) and come back as text. Malformed bytes become U+FFFD, and characters that
/// the encoding lacks become `?`.
///
/// *Errors*: bytes, alone or inside another value, are data errors.
///
/// *Java*: bytes are written as the address of the array. The encodings supported here are UTF-8,
/// UTF-16 (with a byte order mark, or BE, LE), ISO-8859-1 and US-ASCII, under Java's names.
#[derive(Debug, Default)]
pub struct StringConverter {
    written: Encoding,
    read: Encoding,
}

#[derive(Debug, Clone, ConfigDef)]
struct StringConverterConfig {
    /// How this converter will be used.
    #[config(name = "converter.type", importance = low, validate = one_of("key", "value", "header"))]
    _converter_type: String,
    /// The name of the Java character set to use for encoding strings as byte arrays.
    #[config(name = "converter.encoding", default = "UTF-8", importance = high, width = medium,
             display = "Encoding")]
    encoding: String,
}

impl StringConverter {
    fn configure_as(&mut self, config: &ConfigMap, role: DatumRole) -> Result<()> {
        let mut own = config.clone();
        own.insert(CONVERTER_TYPE, role.name());
        let encoding = StringConverterConfig::from_config(&own)?.encoding;
        // The options of Kafka's serializers take precedence.
        let prefix = if role == DatumRole::Key {
            "key"
        } else {
            "value"
        };
        let of = |side: &str| {
            let option = config.get(&format!("{prefix}.{side}.encoding"));
            Encoding::of(option.unwrap_or(&encoding))
        };
        self.written = of("serializer")?;
        self.read = of("deserializer")?;
        Ok(())
    }

    fn encode_datum(&self, datum: &Datum) -> Result<Option<Bytes>> {
        match &datum.value {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(self.written.encode(text))),
            value if has_bytes(value) => Err(Error::data(
                "StringConverter cannot write bytes as text; use ByteArrayConverter or JsonConverter",
            )),
            value => Ok(Some(self.written.encode(&java_string(value).into()))),
        }
    }

    fn decode_bytes(&self, bytes: Option<Bytes>) -> Result<Datum> {
        let text = bytes.map(|bytes| self.read.decode(bytes));
        Ok(Datum::new(SchemaRef::OPTIONAL_STRING, text))
    }
}

all_roles!(
    StringConverter,
    StringConverterConfig::config_def(),
    Self::configure_as
);

/// True if a value is bytes or contains bytes.
fn has_bytes(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.iter().any(has_bytes),
        Value::Bytes(_) => true,
        Value::Map(map) => map
            .iter()
            .any(|(key, value)| has_bytes(key) || has_bytes(value)),
        Value::Struct(structure) => structure.values().iter().any(has_bytes),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use connect_api::config_map;
    use connect_api::data::Text;

    use super::*;

    #[test]
    fn text_is_not_copied() {
        let converter = StringConverter::default();
        let text = Text::from("hello");
        let bytes = converter
            .encode_datum(&Datum::schemaless(text.clone()))
            .unwrap()
            .unwrap();
        assert_eq!(bytes.as_ptr(), text.as_ptr());
        let datum = converter.decode_bytes(Some(bytes)).unwrap();
        assert_eq!(datum.value.as_str().unwrap().as_ptr(), text.as_ptr());
    }

    #[test]
    fn bytes_are_refused_at_any_depth() {
        let converter = StringConverter::default();
        let bytes = Value::from(vec![1u8]);
        assert!(
            converter
                .encode_datum(&Datum::schemaless(bytes.clone()))
                .is_err()
        );
        assert!(
            converter
                .encode_datum(&Datum::schemaless(Value::Array(vec![bytes])))
                .is_err()
        );
    }

    #[test]
    fn options_of_the_serializers_take_precedence() {
        let mut converter = StringConverter::default();
        let config = config_map! {
            "converter.encoding" => "US-ASCII", "value.serializer.encoding" => "UTF-16BE",
            "key.serializer.encoding" => "nope",
        };
        converter.configure_as(&config, DatumRole::Value).unwrap();
        assert_eq!(
            (converter.written, converter.read),
            (Encoding::Utf16Be, Encoding::Ascii)
        );
        assert!(converter.configure_as(&config, DatumRole::Key).is_err());
    }
}
