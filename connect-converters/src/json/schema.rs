//! JSON to schemas.

use connect_api::Error;
use connect_api::Result;
use connect_api::data::SchemaBuilder;
use connect_api::data::SchemaRef;
use connect_api::data::Text;
use connect_api::data::Value;

use super::decode::read;
use super::decode::string_at;
use super::plan::Plan;
use super::read::Reader;

/// Reads a schema; none for `null`.
///
/// As in Java, attributes of a wrong type count as absent, but those that make a schema do not.
pub(super) fn read_schema(reader: &mut Reader<'_>) -> Result<Option<SchemaRef>> {
    read_nested(reader, 0)
}

/// Schemas nested deeper are refused, so that no message can exhaust the stack.
const MAX_LEVEL: usize = 100;

fn read_nested(reader: &mut Reader<'_>, level: usize) -> Result<Option<SchemaRef>> {
    if level > MAX_LEVEL {
        return Err(Error::data("the schema is nested deeper than 100 levels"));
    }
    match reader.peek() {
        Some(b'n') => {
            reader.literal(b"null")?;
            Ok(None)
        }
        Some(b'{') => Members::read(reader)?.into_schema(reader, level).map(Some),
        _ => {
            reader.skip()?;
            Err(missing_type())
        }
    }
}

/// Where the members of a schema object stand.
#[derive(Default)]
struct Members {
    default: Option<usize>,
    doc: Option<usize>,
    field: Option<usize>,
    fields: Option<usize>,
    items: Option<usize>,
    keys: Option<usize>,
    name: Option<usize>,
    optional: Option<usize>,
    parameters: Option<usize>,
    ty: Option<usize>,
    values: Option<usize>,
    version: Option<usize>,
}

impl Members {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let mut members = Self::default();
        reader.enter()?;
        let mut is_first = true;
        while reader.next(is_first, b'}')? {
            is_first = false;
            let key = reader.key()?;
            reader.peek();
            let position = Some(reader.position());
            match &*key {
                "default" => members.default = position,
                "doc" => members.doc = position,
                "field" => members.field = position,
                "fields" => members.fields = position,
                "items" => members.items = position,
                "keys" => members.keys = position,
                "name" => members.name = position,
                "optional" => members.optional = position,
                "parameters" => members.parameters = position,
                "type" => members.ty = position,
                "values" => members.values = position,
                "version" => members.version = position,
                _ => {}
            }
            reader.skip()?;
        }
        Ok(members)
    }

    fn into_schema(self, reader: &Reader<'_>, level: usize) -> Result<SchemaRef> {
        let string = |position: Option<usize>| match position {
            Some(position) => string_at(reader, position),
            None => Ok(None),
        };
        let ty = string(self.ty)?.ok_or_else(missing_type)?;
        let mut builder = self.builder(reader, &ty, level + 1)?;
        if self
            .optional
            .is_some_and(|position| reader.at(position).literal(b"true").is_ok())
        {
            builder = builder.optional();
        }
        if let Some(name) = string(self.name)? {
            builder = builder.name(name);
        }
        if let Some(version) = self
            .version
            .and_then(|position| integer(reader.at(position)))
        {
            builder = builder.version(version);
        }
        if let Some(doc) = string(self.doc)? {
            builder = builder.doc(doc);
        }
        for (name, value) in self.parameters(reader)? {
            builder = builder.parameter(name, value);
        }
        match self.default {
            Some(position) => {
                let default = read_default(&mut reader.at(position), &builder.clone().build()?)?;
                builder.default(default).build()
            }
            None => builder.build(),
        }
    }

    fn builder(&self, reader: &Reader<'_>, ty: &str, level: usize) -> Result<SchemaBuilder> {
        let inside = |position: Option<usize>, missing: &'static str| {
            let schema = match position {
                Some(position) => read_nested(&mut reader.at(position), level)?,
                None => None,
            };
            schema.ok_or_else(|| Error::data(missing))
        };
        Ok(match ty {
            "boolean" => SchemaBuilder::boolean(),
            "int8" => SchemaBuilder::int8(),
            "int16" => SchemaBuilder::int16(),
            "int32" => SchemaBuilder::int32(),
            "int64" => SchemaBuilder::int64(),
            "float" => SchemaBuilder::float32(),
            "double" => SchemaBuilder::float64(),
            "bytes" => SchemaBuilder::bytes(),
            "string" => SchemaBuilder::string(),
            "array" => SchemaBuilder::array(inside(
                self.items,
                "Array schema did not specify the element type",
            )?),
            "map" => SchemaBuilder::map(
                inside(self.keys, "Map schema did not specify the key type")?,
                inside(self.values, "Map schema did not specify the value type")?,
            ),
            "struct" => self.structure(reader, level)?,
            unknown => return Err(Error::data(format!("Unknown schema type: {unknown}"))),
        })
    }

    fn structure(&self, reader: &Reader<'_>, level: usize) -> Result<SchemaBuilder> {
        let no_fields = || Error::data("Struct schema's \"fields\" argument is not an array.");
        let no_name = || Error::data("Struct schema's field name not specified properly");
        let mut reader = reader.at(self.fields.ok_or_else(no_fields)?);
        if reader.peek() != Some(b'[') {
            return Err(no_fields());
        }
        let mut builder = SchemaBuilder::structure();
        reader.enter()?;
        let mut is_first = true;
        while reader.next(is_first, b']')? {
            is_first = false;
            if reader.peek() != Some(b'{') {
                return Err(no_name());
            }
            let members = Self::read(&mut reader)?;
            let name = match members.field {
                Some(position) => string_at(&reader, position)?,
                None => None,
            };
            builder = builder.field(
                name.ok_or_else(no_name)?,
                members.into_schema(&reader, level)?,
            );
        }
        Ok(builder)
    }

    fn parameters(&self, reader: &Reader<'_>) -> Result<Vec<(Text, Text)>> {
        let mut parameters: Vec<(Text, Text)> = Vec::new();
        let Some(position) = self.parameters else {
            return Ok(parameters);
        };
        let mut reader = reader.at(position);
        if reader.peek() != Some(b'{') {
            return Ok(parameters);
        }
        reader.enter()?;
        let mut is_first = true;
        while reader.next(is_first, b'}')? {
            is_first = false;
            let name = reader.text_key()?;
            if reader.peek() != Some(b'"') {
                return Err(Error::data("Schema parameters must have string values."));
            }
            let value = reader.text()?;
            parameters.retain(|(other, _)| *other != name);
            parameters.push((name, value));
        }
        Ok(parameters)
    }
}

/// Reads the default of a schema.
fn read_default(reader: &mut Reader<'_>, schema: &SchemaRef) -> Result<Value> {
    let is_null = reader.peek() == Some(b'n');
    let default = read(reader, &Plan::new(schema), false);
    if is_null {
        return default;
    }
    default.map_err(|error| {
        Error::data("Invalid default value")
            .with_java_class("org.apache.kafka.connect.errors.SchemaBuilderException")
            .with_source(error)
    })
}

/// Reads an integer; as in Java, only its lowest 32 bits count.
fn integer(mut reader: Reader<'_>) -> Option<i32> {
    let first = reader.peek()?;
    if !matches!(first, b'-' | b'0'..=b'9') {
        return None;
    }
    let number = reader.number().ok().filter(|number| number.is_integral)?;
    let digits = number.text.bytes().filter(u8::is_ascii_digit);
    let magnitude = digits.fold(0i32, |sum, digit| {
        sum.wrapping_mul(10).wrapping_add(i32::from(digit - b'0'))
    });
    Some(if first == b'-' {
        magnitude.wrapping_neg()
    } else {
        magnitude
    })
}

fn missing_type() -> Error {
    Error::data("Schema must contain 'type' field")
}

/// Schemas by their text, the last one used first.
#[derive(Debug, Default)]
pub(super) struct ReadSchemas(Vec<(Box<[u8]>, Option<Plan>)>);

impl ReadSchemas {
    /// The schema that was read last.
    pub(super) fn last(&self) -> Option<&Plan> {
        self.0.first().and_then(|(_, plan)| plan.as_ref())
    }

    /// Reads the schema that comes next, from memory if its text is known.
    pub(super) fn read(&mut self, reader: &mut Reader<'_>, capacity: usize) -> Result<()> {
        reader.peek();
        // Nearly always it is the one of the message before.
        let is_last = self
            .0
            .first()
            .is_some_and(|(text, _)| reader.skip_exactly(text));
        if !is_last {
            let start = reader.position();
            reader.skip()?;
            let text = reader.since(start);
            let known = self.0.iter().position(|(other, _)| **other == *text);
            let entry = match known {
                Some(index) => self.0.remove(index),
                None => {
                    let schema = read_schema(&mut reader.at(start))?;
                    (text.into(), schema.as_ref().map(Plan::new))
                }
            };
            self.0.truncate(capacity.max(1) - 1);
            self.0.insert(0, entry);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use connect_api::data::SchemaType;

    use super::*;

    fn schema(text: &str) -> Result<Option<SchemaRef>> {
        read_schema(&mut Reader::new(&Bytes::copy_from_slice(text.as_bytes())))
    }

    #[test]
    fn attributes_are_read() {
        let text = r#"{"type":"struct","fields":[{"type":"int8","optional":true,"field":"a"},
            {"field":"b","type":"array","items":{"type":"double","default":1}}],"name":"n",
            "version":99999999999,"doc":"d","parameters":{"p":"v"},"unknown":[{}]}"#;
        let schema = schema(text).unwrap().unwrap();
        assert_eq!(schema.name(), Some("n"));
        assert_eq!(schema.version(), Some(1_215_752_191));
        assert_eq!(
            schema.field("a").unwrap().schema(),
            &SchemaRef::OPTIONAL_INT8
        );
        let element = schema
            .field("b")
            .unwrap()
            .schema()
            .value_schema()
            .unwrap()
            .clone();
        assert!(matches!(element.schema_type(), SchemaType::Float64));
        assert_eq!(element.default(), Some(&Value::Float64(1.0)));
    }

    #[test]
    fn a_schema_of_the_same_text_is_the_same_in_memory() {
        let input = Bytes::from_static(br#"{"type":"string","name":"n"} {"type":"int8"}"#);
        let mut schemas = ReadSchemas::default();
        schemas.read(&mut Reader::new(&input), 2).unwrap();
        let first = schemas.last().unwrap().schema.clone();
        schemas.read(&mut Reader::new(&input).at(29), 2).unwrap();
        schemas.read(&mut Reader::new(&input), 2).unwrap();
        assert!(schemas.last().unwrap().schema.is_same(&first));
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| {
            let array = r#"{"type":"array","items":"#.repeat(depth);
            schema(&format!(
                "{array}{{\"type\":\"int8\"}}{}",
                "}".repeat(depth)
            ))
        };
        assert!(nested(100).is_ok());
        assert!(nested(101).is_err());
    }

    #[test]
    fn what_makes_no_schema_is_refused() {
        for text in [
            "{}",
            "[]",
            "1",
            r#"{"type":"float32"}"#,
            r#"{"type":"array"}"#,
            r#"{"type":"struct","fields":{}}"#,
            r#"{"type":"struct","fields":[{"type":"int8"}]}"#,
            r#"{"type":"string","parameters":{"a":1}}"#,
            r#"{"type":"string","default":1}"#,
        ] {
            assert!(schema(text).is_err(), "{text}");
        }
        assert_eq!(schema("null").unwrap(), None);
    }
}
