//! The converters answer as those of Java.

#![expect(
    clippy::indexing_slicing,
    reason = "members of JSON that may be missing"
)]

mod deviation;

use connect_api::Converter;
use connect_api::DatumRole;
use connect_api::HeaderConverter;
use connect_api::PluginRegistry;
use connect_api::Result;
use connect_api::data::Datum;
use connect_api::data::infer_schema;
use connect_api::data::parse;
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
use connect_testkit::golden::schema_to_json;
use connect_testkit::golden::value_from_json;

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
        _ => answer(case, &registry),
    });
}

fn open(file: &str) -> Suite {
    Suite::open(env!("CARGO_MANIFEST_DIR"), file)
        .deviations("tests/deviations.toml")
        .judge("blank_in_place_of_text", deviation::blank_in_place_of_text)
        .judge("bytes_to_text", deviation::bytes_to_text)
        .judge("half_surrogate", deviation::half_surrogate)
        .judge("infer_nulls", deviation::infer_nulls)
        .judge("java_object", deviation::java_object)
        .judge("misread_json", deviation::misread_json)
        .judge("not_finite", deviation::not_finite)
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
