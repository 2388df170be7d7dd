//! Errors of configurations.

use std::fmt;

use crate::Error;

/// One error of one key.
///
/// Validators return it and [`Validation`](super::Validation) collects it. `Display` uses Kafka's
/// wording: `Invalid value 0 for configuration tasks.max: Value must be at least 1`.
///
/// ```
/// use connect_api::config::ConfigError;
///
/// let error = ConfigError::invalid("tasks.max", "0", "Value must be at least 1");
/// assert_eq!(
///     error.to_string(),
///     "Invalid value 0 for configuration tasks.max: Value must be at least 1",
/// );
/// assert_eq!(ConfigError::new("topics", "Must configure topics").to_string(), "Must configure topics");
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    key: String,
    text: ErrorText,
}

#[derive(Clone, PartialEq, Eq)]
enum ErrorText {
    Invalid {
        name: String,
        value: String,
        reason: String,
    },
    Whole(String),
}

impl ConfigError {
    /// Creates an error with its whole message.
    #[must_use]
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            text: ErrorText::Whole(message.into()),
        }
    }

    /// Creates an error about the value of a key, in Kafka's wording.
    ///
    /// `value` is printed; usually it is a [`ParsedValue`](super::ParsedValue).
    #[must_use]
    pub fn invalid(key: &str, value: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            text: ErrorText::Invalid {
                name: key.into(),
                value: value.to_string(),
                reason: reason.into(),
            },
        }
    }

    /// Creates the error of a required key that is not set.
    #[must_use]
    pub fn missing(key: &str) -> Self {
        Self::new(
            key,
            format!("Missing required configuration \"{key}\" which has no default value."),
        )
    }

    /// The key, with its prefix in the whole configuration.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Changes the key but not the message.
    #[must_use]
    pub fn at(mut self, key: &str) -> Self {
        self.key = key.into();
        self
    }

    /// Hides a secret in the message.
    pub(super) fn hide(mut self, secret: &str) -> Self {
        match &mut self.text {
            ErrorText::Invalid { value, reason, .. } => {
                *value = HIDDEN.into();
                *reason = mask(reason, secret);
            }
            ErrorText::Whole(text) => *text = mask(text, secret),
        }
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            ErrorText::Invalid {
                name,
                value,
                reason,
            } => {
                write!(
                    f,
                    "Invalid value {value} for configuration {name}: {reason}"
                )
            }
            ErrorText::Whole(text) => f.write_str(text),
        }
    }
}

/// The same as `Display`, because `main` prints the error that it returns in this form.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// All errors of a configuration.
///
/// *Shape*: at least one error, in the order of the definition. `Display` prints one per line.
/// Converts into an [`Error`](crate::Error) of kind [`Config`](crate::ErrorKind::Config).
#[derive(Clone, PartialEq, Eq)]
#[doc(alias = "ConfigException")]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    /// Collects errors; `None` if there are none.
    #[must_use]
    pub fn from_errors(errors: impl IntoIterator<Item = ConfigError>) -> Option<Self> {
        let errors: Vec<_> = errors.into_iter().collect();
        if errors.is_empty() {
            None
        } else {
            Some(Self(errors))
        }
    }

    /// The errors.
    pub fn iter(&self) -> std::slice::Iter<'_, ConfigError> {
        self.0.iter()
    }

    /// The number of errors, at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

/// The same as `Display`, because `main` prints the error that it returns in this form.
impl fmt::Debug for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ConfigErrors {}

impl<'a> IntoIterator for &'a ConfigErrors {
    type Item = &'a ConfigError;
    type IntoIter = std::slice::Iter<'a, ConfigError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for ConfigErrors {
    type Item = ConfigError;
    type IntoIter = std::vec::IntoIter<ConfigError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl From<ConfigErrors> for Error {
    fn from(errors: ConfigErrors) -> Self {
        Self::config(errors.to_string()).with_source(errors)
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::from(ConfigErrors::from(error))
    }
}

fn mask(text: &str, secret: &str) -> String {
    if secret.is_empty() {
        text.into()
    } else {
        text.replace(secret, HIDDEN)
    }
}

/// What is printed instead of a secret.
pub(super) const HIDDEN: &str = "[hidden]";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_print_one_message_per_line() {
        let errors = ConfigErrors::from_errors([
            ConfigError::missing("topic"),
            ConfigError::invalid("batch.size", "x", "Not a number of type INT"),
        ])
        .unwrap();
        assert_eq!(
            errors.to_string(),
            "Missing required configuration \"topic\" which has no default value.\n\
             Invalid value x for configuration batch.size: Not a number of type INT"
        );
        assert_eq!(format!("{errors:?}"), errors.to_string());
        let error = Error::from(errors);
        assert_eq!(format!("{error:?}"), error.to_string());
        assert_eq!(error.kind(), crate::ErrorKind::Config);
    }

    #[test]
    fn hidden_errors_do_not_show_the_secret() {
        let error = ConfigError::invalid("k", "s3cret", "s3cret is not a number").hide("s3cret");
        assert_eq!(
            error.to_string(),
            "Invalid value [hidden] for configuration k: [hidden] is not a number"
        );
    }

    #[test]
    fn a_key_can_be_renamed_without_its_text() {
        let error =
            ConfigError::invalid("pattern", "[", "Invalid regex").at("predicates.p.pattern");
        assert_eq!(error.key(), "predicates.p.pattern");
        assert_eq!(
            error.to_string(),
            "Invalid value [ for configuration pattern: Invalid regex"
        );
    }
}
