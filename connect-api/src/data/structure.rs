//! Values with named fields.

use std::fmt;
use std::hash::Hash;
use std::hash::Hasher;

use crate::Error;
use crate::Result;
use crate::data::SchemaRef;
use crate::data::Value;

/// Fields against a struct schema: field `i` of the schema is value `i`.
///
/// ```
/// use connect_api::data::{SchemaBuilder, SchemaRef, Struct, Value};
///
/// let schema = SchemaBuilder::structure()
///     .field("name", SchemaRef::STRING)
///     .field("age", SchemaRef::OPTIONAL_INT32)
///     .build()?;
/// let person = Struct::new(schema)?.with("name", "Ada")?;
/// person.validate()?;
/// assert_eq!(person.get("age"), Some(&Value::Null));
/// assert!(person.clone().with("age", "old").is_err());
/// # Ok::<(), connect_api::Error>(())
/// ```
#[derive(Clone)]
pub struct Struct {
    schema: SchemaRef,
    values: Box<[Value]>,
}

impl Struct {
    /// A struct whose fields are all unset.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) if the schema is not that of a struct.
    pub fn new(schema: SchemaRef) -> Result<Self> {
        let Some(fields) = schema.fields() else {
            return Err(Error::data(format!(
                "Not a struct schema: {}",
                schema.schema_type().describe(schema.name())
            )));
        };
        let values = vec![Value::Null; fields.len()].into();
        Ok(Self { schema, values })
    }

    /// A struct from all its values, in the order of the schema's fields. Values are not checked;
    /// missing ones are null.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) if the schema is not that of a struct, or has
    /// fewer fields.
    pub fn from_values(schema: SchemaRef, mut values: Vec<Value>) -> Result<Self> {
        let fields = schema.fields().map_or(0, <[_]>::len);
        if schema.fields().is_none() || values.len() > fields {
            return Err(Error::data("more values than the struct schema has fields"));
        }
        values.resize(fields, Value::Null);
        Ok(Self {
            schema,
            values: values.into(),
        })
    }

    /// The schema.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The values as stored, in the order of the schema's fields.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The values, to be taken apart.
    #[must_use]
    pub fn into_values(self) -> Vec<Value> {
        self.values.into_vec()
    }

    /// The value of a field: its default if it is stored as null and has one. `None` if there is
    /// no such field.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&Value> {
        let field = self.schema.field(field)?;
        match self.values.get(field.index()) {
            Some(Value::Null) | None => Some(field.schema().default().unwrap_or(&Value::Null)),
            value => value,
        }
    }

    /// The value of a field as stored. `None` if there is no such field.
    #[must_use]
    pub fn get_without_default(&self, field: &str) -> Option<&Value> {
        self.values.get(self.schema.field(field)?.index())
    }

    /// Sets a field, checked against its schema.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) for an unknown field or a value that does not
    /// fit; null for a required field does not fit even if it has a default: leave it unset.
    pub fn put(&mut self, field: &str, value: impl Into<Value>) -> Result<()> {
        let value = value.into();
        let Some(field) = self.schema.field(field) else {
            return Err(Error::data(format!("{field} is not a valid field name")));
        };
        field.schema().validate_named(field.name(), &value)?;
        let index = field.index();
        if let Some(slot) = self.values.get_mut(index) {
            *slot = value;
        }
        Ok(())
    }

    /// Sets a field by its index in the schema, without a check; for code that built the value
    /// from the schema. Out of range is ignored.
    pub fn set_unchecked(&mut self, index: usize, value: Value) {
        if let Some(slot) = self.values.get_mut(index) {
            *slot = value;
        }
    }

    /// [`put`](Struct::put) for chains.
    ///
    /// # Errors
    /// As [`put`](Struct::put).
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Result<Self> {
        self.put(field, value)?;
        Ok(self)
    }

    /// Checks that every field fits its schema: required ones are set or have a default.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) naming the first field that does not.
    pub fn validate(&self) -> Result<()> {
        for (field, value) in self
            .schema
            .fields()
            .unwrap_or_default()
            .iter()
            .zip(&self.values)
        {
            if value.is_null()
                && (field.schema().is_optional() || field.schema().default().is_some())
            {
                continue;
            }
            field.schema().validate_named(field.name(), value)?;
        }
        Ok(())
    }
}

impl PartialEq for Struct {
    fn eq(&self, other: &Self) -> bool {
        self.schema == other.schema && self.values == other.values
    }
}

impl Eq for Struct {}

impl Hash for Struct {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.values.hash(state);
    }
}

impl fmt::Debug for Struct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct(self.schema.name().unwrap_or("Struct"));
        for (field, value) in self
            .schema
            .fields()
            .unwrap_or_default()
            .iter()
            .zip(&self.values)
        {
            out.field(field.name(), value);
        }
        out.finish()
    }
}
