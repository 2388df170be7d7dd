//! Structs: values with named fields.

use std::fmt;
use std::hash::Hash;
use std::hash::Hasher;

use crate::Error;
use crate::Result;
use crate::data::SchemaRef;
use crate::data::Value;

/// A struct schema and the value of each of its fields.
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
    /// Creates a struct with no field set.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) if the schema is not a struct schema.
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

    /// Creates a struct from its values, in the order of the schema's fields. The values are not
    /// checked. Missing values are null.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) if the schema is not a struct schema or has fewer
    /// fields.
    pub fn from_values(schema: SchemaRef, mut values: Vec<Value>) -> Result<Self> {
        let fields = schema.fields().map_or(0, <[_]>::len);
        if schema.fields().is_none() || values.len() > fields {
            return Err(Error::data(
                "there are more values than fields in the struct schema",
            ));
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

    /// Converts the struct to its values.
    #[must_use]
    pub fn into_values(self) -> Vec<Value> {
        self.values.into_vec()
    }

    /// The value of a field, or its default if the field is not set. `None` if there is no such
    /// field.
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

    /// Sets a field after checking the value against the schema.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) for an unknown field or a value that does not
    /// match the schema. Null is refused for a required field even if it has a default: do not set
    /// the field then.
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

    /// Sets a field by its index without checking the value, for code that built the value from the
    /// schema. An index out of range is ignored.
    pub fn set_unchecked(&mut self, index: usize, value: Value) {
        if let Some(slot) = self.values.get_mut(index) {
            *slot = value;
        }
    }

    /// Like [`put`](Struct::put), for chaining.
    ///
    /// # Errors
    /// As for [`put`](Struct::put).
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Result<Self> {
        self.put(field, value)?;
        Ok(self)
    }

    /// Checks that every field matches its schema. Required fields must be set or have a default.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data), naming the first field that does not match.
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
