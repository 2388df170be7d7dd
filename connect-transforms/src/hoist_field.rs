//! Wrapping the key or value in a struct or map.

use connect_api::Result;
use connect_api::Transform;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::data::SchemaBuilder;
use connect_api::data::Struct;
use connect_api::data::Text;
use connect_api::data::Value;
use connect_api::data::ValueMap;
use connect_api::record::Origin;
use connect_api::record::Record;

use crate::Part;
use crate::schema_cache::SchemaCache;

/// Wraps the key or value in a struct with a single field, or in a map if it has no schema. Null is
/// wrapped too.
///
/// *Errors*: null with a schema that is not optional is a data error.
///
/// *Java*: `HoistField$Key`, `HoistField$Value`.
#[derive(Debug)]
pub struct HoistField {
    part: Part,
    field: Text,
    schemas: SchemaCache,
}

#[derive(Debug, Clone, ConfigDef)]
struct HoistFieldConfig {
    /// Field name for the single field that will be created in the resulting Struct or Map.
    #[config(name = "field")]
    field: String,
}

impl HoistField {
    /// Creates a transform of the key or value. It must be configured.
    #[must_use]
    pub fn new(part: Part) -> Self {
        Self {
            part,
            field: Text::new(),
            schemas: SchemaCache::default(),
        }
    }
}

impl Transform for HoistField {
    fn config_def(&self) -> &ConfigDef {
        HoistFieldConfig::config_def()
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        self.field = HoistFieldConfig::from_config(config)?.field.into();
        Ok(())
    }

    fn apply(&mut self, mut record: Record, _: Origin<'_>) -> Result<Option<Record>> {
        let datum = self.part.of_mut(&mut record);
        match &mut datum.schema {
            Some(schema) => {
                let field = &self.field;
                let hoisted = self.schemas.get_or_make(schema, |schema| {
                    SchemaBuilder::structure()
                        .field(field.clone(), schema.clone())
                        .build()
                })?;
                let value = std::mem::take(&mut datum.value);
                schema.validate_named(&self.field, &value)?;
                *schema = hoisted.clone();
                datum.value = Struct::from_values(hoisted, vec![value])?.into();
            }
            None => {
                let mut map = ValueMap::with_capacity(1);
                map.push_unique(
                    Value::String(self.field.clone()),
                    std::mem::take(&mut datum.value),
                );
                datum.value = map.into();
            }
        }
        Ok(Some(record))
    }
}

#[cfg(test)]
mod tests {
    use connect_api::config_map;
    use connect_api::data::Datum;
    use connect_api::data::SchemaRef;

    use super::*;
    use crate::testing::transformed;

    fn hoist(datum: Datum) -> Result<Datum> {
        let config = config_map! { "field" => "line" };
        transformed(HoistField::new(Part::Value), &config, datum)
    }

    #[test]
    fn a_value_with_a_schema_becomes_a_struct() {
        let hoisted = hoist(Datum::string("hello")).unwrap();
        let schema = hoisted.schema.unwrap();
        assert_eq!(schema.field("line").unwrap().schema(), &SchemaRef::STRING);
        assert_eq!(
            hoisted.value.as_struct().unwrap().get("line"),
            Some(&"hello".into())
        );
    }

    #[test]
    fn a_value_without_a_schema_becomes_a_map() {
        let hoisted = hoist(Datum::schemaless("hello")).unwrap();
        assert_eq!(
            hoisted.value.as_map().unwrap().get("line"),
            Some(&"hello".into())
        );
        assert!(
            hoist(Datum::NULL)
                .unwrap()
                .value
                .as_map()
                .unwrap()
                .get("line")
                .unwrap()
                .is_null()
        );
    }

    #[test]
    fn null_of_a_required_schema_is_refused() {
        assert!(hoist(Datum::new(SchemaRef::STRING, Value::Null)).is_err());
        assert!(hoist(Datum::new(SchemaRef::OPTIONAL_STRING, Value::Null)).is_ok());
    }
}
