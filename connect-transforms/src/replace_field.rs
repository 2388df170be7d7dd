//! Including, excluding and renaming fields.

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

use connect_api::Result;
use connect_api::Transform;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::config::Validator;
use connect_api::config::validator;
use connect_api::data::Datum;
use connect_api::data::Struct;
use connect_api::data::Text;
use connect_api::data::Value;
use connect_api::data::ValueMap;
use connect_api::record::Origin;
use connect_api::record::Record;

use crate::Part;
use crate::pair;
use crate::schema_cache::SchemaCache;
use crate::selection::Selection;
use crate::shape::Shape;
use crate::shape::not_a_name;
use crate::shape::take_shape;

/// Removes the excluded fields of the key or value, and those that are not included, and renames the
/// others. A field that is both included and excluded is removed.
///
/// A null key or value stays null. Names of missing fields are ignored. If two entries of a map get
/// the same name, the last one is kept.
///
/// *Errors*: two fields of a struct with the same name are a data error.
///
/// *Java*: `ReplaceField$Key`, `ReplaceField$Value`. As in Java, the new struct schema keeps name,
/// version, documentation and parameters, but is never optional.
#[derive(Debug)]
pub struct ReplaceField {
    part: Part,
    choice: Choice,
    replaces_null_with_default: bool,
    selections: SchemaCache<Arc<Selection>>,
}

#[derive(Debug, Clone, ConfigDef)]
struct ReplaceFieldConfig {
    /// Fields to exclude. This takes precedence over the fields to include.
    #[config(name = "exclude", default = "", validate = any_non_duplicate(true, false))]
    exclude: Vec<String>,
    /// Fields to include. If specified, only these fields will be used.
    #[config(name = "include", default = "", validate = any_non_duplicate(true, false))]
    include: Vec<String>,
    /// Field rename mappings.
    #[config(name = "renames", default = "", validate = self::renames())]
    renames: Vec<String>,
    /// Whether to replace fields that have a default value and that are null to the default value.
    /// When set to true, the default value is used, otherwise null is used.
    #[config(name = "replace.null.with.default", default = true)]
    replaces_null_with_default: bool,
}

/// The fields to keep, and their new names.
#[derive(Debug, Default)]
struct Choice {
    exclude: HashSet<String>,
    /// Empty: all.
    include: HashSet<String>,
    renames: HashMap<String, Text>,
    new_names: HashSet<Text>,
}

impl ReplaceField {
    /// Creates a transform of the key or value. It must be configured.
    #[must_use]
    pub fn new(part: Part) -> Self {
        Self {
            part,
            choice: Choice::default(),
            replaces_null_with_default: true,
            selections: SchemaCache::default(),
        }
    }

    fn apply_to_struct(&mut self, structure: Struct) -> Result<Datum> {
        let choice = &self.choice;
        let selection = self.selections.get_or_make(structure.schema(), |schema| {
            Selection::new(schema, |name| choice.new_name(name))
        })?;
        selection.select(structure, self.replaces_null_with_default)
    }
}

impl Transform for ReplaceField {
    fn config_def(&self) -> &ConfigDef {
        ReplaceFieldConfig::config_def()
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = ReplaceFieldConfig::from_config(config)?;
        let renames = config.renames.iter().filter_map(|text| names(text));
        let renames: HashMap<String, Text> = renames
            .map(|(old, new)| (old.to_owned(), new.into()))
            .collect();
        self.choice = Choice {
            exclude: config.exclude.into_iter().collect(),
            include: config.include.into_iter().collect(),
            new_names: renames.values().cloned().collect(),
            renames,
        };
        self.replaces_null_with_default = config.replaces_null_with_default;
        Ok(())
    }

    fn apply(&mut self, mut record: Record, _: Origin<'_>) -> Result<Option<Record>> {
        let datum = self.part.of_mut(&mut record);
        if datum.value.is_null() {
            return Ok(Some(record));
        }
        match take_shape(datum, PURPOSE)? {
            Shape::Map(map) => datum.value = self.choice.apply_to_map(map)?.into(),
            Shape::Struct(structure) => *datum = self.apply_to_struct(structure)?,
        }
        Ok(Some(record))
    }
}

impl Choice {
    fn keeps(&self, name: &str) -> bool {
        !self.exclude.contains(name) && (self.include.is_empty() || self.include.contains(name))
    }

    /// The new name of a field; none if it is removed.
    fn new_name(&self, name: &Text) -> Option<Text> {
        let new_name = || self.renames.get(&**name).unwrap_or(name).clone();
        self.keeps(name).then(new_name)
    }

    fn apply_to_map(&self, map: ValueMap) -> Result<ValueMap> {
        let mut replaced = ValueMap::with_capacity(map.len());
        for (key, value) in map {
            let name = match &key {
                Value::String(name) => name,
                // A null key has no name that a list could contain.
                Value::Null if self.include.is_empty() => {
                    replaced.push_unique(key, value);
                    continue;
                }
                Value::Null => continue,
                other => return Err(not_a_name(other, PURPOSE)),
            };
            if !self.keeps(name) {
                continue;
            }
            match self.renames.get(&**name) {
                Some(name) => drop(replaced.insert(name.clone(), value)),
                None if self.new_names.contains(&**name) => drop(replaced.insert(key, value)),
                None => replaced.push_unique(key, value),
            }
        }
        Ok(replaced)
    }
}

fn renames() -> impl Validator {
    validator::check(pair::LIST_OF_PAIRS, |_, value| {
        let list = value.as_list().unwrap_or_default();
        match list.iter().find(|text| names(text).is_none()) {
            Some(text) => Err(format!("Invalid rename mapping: {text}")),
            None => Ok(()),
        }
    })
}

/// The old and the new name.
fn names(text: &str) -> Option<(&str, &str)> {
    let (old, new) = pair::split(text)?;
    Some((old, new?))
}

const PURPOSE: &str = "field replacement";

#[cfg(test)]
mod tests {
    use connect_api::config_map;
    use connect_api::data::SchemaBuilder;
    use connect_api::data::SchemaRef;

    use super::*;
    use crate::testing::transformed;

    fn replace(config: &ConfigMap, datum: Datum) -> Result<Value> {
        Ok(transformed(ReplaceField::new(Part::Value), config, datum)?.value)
    }

    #[test]
    fn a_removed_field_does_not_replace_another_one() {
        let schema = SchemaBuilder::structure()
            .field("a", SchemaRef::INT32)
            .field("b", SchemaRef::STRING)
            .build()
            .unwrap();
        let values = vec![1.into(), "text".into()];
        let structure = Struct::from_values(schema.clone(), values).unwrap();
        for renames in ["a:b", "zzz:b"] {
            let config = config_map! { "include" => "b", "renames" => renames };
            let datum = Datum::new(schema.clone(), structure.clone());
            let replaced = replace(&config, datum).unwrap();
            let replaced = replaced.as_struct().unwrap();
            assert_eq!(replaced.get("b"), Some(&"text".into()), "{renames}");
        }
    }

    #[test]
    fn names_can_be_swapped() {
        let map: ValueMap = [("a", 1), ("b", 2), ("c", 3)].into_iter().collect();
        let config = config_map! { "renames" => "a:b,b:a" };
        let swapped: ValueMap = [("b", 1), ("a", 2), ("c", 3)].into_iter().collect();
        let replaced = replace(&config, Datum::schemaless(map)).unwrap();
        assert_eq!(replaced, swapped.into());
    }
}
