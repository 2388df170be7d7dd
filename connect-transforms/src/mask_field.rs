//! Hiding what fields say.

use connect_api::Error;
use connect_api::Result;
use connect_api::Transform;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::data::Decimal;
use connect_api::data::Schema;
use connect_api::data::Struct;
use connect_api::data::Text;
use connect_api::data::Value;
use connect_api::data::ValueMap;
use connect_api::data::logical::decimal_scale;
use connect_api::record::Origin;
use connect_api::record::Record;

use crate::Part;
use crate::entry::change_entry;
use crate::null::settle_nulls;
use crate::shape::take_map;
use crate::shape::take_struct;

/// Puts a value that says nothing in the place of what fields hold: 0, false, an empty text, array
/// or map, the epoch. Numbers and texts can get another one.
///
/// Null stays null. Fields that a map does not have are added as null; those that a struct does
/// not have do not matter.
///
/// *Java*: `MaskField$Key`, `MaskField$Value`. Here decimals keep the scale that their schema asks
/// for.
#[derive(Debug)]
pub struct MaskField {
    part: Part,
    fields: Vec<Text>,
    replacement: Option<Replacement>,
    replaces_null_with_default: bool,
}

#[derive(Debug, Clone, ConfigDef)]
struct MaskFieldConfig {
    /// Names of fields to mask.
    #[config(name = "fields", importance = high, validate = any_non_duplicate(false, false))]
    fields: Vec<String>,
    /// Custom value replacement, that will be applied to all 'fields' values (numeric or non-empty
    /// string values only).
    #[config(name = "replacement", importance = low, validate = non_empty)]
    replacement: Option<Text>,
    /// Whether to replace fields that have a default value and that are null to the default value.
    /// When set to true, the default value is used, otherwise null is used.
    #[config(name = "replace.null.with.default", default = true)]
    replaces_null_with_default: bool,
}

#[derive(Debug)]
struct Replacement {
    text: Text,
    /// `None` if the text is no number.
    number: Option<Number>,
}

#[derive(Debug)]
struct Number {
    decimal: Decimal,
    whole: i64,
    float: f64,
}

impl MaskField {
    /// A transform of a part, to be configured.
    #[must_use]
    pub const fn new(part: Part) -> Self {
        Self {
            part,
            fields: Vec::new(),
            replacement: None,
            replaces_null_with_default: true,
        }
    }

    fn apply_to_struct(&self, structure: Struct) -> Result<Struct> {
        let schema = structure.schema().clone();
        let fields = schema.fields().unwrap_or_default();
        let mut values = structure.into_values();
        settle_nulls(&mut values, fields, self.replaces_null_with_default)?;
        for field in self.fields.iter().filter_map(|name| schema.field(name)) {
            if let Some(value) = values.get_mut(field.index()) {
                *value = self.masked(value, Some(field.schema()))?;
            }
        }
        Struct::from_values(schema, values)
    }

    fn apply_to_map(&self, mut map: ValueMap) -> Result<ValueMap> {
        for name in &self.fields {
            change_entry(&mut map, name, |value| self.masked(value, None))?;
        }
        Ok(map)
    }

    fn masked(&self, value: &Value, schema: Option<&Schema>) -> Result<Value> {
        match (value, &self.replacement) {
            (Value::Null, _) => Ok(Value::Null),
            (value, Some(replacement)) => replacement.in_place_of(value, schema),
            (value, None) => nothing_in_place_of(value, schema),
        }
    }
}

impl Transform for MaskField {
    fn config_def(&self) -> &ConfigDef {
        MaskFieldConfig::config_def()
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = MaskFieldConfig::from_config(config)?;
        self.fields = config.fields.into_iter().map(Text::from).collect();
        self.replacement = config.replacement.map(Replacement::new);
        self.replaces_null_with_default = config.replaces_null_with_default;
        Ok(())
    }

    fn apply(&mut self, mut record: Record, _: Origin<'_>) -> Result<Option<Record>> {
        let datum = self.part.of_mut(&mut record);
        if datum.schema.is_some() {
            let structure = take_struct(&mut datum.value, PURPOSE)?;
            datum.value = self.apply_to_struct(structure)?.into();
        } else {
            let map = take_map(&mut datum.value, PURPOSE)?;
            datum.value = self.apply_to_map(map)?.into();
        }
        Ok(Some(record))
    }
}

impl Replacement {
    fn new(text: Text) -> Self {
        let number = Decimal::parse(&text).ok().map(|decimal| Number {
            whole: decimal.to_i64_wrapping(),
            float: decimal.to_f64(),
            decimal,
        });
        Self { text, number }
    }

    /// Numbers that are too large lose their upper bits, as in Java.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the replacement is cut to the type of the field"
    )]
    fn in_place_of(&self, value: &Value, schema: Option<&Schema>) -> Result<Value> {
        Ok(match value {
            Value::Decimal(_) => {
                let decimal = self.number("number")?.decimal.clone();
                match schema.and_then(|schema| decimal_scale(schema).ok()) {
                    Some(scale) => decimal.with_scale(scale).ok_or_else(|| {
                        Error::data(format!(
                            "Unable to convert {} to a number of scale {scale}",
                            self.text
                        ))
                    })?,
                    None => decimal,
                }
                .into()
            }
            Value::Float32(_) => (self.number("a number")?.float as f32).into(),
            Value::Float64(_) => self.number("a number")?.float.into(),
            Value::Int8(_) => (self.number("a number")?.whole as i8).into(),
            Value::Int16(_) => (self.number("a number")?.whole as i16).into(),
            Value::Int32(_) => (self.number("a number")?.whole as i32).into(),
            Value::Int64(_) => self.number("a number")?.whole.into(),
            Value::String(_) => self.text.clone().into(),
            value => {
                return Err(Error::data(format!(
                    "Cannot mask value of type class {} with custom replacement.",
                    value.java_class()
                )));
            }
        })
    }

    fn number(&self, what: &str) -> Result<&Number> {
        self.number.as_ref().ok_or_else(|| {
            Error::data(format!(
                "Unable to convert {} (class java.lang.String) to {what}",
                self.text
            ))
        })
    }
}

/// The value of the same type that says nothing.
fn nothing_in_place_of(value: &Value, schema: Option<&Schema>) -> Result<Value> {
    Ok(match value {
        Value::Array(_) => Value::Array(Vec::new()),
        Value::Boolean(_) => false.into(),
        Value::Date(_) => Value::Date(0),
        Value::Decimal(_) => {
            let scale = schema.and_then(|schema| decimal_scale(schema).ok());
            Decimal::new(0, scale.unwrap_or(0)).into()
        }
        Value::Float32(_) => 0.0f32.into(),
        Value::Float64(_) => 0.0f64.into(),
        Value::Int8(_) => 0i8.into(),
        Value::Int16(_) => 0i16.into(),
        Value::Int32(_) => 0i32.into(),
        Value::Int64(_) => 0i64.into(),
        Value::Map(_) => ValueMap::new().into(),
        Value::String(_) => Text::new().into(),
        Value::Time(_) => Value::Time(0),
        Value::Timestamp(_) => Value::Timestamp(0),
        value => {
            return Err(Error::data(format!(
                "Cannot mask value of type: class {}",
                value.java_class()
            )));
        }
    })
}

const PURPOSE: &str = "mask fields";

#[cfg(test)]
mod tests {
    use connect_api::config_map;
    use connect_api::data::Datum;
    use connect_api::data::Logical;
    use connect_api::data::SchemaBuilder;

    use super::*;
    use crate::testing::transformed;

    fn mask(config: &ConfigMap, datum: Datum) -> Result<Datum> {
        transformed(MaskField::new(Part::Value), config, datum)
    }

    #[test]
    fn decimals_keep_the_scale_of_their_schema() {
        let schema = SchemaBuilder::structure()
            .field("d", Logical::decimal(2).build().unwrap())
            .build()
            .unwrap();
        let price = Struct::new(schema.clone())
            .unwrap()
            .with("d", Decimal::new(1234, 2))
            .unwrap();
        let masked = |config: &ConfigMap| {
            let datum = mask(config, Datum::new(schema.clone(), price.clone()))?;
            Ok::<_, Error>(datum.value.as_struct().unwrap().get("d").unwrap().clone())
        };
        assert_eq!(
            masked(&config_map! { "fields" => "d" }).unwrap(),
            Decimal::new(0, 2).into()
        );
        assert_eq!(
            masked(&config_map! { "fields" => "d", "replacement" => "1.5" }).unwrap(),
            Decimal::new(150, 2).into()
        );
        assert!(masked(&config_map! { "fields" => "d", "replacement" => "1.555" }).is_err());
    }

    #[test]
    fn a_field_may_be_named_twice() {
        let map: ValueMap = [("i", 1)].into_iter().collect();
        let masked = mask(&config_map! { "fields" => "i,i" }, Datum::schemaless(map)).unwrap();
        let map: ValueMap = [("i", 0)].into_iter().collect();
        assert_eq!(masked, Datum::schemaless(map));
    }

    #[test]
    fn replacements_are_cut_to_the_type() {
        let map: ValueMap = [("i", 1i64), ("j", 2)].into_iter().collect();
        let config = config_map! { "fields" => "i", "replacement" => "18446744073709551617.9" };
        let masked = mask(&config, Datum::schemaless(map)).unwrap();
        let map = masked.value.as_map().unwrap();
        assert_eq!(map.get("i"), Some(&Value::Int64(1)));
        assert_eq!(map.get("j"), Some(&Value::Int64(2)));
    }
}
