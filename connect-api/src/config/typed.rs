//! Reading of configurations into typed structs.

use super::ConfigDef;
use super::ConfigError;
use super::ConfigErrors;
use super::ConfigField;
use super::ConfigMap;
use super::key::NULL;

/// A struct that is read from a configuration; see
/// [`#[derive(ConfigDef)]`](macro@crate::config::ConfigDef).
pub trait FromConfig: Sized {
    /// The definition of the keys.
    fn config_def() -> &'static ConfigDef;

    /// Reads the struct.
    ///
    /// # Errors
    /// The first error of each key, in the order of definition.
    fn from_config(config: &ConfigMap) -> Result<Self, ConfigErrors>;
}

/// Reads typed values of several keys and collects the errors.
///
/// The derive macro uses it, and so can a handwritten implementation of [`FromConfig`]:
///
/// ```
/// use connect_api::config::{ConfigDef, ConfigErrors, ConfigKey, ConfigMap, ConfigReader, FromConfig};
/// use connect_api::config_map;
/// use std::sync::LazyLock;
///
/// struct Retry {
///     limit: i32,
///     delay_ms: i64,
/// }
///
/// impl FromConfig for Retry {
///     fn config_def() -> &'static ConfigDef {
///         static DEF: LazyLock<ConfigDef> = LazyLock::new(|| {
///             ConfigDef::builder()
///                 .key(ConfigKey::of::<i32>("retries").default(3))
///                 .key(ConfigKey::of::<i64>("retry.delay.ms").default(100))
///                 .build()
///         });
///         &DEF
///     }
///
///     fn from_config(config: &ConfigMap) -> Result<Self, ConfigErrors> {
///         let mut reader = ConfigReader::new(Self::config_def(), config);
///         let (limit, delay_ms) = (reader.read("retries"), reader.read("retry.delay.ms"));
///         match (limit, delay_ms) {
///             (Some(limit), Some(delay_ms)) => Ok(Self { limit, delay_ms }),
///             _ => Err(reader.into_errors()),
///         }
///     }
/// }
///
/// let retry = Retry::from_config(&config_map! { "retries" => 5 })?;
/// assert_eq!((retry.limit, retry.delay_ms), (5, 100));
/// # Ok::<(), ConfigErrors>(())
/// ```
#[derive(Debug)]
pub struct ConfigReader<'a> {
    def: &'a ConfigDef,
    config: &'a ConfigMap,
    errors: Vec<ConfigError>,
}

impl<'a> ConfigReader<'a> {
    /// Creates a reader of a configuration.
    #[must_use]
    pub fn new(def: &'a ConfigDef, config: &'a ConfigMap) -> Self {
        Self {
            def,
            config,
            errors: Vec::new(),
        }
    }

    /// Reads the value of a key. If it is wrong, returns `None` and records the error.
    #[must_use]
    pub fn read<T: ConfigField>(&mut self, name: &str) -> Option<T> {
        self.try_read(name)
            .map_err(|error| self.errors.push(error))
            .ok()
    }

    /// Returns the errors, if there are any.
    ///
    /// # Errors
    /// The first error of each key that was read.
    pub fn finish(self) -> Result<(), ConfigErrors> {
        ConfigErrors::from_errors(self.errors).map_or(Ok(()), Err)
    }

    /// The errors, after a [`read`](Self::read) returned `None`.
    #[must_use]
    pub fn into_errors(self) -> ConfigErrors {
        let unknown = || ConfigErrors::from(ConfigError::new("", "the configuration is wrong"));
        ConfigErrors::from_errors(self.errors).unwrap_or_else(unknown)
    }

    fn try_read<T: ConfigField>(&self, name: &str) -> Result<T, ConfigError> {
        let Some(key) = self.def.key(name) else {
            return Err(ConfigError::new(
                name,
                format!("Unknown configuration '{name}'"),
            ));
        };
        let (value, errors) = key.read(self.config);
        if let Some(error) = errors.into_iter().next() {
            return Err(error);
        }
        let typed = match value.expose() {
            Some(text) => T::parse(&text),
            None => T::null().ok_or_else(|| NULL.into()),
        };
        typed.map_err(|reason| {
            let error = ConfigError::invalid(name, &value, reason);
            match self
                .config
                .get(name)
                .filter(|_| self.config.is_secret(name))
            {
                Some(secret) => error.hide(secret),
                None => error,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigKey;
    use crate::config::Password;
    use crate::config_map;

    #[test]
    fn each_key_is_read_or_explained() {
        let def = ConfigDef::builder()
            .key(ConfigKey::of::<i32>("a"))
            .key(ConfigKey::of::<Option<String>>("b"))
            .key(ConfigKey::of::<Password>("c").default("x"))
            .build();
        let config = config_map! { "a" => "1x" };
        let mut reader = ConfigReader::new(&def, &config);
        assert_eq!(reader.read::<i32>("a"), None);
        assert_eq!(reader.read::<Option<String>>("b"), Some(None));
        assert_eq!(reader.read::<Password>("c"), Some(Password::new("x")));
        assert_eq!(reader.read::<i32>("d"), None);
        assert_eq!(
            reader.finish().unwrap_err().to_string(),
            "Invalid value 1x for configuration a: Not a number of type INT\n\
             Unknown configuration 'd'"
        );
    }
}
