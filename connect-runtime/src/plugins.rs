//! The plugins that Kafka Connect ships.

use connect_api::PluginRegistry;

/// A registry with the converters and transforms that Kafka Connect ships, if the feature `builtin` of
/// this crate is on; otherwise an empty one.
#[must_use]
pub fn plugins() -> PluginRegistry {
    #[cfg_attr(
        not(feature = "builtin"),
        expect(unused_mut, reason = "nothing is installed")
    )]
    let mut registry = PluginRegistry::new();
    #[cfg(feature = "builtin")]
    registry
        .install(connect_converters::plugins)
        .install(connect_transforms::plugins);
    registry
}
