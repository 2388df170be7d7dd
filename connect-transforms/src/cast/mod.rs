//! Changing the types of values.

mod convert;
mod spec;

use connect_api::Result;
use connect_api::Transform;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::data::SchemaBuilder;
use connect_api::data::SchemaRef;
use connect_api::data::SchemaType;
use connect_api::data::Struct;
use connect_api::data::Text;
use connect_api::record::Origin;
use connect_api::record::Record;

use self::convert::cast;
use self::spec::Spec;
use crate::Part;
use crate::entry::change_entry;
use crate::entry::in_field;
use crate::null::refuse_null;
use crate::null::replace_null;
use crate::schema_cache::SchemaCache;
use crate::shape::fields;
use crate::shape::take_map;
use crate::shape::take_struct;

/// Casts fields, or the whole key or value, to other types: the integers, the floating point
/// numbers, booleans and text.
///
/// Null stays null. As in Java, numbers that do not fit lose their upper bits. Bytes become text
/// only, in base64. Logical values are cast like the number that encodes them, or become readable
/// text. Defaults are cast too. A field that is missing in a map is added as null; one that is missing
/// in a struct is ignored.
///
/// *Errors*: a text that is not exactly a value of the type, and a value that cannot be cast, are data
/// errors.
///
/// *Java*: `Cast$Key`, `Cast$Value`. In Java any text but `true` is false, texts such as `1e999`
/// are infinity, and hexadecimal floating point numbers are read.
#[derive(Debug)]
pub struct Cast {
    part: Part,
    spec: Spec,
    replaces_null_with_default: bool,
    schemas: SchemaCache,
}

#[derive(Debug, Clone, ConfigDef)]
struct CastConfig {
    /// List of fields and the type to cast them to of the form field1:type,field2:type to cast
    /// fields of Maps or Structs. A single type to cast the entire value. Valid types are int8,
    /// int16, int32, int64, float32, float64, boolean, and string. Note that binary fields can only
    /// be cast to string.
    #[config(name = "spec", importance = high, validate = self::spec::valid())]
    spec: Vec<String>,
    /// Whether to replace fields that have a default value and that are null to the default value.
    /// When set to true, the default value is used, otherwise null is used.
    #[config(name = "replace.null.with.default", default = true)]
    replaces_null_with_default: bool,
}

impl Cast {
    /// Creates a transform of the key or value. It must be configured.
    #[must_use]
    pub fn new(part: Part) -> Self {
        Self {
            part,
            spec: Spec::Fields(Vec::new()),
            replaces_null_with_default: true,
            schemas: SchemaCache::default(),
        }
    }

    fn apply_to_struct(&self, structure: Struct, schema: SchemaRef) -> Result<Struct> {
        let before = structure.schema().clone();
        let mut values = structure.into_values();
        let fields = before.fields().unwrap_or_default();
        let new_fields = schema.fields().unwrap_or_default();
        for ((value, field), new_field) in values.iter_mut().zip(fields).zip(new_fields) {
            if self.replaces_null_with_default {
                replace_null(value, field.schema());
            }
            // A field that keeps its type keeps its schema.
            if field.schema() != new_field.schema() {
                let to = new_field.schema().schema_type();
                *value = cast(value, Some(field.schema()), to)
                    .map_err(|error| in_field(error, field.name()))?;
            }
            refuse_null(value, new_field)?;
        }
        Struct::from_values(schema, values)
    }
}

impl Transform for Cast {
    fn config_def(&self) -> &ConfigDef {
        CastConfig::config_def()
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = CastConfig::from_config(config)?;
        self.spec = Spec::parse(&config.spec)?;
        self.replaces_null_with_default = config.replaces_null_with_default;
        Ok(())
    }

    fn apply(&mut self, mut record: Record, _: Origin<'_>) -> Result<Option<Record>> {
        let datum = self.part.of_mut(&mut record);
        if datum.value.is_null() {
            return Ok(Some(record));
        }
        match (&mut datum.schema, &self.spec) {
            (Some(schema), Spec::Whole(ty)) => {
                let value = cast(&datum.value, Some(schema), ty)?;
                *schema = self
                    .schemas
                    .get_or_make(schema, |schema| whole_schema(schema, ty))?;
                datum.value = value;
            }
            (Some(schema), Spec::Fields(casts)) => {
                *schema = self
                    .schemas
                    .get_or_make(schema, |schema| struct_schema(schema, casts))?;
                let structure = take_struct(&mut datum.value, PURPOSE)?;
                datum.value = self.apply_to_struct(structure, schema.clone())?.into();
            }
            (None, Spec::Whole(ty)) => datum.value = cast(&datum.value, None, ty)?,
            (None, Spec::Fields(casts)) => {
                let mut map = take_map(&mut datum.value, PURPOSE)?;
                for (name, ty) in casts {
                    change_entry(&mut map, name, |value| cast(value, None, ty))?;
                }
                datum.value = map.into();
            }
        }
        Ok(Some(record))
    }
}

fn whole_schema(schema: &SchemaRef, ty: &SchemaType) -> Result<SchemaRef> {
    retyped(SchemaBuilder::of(ty.clone()).basics_of(schema), schema, ty)
}

fn struct_schema(schema: &SchemaRef, casts: &[(Text, SchemaType)]) -> Result<SchemaRef> {
    let mut builder = SchemaBuilder::structure().basics_of(schema);
    for field in fields(schema)? {
        let cast = casts.iter().find(|(name, _)| name == field.name());
        let schema = match cast {
            Some((_, ty)) => retyped(SchemaBuilder::of(ty.clone()), field.schema(), ty)?,
            None => field.schema().clone(),
        };
        builder = builder.field(field.name().clone(), schema);
    }
    retyped(builder, schema, schema.schema_type())
}

/// Completes a schema: it is optional if the other one is, and gets its default as the new type.
fn retyped(mut builder: SchemaBuilder, schema: &SchemaRef, ty: &SchemaType) -> Result<SchemaRef> {
    if schema.is_optional() {
        builder = builder.optional();
    }
    if let Some(default) = schema.default() {
        builder = builder.default(cast(default, Some(schema), ty)?);
    }
    builder.build()
}

const PURPOSE: &str = "cast types";

#[cfg(test)]
mod tests {
    use connect_api::config_map;
    use connect_api::data::Datum;
    use connect_api::data::Value;

    use super::*;
    use crate::testing::transformed;

    fn cast_value(spec: &str, datum: Datum) -> Result<Datum> {
        transformed(
            Cast::new(Part::Value),
            &config_map! { "spec" => spec },
            datum,
        )
    }

    #[test]
    fn a_default_is_cast_with_its_field() {
        let field = SchemaBuilder::int32().default(7).build().unwrap();
        let schema = SchemaBuilder::structure().field("n", field);
        let schema = schema.optional().build().unwrap();
        let datum = Datum::new(schema.clone(), Struct::new(schema).unwrap());
        let datum = cast_value("n:string", datum).unwrap();
        let schema = datum.schema.unwrap();
        let field = schema.field("n").unwrap().schema();
        assert_eq!(field.default(), Some(&"7".into()));
        assert!(schema.is_optional());
        let value = datum.value.as_struct().unwrap();
        assert_eq!(value.get_without_default("n"), Some(&"7".into()));
    }

    #[test]
    fn digits_of_all_scripts_are_digits() {
        let value = |spec, text| cast_value(spec, Datum::string(text)).map(|datum| datum.value);
        assert_eq!(value("int8", "+\u{664}\u{662}").unwrap(), Value::Int8(42));
        for (spec, text) in [
            ("int64", "9223372036854775808"),
            ("int64", "-"),
            ("float64", "inf"),
            ("float64", "0x1p3"),
            ("float32", "1e"),
            ("float32", "\u{664}"),
            ("float64", "1e999"),
            ("boolean", "yes"),
        ] {
            assert!(value(spec, text).is_err(), "{text}");
        }
        assert_eq!(
            value("float64", "-Infinity").unwrap(),
            Value::Float64(f64::NEG_INFINITY)
        );
        assert_eq!(value("float32", " 1.5e1F\n").unwrap(), Value::Float32(15.0));
    }
}
