//! Schemas of values.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::data::Struct;
use crate::data::Text;
use crate::data::Value;

/// The type of a schema, with the schemas of elements, keys, values or fields.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SchemaType {
    /// 8 bits, signed.
    Int8,
    /// 16 bits, signed.
    Int16,
    /// 32 bits, signed.
    Int32,
    /// 64 bits, signed.
    Int64,
    /// IEEE 754 single precision.
    Float32,
    /// IEEE 754 double precision.
    Float64,
    /// True or false.
    Boolean,
    /// UTF-8 text.
    String,
    /// Bytes.
    Bytes,
    /// Elements of one schema; `None` if they have no common one, which happens in parsed text.
    Array(Option<SchemaRef>),
    /// Keys and values of one schema each; `None` if they have no common one.
    Map(Option<SchemaRef>, Option<SchemaRef>),
    /// Named fields.
    Struct(Fields),
}

impl SchemaType {
    /// Kafka's name, as in `INT8` and `STRUCT`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Float32 => "FLOAT32",
            Self::Float64 => "FLOAT64",
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Bytes => "BYTES",
            Self::Array(_) => "ARRAY",
            Self::Map(..) => "MAP",
            Self::Struct(_) => "STRUCT",
        }
    }

    /// True for all types but arrays, maps and structs.
    #[must_use]
    pub const fn is_primitive(&self) -> bool {
        !matches!(self, Self::Array(_) | Self::Map(..) | Self::Struct(_))
    }

    /// `Schema{name:TYPE}`, as Java prints a schema.
    #[must_use]
    pub fn describe(&self, name: Option<&str>) -> String {
        match name {
            Some(name) => format!("Schema{{{name}:{}}}", self.name()),
            None => format!("Schema{{{}}}", self.name()),
        }
    }
}

/// The fields of a struct schema, in order. Above 16 fields there is an index of names.
#[derive(Clone, Default)]
pub struct Fields {
    list: Box<[Field]>,
    #[expect(
        clippy::box_collection,
        reason = "most structs have no index, and types are moved"
    )]
    index: Option<Box<HashMap<Text, usize>>>,
}

impl Fields {
    pub(crate) fn new(fields: Vec<(Text, SchemaRef)>) -> Self {
        let list: Box<[Field]> = fields
            .into_iter()
            .enumerate()
            .map(|(index, (name, schema))| Field {
                name,
                index,
                schema,
            })
            .collect();
        let index = (list.len() > 16).then(|| {
            Box::new(
                list.iter()
                    .map(|field| (field.name.clone(), field.index))
                    .collect(),
            )
        });
        Self { list, index }
    }

    /// The field with a name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Field> {
        match &self.index {
            Some(index) => index.get(name).and_then(|index| self.list.get(*index)),
            None => self.list.iter().find(|field| field.name == *name),
        }
    }
}

impl Deref for Fields {
    type Target = [Field];

    fn deref(&self) -> &[Field] {
        &self.list
    }
}

impl PartialEq for Fields {
    fn eq(&self, other: &Self) -> bool {
        self.list == other.list
    }
}

impl Eq for Fields {}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.list).finish()
    }
}

/// One field of a struct schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    name: Text,
    index: usize,
    schema: SchemaRef,
}

impl Field {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &Text {
        &self.name
    }

    /// The index in the struct, from 0.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// The schema.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }
}

/// The description of a value: its type, whether it may be null, and further attributes.
///
/// Equality compares all attributes. [`SchemaBuilder`](crate::data::SchemaBuilder) builds schemas,
/// [`SchemaRef`] refers to them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[doc(alias = "ConnectSchema")]
pub struct Schema {
    pub(crate) ty: SchemaType,
    pub(crate) optional: bool,
    pub(crate) default: Option<Value>,
    pub(crate) name: Option<Text>,
    pub(crate) version: Option<i32>,
    pub(crate) doc: Option<Text>,
    pub(crate) parameters: BTreeMap<Text, Text>,
}

impl Schema {
    const fn primitive(ty: SchemaType, optional: bool) -> Self {
        Self {
            ty,
            optional,
            default: None,
            name: None,
            version: None,
            doc: None,
            parameters: BTreeMap::new(),
        }
    }

    /// The type.
    #[must_use]
    #[doc(alias = "type")]
    pub const fn schema_type(&self) -> &SchemaType {
        &self.ty
    }

    /// True if null is allowed.
    #[must_use]
    pub const fn is_optional(&self) -> bool {
        self.optional
    }

    /// The default value.
    #[must_use]
    #[doc(alias = "defaultValue")]
    pub const fn default(&self) -> Option<&Value> {
        self.default.as_ref()
    }

    /// The name, which identifies a logical type or a record type.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The version of the schema.
    #[must_use]
    pub const fn version(&self) -> Option<i32> {
        self.version
    }

    /// The documentation.
    #[must_use]
    pub fn doc(&self) -> Option<&str> {
        self.doc.as_deref()
    }

    /// Parameters, such as the scale of a Decimal. Empty if there are none.
    #[must_use]
    pub const fn parameters(&self) -> &BTreeMap<Text, Text> {
        &self.parameters
    }

    /// The fields of a struct.
    #[must_use]
    pub fn fields(&self) -> Option<&[Field]> {
        match &self.ty {
            SchemaType::Struct(fields) => Some(fields),
            _ => None,
        }
    }

    /// The field of a struct with a name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        match &self.ty {
            SchemaType::Struct(fields) => fields.by_name(name),
            _ => None,
        }
    }

    /// The schema of map keys.
    #[must_use]
    pub const fn key_schema(&self) -> Option<&SchemaRef> {
        match &self.ty {
            SchemaType::Map(key, _) => key.as_ref(),
            _ => None,
        }
    }

    /// The schema of map values or array elements.
    #[must_use]
    pub const fn value_schema(&self) -> Option<&SchemaRef> {
        match &self.ty {
            SchemaType::Map(_, value) => value.as_ref(),
            SchemaType::Array(element) => element.as_ref(),
            _ => None,
        }
    }
}

impl fmt::Display for Schema {
    /// `Schema{name:TYPE}`, as Java prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.ty.describe(self.name()))
    }
}

/// A reference to a schema. Primitive schemas are built in, others are shared.
///
/// *Shape*: 16 bytes. Cloning a built-in schema costs nothing, and comparing a reference with its
/// clone compares only pointers.
#[derive(Clone)]
pub struct SchemaRef(Inner);

#[derive(Clone)]
enum Inner {
    Builtin(Builtin),
    Shared(Arc<Schema>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Builtin {
    Int8,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    Boolean,
    String,
    Bytes,
    OptionalInt8,
    OptionalInt16,
    OptionalInt32,
    OptionalInt64,
    OptionalFloat32,
    OptionalFloat64,
    OptionalBoolean,
    OptionalString,
    OptionalBytes,
}

macro_rules! builtin {
    ($($constant:ident $variant:ident $optional_constant:ident $optional_variant:ident $what:literal),* $(,)?) => {
        impl SchemaRef {
            $(
                #[doc = concat!("Required ", $what, ".")]
                pub const $constant: Self = Self(Inner::Builtin(Builtin::$variant));
                #[doc = concat!("Optional ", $what, ".")]
                pub const $optional_constant: Self = Self(Inner::Builtin(Builtin::$optional_variant));
            )*
        }

        impl Builtin {
            fn schema(self) -> &'static Schema {
                match self {
                    $(
                        Self::$variant => {
                            static SCHEMA: Schema = Schema::primitive(SchemaType::$variant, false);
                            &SCHEMA
                        }
                        Self::$optional_variant => {
                            static SCHEMA: Schema = Schema::primitive(SchemaType::$variant, true);
                            &SCHEMA
                        }
                    )*
                }
            }
        }
    };
}

builtin! {
    INT8 Int8 OPTIONAL_INT8 OptionalInt8 "INT8",
    INT16 Int16 OPTIONAL_INT16 OptionalInt16 "INT16",
    INT32 Int32 OPTIONAL_INT32 OptionalInt32 "INT32",
    INT64 Int64 OPTIONAL_INT64 OptionalInt64 "INT64",
    FLOAT32 Float32 OPTIONAL_FLOAT32 OptionalFloat32 "FLOAT32",
    FLOAT64 Float64 OPTIONAL_FLOAT64 OptionalFloat64 "FLOAT64",
    BOOLEAN Boolean OPTIONAL_BOOLEAN OptionalBoolean "BOOLEAN",
    STRING String OPTIONAL_STRING OptionalString "STRING",
    BYTES Bytes OPTIONAL_BYTES OptionalBytes "BYTES",
}

impl SchemaRef {
    /// True if both refer to the same schema in memory. `==` compares the content.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Inner::Builtin(a), Inner::Builtin(b)) => a == b,
            (Inner::Shared(a), Inner::Shared(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// The [`default`](Schema::default) as a value of this schema. The default of a struct was built
    /// with a schema that did not have the default yet.
    #[must_use]
    pub fn default_value(&self) -> Option<Value> {
        match self.default()? {
            Value::Struct(default) => {
                let values = default.values().to_vec();
                Struct::from_values(self.clone(), values)
                    .ok()
                    .map(Value::Struct)
            }
            default => Some(default.clone()),
        }
    }
}

impl From<Schema> for SchemaRef {
    fn from(schema: Schema) -> Self {
        Self(Inner::Shared(Arc::new(schema)))
    }
}

impl Deref for SchemaRef {
    type Target = Schema;

    fn deref(&self) -> &Schema {
        match &self.0 {
            Inner::Builtin(builtin) => builtin.schema(),
            Inner::Shared(schema) => schema,
        }
    }
}

impl PartialEq for SchemaRef {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) || **self == **other
    }
}

impl Eq for SchemaRef {}

impl fmt::Debug for SchemaRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for SchemaRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::SchemaBuilder;

    #[test]
    fn a_reference_has_16_bytes() {
        assert_eq!(size_of::<SchemaRef>(), 16);
        assert_eq!(size_of::<Option<SchemaRef>>(), 16);
    }

    #[test]
    fn a_built_primitive_equals_the_built_in_one() {
        let built = SchemaBuilder::string().optional().build().unwrap();
        assert_eq!(built, SchemaRef::OPTIONAL_STRING);
        assert_ne!(built, SchemaRef::STRING);
        assert_eq!(built.to_string(), "Schema{STRING}");
    }

    #[test]
    fn many_fields_are_found_by_name() {
        let mut builder = SchemaBuilder::structure();
        for i in 0..40 {
            builder = builder.field(format!("f{i}"), SchemaRef::INT32);
        }
        let schema = builder.build().unwrap();
        assert_eq!(schema.field("f39").unwrap().index(), 39);
        assert!(schema.field("f40").is_none());
    }
}
