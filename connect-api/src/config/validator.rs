//! Validators of values, and recommendations that depend on other values.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::ConfigError;
use super::ParsedConfig;
use super::ParsedValue;
use super::value::java_double;
use crate::pattern::Pattern;

/// Validates the value of one key.
///
/// The functions of [this module](self) return Kafka's validators. [`check`] turns a closure into
/// one.
///
/// ```
/// use connect_api::config::{ConfigError, ParsedValue, Validator};
///
/// struct Even;
///
/// impl Validator for Even {
///     fn validate(&self, key: &str, value: &ParsedValue) -> Result<(), ConfigError> {
///         match value.as_i64() {
///             Some(number) if number % 2 == 1 => {
///                 Err(ConfigError::invalid(key, value, "Value must be even"))
///             }
///             _ => Ok(()),
///         }
///     }
///
///     fn describe(&self) -> String {
///         "an even number".into()
///     }
/// }
///
/// let error = Even.validate("n", &ParsedValue::Int(3)).unwrap_err();
/// assert_eq!(error.to_string(), "Invalid value 3 for configuration n: Value must be even");
/// ```
pub trait Validator: Send + Sync {
    /// Validates a value. It is [`ParsedValue::Null`] if it is null or could not be parsed.
    ///
    /// # Errors
    /// Usually one created by [`ConfigError::invalid`].
    #[doc(alias = "ensureValid")]
    fn validate(&self, key: &str, value: &ParsedValue) -> Result<(), ConfigError>;

    /// Describes valid values for documentation, as in `[1,...]`.
    fn describe(&self) -> String;

    /// Normalizes a value before it is validated, when a configuration is read.
    /// [`ConfigDef::validate`](super::ConfigDef::validate) does not call it.
    ///
    /// *Java*: `ConfigDef.parse` drops the duplicates of a `ValidList`.
    #[must_use]
    fn normalize(&self, value: ParsedValue) -> ParsedValue {
        value
    }
}

impl<V: Validator + ?Sized> Validator for Arc<V> {
    fn validate(&self, key: &str, value: &ParsedValue) -> Result<(), ConfigError> {
        (**self).validate(key, value)
    }

    fn describe(&self) -> String {
        (**self).describe()
    }

    fn normalize(&self, value: ParsedValue) -> ParsedValue {
        (**self).normalize(value)
    }
}

/// Recommends values of a key and decides whether it is relevant, given the values of all keys.
///
/// ```
/// use connect_api::config::{ParsedConfig, ParsedValue, Recommender};
///
/// /// The compression level is relevant only with compression.
/// struct Level;
///
/// impl Recommender for Level {
///     fn valid_values(&self, _key: &str, _config: &ParsedConfig) -> Vec<ParsedValue> {
///         (1..=9).map(ParsedValue::Int).collect()
///     }
///
///     fn is_visible(&self, _key: &str, config: &ParsedConfig) -> bool {
///         config.get("compression").as_str() != Some("none")
///     }
/// }
/// ```
pub trait Recommender: Send + Sync {
    /// The recommended values; empty if there are none.
    fn valid_values(&self, key: &str, config: &ParsedConfig) -> Vec<ParsedValue>;

    /// True if the key is relevant with these values.
    #[doc(alias = "visible")]
    fn is_visible(&self, key: &str, config: &ParsedConfig) -> bool {
        let _ = (key, config);
        true
    }
}

/// A bound of a numeric range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    value: f64,
    whole: Option<i64>,
}

impl From<i16> for Bound {
    fn from(value: i16) -> Self {
        Self::from(i64::from(value))
    }
}

impl From<i32> for Bound {
    fn from(value: i32) -> Self {
        Self::from(i64::from(value))
    }
}

impl From<i64> for Bound {
    #[expect(
        clippy::cast_precision_loss,
        reason = "Kafka compares ranges as doubles"
    )]
    fn from(value: i64) -> Self {
        Self {
            value: value as f64,
            whole: Some(value),
        }
    }
}

impl From<f64> for Bound {
    fn from(value: f64) -> Self {
        Self { value, whole: None }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.whole {
            Some(whole) => write!(f, "{whole}"),
            None => f.write_str(&java_double(self.value)),
        }
    }
}

/// Accepts numbers from `min`. Null is refused.
#[must_use]
#[doc(alias = "Range")]
pub fn at_least(min: impl Into<Bound>) -> impl Validator {
    Range {
        min: Some(min.into()),
        max: None,
    }
}

/// Accepts numbers up to `max`. Null is refused.
#[must_use]
#[doc(alias = "Range")]
pub fn at_most(max: impl Into<Bound>) -> impl Validator {
    Range {
        min: None,
        max: Some(max.into()),
    }
}

/// Accepts numbers from `min` to `max`, both included. Null is refused.
#[must_use]
#[doc(alias = "Range")]
pub fn between(min: impl Into<Bound>, max: impl Into<Bound>) -> impl Validator {
    Range {
        min: Some(min.into()),
        max: Some(max.into()),
    }
}

/// Accepts one of these strings. Null is refused.
#[must_use]
#[doc(alias = "ValidString")]
pub fn one_of<S: Into<String>>(strings: impl IntoIterator<Item = S>) -> impl Validator {
    OneOf(strings.into_iter().map(Into::into).collect())
}

/// Accepts one of these strings, ignoring case. Null is refused.
#[must_use]
#[doc(alias = "CaseInsensitiveValidString")]
pub fn one_of_ignore_case<S: Into<String>>(strings: impl IntoIterator<Item = S>) -> impl Validator {
    OneOfIgnoreCase(
        strings
            .into_iter()
            .map(|text| text.into().to_uppercase())
            .collect(),
    )
}

/// Accepts any value but null.
#[must_use]
#[doc(alias = "NonNullValidator")]
pub fn non_null() -> impl Validator {
    check("non-null string", |_, value| {
        if value.is_null() {
            Err("entry must be non null".into())
        } else {
            Ok(())
        }
    })
}

/// Accepts any string but the empty one, and null.
#[must_use]
#[doc(alias = "NonEmptyString")]
pub fn non_empty() -> impl Validator {
    check("non-empty string", |_, value| {
        if value.as_str() == Some("") {
            Err("String must be non-empty".into())
        } else {
            Ok(())
        }
    })
}

/// Accepts any string without control characters but the empty one, and null.
#[must_use]
#[doc(alias = "NonEmptyStringWithoutControlChars")]
pub fn non_empty_without_control_chars() -> impl Validator {
    check(
        "non-empty string without ISO control characters",
        |_, value| {
            let Some(text) = value.as_str() else {
                return Ok(());
            };
            if text.is_empty() {
                return Err("String may not be empty".into());
            }
            let found: Vec<_> = text
                .chars()
                .filter(|c| c.is_control())
                .map(|c| u32::from(c).to_string())
                .collect();
            if found.is_empty() {
                return Ok(());
            }
            let found = found.join(", ");
            Err(format!(
                "String may not contain control sequences but had the following ASCII chars: {found}"
            ))
        },
    )
}

/// Accepts a regular expression that [`Pattern`] can compile, and null.
#[must_use]
#[doc(alias = "RegexValidator")]
pub fn pattern() -> impl Validator {
    check("valid regex", |_, value| match value.as_str() {
        None => Ok(()),
        Some(text) => match Pattern::new(text) {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("Invalid regex: {}", error.reason())),
        },
    })
}

/// Accepts a list of these strings without duplicates. It may be empty but not null. Duplicates are
/// dropped when the list is read.
#[must_use]
#[doc(alias = "ValidList")]
pub fn list_of<S: Into<String>>(strings: impl IntoIterator<Item = S>) -> impl Validator {
    let allowed = strings.into_iter().map(Into::into).collect();
    List {
        allowed,
        empty_allowed: true,
        null_allowed: false,
    }
}

/// Accepts a list of at least one of these strings without duplicates. Duplicates are dropped when
/// the list is read.
#[must_use]
#[doc(alias = "ValidList")]
pub fn non_empty_list_of<S: Into<String>>(strings: impl IntoIterator<Item = S>) -> impl Validator {
    let allowed = strings.into_iter().map(Into::into).collect();
    List {
        allowed,
        empty_allowed: false,
        null_allowed: false,
    }
}

/// Accepts a list of any strings but empty ones without duplicates. Duplicates are dropped when the
/// list is read.
#[must_use]
#[doc(alias = "anyNonDuplicateValues")]
pub fn any_non_duplicate(empty_allowed: bool, null_allowed: bool) -> impl Validator {
    List {
        allowed: Vec::new(),
        empty_allowed,
        null_allowed,
    }
}

/// Accepts a list of at most `max` elements, and null.
#[must_use]
#[doc(alias = "ListSize")]
pub fn at_most_of_size(max: usize) -> impl Validator {
    check(
        format!("List containing maximum of {max} elements"),
        move |_, value| match value.as_list() {
            Some(list) if list.len() > max => Err(format!("exceeds maximum list size of [{max}].")),
            _ => Ok(()),
        },
    )
}

/// Creates a validator from a description of valid values and a closure.
///
/// The closure gets the key and the value, which may be null. It returns the reason if the value is
/// not valid.
///
/// ```
/// use connect_api::config::Validator as _;
/// use connect_api::config::validator;
///
/// let even = validator::check("an even number", |_key, value| match value.as_i64() {
///     Some(number) if number % 2 == 1 => Err("Value must be even".into()),
///     _ => Ok(()),
/// });
/// assert!(even.validate("n", &3.into()).is_err());
/// ```
#[must_use]
#[doc(alias = "LambdaValidator")]
pub fn check(
    description: impl Into<String>,
    check: impl Fn(&str, &ParsedValue) -> Result<(), String> + Send + Sync,
) -> impl Validator {
    Check {
        description: description.into(),
        check,
    }
}

/// Combines several validators. The first error is returned.
#[must_use]
#[doc(alias = "CompositeValidator")]
pub fn all_of(validators: impl IntoIterator<Item = Box<dyn Validator>>) -> impl Validator {
    AllOf(validators.into_iter().collect())
}

struct Range {
    min: Option<Bound>,
    max: Option<Bound>,
}

impl Validator for Range {
    fn validate(&self, key: &str, value: &ParsedValue) -> Result<(), ConfigError> {
        if value.is_null() {
            return Err(ConfigError::invalid(key, value, "Value must be non-null"));
        }
        let Some(number) = value.as_f64() else {
            return Err(ConfigError::invalid(key, value, "Value must be a number"));
        };
        match (self.min, self.max) {
            (Some(min), _) if number < min.value => Err(ConfigError::invalid(
                key,
                value,
                format!("Value must be at least {min}"),
            )),
            (_, Some(max)) if number > max.value => Err(ConfigError::invalid(
                key,
                value,
                format!("Value must be no more than {max}"),
            )),
            _ => Ok(()),
        }
    }

    fn describe(&self) -> String {
        match (self.min, self.max) {
            (None, None) => "[...]".into(),
            (None, Some(max)) => format!("[...,{max}]"),
            (Some(min), None) => format!("[{min},...]"),
            (Some(min), Some(max)) => format!("[{min},...,{max}]"),
        }
    }
}

struct OneOf(Vec<String>);

impl OneOf {
    fn validate_text(&self, key: &str, text: Option<&str>) -> Result<(), ConfigError> {
        if text.is_some_and(|text| self.0.iter().any(|allowed| allowed == text)) {
            return Ok(());
        }
        let reason = format!("String must be one of: {}", self.0.join(", "));
        Err(ConfigError::invalid(key, text.unwrap_or("null"), reason))
    }
}

impl Validator for OneOf {
    fn validate(&self, key: &str, value: &ParsedValue) -> Result<(), ConfigError> {
        self.validate_text(key, value.as_str())
    }

    fn describe(&self) -> String {
        format!("[{}]", self.0.join(", "))
    }
}

struct OneOfIgnoreCase(Vec<String>);

impl Validator for OneOfIgnoreCase {
    fn validate(&self, key: &str, value: &ParsedValue) -> Result<(), ConfigError> {
        let upper = value.as_str().map(str::to_uppercase);
        if upper.is_some_and(|upper| self.0.contains(&upper)) {
            return Ok(());
        }
        let reason = format!(
            "String must be one of (case insensitive): {}",
            self.0.join(", ")
        );
        Err(ConfigError::invalid(key, value, reason))
    }

    fn describe(&self) -> String {
        format!("(case insensitive) [{}]", self.0.join(", "))
    }
}

struct List {
    /// Empty if any string is allowed.
    allowed: Vec<String>,
    empty_allowed: bool,
    null_allowed: bool,
}

impl Validator for List {
    fn validate(&self, key: &str, value: &ParsedValue) -> Result<(), ConfigError> {
        let wrong = |what: &str| {
            Err(ConfigError::new(
                key,
                format!("Configuration '{key}' {what}"),
            ))
        };
        let Some(list) = value.as_list() else {
            return if self.null_allowed {
                Ok(())
            } else {
                wrong("values must not be null.")
            };
        };
        if list.is_empty() && !self.empty_allowed {
            let valid = match &*self.allowed {
                [] => "any non-empty value".into(),
                allowed => format!("[{}]", allowed.join(", ")),
            };
            return wrong(&format!("must not be empty. Valid values include: {valid}"));
        }
        if list.iter().collect::<BTreeSet<_>>().len() != list.len() {
            return wrong("values must not be duplicated.");
        }
        for text in list {
            if text.is_empty() {
                return wrong("values must not be empty.");
            }
            if !self.allowed.is_empty() {
                OneOf(self.allowed.clone()).validate_text(key, Some(text))?;
            }
        }
        Ok(())
    }

    fn describe(&self) -> String {
        let empty = if self.empty_allowed {
            "(empty config allowed)"
        } else {
            "(empty not allowed)"
        };
        let null = if self.null_allowed {
            "(null config allowed)"
        } else {
            "(null not allowed)"
        };
        format!("[{}] {empty} {null}", self.allowed.join(", "))
    }

    fn normalize(&self, value: ParsedValue) -> ParsedValue {
        match value {
            ParsedValue::List(mut list) => {
                let mut seen = BTreeSet::new();
                list.retain(|text| seen.insert(text.clone()));
                ParsedValue::List(list)
            }
            other => other,
        }
    }
}

struct Check<F> {
    description: String,
    check: F,
}

impl<F> Validator for Check<F>
where
    F: Fn(&str, &ParsedValue) -> Result<(), String> + Send + Sync,
{
    fn validate(&self, key: &str, value: &ParsedValue) -> Result<(), ConfigError> {
        (self.check)(key, value).map_err(|reason| ConfigError::invalid(key, value, reason))
    }

    fn describe(&self) -> String {
        self.description.clone()
    }
}

struct AllOf(Vec<Box<dyn Validator>>);

impl Validator for AllOf {
    fn validate(&self, key: &str, value: &ParsedValue) -> Result<(), ConfigError> {
        self.0
            .iter()
            .try_for_each(|validator| validator.validate(key, value))
    }

    fn describe(&self) -> String {
        self.0
            .iter()
            .map(|validator| validator.describe())
            .collect::<Vec<_>>()
            .join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigType;

    fn message(validator: &dyn Validator, value: impl Into<ParsedValue>) -> String {
        validator
            .validate("k", &value.into())
            .map_or_else(|error| error.to_string(), |()| "ok".into())
    }

    fn list(text: &str) -> ParsedValue {
        ConfigType::List.parse(text).unwrap()
    }

    #[test]
    fn ranges_word_their_errors_as_kafka_does() {
        let range = between(0.0, 1.0);
        assert_eq!(message(&range, 0.5), "ok");
        assert_eq!(
            message(&range, 2.0),
            "Invalid value 2.0 for configuration k: Value must be no more than 1.0"
        );
        assert_eq!(
            message(&at_least(1), 0),
            "Invalid value 0 for configuration k: Value must be at least 1"
        );
        assert_eq!(
            message(&at_most(1), ParsedValue::Null),
            "Invalid value null for configuration k: Value must be non-null"
        );
        assert_eq!(range.describe(), "[0.0,...,1.0]");
        assert_eq!(at_least(1).describe(), "[1,...]");
    }

    #[test]
    fn texts_are_compared_with_and_without_case() {
        let one = one_of(["none", "all"]);
        assert_eq!(message(&one, "all"), "ok");
        assert_eq!(
            message(&one, "ALL"),
            "Invalid value ALL for configuration k: String must be one of: none, all"
        );
        assert_eq!(
            message(&one, ParsedValue::Null),
            "Invalid value null for configuration k: String must be one of: none, all"
        );
        let any_case = one_of_ignore_case(["none", "all"]);
        assert_eq!(message(&any_case, "aLL"), "ok");
        assert_eq!(
            message(&any_case, "x"),
            "Invalid value x for configuration k: String must be one of (case insensitive): \
             NONE, ALL"
        );
    }

    #[test]
    fn patterns_are_checked_before_they_are_used() {
        assert_eq!(message(&pattern(), "^(?!__).*"), "ok");
        assert_eq!(message(&pattern(), ParsedValue::Null), "ok");
        assert_eq!(
            message(&pattern(), "["),
            "Invalid value [ for configuration k: Invalid regex: a character class is not closed"
        );
    }

    #[test]
    fn empty_texts_and_null_are_told_apart() {
        assert_eq!(
            message(&non_empty(), ""),
            "Invalid value  for configuration k: String must be non-empty"
        );
        assert_eq!(message(&non_empty(), ParsedValue::Null), "ok");
        assert_eq!(
            message(&non_null(), ParsedValue::Null),
            "Invalid value null for configuration k: entry must be non null"
        );
        let name = non_empty_without_control_chars();
        assert_eq!(
            message(&name, ""),
            "Invalid value  for configuration k: String may not be empty"
        );
        assert_eq!(
            message(&name, "x\ny\u{9f}"),
            "Invalid value x\ny\u{9f} for configuration k: String may not contain control \
             sequences but had the following ASCII chars: 10, 159"
        );
    }

    #[test]
    fn lists_are_checked_as_a_whole_and_by_element() {
        let any = any_non_duplicate(false, true);
        assert_eq!(message(&any, list("a,b")), "ok");
        assert_eq!(message(&any, ParsedValue::Null), "ok");
        assert_eq!(
            message(&any, list("a,a")),
            "Configuration 'k' values must not be duplicated."
        );
        assert_eq!(
            message(&any, list("a,,b")),
            "Configuration 'k' values must not be empty."
        );
        assert_eq!(
            message(&any, list("")),
            "Configuration 'k' must not be empty. Valid values include: any non-empty value"
        );
        assert_eq!(
            message(&list_of(["a", "b"]), list("a,c")),
            "Invalid value c for configuration k: String must be one of: a, b"
        );
        assert_eq!(
            message(&list_of(["a"]), ParsedValue::Null),
            "Configuration 'k' values must not be null."
        );
        assert_eq!(
            message(&non_empty_list_of(["a"]), list("")),
            "Configuration 'k' must not be empty. Valid values include: [a]"
        );
        assert_eq!(
            message(&at_most_of_size(1), list("a,b")),
            "Invalid value [a, b] for configuration k: exceeds maximum list size of [1]."
        );
    }

    #[test]
    fn the_first_of_several_validators_speaks() {
        let all = all_of([
            Box::new(non_null()) as Box<dyn Validator>,
            Box::new(at_least(1)),
        ]);
        assert_eq!(
            message(&all, ParsedValue::Null),
            "Invalid value null for configuration k: entry must be non null"
        );
        assert_eq!(all.describe(), "non-null string, [1,...]");
    }
}
