//! Masking fields.

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
use crate::entry::in_field;
use crate::null::settle_nulls;
use crate::shape::Shape;
use crate::shape::take_shape;

/// Replaces the values of fields by 0, false, an empty text, array or map, or the epoch. Numbers and
/// texts can be replaced by a configured value.
///
/// Null stays null. A field that is missing in a map is added as null; one that is missing in a struct
/// is ignored.
///
/// *Errors*: a `replacement` that is not exactly a value of the field's type is a data error.
///
/// *Java*: `MaskField$Key`, `MaskField$Value`. Decimals keep the scale of their schema here. Java
/// cuts a `replacement` to the type of the field.
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
    /// None if the text is not a number.
    number: Option<Decimal>,
}

impl MaskField {
    /// Creates a transform of the key or value. It must be configured.
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
                *value = self
                    .masked(value, Some(field.schema()))
                    .map_err(|error| in_field(error, field.name()))?;
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
            (value, None) => empty_in_place_of(value, schema),
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
        datum.value = match take_shape(datum, PURPOSE)? {
            Shape::Map(map) => self.apply_to_map(map)?.into(),
            Shape::Struct(structure) => self.apply_to_struct(structure)?.into(),
        };
        Ok(Some(record))
    }
}

impl Replacement {
    fn new(text: Text) -> Self {
        let number = Decimal::parse(&text).ok();
        Self { text, number }
    }

    /// The replacement as the type of a value.
    ///
    /// # Errors
    /// It is not exactly a value of that type.
    fn in_place_of(&self, value: &Value, schema: Option<&Schema>) -> Result<Value> {
        let replaced = match value {
            Value::Decimal(_) => match schema.and_then(|schema| decimal_scale(schema).ok()) {
                Some(scale) => return self.with_scale(scale),
                None => self.number.clone().map(Value::from),
            },
            Value::Float32(_) => self.float(Decimal::to_f32, f32::is_finite),
            Value::Float64(_) => self.float(Decimal::to_f64, f64::is_finite),
            Value::Int8(_) => self.whole::<i8>(),
            Value::Int16(_) => self.whole::<i16>(),
            Value::Int32(_) => self.whole::<i32>(),
            Value::Int64(_) => self.whole::<i64>(),
            Value::String(_) => Some(self.text.clone().into()),
            value => {
                return Err(Error::data(format!(
                    "Cannot mask value of type {} with custom replacement. The option replacement is \
                     for numbers and texts",
                    value.type_name()
                )));
            }
        };
        replaced
            .ok_or_else(|| self.not_converted(&format!("a number of type {}", value.type_name())))
    }

    fn whole<T: TryFrom<i64> + Into<Value>>(&self) -> Option<Value> {
        let whole = self.number.as_ref()?.to_i64_exact()?;
        T::try_from(whole).ok().map(T::into)
    }

    fn float<T: Copy + Into<Value>>(
        &self,
        float: fn(&Decimal) -> T,
        is_finite: fn(T) -> bool,
    ) -> Option<Value> {
        let value = float(self.number.as_ref()?);
        is_finite(value).then(|| value.into())
    }

    fn with_scale(&self, scale: i32) -> Result<Value> {
        let decimal = self.number.as_ref();
        decimal
            .and_then(|decimal| decimal.with_scale(scale))
            .map(Value::from)
            .ok_or_else(|| self.not_converted(&format!("a number of scale {scale}")))
    }

    fn not_converted(&self, what: &str) -> Error {
        Error::data(format!(
            "Unable to convert {} to {what}; change the option replacement",
            self.text
        ))
    }
}

/// The empty value of the same type.
fn empty_in_place_of(value: &Value, schema: Option<&Schema>) -> Result<Value> {
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
                "Cannot mask value of type: {}",
                value.type_name()
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
    fn a_replacement_must_fit_the_type() {
        for (value, replacement, expected) in [
            (Value::Int8(1), "7", Some(Value::Int8(7))),
            (Value::Int8(1), "7.0", Some(Value::Int8(7))),
            (Value::Int8(1), "300", None),
            (Value::Int32(1), "1.5", None),
            (Value::Int64(1), "18446744073709551617", None),
            (Value::Int64(1), "x", None),
            (Value::Float32(1.0), "1.5", Some(Value::Float32(1.5))),
            (Value::Float32(1.0), "1e39", None),
            (Value::Float64(1.0), "1e999", None),
            (Value::from("a"), "1e999", Some("1e999".into())),
        ] {
            let map: ValueMap = [("i", value), ("j", 2.into())].into_iter().collect();
            let config = config_map! { "fields" => "i", "replacement" => replacement };
            let masked = mask(&config, Datum::schemaless(map));
            let map = masked.map(|masked| masked.value.as_map().unwrap().clone());
            let found = map.as_ref().ok().and_then(|map| map.get("i").cloned());
            assert_eq!(found, expected, "{replacement}");
            if let Ok(map) = map {
                assert_eq!(map.get("j"), Some(&Value::Int32(2)));
            }
        }
    }
}
