//! Runs cases recorded from Kafka Connect.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a case of another shape fails"
)]

use connect_api::Result;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigKey;
use connect_api::config::ConfigMap;
use connect_api::config::ConfigType;
use connect_api::config::ParsedValue;
use connect_testkit::golden::Answer;
use connect_testkit::golden::Case;
use connect_testkit::golden::Json;
use connect_testkit::golden::Suite;
use serde_json::json;

#[test]
fn configurations_are_parsed_as_in_java() {
    Suite::open(env!("CARGO_MANIFEST_DIR"), "configdef.jsonl")
        .deviations("tests/deviations.toml")
        .judge("double_out_of_range", double_out_of_range)
        .judge("invisible_in_class", invisible_in_class)
        .exact_messages()
        .run(|case| match case.op.as_str() {
            "configdef.parse" => Answer::of(|| parse(case)),
            _ => Answer::Skipped, // needs the definitions of the runtime
        });
}

/// Java's number is infinite or zero, and the one in the text is not.
fn double_out_of_range(case: &Case) -> Option<Answer> {
    let text = case.input["value"].as_str()?;
    let mantissa = text.split(['e', 'E']).next()?;
    let is_lost = match case.output()?["value"]["f64"].as_str()? {
        "0.0" | "-0.0" => mantissa.contains(|c: char| ('1'..='9').contains(&c)),
        "Infinity" | "-Infinity" => !text.contains("Infinity"),
        _ => false,
    };
    is_lost.then(|| Answer::error(CONFIG_EXCEPTION))
}

/// The name of an unknown class has white space in it.
fn invisible_in_class(case: &Case) -> Option<Answer> {
    let name = case.input["value"].as_str()?.trim_matches(|c| c <= ' ');
    let is_class = case.config_str("type") == "CLASS";
    let is_dirty = is_class && name.contains(char::is_whitespace);
    is_dirty.then(|| Answer::error(CONFIG_EXCEPTION))
}

const CONFIG_EXCEPTION: &str = "org.apache.kafka.common.config.ConfigException";

/// `configdef.parse`: one key, one value.
fn parse(case: &Case) -> Result<Json> {
    let name = case.input["name"].as_str().unwrap();
    let key = ConfigKey::new(name, config_type(case.config_str("type")))
        .classes(|class| class.starts_with("java.lang.").then(|| class.to_owned()));
    let def = ConfigDef::builder().key(key).build();
    let mut config = ConfigMap::new();
    match &case.input["value"] {
        Json::Null => config.insert_null(name),
        value => config.insert(name, value.as_str().unwrap()),
    }
    Ok(output(def.parse(&config)?.get(name)))
}

fn output(value: &ParsedValue) -> Json {
    let value = match value {
        ParsedValue::Boolean(value) => json!({ "bool": value }),
        ParsedValue::Class(class) => return json!({ "class": class }),
        ParsedValue::Double(value) => {
            json!({ "f64": ParsedValue::Double(*value).to_string(), "bits": format!("{:016x}", value.to_bits()) })
        }
        ParsedValue::Int(value) => json!({ "i32": value }),
        ParsedValue::List(values) => {
            json!({ "array": values.iter().map(|value| json!({ "str": value })).collect::<Vec<_>>() })
        }
        ParsedValue::Long(value) => json!({ "i64": value.to_string() }),
        ParsedValue::Null => Json::Null,
        ParsedValue::Password(password) => {
            return json!({ "password": password.expose(), "printed": password.to_string() });
        }
        ParsedValue::Short(value) => json!({ "i16": value }),
        ParsedValue::String(value) => json!({ "str": value }),
        other => panic!("unknown value {other}"),
    };
    json!({ "value": value })
}

fn config_type(name: &str) -> ConfigType {
    use ConfigType::*;
    let types = [
        Boolean, Class, Double, Int, List, Long, Password, Short, String,
    ];
    types.into_iter().find(|ty| ty.name() == name).unwrap()
}
