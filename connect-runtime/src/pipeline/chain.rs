//! Transforms in their order, each under its predicate.

use connect_api::ConfigMap;
use connect_api::Error;
use connect_api::PluginRegistry;
use connect_api::Predicate;
use connect_api::Result;
use connect_api::Transform;
use connect_api::record::Origin;
use connect_api::record::Record;

use crate::config::ConnectorSettings;
use crate::pipeline::Failure;
use crate::pipeline::Stage;
use crate::pipeline::take;

/// The transforms of one task.
pub(crate) struct Chain {
    links: Vec<Link>,
}

struct Link {
    /// The class, for reports.
    class: String,
    transform: Box<dyn Transform>,
    condition: Option<Condition>,
}

struct Condition {
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

    /// Applies the transforms in place; false if one of them dropped the record. What is left of a
    /// record that was dropped or has failed is of no use.
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
            && condition.predicate.test(&record, origin)? == condition.negate
        {
            return Ok(Some(record));
        }
        self.transform.apply(record, origin)
    }
}

fn link(registry: &PluginRegistry, config: &ConfigMap, alias: &str) -> Result<Link> {
    let options = config.with_prefix(&format!("transforms.{alias}."));
    let class = required(&options, &format!("transforms.{alias}."), "type")?;
    let factory = registry.find_transform(class)?;
    let mut transform = factory.make();
    transform
        .configure(&options)
        .map_err(|error| error.context(format!("transform \"{alias}\" cannot be configured")))?;
    let condition = match options.get("predicate") {
        Some(predicate) => Some(Condition {
            predicate: self::predicate(registry, config, predicate)?,
            negate: options
                .get("negate")
                .is_some_and(|v| v.trim().eq_ignore_ascii_case("true")),
        }),
        None => None,
    };
    Ok(Link {
        class: factory.info().class().to_owned(),
        transform,
        condition,
    })
}

fn predicate(
    registry: &PluginRegistry,
    config: &ConfigMap,
    alias: &str,
) -> Result<Box<dyn Predicate>> {
    let options = config.with_prefix(&format!("predicates.{alias}."));
    let mut predicate =
        registry.new_predicate(required(&options, &format!("predicates.{alias}."), "type")?)?;
    predicate
        .configure(&options)
        .map_err(|error| error.context(format!("predicate \"{alias}\" cannot be configured")))?;
    Ok(predicate)
}

fn required<'a>(options: &'a ConfigMap, prefix: &str, key: &str) -> Result<&'a str> {
    options.get(key).ok_or_else(|| {
        Error::config(format!(
            "Missing required configuration \"{prefix}{key}\" which has no default value."
        ))
    })
}
