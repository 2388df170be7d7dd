//! Validation of a whole configuration.

use std::collections::BTreeMap;
use std::fmt;

use super::ConfigDef;
use super::ConfigError;
use super::ConfigErrors;
use super::ConfigKey;
use super::ConfigMap;
use super::ParsedConfig;
use super::ParsedValue;
use super::error::HIDDEN;
use super::key::FieldCheck;
use crate::plugin::invisible_note;

impl ConfigDef {
    /// Validates a configuration. The result has all errors of all keys, recommended values and
    /// visibility.
    ///
    /// Keys that are not defined are ignored. The validator of a value that cannot be parsed gets
    /// null, so a key can have two errors, as in Kafka.
    #[must_use]
    pub fn validate(&self, config: &ConfigMap) -> Validation {
        let mut validation = Validation::new();
        let mut parsed = ParsedConfig::default();
        for key in self.keys() {
            let (value, errors) = key.evaluate(config);
            parsed.insert(&key.name, value.clone());
            validation.push(ConfigValue {
                value,
                errors: errors.iter().map(ConfigError::to_string).collect(),
                secret: config.is_secret(&key.name),
                ..ConfigValue::new(&key.name)
            });
        }
        for key in self.keys() {
            if let Some(recommender) = &key.recommender
                && let Some(value) = validation.get_mut(&key.name)
            {
                value.recommended_values = recommender.valid_values(&key.name, &parsed);
                value.visible = recommender.is_visible(&key.name, &parsed);
            }
        }
        for name in self.undefined_dependents() {
            validation.push(ConfigValue {
                visible: false,
                errors: vec![format!(
                    "{name} is referred in the dependents, but not defined."
                )],
                ..ConfigValue::new(name)
            });
        }
        validation
    }

    /// Parses the values of all keys, including defaults.
    ///
    /// # Errors
    /// The first error of each key, in the order of definition.
    pub fn parse(&self, config: &ConfigMap) -> Result<ParsedConfig, ConfigErrors> {
        let mut parsed = ParsedConfig::default();
        let mut first_errors = Vec::new();
        for key in self.keys() {
            let (value, errors) = key.read(config);
            first_errors.extend(errors.into_iter().next());
            parsed.insert(&key.name, value);
        }
        match ConfigErrors::from_errors(first_errors) {
            Some(errors) => Err(errors),
            None => Ok(parsed),
        }
    }
}

impl ConfigKey {
    /// The typed value, null if it is missing or wrong, and the errors.
    fn evaluate(&self, config: &ConfigMap) -> (ParsedValue, Vec<ConfigError>) {
        let (value, errors) = self.typed(config);
        self.checked(config, value, errors)
    }

    /// Like [`evaluate`](Self::evaluate), but the validator may normalize the value first.
    pub(super) fn read(&self, config: &ConfigMap) -> (ParsedValue, Vec<ConfigError>) {
        let (mut value, errors) = self.typed(config);
        if let Some(validator) = &self.validator {
            value = validator.normalize(value);
        }
        self.checked(config, value, errors)
    }

    fn typed(&self, config: &ConfigMap) -> (ParsedValue, Vec<ConfigError>) {
        let mut errors = Vec::new();
        let value = match (config.get(&self.name), &self.default) {
            (Some(text), _) => self.parse_text(text).unwrap_or_else(|reason| {
                errors.push(ConfigError::invalid(&self.name, text, reason));
                ParsedValue::Null
            }),
            (None, _) if config.contains_key(&self.name) => ParsedValue::Null,
            (None, Some(default)) => default.clone(),
            (None, None) => {
                errors.push(ConfigError::missing(&self.name));
                ParsedValue::Null
            }
        };
        (value, errors)
    }

    fn checked(
        &self,
        config: &ConfigMap,
        value: ParsedValue,
        mut errors: Vec<ConfigError>,
    ) -> (ParsedValue, Vec<ConfigError>) {
        if let Some(validator) = &self.validator
            && let Err(error) = validator.validate(&self.name, &value)
        {
            errors.push(error.at(&self.name));
        }
        if let Some(check) = self.check
            && errors.is_empty()
            && let Some(reason) = self.check_reason(check, &value)
        {
            errors.push(ConfigError::invalid(&self.name, &value, reason));
        }
        if let Some(secret) = config
            .get(&self.name)
            .filter(|_| config.is_secret(&self.name))
        {
            errors = errors.into_iter().map(|error| error.hide(secret)).collect();
        }
        (value, errors)
    }

    fn parse_text(&self, text: &str) -> Result<ParsedValue, String> {
        match (self.ty.parse(text)?, &self.classes) {
            (ParsedValue::Class(name), Some(lookup)) => match lookup(&name) {
                Some(class) => Ok(ParsedValue::Class(class)),
                None => {
                    let note = invisible_note(&name).map(|note| format!(" Note: {note}."));
                    let note = note.unwrap_or_default();
                    Err(format!("Class {text} could not be found.{note}"))
                }
            },
            (value, _) => Ok(value),
        }
    }

    /// The error of the Rust type of the key. A default of null is always accepted.
    fn check_reason(&self, check: FieldCheck, value: &ParsedValue) -> Option<String> {
        match value.expose() {
            None if self.default == Some(ParsedValue::Null) => None,
            text => check(text.as_deref()).err(),
        }
    }
}

/// The result of the validation of one key.
///
/// `Debug` hides the value if it came from a provider.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct ConfigValue {
    /// The key.
    pub name: String,
    /// The typed value; null if it is missing or wrong.
    pub value: ParsedValue,
    /// Recommended values.
    pub recommended_values: Vec<ParsedValue>,
    /// The errors.
    #[doc(alias = "errorMessages")]
    pub errors: Vec<String>,
    /// True if the key is relevant with the values of the other keys.
    pub visible: bool,
    /// True if the value came from a provider and must not be shown.
    pub secret: bool,
}

impl ConfigValue {
    /// Creates a visible null value without errors.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: ParsedValue::Null,
            recommended_values: Vec::new(),
            errors: Vec::new(),
            visible: true,
            secret: false,
        }
    }

    /// Sets the value.
    #[must_use]
    pub fn with_value(mut self, value: impl Into<ParsedValue>) -> Self {
        self.value = value.into();
        self
    }

    /// Adds an error.
    #[must_use]
    pub fn with_error(mut self, message: impl Into<String>) -> Self {
        self.errors.push(message.into());
        self
    }

    /// Sets the recommended values.
    #[must_use]
    pub fn with_recommended_values(mut self, values: Vec<ParsedValue>) -> Self {
        self.recommended_values = values;
        self
    }
}

impl fmt::Debug for ConfigValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value: &dyn fmt::Debug = if self.secret { &HIDDEN } else { &self.value };
        f.debug_struct("ConfigValue")
            .field("name", &self.name)
            .field("value", value)
            .field("recommended_values", &self.recommended_values)
            .field("errors", &self.errors)
            .field("visible", &self.visible)
            .finish()
    }
}

/// The result of the validation of a configuration.
///
/// *Shape*: one [`ConfigValue`] per key, in the order of the definition.
///
/// A plugin can add errors that its definition cannot express:
///
/// ```
/// use connect_api::config::{ConfigDef, ConfigKey, ConfigType};
/// use connect_api::config_map;
///
/// let def = ConfigDef::builder()
///     .key(ConfigKey::new("user", ConfigType::String).optional())
///     .key(ConfigKey::new("password", ConfigType::Password).optional())
///     .build();
/// let mut validation = def.validate(&config_map! { "user" => "me" });
/// if !validation.value("user").is_null() && validation.value("password").is_null() {
///     validation.add_error("password", "a user needs a password");
/// }
/// assert_eq!(validation.into_result().unwrap_err().to_string(), "a user needs a password");
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[doc(alias = "Config")]
pub struct Validation {
    values: Vec<ConfigValue>,
    index: BTreeMap<String, usize>,
}

impl Validation {
    /// Creates a result without keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The values in order.
    #[must_use]
    pub fn values(&self) -> &[ConfigValue] {
        &self.values
    }

    /// The values in order.
    #[must_use]
    pub fn into_values(self) -> Vec<ConfigValue> {
        self.values
    }

    /// The result of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&ConfigValue> {
        self.values.get(*self.index.get(key)?)
    }

    /// The result of a key.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut ConfigValue> {
        self.values.get_mut(*self.index.get(key)?)
    }

    /// The typed value of a key; null if it is missing or wrong.
    #[must_use]
    pub fn value(&self, key: &str) -> &ParsedValue {
        self.get(key)
            .map_or(&ParsedValue::Null, |value| &value.value)
    }

    /// Adds the result of a key, replacing an earlier one.
    pub fn push(&mut self, value: ConfigValue) {
        if let Some(known) = self.get_mut(&value.name) {
            *known = value;
        } else {
            self.index.insert(value.name.clone(), self.values.len());
            self.values.push(value);
        }
    }

    /// Adds an error to a key. The key is added if there is no result of it yet.
    pub fn add_error(&mut self, key: &str, message: impl Into<String>) {
        if let Some(known) = self.get_mut(key) {
            known.errors.push(message.into());
        } else {
            self.push(ConfigValue::new(key).with_error(message));
        }
    }

    /// Merges another result into this one. For keys that both have, the other one wins, except that
    /// the errors of both are kept.
    pub fn extend(&mut self, other: Self) {
        for mut value in other.values {
            if let Some(known) = self.get_mut(&value.name) {
                let mut errors = std::mem::take(&mut known.errors);
                errors.append(&mut value.errors);
                *known = ConfigValue { errors, ..value };
            } else {
                self.push(value);
            }
        }
    }

    /// All errors with their keys, in order.
    pub fn errors(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().flat_map(|value| {
            value
                .errors
                .iter()
                .map(|message| (value.name.as_str(), message.as_str()))
        })
    }

    /// The number of errors.
    #[must_use]
    pub fn error_count(&self) -> usize {
        self.values.iter().map(|value| value.errors.len()).sum()
    }

    /// True if there is no error.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.error_count() == 0
    }

    /// Converts the result to an error if there are errors.
    ///
    /// # Errors
    /// All errors, if there are any.
    pub fn into_result(self) -> Result<(), ConfigErrors> {
        let errors = self
            .errors()
            .map(|(key, message)| ConfigError::new(key, message));
        ConfigErrors::from_errors(errors).map_or(Ok(()), Err)
    }
}

impl FromIterator<ConfigValue> for Validation {
    fn from_iter<I: IntoIterator<Item = ConfigValue>>(values: I) -> Self {
        let mut validation = Self::new();
        for value in values {
            validation.push(value);
        }
        validation
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigType;
    use crate::config::Recommender;
    use crate::config::validator;
    use crate::config_map;

    fn one(key: ConfigKey) -> ConfigDef {
        ConfigDef::builder().key(key).build()
    }

    fn errors(def: &ConfigDef, config: &ConfigMap) -> Vec<String> {
        def.validate(config)
            .errors()
            .map(|(_, message)| message.to_owned())
            .collect()
    }

    #[test]
    fn a_value_that_does_not_parse_is_null_for_its_validator() {
        let key = ConfigKey::new("tasks.max", ConfigType::Int).default(1);
        let def = one(key.validator(validator::at_least(1)));
        let config = config_map! { "tasks.max" => "x" };
        assert_eq!(
            errors(&def, &config),
            [
                "Invalid value x for configuration tasks.max: Not a number of type INT",
                "Invalid value null for configuration tasks.max: Value must be non-null",
            ]
        );
        assert_eq!(def.parse(&config).unwrap_err().len(), 1);
    }

    #[test]
    fn required_keys_are_missed_and_null_is_not_missing() {
        let def = one(ConfigKey::new("r", ConfigType::String));
        assert_eq!(
            errors(&def, &config_map! {}),
            ["Missing required configuration \"r\" which has no default value."]
        );
        let mut config = ConfigMap::new();
        config.insert_null("r");
        assert!(errors(&def, &config).is_empty());
    }

    #[test]
    fn null_is_refused_where_the_rust_type_has_no_null() {
        let mut config = ConfigMap::new();
        config.insert_null("n");
        assert_eq!(
            errors(&one(ConfigKey::of::<i32>("n")), &config),
            ["Invalid value null for configuration n: Value must be non-null"]
        );
        assert!(errors(&one(ConfigKey::of::<Option<i32>>("n")), &config).is_empty());
        let with_default = ConfigKey::of::<Option<i32>>("n").default(1);
        assert!(errors(&one(with_default), &config).is_empty());
    }

    #[test]
    fn duplicates_are_reported_and_where_the_list_is_read_dropped() {
        let key = ConfigKey::new("k", ConfigType::List);
        let def = one(key.validator(validator::any_non_duplicate(false, false)));
        let config = config_map! { "k" => "b, a,b" };
        assert_eq!(def.validate(&config).error_count(), 1);
        let list = ParsedValue::List(vec!["b".into(), "a".into()]);
        assert_eq!(def.parse(&config).unwrap().get("k"), &list);
        assert!(def.parse(&config_map! { "k" => ",a" }).is_err());
    }

    #[test]
    fn classes_are_looked_up() {
        let def = one(ConfigKey::new("c", ConfigType::Class).classes(|name| {
            (name == "Json").then(|| "org.apache.kafka.connect.json.JsonConverter".into())
        }));
        assert_eq!(
            errors(&def, &config_map! { "c" => " Nope" }),
            ["Invalid value  Nope for configuration c: Class  Nope could not be found."]
        );
        let validation = def.validate(&config_map! { "c" => "Json" });
        assert_eq!(
            validation.value("c").as_str(),
            Some("org.apache.kafka.connect.json.JsonConverter")
        );
    }

    #[test]
    fn undefined_dependents_are_invisible_errors() {
        let def = one(ConfigKey::new("a", ConfigType::Int)
            .default(1)
            .dependents(["b"]));
        let validation = def.validate(&ConfigMap::new());
        let value = validation.get("b").unwrap();
        assert_eq!(
            value.errors,
            ["b is referred in the dependents, but not defined."]
        );
        assert!(!value.visible);
    }

    #[test]
    fn recommendations_see_all_values() {
        struct Level;
        impl Recommender for Level {
            fn valid_values(&self, _: &str, config: &ParsedConfig) -> Vec<ParsedValue> {
                let max = config.get("max").as_i64().unwrap_or(0);
                (1..=max).map(ParsedValue::Long).collect()
            }

            fn is_visible(&self, _: &str, config: &ParsedConfig) -> bool {
                config.get("max").as_i64() > Some(0)
            }
        }
        let def = ConfigDef::builder()
            .key(
                ConfigKey::new("level", ConfigType::Long)
                    .default(1)
                    .recommender(Level),
            )
            .key(
                ConfigKey::new("max", ConfigType::Long)
                    .default(2)
                    .dependents(["level"]),
            )
            .build();
        let validation = def.validate(&ConfigMap::new());
        assert_eq!(validation.get("level").unwrap().recommended_values.len(), 2);
        let validation = def.validate(&config_map! { "max" => 0 });
        assert!(!validation.get("level").unwrap().visible);
    }

    #[test]
    fn secrets_stay_out_of_messages_and_debug_output() {
        let def = ConfigDef::builder()
            .key(ConfigKey::new("n", ConfigType::Int))
            .key(ConfigKey::new("s", ConfigType::String).validator(validator::one_of(["a"])))
            .build();
        let mut config = ConfigMap::new();
        config.insert_resolved("n", "${p:n}", "s3cret", true);
        config.insert_resolved("s", "${p:s}", "s3cret", true);
        let validation = def.validate(&config);
        assert_eq!(validation.error_count(), 2);
        assert!(!format!("{validation:?}").contains("s3cret"));
    }

    #[test]
    fn outcomes_add_up() {
        let mut validation: Validation = [ConfigValue::new("a").with_value(1).with_error("x")]
            .into_iter()
            .collect();
        validation.extend(
            [ConfigValue::new("a").with_value(2).with_error("y")]
                .into_iter()
                .collect(),
        );
        validation.add_error("b", "z");
        assert_eq!(
            validation.errors().collect::<Vec<_>>(),
            [("a", "x"), ("a", "y"), ("b", "z")]
        );
        assert_eq!(validation.value("a"), &ParsedValue::Int(2));
        assert!(!validation.is_ok());
        assert_eq!(validation.into_result().unwrap_err().len(), 3);
    }
}
