//! The builder of schemas.

use std::collections::BTreeMap;

use crate::Error;
use crate::Result;
use crate::data::Schema;
use crate::data::SchemaRef;
use crate::data::SchemaType;
use crate::data::Text;
use crate::data::Value;
use crate::data::schema::Fields;

/// Builds a schema. [`build`](SchemaBuilder::build) reports the first mistake.
///
/// ```
/// use connect_api::data::{SchemaBuilder, SchemaRef, Value};
///
/// let schema = SchemaBuilder::structure()
///     .name("com.example.Person")
///     .version(1)
///     .field("name", SchemaRef::STRING)
///     .field("tags", SchemaBuilder::array(SchemaRef::STRING).optional().build()?)
///     .field("age", SchemaBuilder::int32().default(Value::Int32(0)).build()?)
///     .build()?;
/// assert_eq!(schema.fields().unwrap().len(), 3);
///
/// // The name can be set only once.
/// assert!(SchemaBuilder::int32().name("a").name("b").build().is_err());
/// # Ok::<(), connect_api::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct SchemaBuilder {
    ty: SchemaType,
    fields: Vec<(Text, SchemaRef)>,
    optional: Option<bool>,
    default: Option<Value>,
    name: Option<Text>,
    version: Option<i32>,
    doc: Option<Text>,
    parameters: BTreeMap<Text, Text>,
    problem: Option<String>,
}

macro_rules! primitives {
    ($($function:ident $variant:ident),* $(,)?) => {$(
        #[doc = concat!("Starts a schema of type ", stringify!($variant), ".")]
        pub fn $function() -> Self {
            Self::of(SchemaType::$variant)
        }
    )*};
}

impl SchemaBuilder {
    primitives! {
        int8 Int8, int16 Int16, int32 Int32, int64 Int64, float32 Float32, float64 Float64,
        boolean Boolean, string String, bytes Bytes,
    }

    /// Starts a schema of a type. A struct type keeps its fields.
    pub fn of(ty: SchemaType) -> Self {
        let fields = match &ty {
            SchemaType::Struct(fields) => fields
                .iter()
                .map(|field| (field.name().clone(), field.schema().clone()))
                .collect(),
            _ => Vec::new(),
        };
        Self {
            ty,
            fields,
            optional: None,
            default: None,
            name: None,
            version: None,
            doc: None,
            parameters: BTreeMap::new(),
            problem: None,
        }
    }

    /// Starts an array schema.
    pub fn array(element: SchemaRef) -> Self {
        Self::of(SchemaType::Array(Some(element)))
    }

    /// Starts a map schema.
    pub fn map(key: SchemaRef, value: SchemaRef) -> Self {
        Self::of(SchemaType::Map(Some(key), Some(value)))
    }

    /// Starts a struct schema.
    #[doc(alias = "struct")]
    pub fn structure() -> Self {
        Self::of(SchemaType::Struct(Fields::default()))
    }

    /// Allows null.
    pub fn optional(mut self) -> Self {
        self.check_set("optional", self.optional.is_some_and(|optional| !optional));
        self.optional = Some(true);
        self
    }

    /// Does not allow null. This is the default.
    pub fn required(mut self) -> Self {
        self.check_set("optional", self.optional == Some(true));
        self.optional = Some(false);
        self
    }

    /// Sets the default value. [`build`](SchemaBuilder::build) checks it against the schema.
    #[doc(alias = "defaultValue")]
    pub fn default(mut self, default: impl Into<Value>) -> Self {
        let default = default.into();
        let is_other = |old: &Value| !old.is_null() && *old != default;
        self.check_set("default", self.default.as_ref().is_some_and(is_other));
        self.default = Some(default);
        self
    }

    /// Sets the name.
    pub fn name(mut self, name: impl Into<Text>) -> Self {
        let name = name.into();
        self.check_set("name", self.name.as_ref().is_some_and(|old| *old != name));
        self.name = Some(name);
        self
    }

    /// Sets the version.
    pub fn version(mut self, version: i32) -> Self {
        self.check_set("version", self.version.is_some_and(|old| old != version));
        self.version = Some(version);
        self
    }

    /// Sets the documentation.
    pub fn doc(mut self, doc: impl Into<Text>) -> Self {
        let doc = doc.into();
        self.check_set("doc", self.doc.as_ref().is_some_and(|old| *old != doc));
        self.doc = Some(doc);
        self
    }

    /// Sets a parameter, replacing one of the same name.
    pub fn parameter(mut self, name: impl Into<Text>, value: impl Into<Text>) -> Self {
        self.parameters.insert(name.into(), value.into());
        self
    }

    /// Adds a field to a struct schema.
    pub fn field(mut self, name: impl Into<Text>, schema: SchemaRef) -> Self {
        let name = name.into();
        if !matches!(self.ty, SchemaType::Struct(_)) {
            let ty = self.ty.name();
            self.fail(format!("Cannot create fields on type {ty}"));
        } else if name.is_empty() {
            self.fail("fieldName cannot be null.");
        } else if self.fields.iter().any(|(other, _)| *other == name) {
            self.fail(format!(
                "Cannot create field because of field name duplication {name}"
            ));
        } else {
            self.fields.push((name, schema));
        }
        self
    }

    /// Copies the name, version, documentation and parameters of another schema, for transforms that
    /// rebuild one.
    pub fn basics_of(mut self, schema: &Schema) -> Self {
        self.name.clone_from(&schema.name);
        self.version = schema.version;
        self.doc.clone_from(&schema.doc);
        self.parameters.clone_from(&schema.parameters);
        self
    }

    /// Builds the schema.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) for the first mistake: an attribute that was set
    /// twice, a field that was added twice or to a type without fields, a default that does not
    /// match the schema.
    pub fn build(self) -> Result<SchemaRef> {
        let refuse = |problem: String| {
            Error::data(problem)
                .with_java_class("org.apache.kafka.connect.errors.SchemaBuilderException")
        };
        if let Some(problem) = self.problem {
            return Err(refuse(problem));
        }
        let ty = match self.ty {
            SchemaType::Struct(_) => SchemaType::Struct(Fields::new(self.fields)),
            ty => ty,
        };
        let mut schema = Schema {
            ty,
            optional: self.optional.unwrap_or(false),
            default: None,
            name: self.name,
            version: self.version,
            doc: self.doc,
            parameters: self.parameters,
        };
        if let Some(default) = self.default {
            schema
                .validate(&default)
                .map_err(|error| refuse("Invalid default value".into()).with_source(error))?;
            // A null default is the same as no default, as in Java.
            schema.default = (!default.is_null()).then_some(default);
        }
        Ok(SchemaRef::from(schema))
    }

    fn check_set(&mut self, what: &str, is_other: bool) {
        if is_other {
            self.fail(format!(
                "Invalid SchemaBuilder call: {what} has already been set."
            ));
        }
    }

    fn fail(&mut self, problem: impl Into<String>) {
        self.problem.get_or_insert_with(|| problem.into());
    }
}
