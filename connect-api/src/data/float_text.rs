//! The text of floating point numbers as Java prints it.

use std::fmt;
use std::ops::Deref;

use num_bigint::BigUint;

/// The text of a floating point number as Java's `Float.toString` and `Double.toString` print it:
/// `1.0`, `0.001`, `1.0E7`, `-Infinity`, `NaN`.
///
/// *Shape*: on the stack. Common numbers need no allocation.
///
/// *Java*: the digits are those of Java up to version 18, on which Kafka Connect often runs. They
/// identify the number but are not always the fewest: the float `123456789` prints as
/// `1.23456792E8`. Later versions print the fewest digits.
///
/// ```
/// use connect_api::data::FloatText;
///
/// assert_eq!(&*FloatText::of_f64(12_500_000.0), "1.25E7");
/// assert_eq!(&*FloatText::of_f32(0.1), "0.1");
/// ```
#[derive(Clone, Copy)]
pub struct FloatText {
    bytes: [u8; Self::CAPACITY],
    len: usize,
}

impl FloatText {
    // Room for the sign, 20 digits, the point, `E-324` and zeros around short numbers.
    const CAPACITY: usize = 32;

    /// Formats a single precision number.
    #[must_use]
    pub fn of_f32(value: f32) -> Self {
        let bits = value.to_bits();
        let (fraction, exponent) = (bits & 0x7f_ffff, (bits >> 23) & 0xff);
        if exponent == 0xff || bits << 1 == 0 {
            return Self::special(
                value.is_nan(),
                value.is_infinite(),
                value.is_sign_negative(),
            );
        }
        let number = Binary::new(u64::from(fraction) << 29, exponent.cast_signed(), 127, 24);
        Self::of(value.is_sign_negative(), &number.to_decimal())
    }

    /// Formats a double precision number.
    #[must_use]
    pub fn of_f64(value: f64) -> Self {
        let bits = value.to_bits();
        let (fraction, exponent) = (bits & FRACTION, (bits >> 52) & 0x7ff);
        if exponent == 0x7ff || bits << 1 == 0 {
            return Self::special(
                value.is_nan(),
                value.is_infinite(),
                value.is_sign_negative(),
            );
        }
        let exponent = i32::try_from(exponent).unwrap_or_default();
        Self::of(
            value.is_sign_negative(),
            &Binary::new(fraction, exponent, 1023, 53).to_decimal(),
        )
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The text as ASCII bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn special(is_nan: bool, is_infinite: bool, is_negative: bool) -> Self {
        let mut text = Self {
            bytes: [0; Self::CAPACITY],
            len: 0,
        };
        text.extend(match (is_nan, is_infinite, is_negative) {
            (true, ..) => b"NaN".as_slice(),
            (_, true, false) => b"Infinity",
            (_, true, true) => b"-Infinity",
            (_, _, false) => b"0.0",
            (_, _, true) => b"-0.0",
        });
        text
    }

    fn of(is_negative: bool, decimal: &Digits) -> Self {
        let mut text = Self {
            bytes: [0; Self::CAPACITY],
            len: 0,
        };
        let digits = decimal.as_slice();
        if is_negative {
            text.push(b'-');
        }
        match decimal.point {
            point @ 1..8 => {
                let whole = usize::try_from(point).unwrap_or_default();
                let (before, after) = digits.split_at(whole.min(digits.len()));
                text.extend(before);
                (before.len()..whole).for_each(|_| text.push(b'0'));
                text.push(b'.');
                text.extend(if after.is_empty() { b"0" } else { after });
            }
            point @ -2..=0 => {
                text.extend(b"0.");
                (point..0).for_each(|_| text.push(b'0'));
                text.extend(digits);
            }
            point => {
                let (first, rest) = digits.split_at(digits.len().min(1));
                text.extend(first);
                text.push(b'.');
                text.extend(if rest.is_empty() { b"0" } else { rest });
                text.push(b'E');
                let exponent = point - 1;
                if exponent < 0 {
                    text.push(b'-');
                }
                let exponent = exponent.unsigned_abs();
                for power in [100, 10, 1] {
                    if exponent >= power || power == 1 {
                        text.push(b'0' + u8::try_from(exponent / power % 10).unwrap_or_default());
                    }
                }
            }
        }
        text
    }

    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.len) {
            *slot = byte;
            self.len += 1;
        }
    }

    fn extend(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.push(*byte));
    }
}

impl Deref for FloatText {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for FloatText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for FloatText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

const FRACTION: u64 = (1 << 52) - 1;
const HIDDEN_BIT: u64 = 1 << 52;

/// Decimal digits `0.d₁d₂…× 10^point`.
struct Digits {
    digits: [u8; 20],
    len: usize,
    point: i32,
}

impl Digits {
    fn as_slice(&self) -> &[u8] {
        self.digits.get(..self.len).unwrap_or_default()
    }

    fn push(&mut self, digit: u8) {
        if let Some(slot) = self.digits.get_mut(self.len) {
            *slot = b'0' + digit;
            self.len += 1;
        }
    }

    fn last_is_odd(&self) -> bool {
        self.as_slice().last().is_some_and(|digit| digit % 2 == 1)
    }

    fn round_up(&mut self) {
        for digit in self.digits.iter_mut().take(self.len).rev() {
            if *digit != b'9' {
                *digit += 1;
                return;
            }
            *digit = b'0';
        }
        if let Some(first) = self.digits.first_mut() {
            *first = b'1';
        }
        self.point += 1;
    }

    /// The digits of a whole number whose last `insignificant` ones carry no information.
    fn of_whole(mut value: u64, insignificant: u32) -> Self {
        let mut point = 0;
        if insignificant > 0 {
            let power = 10u64.pow(insignificant);
            let residue = value % power;
            value = value / power + u64::from(residue >= power / 2);
            point = insignificant.cast_signed();
        }
        while value != 0 && value.is_multiple_of(10) {
            value /= 10;
            point += 1;
        }
        let mut decimal = Self {
            digits: [0; 20],
            len: 0,
            point,
        };
        while value != 0 {
            decimal.push(u8::try_from(value % 10).unwrap_or_default());
            value /= 10;
            decimal.point += 1;
        }
        if let Some(digits) = decimal.digits.get_mut(..decimal.len) {
            digits.reverse();
        }
        decimal
    }
}

/// A positive number `fraction × 2^(exponent - 52)`, its highest bit at 52, of which
/// `significant` bits count.
struct Binary {
    fraction: u64,
    exponent: i32,
    significant: i32,
}

impl Binary {
    fn new(fraction: u64, exponent: i32, bias: i32, precision: i32) -> Self {
        if exponent == 0 {
            // A subnormal number: fewer bits are significant.
            let shift = fraction.leading_zeros().cast_signed() - 11;
            let significant = precision - shift;
            return Self {
                fraction: fraction << shift,
                exponent: 1 - shift - bias,
                significant,
            };
        }
        Self {
            fraction: fraction | HIDDEN_BIT,
            exponent: exponent - bias,
            significant: precision,
        }
    }

    /// Steele and White's algorithm with Java's stopping rule: digits are produced until the rest is
    /// less than half the distance to the next number. `B / S` is the number, `M / S` that half.
    fn to_decimal(&self) -> Digits {
        let tail_zeros = self.fraction.trailing_zeros().cast_signed();
        let fraction_bits = 53 - tail_zeros;
        let tiny_bits = 0.max(fraction_bits - self.exponent - 1);
        if tiny_bits == 0 && self.exponent <= 62 {
            return self.whole();
        }
        let power = estimate_power(self.fraction, self.exponent);
        let b5 = 0.max(-power);
        let mut b2 = b5 + tiny_bits + self.exponent;
        let s5 = 0.max(power);
        let mut s2 = s5 + tiny_bits;
        let mut m2 = b2 - self.significant;
        b2 -= fraction_bits - 1;
        let common = b2.min(s2);
        b2 -= common;
        s2 -= common;
        m2 -= common;
        if fraction_bits == 1 {
            // Below a power of two, the distance to the next number is half as large.
            m2 -= 1;
        }
        if m2 < 0 {
            b2 -= m2;
            s2 -= m2;
            m2 = 0;
        }
        let scaled = Scaled {
            fraction: self.fraction >> tail_zeros,
            b5,
            b2,
            s5,
            s2,
            m2,
            power,
        };
        let b_bits = fraction_bits + b2 + bits_of_power_of_5(b5);
        let s_bits = s2 + 1 + bits_of_power_of_5(s5 + 1);
        // Java's rule at a tie differs between its two implementations.
        if b_bits < 64 && s_bits < 64 {
            scaled.digits_u64(false)
        } else if b_bits < 118 && s_bits < 118 {
            scaled.digits_u128(true)
        } else {
            scaled.digits_big(true)
        }
    }

    fn whole(&self) -> Digits {
        let spare = self.exponent - self.significant - 1;
        let insignificant = if spare > 1 {
            (spare * 30_103 / 100_000).unsigned_abs()
        } else {
            0
        };
        let value = match self.exponent - 52 {
            shift @ 0.. => self.fraction << shift,
            shift => self.fraction >> -shift,
        };
        Digits::of_whole(value, insignificant)
    }
}

/// The parts of `B = fraction × 5^b5 × 2^b2`, `S = 5^s5 × 2^s2` and `M = 5^b5 × 2^m2`.
struct Scaled {
    fraction: u64,
    b5: i32,
    b2: i32,
    s5: i32,
    s2: i32,
    m2: i32,
    power: i32,
}

/// Produces the digits with one number type. `high_at_equal` is the stopping rule at a tie.
macro_rules! digits {
    ($name:ident, $number:ty, |$factor:ident| $ten_times:expr, |$a:ident, $b:ident| $sum:expr) => {
        fn $name(&self, high_at_equal: bool) -> Digits {
            let power_of_5 = |n: i32| <$number>::from(5u32).pow(n.unsigned_abs());
            let s: $number = power_of_5(self.s5) << self.s2;
            let tens: $number = s.clone() * 10u32 as <$number as Small>::Of;
            let mut b: $number = (power_of_5(self.b5) * <$number>::from(self.fraction)) << self.b2;
            let mut m: $number = power_of_5(self.b5) << self.m2;
            let mut step = || {
                let digit = u8::try_from(b.clone() / &s).unwrap_or_default();
                b = (b.clone() % &s) * 10u32 as <$number as Small>::Of;
                m = {
                    let $factor = &m;
                    $ten_times
                };
                let sum: $number = {
                    let ($a, $b) = (&b, &m);
                    $sum
                };
                let high = sum > tens || (high_at_equal && sum == tens);
                (digit, b < m, high)
            };
            let mut decimal = Digits {
                digits: [0; 20],
                len: 0,
                point: self.power + 1,
            };
            let (digit, mut low, mut high) = step();
            if digit == 0 && !high {
                // The estimate of the power was one too high.
                decimal.point -= 1;
            } else {
                decimal.push(digit);
            }
            if !(-2..=8).contains(&decimal.point) {
                // The form with an exponent always has a digit after the point.
                (low, high) = (false, false);
            }
            while !low && !high && decimal.len < decimal.digits.len() {
                let digit;
                (digit, low, high) = step();
                decimal.push(digit);
            }
            let twice: $number = b << 1;
            let is_up = !low || twice > tens || (twice == tens && decimal.last_is_odd());
            if high && is_up {
                decimal.round_up();
            }
            decimal
        }
    };
}

impl Scaled {
    digits!(digits_u64, u64, |m| m.saturating_mul(10), |b, m| b
        .saturating_add(*m));
    digits!(digits_u128, u128, |m| m * 10, |b, m| b + m);
    digits!(digits_big, BigUint, |m| m * 10u32, |b, m| b + m);
}

/// The type of small factors of a number type.
trait Small {
    type Of;
}

impl Small for u64 {
    type Of = Self;
}

impl Small for u128 {
    type Of = Self;
}

impl Small for BigUint {
    type Of = u32;
}

/// An estimate of the decimal exponent of `fraction × 2^(exponent - 52)`, at most one too high.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the power of a double has three digits"
)]
#[expect(
    clippy::approx_constant,
    reason = "Java's constants decide which digits are made"
)]
fn estimate_power(fraction: u64, exponent: i32) -> i32 {
    let mantissa = f64::from_bits(1.0f64.to_bits() | (fraction & FRACTION));
    let power = (mantissa - 1.5) * 0.289_529_654
        + 0.176_091_259
        + f64::from(exponent) * 0.301_029_995_663_981;
    power.floor() as i32
}

fn bits_of_power_of_5(n: i32) -> i32 {
    const BITS: [i32; 27] = [
        0, 3, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28, 31, 33, 35, 38, 40, 42, 45, 47, 49, 52, 54,
        56, 59, 61,
    ];
    usize::try_from(n)
        .ok()
        .and_then(|n| BITS.get(n).copied())
        .unwrap_or(n * 3)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn doubles_print_as_in_java() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-2.75, "-2.75"),
            (0.1, "0.1"),
            (0.001, "0.001"),
            (0.002, "0.002"),
            (9.999E-4, "9.999E-4"),
            (1.0E-7, "1.0E-7"),
            (1.0E-5, "1.0E-5"),
            (123_456.0, "123456.0"),
            (9_999_999.0, "9999999.0"),
            (1.0E7, "1.0E7"),
            (12_345_678.9, "1.23456789E7"),
            (1.0E19, "1.0E19"),
            (1.0E22, "1.0E22"),
            (1.0E23, "9.999999999999999E22"),
            (1.0E300, "1.0E300"),
            (f64::MAX, "1.7976931348623157E308"),
            (f64::from_bits(1), "4.9E-324"),
            (f64::MIN_POSITIVE, "2.2250738585072014E-308"),
            (9.223_372_036_854_776E18, "9.223372036854776E18"),
            (9_007_199_254_740_993.0, "9.007199254740992E15"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(&*FloatText::of_f64(value), text);
        }
    }

    #[test]
    fn floats_print_as_in_java() {
        for (value, text) in [
            (0.1, "0.1"),
            (-1.5, "-1.5"),
            (3.402_823_5E38, "3.4028235E38"),
            (f32::from_bits(1), "1.4E-45"),
            (1.0E10, "1.0E10"),
            (16_777_216.0, "1.6777216E7"),
            (123_456_792.0, "1.23456792E8"),
            (1.0E20, "1.0E20"),
            (185.6875, "185.6875"),
            (f32::NAN, "NaN"),
        ] {
            assert_eq!(&*FloatText::of_f32(value), text);
        }
    }

    proptest! {
        #[test]
        fn the_text_names_the_double(bits: u64) {
            let value = f64::from_bits(bits);
            if !value.is_nan() {
                let text = FloatText::of_f64(value);
                let read: f64 = text.replace("Infinity", "inf").parse().unwrap();
                prop_assert_eq!(read.to_bits(), bits, "{}", text);
            }
        }

        #[test]
        fn the_text_names_the_float(bits: u32) {
            let value = f32::from_bits(bits);
            if !value.is_nan() {
                let text = FloatText::of_f32(value);
                let read: f32 = text.replace("Infinity", "inf").parse().unwrap();
                prop_assert_eq!(read.to_bits(), bits, "{}", text);
            }
        }
    }
}
