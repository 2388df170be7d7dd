//! `converter.type`, the option that all converters have.

use std::sync::LazyLock;

use connect_api::config::ConfigDef;
use connect_api::config::ConfigKey;
use connect_api::config::ConfigType;
use connect_api::config::Importance;
use connect_api::config::validator;

/// Set by the worker to `key`, `value` or `header`.
pub(crate) const CONVERTER_TYPE: &str = "converter.type";

/// The definition for converters that have no options of their own.
pub(crate) fn def() -> &'static ConfigDef {
    static DEF: LazyLock<ConfigDef> = LazyLock::new(|| {
        let key = ConfigKey::new(CONVERTER_TYPE, ConfigType::String)
            .importance(Importance::Low)
            .validator(validator::one_of(["key", "value", "header"]))
            .documentation("How this converter will be used.");
        ConfigDef::builder().key(key).build()
    });
    &DEF
}
