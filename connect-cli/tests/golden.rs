//! Runs cases recorded from Kafka Connect.
#![expect(clippy::unwrap_used, reason = "a case of another shape fails")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use connect_cli::properties;
use serde_json::Value;

#[test]
fn properties_are_read_as_java_reads_them() {
    let mut failures = Vec::new();
    let (mut passed, mut skipped) = (0, 0);
    for line in cases("util.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        if case["op"] != "util.propertiesLoad" {
            skipped += 1;
            continue;
        }
        let text = case["input"]["text"].as_str().unwrap();
        let actual = properties::parse(text)
            .map(|config| config.to_raw_map().into_iter().collect::<BTreeMap<_, _>>());
        let is_right = match (&actual, &case["expect"]["output"]) {
            (Err(_), Value::Null) => true,
            (Ok(actual), expected) => serde_json::to_value(actual).unwrap() == *expected,
            (Err(_), _) => false,
        };
        if is_right {
            passed += 1;
        } else {
            failures.push(format!(
                "{}: expected {}, got {actual:?}",
                case["id"], case["expect"]
            ));
        }
    }
    // Written to the terminal: the test harness hides what passing tests print.
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(
        stdout,
        "util.jsonl: {passed} passed, {} failed, {skipped} skipped, 0 deviations",
        failures.len()
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
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
