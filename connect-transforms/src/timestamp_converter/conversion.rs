//! The conversion of one value.

use connect_api::Error;
use connect_api::Result;
use connect_api::config::ConfigEnum;
use connect_api::data::Logical;
use connect_api::data::Schema;
use connect_api::data::SchemaBuilder;
use connect_api::data::SchemaRef;
use connect_api::data::SchemaType;
use connect_api::data::Value;
use connect_api::data::logical::MILLIS_PER_DAY;
use connect_api::data::logical::from_millis;

use crate::clock::now_millis;
use crate::date_format::DateFormat;

/// The representation to convert to, and how texts and numbers are read and written.
#[derive(Debug, Default)]
pub(super) struct Conversion {
    target: Representation,
    format: Option<DateFormat>,
    precision: Precision,
}

/// The representations of a moment, in Java's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
pub(super) enum Representation {
    String,
    Unix,
    #[config(name = "Date")]
    Date,
    #[config(name = "Time")]
    Time,
    #[default]
    #[config(name = "Timestamp")]
    Timestamp,
}

/// Units of numbers since the epoch, smallest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ConfigEnum)]
pub(super) enum Precision {
    Nanoseconds,
    Microseconds,
    #[default]
    Milliseconds,
    Seconds,
}

impl Conversion {
    /// Creates a conversion. A blank pattern counts as none.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](connect_api::ErrorKind::Config) if the pattern is not valid, or is missing
    /// though the target is text.
    pub(super) fn new(target: Representation, pattern: &str, precision: Precision) -> Result<Self> {
        let format = if pattern.trim().is_empty() {
            None
        } else {
            let format = DateFormat::new(pattern, now_millis()).map_err(|reason| {
                Error::config(format!(
                    "TimestampConverter requires a SimpleDateFormat-compatible pattern for string \
                     timestamps: {pattern}; {reason}. Change the option format"
                ))
            })?;
            Some(format)
        };
        if target == Representation::String && format.is_none() {
            return Err(Error::config(NO_FORMAT));
        }
        Ok(Self {
            target,
            format,
            precision,
        })
    }

    /// Converts a value. Its schema, or without one its type, decides how it is read. Null stays
    /// null.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](connect_api::ErrorKind::Data) if it is not a moment, or does not fit
    /// the target.
    pub(super) fn convert(&self, value: &Value, schema: Option<&Schema>) -> Result<Value> {
        let source = schema.map(Representation::of_schema).transpose()?;
        if value.is_null() {
            return Ok(Value::Null);
        }
        let source = source.map_or_else(|| Representation::of_value(value), Ok)?;
        let millis = self.to_millis(value, source)?;
        match self.target {
            Representation::Date => i32::try_from(millis.div_euclid(MILLIS_PER_DAY))
                .map(Value::Date)
                .map_err(|_| {
                    Error::data(format!("timestamp {millis} ms is out of range for a Date"))
                }),
            Representation::String => {
                let mut text = String::new();
                self.format()?.write(millis, &mut text);
                Ok(text.into())
            }
            Representation::Time => from_millis(Logical::Time, millis.rem_euclid(MILLIS_PER_DAY)),
            Representation::Timestamp => Ok(Value::Timestamp(millis)),
            Representation::Unix => match self.precision.number_of(millis) {
                Some(number) => Ok(number.into()),
                None => Err(Error::data(format!(
                    "timestamp {millis} ms does not fit into 64 bits; choose a larger \
                     unix.precision"
                ))),
            },
        }
    }

    /// The schema of converted values.
    pub(super) fn new_schema(&self, is_optional: bool) -> Result<SchemaRef> {
        let builder = match self.target {
            Representation::Date => Logical::date(),
            Representation::String => SchemaBuilder::string(),
            Representation::Time => Logical::time(),
            Representation::Timestamp => Logical::timestamp(),
            Representation::Unix => SchemaBuilder::int64(),
        };
        if is_optional {
            builder.optional()
        } else {
            builder
        }
        .build()
    }

    fn to_millis(&self, value: &Value, source: Representation) -> Result<i64> {
        let unexpected = |expected: &str| {
            let found = value.type_name();
            Error::data(format!("Expected {expected}, but found {found}"))
        };
        match (source, value) {
            (Representation::String, Value::String(text)) => {
                let format = self.format()?;
                format.read(text).map_err(|reason| {
                    Error::data(format!(
                        "Could not parse timestamp: value ({text}) does not match pattern ({}): \
                         {reason}",
                        format.pattern()
                    ))
                })
            }
            (Representation::String, _) => Err(unexpected("a timestamp of type STRING")),
            (Representation::Unix, Value::Int64(number)) => {
                self.precision.millis_of(*number).ok_or_else(|| {
                    Error::data(format!(
                        "timestamp {number} is out of range; choose a smaller unix.precision"
                    ))
                })
            }
            (Representation::Unix, _) => Err(unexpected("a Unix timestamp of type INT64")),
            (_, Value::Date(days)) => Ok(i64::from(*days) * MILLIS_PER_DAY),
            (_, Value::Time(millis)) => Ok((*millis).into()),
            (_, Value::Timestamp(millis)) => Ok(*millis),
            (Representation::Date, _) => Err(unexpected("a value of type DATE")),
            (Representation::Time, _) => Err(unexpected("a value of type TIME")),
            (Representation::Timestamp, _) => Err(unexpected("a value of type TIMESTAMP")),
        }
    }

    fn format(&self) -> Result<&DateFormat> {
        self.format.as_ref().ok_or_else(|| Error::data(NO_FORMAT))
    }
}

impl Representation {
    /// The representation of values with a schema.
    fn of_schema(schema: &Schema) -> Result<Self> {
        Ok(match (Logical::of(schema), schema.schema_type()) {
            (Some(Logical::Date), _) => Self::Date,
            (Some(Logical::Time), _) => Self::Time,
            (Some(Logical::Timestamp), _) => Self::Timestamp,
            (_, SchemaType::Int64) => Self::Unix,
            (_, SchemaType::String) => Self::String,
            _ => {
                return Err(Error::external(format!(
                    "Schema {schema} does not correspond to a known timestamp type format; it must be \
                     STRING, INT64, Date, Time or Timestamp"
                )));
            }
        })
    }

    /// The representation of a value without a schema.
    fn of_value(value: &Value) -> Result<Self> {
        Ok(match value {
            Value::Date(_) | Value::Time(_) | Value::Timestamp(_) => Self::Timestamp,
            Value::Int64(_) => Self::Unix,
            Value::String(_) => Self::String,
            value => {
                return Err(Error::data(format!(
                    "TimestampConverter cannot convert a value of type {}; it converts STRING, INT64, \
                     DATE, TIME and TIMESTAMP",
                    value.type_name()
                )));
            }
        })
    }
}

impl Precision {
    /// Milliseconds of a number; smaller parts are cut off. None if they do not fit.
    const fn millis_of(self, number: i64) -> Option<i64> {
        match self {
            Self::Microseconds => Some(number / 1000),
            Self::Milliseconds => Some(number),
            Self::Nanoseconds => Some(number / 1_000_000),
            Self::Seconds => number.checked_mul(1000),
        }
    }

    /// The number of milliseconds; parts of a second are cut off. None if it does not fit.
    const fn number_of(self, millis: i64) -> Option<i64> {
        match self {
            Self::Microseconds => millis.checked_mul(1000),
            Self::Milliseconds => Some(millis),
            Self::Nanoseconds => millis.checked_mul(1_000_000),
            Self::Seconds => Some(millis / 1000),
        }
    }
}

const NO_FORMAT: &str =
    "TimestampConverter requires format option to be specified when using string timestamps";
