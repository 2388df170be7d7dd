//! Schemas in the form of the vectors.

use connect_api::Result;
use connect_api::data::SchemaBuilder;
use connect_api::data::SchemaRef;
use connect_api::data::SchemaType;
use serde_json::Map;
use serde_json::json;

use super::Json;
use super::value::malformed;
use super::value::value_from_json;
use super::value::value_to_json;

/// Reads a schema; null is no schema.
///
/// # Errors
/// The schema cannot be built.
pub fn schema_from_json(json: &Json) -> Result<Option<SchemaRef>> {
    if json.is_null() {
        return Ok(None);
    }
    let inside = |key: &str| schema_from_json(json.get(key).unwrap_or(&Json::Null));
    let str = |key: &str| json.get(key).and_then(Json::as_str);
    let ty = match str("type").ok_or_else(|| malformed("schema", json))? {
        "ARRAY" => SchemaType::Array(inside("items")?),
        "BOOLEAN" => SchemaType::Boolean,
        "BYTES" => SchemaType::Bytes,
        "FLOAT32" => SchemaType::Float32,
        "FLOAT64" => SchemaType::Float64,
        "INT8" => SchemaType::Int8,
        "INT16" => SchemaType::Int16,
        "INT32" => SchemaType::Int32,
        "INT64" => SchemaType::Int64,
        "MAP" => SchemaType::Map(inside("keys")?, inside("values")?),
        "STRING" => SchemaType::String,
        "STRUCT" => SchemaBuilder::structure().build()?.schema_type().clone(),
        _ => return Err(malformed("schema", json)),
    };
    let mut builder = SchemaBuilder::of(ty);
    for field in json
        .get("fields")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
    {
        let name = field.get("field").and_then(Json::as_str);
        let schema = schema_from_json(field.get("schema").unwrap_or(&Json::Null))?;
        let (Some(name), Some(schema)) = (name, schema) else {
            return Err(malformed("field", field));
        };
        builder = builder.field(name, schema);
    }
    if json.get("optional").and_then(Json::as_bool) == Some(true) {
        builder = builder.optional();
    }
    if let Some(name) = str("name") {
        builder = builder.name(name);
    }
    if let Some(version) = json.get("version").and_then(Json::as_i64) {
        builder = builder.version(version.try_into().map_err(|_| malformed("version", json))?);
    }
    if let Some(doc) = str("doc") {
        builder = builder.doc(doc);
    }
    for (name, value) in json
        .get("parameters")
        .and_then(Json::as_object)
        .into_iter()
        .flatten()
    {
        builder = builder.parameter(name.as_str(), value.as_str().unwrap_or_default());
    }
    if let Some(default) = json.get("default") {
        let schema = builder.clone().build()?;
        builder = builder.default(value_from_json(default, Some(&schema))?);
    }
    builder.build().map(Some)
}

/// Writes a schema.
#[must_use]
pub fn schema_to_json(schema: Option<&SchemaRef>) -> Json {
    let Some(schema) = schema else {
        return Json::Null;
    };
    let mut json = Map::new();
    json.insert("type".into(), json!(schema.schema_type().name()));
    match schema.schema_type() {
        SchemaType::Array(items) => {
            json.insert("items".into(), schema_to_json(items.as_ref()));
        }
        SchemaType::Map(keys, values) => {
            json.insert("keys".into(), schema_to_json(keys.as_ref()));
            json.insert("values".into(), schema_to_json(values.as_ref()));
        }
        SchemaType::Struct(fields) => {
            let fields = fields.iter().map(|field| {
                json!({
                    "field": field.name().as_str(),
                    "schema": schema_to_json(Some(field.schema())),
                })
            });
            json.insert("fields".into(), fields.collect());
        }
        _ => {}
    }
    if schema.is_optional() {
        json.insert("optional".into(), json!(true));
    }
    let name = schema.name().map(|name| json!(name));
    let version = schema.version().map(|version| json!(version));
    let doc = schema.doc().map(|doc| json!(doc));
    let parameters = schema.parameters();
    let parameters = (!parameters.is_empty()).then(|| json!(parameters));
    let default = schema
        .default()
        .map(|default| value_to_json(default, Some(schema)));
    for (key, value) in [
        ("name", name),
        ("version", version),
        ("doc", doc),
        ("parameters", parameters),
        ("default", default),
    ] {
        json.extend(value.map(|value| (key.to_owned(), value)));
    }
    json.into()
}
