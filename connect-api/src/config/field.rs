//! Parsing and formatting of values: Kafka's nine types and the Rust types based on them.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::ParsedValue;
use super::Password;
use super::value::java_double;
use crate::TopicName;
use crate::data::Text;

/// Kafka's type of a configuration key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConfigType {
    /// `true` or `false` in any case.
    Boolean,
    /// The name of a plugin class.
    Class,
    /// A 64-bit floating point number.
    Double,
    /// A 32-bit integer.
    Int,
    /// Strings separated by commas. White space around commas is ignored.
    List,
    /// A 64-bit integer.
    Long,
    /// A string that is never printed.
    Password,
    /// A 16-bit integer.
    Short,
    /// A string. White space around it is ignored.
    String,
}

impl ConfigType {
    /// Kafka's name of the type: `BOOLEAN`, `STRING`, `INT` …
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::Class => "CLASS",
            Self::Double => "DOUBLE",
            Self::Int => "INT",
            Self::List => "LIST",
            Self::Long => "LONG",
            Self::Password => "PASSWORD",
            Self::Short => "SHORT",
            Self::String => "STRING",
        }
    }

    /// Parses a value of this type. White space around the text is ignored.
    ///
    /// Any string is accepted as a class; see [`ConfigKey::classes`](super::ConfigKey::classes).
    ///
    /// # Errors
    /// The reason in Kafka's words, such as `Not a number of type INT`.
    ///
    /// ```
    /// use connect_api::config::{ConfigType, ParsedValue};
    ///
    /// assert_eq!(ConfigType::Int.parse(" +5 "), Ok(ParsedValue::Int(5)));
    /// assert_eq!(ConfigType::Int.parse("1e3"), Err("Not a number of type INT".into()));
    /// ```
    #[doc(alias = "parseType")]
    pub fn parse(self, text: &str) -> Result<ParsedValue, String> {
        let trimmed = java_trim(text);
        let number = |value: Option<ParsedValue>| {
            value.ok_or_else(|| format!("Not a number of type {}", self.name()))
        };
        match self {
            Self::Boolean => parse_bool(trimmed).map(ParsedValue::Boolean),
            Self::Class => Ok(ParsedValue::Class(trimmed.into())),
            Self::Double => number(parse_double(trimmed).map(ParsedValue::Double)),
            Self::Int => number(trimmed.parse().ok().map(ParsedValue::Int)),
            Self::List => Ok(ParsedValue::List(parse_list(trimmed))),
            Self::Long => number(trimmed.parse().ok().map(ParsedValue::Long)),
            Self::Password => Ok(ParsedValue::Password(trimmed.into())),
            Self::Short => number(trimmed.parse().ok().map(ParsedValue::Short)),
            Self::String => Ok(ParsedValue::String(trimmed.into())),
        }
    }

    /// Converts a value to this type: numbers change their width, strings are parsed.
    pub(super) fn coerce(self, value: ParsedValue) -> Result<ParsedValue, String> {
        match (self, &value) {
            (_, ParsedValue::Null)
            | (Self::Boolean, ParsedValue::Boolean(_))
            | (Self::Class, ParsedValue::Class(_))
            | (Self::Double, ParsedValue::Double(_))
            | (Self::Int, ParsedValue::Int(_))
            | (Self::List, ParsedValue::List(_))
            | (Self::Long, ParsedValue::Long(_))
            | (Self::Password, ParsedValue::Password(_))
            | (Self::Short, ParsedValue::Short(_))
            | (Self::String, ParsedValue::String(_)) => Ok(value),
            _ => self.parse(&value.expose().unwrap_or_default()),
        }
    }
}

impl fmt::Display for ConfigType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A Rust type of a configuration key.
///
/// Implement it for your own types, or derive it for enums without data with
/// [`ConfigEnum`](macro@crate::config::ConfigEnum).
///
/// ```
/// use connect_api::config::{ConfigField, ConfigType};
///
/// struct Percent(i32);
///
/// impl ConfigField for Percent {
///     const TYPE: ConfigType = ConfigType::Int;
///
///     fn parse(text: &str) -> Result<Self, String> {
///         match i32::parse(text)? {
///             percent @ 0..=100 => Ok(Self(percent)),
///             _ => Err("Value must be between 0 and 100".into()),
///         }
///     }
///
///     fn render(&self) -> Option<String> {
///         self.0.render()
///     }
/// }
///
/// assert!(Percent::parse("101").is_err());
/// ```
pub trait ConfigField: Sized {
    /// Kafka's type of the key.
    const TYPE: ConfigType;

    /// Parses a value. White space around the text is ignored.
    ///
    /// # Errors
    /// The reason without the value and the key, as in `Not a number of type INT`.
    fn parse(text: &str) -> Result<Self, String>;

    /// Formats the value so that [`parse`](Self::parse) returns it again; `None` if the value
    /// represents null. Passwords are not hidden.
    fn render(&self) -> Option<String>;

    /// The value that null represents; `None` if null is an error.
    #[must_use]
    fn null() -> Option<Self> {
        None
    }
}

impl ConfigField for bool {
    const TYPE: ConfigType = ConfigType::Boolean;

    fn parse(text: &str) -> Result<Self, String> {
        parse_bool(java_trim(text))
    }

    fn render(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl ConfigField for f64 {
    const TYPE: ConfigType = ConfigType::Double;

    fn parse(text: &str) -> Result<Self, String> {
        parse_double(java_trim(text)).ok_or_else(|| "Not a number of type DOUBLE".into())
    }

    fn render(&self) -> Option<String> {
        Some(java_double(*self))
    }
}

impl ConfigField for i16 {
    const TYPE: ConfigType = ConfigType::Short;

    fn parse(text: &str) -> Result<Self, String> {
        java_trim(text)
            .parse()
            .map_err(|_| "Not a number of type SHORT".into())
    }

    fn render(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl ConfigField for i32 {
    const TYPE: ConfigType = ConfigType::Int;

    fn parse(text: &str) -> Result<Self, String> {
        java_trim(text)
            .parse()
            .map_err(|_| "Not a number of type INT".into())
    }

    fn render(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl ConfigField for i64 {
    const TYPE: ConfigType = ConfigType::Long;

    fn parse(text: &str) -> Result<Self, String> {
        java_trim(text)
            .parse()
            .map_err(|_| "Not a number of type LONG".into())
    }

    fn render(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl ConfigField for String {
    const TYPE: ConfigType = ConfigType::String;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(java_trim(text).into())
    }

    fn render(&self) -> Option<String> {
        Some(self.clone())
    }
}

impl ConfigField for Text {
    const TYPE: ConfigType = ConfigType::String;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(java_trim(text).into())
    }

    fn render(&self) -> Option<String> {
        Some(self.as_str().into())
    }
}

impl ConfigField for PathBuf {
    const TYPE: ConfigType = ConfigType::String;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(java_trim(text).into())
    }

    fn render(&self) -> Option<String> {
        Some(self.to_string_lossy().into_owned())
    }
}

impl ConfigField for TopicName {
    const TYPE: ConfigType = ConfigType::String;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(java_trim(text).into())
    }

    fn render(&self) -> Option<String> {
        Some(self.as_str().into())
    }
}

impl ConfigField for Password {
    const TYPE: ConfigType = ConfigType::Password;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(java_trim(text).into())
    }

    fn render(&self) -> Option<String> {
        Some(self.expose().into())
    }
}

impl ConfigField for Vec<String> {
    const TYPE: ConfigType = ConfigType::List;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(parse_list(java_trim(text)))
    }

    fn render(&self) -> Option<String> {
        Some(self.join(","))
    }
}

/// Milliseconds, as in keys that end in `.ms`. Negative numbers are refused; use `i64` for a key
/// whose value may be −1.
impl ConfigField for Duration {
    const TYPE: ConfigType = ConfigType::Long;

    fn parse(text: &str) -> Result<Self, String> {
        let millis = u64::try_from(i64::parse(text)?);
        millis
            .map(Self::from_millis)
            .map_err(|_| "Value must be at least 0".into())
    }

    fn render(&self) -> Option<String> {
        Some(self.as_millis().to_string())
    }
}

/// A key that may be absent or null. An empty string is a value.
impl<T: ConfigField> ConfigField for Option<T> {
    const TYPE: ConfigType = T::TYPE;

    fn parse(text: &str) -> Result<Self, String> {
        T::parse(text).map(Some)
    }

    fn render(&self) -> Option<String> {
        self.as_ref()?.render()
    }

    fn null() -> Option<Self> {
        Some(None)
    }
}

/// Java's `String.trim`: removes everything up to U+0020 at both ends.
fn java_trim(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

fn parse_bool(trimmed: &str) -> Result<bool, String> {
    if trimmed.eq_ignore_ascii_case("true") {
        Ok(true)
    } else if trimmed.eq_ignore_ascii_case("false") {
        Ok(false)
    } else {
        Err("Expected value to be either true or false".into())
    }
}

/// Java's `Double.parseDouble` without hexadecimal notation. Numbers out of range are refused.
fn parse_double(trimmed: &str) -> Option<f64> {
    let unsigned = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    match unsigned {
        "NaN" => return Some(f64::NAN),
        "Infinity" if trimmed.starts_with('-') => return Some(f64::NEG_INFINITY),
        "Infinity" => return Some(f64::INFINITY),
        _ => {}
    }
    let digits = trimmed
        .strip_suffix(['f', 'F', 'd', 'D'])
        .unwrap_or(trimmed);
    let decimal = |c: char| c.is_ascii_digit() || matches!(c, '.' | '+' | '-' | 'e' | 'E');
    if !digits.chars().all(decimal) {
        return None;
    }
    let number: f64 = digits.parse().ok()?;
    let mantissa = digits.split(['e', 'E']).next().unwrap_or_default();
    let is_zero = !mantissa.contains(|c: char| ('1'..='9').contains(&c));
    // A number out of range would become infinity or zero.
    (number.is_finite() && (number != 0.0 || is_zero)).then_some(number)
}

/// Splits at commas and the white space around them. Empty elements are kept.
fn parse_list(trimmed: &str) -> Vec<String> {
    if trimmed.is_empty() {
        return Vec::new();
    }
    let last = trimmed.matches(',').count();
    let white = |c: char| matches!(c, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r');
    trimmed
        .split(',')
        .enumerate()
        .map(|(i, element)| {
            let element = if i > 0 {
                element.trim_start_matches(white)
            } else {
                element
            };
            let element = if i < last {
                element.trim_end_matches(white)
            } else {
                element
            };
            element.to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::Decimal;

    #[test]
    fn doubles_accept_what_java_accepts() {
        for (text, value) in [
            ("1f", 1.0),
            ("1.", 1.0),
            (".5D", 0.5),
            ("-1e3", -1000.0),
            ("-0.0e-999", 0.0),
            ("-Infinity", f64::NEG_INFINITY),
        ] {
            assert_eq!(f64::parse(text), Ok(value), "{text}");
        }
        for text in [
            "", "inf", "infinity", "nan", ".", "1_0", "f", "NaNf", "0x10", "1e400", "-1e400",
            "1e-400",
        ] {
            assert!(f64::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn inner_empty_elements_are_kept() {
        let list = |text| Vec::<String>::parse(text).unwrap();
        assert!(list("").is_empty() && list("  ").is_empty());
        assert_eq!(list("a,,b"), ["a", "", "b"]);
        assert_eq!(list(" a , b ,"), ["a", "b", ""]);
        assert_eq!(list(","), ["", ""]);
        assert_eq!(list("a b"), ["a b"]);
    }

    #[test]
    fn null_is_a_value_of_options_only() {
        assert_eq!(<Option<i32> as ConfigField>::null(), Some(None));
        assert_eq!(<i32 as ConfigField>::null(), None);
        assert_eq!(Option::<PathBuf>::parse(""), Ok(Some(PathBuf::new())));
    }

    #[test]
    fn durations_are_milliseconds() {
        assert_eq!(Duration::parse("1500"), Ok(Duration::from_millis(1500)));
        assert_eq!(
            Duration::parse("-1"),
            Err("Value must be at least 0".into())
        );
    }

    proptest! {
        #[test]
        fn numbers_survive_a_round_trip(int: i32, long: i64, short: i16, double: f64) {
            prop_assert_eq!(i32::parse(&int.render().unwrap()), Ok(int));
            prop_assert_eq!(i64::parse(&long.render().unwrap()), Ok(long));
            prop_assert_eq!(i16::parse(&short.render().unwrap()), Ok(short));
            let again = f64::parse(&double.render().unwrap()).unwrap();
            prop_assert_eq!(again.to_bits(), double.to_bits());
        }

        #[test]
        fn numbers_are_read_whole_or_refused(
            text in "[ \t]?[-+]{0,2}[0-9]{0,20}[.]?[0-9]{0,3}([eE][-+]?[0-9]{0,3})?[ _xfd,:]?"
        ) {
            let exact = Decimal::parse(java_trim(&text)).ok();
            let whole = exact.as_ref().and_then(Decimal::to_i64_exact);
            for found in [
                i16::parse(&text).ok().map(i64::from),
                i32::parse(&text).ok().map(i64::from),
                i64::parse(&text).ok(),
                Duration::parse(&text).ok().map(|time| time.as_millis().try_into().unwrap()),
            ] {
                prop_assert!(found.is_none() || found == whole, "{text:?} became {found:?}");
            }
            if let Ok(found) = f64::parse(&text) {
                let number = Decimal::parse(java_trim(&text).trim_end_matches(['f', 'd'])).unwrap();
                prop_assert_eq!(found, number.to_f64());
                prop_assert!(found.is_finite());
                let is_zero = number.is_same_number(&Decimal::new(0, 0));
                prop_assert_eq!(found == 0.0, is_zero);
            }
        }

        #[test]
        fn lists_survive_a_round_trip(list in proptest::collection::vec("[a-z]{1,4}( [a-z]{1,4})?", 0..6)) {
            prop_assert_eq!(Vec::<String>::parse(&list.join(" , ")).unwrap(), list);
        }

        #[test]
        fn any_text_parses_or_fails_without_a_panic(text: String) {
            for ty in [ConfigType::Boolean, ConfigType::Double, ConfigType::List, ConfigType::Long] {
                drop(ty.parse(&text));
            }
            let commas = text.trim_matches(|c| c <= ' ').matches(',').count();
            let list = Vec::<String>::parse(&text).unwrap();
            prop_assert!(list.is_empty() || list.len() == commas + 1);
        }
    }
}
