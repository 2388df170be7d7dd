//! Copying fields of the value to the key.

use std::sync::Arc;

use connect_api::Error;
use connect_api::Result;
use connect_api::Transform;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::data::Datum;
use connect_api::data::Schema;
use connect_api::data::SchemaBuilder;
use connect_api::data::SchemaRef;
use connect_api::data::Struct;
use connect_api::data::Text;
use connect_api::data::Value;
use connect_api::data::ValueMap;
use connect_api::record::Origin;
use connect_api::record::Record;

use crate::null::settle_nulls;
use crate::schema_cache::SchemaCache;
use crate::shape::not_a_map;
use crate::shape::not_a_struct;

/// Replaces the key by a struct, or without a schema by a map, with some fields of the value. A field
/// that is missing in a map is null.
///
/// *Errors*: a null value, and a field that the schema does not have, are data errors.
///
/// *Java*: `ValueToKey`.
#[derive(Debug)]
pub struct ValueToKey {
    fields: Vec<Text>,
    replaces_null_with_default: bool,
    plans: SchemaCache<Arc<Plan>>,
}

#[derive(Debug, Clone, ConfigDef)]
struct ValueToKeyConfig {
    /// Field names on the record value to extract as the record key.
    #[config(name = "fields", importance = high, validate = any_non_duplicate(false, false))]
    fields: Vec<String>,
    /// Whether to replace fields that have a default value and that are null to the default value.
    /// When set to true, the default value is used, otherwise null is used.
    #[config(name = "replace.null.with.default", default = true)]
    replaces_null_with_default: bool,
}

/// The schema of the key, and the positions of its fields in the value.
#[derive(Debug)]
struct Plan {
    schema: SchemaRef,
    indexes: Vec<usize>,
}

impl ValueToKey {
    fn key_of_struct(&mut self, structure: &Struct) -> Result<Datum> {
        let fields = &self.fields;
        let plan = self
            .plans
            .get_or_make(structure.schema(), |schema| Plan::new(fields, schema))?;
        let value_of = |index: &usize| structure.values().get(*index).cloned();
        let values = plan.indexes.iter().map(value_of);
        let mut values: Vec<Value> = values.map(Option::unwrap_or_default).collect();
        let fields = plan.schema.fields().unwrap_or_default();
        settle_nulls(&mut values, fields, self.replaces_null_with_default)?;
        let key = Struct::from_values(plan.schema.clone(), values)?;
        Ok(Datum::new(plan.schema.clone(), key))
    }

    fn key_of_map(&self, map: &ValueMap) -> Datum {
        let mut key = ValueMap::with_capacity(self.fields.len());
        for field in &self.fields {
            let value = map.get(field).cloned().unwrap_or_default();
            key.push_unique(field.clone().into(), value);
        }
        Datum::schemaless(key)
    }
}

impl Default for ValueToKey {
    fn default() -> Self {
        Self {
            fields: Vec::new(),
            replaces_null_with_default: true,
            plans: SchemaCache::default(),
        }
    }
}

impl Transform for ValueToKey {
    fn config_def(&self) -> &ConfigDef {
        ValueToKeyConfig::config_def()
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = ValueToKeyConfig::from_config(config)?;
        self.fields = config.fields.into_iter().map(Text::from).collect();
        self.replaces_null_with_default = config.replaces_null_with_default;
        Ok(())
    }

    fn apply(&mut self, mut record: Record, _: Origin<'_>) -> Result<Option<Record>> {
        record.key = match (&record.value.schema, &record.value.value) {
            (Some(_), Value::Struct(structure)) => self.key_of_struct(structure)?,
            (Some(_), other) => return Err(not_a_struct(other, PURPOSE)),
            (None, Value::Map(map)) => self.key_of_map(map),
            (None, other) => return Err(not_a_map(other, PURPOSE)),
        };
        Ok(Some(record))
    }
}

impl Plan {
    fn new(fields: &[Text], schema: &Schema) -> Result<Arc<Self>> {
        let mut builder = SchemaBuilder::structure();
        let mut indexes = Vec::with_capacity(fields.len());
        for name in fields {
            let Some(field) = schema.field(name) else {
                return Err(Error::data(format!(
                    "Field does not exist: {name}. Set the option fields to ones that the value has"
                )));
            };
            builder = builder.field(name.clone(), field.schema().clone());
            indexes.push(field.index());
        }
        let schema = builder.build()?;
        Ok(Arc::new(Self { schema, indexes }))
    }
}

const PURPOSE: &str = "copying fields from value to key";

#[cfg(test)]
mod tests {
    use connect_api::config_map;

    use super::*;
    use crate::testing::apply;

    #[test]
    fn null_of_a_required_field_is_refused_unless_its_default_counts() {
        let with_default = SchemaBuilder::int32().default(7).build().unwrap();
        let schema = SchemaBuilder::structure().field("a", with_default);
        let schema = schema.build().unwrap();
        let unset = Datum::new(schema.clone(), Struct::new(schema).unwrap());
        for (replaces, expected) in [(true, Some(7)), (false, None)] {
            let mut transform = ValueToKey::default();
            let config = config_map! { "fields" => "a", "replace.null.with.default" => replaces };
            transform.configure(&config).unwrap();
            let record = apply(&mut transform, Record::new("t", unset.clone()));
            let key = record.ok().map(|record| record.key.value);
            let field = key.and_then(|key| key.as_struct()?.get("a").cloned());
            assert_eq!(field, expected.map(Value::Int32));
        }
    }
}
