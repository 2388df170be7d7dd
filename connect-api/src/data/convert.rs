//! Conversions of values to a type that the caller needs.

use super::Datum;
use super::Decimal;
use super::FloatText;
use super::Logical;
use super::Schema;
use super::SchemaType;
use super::Struct;
use super::Value;
use super::ValueMap;
use super::logical::MILLIS_PER_DAY;
use super::logical::from_millis;
use super::parse;
use super::parse::parse_decimal;
use super::text_form::java_string;
use super::text_form::millis_of;
use crate::Error;
use crate::Result;

/// # Conversions
///
/// A header that should be a number may be a string, and one that should be a timestamp may be a
/// number. These methods convert between such types:
///
/// | to | from |
/// | --- | --- |
/// | a boolean | numbers: false if the integer part is zero; strings: `true`, `false` or a number |
/// | a number | numbers of any type; strings with a number; Dates, Times and Timestamps with a schema, as the numbers that encode them |
/// | an array, a map | strings as [`parse`](super::parse()) reads them |
/// | a Date, Time or Timestamp | each other, if they contain a day or a time of day; numbers that encode them; strings as [`parse`](super::parse()) reads them |
/// | a Decimal | numbers of any type; strings with a number; bytes with an unscaled value |
///
/// Null converts to `None` where a boolean or a number is returned, and is an error otherwise.
/// [`to_text`](Datum::to_text) converts any value to text and never fails.
///
/// ```
/// use connect_api::data::{Datum, Value};
///
/// assert_eq!(Datum::string("12").to_i64()?, Some(12));
/// assert_eq!(Datum::from(2.5).to_i32()?, Some(2));
/// assert_eq!(Datum::from(1_566_570_894_346i64).to_timestamp()?, 1_566_570_894_346);
/// assert_eq!(Datum::string("[1, 2]").to_array()?, [Value::Int8(1), Value::Int8(2)]);
///
/// // A number that is out of range is refused.
/// assert!(Datum::from(300).to_i8().is_err());
/// # Ok::<(), connect_api::Error>(())
/// ```
///
/// *Java*: `Values.convertTo…`, which converts 300 to the byte 44, `NaN` to the integer 0 and numbers
/// that are too large to infinity.
///
/// *Errors*: [`ErrorKind::Data`](crate::ErrorKind::Data) for a value that cannot be converted or is
/// out of range.
impl Datum {
    /// Converts the value to a boolean.
    ///
    /// # Errors
    /// The value is not a boolean, a number or a string with one of them, or it is `NaN`.
    #[doc(alias = "convertToBoolean")]
    pub fn to_bool(&self) -> Result<Option<bool>> {
        let Some(source) = Source::of(self) else {
            return Ok(None);
        };
        match source.value {
            Value::Boolean(value) => return Ok(Some(*value)),
            Value::String(text) => {
                if let Value::Boolean(value) = parse(text).value {
                    return Ok(Some(value));
                }
            }
            value if value.as_f64().is_some_and(f64::is_nan) => {
                return Err(source.does_not_fit("BOOLEAN"));
            }
            _ => {}
        }
        Ok(Some(source.number()?.whole() != Some(0)))
    }

    /// Converts the value to an 8-bit integer without its fraction.
    ///
    /// # Errors
    /// The value is not a number or is out of range.
    #[doc(alias = "convertToByte")]
    pub fn to_i8(&self) -> Result<Option<i8>> {
        self.to_integer(&SchemaType::Int8)
    }

    /// Converts the value to a 16-bit integer without its fraction.
    ///
    /// # Errors
    /// The value is not a number or is out of range.
    #[doc(alias = "convertToShort")]
    pub fn to_i16(&self) -> Result<Option<i16>> {
        self.to_integer(&SchemaType::Int16)
    }

    /// Converts the value to a 32-bit integer without its fraction.
    ///
    /// # Errors
    /// The value is not a number or is out of range.
    #[doc(alias = "convertToInteger")]
    pub fn to_i32(&self) -> Result<Option<i32>> {
        self.to_integer(&SchemaType::Int32)
    }

    /// Converts the value to a 64-bit integer without its fraction.
    ///
    /// # Errors
    /// The value is not a number or is out of range.
    #[doc(alias = "convertToLong")]
    pub fn to_i64(&self) -> Result<Option<i64>> {
        self.to_integer(&SchemaType::Int64)
    }

    /// Converts the value to a single precision number, with rounding.
    ///
    /// # Errors
    /// The value is not a number or is too large.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what becomes infinite is refused"
    )]
    #[doc(alias = "convertToFloat")]
    pub fn to_f32(&self) -> Result<Option<f32>> {
        let Some(source) = Source::of(self) else {
            return Ok(None);
        };
        if let Value::Float32(value) = source.value {
            return Ok(Some(*value));
        }
        let wide = source.float()?;
        let value = wide as f32;
        if value.is_infinite() && wide.is_finite() {
            return Err(source.does_not_fit("FLOAT32"));
        }
        Ok(Some(value))
    }

    /// Converts the value to a double precision number, with rounding.
    ///
    /// # Errors
    /// The value is not a number or is too large.
    #[doc(alias = "convertToDouble")]
    pub fn to_f64(&self) -> Result<Option<f64>> {
        Source::of(self).map(Source::float).transpose()
    }

    /// Converts the value to the elements of an array.
    ///
    /// # Errors
    /// The value is not an array or a string with one.
    #[doc(alias = "convertToList")]
    pub fn to_array(&self) -> Result<Vec<Value>> {
        self.read(|source| match source.value {
            Value::Array(values) => Ok(values.clone()),
            _ => Err(source.refuse("ARRAY")),
        })
    }

    /// Converts the value to a map.
    ///
    /// # Errors
    /// The value is not a map or a string with one.
    #[doc(alias = "convertToMap")]
    pub fn to_map(&self) -> Result<ValueMap> {
        self.read(|source| match source.value {
            Value::Map(map) => Ok(map.clone()),
            _ => Err(source.refuse("MAP")),
        })
    }

    /// Returns the struct.
    ///
    /// # Errors
    /// The value is not a struct.
    #[doc(alias = "convertToStruct")]
    pub fn to_struct(&self) -> Result<Struct> {
        let source = Source::of(self).ok_or_else(null)?;
        match source.value {
            Value::Struct(structure) => Ok(structure.clone()),
            _ => Err(source.refuse("STRUCT")),
        }
    }

    /// Converts the value to a Date: days since 1970-01-01. A Timestamp is converted to its day.
    ///
    /// *Java*: values without a schema keep their time of day, a Timestamp before 1970 is converted to
    /// the next day, and the milliseconds of a Time are taken as days.
    ///
    /// # Errors
    /// The value is not a number, a Date or a Timestamp, or is out of range.
    #[doc(alias = "convertToDate")]
    pub fn to_date(&self) -> Result<i32> {
        self.read(|source| {
            let days = match source.moment()? {
                Some((Value::Date(days), _)) => Some(*days),
                Some((Value::Timestamp(millis), _)) => {
                    i32::try_from(millis.div_euclid(MILLIS_PER_DAY)).ok()
                }
                Some(_) => return Err(source.refuse(DATE)),
                None => source
                    .number()?
                    .whole()
                    .and_then(|days| days.try_into().ok()),
            };
            days.ok_or_else(|| source.does_not_fit(DATE))
        })
    }

    /// Converts the value to a Time: milliseconds since midnight. A Timestamp is converted to its
    /// time of day.
    ///
    /// *Java*: values without a schema keep their day, and the days of a Date are taken as
    /// milliseconds.
    ///
    /// # Errors
    /// The value is not a number, a Time or a Timestamp, or is longer than a day.
    #[doc(alias = "convertToTime")]
    pub fn to_time(&self) -> Result<i32> {
        self.read(|source| {
            let millis = match source.moment()? {
                Some((Value::Time(millis), _)) => return Ok(*millis),
                Some((Value::Timestamp(millis), _)) => millis.rem_euclid(MILLIS_PER_DAY),
                Some(_) => return Err(source.refuse(TIME)),
                None => source.number()?.whole().unwrap_or(-1),
            };
            let is_time = (0..=MILLIS_PER_DAY).contains(&millis);
            let time = i32::try_from(millis).ok().filter(|_| is_time);
            time.ok_or_else(|| Error::data(NO_TIME))
        })
    }

    /// Converts the value to a Timestamp: milliseconds since 1970-01-01T00:00:00Z. A Date is
    /// converted to its midnight, a Time to a time on 1970-01-01.
    ///
    /// # Errors
    /// The value is not a number, a Date, a Time or a Timestamp, or is out of range.
    #[doc(alias = "convertToTimestamp")]
    pub fn to_timestamp(&self) -> Result<i64> {
        self.read(|source| match source.moment()? {
            Some((Value::Time(_), millis)) => from_millis(Logical::Time, millis).map(|_| millis),
            Some((_, millis)) => Ok(millis),
            None => source
                .number()?
                .whole()
                .ok_or_else(|| source.does_not_fit(TIMESTAMP)),
        })
    }

    /// Converts the value to a Decimal. `scale` is used for bytes; other values have their own.
    ///
    /// *Java*: integers lose their digits beyond the 17th.
    ///
    /// # Errors
    /// The value is not a finite number, a string with one, or bytes.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a double counts only if it is the same number"
    )]
    #[doc(alias = "convertToDecimal")]
    pub fn to_decimal(&self, scale: i32) -> Result<Decimal> {
        let source = Source::of(self).ok_or_else(null)?;
        let decimal = match source.value {
            Value::Bytes(bytes) if !bytes.is_empty() => Some(Decimal::from_be_bytes(bytes, scale)),
            Value::Decimal(decimal) => Some((**decimal).clone()),
            Value::String(text) => parse_decimal(text),
            value => match (value.as_i64(), value.as_f64()) {
                (Some(number), _) => decimal_of(number as f64)
                    .filter(|decimal| decimal.to_i64_exact() == Some(number))
                    .or_else(|| Some(Decimal::new(number, 0))),
                (_, Some(number)) => decimal_of(number),
                _ => None,
            },
        };
        decimal.ok_or_else(|| source.refuse(DECIMAL))
    }

    fn to_integer<T: TryFrom<i64>>(&self, ty: &SchemaType) -> Result<Option<T>> {
        let Some(source) = Source::of(self) else {
            return Ok(None);
        };
        let number = source.number()?.whole();
        match number.and_then(|number| number.try_into().ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(source.does_not_fit(ty.name())),
        }
    }

    /// Reads a value that is not null. A string is parsed first.
    fn read<T>(&self, read: impl FnOnce(Source<'_>) -> Result<T>) -> Result<T> {
        let source = Source::of(self).ok_or_else(null)?;
        let Value::String(text) = source.value else {
            return read(source);
        };
        let parsed = parse(text).value;
        if parsed.is_null() {
            return Err(null());
        }
        read(Source {
            value: &parsed,
            ..source
        })
    }
}

const DATE: &str = "DATE";
const DECIMAL: &str = "DECIMAL";
const NO_TIME: &str = "a Time is from 0 to 86400000 milliseconds";
const TIME: &str = "TIME";
const TIMESTAMP: &str = "TIMESTAMP";

/// A value that is not null.
#[derive(Clone, Copy)]
struct Source<'a> {
    schema: Option<&'a Schema>,
    value: &'a Value,
}

impl<'a> Source<'a> {
    fn of(datum: &'a Datum) -> Option<Self> {
        (!datum.value.is_null()).then_some(Self {
            schema: datum.schema.as_deref(),
            value: &datum.value,
        })
    }

    /// The value as a number. As in Java, Dates, Times and Timestamps need their schema.
    fn number(self) -> Result<Number> {
        if let (Some(millis), Some(logical)) = (millis_of(self.value), self.moment_type()) {
            return Ok(Number::Whole(match from_millis(logical, millis)? {
                Value::Date(number) | Value::Time(number) => number.into(),
                _ => millis,
            }));
        }
        let number = match self.value {
            Value::Decimal(decimal) => Some(Number::Decimal((**decimal).clone())),
            Value::String(text) => parse_decimal(text).map(Number::Decimal),
            value => value
                .as_i64()
                .map(Number::Whole)
                .or(value.as_f64().map(Number::Float)),
        };
        number.ok_or_else(|| match self.schema {
            Some(schema) => self.refuse(&format!("a number: its schema is {schema}")),
            None => self.refuse("a number"),
        })
    }

    fn float(self) -> Result<f64> {
        self.number()?
            .float()
            .ok_or_else(|| self.does_not_fit("FLOAT64"))
    }

    /// A Date, Time or Timestamp with its milliseconds. If there is a schema, it must be one of them.
    fn moment(self) -> Result<Option<(&'a Value, i64)>> {
        let Some(millis) = millis_of(self.value) else {
            return Ok(None);
        };
        if self.schema.is_some() && self.moment_type().is_none() {
            // It is not a number either: return that error.
            self.number()?;
        }
        Ok(Some((self.value, millis)))
    }

    fn moment_type(self) -> Option<Logical> {
        Logical::of(self.schema?).filter(|logical| *logical != Logical::Decimal)
    }

    fn refuse(self, to: &str) -> Error {
        Error::data(format!(
            "cannot convert {} (type {}) to {to}",
            java_string(self.value),
            self.value.type_name()
        ))
    }

    fn does_not_fit(self, to: &str) -> Error {
        self.refuse(&format!("{to}: it is out of range"))
    }
}

enum Number {
    Decimal(Decimal),
    Float(f64),
    Whole(i64),
}

impl Number {
    /// The number without its fraction, if that fits.
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    fn whole(&self) -> Option<i64> {
        /// 2 to the power of 63: the first number out of range.
        const END: f64 = 9_223_372_036_854_775_808.0;
        match self {
            Self::Decimal(decimal) => decimal.to_i64(),
            Self::Float(number) => (-END..END)
                .contains(&number.trunc())
                .then_some(*number as i64),
            Self::Whole(number) => Some(*number),
        }
    }

    /// The nearest double; `None` if the number is too large.
    #[expect(clippy::cast_precision_loss, reason = "as Java rounds")]
    fn float(&self) -> Option<f64> {
        match self {
            Self::Decimal(decimal) => Some(decimal.to_f64()).filter(|number| number.is_finite()),
            Self::Float(number) => Some(*number),
            Self::Whole(number) => Some(*number as f64),
        }
    }
}

/// The digits that identify the number among all doubles.
fn decimal_of(number: f64) -> Option<Decimal> {
    Decimal::parse(&FloatText::of_f64(number)).ok()
}

fn null() -> Error {
    Error::data("null cannot be converted")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::SchemaRef;

    #[test]
    fn numbers_lose_their_fraction_only() {
        for (value, number) in [
            (Value::from(2.9), Some(2)),
            (Value::from(-2.9f32), Some(-2)),
            ("1e3".into(), Some(1000)),
            ("-0.5".into(), Some(0)),
            ("\u{661}\u{662}".into(), Some(12)),
            ("9223372036854775807.9".into(), Some(i64::MAX)),
            ("9223372036854775808".into(), None),
            ("1e999999999".into(), None),
            ("1e-999999999".into(), Some(0)),
            (Value::from(9_223_372_036_854_775_807.0), None),
            (Value::from(-9_223_372_036_854_775_808.0), Some(i64::MIN)),
            (Value::from(f64::NAN), None),
            (Value::from(f32::NEG_INFINITY), None),
            (Value::from(true), None),
            (" 7 ".into(), None),
        ] {
            let found = Datum::from(value.clone()).to_i64().ok().flatten();
            assert_eq!(found, number, "{value:?}");
        }
        assert_eq!(Datum::NULL.to_i64().unwrap(), None);
    }

    #[test]
    fn a_number_is_true_unless_it_is_zero() {
        for (value, expected) in [
            (Value::from(0.5), Some(false)),
            (Value::from(f64::INFINITY), Some(true)),
            (Value::from(f64::NAN), None),
            // Its low 64 bits are zero.
            ("18446744073709551616".into(), Some(true)),
            ("false".into(), Some(false)),
            ("yes".into(), None),
        ] {
            let found = Datum::from(value.clone()).to_bool().ok().flatten();
            assert_eq!(found, expected, "{value:?}");
        }
    }

    #[test]
    fn floats_do_not_become_infinite() {
        assert!(Datum::from(1e300).to_f32().is_err());
        assert!(Datum::string("-1e400").to_f64().is_err());
        let infinity = Datum::from(f64::INFINITY);
        assert_eq!(infinity.to_f32().unwrap(), Some(f32::INFINITY));
        assert_eq!(Datum::string("0.1").to_f32().unwrap(), Some(0.1));
    }

    #[test]
    fn moments_are_cut_to_what_is_asked_for() {
        let text = Datum::schemaless("1969-12-31T23:59:59.999Z");
        assert_eq!(text.to_date().unwrap(), -1);
        assert_eq!(text.to_time().unwrap(), 86_399_999);
        assert_eq!(text.to_timestamp().unwrap(), -1);
        let timestamp = Datum::new(
            Logical::timestamp().build().unwrap(),
            Value::Timestamp(i64::MIN),
        );
        assert!(timestamp.to_date().is_err());
        assert_eq!(timestamp.to_i64().unwrap(), Some(i64::MIN));
        assert_eq!(Datum::from(86_400_000).to_time().unwrap(), 86_400_000);
        assert!(Datum::from(86_400_001).to_time().is_err());
        // A schema of another type does not make them numbers.
        assert!(Datum::string("2019-08-23").to_date().is_err());
        assert!(Datum::schemaless("14:34:54.346Z").to_date().is_err());
        assert!(Datum::schemaless("null").to_time().is_err());
    }

    #[test]
    fn decimals_keep_all_digits() {
        for (value, text) in [
            (Value::from(5), "5.0"),
            (Value::from(i64::MIN), "-9223372036854775808"),
            (Value::from(1i64 << 60), "1152921504606846976"),
            (Value::from(0.1), "0.1"),
            ("1.50".into(), "1.50"),
            (Value::from(vec![1u8, 0]), "2.56"),
        ] {
            let decimal = Datum::from(value.clone()).to_decimal(2).unwrap();
            assert_eq!(decimal.to_string(), text, "{value:?}");
        }
        for value in [Value::from(f64::NAN), Value::from(Vec::<u8>::new())] {
            assert!(Datum::from(value).to_decimal(2).is_err());
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[-+]?[0-9]{0,30}[.]?[0-9]{0,5}(e[-+]?[0-9]{1,11})?|\\PC*") {
            for datum in [parse(&text), Datum::schemaless(text.as_str())] {
                let _ = (datum.to_bool(), datum.to_i8(), datum.to_f32(), datum.to_f64());
                let _ = (datum.to_date(), datum.to_time(), datum.to_timestamp());
                let _ = (datum.to_decimal(0), datum.to_array(), datum.to_map());
            }
        }

        #[test]
        fn numbers_in_text_lose_their_fraction_only(
            text in "[-+]?[0-9]{0,21}[.]?[0-9]{0,5}(e[-+]?[0-9]{1,3})?[:, x]?"
        ) {
            let datum = Datum::string(text.as_str());
            if let Ok(Some(number)) = datum.to_i64() {
                let plain = Decimal::parse(&text).unwrap().to_plain_string();
                prop_assert_eq!(plain.split('.').next().unwrap().parse(), Ok(number));
            }
            if let Ok(decimal) = datum.to_decimal(0) {
                prop_assert_eq!(decimal, Decimal::parse(&text).unwrap());
            }
            if let Ok(Some(number)) = datum.to_f64() {
                prop_assert_eq!(number, text.parse::<f64>().unwrap());
            }
        }

        #[test]
        fn integers_come_back(number: i64) {
            let datum = Datum::new(SchemaRef::INT64, number);
            prop_assert_eq!(datum.to_i64().unwrap(), Some(number));
            prop_assert_eq!(datum.to_decimal(0).unwrap().to_i64_exact(), Some(number));
            prop_assert_eq!(datum.to_i16().ok().flatten(), i16::try_from(number).ok());
        }
    }
}
