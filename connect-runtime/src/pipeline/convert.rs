//! Records to bytes and back, with the converters of one task.

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

/// A converter with its class, for reports.
struct Named<C: ?Sized> {
    class: String,
    converter: Box<C>,
}

/// A record as bytes.
struct Encoded {
    key: Option<Bytes>,
    value: Option<Bytes>,
    headers: RawHeaders,
}

impl Converters {
    /// The connector's own converters, or the worker's. Options never mix: a connector that names
    /// a class brings all its options.
    pub(crate) fn from_config(
        registry: &PluginRegistry,
        connector: &ConfigMap,
        settings: &ConnectorSettings,
        worker: &WorkerConfig,
    ) -> Result<Self> {
        let choose = |key: &str, own: &Option<String>| {
            let prefix = format!("{key}.");
            match own {
                Some(class) => (class.clone(), connector.with_prefix(&prefix)),
                None => (
                    worker.converter(key).to_owned(),
                    worker.raw().with_prefix(&prefix),
                ),
            }
        };
        let converter = |key: &str, own: &Option<String>, role: DatumRole| {
            let (class, mut options) = choose(key, own);
            options.insert("converter.type", role.name());
            let factory = registry.find_converter(&class)?;
            let mut converter = factory.make();
            converter
                .configure(&options, role)
                .map_err(|error| error.context(format!("`{key}` cannot be configured")))?;
            let class = factory.info().class().to_owned();
            Ok::<_, connect_api::Error>(Named { class, converter })
        };
        let (class, mut options) = choose("header.converter", &settings.keys.header_converter);
        options.insert("converter.type", DatumRole::Header.name());
        let factory = registry.find_header_converter(&class)?;
        let mut header = factory.make();
        header
            .configure(&options)
            .map_err(|error| error.context("`header.converter` cannot be configured"))?;
        Ok(Self {
            key: converter(
                "key.converter",
                &settings.keys.key_converter,
                DatumRole::Key,
            )?,
            value: converter(
                "value.converter",
                &settings.keys.value_converter,
                DatumRole::Value,
            )?,
            header: Named {
                class: factory.info().class().to_owned(),
                converter: header,
            },
        })
    }

    #[inline]
    fn convert(&mut self, record: &Record) -> Result<Encoded, Failure> {
        let topic = &record.topic;
        let mut headers = RawHeaders::new();
        for header in &record.headers {
            let value = self
                .header
                .converter
                .encode(topic, header)
                .map_err(|error| Failure::new(Stage::HeaderConverter, &self.header.class, error))?;
            headers.push(RawHeader {
                key: header.key.clone(),
                value,
            });
        }
        let key = self
            .key
            .converter
            .encode(topic, &mut headers, &record.key)
            .map_err(|error| Failure::new(Stage::KeyConverter, &self.key.class, error))?;
        let value = self
            .value
            .converter
            .encode(topic, &mut headers, &record.value)
            .map_err(|error| Failure::new(Stage::ValueConverter, &self.value.class, error))?;
        Ok(Encoded {
            key,
            value,
            headers,
        })
    }

    async fn resolve_stage(&mut self, stage: Stage) -> Result<()> {
        match stage {
            Stage::KeyConverter => self.key.converter.resolve().await,
            Stage::ValueConverter => self.value.converter.resolve().await,
            _ => Ok(()),
        }
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

    /// Through the converters, or as text if they are what failed.
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
        let key = self
            .key
            .converter
            .decode(topic, &fetched.headers, fetched.key.clone())
            .map_err(|error| Failure::new(Stage::KeyConverter, &self.key.class, error))?;
        let value = self
            .value
            .converter
            .decode(topic, &fetched.headers, fetched.value.clone())
            .map_err(|error| Failure::new(Stage::ValueConverter, &self.value.class, error))?;
        let mut headers = Headers::new();
        for RawHeader { key, value } in &fetched.headers {
            let value = self
                .header
                .converter
                .decode(topic, key, value.clone())
                .map_err(|error| Failure::new(Stage::HeaderConverter, &self.header.class, error))?;
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
