//! The converters behave as Java's.

#![expect(
    clippy::indexing_slicing,
    reason = "members of JSON that may be missing"
)]

mod deviation;

use connect_api::Converter;
use connect_api::DatumRole;
use connect_api::Error;
use connect_api::HeaderConverter;
use connect_api::PluginRegistry;
use connect_api::Result;
use connect_api::data::Datum;
use connect_api::data::SchemaBuilder;
use connect_api::data::SchemaRef;
use connect_api::data::Value;
use connect_api::data::infer_schema;
use connect_api::data::parse;
use connect_api::data::project;
use connect_api::record::Header;
use connect_api::record::RawHeaders;
use connect_testkit::golden::Answer;
use connect_testkit::golden::Case;
use connect_testkit::golden::Json;
use connect_testkit::golden::Suite;
use connect_testkit::golden::bytes_from_json;
use connect_testkit::golden::bytes_to_json;
use connect_testkit::golden::config_from_json;
use connect_testkit::golden::datum_from_json;
use connect_testkit::golden::datum_to_json;
use connect_testkit::golden::schema_from_json;
use connect_testkit::golden::schema_to_json;
use connect_testkit::golden::unrepresentable;
use connect_testkit::golden::value_from_json;
use connect_testkit::golden::value_to_json;
use serde_json::json;

#[test]
fn json_is_that_of_java() {
    let registry = registry();
    open("json.jsonl").bytes_are_json().run(|case| {
        Answer::of(|| {
            let mut json = registry.new_converter("org.apache.kafka.connect.json.JsonConverter")?;
            json.configure(&config_from_json(&case.config)?, role(case))?;
            convert(case, &mut *json)
        })
    });
}

#[test]
fn primitives_are_those_of_java() {
    let registry = registry();
    open("primitive.jsonl").run(|case| answer(case, &registry));
}

#[test]
fn texts_of_values_are_those_of_java() {
    let registry = registry();
    open("values.jsonl").run(|case| match case.op.as_str() {
        "values.parseString" => Answer::of(|| {
            let text = value_from_json(
                &case.input["string"]
                    .as_str()
                    .map_or(Json::Null, |text| serde_json::json!({ "str": text })),
                None,
            )?;
            Ok(datum_to_json(&text.as_str().map_or(Datum::NULL, parse)))
        }),
        "values.inferSchema" => Answer::of(|| {
            let value = value_from_json(&case.input["value"], None)?;
            Ok(schema_to_json(infer_schema(&value).as_ref()))
        }),
        "values.convertTo" => {
            Answer::of(|| convert_to(case).map_err(|error| in_containers_of(case, &error)))
        }
        _ => answer(case, &registry),
    });
}

/// The data model is that of `connect-api`, which cannot run this: the test kit is built on it.
#[test]
fn values_fit_schemas_as_in_java() {
    open("projector.jsonl").run(|case| match case.op.as_str() {
        "projector.project" => Answer::of(|| {
            let schema = |key: &str| {
                let schema = schema_from_json(&case.input[key])?;
                schema.ok_or_else(|| unrepresentable("no schema"))
            };
            let (source, target) = (schema("source")?, schema("target")?);
            let value = value_from_json(&case.input["value"], Some(&source))?;
            let projected = project(&source, &value, &target)?;
            Ok(value_to_json(&projected, Some(&target)))
        }),
        "schema.validateValue" => Answer::of(|| {
            let datum = datum_from_json(&case.input)?;
            let schema = datum.schema.ok_or_else(|| unrepresentable("no schema"))?;
            if case.input["value"].get("bigint").is_some() {
                // In Java a number that is not a decimal.
                return Err(unrepresentable("BigInteger"));
            }
            match schema.validate(&datum.value) {
                Ok(()) => Ok("ok".into()),
                Err(error) => Err(in_containers_of(case, &error)),
            }
        }),
        "schema.build" => match build(case.input["steps"].as_str().unwrap_or_default()) {
            Some(schema) => Answer::of(|| Ok(schema_to_json(Some(&schema?)))),
            None => Answer::Skipped,
        },
        _ => Answer::Skipped,
    });
}

/// Follows steps such as `type INT32, optional, name a`; `None` if there is one that is not known.
fn build(steps: &str) -> Option<Result<SchemaRef>> {
    let mut builder = SchemaBuilder::structure();
    for step in steps.split(", ") {
        let (what, rest) = step.split_once(' ').unwrap_or((step, ""));
        builder = match (what, rest) {
            ("type", name) => {
                let schema = schema_from_json(&json!({ "type": name })).ok()??;
                SchemaBuilder::of(schema.schema_type().clone())
            }
            ("struct", "") => SchemaBuilder::structure(),
            ("optional", "") => builder.optional(),
            ("required", "") => builder.required(),
            ("name", name) => builder.name(name),
            ("version", version) => builder.version(version.parse().ok()?),
            ("doc", doc) => builder.doc(doc),
            ("default", "null") => builder.default(Value::Null),
            ("default", text) => match text.parse::<i32>() {
                Ok(number) => builder.default(number),
                Err(_) => builder.default(text),
            },
            ("parameter", rest) => {
                let name = rest.strip_suffix(" twice")?;
                builder.parameter(name, "1").parameter(name, "2")
            }
            ("empty", "field name") => builder.field("", SchemaRef::INT32),
            ("field" | "array" | "map", rest) if rest.contains("null") => {
                return Some(Err(unrepresentable(step)));
            }
            ("field", name) => match name.strip_suffix(" twice") {
                Some(name) => builder
                    .field(name, SchemaRef::INT32)
                    .field(name, SchemaRef::INT32),
                None => builder.field(name, SchemaRef::INT32),
            },
            _ => return None,
        };
    }
    Some(builder.build())
}

fn convert_to(case: &Case) -> Result<Json> {
    let datum = datum_from_json(&case.input)?;
    let scale = case.config["scale"].as_i64().unwrap_or(0);
    let value: Value = match case.config_str("target") {
        "Boolean" => datum.to_bool()?.into(),
        "Byte" => datum.to_i8()?.into(),
        "Date" => Value::Date(datum.to_date()?),
        "Decimal" => datum.to_decimal(scale.try_into().unwrap_or(0))?.into(),
        "Double" => datum.to_f64()?.into(),
        "Float" => datum.to_f32()?.into(),
        "Integer" => datum.to_i32()?.into(),
        "List" => datum.to_array()?.into(),
        "Long" => datum.to_i64()?.into(),
        "Map" => datum.to_map()?.into(),
        "Short" => datum.to_i16()?.into(),
        "String" => datum.to_text().into(),
        "Struct" => datum.to_struct()?.into(),
        "Time" => Value::Time(datum.to_time()?),
        "Timestamp" => Value::Timestamp(datum.to_timestamp()?),
        target => return Err(unrepresentable(target)),
    };
    Ok(value_to_json(&value, None))
}

/// An error in the words of a case: which classes of Java hold lists, maps and bytes is up to who
/// makes the values.
fn in_containers_of(case: &Case, error: &Error) -> Error {
    let value = &case.input["value"];
    let mut message = error.message().to_owned();
    message = message.replace("class java.util.HashMap", "class java.util.LinkedHashMap");
    if value["array"]
        .as_array()
        .is_some_and(|array| !array.is_empty())
    {
        message = message.replace("class java.util.", "class java.util.Arrays$");
    }
    if value["buffer"] == true {
        message = message.replace("class [B", "class java.nio.HeapByteBuffer");
    }
    Error::new(error.kind(), message).with_java_class(error.java_class().to_owned())
}

fn open(file: &str) -> Suite {
    Suite::open(env!("CARGO_MANIFEST_DIR"), file)
        .deviations("tests/deviations.toml")
        .judge("blank_in_place_of_text", deviation::blank_in_place_of_text)
        .judge("bytes_to_text", deviation::bytes_to_text)
        .judge("cut_number", deviation::conversion::cut_number)
        .judge("date_with_time", deviation::conversion::date_with_time)
        .judge("half_surrogate", deviation::half_surrogate)
        .judge("inexact_decimal", deviation::conversion::inexact_decimal)
        .judge("infer_nulls", deviation::infer_nulls)
        .judge("java_object", deviation::java_object)
        .judge("misread_json", deviation::misread_json)
        .judge("text_after_json", deviation::text_after_json)
        .judge("not_finite", deviation::not_finite)
        .judge("part_of_moment", deviation::conversion::part_of_moment)
        .judge("part_of_text", deviation::guess::part_of_text)
        .judge("rounded_number", deviation::guess::rounded_number)
        .judge("shifted_moment", deviation::guess::shifted_moment)
        .judge(
            "wrong_schema_of_elements",
            deviation::guess::wrong_schema_of_elements,
        )
}

fn registry() -> PluginRegistry {
    let mut registry = PluginRegistry::new();
    registry.install(connect_converters::plugins);
    registry
}

fn role(case: &Case) -> DatumRole {
    if case.input["isKey"] == true {
        DatumRole::Key
    } else {
        DatumRole::Value
    }
}

fn answer(case: &Case, registry: &PluginRegistry) -> Answer {
    let class = case.config_str("class");
    match case.op.rsplit_once('.') {
        Some((_, "fromConnectData" | "toConnectData"))
            if registry.find_converter(class).is_ok() =>
        {
            Answer::of(|| {
                let mut converter = registry.new_converter(class)?;
                converter.configure(&config_from_json(&case.config["props"])?, role(case))?;
                convert(case, &mut *converter)
            })
        }
        Some((_, "fromConnectHeader" | "toConnectHeader"))
            if registry.find_header_converter(class).is_ok() =>
        {
            Answer::of(|| {
                let mut converter = registry.new_header_converter(class)?;
                converter.configure(&config_from_json(&case.config["props"])?)?;
                convert_header(case, &mut *converter)
            })
        }
        _ => Answer::Skipped,
    }
}

fn convert(case: &Case, converter: &mut dyn Converter) -> Result<Json> {
    let topic = "t".into();
    if case.op.ends_with("fromConnectData") {
        let datum = datum_from_json(&case.input)?;
        let bytes = converter.encode(&topic, &mut RawHeaders::new(), &datum)?;
        return Ok(bytes_to_json(bytes.as_deref()));
    }
    let bytes = bytes_from_json(&case.input["bytes"])?;
    Ok(datum_to_json(&converter.decode(
        &topic,
        &RawHeaders::new(),
        bytes,
    )?))
}

fn convert_header(case: &Case, converter: &mut dyn HeaderConverter) -> Result<Json> {
    let topic = "t".into();
    if case.op.ends_with("fromConnectHeader") {
        let header = Header::new("h", datum_from_json(&case.input)?);
        return Ok(bytes_to_json(converter.encode(&topic, &header)?.as_deref()));
    }
    let bytes = bytes_from_json(&case.input["bytes"])?;
    Ok(datum_to_json(&converter.decode(
        &topic,
        &"h".into(),
        bytes,
    )?))
}
