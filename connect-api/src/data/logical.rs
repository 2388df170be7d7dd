//! Logical types: Date, Decimal, Time and Timestamp.

use std::fmt;

use num_bigint::BigInt;

use crate::Error;
use crate::Result;
use crate::data::Schema;
use crate::data::SchemaBuilder;
use crate::data::Value;

/// Milliseconds of a day.
pub const MILLIS_PER_DAY: i64 = 86_400_000;

/// A logical type of Kafka Connect. The name of a schema identifies it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Logical {
    /// Days since 1970-01-01, on INT32.
    Date,
    /// A number with a scale, on BYTES.
    Decimal,
    /// Milliseconds since midnight, on INT32.
    Time,
    /// Milliseconds since the epoch, on INT64.
    Timestamp,
}

impl Logical {
    /// The name of its schemas.
    #[must_use]
    pub const fn schema_name(self) -> &'static str {
        match self {
            Self::Date => "org.apache.kafka.connect.data.Date",
            Self::Decimal => "org.apache.kafka.connect.data.Decimal",
            Self::Time => "org.apache.kafka.connect.data.Time",
            Self::Timestamp => "org.apache.kafka.connect.data.Timestamp",
        }
    }

    /// The logical type of a schema.
    #[must_use]
    pub fn of(schema: &Schema) -> Option<Self> {
        let name = schema.name()?;
        [Self::Date, Self::Decimal, Self::Time, Self::Timestamp]
            .into_iter()
            .find(|logical| logical.schema_name() == name)
    }

    /// Starts a Date schema.
    pub fn date() -> SchemaBuilder {
        SchemaBuilder::int32()
            .name(Self::Date.schema_name())
            .version(1)
    }

    /// Starts a Time schema.
    pub fn time() -> SchemaBuilder {
        SchemaBuilder::int32()
            .name(Self::Time.schema_name())
            .version(1)
    }

    /// Starts a Timestamp schema.
    pub fn timestamp() -> SchemaBuilder {
        SchemaBuilder::int64()
            .name(Self::Timestamp.schema_name())
            .version(1)
    }

    /// Starts a Decimal schema with a scale.
    pub fn decimal(scale: i32) -> SchemaBuilder {
        SchemaBuilder::bytes()
            .name(Self::Decimal.schema_name())
            .version(1)
            .parameter("scale", scale.to_string())
    }
}

/// The scale of a Decimal schema.
///
/// # Errors
/// [`ErrorKind::Data`](crate::ErrorKind::Data) if the parameter `scale` is missing or not a number.
pub fn decimal_scale(schema: &Schema) -> Result<i32> {
    let Some(scale) = schema.parameters().get("scale") else {
        return Err(Error::data(
            "a Decimal schema needs the parameter \"scale\"",
        ));
    };
    scale.parse().map_err(|_| {
        Error::data(format!(
            "the scale \"{scale}\" of a Decimal schema is not a whole number"
        ))
    })
}

/// An exact decimal number: `unscaled × 10^-scale`. `1.0` and `1.00` are not equal.
///
/// *Java*: `BigDecimal`.
#[derive(Clone, PartialEq, Eq, Hash)]
#[doc(alias = "BigDecimal")]
pub struct Decimal {
    unscaled: BigInt,
    scale: i32,
}

impl Decimal {
    /// Creates a number from its unscaled value and its scale. For unscaled values beyond 128 bits
    /// there are [`from_digits`](Self::from_digits) and [`from_be_bytes`](Self::from_be_bytes).
    ///
    /// ```
    /// use connect_api::data::Decimal;
    ///
    /// assert_eq!(Decimal::new(-1234, 2).to_string(), "-12.34");
    /// ```
    #[must_use]
    pub fn new(unscaled: impl Into<i128>, scale: i32) -> Self {
        Self::of(unscaled.into().into(), scale)
    }

    const fn of(unscaled: BigInt, scale: i32) -> Self {
        Self { unscaled, scale }
    }

    /// Creates a number from the decimal digits of its unscaled value, with or without a sign.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) for anything but digits.
    ///
    /// ```
    /// use connect_api::data::Decimal;
    ///
    /// let decimal = Decimal::from_digits("-1234", 2)?;
    /// assert_eq!(decimal, Decimal::new(-1234, 2));
    /// assert_eq!(decimal.unscaled_digits(), "-1234");
    /// # Ok::<(), connect_api::Error>(())
    /// ```
    pub fn from_digits(unscaled: &str, scale: i32) -> Result<Self> {
        let digits = unscaled.strip_prefix(['+', '-']).unwrap_or(unscaled);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        match unscaled.parse() {
            Ok(unscaled) if is_number => Ok(Self::of(unscaled, scale)),
            _ => Err(Error::data(format!("\"{unscaled}\" is not a whole number"))),
        }
    }

    /// Creates a number from its unscaled value in big-endian two's complement, as Connect encodes
    /// it. An empty slice is zero.
    #[must_use]
    pub fn from_be_bytes(bytes: &[u8], scale: i32) -> Self {
        Self {
            unscaled: BigInt::from_signed_bytes_be(bytes),
            scale,
        }
    }

    /// The unscaled value in big-endian two's complement, in as few bytes as possible.
    #[must_use]
    pub fn to_be_bytes(&self) -> Vec<u8> {
        self.unscaled.to_signed_bytes_be()
    }

    /// The unscaled value in decimal digits, with a `-` in front of negative ones.
    #[must_use]
    #[doc(alias = "unscaledValue")]
    pub fn unscaled_digits(&self) -> String {
        self.unscaled.to_string()
    }

    /// The number of digits after the point.
    #[must_use]
    pub const fn scale(&self) -> i32 {
        self.scale
    }

    /// Parses decimal text, with or without exponent, as Java's `new BigDecimal(text)`.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) if the text is not a decimal number.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = || Error::data(format!("\"{text}\" is not a decimal number"));
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => {
                let (mantissa, exponent) = text.split_at(at);
                let exponent = exponent.get(1..).unwrap_or_default();
                (mantissa, exponent.parse::<i64>().map_err(|_| bad())?)
            }
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = whole.strip_prefix(['+', '-']).unwrap_or(whole);
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if digits.len() + fraction.len() == 0 || !all_digits(digits) || !all_digits(fraction) {
            return Err(bad());
        }
        let unscaled: BigInt = format!("{whole}{fraction}").parse().map_err(|_| bad())?;
        let scale = i64::try_from(fraction.len()).map_err(|_| bad())? - exponent;
        Ok(Self {
            unscaled,
            scale: scale.try_into().map_err(|_| bad())?,
        })
    }

    /// The number without an exponent. A large exponent makes a long string;
    /// [`Display`](fmt::Display) has the compact form.
    #[must_use]
    pub fn to_plain_string(&self) -> String {
        let text = self.unscaled.magnitude().to_string();
        let sign = if self.unscaled.sign() == num_bigint::Sign::Minus {
            "-"
        } else {
            ""
        };
        match usize::try_from(self.scale) {
            Ok(0) => format!("{sign}{text}"),
            Ok(scale) if text.len() > scale => {
                let (whole, fraction) = text.split_at(text.len() - scale);
                format!("{sign}{whole}.{fraction}")
            }
            Ok(scale) => format!("{sign}0.{text:0>scale$}"),
            Err(_) if text == "0" => "0".into(),
            Err(_) => {
                let zeros = usize::try_from(-i64::from(self.scale)).unwrap_or_default();
                format!("{sign}{text}{}", "0".repeat(zeros))
            }
        }
    }

    /// The number as a 64-bit integer; `None` if it has a fraction or is out of range. Large
    /// exponents cost nothing.
    #[must_use]
    #[doc(alias = "longValueExact")]
    pub fn to_i64_exact(&self) -> Option<i64> {
        if self.unscaled.sign() == num_bigint::Sign::NoSign {
            return Some(0);
        }
        if (-18..=0).contains(&self.scale) {
            let power = BigInt::from(10).pow(self.scale.unsigned_abs());
            return (&self.unscaled * power).try_into().ok();
        }
        // A whole number has more digits than its scale; others need no division. With a scale below
        // -18 only zero is in range.
        let digits = self.unscaled.magnitude().to_string().len();
        if usize::try_from(self.scale).is_ok_and(|scale| scale < digits) {
            let power = BigInt::from(10).pow(self.scale.unsigned_abs());
            if (&self.unscaled % &power).sign() == num_bigint::Sign::NoSign {
                return (&self.unscaled / power).try_into().ok();
            }
        }
        None
    }

    /// The number without its fraction; `None` if it is out of range. Large exponents cost nothing.
    #[must_use]
    pub fn to_i64(&self) -> Option<i64> {
        let Some(scale) = u32::try_from(self.scale).ok().filter(|scale| *scale > 0) else {
            return self.to_i64_exact();
        };
        let digits = self.unscaled.magnitude().to_string().len();
        if usize::try_from(scale).is_ok_and(|scale| scale >= digits) {
            return Some(0);
        }
        (&self.unscaled / BigInt::from(10).pow(scale))
            .try_into()
            .ok()
    }

    /// The low 64 bits of the number without its fraction. Large exponents cost nothing.
    #[must_use]
    #[doc(alias = "longValue")]
    pub fn to_i64_wrapping(&self) -> i64 {
        let power = || BigInt::from(10).pow(self.scale.unsigned_abs());
        let whole = if self.scale <= -64 {
            // 10^64 is a multiple of 2^64: all low bits are zero.
            return 0;
        } else if self.scale <= 0 {
            &self.unscaled * power()
        } else {
            let digits = self.unscaled.magnitude().to_string().len();
            if usize::try_from(self.scale).is_ok_and(|scale| scale >= digits) {
                return 0;
            }
            &self.unscaled / power()
        };
        let low = whole.iter_u64_digits().next().unwrap_or(0).cast_signed();
        if whole.sign() == num_bigint::Sign::Minus {
            low.wrapping_neg()
        } else {
            low
        }
    }

    /// The same number with another scale. `None` if digits would be lost, or more than 10,000 added.
    #[must_use]
    #[doc(alias = "setScale")]
    pub fn with_scale(&self, scale: i32) -> Option<Self> {
        if self.unscaled.sign() == num_bigint::Sign::NoSign {
            return Some(Self::new(0, scale));
        }
        let zeros = i64::from(scale) - i64::from(self.scale);
        let count = u32::try_from(zeros.unsigned_abs())
            .ok()
            .filter(|count| *count <= 10_000)?;
        let power = BigInt::from(10).pow(count);
        if zeros >= 0 {
            return Some(Self::of(&self.unscaled * power, scale));
        }
        let is_exact = (&self.unscaled % &power).sign() == num_bigint::Sign::NoSign;
        is_exact.then(|| Self::of(&self.unscaled / power, scale))
    }

    /// True if both are the same number, with any scales. Large exponents cost nothing.
    pub(crate) fn is_same_number(&self, other: &Self) -> bool {
        let digits = |decimal: &Self| {
            let text = decimal.unscaled_digits();
            let significant = text.trim_end_matches('0');
            let zeros = i64::try_from(text.len() - significant.len()).unwrap_or(i64::MAX);
            // Zero has no digits left, and its exponent does not matter.
            let exponent = zeros.saturating_sub(decimal.scale.into());
            let exponent = (!significant.is_empty()).then_some(exponent);
            (significant.to_owned(), exponent)
        };
        digits(self) == digits(other)
    }

    /// The nearest single precision number.
    #[must_use]
    pub fn to_f32(&self) -> f32 {
        self.to_string().parse().unwrap_or(f32::NAN)
    }

    /// The nearest double.
    #[must_use]
    pub fn to_f64(&self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }
}

impl fmt::Display for Decimal {
    /// Like Java's `BigDecimal.toString`: with an exponent if the scale is negative or the number is
    /// very small.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.unscaled.magnitude().to_string();
        let length = i64::try_from(digits.len()).unwrap_or(i64::MAX);
        let adjusted = -i64::from(self.scale) + (length - 1);
        if self.scale >= 0 && adjusted >= -6 {
            return f.write_str(&self.to_plain_string());
        }
        if self.unscaled.sign() == num_bigint::Sign::Minus {
            f.write_str("-")?;
        }
        let (first, rest) = digits.split_at(1);
        f.write_str(first)?;
        if !rest.is_empty() {
            write!(f, ".{rest}")?;
        }
        if adjusted != 0 {
            write!(f, "E{adjusted:+}")
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Creates a logical value from milliseconds since the epoch, which Java's `Date` objects contain.
///
/// # Errors
/// [`ErrorKind::Data`](crate::ErrorKind::Data) for a Date with a time of day, a Time outside of the
/// first day, or a Decimal.
pub fn from_millis(logical: Logical, millis: i64) -> Result<Value> {
    match logical {
        Logical::Date => {
            if millis.rem_euclid(MILLIS_PER_DAY) != 0 {
                return Err(Error::data("a Date must not have a time of day"));
            }
            i32::try_from(millis.div_euclid(MILLIS_PER_DAY))
                .map(Value::Date)
                .map_err(|_| Error::data(format!("{millis} ms is out of range for a Date")))
        }
        Logical::Time => match i32::try_from(millis) {
            Ok(time) if (0..=MILLIS_PER_DAY).contains(&millis) => Ok(Value::Time(time)),
            _ => Err(Error::data("a Time must lie within one day")),
        },
        Logical::Timestamp => Ok(Value::Timestamp(millis)),
        Logical::Decimal => Err(Error::data("a Decimal is not a point in time")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decimals_print_as_java_prints_them() {
        for (unscaled, scale, text) in [
            (1234, 2, "12.34"),
            (-5, 3, "-0.005"),
            (1, -3, "1E+3"),
            (123, -3, "1.23E+5"),
            (1, 7, "1E-7"),
            (12, 8, "1.2E-7"),
            (0, 0, "0"),
            (0, 2, "0.00"),
            (0, -2, "0E+2"),
        ] {
            assert_eq!(Decimal::new(unscaled, scale).to_string(), text);
            assert_eq!(Decimal::parse(text).unwrap(), Decimal::new(unscaled, scale));
        }
    }

    #[test]
    fn plain_text_has_no_exponent() {
        assert_eq!(Decimal::new(123, -3).to_plain_string(), "123000");
        assert_eq!(Decimal::new(12, 8).to_plain_string(), "0.00000012");
        assert_eq!(Decimal::new(-12, 1).to_plain_string(), "-1.2");
    }

    #[test]
    fn whole_numbers_are_integers() {
        for (text, number) in [
            ("1.00", Some(1)),
            ("1.5", None),
            ("-1E+3", Some(-1000)),
            ("0E+999999999", Some(0)),
            ("1E+999999999", None),
            ("1E-999999999", None),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
        ] {
            assert_eq!(
                Decimal::parse(text).unwrap().to_i64_exact(),
                number,
                "{text}"
            );
        }
    }

    #[test]
    fn numbers_are_cut_to_64_bits() {
        for (text, number) in [
            ("12.99", 12),
            ("-12.99", -12),
            ("0.99", 0),
            ("1.2E+3", 1200),
            ("9223372036854775808", i64::MIN),
            ("-18446744073709551617", -1),
            ("1E+63", -9_223_372_036_854_775_808),
            ("1E+64", 0),
            ("1E+999999999", 0),
            ("1E-999999999", 0),
        ] {
            let decimal = Decimal::parse(text).unwrap();
            assert_eq!(decimal.to_i64_wrapping(), number, "{text}");
        }
    }

    #[test]
    fn scales_change_if_no_digit_is_lost() {
        for (text, scale, expected) in [
            ("7", 2, Some("7.00")),
            ("1.50", 1, Some("1.5")),
            ("1.55", 1, None),
            ("1200", -2, Some("1.2E+3")),
            ("0", i32::MAX, Some("0E-2147483647")),
            ("1", i32::MAX, None),
        ] {
            let scaled = Decimal::parse(text).unwrap().with_scale(scale);
            let scaled = scaled.map(|decimal| decimal.to_string());
            assert_eq!(scaled.as_deref(), expected, "{text} {scale}");
        }
    }

    #[test]
    fn unscaled_bytes_are_minimal_twos_complement() {
        assert_eq!(Decimal::new(-15, 0).to_be_bytes(), [241]);
        assert_eq!(Decimal::new(128, 0).to_be_bytes(), [0, 128]);
        assert_eq!(Decimal::from_be_bytes(&[], 0), Decimal::new(0, 0));
    }

    #[test]
    fn text_that_is_not_a_number_is_refused() {
        for bad in ["", ".", "-", "1e", "0x1", "1_0", "1.2.3", "NaN", " 1"] {
            assert!(Decimal::parse(bad).is_err(), "{bad}");
        }
        for bad in ["", "-", "1.0", "1e3", "1_0", "+-1", " 1"] {
            assert!(Decimal::from_digits(bad, 0).is_err(), "{bad}");
        }
    }

    proptest! {
        /// The digits, the point and the exponent are counted here without a number type.
        #[test]
        fn decimal_text_is_read_whole_or_refused(
            text in "[-+]{0,2}[0-9]{0,25}[.]{0,2}[0-9]{0,9}([eE][-+]?[0-9]{0,11})?[ _x]?"
        ) {
            let Ok(decimal) = Decimal::parse(&text) else { return Ok(()) };
            let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((&text, "0"));
            let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
            let digits = format!("{whole}{fraction}");
            let digits = digits.trim_start_matches(['+', '-']).trim_start_matches('0');
            let found = decimal.unscaled_digits();
            prop_assert_eq!(found.trim_start_matches(['-', '0']), digits);
            let is_negative = text.starts_with('-') && !digits.is_empty();
            prop_assert_eq!(found.starts_with('-'), is_negative);
            let scale = fraction.len() as i64 - exponent.parse::<i64>().unwrap();
            prop_assert_eq!(i64::from(decimal.scale()), scale);
            prop_assert_eq!(Decimal::from_digits(&found, decimal.scale()).unwrap(), decimal);
        }
    }
}
