//! Moving or copying fields into headers.

use std::sync::Arc;

use connect_api::Error;
use connect_api::Result;
use connect_api::Transform;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigEnum;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::config::Validator;
use connect_api::config::validator;
use connect_api::data::Datum;
use connect_api::data::Struct;
use connect_api::data::Text;
use connect_api::record::Header;
use connect_api::record::Headers;
use connect_api::record::Origin;
use connect_api::record::Record;

use crate::Part;
use crate::null::replace_null;
use crate::schema_cache::SchemaCache;
use crate::selection::Selection;
use crate::shape::take_map;
use crate::shape::take_struct;

/// Moves or copies fields of the key or value into headers. The headers are added after those of the
/// record and have the schemas of the fields. A field that is missing in a map becomes a null header.
///
/// *Errors*: a null key or value, and a field that the schema does not have, are data errors.
///
/// *Java*: `HeaderFrom$Key`, `HeaderFrom$Value`. As in Java, a struct from which fields were moved
/// keeps the name, version, documentation and parameters of its schema, but is never optional.
#[derive(Debug)]
pub struct HeaderFrom {
    part: Part,
    operation: Operation,
    pairs: Vec<Pair>,
    replaces_null_with_default: bool,
    selections: SchemaCache<Arc<Selection>>,
}

#[derive(Debug, Clone, ConfigDef)]
struct HeaderFromConfig {
    /// Field names in the record whose values are to be copied or moved to headers.
    #[config(name = "fields", importance = high, validate = self::non_empty_list())]
    fields: Vec<String>,
    /// Header names, in the same order as the field names listed in the fields configuration
    /// property.
    #[config(name = "headers", importance = high, validate = self::non_empty_list())]
    headers: Vec<String>,
    /// Either <code>move</code> if the fields are to be moved to the headers (removed from the
    /// key/value), or <code>copy</code> if the fields are to be copied to the headers (retained in
    /// the key/value).
    #[config(name = "operation", importance = high, validate = one_of("move", "copy"))]
    operation: Operation,
    /// Whether to replace fields that have a default value and that are null to the default value.
    /// When set to true, the default value is used, otherwise null is used.
    #[config(name = "replace.null.with.default", default = true)]
    replaces_null_with_default: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ConfigEnum)]
enum Operation {
    Copy,
    Move,
}

/// A field and its header.
#[derive(Debug)]
struct Pair {
    field: Text,
    header: Text,
    /// The field is moved, and no later header needs it.
    is_taken: bool,
}

impl HeaderFrom {
    /// Creates a transform of the key or value. It must be configured.
    #[must_use]
    pub fn new(part: Part) -> Self {
        Self {
            part,
            operation: Operation::Copy,
            pairs: Vec::new(),
            replaces_null_with_default: true,
            selections: SchemaCache::default(),
        }
    }

    fn apply_to_struct(&mut self, datum: &mut Datum, headers: &mut Headers) -> Result<()> {
        let structure = take_struct(&mut datum.value, self.operation.purpose())?;
        let schema = structure.schema().clone();
        let mut values = structure.into_values();
        for pair in &self.pairs {
            let Some(field) = schema.field(&pair.field) else {
                return Err(Error::data(format!(
                    "Unknown field: {}. Set the option fields to ones that {schema} has",
                    pair.field
                )));
            };
            let mut value = match values.get_mut(field.index()) {
                Some(value) if pair.is_taken => std::mem::take(value),
                value => value.cloned().unwrap_or_default(),
            };
            if self.replaces_null_with_default {
                replace_null(&mut value, field.schema());
            }
            let value = Datum::new(field.schema().clone(), value);
            headers.push(Header::new(pair.header.clone(), value));
        }
        let structure = Struct::from_values(schema, values)?;
        match self.operation {
            Operation::Copy => datum.value = structure.into(),
            Operation::Move => *datum = self.rest_of(structure)?,
        }
        Ok(())
    }

    /// The struct without the moved fields.
    fn rest_of(&mut self, structure: Struct) -> Result<Datum> {
        let pairs = &self.pairs;
        let is_moved = |name: &Text| pairs.iter().any(|pair| pair.field == *name);
        let selection = self.selections.get_or_make(structure.schema(), |schema| {
            Selection::new(schema, |name| (!is_moved(name)).then(|| name.clone()))
        })?;
        selection.select(structure, self.replaces_null_with_default)
    }

    fn apply_to_map(&self, datum: &mut Datum, headers: &mut Headers) -> Result<()> {
        let mut map = take_map(&mut datum.value, self.operation.purpose())?;
        for pair in &self.pairs {
            let value = if pair.is_taken {
                map.remove(&pair.field)
            } else {
                map.get(&pair.field).cloned()
            };
            let value = Datum::schemaless(value.unwrap_or_default());
            headers.push(Header::new(pair.header.clone(), value));
        }
        datum.value = map.into();
        Ok(())
    }
}

impl Transform for HeaderFrom {
    fn config_def(&self) -> &ConfigDef {
        HeaderFromConfig::config_def()
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = HeaderFromConfig::from_config(config)?;
        if config.fields.len() != config.headers.len() {
            return Err(Error::config(
                "'fields' config must have the same number of elements as 'headers' config.",
            ));
        }
        self.operation = config.operation;
        self.replaces_null_with_default = config.replaces_null_with_default;
        let last_of = |field: &String| config.fields.iter().rposition(|other| other == field);
        self.pairs = config
            .fields
            .iter()
            .zip(&config.headers)
            .enumerate()
            .map(|(index, (field, header))| Pair {
                field: field.as_str().into(),
                header: header.as_str().into(),
                is_taken: config.operation == Operation::Move && last_of(field) == Some(index),
            })
            .collect();
        Ok(())
    }

    fn apply(&mut self, mut record: Record, _: Origin<'_>) -> Result<Option<Record>> {
        let mut datum = std::mem::take(self.part.of_mut(&mut record));
        if datum.schema.is_some() {
            self.apply_to_struct(&mut datum, &mut record.headers)?;
        } else {
            self.apply_to_map(&mut datum, &mut record.headers)?;
        }
        *self.part.of_mut(&mut record) = datum;
        Ok(Some(record))
    }
}

impl Operation {
    const fn purpose(self) -> &'static str {
        match self {
            Self::Copy => "header copy",
            Self::Move => "header move",
        }
    }
}

fn non_empty_list() -> impl Validator {
    validator::check("non-empty list", |_, value| match value.as_list() {
        None | Some([]) => Err("Empty list".into()),
        Some(_) => Ok(()),
    })
}

#[cfg(test)]
mod tests {
    use connect_api::config_map;
    use connect_api::data::SchemaBuilder;
    use connect_api::data::SchemaRef;
    use connect_api::data::Value;
    use connect_api::data::ValueMap;

    use super::*;
    use crate::testing::apply;

    fn move_twice(datum: Datum) -> Record {
        let mut transform = HeaderFrom::new(Part::Value);
        let config = config_map! { "fields" => "a,a", "headers" => "x,y", "operation" => "move" };
        transform.configure(&config).unwrap();
        apply(&mut transform, Record::new("t", datum)).unwrap()
    }

    #[test]
    fn a_field_is_moved_into_several_headers() {
        let schema = SchemaBuilder::structure()
            .field("a", SchemaRef::INT32)
            .field("b", SchemaRef::STRING)
            .build()
            .unwrap();
        let values = vec![1.into(), "rest".into()];
        let structure = Struct::from_values(schema.clone(), values).unwrap();
        let map: ValueMap = [("a", Value::Int32(1)), ("b", "rest".into())]
            .into_iter()
            .collect();
        for datum in [Datum::new(schema, structure), Datum::schemaless(map)] {
            let record = move_twice(datum);
            for header in ["x", "y"] {
                let header = record.headers.last(header).unwrap();
                assert_eq!(header.value.value, Value::Int32(1));
            }
            let rest: Vec<_> = match record.value.value {
                Value::Struct(structure) => structure.into_values(),
                Value::Map(map) => map.values().cloned().collect(),
                other => panic!("{other:?}"),
            };
            assert_eq!(rest, ["rest".into()]);
        }
    }
}
