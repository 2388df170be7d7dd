//! Converters between the bytes in a log and typed data.

use async_trait::async_trait;
use bytes::Bytes;

use crate::Result;
use crate::config::ConfigDef;
use crate::config::ConfigMap;
use crate::data::Datum;
use crate::record::Header;
use crate::record::RawHeaders;
use crate::topic::TopicName;

/// Which part of a record a converter handles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "ConverterType")]
pub enum DatumRole {
    /// Header values.
    Header,
    /// Record keys.
    Key,
    /// Record values.
    Value,
}

impl DatumRole {
    /// The value of `converter.type`: `header`, `key` or `value`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Key => "key",
            Self::Value => "value",
        }
    }
}

/// Turns keys or values into bytes and back.
///
/// # Contract
///
/// There is one instance per task and role, and calls never overlap, so caches need no locks.
/// `encode` and `decode` run for every record and must not block. A converter that needs the
/// network (a schema registry) returns an error of kind
/// [`Unresolved`](crate::ErrorKind::Unresolved). The runtime then awaits
/// [`resolve`](Converter::resolve) and calls again with the same input.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use connect_api::config::{ConfigDef, ConfigMap};
/// use connect_api::data::{Datum, SchemaRef, Text, Value};
/// use connect_api::record::RawHeaders;
/// use connect_api::{Converter, DatumRole, Error, Result, TopicName};
///
/// /// Text in capitals.
/// #[derive(Debug, Default)]
/// struct Loud(ConfigDef);
///
/// impl Converter for Loud {
///     fn config_def(&self) -> &ConfigDef {
///         &self.0
///     }
///     fn configure(&mut self, _: &ConfigMap, _: DatumRole) -> Result<()> {
///         Ok(())
///     }
///     fn encode(&mut self, _: &TopicName, _: &mut RawHeaders, datum: &Datum) -> Result<Option<Bytes>> {
///         match &datum.value {
///             Value::Null => Ok(None), // a tombstone stays one
///             Value::String(text) => Ok(Some(text.to_uppercase().into_bytes().into())),
///             other => Err(Error::data(format!("a {} is not a string", other.type_name()))),
///         }
///     }
///     fn decode(&mut self, _: &TopicName, _: &RawHeaders, bytes: Option<Bytes>) -> Result<Datum> {
///         Ok(Datum::new(SchemaRef::OPTIONAL_STRING, bytes.map(Text::from_utf8_lossy)))
///     }
/// }
///
/// let mut loud = Loud::default();
/// let bytes = loud.encode(&"t".into(), &mut RawHeaders::new(), &Datum::string("hey"))?;
/// assert_eq!(bytes.as_deref(), Some(&b"HEY"[..]));
/// # Ok::<(), Error>(())
/// ```
///
/// *Misuse*: encoding a value of an unexpected type as its text form. A reader cannot tell it from a
/// string. Return [`Error::data`](crate::Error::data) instead; the connector's error tolerance
/// decides what happens.
#[async_trait]
pub trait Converter: Send + 'static {
    /// The options of the plugin, without their prefix.
    fn config_def(&self) -> &ConfigDef;

    /// Configures the plugin with its options, without their prefix. Called once, before any other
    /// call.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for a wrong option.
    fn configure(&mut self, config: &ConfigMap, role: DatumRole) -> Result<()>;

    /// Turns data into bytes; `None` is null (a tombstone). May change the raw headers of the
    /// record, because headers are converted before key and value.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) if the data cannot be encoded.
    #[doc(alias = "fromConnectData")]
    fn encode(
        &mut self,
        topic: &TopicName,
        headers: &mut RawHeaders,
        datum: &Datum,
    ) -> Result<Option<Bytes>>;

    /// Turns bytes into data.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) if the bytes cannot be decoded.
    #[doc(alias = "toConnectData")]
    fn decode(
        &mut self,
        topic: &TopicName,
        headers: &RawHeaders,
        bytes: Option<Bytes>,
    ) -> Result<Datum>;

    /// Fetches what was missing when the converter last returned an `Unresolved` error.
    ///
    /// *Cancellation*: may be dropped at any await, when the task stops or the group of a sink
    /// changes; then it is called again if it is still needed.
    ///
    /// # Errors
    /// A retriable error is tried again as `errors.retry.timeout` allows. After that, or at once
    /// for any other error, `errors.tolerance` decides about the record. So it does if the
    /// converter is still unresolved after three times.
    async fn resolve(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Turns header values into bytes and back.
///
/// One instance per task; calls never overlap.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use connect_api::config::{ConfigDef, ConfigMap};
/// use connect_api::data::{Datum, Text, Value};
/// use connect_api::record::Header;
/// use connect_api::{Error, HeaderConverter, Result, TopicName};
///
/// /// Header values are text.
/// #[derive(Debug, Default)]
/// struct TextHeaders(ConfigDef);
///
/// impl HeaderConverter for TextHeaders {
///     fn config_def(&self) -> &ConfigDef {
///         &self.0
///     }
///     fn configure(&mut self, _: &ConfigMap) -> Result<()> {
///         Ok(())
///     }
///     fn encode(&mut self, _: &TopicName, header: &Header) -> Result<Option<Bytes>> {
///         match &header.value.value {
///             Value::Null => Ok(None),
///             Value::String(text) => Ok(Some(text.as_bytes().clone())),
///             _ => Err(Error::data(format!("header \"{}\" is not text", header.key))),
///         }
///     }
///     fn decode(&mut self, _: &TopicName, _: &Text, bytes: Option<Bytes>) -> Result<Datum> {
///         Ok(bytes.map_or(Datum::NULL, |bytes| Datum::string(Text::from_utf8_lossy(bytes))))
///     }
/// }
///
/// let header = Header::new("k", Datum::string("v"));
/// assert_eq!(TextHeaders::default().encode(&"t".into(), &header)?.as_deref(), Some(&b"v"[..]));
/// # Ok::<(), Error>(())
/// ```
///
/// *Misuse*: dropping a header that cannot be converted. Return an error: headers are data.
pub trait HeaderConverter: Send + 'static {
    /// The options of the plugin, without their prefix.
    fn config_def(&self) -> &ConfigDef;

    /// Configures the plugin with its options, without their prefix. Called once, before any other
    /// call.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for a wrong option.
    fn configure(&mut self, config: &ConfigMap) -> Result<()>;

    /// Turns a header value into bytes; `None` is null.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) if the value cannot be encoded.
    #[doc(alias = "fromConnectHeader")]
    fn encode(&mut self, topic: &TopicName, header: &Header) -> Result<Option<Bytes>>;

    /// Turns the bytes of a header into data.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) if the bytes cannot be decoded.
    #[doc(alias = "toConnectHeader")]
    fn decode(
        &mut self,
        topic: &TopicName,
        key: &crate::data::Text,
        bytes: Option<Bytes>,
    ) -> Result<Datum>;
}
