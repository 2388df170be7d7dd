//! Timestamps from one representation to another.

mod conversion;

use connect_api::Result;
use connect_api::Transform;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::data::Datum;
use connect_api::data::SchemaBuilder;
use connect_api::data::SchemaRef;
use connect_api::data::Struct;
use connect_api::data::Text;
use connect_api::data::Value;
use connect_api::record::Origin;
use connect_api::record::Record;

use self::conversion::Conversion;
use self::conversion::Precision;
use self::conversion::Representation;
use crate::Part;
use crate::entry::change_entry;
use crate::null::settle_nulls;
use crate::schema_cache::SchemaCache;
use crate::shape::fields;
use crate::shape::take_map;
use crate::shape::take_struct_or_null;

/// Converts a field, or the whole key or value, from one representation of a moment to another:
/// text, a number since the epoch, or one of the logical types.
///
/// The schema says what is converted; without one, the value does: numbers of 64 bits, texts, and
/// logical values. Null stays null. A field that a map does not have is added as null; one that a
/// struct does not have does not matter.
///
/// *Java*: `TimestampConverter$Key`, `TimestampConverter$Value`. As there, moments have
/// milliseconds and a converted field loses its default. Texts without a `format` are refused here;
/// in Java they are a null pointer error. Named time zones in texts have the offset that they have
/// today, whatever the date.
#[derive(Debug)]
pub struct TimestampConverter {
    part: Part,
    change: Change,
    schemas: SchemaCache,
}

#[derive(Debug, Clone, ConfigDef)]
struct TimestampConverterConfig {
    /// The field containing the timestamp, or empty if the entire value is a timestamp
    #[config(name = "field", default = "", importance = high)]
    field: Text,
    /// The desired timestamp representation: string, unix, Date, Time, or Timestamp
    #[config(name = "target.type", importance = high)]
    target: Representation,
    /// A SimpleDateFormat-compatible format for the timestamp. Used to generate the output when
    /// type=string or used to parse the input if the input is a string.
    #[config(name = "format", default = "")]
    format: String,
    /// The desired Unix precision for the timestamp: seconds, milliseconds, microseconds, or
    /// nanoseconds. Used to generate the output when type=unix or used to parse the input if the
    /// input is a Long.Note: This SMT will cause precision loss during conversions from, and to,
    /// values with sub-millisecond components.
    #[config(name = "unix.precision", default = "milliseconds", importance = low)]
    precision: Precision,
    /// Whether to replace fields that have a default value and that are null to the default value.
    /// When set to true, the default value is used, otherwise null is used.
    #[config(name = "replace.null.with.default", default = true)]
    replaces_null_with_default: bool,
}

/// What is to be changed.
#[derive(Debug)]
struct Change {
    /// Empty: the whole key or value.
    field: Text,
    conversion: Conversion,
    replaces_null_with_default: bool,
}

impl TimestampConverter {
    /// A transform of a part, to be configured.
    #[must_use]
    pub fn new(part: Part) -> Self {
        Self {
            part,
            change: Change {
                field: Text::new(),
                conversion: Conversion::default(),
                replaces_null_with_default: true,
            },
            schemas: SchemaCache::default(),
        }
    }
}

impl Transform for TimestampConverter {
    fn config_def(&self) -> &ConfigDef {
        TimestampConverterConfig::config_def()
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = TimestampConverterConfig::from_config(config)?;
        self.change = Change {
            field: config.field,
            conversion: Conversion::new(config.target, &config.format, config.precision)?,
            replaces_null_with_default: config.replaces_null_with_default,
        };
        Ok(())
    }

    fn apply(&mut self, mut record: Record, _: Origin<'_>) -> Result<Option<Record>> {
        let Datum { schema, value } = self.part.of_mut(&mut record);
        match schema {
            Some(schema) if self.change.field.is_empty() => {
                let conversion = &self.change.conversion;
                *value = conversion.convert(value, Some(schema))?;
                *schema = self
                    .schemas
                    .get_or_make(schema, |schema| conversion.new_schema(schema.is_optional()))?;
            }
            Some(schema) => {
                let structure = take_struct_or_null(value, PURPOSE)?;
                *schema = self
                    .schemas
                    .get_or_make(schema, |schema| self.change.new_schema(schema))?;
                if let Some(structure) = structure {
                    *value = self
                        .change
                        .apply_to_struct(structure, schema.clone())?
                        .into();
                }
            }
            None => self.change.apply_schemaless(value)?,
        }
        Ok(Some(record))
    }
}

impl Change {
    /// The schema with the field that is made.
    fn new_schema(&self, schema: &SchemaRef) -> Result<SchemaRef> {
        let mut builder = SchemaBuilder::structure().basics_of(schema);
        for field in fields(schema)? {
            let schema = if *field.name() == self.field {
                self.conversion.new_schema(field.schema().is_optional())?
            } else {
                field.schema().clone()
            };
            builder = builder.field(field.name().clone(), schema);
        }
        if schema.is_optional() {
            builder = builder.optional();
        }
        if let Some(Value::Struct(default)) = schema.default() {
            let default = self.apply_to_struct(default.clone(), builder.clone().build()?)?;
            builder = builder.default(default);
        }
        builder.build()
    }

    /// The struct as one of the schema with the field that is made.
    fn apply_to_struct(&self, structure: Struct, schema: SchemaRef) -> Result<Struct> {
        let before = structure.schema().clone();
        let mut values = structure.into_values();
        let fields = before.fields().unwrap_or_default();
        settle_nulls(&mut values, fields, self.replaces_null_with_default)?;
        if let Some(field) = before.field(&self.field)
            && let Some(value) = values.get_mut(field.index())
        {
            *value = self.conversion.convert(value, Some(field.schema()))?;
        }
        Struct::from_values(schema, values)
    }

    fn apply_schemaless(&self, value: &mut Value) -> Result<()> {
        if value.is_null() {
            return Ok(());
        }
        if self.field.is_empty() {
            *value = self.conversion.convert(value, None)?;
            return Ok(());
        }
        let mut map = take_map(value, PURPOSE)?;
        change_entry(&mut map, &self.field, |value| {
            self.conversion.convert(value, None)
        })?;
        *value = map.into();
        Ok(())
    }
}

const PURPOSE: &str = "converting timestamp formats";

#[cfg(test)]
mod tests {
    use connect_api::config_map;
    use connect_api::data::Logical;

    use super::*;
    use crate::testing::transformed;

    fn convert(config: &ConfigMap, datum: Datum) -> Result<Datum> {
        transformed(TimestampConverter::new(Part::Value), config, datum)
    }

    #[test]
    fn the_default_of_a_struct_is_converted_as_well() {
        let with_default = |builder: SchemaBuilder, default: Value| {
            let schema = builder.clone().build().unwrap();
            let default = Struct::new(schema).unwrap().with("at", default).unwrap();
            builder.default(default).build().unwrap()
        };
        let number = SchemaBuilder::structure().field("at", SchemaRef::INT64);
        let number = with_default(number, Value::Int64(5));
        let moment = Logical::timestamp().build().unwrap();
        let moment = SchemaBuilder::structure().field("at", moment);
        let moment = with_default(moment, Value::Timestamp(5));

        let config = config_map! { "field" => "at", "target.type" => "Timestamp" };
        let value = Struct::new(number.clone()).unwrap();
        let value = value.with("at", 7i64).unwrap();
        let converted = convert(&config, Datum::new(number, value)).unwrap();
        assert_eq!(converted.schema, Some(moment));
        let converted = converted.value.as_struct().unwrap().get("at").cloned();
        assert_eq!(converted, Some(Value::Timestamp(7)));
    }

    #[test]
    fn a_text_needs_a_format() {
        let config = config_map! { "target.type" => "unix" };
        let error = convert(&config, Datum::string("2023")).unwrap_err();
        assert!(error.message().contains("requires format option"));
        let config = config_map! { "target.type" => "string", "format" => " " };
        assert!(convert(&config, Datum::NULL).is_err());
    }

    #[test]
    fn far_moments_do_no_harm() {
        for millis in [i64::MIN, i64::MAX] {
            for (target, fits) in [
                ("Date", false),
                ("Time", true),
                ("Timestamp", true),
                ("string", true),
                ("unix", true),
            ] {
                let config = config_map! {
                    "target.type" => target, "format" => "yyyy-MM-dd G w W F D u YYYY",
                    "unix.precision" => "seconds",
                };
                let datum = Datum::schemaless(Value::Timestamp(millis));
                assert_eq!(convert(&config, datum).is_ok(), fits, "{target}");
            }
        }
    }
}
