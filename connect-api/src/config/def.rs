//! Definitions of configurations: keys, groups and their order.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::LazyLock;

use super::ConfigError;
use super::ConfigErrors;
use super::ConfigKey;
use super::ParsedConfig;
use super::ParsedValue;
use super::Recommender;
use super::Validator;

/// The keys of a configuration with their types, defaults, validators and documentation.
///
/// *Shape*: keys in the order of definition, groups in the order of first use. Most definitions
/// come from [`#[derive(ConfigDef)]`](macro@crate::config::ConfigDef). This one is written by hand:
///
/// ```
/// use connect_api::config::{ConfigDef, ConfigKey, ConfigType, Importance, validator};
/// use connect_api::config_map;
///
/// let def = ConfigDef::builder()
///     .key(
///         ConfigKey::new("topic", ConfigType::String)
///             .importance(Importance::High)
///             .validator(validator::non_empty())
///             .documentation("Topic that receives the lines."),
///     )
///     .key(ConfigKey::new("batch.size", ConfigType::Int).default(2000))
///     .build();
///
/// let validation = def.validate(&config_map! { "topic" => "", "batch.size" => "many" });
/// let messages: Vec<_> = validation.errors().map(|(_, message)| message).collect();
/// assert_eq!(messages, [
///     "Invalid value  for configuration topic: String must be non-empty",
///     "Invalid value many for configuration batch.size: Not a number of type INT",
/// ]);
/// ```
#[derive(Clone, Default)]
pub struct ConfigDef {
    keys: Vec<ConfigKey>,
    index: BTreeMap<String, usize>,
    groups: Vec<String>,
    open: Vec<String>,
}

impl ConfigDef {
    /// Creates a definition without keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The definition of a plugin without options.
    #[must_use]
    pub fn empty() -> &'static Self {
        static EMPTY: LazyLock<ConfigDef> = LazyLock::new(ConfigDef::new);
        &EMPTY
    }

    /// Starts a definition.
    pub fn builder() -> ConfigDefBuilder {
        ConfigDefBuilder::default()
    }

    /// Adds a key.
    ///
    /// # Errors
    /// The key is already defined, or its default is not valid.
    pub fn define(&mut self, key: ConfigKey) -> Result<(), ConfigError> {
        if self.index.contains_key(&key.name) {
            let message = format!("Configuration {} is defined twice.", key.name);
            return Err(ConfigError::new(key.name, message));
        }
        let key = key.settle()?;
        if let Some(group) = &key.group
            && !self.groups.contains(group)
        {
            self.groups.push(group.clone());
        }
        self.index.insert(key.name.clone(), self.keys.len());
        self.keys.push(key);
        Ok(())
    }

    /// Allows any key under a prefix, besides those that are defined; the empty prefix allows all
    /// keys.
    ///
    /// A worker warns about a key that no definition has. A plugin that passes options on to
    /// something else (`http.header.Accept`) opens their prefix, and there is no warning.
    pub fn open(&mut self, prefix: impl Into<String>) {
        self.open.push(prefix.into());
    }

    /// True if the definition has the key, or [opens](Self::open) a prefix of it.
    #[must_use]
    pub fn allows(&self, name: &str) -> bool {
        self.index.contains_key(name) || self.open.iter().any(|open| name.starts_with(open))
    }

    /// Adds the keys of another definition under a prefix.
    ///
    /// The keys are added in [sorted](Self::sorted) order and numbered from `first_order`, in the
    /// group `group`, or `group: theirs` if they have a group. Their validators and recommenders see
    /// keys without the prefix.
    ///
    /// # Errors
    /// A key is already defined.
    pub fn embed(
        &mut self,
        prefix: &str,
        group: &str,
        first_order: i32,
        other: &Self,
    ) -> Result<(), ConfigError> {
        for (order, key) in (first_order..).zip(other.sorted()) {
            self.define(embedded(prefix, group, order, key))?;
        }
        let open = other.open.iter().map(|open| format!("{prefix}{open}"));
        self.open.extend(open);
        Ok(())
    }

    /// The key with a name.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&ConfigKey> {
        self.keys.get(*self.index.get(name)?)
    }

    /// The keys in the order of definition.
    #[must_use]
    pub fn keys(&self) -> &[ConfigKey] {
        &self.keys
    }

    /// The names of the keys in the order of definition.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|key| key.name.as_str())
    }

    /// The groups in the order of first use.
    #[must_use]
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// The keys in the order of documentation: by group, order in the group, required keys first,
    /// importance, and name.
    #[must_use]
    pub fn sorted(&self) -> Vec<&ConfigKey> {
        let place = |key: &ConfigKey| {
            let group = key.group.as_ref()?;
            self.groups.iter().position(|other| other == group)
        };
        let mut keys: Vec<_> = self.keys.iter().collect();
        keys.sort_by(|a, b| -> Ordering {
            place(a)
                .cmp(&place(b))
                .then_with(|| a.order_in_group.cmp(&b.order_in_group))
                .then_with(|| b.is_required().cmp(&a.is_required()))
                .then_with(|| a.importance.cmp(&b.importance))
                .then_with(|| a.name.cmp(&b.name))
        });
        keys
    }

    /// The dependents of all keys that are not defined themselves, sorted.
    pub(super) fn undefined_dependents(&self) -> BTreeSet<&str> {
        let dependents = self.keys.iter().flat_map(|key| &key.dependents);
        dependents
            .map(String::as_str)
            .filter(|name| !self.index.contains_key(*name))
            .collect()
    }
}

impl fmt::Debug for ConfigDef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.keys).finish()
    }
}

/// Builds a [`ConfigDef`].
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct ConfigDefBuilder {
    def: ConfigDef,
    errors: Vec<ConfigError>,
}

impl ConfigDefBuilder {
    /// Adds a key.
    pub fn key(mut self, key: ConfigKey) -> Self {
        let defined = self.def.define(key);
        self.errors.extend(defined.err());
        self
    }

    /// Allows any key under a prefix; see [`ConfigDef::open`].
    pub fn open(mut self, prefix: impl Into<String>) -> Self {
        self.def.open(prefix);
        self
    }

    /// Adds the keys of another definition under a prefix; see [`ConfigDef::embed`].
    pub fn embed(mut self, prefix: &str, group: &str, first_order: i32, other: &ConfigDef) -> Self {
        let embedded = self.def.embed(prefix, group, first_order, other);
        self.errors.extend(embedded.err());
        self
    }

    /// Builds the definition.
    ///
    /// # Panics
    /// The definition itself is wrong; see [`try_build`](Self::try_build).
    #[must_use]
    pub fn build(self) -> ConfigDef {
        match self.try_build() {
            Ok(def) => def,
            Err(errors) => panic!("the configuration definition is wrong: {errors}"),
        }
    }

    /// Builds the definition.
    ///
    /// # Errors
    /// A key is defined twice, or a default is not valid.
    pub fn try_build(self) -> Result<ConfigDef, ConfigErrors> {
        match ConfigErrors::from_errors(self.errors) {
            Some(errors) => Err(errors),
            None => Ok(self.def),
        }
    }
}

fn embedded(prefix: &str, group: &str, order: i32, key: &ConfigKey) -> ConfigKey {
    let mut key = key.clone();
    key.name.insert_str(0, prefix);
    key.group = Some(match &key.group {
        Some(own) => format!("{group}: {own}"),
        None => group.into(),
    });
    key.order_in_group = order;
    for dependent in &mut key.dependents {
        dependent.insert_str(0, prefix);
    }
    key.validator = key.validator.map(|inner| -> Arc<dyn Validator> {
        Arc::new(Embedded {
            prefix: prefix.into(),
            inner,
        })
    });
    key.recommender = key.recommender.map(|inner| -> Arc<dyn Recommender> {
        Arc::new(Embedded {
            prefix: prefix.into(),
            inner,
        })
    });
    key
}

/// A validator or recommender for keys without a prefix, used for keys with one.
struct Embedded<T: ?Sized> {
    prefix: String,
    inner: Arc<T>,
}

impl<T: ?Sized> Embedded<T> {
    fn without_prefix<'a>(&self, key: &'a str) -> &'a str {
        key.strip_prefix(&self.prefix).unwrap_or(key)
    }
}

impl Validator for Embedded<dyn Validator> {
    fn validate(&self, key: &str, value: &ParsedValue) -> Result<(), ConfigError> {
        self.inner.validate(self.without_prefix(key), value)
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

impl Recommender for Embedded<dyn Recommender> {
    fn valid_values(&self, key: &str, config: &ParsedConfig) -> Vec<ParsedValue> {
        self.inner
            .valid_values(self.without_prefix(key), &config.with_prefix(&self.prefix))
    }

    fn is_visible(&self, key: &str, config: &ParsedConfig) -> bool {
        self.inner
            .is_visible(self.without_prefix(key), &config.with_prefix(&self.prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigType;
    use crate::config::Importance;
    use crate::config::validator;
    use crate::config_map;

    fn names(keys: &[&ConfigKey]) -> Vec<String> {
        keys.iter().map(|key| key.name.clone()).collect()
    }

    #[test]
    fn keys_sort_by_group_place_need_importance_and_name() {
        let def = ConfigDef::builder()
            .key(
                ConfigKey::new("z", ConfigType::Int)
                    .default(1)
                    .importance(Importance::Low),
            )
            .key(ConfigKey::new("b", ConfigType::Int).default(1))
            .key(ConfigKey::new("a", ConfigType::Int).default(1))
            .key(ConfigKey::new("r", ConfigType::Int).importance(Importance::Low))
            .key(ConfigKey::new("g2", ConfigType::Int).group("G", 2))
            .key(
                ConfigKey::new("g1", ConfigType::Int)
                    .group("G", 1)
                    .default(1),
            )
            .build();
        assert_eq!(names(&def.sorted()), ["r", "a", "b", "z", "g1", "g2"]);
        assert_eq!(def.groups(), ["G"]);
    }

    #[test]
    fn embedded_keys_are_checked_under_their_own_name() {
        let inner = ConfigDef::builder()
            .key(
                ConfigKey::new("n", ConfigType::Int)
                    .default(1)
                    .validator(validator::at_least(1)),
            )
            .key(
                ConfigKey::new("m", ConfigType::Int)
                    .group("Own", 0)
                    .default(1),
            )
            .build();
        let def = ConfigDef::builder().embed("t.", "Outer", 5, &inner).build();
        assert_eq!(def.groups(), ["Outer", "Outer: Own"]);
        assert_eq!(def.key("t.m").unwrap().order_in_group, 6);
        let errors: Vec<_> = def
            .validate(&config_map! { "t.n" => 0, "t.m" => "x" })
            .errors()
            .map(|(key, message)| (key.to_owned(), message.to_owned()))
            .collect();
        assert_eq!(
            errors,
            [
                (
                    "t.n".to_owned(),
                    "Invalid value 0 for configuration n: Value must be at least 1".to_owned()
                ),
                (
                    "t.m".to_owned(),
                    "Invalid value x for configuration t.m: Not a number of type INT".to_owned()
                ),
            ]
        );
    }

    #[test]
    fn open_prefixes_allow_any_key_also_when_embedded() {
        let inner = ConfigDef::builder()
            .key(ConfigKey::new("url", ConfigType::String))
            .open("header.")
            .build();
        let outer = ConfigDef::builder().embed("t.", "T", 0, &inner).build();
        for (def, allowed, unknown) in [
            (&inner, ["url", "header.Accept"], ["urls", "headers"]),
            (
                &outer,
                ["t.url", "t.header.Accept"],
                ["url", "header.Accept"],
            ),
        ] {
            assert!(allowed.iter().all(|name| def.allows(name)), "{allowed:?}");
            assert!(!unknown.iter().any(|name| def.allows(name)), "{unknown:?}");
        }
    }

    #[test]
    fn wrong_definitions_are_refused() {
        let twice = ConfigDef::builder()
            .key(ConfigKey::new("a", ConfigType::Int))
            .key(ConfigKey::new("a", ConfigType::Int))
            .try_build();
        assert_eq!(
            twice.unwrap_err().to_string(),
            "Configuration a is defined twice."
        );
        let default = ConfigDef::builder()
            .key(ConfigKey::new("a", ConfigType::Int).default("x"))
            .key(
                ConfigKey::new("b", ConfigType::Int)
                    .default(0)
                    .validator(validator::at_least(1)),
            )
            .try_build();
        assert_eq!(default.unwrap_err().len(), 2);
    }

    #[test]
    fn defaults_take_the_type_of_the_key() {
        let mut def = ConfigDef::new();
        def.define(ConfigKey::new("s", ConfigType::Short).default(3))
            .unwrap();
        def.define(ConfigKey::new("l", ConfigType::List).default("a,b"))
            .unwrap();
        def.define(ConfigKey::new("d", ConfigType::Double).default(1))
            .unwrap();
        assert_eq!(def.key("s").unwrap().default, Some(ParsedValue::Short(3)));
        assert_eq!(
            def.key("l").unwrap().default,
            Some(ParsedValue::List(vec!["a".into(), "b".into()]))
        );
        assert_eq!(
            def.key("d").unwrap().default,
            Some(ParsedValue::Double(1.0))
        );
    }
}
