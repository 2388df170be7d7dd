//! The options of the JSON converter.

use connect_api::config::ConfigDef;
use connect_api::config::ConfigEnum;

#[derive(Debug, Clone, ConfigDef)]
pub(super) struct JsonConverterConfig {
    /// How this converter will be used.
    #[config(name = "converter.type", importance = low, validate = one_of("key", "value", "header"))]
    _converter_type: String,

    /// Include schemas within each of the serialized values and keys.
    #[config(name = "schemas.enable", default = true, importance = high, group = "Schemas",
             order = 0, width = medium, display = "Enable Schemas")]
    pub(super) schemas_enable: bool,

    /// The maximum number of schemas that can be cached in this converter instance.
    #[config(name = "schemas.cache.size", default = 1000, importance = high, group = "Schemas",
             order = 1, width = medium, display = "Schema Cache Size")]
    pub(super) schemas_cache_size: i32,

    /// When set, this is used as the schema for all messages. Otherwise, the schema should be in
    /// the contents of each message.
    #[config(name = "schema.content", importance = high, group = "Schemas", order = 2,
             width = medium, display = "Schema Content")]
    pub(super) schema_content: Option<String>,

    /// Controls which format this converter will serialize decimals in. This value is case
    /// insensitive and can be either 'BASE64' (default) or 'NUMERIC'.
    #[config(name = "decimal.format", default = "BASE64", importance = low,
             group = "Serialization", order = 0, width = medium, display = "Decimal Format",
             validate = one_of_ignore_case("NUMERIC", "BASE64"))]
    pub(super) decimal_format: DecimalFormat,

    /// Whether to replace fields that have a default value and that are null to the default value.
    /// When set to true, the default value is used, otherwise null is used.
    #[config(name = "replace.null.with.default", default = true, importance = low,
             group = "Serialization", order = 1, width = medium,
             display = "Replace null with default")]
    pub(super) replace_null_with_default: bool,
}

/// How decimals are written. Both forms are read, whatever is set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ConfigEnum)]
#[config(ignore_case)]
pub(super) enum DecimalFormat {
    /// The unscaled value in base64.
    #[default]
    #[config(name = "BASE64")]
    Base64,
    /// A number.
    #[config(name = "NUMERIC")]
    Numeric,
}
