//! Transforms, in order, each with its predicate.

use connect_api::ConfigMap;
use connect_api::Error;
use connect_api::PluginRegistry;
use connect_api::Predicate;
use connect_api::Result;
use connect_api::Transform;
use connect_api::config::ConfigError;
use connect_api::plugin::PluginKind;
use connect_api::record::Origin;
use connect_api::record::Record;

use crate::config::ConnectorSettings;
use crate::config::class_of;
use crate::panics::named;
use crate::pipeline::Failure;
use crate::pipeline::Stage;
use crate::pipeline::take;

/// The transforms of one task.
pub(crate) struct Chain {
    links: Vec<Link>,
}

struct Link {
    alias: String,
    /// The class, for error reports.
    class: String,
    transform: Box<dyn Transform>,
    condition: Option<Condition>,
}

struct Condition {
    alias: String,
    predicate: Box<dyn Predicate>,
    negate: bool,
}

impl Chain {
    /// The transforms that a connector's configuration names.
    pub(crate) fn from_config(
        registry: &PluginRegistry,
        config: &ConfigMap,
        settings: &ConnectorSettings,
    ) -> Result<Self> {
        let links = settings
            .keys
            .transforms
            .iter()
            .map(|alias| link(registry, config, alias));
        Ok(Self {
            links: links.collect::<Result<_>>()?,
        })
    }

    /// Applies the transforms in place; false if one of them dropped the record. A record that was
    /// dropped or that failed is left without its data.
    #[inline]
    pub(crate) fn apply(
        &mut self,
        record: &mut Record,
        origin: Origin<'_>,
    ) -> std::result::Result<bool, Failure> {
        if self.links.is_empty() {
            return Ok(true);
        }
        let mut current = take(record);
        for link in &mut self.links {
            match link.apply(current, origin) {
                Ok(Some(next)) => current = next,
                Ok(None) => return Ok(false),
                Err(error) => {
                    return Err(Failure::new(Stage::Transformation, &link.class, error));
                }
            }
        }
        *record = current;
        Ok(true)
    }
}

impl Link {
    #[inline]
    fn apply(&mut self, record: Record, origin: Origin<'_>) -> Result<Option<Record>> {
        if let Some(condition) = &mut self.condition
            && condition.test(&record, origin)? == condition.negate
        {
            return Ok(Some(record));
        }
        named(
            || format!("transform \"{}\" ({})", self.alias, self.class),
            || self.transform.apply(record, origin),
        )
    }
}

impl Condition {
    #[inline]
    fn test(&mut self, record: &Record, origin: Origin<'_>) -> Result<bool> {
        named(
            || format!("predicate \"{}\"", self.alias),
            || self.predicate.test(record, origin),
        )
    }
}

fn link(registry: &PluginRegistry, config: &ConfigMap, alias: &str) -> Result<Link> {
    let prefix = format!("transforms.{alias}.");
    let options = config.with_prefix(&prefix);
    let factory = factory(&options, &prefix, |key, class| {
        class_of(
            registry,
            PluginKind::Transform,
            key,
            class,
            PluginRegistry::find_transform,
        )
    })?;
    let class = factory.info().class().to_owned();
    let transform = named(
        || format!("transform \"{alias}\" ({class})"),
        || {
            let mut transform = factory.make();
            transform.configure(&options).map(|()| transform)
        },
    );
    let transform = transform.map_err(|error| not_configured("transform", alias, error))?;
    let condition = match options.get("predicate") {
        Some(predicate) => Some(Condition {
            alias: predicate.to_owned(),
            predicate: self::predicate(registry, config, predicate)?,
            negate: options
                .get("negate")
                .is_some_and(|v| v.trim().eq_ignore_ascii_case("true")),
        }),
        None => None,
    };
    Ok(Link {
        alias: alias.to_owned(),
        class,
        transform,
        condition,
    })
}

fn predicate(
    registry: &PluginRegistry,
    config: &ConfigMap,
    alias: &str,
) -> Result<Box<dyn Predicate>> {
    let prefix = format!("predicates.{alias}.");
    let options = config.with_prefix(&prefix);
    let factory = factory(&options, &prefix, |key, class| {
        class_of(
            registry,
            PluginKind::Predicate,
            key,
            class,
            PluginRegistry::find_predicate,
        )
    })?;
    let predicate = named(
        || format!("predicate \"{alias}\""),
        || {
            let mut predicate = factory.make();
            predicate.configure(&options).map(|()| predicate)
        },
    );
    predicate.map_err(|error| not_configured("predicate", alias, error))
}

/// The factory of the plugin whose options are given, by its `type`.
fn factory<T>(
    options: &ConfigMap,
    prefix: &str,
    find: impl FnOnce(&str, &str) -> Result<T>,
) -> Result<T> {
    let key = format!("{prefix}type");
    let class = options
        .get("type")
        .ok_or_else(|| ConfigError::missing(&key))?;
    find(&key, class)
}

fn not_configured(kind: &str, alias: &str, error: Error) -> Error {
    error.context(format!("{kind} \"{alias}\" cannot be configured"))
}
