//! Converting timestamps between representations.

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
use crate::entry::in_field;
use crate::null::settle_nulls;
use crate::schema_cache::SchemaCache;
use crate::shape::fields;
use crate::shape::take_map;
use crate::shape::take_struct_or_null;

/// Converts a field, or the whole key or value, from one representation of a moment to another:
/// text, a number since the epoch, or one of the logical types.
///
/// The schema decides how a value is read; without a schema, its type does: INT64, text, or a logical
/// type. Null stays null. A field that is missing in a map is added as null; one that is missing in a
/// struct is ignored.
///
/// Moments have milliseconds; microseconds in a text or number are cut off. A text must match the
/// `format` strictly and as a whole, and the name of a time zone in it has the offset that it had at
/// that date.
///
/// *Errors*: a text that does not match, a text without a `format`, and a moment that does not fit
/// the target are data errors.
///
/// *Java*: `TimestampConverter$Key`, `TimestampConverter$Value`. As in Java, a converted field loses
/// its default. Java reads texts leniently, see `docs/deviations.md`.
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

/// The configured change.
#[derive(Debug)]
struct Change {
    /// Empty: the whole key or value.
    field: Text,
    conversion: Conversion,
    replaces_null_with_default: bool,
}

impl TimestampConverter {
    /// Creates a transform of the key or value. It must be configured.
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
    /// The schema with the converted field.
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

    /// The struct with the converted field.
    fn apply_to_struct(&self, structure: Struct, schema: SchemaRef) -> Result<Struct> {
        let before = structure.schema().clone();
        let mut values = structure.into_values();
        let fields = before.fields().unwrap_or_default();
        settle_nulls(&mut values, fields, self.replaces_null_with_default)?;
        if let Some(field) = before.field(&self.field)
            && let Some(value) = values.get_mut(field.index())
        {
            *value = self
                .conversion
                .convert(value, Some(field.schema()))
                .map_err(|error| in_field(error, field.name()))?;
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
    fn the_default_of_a_struct_is_converted_too() {
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

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        for (number, precision, target) in [
            (Value::Int64(i64::MAX), "seconds", "Timestamp"),
            (Value::Timestamp(i64::MAX), "microseconds", "unix"),
            (Value::Timestamp(i64::MIN), "nanoseconds", "unix"),
        ] {
            let config = config_map! { "target.type" => target, "unix.precision" => precision };
            assert!(
                convert(&config, Datum::schemaless(number)).is_err(),
                "{precision}"
            );
        }
    }

    #[test]
    fn microseconds_are_cut_off() {
        let format = "yyyy-MM-dd HH:mm:ss.SSSSSS";
        let config = config_map! { "target.type" => "Timestamp", "format" => format };
        let text = Datum::string("2025-08-28 15:01:00.123456");
        let read = convert(&config, text).unwrap().value;
        assert_eq!(read, Value::Timestamp(1_756_393_260_123));
        let config = config_map! { "target.type" => "string", "format" => format };
        let written = convert(&config, Datum::schemaless(read)).unwrap().value;
        assert_eq!(written, "2025-08-28 15:01:00.123000".into());
    }

    #[test]
    fn the_error_about_a_text_says_why() {
        let config = config_map! { "target.type" => "Timestamp", "format" => "yyyy-MM-dd" };
        let error = convert(&config, Datum::string("2023-11-14 22:13")).unwrap_err();
        assert_eq!(
            error.message(),
            "Could not parse timestamp: value (2023-11-14 22:13) does not match pattern \
             (yyyy-MM-dd): the pattern ends before byte 10 of the text"
        );
    }
}
