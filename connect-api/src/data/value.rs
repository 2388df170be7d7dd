//! Values with and without a schema.

use std::fmt;
use std::hash::Hash;
use std::hash::Hasher;

use bytes::Bytes;

use crate::data::Decimal;
use crate::data::SchemaRef;
use crate::data::Struct;
use crate::data::Text;
use crate::data::ValueMap;

/// A typed value.
///
/// *Shape*: 40 bytes; strings and bytes are shared slices. Logical values have their own variants
/// because Connect allows them without a schema.
///
/// Equality is that of Java's boxed types: `NaN` equals itself, `0.0` and `-0.0` differ, and values
/// of different types are never equal.
///
/// ```
/// use connect_api::data::Value;
///
/// assert_eq!(Value::from("x").as_str(), Some("x"));
/// assert_ne!(Value::Int32(1), Value::Int64(1));
/// assert!(Value::from(None::<i64>).is_null());
/// ```
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Value {
    /// No value.
    #[default]
    Null,
    /// True or false.
    Boolean(bool),
    /// 8 bits, signed.
    Int8(i8),
    /// 16 bits, signed.
    Int16(i16),
    /// 32 bits, signed.
    Int32(i32),
    /// 64 bits, signed.
    Int64(i64),
    /// IEEE 754 single precision.
    Float32(f32),
    /// IEEE 754 double precision.
    Float64(f64),
    /// UTF-8 text.
    String(Text),
    /// Bytes.
    Bytes(Bytes),
    /// Values in order.
    Array(Vec<Value>),
    /// Entries with unique keys.
    Map(ValueMap),
    /// Named fields with a schema.
    Struct(Struct),
    /// Logical: a number with a scale.
    Decimal(Box<Decimal>),
    /// Logical: days since 1970-01-01.
    Date(i32),
    /// Logical: milliseconds since midnight.
    Time(i32),
    /// Logical: milliseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
}

const _: () = assert!(
    size_of::<Value>() == 40,
    "a larger Value slows down every pipeline: grow it only on purpose"
);

impl Value {
    /// True for [`Value::Null`].
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The boolean, if it is one.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(*value),
            _ => None,
        }
    }

    /// Any integer, widened, if it is one.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int8(value) => Some((*value).into()),
            Self::Int16(value) => Some((*value).into()),
            Self::Int32(value) => Some((*value).into()),
            Self::Int64(value) => Some(*value),
            _ => None,
        }
    }

    /// Any floating point number, widened, if it is one.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float32(value) => Some((*value).into()),
            Self::Float64(value) => Some(*value),
            _ => None,
        }
    }

    /// The text, if it is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes, if they are bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The elements, if it is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(values) => Some(values),
            _ => None,
        }
    }

    /// The map, if it is one.
    #[must_use]
    pub const fn as_map(&self) -> Option<&ValueMap> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The struct, if it is one.
    #[must_use]
    pub const fn as_struct(&self) -> Option<&Struct> {
        match self {
            Self::Struct(structure) => Some(structure),
            _ => None,
        }
    }

    /// The name of the type, for messages: `INT32`, `DATE`, `STRUCT`; `null` for null.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Array(_) => "ARRAY",
            Self::Boolean(_) => "BOOLEAN",
            Self::Bytes(_) => "BYTES",
            Self::Date(_) => "DATE",
            Self::Decimal(_) => "DECIMAL",
            Self::Float32(_) => "FLOAT32",
            Self::Float64(_) => "FLOAT64",
            Self::Int8(_) => "INT8",
            Self::Int16(_) => "INT16",
            Self::Int32(_) => "INT32",
            Self::Int64(_) => "INT64",
            Self::Map(_) => "MAP",
            Self::Null => "null",
            Self::String(_) => "STRING",
            Self::Struct(_) => "STRUCT",
            Self::Time(_) => "TIME",
            Self::Timestamp(_) => "TIMESTAMP",
        }
    }

    /// The name of the Java class of such a value, where Java's text is needed.
    /// [`type_name`](Self::type_name) is for errors.
    #[must_use]
    pub const fn java_class(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "java.lang.Boolean",
            Self::Int8(_) => "java.lang.Byte",
            Self::Int16(_) => "java.lang.Short",
            Self::Int32(_) => "java.lang.Integer",
            Self::Int64(_) => "java.lang.Long",
            Self::Float32(_) => "java.lang.Float",
            Self::Float64(_) => "java.lang.Double",
            Self::String(_) => "java.lang.String",
            Self::Bytes(_) => "[B",
            Self::Array(_) => "java.util.ArrayList",
            Self::Map(_) => "java.util.HashMap",
            Self::Struct(_) => "org.apache.kafka.connect.data.Struct",
            Self::Decimal(_) => "java.math.BigDecimal",
            Self::Date(_) | Self::Time(_) | Self::Timestamp(_) => "java.util.Date",
        }
    }

    /// The approximate size in memory in bytes, in addition to the 40 bytes of the value itself.
    #[must_use]
    pub fn heap_size(&self) -> usize {
        match self {
            Self::String(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Array(values) => values
                .iter()
                .map(|value| size_of::<Self>() + value.heap_size())
                .sum(),
            Self::Map(map) => map
                .iter()
                .map(|(key, value)| 2 * size_of::<Self>() + key.heap_size() + value.heap_size())
                .sum(),
            Self::Struct(structure) => structure
                .values()
                .iter()
                .map(|value| size_of::<Self>() + value.heap_size())
                .sum(),
            Self::Decimal(_) => size_of::<Decimal>(),
            _ => 0,
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Boolean(a), Self::Boolean(b)) => a == b,
            (Self::Int8(a), Self::Int8(b)) => a == b,
            (Self::Int16(a), Self::Int16(b)) => a == b,
            (Self::Int32(a), Self::Int32(b)) => a == b,
            (Self::Int64(a), Self::Int64(b)) => a == b,
            (Self::Float32(a), Self::Float32(b)) => {
                a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
            }
            (Self::Float64(a), Self::Float64(b)) => {
                a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
            }
            (Self::String(a), Self::String(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Array(a), Self::Array(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            (Self::Struct(a), Self::Struct(b)) => a == b,
            (Self::Decimal(a), Self::Decimal(b)) => a == b,
            (Self::Date(a), Self::Date(b)) | (Self::Time(a), Self::Time(b)) => a == b,
            (Self::Timestamp(a), Self::Timestamp(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Null => {}
            Self::Boolean(value) => value.hash(state),
            Self::Int8(value) => value.hash(state),
            Self::Int16(value) => value.hash(state),
            Self::Int32(value) | Self::Date(value) | Self::Time(value) => value.hash(state),
            Self::Int64(value) | Self::Timestamp(value) => value.hash(state),
            Self::Float32(value) if value.is_nan() => f32::NAN.to_bits().hash(state),
            Self::Float32(value) => value.to_bits().hash(state),
            Self::Float64(value) if value.is_nan() => f64::NAN.to_bits().hash(state),
            Self::Float64(value) => value.to_bits().hash(state),
            Self::String(text) => text.hash(state),
            Self::Bytes(bytes) => bytes.hash(state),
            Self::Array(values) => values.hash(state),
            Self::Map(map) => map.hash(state),
            Self::Struct(structure) => structure.hash(state),
            Self::Decimal(decimal) => decimal.hash(state),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::Boolean(value) => f.debug_tuple("Boolean").field(value).finish(),
            Self::Int8(value) => f.debug_tuple("Int8").field(value).finish(),
            Self::Int16(value) => f.debug_tuple("Int16").field(value).finish(),
            Self::Int32(value) => f.debug_tuple("Int32").field(value).finish(),
            Self::Int64(value) => f.debug_tuple("Int64").field(value).finish(),
            Self::Float32(value) => f.debug_tuple("Float32").field(value).finish(),
            Self::Float64(value) => f.debug_tuple("Float64").field(value).finish(),
            Self::String(text) => f.debug_tuple("String").field(text).finish(),
            Self::Bytes(bytes) => f.debug_tuple("Bytes").field(bytes).finish(),
            Self::Array(values) => f.debug_list().entries(values).finish(),
            Self::Map(map) => f.debug_map().entries(map.iter()).finish(),
            Self::Struct(structure) => structure.fmt(f),
            Self::Decimal(decimal) => f.debug_tuple("Decimal").field(decimal).finish(),
            Self::Date(days) => f.debug_tuple("Date").field(days).finish(),
            Self::Time(millis) => f.debug_tuple("Time").field(millis).finish(),
            Self::Timestamp(millis) => f.debug_tuple("Timestamp").field(millis).finish(),
        }
    }
}

macro_rules! from {
    ($($from:ty => $variant:ident),* $(,)?) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}

from! {
    bool => Boolean, i8 => Int8, i16 => Int16, i32 => Int32, i64 => Int64, f32 => Float32,
    f64 => Float64, Text => String, &str => String, String => String, Bytes => Bytes,
    Vec<u8> => Bytes, Vec<Value> => Array, ValueMap => Map, Struct => Struct, Decimal => Decimal,
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A value with a schema or without one ("schemaless").
///
/// *Java*: `SchemaAndValue`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[doc(alias = "SchemaAndValue")]
pub struct Datum {
    /// The schema; `None` is schemaless.
    pub schema: Option<SchemaRef>,
    /// The value.
    pub value: Value,
}

const _: () = assert!(
    size_of::<Datum>() == 56,
    "a larger Datum slows down every pipeline: grow it only on purpose"
);

impl Datum {
    /// Null without a schema.
    pub const NULL: Self = Self {
        schema: None,
        value: Value::Null,
    };

    /// Creates a value with a schema. The value is not checked; see
    /// [`Schema::validate`](crate::data::Schema::validate).
    #[must_use]
    pub fn new(schema: SchemaRef, value: impl Into<Value>) -> Self {
        Self {
            schema: Some(schema),
            value: value.into(),
        }
    }

    /// Creates a value without a schema.
    #[must_use]
    pub fn schemaless(value: impl Into<Value>) -> Self {
        Self {
            schema: None,
            value: value.into(),
        }
    }

    /// Creates a string with the required string schema.
    #[must_use]
    pub fn string(text: impl Into<Text>) -> Self {
        Self {
            schema: Some(SchemaRef::STRING),
            value: Value::String(text.into()),
        }
    }

    /// Creates bytes with the required bytes schema.
    #[must_use]
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self {
            schema: Some(SchemaRef::BYTES),
            value: Value::Bytes(bytes.into()),
        }
    }
}

impl<T: Into<Value>> From<T> for Datum {
    /// Creates a value without a schema.
    fn from(value: T) -> Self {
        Self::schemaless(value)
    }
}
