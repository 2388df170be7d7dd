//! Converts records to bytes and back, with the converters of one task.

use async_trait::async_trait;
use bytes::Bytes;
use connect_api::ConfigMap;
use connect_api::Converter;
use connect_api::DatumRole;
use connect_api::HeaderConverter;
use connect_api::LogPosition;
use connect_api::PluginRegistry;
use connect_api::Result;
use connect_api::Timestamp;
use connect_api::data::Datum;
use connect_api::data::text_form::java_string;
use connect_api::plugin::PluginKind;
use connect_api::record::Header;
use connect_api::record::Headers;
use connect_api::record::RawHeader;
use connect_api::record::RawHeaders;
use connect_api::record::Record;
use connect_api::record::SinkRecord;
use connect_broker::FetchedRecord;
use connect_broker::ProducerRecord;

use crate::config::ConnectorSettings;
use crate::config::WorkerConfig;
use crate::config::class_of;
use crate::panics::named;
use crate::panics::named_async;
use crate::pipeline::DeadLetter;
use crate::pipeline::Decoder;
use crate::pipeline::Encoder;
use crate::pipeline::Failure;
use crate::pipeline::Stage;

/// The converters of one task. Headers are converted first; key and value converters see them raw
/// and may change them.
pub(crate) struct Converters {
    key: Named<dyn Converter>,
    value: Named<dyn Converter>,
    header: Named<dyn HeaderConverter>,
}

/// A converter with its name in error reports.
struct Named<C: ?Sized> {
    /// The key that configures it: `value.converter`.
    key: &'static str,
    class: String,
    stage: Stage,
    converter: Box<C>,
}

impl<C: ?Sized> Named<C> {
    /// Calls the converter. A failure gets its stage, and a panic its name.
    #[inline]
    fn call<T>(&mut self, call: impl FnOnce(&mut C) -> Result<T>) -> Result<T, Failure> {
        let Self {
            key,
            class,
            stage,
            converter,
        } = self;
        named(|| name(key, class), || call(converter))
            .map_err(|error| Failure::new(*stage, class, error))
    }

    /// Configures the converter.
    fn configured(mut self, call: impl FnOnce(&mut C) -> Result<()>) -> Result<Self> {
        let Self {
            key,
            class,
            converter,
            ..
        } = &mut self;
        named(|| name(key, class), || call(converter))
            .map_err(|error| error.context(format!("`{key}` ({class}) cannot be configured")))?;
        Ok(self)
    }
}

/// The name of a converter in errors.
fn name(key: &str, class: &str) -> String {
    format!("`{key}` ({class})")
}

/// A record as bytes.
struct Encoded {
    key: Option<Bytes>,
    value: Option<Bytes>,
    headers: RawHeaders,
}

impl Converters {
    /// The connector's own converters, or the worker's. A connector that sets a class sets all of its
    /// options: the worker's options are not mixed in.
    pub(crate) fn from_config(
        registry: &PluginRegistry,
        connector: &ConfigMap,
        settings: &ConnectorSettings,
        worker: &WorkerConfig,
    ) -> Result<Self> {
        let choose = |key: &str, own: &Option<String>, role: DatumRole| {
            let prefix = format!("{key}.");
            let (class, mut options) = match own {
                Some(class) => (class.clone(), connector.with_prefix(&prefix)),
                None => (
                    worker.converter(key).to_owned(),
                    worker.raw().with_prefix(&prefix),
                ),
            };
            options.insert("converter.type", role.name());
            (class, options)
        };
        let converter = |key: &'static str, own: &Option<String>, role, stage| {
            let (class, options) = choose(key, own, role);
            let (kind, find) = (PluginKind::Converter, PluginRegistry::find_converter);
            let factory = class_of(registry, kind, key, &class, find)?;
            let named = Named {
                key,
                class: factory.info().class().to_owned(),
                stage,
                converter: factory.make(),
            };
            named.configured(|converter| converter.configure(&options, role))
        };
        let keys = &settings.keys;
        let (role, stage) = (DatumRole::Key, Stage::KeyConverter);
        let key = converter("key.converter", &keys.key_converter, role, stage)?;
        let (role, stage) = (DatumRole::Value, Stage::ValueConverter);
        let value = converter("value.converter", &keys.value_converter, role, stage)?;
        let option = "header.converter";
        let (class, options) = choose(option, &keys.header_converter, DatumRole::Header);
        let (kind, find) = (
            PluginKind::HeaderConverter,
            PluginRegistry::find_header_converter,
        );
        let factory = class_of(registry, kind, option, &class, find)?;
        let header = Named {
            key: option,
            class: factory.info().class().to_owned(),
            stage: Stage::HeaderConverter,
            converter: factory.make(),
        };
        Ok(Self {
            key,
            value,
            header: header.configured(|converter| converter.configure(&options))?,
        })
    }

    #[inline]
    fn convert(&mut self, record: &Record) -> Result<Encoded, Failure> {
        let topic = &record.topic;
        let mut headers = RawHeaders::new();
        for header in &record.headers {
            let value = self.header.call(|it| it.encode(topic, header))?;
            headers.push(RawHeader {
                key: header.key.clone(),
                value,
            });
        }
        let key = self
            .key
            .call(|it| it.encode(topic, &mut headers, &record.key))?;
        let value = self
            .value
            .call(|it| it.encode(topic, &mut headers, &record.value))?;
        Ok(Encoded {
            key,
            value,
            headers,
        })
    }

    async fn resolve_stage(&mut self, stage: Stage) -> Result<()> {
        let Named {
            key,
            class,
            converter,
            ..
        } = match stage {
            Stage::KeyConverter => &mut self.key,
            Stage::ValueConverter => &mut self.value,
            _ => return Ok(()),
        };
        named_async(|| name(key, class), converter.resolve()).await
    }
}

#[async_trait]
impl Encoder for Converters {
    #[inline]
    fn encode(
        &mut self,
        record: &mut Record,
        out: &mut Vec<ProducerRecord>,
    ) -> Result<(), Failure> {
        let Encoded {
            key,
            value,
            headers,
        } = self
            .convert(record)
            .map_err(|failure| failure.of(record.clone()))?;
        out.push(ProducerRecord {
            token: 0,
            topic: record.topic.clone(),
            partition: record.partition,
            timestamp: record.timestamp,
            key,
            value,
            headers,
        });
        Ok(())
    }

    async fn resolve(&mut self, stage: Stage) -> Result<()> {
        self.resolve_stage(stage).await
    }

    /// Uses the converters, or text if they are what failed.
    fn dead_letter(&mut self, record: &Record) -> DeadLetter {
        let encoded = self.convert(record).unwrap_or_else(|_| {
            let text = |datum: &Datum| {
                (!datum.value.is_null()).then(|| Bytes::from(java_string(&datum.value)))
            };
            let (key, value) = (text(&record.key), text(&record.value));
            Encoded {
                key,
                value,
                headers: RawHeaders::new(),
            }
        });
        let Encoded {
            key,
            value,
            headers,
        } = encoded;
        DeadLetter {
            key,
            value,
            headers,
            timestamp: record.timestamp,
            origin: None,
        }
    }
}

#[async_trait]
impl Decoder for Converters {
    #[inline]
    fn decode(
        &mut self,
        position: &LogPosition,
        fetched: &FetchedRecord,
    ) -> Result<Record, Failure> {
        let LogPosition {
            topic, partition, ..
        } = position;
        let raw = &fetched.headers;
        let key = self
            .key
            .call(|it| it.decode(topic, raw, fetched.key.clone()))?;
        let value = self
            .value
            .call(|it| it.decode(topic, raw, fetched.value.clone()))?;
        let mut headers = Headers::new();
        for RawHeader { key, value } in &fetched.headers {
            let value = self
                .header
                .call(|it| it.decode(topic, key, value.clone()))?;
            headers.push(Header {
                key: key.clone(),
                value,
            });
        }
        Ok(Record {
            topic: topic.clone(),
            partition: Some(*partition),
            timestamp: fetched.timestamp.filter(|time| *time != NO_TIMESTAMP),
            key,
            value,
            headers,
        })
    }

    async fn resolve(&mut self, stage: Stage) -> Result<()> {
        self.resolve_stage(stage).await
    }

    fn dead_letter(&mut self, record: &SinkRecord) -> DeadLetter {
        let LogPosition {
            topic,
            partition,
            offset,
        } = record.position.clone();
        let letter = Encoder::dead_letter(self, &record.record);
        DeadLetter {
            origin: Some((topic, partition, offset)),
            ..letter
        }
    }
}

/// Kafka's mark of a record without a time.
const NO_TIMESTAMP: Timestamp = Timestamp::from_millis(-1);
