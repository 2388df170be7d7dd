//! Flattening nested fields.

use std::collections::HashMap;

use connect_api::Error;
use connect_api::Result;
use connect_api::Transform;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::data::Datum;
use connect_api::data::Field;
use connect_api::data::Schema;
use connect_api::data::SchemaBuilder;
use connect_api::data::SchemaRef;
use connect_api::data::SchemaType;
use connect_api::data::Struct;
use connect_api::data::Text;
use connect_api::data::Value;
use connect_api::data::ValueMap;
use connect_api::record::Origin;
use connect_api::record::Record;

use crate::Part;
use crate::null::refuse_null;
use crate::null::replace_null;
use crate::schema_cache::SchemaCache;
use crate::shape::Shape;
use crate::shape::not_a_name;
use crate::shape::not_a_struct;
use crate::shape::take_shape;

/// Flattens nested structs or maps into one. The name of a field is its path, joined by the delimiter.
/// Arrays do not change.
///
/// A null key or value stays null. A field inside an optional struct becomes optional, and is null if
/// the struct is null. If two entries of a map get the same name, the last one is kept.
///
/// *Errors*: two fields of a struct with the same name, maps inside structs, and structs, decimals and
/// moments inside maps are data errors.
///
/// *Java*: `Flatten$Key`, `Flatten$Value`. As in Java, the new struct schema keeps name, version,
/// documentation and parameters, but is never optional.
#[derive(Debug)]
pub struct Flatten {
    part: Part,
    delimiter: Delimiter,
    schemas: SchemaCache,
}

#[derive(Debug, Clone, ConfigDef)]
struct FlattenConfig {
    /// Delimiter to insert between field names from the input record when generating field names
    /// for the output record
    #[config(name = "delimiter", default = ".")]
    delimiter: Option<String>,
}

/// The text between names.
#[derive(Debug)]
struct Delimiter(String);

impl Flatten {
    /// Creates a transform of the key or value. It must be configured.
    #[must_use]
    pub fn new(part: Part) -> Self {
        Self {
            part,
            delimiter: Delimiter(".".into()),
            schemas: SchemaCache::default(),
        }
    }

    fn apply_to_struct(&mut self, structure: Struct) -> Result<Datum> {
        let delimiter = &self.delimiter;
        let schema = self.schemas.get_or_make(structure.schema(), |schema| {
            let builder = SchemaBuilder::structure().basics_of(schema);
            let top = Ancestors {
                name: Text::new(),
                is_optional: schema.is_optional(),
                default: schema.default().and_then(Value::as_struct),
            };
            add_fields(builder, schema, &top, delimiter)?.build()
        })?;
        let fields = schema.fields().unwrap_or_default();
        let mut values = Vec::with_capacity(fields.len());
        add_values(structure, fields, &mut values)?;
        Ok(Datum::new(
            schema.clone(),
            Struct::from_values(schema, values)?,
        ))
    }

    fn apply_to_map(&self, map: ValueMap) -> Result<ValueMap> {
        let is_nested = map.values().any(|value| matches!(value, Value::Map(_)));
        let mut flat = ValueMap::with_capacity(map.len());
        self.add_entries(map, "", &mut flat)?;
        Ok(if is_nested {
            last_of_each_key(flat)
        } else {
            flat
        })
    }

    /// Adds the entries of a map; a nested map is replaced by its entries. Names may repeat.
    fn add_entries(&self, map: ValueMap, prefix: &str, flat: &mut ValueMap) -> Result<()> {
        for (key, value) in map {
            let key = match key {
                Value::Null | Value::String(_) if prefix.is_empty() => key,
                Value::Null => self.delimiter.join(prefix, "null").into(),
                Value::String(name) => self.delimiter.join(prefix, &name).into(),
                other => return Err(not_a_name(&other, PURPOSE)),
            };
            let name = key.as_str().unwrap_or_default();
            match value {
                Value::Map(inner) => self.add_entries(inner, name, flat)?,
                Value::Struct(_)
                | Value::Decimal(_)
                | Value::Date(_)
                | Value::Time(_)
                | Value::Timestamp(_) => {
                    return Err(Error::data(format!(
                        "Flatten transformation does not support {} for record without schemas \
                         (for field {name}).",
                        value.type_name()
                    )));
                }
                leaf => flat.push_unique(key, leaf),
            }
        }
        Ok(())
    }
}

impl Transform for Flatten {
    fn config_def(&self) -> &ConfigDef {
        FlattenConfig::config_def()
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        // With a null delimiter, Java makes names such as `anullb`.
        if let Some(delimiter) = FlattenConfig::from_config(config)?.delimiter {
            self.delimiter = Delimiter(delimiter);
        }
        Ok(())
    }

    fn apply(&mut self, mut record: Record, _: Origin<'_>) -> Result<Option<Record>> {
        let datum = self.part.of_mut(&mut record);
        if datum.value.is_null() {
            return Ok(Some(record));
        }
        match take_shape(datum, PURPOSE)? {
            Shape::Map(map) => datum.value = self.apply_to_map(map)?.into(),
            Shape::Struct(structure) => *datum = self.apply_to_struct(structure)?,
        }
        Ok(Some(record))
    }
}

impl Delimiter {
    fn join(&self, prefix: &str, name: &str) -> Text {
        if prefix.is_empty() {
            name.into()
        } else {
            format!("{prefix}{}{name}", self.0).into()
        }
    }
}

/// What a field inherits from the structs around it.
struct Ancestors<'a> {
    name: Text,
    is_optional: bool,
    default: Option<&'a Struct>,
}

/// Adds the fields of a struct schema; a nested struct is replaced by its fields.
fn add_fields(
    mut builder: SchemaBuilder,
    schema: &Schema,
    ancestors: &Ancestors<'_>,
    delimiter: &Delimiter,
) -> Result<SchemaBuilder> {
    for field in schema.fields().unwrap_or_default() {
        let schema = field.schema();
        let name = delimiter.join(&ancestors.name, field.name());
        let is_optional = ancestors.is_optional || schema.is_optional();
        let inherited = ancestors
            .default
            .and_then(|default| default.values().get(field.index()))
            .filter(|default| !default.is_null());
        let default = schema.default().or(inherited);
        builder = match schema.schema_type() {
            SchemaType::Map(..) => {
                return Err(Error::data(format!(
                    "Flatten transformation does not support MAP for record with schemas (for \
                     field {name})."
                )));
            }
            SchemaType::Struct(_) => {
                let ancestors = Ancestors {
                    name,
                    is_optional,
                    default: default.and_then(Value::as_struct),
                };
                add_fields(builder, schema, &ancestors, delimiter)?
            }
            _ => builder.field(name, with(schema, is_optional, default)?),
        };
    }
    Ok(builder)
}

/// The schema of a field with what it inherits from the structs around it.
fn with(schema: &SchemaRef, is_optional: bool, default: Option<&Value>) -> Result<SchemaRef> {
    if is_optional == schema.is_optional() && default == schema.default() {
        return Ok(schema.clone());
    }
    let mut builder = SchemaBuilder::of(schema.schema_type().clone()).basics_of(schema);
    if is_optional {
        builder = builder.optional();
    }
    if let Some(default) = default {
        builder = builder.default(default.clone());
    }
    builder.build()
}

/// Adds the values of a struct, in the order in which [`add_fields`] adds their fields.
fn add_values(structure: Struct, flat: &[Field], values: &mut Vec<Value>) -> Result<()> {
    let schema = structure.schema().clone();
    let fields = schema.fields().unwrap_or_default();
    for (field, value) in fields.iter().zip(structure.into_values()) {
        match (field.schema().schema_type(), value) {
            (SchemaType::Struct(_), Value::Struct(inner)) => add_values(inner, flat, values)?,
            (SchemaType::Struct(_), Value::Null) => add_nulls(field.schema(), values),
            (SchemaType::Struct(_), other) => return Err(not_a_struct(&other, PURPOSE)),
            (_, mut leaf) => {
                replace_null(&mut leaf, field.schema());
                if let Some(flat) = flat.get(values.len()) {
                    refuse_null(&leaf, flat)?;
                }
                values.push(leaf);
            }
        }
    }
    Ok(())
}

/// Adds nulls for the fields of a struct that is null.
fn add_nulls(schema: &Schema, values: &mut Vec<Value>) {
    for field in schema.fields().unwrap_or_default() {
        match field.schema().schema_type() {
            SchemaType::Struct(_) => add_nulls(field.schema(), values),
            _ => values.push(Value::Null),
        }
    }
}

fn last_of_each_key(map: ValueMap) -> ValueMap {
    if map.len() <= FEW {
        return map.into_iter().collect();
    }
    let places = map.keys().enumerate();
    let last: HashMap<Value, usize> = places.map(|(at, key)| (key.clone(), at)).collect();
    if last.len() == map.len() {
        return map;
    }
    let mut unique = ValueMap::with_capacity(last.len());
    for (at, (key, value)) in map.into_iter().enumerate() {
        if last.get(&key) == Some(&at) {
            unique.push_unique(key, value);
        }
    }
    unique
}

/// Up to this length, searching the map is faster than an index.
const FEW: usize = 16;

const PURPOSE: &str = "flattening";

#[cfg(test)]
mod tests {
    use connect_api::config_map;

    use super::*;
    use crate::testing::transformed;

    fn flatten(datum: Datum) -> Result<Datum> {
        let config = config_map! { "delimiter" => "_" };
        transformed(Flatten::new(Part::Value), &config, datum)
    }

    #[test]
    fn defaults_of_a_struct_are_those_of_its_fields() {
        let inner = SchemaBuilder::structure()
            .field("x", SchemaRef::INT32)
            .field("y", SchemaRef::OPTIONAL_STRING)
            .build()
            .unwrap();
        let default = Struct::new(inner.clone()).unwrap().with("x", 9).unwrap();
        let with_default = SchemaBuilder::of(inner.schema_type().clone()).default(default);
        let schema = SchemaBuilder::structure()
            .field("a", with_default.build().unwrap())
            .field("b", inner)
            .build()
            .unwrap();
        let unset = Struct::new(schema.clone()).unwrap();
        let flat = flatten(Datum::new(schema, unset)).unwrap();
        let schema = flat.schema.unwrap();
        let field = schema.field("a_x").unwrap().schema();
        assert_eq!(field.default(), Some(&Value::Int32(9)));
        assert!(!field.is_optional());
        assert_eq!(schema.field("b_x").unwrap().schema(), &SchemaRef::INT32);
        let values = flat.value.as_struct().unwrap().values();
        assert_eq!(values, vec![Value::Null; 4]);
    }

    #[test]
    fn null_of_a_required_field_is_refused() {
        let schema = SchemaBuilder::structure().field("x", SchemaRef::INT32);
        let schema = schema.build().unwrap();
        let unset = Struct::new(schema.clone()).unwrap();
        let error = flatten(Datum::new(schema, unset)).unwrap_err();
        assert!(
            error.message().contains("field \"x\""),
            "{}",
            error.message()
        );
    }

    #[test]
    fn the_last_entry_of_a_name_is_kept() {
        for others in [0, 2 * FEW] {
            let inner: ValueMap = [("b", 2)].into_iter().collect();
            let mut map = ValueMap::new();
            map.insert("a_b", 1);
            map.insert("a", inner);
            for other in 0..others {
                map.insert(other.to_string(), "x");
            }
            let flat = flatten(Datum::schemaless(map)).unwrap().value;
            let flat = flat.as_map().unwrap();
            assert_eq!(flat.len(), 1 + others);
            assert_eq!(flat.get("a_b"), Some(&Value::Int32(2)));
        }
    }

    #[test]
    fn entries_without_a_name_or_a_type_are_refused() {
        let structure = Struct::new(SchemaBuilder::structure().build().unwrap()).unwrap();
        for map in [
            ValueMap::from_iter([("a", Value::Struct(structure))]),
            ValueMap::from_iter([("a", Value::Date(1))]),
            ValueMap::from_iter([(1, "a")]),
        ] {
            assert!(flatten(Datum::schemaless(map)).is_err());
        }
    }
}
