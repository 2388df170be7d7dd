//! Variables in configurations: `${provider:path:key}`.
//!
//! The worker of this version does not replace them. A host calls [`resolve`] on a configuration
//! before it passes it on.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::ConfigDef;
use super::ConfigMap;
use crate::Result;

/// Looks up values that do not belong in a configuration, such as secrets.
///
/// *Shape*: one instance per alias, configured once and then shared: `get` may run several times at
/// once.
///
/// *Misuse*: returning an error for an unknown key. Leave the key out; the variable then stays in
/// the configuration as it is written.
///
/// ```
/// use async_trait::async_trait;
/// use connect_api::Result;
/// use connect_api::config::{ConfigData, ConfigMap, ConfigProvider};
///
/// /// Values given by the host application.
/// struct HostSecrets(Vec<(String, String)>);
///
/// #[async_trait]
/// impl ConfigProvider for HostSecrets {
///     async fn get(&self, _path: &str, keys: &[String]) -> Result<ConfigData> {
///         Ok(self.0.iter().filter(|(key, _)| keys.contains(key)).cloned().collect())
///     }
/// }
/// ```
#[async_trait]
pub trait ConfigProvider: Send + Sync + 'static {
    /// The keys that [`configure`](Self::configure) understands.
    fn config_def(&self) -> &ConfigDef {
        ConfigDef::empty()
    }

    /// Configures the provider with the options of its alias: in Kafka Connect's files
    /// `config.providers.<alias>.param.*`, without that prefix.
    ///
    /// # Errors
    /// An option is wrong.
    async fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let _ = config;
        Ok(())
    }

    /// Returns the values of keys under a path; the path of `${provider:key}` is empty. Keys
    /// without a value are left out.
    ///
    /// # Errors
    /// The path cannot be read; [`resolve`] returns the error.
    async fn get(&self, path: &str, keys: &[String]) -> Result<ConfigData>;
}

/// The values that a [`ConfigProvider`] found. `Debug` prints keys only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ConfigData {
    values: BTreeMap<String, String>,
    ttl: Option<Duration>,
}

impl ConfigData {
    /// Creates values that do not expire.
    #[must_use]
    pub fn new(values: BTreeMap<String, String>) -> Self {
        Self { values, ttl: None }
    }

    /// Makes the values expire after this time: they must be looked up again.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// The values by key.
    #[must_use]
    pub fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    /// How long the values are valid; `None` if they do not expire.
    #[must_use]
    pub fn ttl(&self) -> Option<Duration> {
        self.ttl
    }
}

impl FromIterator<(String, String)> for ConfigData {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(entries: I) -> Self {
        Self::new(entries.into_iter().collect())
    }
}

impl fmt::Debug for ConfigData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigData")
            .field("keys", &self.values.keys().collect::<Vec<_>>())
            .field("ttl", &self.ttl)
            .finish()
    }
}

/// Providers by their alias.
pub type ConfigProviders = BTreeMap<String, Arc<dyn ConfigProvider>>;

/// A configuration whose variables are replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolved {
    /// The configuration; values from providers are marked secret.
    pub config: ConfigMap,
    /// The shortest time after which a value must be looked up again.
    pub ttl: Option<Duration>,
}

/// Replaces the variables in the raw values of a configuration.
///
/// A variable is `${provider:path:key}` or `${provider:key}`: the first colon ends the provider,
/// the second ends the path, the first `}` ends the variable. There is no nesting and no escape.
/// Variables of unknown providers and unknown keys stay as they are written. Values from providers
/// are not searched for variables. Each path of each provider is looked up once.
///
/// # Errors
/// The error of a provider.
///
/// ```
/// use std::collections::BTreeMap;
/// use std::sync::Arc;
///
/// use async_trait::async_trait;
/// use connect_api::Result;
/// use connect_api::config::{ConfigData, ConfigProvider, ConfigProviders, resolve};
/// use connect_api::config_map;
///
/// struct Echo;
///
/// #[async_trait]
/// impl ConfigProvider for Echo {
///     async fn get(&self, path: &str, keys: &[String]) -> Result<ConfigData> {
///         Ok(keys.iter().map(|key| (key.clone(), format!("{key} of {path}"))).collect())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let providers: ConfigProviders = BTreeMap::from([("echo".into(), Arc::new(Echo) as _)]);
/// let resolved = resolve(&config_map! { "password" => "<${echo:db:admin}>" }, &providers).await?;
/// assert_eq!(resolved.config.get("password"), Some("<admin of db>"));
/// assert_eq!(resolved.config.raw("password"), Some("<${echo:db:admin}>"));
/// assert!(resolved.config.is_secret("password"));
/// # Ok(())
/// # }
/// ```
#[doc(alias = "ConfigTransformer")]
pub async fn resolve(config: &ConfigMap, providers: &ConfigProviders) -> Result<Resolved> {
    let mut wanted = BTreeMap::<(&str, &str), BTreeSet<&str>>::new();
    for key in config.keys() {
        for variable in config.raw(key).into_iter().flat_map(variables) {
            let place = (variable.provider, variable.path);
            wanted.entry(place).or_default().insert(variable.key);
        }
    }
    let mut found = BTreeMap::<(&str, &str), BTreeMap<String, String>>::new();
    let mut ttl = None::<Duration>;
    for ((alias, path), keys) in wanted {
        let Some(provider) = providers.get(alias) else {
            continue;
        };
        let keys: Vec<_> = keys.into_iter().map(str::to_owned).collect();
        let data = provider.get(path, &keys).await?;
        ttl = ttl.into_iter().chain(data.ttl).min();
        found.insert((alias, path), data.values);
    }
    let lookup = |variable: &Variable<'_>| {
        found
            .get(&(variable.provider, variable.path))?
            .get(variable.key)
            .cloned()
    };
    let mut resolved = config.clone();
    for key in config.keys() {
        let Some(raw) = config.raw(key) else { continue };
        let (text, is_replaced) = replace(raw, lookup);
        if is_replaced {
            resolved.insert_resolved(key, raw, text, true);
        }
    }
    Ok(Resolved {
        config: resolved,
        ttl,
    })
}

/// One variable in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable<'a> {
    /// The alias of the provider.
    pub provider: &'a str,
    /// The path; empty if the variable has none.
    pub path: &'a str,
    /// The key.
    pub key: &'a str,
    /// The variable as it is written, `${` and `}` included.
    pub text: &'a str,
}

/// The variables in a text, in order.
///
/// ```
/// use connect_api::config::variables;
///
/// let keys: Vec<_> = variables("${file:/run/db:user} and ${env:HOME}").map(|v| v.key).collect();
/// assert_eq!(keys, ["user", "HOME"]);
/// ```
pub fn variables(text: &str) -> impl Iterator<Item = Variable<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, variable, after) = next_variable(rest)?;
        rest = after;
        Some(variable)
    })
}

/// The text before the next variable, the variable, and the text after it.
fn next_variable(text: &str) -> Option<(&str, Variable<'_>, &str)> {
    let mut from = 0;
    loop {
        let start = from + text.get(from..)?.find("${")?;
        let (before, rest) = text.split_at_checked(start)?;
        let inner = rest.strip_prefix("${")?;
        let (inner, after) = inner.split_once('}')?;
        if let Some((provider, place)) = inner.split_once(':') {
            let (path, key) = place.split_once(':').unwrap_or(("", place));
            let variable = rest.get(..rest.len() - after.len())?;
            return Some((
                before,
                Variable {
                    provider,
                    path,
                    key,
                    text: variable,
                },
                after,
            ));
        }
        from = start + 2;
    }
}

/// The text with variables replaced where the lookup knows them, and whether it knew any.
fn replace(text: &str, lookup: impl Fn(&Variable<'_>) -> Option<String>) -> (String, bool) {
    let mut replaced = String::with_capacity(text.len());
    let mut is_replaced = false;
    let mut rest = text;
    while let Some((before, variable, after)) = next_variable(rest) {
        replaced.push_str(before);
        let value = lookup(&variable);
        is_replaced |= value.is_some();
        replaced.push_str(value.as_deref().unwrap_or(variable.text));
        rest = after;
    }
    replaced.push_str(rest);
    (replaced, is_replaced)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config_map;

    /// Returns `<P|K>` for path P and key K; key `missing` has no value.
    struct Echo(Option<Duration>);

    #[async_trait]
    impl ConfigProvider for Echo {
        async fn get(&self, path: &str, keys: &[String]) -> Result<ConfigData> {
            let keys = keys.iter().filter(|key| *key != "missing");
            let data: ConfigData = keys
                .map(|key| (key.clone(), format!("<{path}|{key}>")))
                .collect();
            Ok(ConfigData {
                ttl: self.0,
                ..data
            })
        }
    }

    fn providers() -> ConfigProviders {
        let ttl = Duration::from_secs;
        BTreeMap::from([
            ("p".into(), Arc::new(Echo(None)) as Arc<dyn ConfigProvider>),
            ("t".into(), Arc::new(Echo(Some(ttl(5))))),
            ("u".into(), Arc::new(Echo(Some(ttl(3))))),
        ])
    }

    #[tokio::test]
    async fn variables_are_replaced_as_kafka_does() {
        for (raw, expected) in [
            ("plain", "plain"),
            ("${p:k}", "<|k>"),
            ("${p::k}", "<|k>"),
            ("${p:x:k}${p:y:k2}", "<x|k><y|k2>"),
            ("$${p:x:k}", "$<x|k>"),
            ("${p:x:}", "<x|>"),
            ("${p:a:b:c}", "<a|b:c>"),
            ("${p:${p:x:k}:k}", "<${p|x:k>:k}"),
            ("}${p:x:k}{", "}<x|k>{"),
            ("${p:x\ny:k}", "<x\ny|k>"),
            ("${p} ${p:x:k}", "${p} <x|k>"),
            ("é${p:x:k}é", "é<x|k>é"),
            ("${nope:x:k} ${p:x:missing}", "${nope:x:k} ${p:x:missing}"),
            ("${p:x:k", "${p:x:k"),
            ("${:x:k}", "${:x:k}"),
            ("${a${p:k}", "${a${p:k}"),
            ("$p:x:k", "$p:x:k"),
        ] {
            let resolved = resolve(&config_map! { "o" => raw }, &providers())
                .await
                .unwrap();
            assert_eq!(resolved.config.get("o"), Some(expected));
            assert_eq!(resolved.config.raw("o"), Some(raw));
            assert_eq!(resolved.config.is_secret("o"), raw != expected, "{raw}");
        }
    }

    #[tokio::test]
    async fn the_shortest_time_to_live_counts() {
        let config = config_map! { "a" => "${t:k}", "b" => "${u:k}", "c" => "${p:k}" };
        let resolved = resolve(&config, &providers()).await.unwrap();
        assert_eq!(resolved.ttl, Some(Duration::from_secs(3)));
        let resolved = resolve(&config_map! { "c" => "${p:k}" }, &providers())
            .await
            .unwrap();
        assert_eq!(resolved.ttl, None);
    }

    #[tokio::test]
    async fn resolving_again_starts_from_the_raw_text() {
        let once = resolve(&config_map! { "a" => "${p:k}" }, &providers())
            .await
            .unwrap();
        let twice = resolve(&once.config, &providers()).await.unwrap();
        assert_eq!(once, twice);
    }

    proptest! {
        #[test]
        fn texts_without_known_variables_stay_as_they_are(text in "[${}:ap ]{0,24}") {
            let (replaced, is_replaced) = replace(&text, |_| None);
            prop_assert!(!is_replaced);
            prop_assert_eq!(replaced, text);
        }

        #[test]
        fn variables_are_found_in_any_text(
            before in "[^${}]{0,8}",
            provider in "[^:${}]{1,4}",
            path in "[^:${}]{0,4}",
            key in "[^${}]{0,4}",
            after in "[^${}]{0,8}",
        ) {
            let text = format!("{before}${{{provider}:{path}:{key}}}{after}");
            let found: Vec<_> = variables(&text).map(|v| (v.provider, v.path, v.key)).collect();
            prop_assert_eq!(found, [(&*provider, &*path, &*key)]);
            prop_assert_eq!(replace(&text, |_| Some("!".into())), (format!("{before}!{after}"), true));
        }
    }
}
