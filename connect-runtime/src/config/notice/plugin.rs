//! The options of one plugin, under the prefix that they have in the whole configuration.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use connect_api::ConfigMap;
use connect_api::PluginRegistry;
use connect_api::config::ConfigDef;
use connect_api::plugin::PluginKind;
use connect_api::plugin::closest;

use super::Notice;
use super::NoticeKind;
use super::known;
use crate::panics::panicked;

/// Where the options of a plugin are, and which it has.
pub(super) struct PluginOptions<'a> {
    /// The prefix of its options: `transforms.x.`.
    pub(super) prefix: &'a str,
    /// Its full class name.
    pub(super) class: &'a str,
    pub(super) def: &'a ConfigDef,
    /// Options that the worker reads under the same prefix: `type`, `predicate`.
    pub(super) workers: &'a [&'static str],
}

impl PluginOptions<'_> {
    /// Adds a notice for each key under the prefix that neither the plugin nor the worker reads.
    pub(super) fn check(&self, config: &ConfigMap, notices: &mut Vec<Notice>) {
        for option in config.with_prefix(self.prefix).keys() {
            if self.workers.contains(&option) || self.def.allows(option) {
                continue;
            }
            let key = format!("{}{option}", self.prefix);
            notices.push(Notice::new(key, self.kind(option)));
        }
    }

    fn kind(&self, option: &str) -> NoticeKind {
        if option == "plugin.version" {
            return NoticeKind::Ignored {
                reason: known::ONE_VERSION,
            };
        }
        if let Some(removed) = known::removed(self.class, option) {
            return NoticeKind::Removed {
                release: removed.release,
                replacement: format!("{}{}", self.prefix, removed.replacement),
            };
        }
        let candidates = self.def.names().chain(self.workers.iter().copied());
        NoticeKind::Unknown {
            class: Some(self.class.to_owned()),
            likely: closest(option, candidates).map(|likely| format!("{}{likely}", self.prefix)),
        }
    }
}

/// The class and the options of a converter; `None` if its class is unknown or its code panics.
pub(super) fn converter(
    registry: &PluginRegistry,
    key: &str,
    class: &str,
) -> Option<(String, ConfigDef)> {
    contained(|| {
        Some(if key == "header.converter" {
            let factory = registry.find_header_converter(class).ok()?;
            (
                factory.info().class().to_owned(),
                factory.make().config_def().clone(),
            )
        } else {
            let factory = registry.find_converter(class).ok()?;
            (
                factory.info().class().to_owned(),
                factory.make().config_def().clone(),
            )
        })
    })
}

/// The class and the options of a transform.
pub(super) fn transform(registry: &PluginRegistry, class: &str) -> Option<(String, ConfigDef)> {
    contained(|| {
        let factory = registry.find_transform(class).ok()?;
        Some((
            factory.info().class().to_owned(),
            factory.make().config_def().clone(),
        ))
    })
}

/// The class and the options of a predicate.
pub(super) fn predicate(registry: &PluginRegistry, class: &str) -> Option<(String, ConfigDef)> {
    contained(|| {
        let factory = registry.find_predicate(class).ok()?;
        Some((
            factory.info().class().to_owned(),
            factory.make().config_def().clone(),
        ))
    })
}

/// The options of a connector, and whether it is a source.
pub(super) fn connector(registry: &PluginRegistry, class: &str) -> Option<(ConfigDef, bool)> {
    contained(|| {
        let factory = registry.connector(class).ok()?;
        let is_source = factory.kind() == PluginKind::Source;
        Some((factory.make().config_def().clone(), is_source))
    })
}

/// Calls plugin code. A plugin that panics is reported when it is used; here nothing is known about
/// its options.
fn contained<T>(ask: impl FnOnce() -> Option<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(ask)).unwrap_or_else(|panic| {
        let error = panicked("a plugin that was asked for its options", panic);
        tracing::debug!(
            error = error.report(),
            "the options of a plugin are not known"
        );
        None
    })
}
