//! The option `spec` of the cast.

use connect_api::config::ConfigError;
use connect_api::config::ParsedValue;
use connect_api::config::Validator;
use connect_api::data::SchemaType;
use connect_api::data::Text;

use crate::pair;

/// The fields to cast with their new types, or the type of the whole key or value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Spec {
    Fields(Vec<(Text, SchemaType)>),
    Whole(SchemaType),
}

impl Spec {
    /// Reads pairs `field:type`, or a single type.
    ///
    /// # Errors
    /// What is wrong with the spec, in Java's words.
    pub(super) fn parse(mappings: &[String]) -> Result<Self, ConfigError> {
        if mappings.is_empty() {
            return Err(wrong("Must specify at least one field to cast."));
        }
        let mut fields: Vec<(Text, SchemaType)> = Vec::new();
        let mut whole = None;
        for mapping in mappings {
            match pair::split(mapping) {
                Some((ty, None)) => whole = Some(parse_type(ty)?),
                Some((field, Some(ty))) => {
                    let (field, ty) = (trim(field), parse_type(ty)?);
                    fields.retain(|(other, _)| *other != field);
                    fields.push((field.into(), ty));
                }
                None => {
                    return Err(wrong(format!(
                        "Invalid value [{}] for configuration renames: Invalid rename mapping: \
                         {mapping}",
                        mappings.join(", ")
                    )));
                }
            }
        }
        match whole {
            Some(_) if mappings.len() > 1 => Err(wrong(
                "Cast transformations that specify a type to cast the entire value to may only \
                 specify a single cast in their spec",
            )),
            Some(ty) => Ok(Self::Whole(ty)),
            None => Ok(Self::Fields(fields)),
        }
    }
}

/// Checks the option.
pub(super) fn valid() -> impl Validator {
    struct Valid;

    impl Validator for Valid {
        fn validate(&self, _: &str, value: &ParsedValue) -> Result<(), ConfigError> {
            Spec::parse(value.as_list().unwrap_or_default()).map(drop)
        }

        fn describe(&self) -> String {
            pair::LIST_OF_PAIRS.into()
        }
    }

    Valid
}

fn parse_type(text: &str) -> Result<SchemaType, ConfigError> {
    let text = trim(text);
    let name = text.to_uppercase();
    Ok(match &*name {
        "BOOLEAN" => SchemaType::Boolean,
        "FLOAT32" => SchemaType::Float32,
        "FLOAT64" => SchemaType::Float64,
        "INT8" => SchemaType::Int8,
        "INT16" => SchemaType::Int16,
        "INT32" => SchemaType::Int32,
        "INT64" => SchemaType::Int64,
        "STRING" => SchemaType::String,
        "ARRAY" | "BYTES" | "MAP" | "STRUCT" => {
            return Err(wrong(format!(
                "Cast transformation does not support casting to {name}; supported types are \
                 [INT8, INT16, INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING]"
            )));
        }
        _ => {
            return Err(wrong(format!(
                "Invalid type found in casting spec: {text}; supported types are [INT8, INT16, INT32, \
                 INT64, FLOAT32, FLOAT64, BOOLEAN, STRING]"
            )));
        }
    })
}

/// Java's `String.trim`.
fn trim(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

fn wrong(message: impl Into<String>) -> ConfigError {
    ConfigError::new("spec", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Spec, String> {
        let mappings: Vec<_> = text.split(',').map(String::from).collect();
        Spec::parse(&mappings).map_err(|error| error.to_string())
    }

    #[test]
    fn pairs_and_single_types_are_read() {
        assert_eq!(parse("Int8"), Ok(Spec::Whole(SchemaType::Int8)));
        assert_eq!(
            parse("a: int8 ,b :STRING,a:boolean"),
            Ok(Spec::Fields(vec![
                ("b".into(), SchemaType::String),
                ("a".into(), SchemaType::Boolean),
            ]))
        );
    }

    #[test]
    fn mistakes_are_named_as_in_java() {
        for (text, message) in [
            (
                "a:b:c",
                "Invalid value [a:b:c] for configuration renames: Invalid rename mapping: a:b:c",
            ),
            (
                "int8,a:int8",
                "Cast transformations that specify a type to cast the entire value to may only \
                 specify a single cast in their spec",
            ),
            (
                "map",
                "Cast transformation does not support casting to MAP; supported types are [INT8, \
                 INT16, INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING]",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err(), message);
        }
        let error = parse("a:int9").unwrap_err();
        assert!(error.contains("casting spec: int9; supported"), "{error}");
        assert!(parse("a:").is_err());
        assert!(parse("a:int8,").is_err());
    }
}
