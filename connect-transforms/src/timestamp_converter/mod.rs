//! Timestamps from one representation to another.

use connect_api::Error;
use connect_api::Result;
use connect_api::Transform;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigEnum;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::data::Datum;
use connect_api::data::Logical;
use connect_api::data::Schema;
use connect_api::data::SchemaBuilder;
use connect_api::data::SchemaRef;
use connect_api::data::SchemaType;
use connect_api::data::Struct;
use connect_api::data::Text;
use connect_api::data::Value;
use connect_api::data::logical::MILLIS_PER_DAY;
use connect_api::data::logical::from_millis;
use connect_api::record::Origin;
use connect_api::record::Record;

use crate::Part;
use crate::clock::now_millis;
use crate::date_format::DateFormat;
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

/// What a moment can be; in the order in which Java lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ConfigEnum)]
enum Representation {
    String,
    Unix,
    #[config(name = "Date")]
    Date,
    #[config(name = "Time")]
    Time,
    #[config(name = "Timestamp")]
    Timestamp,
}

/// Units of numbers since the epoch, the smallest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ConfigEnum)]
enum Precision {
    Nanoseconds,
    Microseconds,
    Milliseconds,
    Seconds,
}

/// What is to be changed.
#[derive(Debug)]
struct Change {
    /// Empty: the whole key or value.
    field: Text,
    conversion: Conversion,
    replaces_null_with_default: bool,
}

#[derive(Debug)]
struct Conversion {
    target: Representation,
    format: Option<DateFormat>,
    precision: Precision,
}

impl TimestampConverter {
    /// A transform of a part, to be configured.
    #[must_use]
    pub fn new(part: Part) -> Self {
        let conversion = Conversion {
            target: Representation::Timestamp,
            format: None,
            precision: Precision::Milliseconds,
        };
        Self {
            part,
            change: Change {
                field: Text::new(),
                conversion,
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
        let pattern = &config.format;
        let format = if pattern.trim().is_empty() {
            None
        } else {
            let format = DateFormat::new(pattern, now_millis()).map_err(|reason| {
                Error::config(format!(
                    "Invalid value java.lang.IllegalArgumentException: {reason} for configuration \
                     TimestampConverter requires a SimpleDateFormat-compatible pattern for string \
                     timestamps: {pattern}"
                ))
            })?;
            Some(format)
        };
        if config.target == Representation::String && format.is_none() {
            return Err(Error::config(NO_FORMAT));
        }
        self.change = Change {
            field: config.field,
            conversion: Conversion {
                target: config.target,
                format,
                precision: config.precision,
            },
            replaces_null_with_default: config.replaces_null_with_default,
        };
        Ok(())
    }

    fn apply(&mut self, mut record: Record, _: Origin<'_>) -> Result<Option<Record>> {
        let Datum { schema, value } = self.part.of_mut(&mut record);
        match schema {
            Some(schema) if self.change.field.is_empty() => {
                let conversion = &self.change.conversion;
                *value = conversion.convert(value, Representation::of_schema(schema)?)?;
                let target = conversion.target;
                *schema = self
                    .schemas
                    .get_or_make(schema, |schema| target.schema(schema.is_optional()))?;
            }
            Some(schema) => {
                let structure = take_struct_or_null(value, PURPOSE)?;
                *schema = self
                    .schemas
                    .get_or_make(schema, |schema| self.change.schema(schema))?;
                if let Some(structure) = structure {
                    *value = self.change.apply(structure, schema.clone())?.into();
                }
            }
            None => self.change.apply_schemaless(value)?,
        }
        Ok(Some(record))
    }
}

impl Change {
    /// The schema with the field that is made.
    fn schema(&self, schema: &SchemaRef) -> Result<SchemaRef> {
        let mut builder = SchemaBuilder::structure().basics_of(schema);
        for field in fields(schema)? {
            let schema = if *field.name() == self.field {
                let is_optional = field.schema().is_optional();
                self.conversion.target.schema(is_optional)?
            } else {
                field.schema().clone()
            };
            builder = builder.field(field.name().clone(), schema);
        }
        if schema.is_optional() {
            builder = builder.optional();
        }
        if let Some(Value::Struct(default)) = schema.default() {
            let default = self.apply(default.clone(), builder.clone().build()?)?;
            builder = builder.default(default);
        }
        builder.build()
    }

    /// The struct as one of the schema with the field that is made.
    fn apply(&self, structure: Struct, schema: SchemaRef) -> Result<Struct> {
        let before = structure.schema().clone();
        let mut values = structure.into_values();
        let fields = before.fields().unwrap_or_default();
        settle_nulls(&mut values, fields, self.replaces_null_with_default)?;
        if let Some(field) = before.field(&self.field)
            && let Some(value) = values.get_mut(field.index())
        {
            let source = Representation::of_schema(field.schema())?;
            *value = self.conversion.convert(value, source)?;
        }
        Struct::from_values(schema, values)
    }

    fn apply_schemaless(&self, value: &mut Value) -> Result<()> {
        if value.is_null() {
            return Ok(());
        }
        if self.field.is_empty() {
            *value = self.conversion.convert_schemaless(value)?;
            return Ok(());
        }
        let mut map = take_map(value, PURPOSE)?;
        change_entry(&mut map, &self.field, |value| {
            self.conversion.convert_schemaless(value)
        })?;
        *value = map.into();
        Ok(())
    }
}

impl Representation {
    /// What values of a schema are.
    fn of_schema(schema: &Schema) -> Result<Self> {
        Ok(match (Logical::of(schema), schema.schema_type()) {
            (Some(Logical::Date), _) => Self::Date,
            (Some(Logical::Time), _) => Self::Time,
            (Some(Logical::Timestamp), _) => Self::Timestamp,
            (_, SchemaType::Int64) => Self::Unix,
            (_, SchemaType::String) => Self::String,
            _ => {
                return Err(Error::external(format!(
                    "Schema {schema} does not correspond to a known timestamp type format"
                )));
            }
        })
    }

    /// The schema of what is made.
    fn schema(self, is_optional: bool) -> Result<SchemaRef> {
        let builder = match self {
            Self::Date => Logical::date(),
            Self::String => SchemaBuilder::string(),
            Self::Time => Logical::time(),
            Self::Timestamp => Logical::timestamp(),
            Self::Unix => SchemaBuilder::int64(),
        };
        if is_optional {
            builder.optional()
        } else {
            builder
        }
        .build()
    }
}

impl Conversion {
    /// Converts a value without a schema.
    fn convert_schemaless(&self, value: &Value) -> Result<Value> {
        let source = match value {
            Value::Date(_) | Value::Time(_) | Value::Timestamp(_) => Representation::Timestamp,
            Value::Int64(_) => Representation::Unix,
            Value::Null => return Ok(Value::Null),
            Value::String(_) => Representation::String,
            value => {
                return Err(Error::data(format!(
                    "TimestampConverter does not support class {} objects as timestamps",
                    value.java_class()
                )));
            }
        };
        self.convert(value, source)
    }

    fn convert(&self, value: &Value, source: Representation) -> Result<Value> {
        if value.is_null() {
            return Ok(Value::Null);
        }
        let millis = self.to_millis(value, source)?;
        match self.target {
            Representation::Date => i32::try_from(millis.div_euclid(MILLIS_PER_DAY))
                .map(Value::Date)
                .map_err(|_| Error::data(format!("{millis} ms is out of range for a Date"))),
            Representation::String => {
                let mut text = String::new();
                self.format()?.write(millis, &mut text);
                Ok(text.into())
            }
            Representation::Time => from_millis(Logical::Time, millis.rem_euclid(MILLIS_PER_DAY)),
            Representation::Timestamp => Ok(Value::Timestamp(millis)),
            Representation::Unix => Ok(self.precision.number_of(millis).into()),
        }
    }

    fn to_millis(&self, value: &Value, source: Representation) -> Result<i64> {
        let unexpected = |expected: &str| {
            let found = value.java_class();
            Error::data(format!("Expected {expected}, but found class {found}"))
        };
        match (source, value) {
            (Representation::String, Value::String(text)) => {
                let format = self.format()?;
                format.read(text).ok_or_else(|| {
                    Error::data(format!(
                        "Could not parse timestamp: value ({text}) does not match pattern ({})",
                        format.pattern()
                    ))
                })
            }
            (Representation::String, _) => Err(unexpected("string timestamp to be a String")),
            (Representation::Unix, Value::Int64(number)) => Ok(self.precision.millis_of(*number)),
            (Representation::Unix, _) => Err(unexpected("Unix timestamp to be a Long")),
            (_, Value::Date(days)) => Ok(i64::from(*days) * MILLIS_PER_DAY),
            (_, Value::Time(millis)) => Ok((*millis).into()),
            (_, Value::Timestamp(millis)) => Ok(*millis),
            (Representation::Date, _) => Err(unexpected("Date to be a java.util.Date")),
            (Representation::Time, _) => Err(unexpected("Time to be a java.util.Date")),
            (Representation::Timestamp, _) => Err(unexpected("Timestamp to be a java.util.Date")),
        }
    }

    fn format(&self) -> Result<&DateFormat> {
        self.format.as_ref().ok_or_else(|| Error::data(NO_FORMAT))
    }
}

impl Precision {
    /// What is smaller than a millisecond is cut off; what is too large becomes the largest number.
    const fn millis_of(self, number: i64) -> i64 {
        match self {
            Self::Microseconds => number / 1000,
            Self::Milliseconds => number,
            Self::Nanoseconds => number / 1_000_000,
            Self::Seconds => number.saturating_mul(1000),
        }
    }

    /// What is smaller than a second is cut off; what is too large becomes the largest number.
    const fn number_of(self, millis: i64) -> i64 {
        match self {
            Self::Microseconds => millis.saturating_mul(1000),
            Self::Milliseconds => millis,
            Self::Nanoseconds => millis.saturating_mul(1_000_000),
            Self::Seconds => millis / 1000,
        }
    }
}

const PURPOSE: &str = "converting timestamp formats";
const NO_FORMAT: &str =
    "TimestampConverter requires format option to be specified when using string timestamps";

#[cfg(test)]
mod tests {
    use connect_api::config_map;

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
        assert_eq!(error.to_string(), NO_FORMAT);
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
