//! Typed values of a configuration.

use std::collections::BTreeMap;
use std::fmt;

use super::Password;

/// The typed value of one key.
///
/// `Display` prints it as Kafka's errors do: lists as `[a, b]`, passwords as `[hidden]`, null as
/// `null`. [`ParsedValue::render`] is different.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub enum ParsedValue {
    /// True or false.
    Boolean(bool),
    /// The class name of a plugin.
    Class(String),
    /// A 64-bit floating point number.
    Double(f64),
    /// A 32-bit integer.
    Int(i32),
    /// Strings.
    List(Vec<String>),
    /// A 64-bit integer.
    Long(i64),
    /// No value.
    #[default]
    Null,
    /// A string that is never printed.
    Password(Password),
    /// A 16-bit integer.
    Short(i16),
    /// A string.
    String(String),
}

impl ParsedValue {
    /// True if there is no value.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The boolean, if it is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Boolean(value) = self {
            Some(*value)
        } else {
            None
        }
    }

    /// The integer, if it is one of any width.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some((*value).into()),
            Self::Long(value) => Some(*value),
            Self::Short(value) => Some((*value).into()),
            _ => None,
        }
    }

    /// The number as a floating point number, if it is one of any type.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "Kafka compares ranges as doubles"
    )]
    pub fn as_f64(&self) -> Option<f64> {
        if let Self::Double(value) = self {
            Some(*value)
        } else {
            self.as_i64().map(|n| n as f64)
        }
    }

    /// The string, if it is a string or a class.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(value) | Self::Class(value) = self {
            Some(value)
        } else {
            None
        }
    }

    /// The strings, if it is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[String]> {
        if let Self::List(value) = self {
            Some(value)
        } else {
            None
        }
    }

    /// Formats the value so that parsing returns it again; `None` for null. Passwords are not hidden.
    #[must_use]
    #[doc(alias = "convertToStringMapWithPasswordValues")]
    pub fn expose(&self) -> Option<String> {
        match self {
            Self::Password(password) => Some(password.expose().into()),
            other => other.render(),
        }
    }

    /// Formats the value for responses: lists joined by commas, passwords as `[hidden]`; `None` for
    /// null.
    #[must_use]
    #[doc(alias = "convertToString")]
    pub fn render(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::List(values) => Some(values.join(",")),
            other => Some(other.to_string()),
        }
    }
}

impl fmt::Display for ParsedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Class(value) | Self::String(value) => f.write_str(value),
            Self::Double(value) => f.write_str(&java_double(*value)),
            Self::Int(value) => write!(f, "{value}"),
            Self::List(values) => write!(f, "[{}]", values.join(", ")),
            Self::Long(value) => write!(f, "{value}"),
            Self::Null => f.write_str("null"),
            Self::Password(value) => write!(f, "{value}"),
            Self::Short(value) => write!(f, "{value}"),
        }
    }
}

impl From<bool> for ParsedValue {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<f64> for ParsedValue {
    fn from(value: f64) -> Self {
        Self::Double(value)
    }
}

impl From<i16> for ParsedValue {
    fn from(value: i16) -> Self {
        Self::Short(value)
    }
}

impl From<i32> for ParsedValue {
    fn from(value: i32) -> Self {
        Self::Int(value)
    }
}

impl From<i64> for ParsedValue {
    fn from(value: i64) -> Self {
        Self::Long(value)
    }
}

impl From<&str> for ParsedValue {
    fn from(value: &str) -> Self {
        Self::String(value.into())
    }
}

impl From<String> for ParsedValue {
    fn from(value: String) -> Self {
        Self::String(value)
    }
}

impl From<Vec<String>> for ParsedValue {
    fn from(value: Vec<String>) -> Self {
        Self::List(value)
    }
}

impl From<Password> for ParsedValue {
    fn from(value: Password) -> Self {
        Self::Password(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for ParsedValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// The typed values of all keys of a definition. `Debug` prints keys only.
#[derive(Clone, Default, PartialEq)]
pub struct ParsedConfig(BTreeMap<String, ParsedValue>);

impl ParsedConfig {
    /// The value of a key; null if the definition does not have the key.
    #[must_use]
    pub fn get(&self, key: &str) -> &ParsedValue {
        self.0.get(key).unwrap_or(&ParsedValue::Null)
    }

    /// Sets the value of a key.
    pub fn insert(&mut self, key: impl Into<String>, value: ParsedValue) {
        self.0.insert(key.into(), value);
    }

    /// The keys with their values, in order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ParsedValue)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The values whose key starts with `prefix`, without the prefix.
    #[must_use]
    pub fn with_prefix(&self, prefix: &str) -> Self {
        self.iter()
            .filter_map(|(key, value)| Some((key.strip_prefix(prefix)?.to_owned(), value.clone())))
            .collect()
    }
}

impl FromIterator<(String, ParsedValue)> for ParsedConfig {
    fn from_iter<I: IntoIterator<Item = (String, ParsedValue)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl fmt::Debug for ParsedConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ParsedConfig ")?;
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Formats a floating point number as Java does: `1.0`, `1.0E10`.
pub(super) fn java_double(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 {
            "Infinity".into()
        } else {
            "-Infinity".into()
        };
    }
    let magnitude = value.abs();
    if value == 0.0 || (1e-3..1e7).contains(&magnitude) {
        return format!("{value:?}");
    }
    let text = format!("{value:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_print_as_in_java() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (2.5, "2.5"),
            (0.001, "0.001"),
            (0.0001, "1.0E-4"),
            (1e7, "1.0E7"),
            (9_999_999.0, "9999999.0"),
            (9.223_372_036_854_776E18, "9.223372036854776E18"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(java_double(value), text);
        }
    }

    #[test]
    fn lists_print_and_render_differently() {
        let list = ParsedValue::List(vec!["a".into(), "b".into()]);
        assert_eq!(list.to_string(), "[a, b]");
        assert_eq!(list.render().as_deref(), Some("a,b"));
    }

    #[test]
    fn passwords_show_only_when_exposed() {
        let value = ParsedValue::from(Password::new("s3cret"));
        assert_eq!(value.render().as_deref(), Some("[hidden]"));
        assert_eq!(format!("{value:?}"), "Password([hidden])");
        assert_eq!(value.expose().as_deref(), Some("s3cret"));
    }
}
