//! Replacing the key or value by one of its fields.

use connect_api::Error;
use connect_api::Result;
use connect_api::Transform;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::data::Datum;
use connect_api::record::Origin;
use connect_api::record::Record;

use crate::Part;
use crate::field_path::FieldPath;
use crate::field_path::FieldSyntax;
use crate::shape::take_map;
use crate::shape::take_struct_or_null;

/// Replaces the key or value by one field of its struct or map. With the field syntax V2 the field may
/// be nested: `address.street`.
///
/// A null key or value stays null and gets the schema of the field. A field that is missing in a map
/// is null.
///
/// *Errors*: a field that the schema does not have is a data error.
///
/// *Java*: `ExtractField$Key`, `ExtractField$Value`.
#[derive(Debug)]
pub struct ExtractField {
    part: Part,
    name: String,
    path: FieldPath,
    replaces_null_with_default: bool,
}

#[derive(Debug, Clone, ConfigDef)]
struct ExtractFieldConfig {
    /// Field name to extract.
    #[config(name = "field")]
    field: String,
    /// Defines the version of the syntax to access fields. If set to <code>V1</code>, then the field
    /// paths are limited to access the elements at the root level of the struct or map. If set to
    /// <code>V2</code>, the syntax will support accessing nested elements. To access nested
    /// elements, dotted notation is used. If dots are already included in the field name, then
    /// backtick pairs can be used to wrap field names containing dots. E.g. to access the subfield
    /// <code>baz</code> from a field named "foo.bar" in a struct/map the following format can be
    /// used to access its elements: "<code>`foo.bar`.baz</code>".
    #[config(name = "field.syntax.version", default = "V1", importance = high,
             validate = one_of_ignore_case("V1", "V2"))]
    syntax: FieldSyntax,
    /// Whether to replace fields that have a default value and that are null to the default value.
    /// When set to true, the default value is used, otherwise null is used.
    #[config(name = "replace.null.with.default", default = true)]
    replaces_null_with_default: bool,
}

impl ExtractField {
    /// Creates a transform of the key or value. It must be configured.
    #[must_use]
    pub fn new(part: Part) -> Self {
        Self {
            part,
            name: String::new(),
            path: FieldPath::default(),
            replaces_null_with_default: true,
        }
    }

    fn extract(&self, datum: &mut Datum) -> Result<()> {
        let value = &mut datum.value;
        let Some(schema) = &datum.schema else {
            if !value.is_null() {
                *value = self.path.take_from_map(take_map(value, PURPOSE)?)?;
            }
            return Ok(());
        };
        let structure = take_struct_or_null(value, PURPOSE)?;
        let Some(field) = self.path.field_of(schema)? else {
            return Err(Error::data(format!(
                "Unknown field: {}. Set the option field to one that {schema} has",
                self.name
            )));
        };
        if let Some(structure) = structure {
            *value = self
                .path
                .take_from_struct(structure, self.replaces_null_with_default)?;
        }
        datum.schema = Some(field.schema().clone());
        Ok(())
    }
}

impl Transform for ExtractField {
    fn config_def(&self) -> &ConfigDef {
        ExtractFieldConfig::config_def()
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = ExtractFieldConfig::from_config(config)?;
        self.path = FieldPath::parse(&config.field, config.syntax)?;
        self.name = config.field;
        self.replaces_null_with_default = config.replaces_null_with_default;
        Ok(())
    }

    fn apply(&mut self, mut record: Record, _: Origin<'_>) -> Result<Option<Record>> {
        self.extract(self.part.of_mut(&mut record))?;
        Ok(Some(record))
    }
}

const PURPOSE: &str = "field extraction";

#[cfg(test)]
mod tests {
    use connect_api::config_map;
    use connect_api::data::SchemaBuilder;
    use connect_api::data::SchemaRef;
    use connect_api::data::Struct;
    use connect_api::data::Value;
    use connect_api::data::ValueMap;

    use super::*;
    use crate::testing::transformed;

    fn extract(config: &ConfigMap, datum: Datum) -> Result<Datum> {
        transformed(ExtractField::new(Part::Value), config, datum)
    }

    /// A struct with an optional struct `in`, which is null and has the default `(x=5)`.
    fn nested() -> Datum {
        let inner = SchemaBuilder::structure().field("x", SchemaRef::INT32);
        let default = Struct::new(inner.clone().optional().build().unwrap()).unwrap();
        let inner = inner.optional().default(default.with("x", 5).unwrap());
        let outer = SchemaBuilder::structure().field("in", inner.build().unwrap());
        let outer = outer.build().unwrap();
        Datum::new(outer.clone(), Struct::new(outer).unwrap())
    }

    #[test]
    fn a_null_struct_counts_as_its_default_if_configured() {
        let config = config_map! { "field" => "in.x", "field.syntax.version" => "v2" };
        let extracted = extract(&config, nested()).unwrap();
        assert_eq!(extracted, Datum::new(SchemaRef::INT32, 5));
        let config = config_map! {
            "field" => "in.x", "field.syntax.version" => "V2",
            "replace.null.with.default" => false,
        };
        let extracted = extract(&config, nested()).unwrap();
        assert_eq!(extracted, Datum::new(SchemaRef::INT32, Value::Null));
    }

    #[test]
    fn without_a_schema_only_maps_have_fields() {
        let config = config_map! { "field" => "in.x", "field.syntax.version" => "V2" };
        let with = |value: Value| -> ValueMap { [("in", value)].into_iter().collect() };
        let map: ValueMap = [("x", 5)].into_iter().collect();
        let found = extract(&config, Datum::schemaless(with(map.into()))).unwrap();
        assert_eq!(found, Datum::schemaless(5));
        assert!(extract(&config, Datum::schemaless(with(5.into()))).is_err());
        assert!(extract(&config, Datum::schemaless(with(nested().value))).is_err());
    }
}
