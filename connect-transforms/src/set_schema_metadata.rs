//! Setting the name and version of schemas.

use connect_api::Error;
use connect_api::Result;
use connect_api::Transform;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::data::SchemaBuilder;
use connect_api::data::SchemaRef;
use connect_api::data::Struct;
use connect_api::data::Text;
use connect_api::data::Value;
use connect_api::record::Origin;
use connect_api::record::Record;

use crate::Part;
use crate::null::settle_nulls;
use crate::schema_cache::SchemaCache;
use crate::shape::fields;

/// Sets the name or version, or both, of the schema of the key or value. Nothing else changes. Null
/// without a schema stays null.
///
/// *Errors*: a schema that is not a struct, and a value without a schema, are data errors.
///
/// *Java*: `SetSchemaMetadata$Key`, `SetSchemaMetadata$Value`.
#[derive(Debug)]
pub struct SetSchemaMetadata {
    part: Part,
    name: Option<Text>,
    version: Option<i32>,
    replaces_null_with_default: bool,
    schemas: SchemaCache,
}

#[derive(Debug, Clone, ConfigDef)]
struct SetSchemaMetadataConfig {
    /// Schema name to set.
    #[config(name = "schema.name", importance = high)]
    name: Option<Text>,
    /// Schema version to set.
    #[config(name = "schema.version", importance = high)]
    version: Option<i32>,
    /// Whether to replace fields that have a default value and that are null to the default value.
    /// When set to true, the default value is used, otherwise null is used.
    #[config(name = "replace.null.with.default", default = true)]
    replaces_null_with_default: bool,
}

impl SetSchemaMetadata {
    /// Creates a transform of the key or value. It must be configured.
    #[must_use]
    pub fn new(part: Part) -> Self {
        Self {
            part,
            name: None,
            version: None,
            replaces_null_with_default: true,
            schemas: SchemaCache::default(),
        }
    }
}

impl Transform for SetSchemaMetadata {
    fn config_def(&self) -> &ConfigDef {
        SetSchemaMetadataConfig::config_def()
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = SetSchemaMetadataConfig::from_config(config)?;
        if config.name.is_none() && config.version.is_none() {
            return Err(Error::config(
                "Neither schema name nor version configured. Set schema.name, schema.version or both",
            ));
        }
        self.name = config.name;
        self.version = config.version;
        self.replaces_null_with_default = config.replaces_null_with_default;
        Ok(())
    }

    fn apply(&mut self, mut record: Record, _: Origin<'_>) -> Result<Option<Record>> {
        let datum = self.part.of_mut(&mut record);
        let Some(schema) = &mut datum.schema else {
            if datum.value.is_null() {
                return Ok(Some(record));
            }
            return Err(Error::data(
                "Schema required for [updating schema metadata]",
            ));
        };
        let (name, version) = (self.name.as_ref(), self.version);
        *schema = self
            .schemas
            .get_or_make(schema, |schema| renamed(schema, name, version))?;
        datum.value = match std::mem::take(&mut datum.value) {
            Value::Struct(structure) => {
                let fields = schema.fields().unwrap_or_default();
                let mut values = structure.into_values();
                settle_nulls(&mut values, fields, self.replaces_null_with_default)?;
                Struct::from_values(schema.clone(), values)?.into()
            }
            value => value,
        };
        Ok(Some(record))
    }
}

/// The schema with the new name or version.
fn renamed(schema: &SchemaRef, name: Option<&Text>, version: Option<i32>) -> Result<SchemaRef> {
    let mut builder = SchemaBuilder::structure();
    for field in fields(schema)? {
        builder = builder.field(field.name().clone(), field.schema().clone());
    }
    if let Some(name) = name.cloned().or_else(|| schema.name().map(Text::from)) {
        builder = builder.name(name);
    }
    if let Some(version) = version.or(schema.version()) {
        builder = builder.version(version);
    }
    if let Some(doc) = schema.doc() {
        builder = builder.doc(doc);
    }
    for (name, value) in schema.parameters() {
        builder = builder.parameter(name.clone(), value.clone());
    }
    if schema.is_optional() {
        builder = builder.optional();
    }
    if let Some(Value::Struct(default)) = schema.default() {
        // The default belongs to the new schema.
        let values = default.values().to_vec();
        let default = Struct::from_values(builder.clone().build()?, values)?;
        builder = builder.default(default);
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use connect_api::config_map;
    use connect_api::data::Datum;

    use super::*;
    use crate::testing::transformed;

    #[test]
    fn everything_but_name_and_version_stays() {
        let builder = || {
            SchemaBuilder::structure()
                .field("x", SchemaRef::INT32)
                .doc("d")
                .parameter("p", "q")
                .optional()
        };
        let with_default = |builder: SchemaBuilder| {
            let schema = builder.clone().build().unwrap();
            let default = Struct::new(schema).unwrap().with("x", 7).unwrap();
            builder.default(default).build().unwrap()
        };
        let before = with_default(builder().name("old").version(1));
        let after = with_default(builder().name("new").version(1));

        let config = config_map! { "schema.name" => "new" };
        let line = Struct::new(before.clone()).unwrap().with("x", 5).unwrap();
        let line = Datum::new(before, line);
        let line = transformed(SetSchemaMetadata::new(Part::Value), &config, line).unwrap();
        assert_eq!(line.schema.as_ref(), Some(&after));
        assert_eq!(line.value.as_struct().unwrap().schema(), &after);
    }
}
