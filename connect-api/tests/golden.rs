//! Runs cases recorded from Kafka Connect.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a case of another shape fails"
)]

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use connect_api::config::ConfigDef;
use connect_api::config::ConfigKey;
use connect_api::config::ConfigMap;
use connect_api::config::ConfigType;
use connect_api::config::ParsedValue;
use serde_json::Value;
use serde_json::json;

#[test]
fn configurations_are_parsed_as_in_java() {
    let mut failures = Vec::new();
    let (mut passed, mut skipped, mut deviations) = (0, 0, 0);
    for line in cases("configdef.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        if case["op"] != "configdef.parse" {
            skipped += 1; // needs the definitions of the runtime
            continue;
        }
        let expected = &case["expect"];
        let actual = parse(&case);
        let message = |answer: &Value| answer["error"]["message"].as_str().map(str::to_owned);
        if is_out_of_range(&case) {
            let is_refused = message(&actual).is_some_and(|text| text.contains("Not a number"));
            assert!(is_refused, "{}: got {actual}", case["id"]);
            deviations += 1;
            continue;
        }
        let is_right = match (message(expected), message(&actual)) {
            // What helps a person may follow Java's text.
            (Some(java), Some(ours)) => ours.starts_with(&java),
            _ => actual == *expected,
        };
        if is_right {
            passed += 1;
        } else {
            failures.push(format!("{}: expected {expected}, got {actual}", case["id"]));
        }
    }
    // Past the test harness, which keeps back what passing tests print.
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(
        stdout,
        "configdef.jsonl: {passed} passed, {} failed, {skipped} skipped, {deviations} deviations",
        failures.len()
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Java makes infinity of a number that is too large for its type, and zero of one that is too
/// small. Here both are refused: the number would be lost without a word.
fn is_out_of_range(case: &Value) -> bool {
    let text = case["input"]["value"].as_str().unwrap_or_default();
    let has_digits = text.contains(|c: char| ('1'..='9').contains(&c));
    match case["expect"]["output"]["value"]["f64"].as_str() {
        Some("0.0" | "-0.0") => {
            has_digits
                && !text
                    .trim_start_matches(['-', '0', '.'])
                    .starts_with(['e', 'E'])
        }
        Some("Infinity" | "-Infinity") => has_digits,
        _ => false,
    }
}

/// `configdef.parse`: one key, one value.
fn parse(case: &Value) -> Value {
    let name = case["input"]["name"].as_str().unwrap();
    let key = ConfigKey::new(name, config_type(case["config"]["type"].as_str().unwrap()))
        .classes(|class| class.starts_with("java.lang.").then(|| class.to_owned()));
    let def = ConfigDef::builder().key(key).build();
    let mut config = ConfigMap::new();
    match &case["input"]["value"] {
        Value::Null => config.insert_null(name),
        value => config.insert(name, value.as_str().unwrap()),
    }
    match def.parse(&config) {
        Ok(parsed) => json!({ "output": output(parsed.get(name)) }),
        Err(errors) => json!({ "error": { "message": errors.to_string() } }),
    }
}

fn output(value: &ParsedValue) -> Value {
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
        ParsedValue::Null => Value::Null,
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

#[expect(
    clippy::disallowed_methods,
    reason = "other cases may be given from outside"
)]
fn cases(file: &str) -> String {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let folder = std::env::var("CONNECT_VECTORS").map_or(own, PathBuf::from);
    fs::read_to_string(folder.join(file)).unwrap()
}
