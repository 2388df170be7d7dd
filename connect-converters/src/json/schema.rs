//! JSON to schemas.

use connect_api::Error;
use connect_api::Result;
use connect_api::data::SchemaBuilder;
use connect_api::data::SchemaRef;
use connect_api::data::Text;
use connect_api::data::Value;

use super::decode::out_of_range;
use super::decode::read;
use super::decode::string_at;
use super::plan::Plan;
use super::read::Reader;

/// Reads a schema; none for `null`.
///
/// As in Java, optional attributes of a wrong type are ignored. A version that does not fit into 32
/// bits is refused.
pub(super) fn read_schema(reader: &mut Reader<'_>) -> Result<Option<SchemaRef>> {
    read_nested(reader, 0)
}

/// The limit for nested schemas, so that no message can exhaust the stack.
const MAX_LEVEL: usize = 100;

fn read_nested(reader: &mut Reader<'_>, level: usize) -> Result<Option<SchemaRef>> {
    if level > MAX_LEVEL {
        return Err(Error::data(
            "the schema is nested more than 100 levels deep",
        ));
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

/// The positions of the members of a schema object.
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
        if let Some(position) = self.version
            && let Some(version) = version(reader.at(position))?
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

/// Reads the default of a schema. As in Java, it cannot be a struct.
fn read_default(reader: &mut Reader<'_>, schema: &SchemaRef) -> Result<Value> {
    let is_null = reader.peek() == Some(b'n');
    let default = match read(reader, &Plan::new(schema), false) {
        Ok(Value::Struct(_)) => Err(Error::data(
            "Struct schemas do not match: a JSON schema cannot have a struct as default",
        )),
        default => default,
    };
    if is_null {
        return default;
    }
    default.map_err(|error| {
        Error::data(format!("Invalid default value: {}", error.message()))
            .with_java_class("org.apache.kafka.connect.errors.SchemaBuilderException")
            .with_source(error)
    })
}

/// Reads the version of a schema; none if it is not an integer.
fn version(mut reader: Reader<'_>) -> Result<Option<i32>> {
    if !matches!(reader.peek(), Some(b'-' | b'0'..=b'9')) {
        return Ok(None);
    }
    let number = reader.number()?;
    if !number.is_integral {
        return Ok(None);
    }
    let version = number
        .to_i64()
        .and_then(|number| i32::try_from(number).ok());
    match version {
        Some(version) => Ok(Some(version)),
        None => Err(out_of_range("the version of a schema (INT32)", number)),
    }
}

fn missing_type() -> Error {
    Error::data("Schema must contain 'type' field")
}

/// The schemas read so far by their text, most recently used first.
#[derive(Debug, Default)]
pub(super) struct ReadSchemas(Vec<(Box<[u8]>, Option<Plan>)>);

impl ReadSchemas {
    /// The schema that was read last.
    pub(super) fn last(&self) -> Option<&Plan> {
        self.0.first().and_then(|(_, plan)| plan.as_ref())
    }

    /// Reads the next schema, from the cache if its text is known.
    pub(super) fn read(&mut self, reader: &mut Reader<'_>, capacity: usize) -> Result<()> {
        reader.peek();
        // Nearly always it is the schema of the previous message.
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
            "version":7,"doc":"d","parameters":{"p":"v"},"unknown":[{}]}"#;
        let schema = schema(text).unwrap().unwrap();
        assert_eq!(schema.name(), Some("n"));
        assert_eq!(schema.version(), Some(7));
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
    fn a_bad_schema_is_refused() {
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
            r#"{"type":"string","version":99999999999}"#,
        ] {
            assert!(schema(text).is_err(), "{text}");
        }
        assert_eq!(schema("null").unwrap(), None);
    }
}
