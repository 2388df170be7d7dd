//! The transforms and predicates answer as those of Java.

#![expect(
    clippy::indexing_slicing,
    reason = "members of JSON that may be missing"
)]

use connect_api::PluginRegistry;
use connect_api::Result;
use connect_testkit::golden::Answer;
use connect_testkit::golden::Case;
use connect_testkit::golden::GoldenRecord;
use connect_testkit::golden::Json;
use connect_testkit::golden::Suite;
use connect_testkit::golden::config_from_json;
use serde_json::json;

#[test]
fn transforms_answer_as_those_of_java() {
    let mut registry = PluginRegistry::new();
    registry.install(connect_transforms::plugins);
    Suite::open(env!("CARGO_MANIFEST_DIR"), "smt.jsonl").run(|case| {
        let class = case.config_str("class");
        let is_known = match case.op.as_str() {
            "smt.apply" => registry.find_transform(class).is_ok(),
            "predicate.test" => registry.find_predicate(class).is_ok(),
            _ => false,
        };
        if is_known {
            Answer::of(|| answer(&registry, case))
        } else {
            Answer::Skipped
        }
    });
}

fn answer(registry: &PluginRegistry, case: &Case) -> Result<Json> {
    let class = case.config_str("class");
    let config = config_from_json(&case.config["props"])?;
    if case.op == "predicate.test" {
        let mut predicate = registry.new_predicate(class)?;
        predicate.configure(&config)?;
        let golden = GoldenRecord::from_json(&case.input["record"])?;
        return Ok(json!(predicate.test(&golden.record, golden.origin())?));
    }
    let mut transform = registry.new_transform(class)?;
    transform.configure(&config)?;
    let golden = GoldenRecord::from_json(&case.input["record"])?;
    Ok(
        match transform.apply(golden.record.clone(), golden.origin())? {
            Some(record) => json!({ "record": golden.to_json(&record) }),
            None => json!({ "record": null }),
        },
    )
}
