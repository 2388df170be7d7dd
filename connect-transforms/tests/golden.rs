//! The transforms and predicates behave as Java's.

#![expect(
    clippy::indexing_slicing,
    reason = "members of JSON that may be missing"
)]

mod deviation;

use connect_api::Error;
use connect_api::PluginRegistry;
use connect_api::Result;
use connect_api::ResultExt as _;
use connect_api::Timestamp;
use connect_api::Transform;
use connect_api::config_map;
use connect_api::data::Datum;
use connect_api::data::Value;
use connect_api::record::Origin;
use connect_api::record::Record;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_testkit::golden::Answer;
use connect_testkit::golden::Case;
use connect_testkit::golden::GoldenRecord;
use connect_testkit::golden::Json;
use connect_testkit::golden::Suite;
use connect_testkit::golden::config_from_json;
use serde_json::json;

#[test]
fn transforms_behave_as_in_java() {
    let registry = registry();
    open("smt.jsonl").run(|case| {
        let class = case.config_str("class");
        let is_known = match case.op.as_str() {
            "smt.apply" => registry.find_transform(class).is_ok(),
            "predicate.test" => registry.find_predicate(class).is_ok(),
            _ => return Answer::Skipped,
        };
        // Without this, it would pass where Java refuses the record.
        assert!(is_known, "{class} is not registered");
        Answer::of(|| answer(&registry, case))
    });
}

#[test]
fn dates_are_those_of_java() {
    let registry = registry();
    open("dateformat.jsonl").run(|case| match case.op.as_str() {
        "dateformat.format" => Answer::of(|| written_date(&registry, case)),
        "dateformat.parse" => Answer::of(|| read_date(&registry, case)),
        _ => Answer::Skipped,
    });
}

fn open(file: &str) -> Suite {
    Suite::open(env!("CARGO_MANIFEST_DIR"), file)
        .deviations("tests/deviations.toml")
        .judge("cut_replacement", deviation::cut_replacement)
        .judge("lenient_date", deviation::date::lenient_date)
        .judge("lenient_text", deviation::date::lenient_text)
        .judge("masked_decimal", deviation::masked_decimal)
        .judge("misread_text", deviation::misread_text)
        .judge("saturated_unit", deviation::date::saturated_unit)
        .judge("shifted_fraction", deviation::date::shifted_fraction)
}

fn registry() -> PluginRegistry {
    let mut registry = PluginRegistry::new();
    registry.install(connect_transforms::plugins);
    registry
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

/// The date as a router writes it.
fn written_date(registry: &PluginRegistry, case: &Case) -> Result<Json> {
    let millis = case.input["epochMillis"].as_str().unwrap_or_default();
    let millis = millis.parse().data(|| format!("{millis} milliseconds"))?;
    Ok(json!(written(
        registry,
        case.config_str("pattern"),
        millis
    )?))
}

fn written(registry: &PluginRegistry, pattern: &str, millis: i64) -> Result<String> {
    let mut router = registry.new_transform("TimestampRouter")?;
    router.configure(&config_map! {
        "topic.format" => "${timestamp}", "timestamp.format" => pattern,
    })?;
    let record = Record::new("t", Datum::NULL).with_timestamp(Timestamp::from_millis(millis));
    let record = apply(&mut *router, record)?;
    Ok(record.topic.as_str().to_owned())
}

/// The date as a converter reads it.
fn read_date(registry: &PluginRegistry, case: &Case) -> Result<Json> {
    let mut converter = registry.new_transform("TimestampConverter$Value")?;
    converter.configure(&config_map! {
        "target.type" => "Timestamp", "format" => case.config_str("pattern"),
    })?;
    let text = case.input["text"].as_str().unwrap_or_default();
    let record = apply(&mut *converter, Record::new("t", Datum::string(text)))?;
    let Value::Timestamp(millis) = record.value.value else {
        panic!("a timestamp");
    };
    Ok(json!(millis.to_string()))
}

fn apply(transform: &mut dyn Transform, record: Record) -> Result<Record> {
    let (partition, offset) = (SourcePartition::null(), SourceOffset::default());
    let origin = Origin::Source {
        partition: &partition,
        offset: &offset,
    };
    let record = transform.apply(record, origin)?;
    record.ok_or_else(|| Error::data("the record was dropped"))
}
