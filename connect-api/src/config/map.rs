//! Configurations as strings, with secrets marked.

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::fmt;
use std::ops::Bound;

use serde::Deserialize;
use serde::Deserializer;
use serde::de;

/// A configuration: a map from keys to strings or null, ordered by key.
///
/// *Shape*: an entry has a raw and a resolved value. The raw value is what the user wrote; it is
/// stored and shown. In the resolved value, variables `${provider:path:key}` are replaced. Entries
/// with a value from a provider are *secret*. Copies, [`with_prefix`](ConfigMap::with_prefix) and
/// [`extend`](ConfigMap::extend) keep that mark. `Debug` prints keys only.
///
/// *Misuse*: logging a value, or copying it to another key with [`insert`](ConfigMap::insert), which
/// loses the mark. Use [`copy_from`](ConfigMap::copy_from), `extend` or `with_prefix` instead.
///
/// ```
/// use connect_api::config::ConfigMap;
/// use connect_api::config_map;
///
/// let mut config = config_map! { "topic" => "lines", "transforms.hoist.field" => "line" };
/// config.insert_resolved("password", "${file:/run/secrets:db}", "s3cret", true);
///
/// assert_eq!(config.get("password"), Some("s3cret"));
/// assert_eq!(config.raw("password"), Some("${file:/run/secrets:db}"));
/// assert_eq!(config.with_prefix("transforms.hoist."), config_map! { "field" => "line" });
/// assert_eq!(format!("{config:?}"), r#"ConfigMap {"password", "topic", "transforms.hoist.field"}"#);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ConfigMap(BTreeMap<String, Entry>);

#[derive(Clone, PartialEq, Eq)]
struct Entry {
    /// The resolved value.
    value: Option<String>,
    /// The raw value if it is different.
    raw: Option<String>,
    secret: bool,
}

impl ConfigMap {
    /// Creates an empty configuration.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key to a value without variables.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.insert_entry(key.into(), Some(value.into()));
    }

    /// Sets a key to null. It counts as present.
    pub fn insert_null(&mut self, key: impl Into<String>) {
        self.insert_entry(key.into(), None);
    }

    /// Sets a key to a raw value and its resolved form. A secret is never printed.
    pub fn insert_resolved(
        &mut self,
        key: impl Into<String>,
        raw: impl Into<String>,
        resolved: impl Into<String>,
        secret: bool,
    ) {
        let entry = Entry {
            value: Some(resolved.into()),
            raw: Some(raw.into()),
            secret,
        };
        self.0.insert(key.into(), entry);
    }

    /// The resolved value of a key; `None` if the key is absent or null.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.value.as_deref()
    }

    /// The raw value of a key; `None` if the key is absent or null.
    #[must_use]
    pub fn raw(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.raw()
    }

    /// True if the key is present, null or not.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// True if the value came from a provider and must not be printed.
    #[must_use]
    pub fn is_secret(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|entry| entry.secret)
    }

    /// Removes a key. Returns true if it was present.
    pub fn remove(&mut self, key: &str) -> bool {
        self.0.remove(key).is_some()
    }

    /// The number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there are no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The keys with their resolved values, in order.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter(self.0.iter())
    }

    /// The entries whose key starts with `prefix` and is longer, without the prefix.
    #[must_use]
    #[doc(alias = "originalsWithPrefix")]
    pub fn with_prefix(&self, prefix: &str) -> Self {
        self.0
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
            .map_while(|(key, entry)| Some((key.strip_prefix(prefix)?, entry)))
            .filter(|(key, _)| !key.is_empty())
            .map(|(key, entry)| (key.to_owned(), entry.clone()))
            .collect::<BTreeMap<_, _>>()
            .into()
    }

    /// The entries whose key does not start with `prefix`.
    #[must_use]
    pub fn without_prefix(&self, prefix: &str) -> Self {
        self.0
            .iter()
            .filter(|(key, _)| !key.starts_with(prefix))
            .map(|(key, entry)| (key.clone(), entry.clone()))
            .collect::<BTreeMap<_, _>>()
            .into()
    }

    /// Adds all entries of another configuration, including raw values and secret marks.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Copies an entry of another configuration to a key, including its raw value and secret mark.
    /// Returns false if the other configuration does not have the entry.
    pub fn copy_from(&mut self, other: &Self, key: &str, as_key: impl Into<String>) -> bool {
        let Some(entry) = other.0.get(key) else {
            return false;
        };
        self.0.insert(as_key.into(), entry.clone());
        true
    }

    /// The raw values, which may be stored and shown.
    #[must_use]
    pub fn to_raw_map(&self) -> BTreeMap<String, Option<String>> {
        self.0
            .iter()
            .map(|(key, entry)| (key.clone(), entry.raw().map(str::to_owned)))
            .collect()
    }

    fn insert_entry(&mut self, key: String, value: Option<String>) {
        self.0.insert(
            key,
            Entry {
                value,
                raw: None,
                secret: false,
            },
        );
    }
}

impl Entry {
    fn raw(&self) -> Option<&str> {
        self.raw.as_deref().or(self.value.as_deref())
    }
}

/// Prints keys only: values may be secrets.
impl fmt::Debug for ConfigMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConfigMap ")?;
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl From<BTreeMap<String, Entry>> for ConfigMap {
    fn from(entries: BTreeMap<String, Entry>) -> Self {
        Self(entries)
    }
}

impl From<BTreeMap<String, Option<String>>> for ConfigMap {
    fn from(entries: BTreeMap<String, Option<String>>) -> Self {
        let mut map = Self::new();
        for (key, value) in entries {
            map.insert_entry(key, value);
        }
        map
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for ConfigMap {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::new();
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }
}

impl<'a> IntoIterator for &'a ConfigMap {
    type Item = (&'a str, Option<&'a str>);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// An iterator over the keys of a [`ConfigMap`] and their resolved values.
#[derive(Clone)]
pub struct Iter<'a>(btree_map::Iter<'a, String, Entry>);

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, Option<&'a str>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0
            .next()
            .map(|(key, entry)| (key.as_str(), entry.value.as_deref()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl fmt::Debug for Iter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.0.clone().map(|(key, _)| key))
            .finish()
    }
}

/// Reads a map of strings, numbers, booleans and nulls. Numbers and booleans become strings, as in
/// Kafka Connect's REST API. Lists and maps are refused.
impl<'de> Deserialize<'de> for ConfigMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = BTreeMap::<String, Scalar>::deserialize(deserializer)?;
        Ok(entries
            .into_iter()
            .map(|(key, scalar)| (key, scalar.0))
            .collect::<BTreeMap<_, _>>()
            .into())
    }
}

struct Scalar(Option<String>);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> de::Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a number, a boolean or null")
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Scalar, E> {
        Ok(Scalar(Some(value.into())))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Scalar, E> {
        Ok(Scalar(Some(value)))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar(Some(value.to_string())))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar(Some(value.to_string())))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Scalar, E> {
        Ok(Scalar(Some(value.to_string())))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Scalar, E> {
        Ok(Scalar(Some(super::value::java_double(value))))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Scalar, E> {
        Ok(Scalar(None))
    }

    fn visit_none<E: de::Error>(self) -> Result<Scalar, E> {
        Ok(Scalar(None))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Scalar, D::Error> {
        Scalar::deserialize(deserializer)
    }
}

/// Creates a [`ConfigMap`](crate::config::ConfigMap) from keys and values that implement `Display`.
///
/// ```
/// use connect_api::config_map;
///
/// let config = config_map! { "tasks.max" => 3, "errors.log.enable" => true, "topics" => "a,b" };
/// assert_eq!(config.get("tasks.max"), Some("3"));
/// ```
#[macro_export]
macro_rules! config_map {
    ($($key:expr => $value:expr),* $(,)?) => {{
        #[allow(unused_mut, reason = "an empty configuration is not changed")]
        let mut map = $crate::config::ConfigMap::new();
        $(map.insert($key, ::std::string::ToString::to_string(&$value));)*
        map
    }};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_present_without_a_text() {
        let mut config = ConfigMap::new();
        config.insert_null("a");
        assert!(config.contains_key("a"));
        assert_eq!(
            (config.get("a"), config.raw("a"), config.len()),
            (None, None, 1)
        );
        assert_eq!(config.iter().collect::<Vec<_>>(), [("a", None)]);
        assert!(config.remove("a") && !config.remove("a") && config.is_empty());
    }

    #[test]
    fn the_secret_mark_survives_copies_and_prefix_views() {
        let mut config = config_map! { "b" => 1 };
        config.insert_resolved("a.x", "${p:k}", "s3cret", true);
        let view = config.with_prefix("a.");
        assert!(view.is_secret("x") && config.clone().is_secret("a.x"));
        assert_eq!(
            (view.raw("x"), view.get("x")),
            (Some("${p:k}"), Some("s3cret"))
        );
        let mut other = ConfigMap::new();
        other.extend(view);
        assert!(other.is_secret("x"));
        assert!(other.copy_from(&config, "a.x", "y") && other.is_secret("y"));
        assert!(!other.copy_from(&config, "nope", "y"));
        assert!(!format!("{config:?} {:?}", config.iter()).contains("s3cret"));
        assert_eq!(config.to_raw_map()["a.x"].as_deref(), Some("${p:k}"));
    }

    #[test]
    fn prefix_views_leave_out_the_prefix_itself() {
        let config = config_map! { "a." => 0, "a.x" => 1, "a.y" => 2, "ab" => 3, "b" => 4 };
        assert_eq!(config.with_prefix("a."), config_map! { "x" => 1, "y" => 2 });
        assert_eq!(
            config.without_prefix("a."),
            config_map! { "ab" => 3, "b" => 4 }
        );
        assert_eq!(config.with_prefix(""), config);
    }

    #[test]
    fn scalars_become_text() {
        let json = r#"{"a": "x", "b": 1, "c": -2, "d": true, "e": null, "f": 1.5, "g": 1e10}"#;
        let config: ConfigMap = serde_json::from_str(json).unwrap();
        let texts: Vec<_> = config.iter().map(|(_, value)| value).collect();
        assert_eq!(
            texts,
            [
                Some("x"),
                Some("1"),
                Some("-2"),
                Some("true"),
                None,
                Some("1.5"),
                Some("1.0E10")
            ]
        );
        assert!(serde_json::from_str::<ConfigMap>(r#"{"a": []}"#).is_err());
        assert!(serde_json::from_str::<ConfigMap>(r#"{"a": {}}"#).is_err());
    }

    #[test]
    fn maps_collect_from_pairs() {
        assert_eq!(
            [("a", "1")].into_iter().collect::<ConfigMap>(),
            config_map! { "a" => 1 }
        );
    }
}
