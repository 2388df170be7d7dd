//! Does a value fit a schema?

use std::fmt;

use crate::Error;
use crate::Result;
use crate::data::Logical;
use crate::data::Schema;
use crate::data::SchemaRef;
use crate::data::SchemaType;
use crate::data::Value;

impl Schema {
    /// Checks that a value fits, all the way down.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data), worded as Java words it.
    #[doc(alias = "validateValue")]
    pub fn validate(&self, value: &Value) -> Result<()> {
        self.check(Location::Whole, value)
    }

    /// [`validate`](Schema::validate) with the name of the field in the message.
    ///
    /// # Errors
    /// As [`validate`](Schema::validate).
    pub fn validate_named(&self, field: &str, value: &Value) -> Result<()> {
        self.check(Location::Field(field), value)
    }

    fn check(&self, location: Location<'_>, value: &Value) -> Result<()> {
        if value.is_null() {
            if self.is_optional() {
                return Ok(());
            }
            return Err(Error::data(format!(
                "Invalid value: null used for required {location}, schema type: {}",
                self.ty.name()
            )));
        }
        if !self.accepts(value) {
            let schema = self
                .name()
                .map(|name| format!(" \"{name}\""))
                .unwrap_or_default();
            return Err(Error::data(format!(
                "Invalid Java object for schema{schema} with type {}: class {} for {location}",
                self.ty.name(),
                value.java_class(),
            )));
        }
        match (&self.ty, value) {
            (SchemaType::Array(element), Value::Array(values)) => {
                let location = Location::Element(&location);
                let element = location.schema(element.as_ref())?;
                values
                    .iter()
                    .try_for_each(|value| element.check(location, value))
            }
            (SchemaType::Map(keys, values), Value::Map(map)) => {
                let (of_key, of_value) = (Location::Key(&location), Location::Value(&location));
                let keys = of_key.schema(keys.as_ref())?;
                let values = of_value.schema(values.as_ref())?;
                map.iter().try_for_each(|(key, value)| {
                    keys.check(of_key, key)?;
                    values.check(of_value, value)
                })
            }
            (SchemaType::Struct(_), Value::Struct(structure)) => {
                if **structure.schema() != *self {
                    return Err(Error::data("Struct schemas do not match."));
                }
                structure.validate()
            }
            _ => Ok(()),
        }
    }

    /// True if the variant of a value is one that this schema takes.
    fn accepts(&self, value: &Value) -> bool {
        match Logical::of(self) {
            Some(Logical::Date) => return matches!(value, Value::Date(_)),
            Some(Logical::Time) => return matches!(value, Value::Time(_)),
            Some(Logical::Timestamp) => return matches!(value, Value::Timestamp(_)),
            Some(Logical::Decimal) => return matches!(value, Value::Decimal(_)),
            None => {}
        }
        matches!(
            (&self.ty, value),
            (SchemaType::Int8, Value::Int8(_))
                | (SchemaType::Int16, Value::Int16(_))
                | (SchemaType::Int32, Value::Int32(_))
                | (SchemaType::Int64, Value::Int64(_))
                | (SchemaType::Float32, Value::Float32(_))
                | (SchemaType::Float64, Value::Float64(_))
                | (SchemaType::Boolean, Value::Boolean(_))
                | (SchemaType::String, Value::String(_))
                | (SchemaType::Bytes, Value::Bytes(_))
                | (SchemaType::Array(_), Value::Array(_))
                | (SchemaType::Map(..), Value::Map(_))
                | (SchemaType::Struct(_), Value::Struct(_))
        )
    }
}

/// Where a value is.
#[derive(Clone, Copy)]
enum Location<'a> {
    Element(&'a Self),
    Field(&'a str),
    Key(&'a Self),
    Value(&'a Self),
    Whole,
}

impl Location<'_> {
    /// The schema of what is there. Text that was parsed may have arrays and maps without one.
    fn schema(self, schema: Option<&SchemaRef>) -> Result<&SchemaRef> {
        schema.ok_or_else(|| Error::data(format!("No schema defined for {self}")))
    }
}

impl fmt::Display for Location<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Element(array) => write!(f, "element of array {array}"),
            Self::Field(name) => write!(f, "field: \"{name}\""),
            Self::Key(map) => write!(f, "key of map {map}"),
            Self::Value(map) => write!(f, "value of map {map}"),
            Self::Whole => f.write_str("value"),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::data::Logical;
    use crate::data::SchemaBuilder;
    use crate::data::SchemaRef;
    use crate::data::SchemaType;
    use crate::data::Struct;
    use crate::data::Value;

    #[test]
    fn messages_are_those_of_java() {
        let message =
            |schema: &SchemaRef, value: Value| schema.validate(&value).unwrap_err().report();
        assert_eq!(
            message(&SchemaRef::INT8, Value::Int16(1)),
            "Invalid Java object for schema with type INT8: class java.lang.Short for value"
        );
        assert_eq!(
            message(&SchemaRef::INT8, Value::Null),
            "Invalid value: null used for required value, schema type: INT8"
        );
        let array = SchemaBuilder::array(SchemaRef::INT32).build().unwrap();
        assert_eq!(
            message(&array, Value::Array(vec![Value::Null])),
            "Invalid value: null used for required element of array value, schema type: INT32"
        );
        let named = |schema: &SchemaRef, value: Value| {
            schema.validate_named("x", &value).unwrap_err().report()
        };
        assert_eq!(
            named(&SchemaRef::INT8, Value::Null),
            "Invalid value: null used for required field: \"x\", schema type: INT8"
        );
        assert_eq!(
            named(&array, Value::Array(vec!["a".into()])),
            "Invalid Java object for schema with type INT32: class java.lang.String for element of \
             array field: \"x\""
        );
        let mixed = SchemaBuilder::of(SchemaType::Array(None)).build().unwrap();
        assert_eq!(
            message(&mixed, Value::Array(Vec::new())),
            "No schema defined for element of array value"
        );
        let structure = SchemaBuilder::structure().field("x", SchemaRef::INT8);
        let structure = structure.build().unwrap();
        assert_eq!(
            message(&structure, Struct::new(structure.clone()).unwrap().into()),
            "Invalid value: null used for required field: \"x\", schema type: INT8"
        );
        let date = Logical::date().build().unwrap();
        assert_eq!(
            message(&date, Value::Int32(1)),
            "Invalid Java object for schema \"org.apache.kafka.connect.data.Date\" with type INT32: \
             class java.lang.Integer for value"
        );
        assert!(date.validate(&Value::Date(1)).is_ok());
    }
}
