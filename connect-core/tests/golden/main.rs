//! The internal topics are read and written as those of Java.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "members of JSON that may be missing, in cases that must be sound"
)]

mod config_log;
mod deviation;
mod offsets;
mod status_log;
mod util;

use bytes::Bytes;
use connect_testkit::golden::Answer;
use connect_testkit::golden::Case;
use connect_testkit::golden::Json;
use connect_testkit::golden::Suite;
use connect_testkit::golden::bytes_from_json;
use connect_testkit::golden::same_json_text;
use connect_testkit::golden::same_output;
use serde_json::json;

#[test]
fn topics_are_those_of_java() {
    Suite::open(env!("CARGO_MANIFEST_DIR"), "topics.jsonl")
        .deviations("tests/deviations.toml")
        .judge("config_with_numbers", deviation::config_with_numbers)
        .judge(
            "deleted_and_inconsistent",
            deviation::deleted_and_inconsistent,
        )
        .judge("stops_java", deviation::stops_java)
        .judge("too_large_count", deviation::too_large_count)
        .compare(same_records)
        .run(|case| match case.op.as_str() {
            "configtopic.write" => Answer::of(|| config_log::write(case)),
            "configtopic.replay" => Answer::Output(config_log::replay(case, &records(case))),
            "offsettopic.partitionOfKey" => Answer::of(|| offsets::partition_of_key(case)),
            "offsettopic.read" => Answer::of(|| offsets::read(case)),
            "offsettopic.validateFormat" => Answer::of(|| offsets::validate_format(case)),
            "offsettopic.write" => Answer::of(|| offsets::write(case)),
            "statustopic.write" => Answer::Output(status_log::write(case)),
            "statustopic.replay" => Answer::Output(status_log::replay(&records(case))),
            _ => Answer::Skipped,
        });
}

#[test]
fn small_rules_are_those_of_java() {
    Suite::open(env!("CARGO_MANIFEST_DIR"), "util.jsonl").run(|case| match case.op.as_str() {
        "util.groupPartitions" => Answer::of(|| util::group_partitions(case)),
        "util.parseSinkOffsets" => Answer::of(|| util::parse_sink_offsets(case)),
        "util.patchConfig" => Answer::of(|| util::patch_config(case)),
        _ => Answer::Skipped,
    });
}

/// Records are the same byte by byte, but for the order of the properties of a configuration: a
/// `ConfigMap` does not keep that in which the user wrote them.
fn same_records(case: &Case, expected: &Json, actual: &Json) -> bool {
    let texts = |records: &Json| -> Vec<_> {
        let records = records["records"].as_array().into_iter().flatten();
        let text = |record: &Json| {
            let value = record["value"]["utf8"].as_str().map(str::to_owned);
            (record["key"].clone(), value)
        };
        records.map(text).collect()
    };
    let same_value = |a: &Option<String>, b: &Option<String>| match (a, b) {
        (Some(a), Some(b)) if a.starts_with("{\"properties\":") => same_json_text(a, b),
        _ => a == b,
    };
    if case.op == "configtopic.write" {
        let (expected, actual) = (texts(expected), texts(actual));
        let mut pairs = expected.iter().zip(&actual);
        return expected.len() == actual.len()
            && pairs.all(|(a, b)| a.0 == b.0 && same_value(&a.1, &b.1));
    }
    same_output(expected, actual)
}

/// A record of a case: its offset, key and value.
struct Record {
    offset: i64,
    key: Option<Bytes>,
    value: Option<Bytes>,
}

fn records(case: &Case) -> Vec<Record> {
    let records = case.input["records"].as_array().unwrap().iter();
    let record = |(offset, record): (i64, &Json)| Record {
        offset,
        key: record["key"]
            .as_str()
            .map(|key| Bytes::from(key.to_owned())),
        value: bytes_from_json(&record["value"]).unwrap(),
    };
    (0..).zip(records).map(record).collect()
}

/// What a store sends, with text keys.
fn sent(records: impl IntoIterator<Item = (Bytes, Option<Bytes>)>) -> Json {
    let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    let record = |(key, value): (Bytes, Option<Bytes>)| {
        let value = value.map(|value| json!({ "utf8": text(value) }));
        json!({ "key": text(key), "value": value })
    };
    records.into_iter().map(record).collect()
}
