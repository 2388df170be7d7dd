//! The plugins that Kafka Connect ships.

use connect_api::PluginRegistry;

/// A registry with the converters and transforms that Kafka Connect ships, as far as the features
/// of this crate include them.
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
