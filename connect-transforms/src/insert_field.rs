//! Adding metadata of the record as fields.

use std::sync::LazyLock;

use connect_api::Error;
use connect_api::Result;
use connect_api::TopicName;
use connect_api::Transform;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigError;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::data::Logical;
use connect_api::data::SchemaBuilder;
use connect_api::data::SchemaRef;
use connect_api::data::Struct;
use connect_api::data::Text;
use connect_api::data::Value;
use connect_api::record::Origin;
use connect_api::record::Record;

use crate::Part;
use crate::null::settle_nulls;
use crate::schema_cache::SchemaCache;
use crate::shape::take_map;
use crate::shape::take_struct;

/// Adds fields to the key or value: the topic, partition, offset and timestamp of the record, or a
/// fixed text. The name of a field may end in `!` (required) or `?` (optional, the default).
///
/// A null key or value stays null. Metadata that the record does not have, such as a partition before
/// it is sent, is null in a struct and missing in a map.
///
/// *Java*: `InsertField$Key`, `InsertField$Value`. As in Java, the new struct schema keeps name,
/// version, documentation and parameters, but is never optional.
#[derive(Debug)]
pub struct InsertField {
    part: Part,
    fields: Vec<NewField>,
    replaces_null_with_default: bool,
    schemas: SchemaCache,
    /// The topic of the previous record, as text that can be shared.
    topic: Option<(TopicName, Text)>,
}

#[derive(Debug, Clone, ConfigDef)]
struct InsertFieldConfig {
    /// Field name for Kafka topic. Suffix with `!` to make this a required field, or `?` to keep it
    /// optional (the default).
    #[config(name = "topic.field")]
    topic: Option<String>,
    /// Field name for Kafka partition. Suffix with `!` to make this a required field, or `?` to
    /// keep it optional (the default).
    #[config(name = "partition.field")]
    partition: Option<String>,
    /// Field name for Kafka offset - only applicable to sink connectors. Suffix with `!` to make
    /// this a required field, or `?` to keep it optional (the default).
    #[config(name = "offset.field")]
    offset: Option<String>,
    /// Field name for record timestamp. Suffix with `!` to make this a required field, or `?` to
    /// keep it optional (the default).
    #[config(name = "timestamp.field")]
    timestamp: Option<String>,
    /// Field name for static data field. Suffix with `!` to make this a required field, or `?` to
    /// keep it optional (the default).
    #[config(name = "static.field")]
    static_field: Option<String>,
    /// Static field value, if field name configured.
    #[config(name = "static.value")]
    static_value: Option<String>,
    /// Whether to replace fields that have a default value and that are null to the default value.
    /// When set to true, the default value is used, otherwise null is used.
    #[config(name = "replace.null.with.default", default = true)]
    replaces_null_with_default: bool,
}

#[derive(Debug)]
struct NewField {
    name: Text,
    is_optional: bool,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Offset,
    Partition,
    Static(Text),
    Timestamp,
    Topic,
}

impl InsertField {
    /// Creates a transform of the key or value. It must be configured.
    #[must_use]
    pub fn new(part: Part) -> Self {
        Self {
            part,
            fields: Vec::new(),
            replaces_null_with_default: true,
            schemas: SchemaCache::default(),
            topic: None,
        }
    }

    fn apply_to_struct(&mut self, record: &mut Record, origin: Origin<'_>) -> Result<()> {
        let Self {
            part,
            fields,
            replaces_null_with_default,
            schemas,
            topic,
        } = self;
        let topic = topic.as_ref().map(|(_, text)| text);
        let datum = part.of_mut(record);
        let structure = take_struct(&mut datum.value, PURPOSE)?;
        let schema = schemas.get_or_make(structure.schema(), |schema| {
            let mut builder = SchemaBuilder::structure().basics_of(schema);
            for field in schema.fields().unwrap_or_default() {
                builder = builder.field(field.name().clone(), field.schema().clone());
            }
            for field in fields.iter() {
                builder = builder.field(field.name.clone(), field.schema()?);
            }
            builder.build()
        })?;
        let all_fields = schema.fields().unwrap_or_default();
        // The only allocation of this transform.
        let mut values = structure.into_values();
        values.reserve_exact(all_fields.len().saturating_sub(values.len()));
        settle_nulls(&mut values, all_fields, *replaces_null_with_default)?;
        for field in fields.iter() {
            values.push(
                match (field.content.value(record, origin, topic)?, &field.content) {
                    (Value::Int64(millis), Content::Timestamp) => Value::Timestamp(millis),
                    (value, _) => value,
                },
            );
        }
        let datum = part.of_mut(record);
        datum.value = Struct::from_values(schema.clone(), values)?.into();
        datum.schema = Some(schema);
        Ok(())
    }

    /// Keeps the topic as text, which consecutive records share.
    fn remember_topic(&mut self, record: &Record) {
        let is_wanted = self
            .fields
            .iter()
            .any(|field| matches!(field.content, Content::Topic));
        if is_wanted
            && self
                .topic
                .as_ref()
                .is_none_or(|(topic, _)| *topic != record.topic)
        {
            self.topic = Some((record.topic.clone(), Text::from(&*record.topic)));
        }
    }

    fn apply_to_map(&self, record: &mut Record, origin: Origin<'_>) -> Result<()> {
        let mut map = take_map(&mut self.part.of_mut(record).value, PURPOSE)?;
        let topic = self.topic.as_ref().map(|(_, text)| text);
        for field in &self.fields {
            let value = field.content.value(record, origin, topic)?;
            if !value.is_null() {
                map.insert(field.name.clone(), value);
            }
        }
        self.part.of_mut(record).value = map.into();
        Ok(())
    }
}

impl Transform for InsertField {
    fn config_def(&self) -> &ConfigDef {
        InsertFieldConfig::config_def()
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = InsertFieldConfig::from_config(config)?;
        self.replaces_null_with_default = config.replaces_null_with_default;
        let fixed = match (&config.static_field, config.static_value) {
            (Some(field), None) => {
                let reason = format!("No value specified for static field: {field}");
                return Err(ConfigError::invalid("static.value", "null", reason).into());
            }
            (_, value) => Content::Static(value.unwrap_or_default().into()),
        };
        // The order in which Java adds them.
        self.fields = [
            (config.topic, Content::Topic),
            (config.partition, Content::Partition),
            (config.offset, Content::Offset),
            (config.timestamp, Content::Timestamp),
            (config.static_field, fixed),
        ]
        .into_iter()
        .filter_map(|(name, content)| Some(NewField::new(&name?, content)))
        .collect();
        if self.fields.is_empty() {
            return Err(Error::config(
                "No field insertion configured. Set at least one of topic.field, partition.field, \
                 offset.field, timestamp.field and static.field",
            ));
        }
        Ok(())
    }

    fn apply(&mut self, mut record: Record, origin: Origin<'_>) -> Result<Option<Record>> {
        self.remember_topic(&record);
        let datum = self.part.of_mut(&mut record);
        if !datum.value.is_null() {
            if datum.schema.is_some() {
                self.apply_to_struct(&mut record, origin)?;
            } else {
                self.apply_to_map(&mut record, origin)?;
            }
        }
        Ok(Some(record))
    }
}

impl NewField {
    fn new(name: &str, content: Content) -> Self {
        let (name, is_optional) = match name.strip_suffix('!') {
            Some(name) => (name, false),
            None => (name.strip_suffix('?').unwrap_or(name), true),
        };
        Self {
            name: name.into(),
            is_optional,
            content,
        }
    }

    fn schema(&self) -> Result<SchemaRef> {
        static TIMESTAMP: LazyLock<Result<[SchemaRef; 2]>> = LazyLock::new(|| {
            Ok([
                Logical::timestamp().build()?,
                Logical::timestamp().optional().build()?,
            ])
        });

        Ok(match (&self.content, self.is_optional) {
            (Content::Offset, true) => SchemaRef::OPTIONAL_INT64,
            (Content::Offset, false) => SchemaRef::INT64,
            (Content::Partition, true) => SchemaRef::OPTIONAL_INT32,
            (Content::Partition, false) => SchemaRef::INT32,
            (Content::Static(_) | Content::Topic, true) => SchemaRef::OPTIONAL_STRING,
            (Content::Static(_) | Content::Topic, false) => SchemaRef::STRING,
            (Content::Timestamp, is_optional) => match (&*TIMESTAMP, is_optional) {
                (Ok([_, optional]), true) => optional.clone(),
                (Ok([required, _]), false) => required.clone(),
                (Err(_), _) => Logical::timestamp().build()?,
            },
        })
    }
}

impl Content {
    /// The metadata of the record; null if it has none.
    fn value(&self, record: &Record, origin: Origin<'_>, topic: Option<&Text>) -> Result<Value> {
        Ok(match self {
            Self::Offset => match origin {
                Origin::Sink { position } => position.offset.into(),
                _ => {
                    return Err(Error::data(
                        "Only SinkRecord supported for [field insertion]: a record of a source has no \
                         offset; remove the option offset.field",
                    ));
                }
            },
            Self::Partition => record.partition.into(),
            Self::Static(value) => Value::String(value.clone()),
            Self::Timestamp => record
                .timestamp
                .map(|timestamp| timestamp.as_millis())
                .into(),
            Self::Topic => topic
                .cloned()
                .unwrap_or_else(|| Text::from(&*record.topic))
                .into(),
        })
    }
}

const PURPOSE: &str = "field insertion";

#[cfg(test)]
mod tests {
    use connect_api::LogPosition;
    use connect_api::Timestamp;
    use connect_api::config_map;
    use connect_api::data::Datum;
    use connect_api::data::ValueMap;

    use super::*;

    fn insert(config: &ConfigMap, record: Record) -> Result<Record> {
        let mut insert = InsertField::new(Part::Value);
        insert.configure(config)?;
        let position = LogPosition::new("t", 3, 42);
        let origin = Origin::Sink {
            position: &position,
        };
        Ok(insert.apply(record, origin)?.unwrap())
    }

    fn line() -> Datum {
        let schema = SchemaBuilder::structure()
            .name("n")
            .field("line", SchemaRef::STRING);
        let schema = schema.optional().build().unwrap();
        let line = Struct::new(schema.clone())
            .unwrap()
            .with("line", "a")
            .unwrap();
        Datum::new(schema, line)
    }

    #[test]
    fn fields_are_added_after_those_of_the_struct() {
        let config = config_map! {
            "topic.field" => "t!", "partition.field" => "p", "offset.field" => "o?",
            "timestamp.field" => "w", "static.field" => "s", "static.value" => "v",
        };
        let record = Record::new("topic", line()).with_timestamp(Timestamp::from_millis(7));
        let record = insert(&config, record).unwrap();
        let schema = record.value.schema.unwrap();
        let names: Vec<_> = schema
            .fields()
            .unwrap()
            .iter()
            .map(|field| field.name())
            .collect();
        assert_eq!(names, ["line", "t", "p", "o", "w", "s"]);
        assert_eq!((schema.name(), schema.is_optional()), (Some("n"), false));
        assert_eq!(schema.field("t").unwrap().schema(), &SchemaRef::STRING);
        let structure = record.value.value.as_struct().unwrap();
        assert!(structure.validate().is_ok());
        assert_eq!(
            structure.values(),
            [
                "a".into(),
                "topic".into(),
                Value::Null,
                42i64.into(),
                Value::Timestamp(7),
                "v".into()
            ]
        );
    }

    #[test]
    fn missing_metadata_is_not_added_to_maps() {
        let config = config_map! { "partition.field" => "p", "timestamp.field" => "w" };
        let map: ValueMap = [("a", 1)].into_iter().collect();
        let record = Record::new("t", Datum::schemaless(map.clone()));
        assert_eq!(
            insert(&config, record.clone()).unwrap().value.value,
            map.into()
        );
        let record = insert(&config, record.with_timestamp(Timestamp::from_millis(7))).unwrap();
        let map = record.value.value.as_map().unwrap();
        assert_eq!(map.get("w"), Some(&Value::Int64(7)));
    }

    #[test]
    fn tombstones_pass_and_values_without_fields_are_refused() {
        let config = config_map! { "topic.field" => "t" };
        assert_eq!(
            insert(&config, Record::new("t", Datum::NULL))
                .unwrap()
                .value,
            Datum::NULL
        );
        assert!(insert(&config, Record::new("t", Datum::string("x"))).is_err());
        assert!(insert(&config, Record::new("t", Datum::schemaless("x"))).is_err());
    }

    #[test]
    fn a_configuration_without_a_field_is_refused() {
        for config in [config_map! {}, config_map! { "static.field" => "s" }] {
            assert!(InsertField::new(Part::Key).configure(&config).is_err());
        }
    }
}
