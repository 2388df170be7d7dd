//! `connect plugins`.

use connect_api::plugin::PluginKind;

use crate::command::registry;

/// Prints each plugin with its kind, class, version and other names.
pub(crate) fn plugins() {
    let registry = registry();
    for (kind, info) in registry.list() {
        let mut names: Vec<_> = info.aliases().collect();
        if info.short_name(kind) != info.class() {
            names.insert(0, info.short_name(kind));
        }
        names.dedup();
        let kind = name(kind);
        println!(
            "{kind:<16}  {:<68}  {}  {}",
            info.class(),
            info.version(),
            names.join(" ")
        );
    }
}

/// The kind as Kafka Connect's REST interface names it.
const fn name(kind: PluginKind) -> &'static str {
    match kind {
        PluginKind::ConfigProvider => "config provider",
        PluginKind::Converter => "converter",
        PluginKind::HeaderConverter => "header converter",
        PluginKind::Predicate => "predicate",
        PluginKind::Sink => "sink",
        PluginKind::Source => "source",
        PluginKind::Transform => "transform",
        _ => "plugin",
    }
}
