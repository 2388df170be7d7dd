//! Checks whether a value matches a schema.

use std::fmt;

use crate::Error;
use crate::Result;
use crate::data::Logical;
use crate::data::Schema;
use crate::data::SchemaRef;
use crate::data::SchemaType;
use crate::data::Value;

impl Schema {
    /// Checks that a value matches the schema, including nested values.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data), naming the place, the type and the expected type.
    #[doc(alias = "validateValue")]
    pub fn validate(&self, value: &Value) -> Result<()> {
        self.check(Location::Whole, value)
    }

    /// Like [`validate`](Schema::validate), with the name of the field in the error.
    ///
    /// # Errors
    /// As for [`validate`](Schema::validate).
    pub fn validate_named(&self, field: &str, value: &Value) -> Result<()> {
        self.check(Location::Field(field), value)
    }

    fn check(&self, location: Location<'_>, value: &Value) -> Result<()> {
        if value.is_null() {
            if self.is_optional() {
                return Ok(());
            }
            return Err(Error::data(format!(
                "{location} is null, but its schema {} is not optional",
                self.title(),
            )));
        }
        if !self.accepts(value) {
            return Err(Error::data(format!(
                "{location} has type {}, but its schema is {}",
                value.type_name(),
                self.title(),
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
                    return Err(Error::data(format!(
                        "{location} is a struct of another schema than {}",
                        self.title(),
                    )));
                }
                structure.validate()
            }
            _ => Ok(()),
        }
    }

    /// The type and the name, for errors.
    fn title(&self) -> String {
        match self.name() {
            Some(name) => format!("{} \"{name}\"", self.ty.name()),
            None => self.ty.name().to_owned(),
        }
    }

    /// True if the variant of the value matches the type of the schema.
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

/// Which part of the checked value an error is about.
#[derive(Clone, Copy)]
enum Location<'a> {
    Element(&'a Self),
    Field(&'a str),
    Key(&'a Self),
    Value(&'a Self),
    Whole,
}

impl Location<'_> {
    /// The schema of that part. Arrays and maps that were parsed from text may have none.
    fn schema(self, schema: Option<&SchemaRef>) -> Result<&SchemaRef> {
        schema.ok_or_else(|| Error::data(format!("{self} has no schema")))
    }
}

impl fmt::Display for Location<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Element(array) => write!(f, "an element of {array}"),
            Self::Field(name) => write!(f, "field \"{name}\""),
            Self::Key(map) => write!(f, "a key of {map}"),
            Self::Value(map) => write!(f, "a value of {map}"),
            Self::Whole => f.write_str("the value"),
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
    fn messages_name_the_place_and_both_types() {
        let message =
            |schema: &SchemaRef, value: Value| schema.validate(&value).unwrap_err().report();
        assert_eq!(
            message(&SchemaRef::INT8, Value::Int16(1)),
            "the value has type INT16, but its schema is INT8"
        );
        assert_eq!(
            message(&SchemaRef::INT8, Value::Null),
            "the value is null, but its schema INT8 is not optional"
        );
        let array = SchemaBuilder::array(SchemaRef::INT32).build().unwrap();
        assert_eq!(
            message(&array, Value::Array(vec![Value::Null])),
            "an element of the value is null, but its schema INT32 is not optional"
        );
        let named = |schema: &SchemaRef, value: Value| {
            schema.validate_named("x", &value).unwrap_err().report()
        };
        assert_eq!(
            named(&SchemaRef::INT8, Value::Null),
            "field \"x\" is null, but its schema INT8 is not optional"
        );
        assert_eq!(
            named(&array, Value::Array(vec!["a".into()])),
            "an element of field \"x\" has type STRING, but its schema is INT32"
        );
        let mixed = SchemaBuilder::of(SchemaType::Array(None)).build().unwrap();
        assert_eq!(
            message(&mixed, Value::Array(Vec::new())),
            "an element of the value has no schema"
        );
        let structure = SchemaBuilder::structure().field("x", SchemaRef::INT8);
        let structure = structure.build().unwrap();
        assert_eq!(
            message(&structure, Struct::new(structure.clone()).unwrap().into()),
            "field \"x\" is null, but its schema INT8 is not optional"
        );
        let date = Logical::date().build().unwrap();
        assert_eq!(
            message(&date, Value::Int32(1)),
            "the value has type INT32, but its schema is INT32 \"org.apache.kafka.connect.data.Date\""
        );
        assert!(date.validate(&Value::Date(1)).is_ok());
    }
}
