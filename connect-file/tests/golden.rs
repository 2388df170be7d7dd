//! The file connectors against cases recorded from Kafka Connect 4.3.0.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a surprise fails the test"
)]

use std::fs;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::time::Duration;

use connect_api::Error;
use connect_api::LogPosition;
use connect_api::PluginRegistry;
use connect_api::Result;
use connect_api::config_map;
use connect_api::record::OffsetValue;
use connect_api::record::Record;
use connect_api::record::SinkRecord;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_api::record::SourceRecord;
use connect_testkit::context::FakeSink;
use connect_testkit::context::FakeSource;
use connect_testkit::golden::Answer;
use connect_testkit::golden::Case;
use connect_testkit::golden::Json;
use connect_testkit::golden::Suite;
use connect_testkit::golden::bytes_from_json;
use connect_testkit::golden::bytes_to_json;
use connect_testkit::golden::config_from_json;
use connect_testkit::golden::datum_from_json;
use connect_testkit::golden::same_output;
use serde_json::json;

#[test]
fn filestream() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    Suite::open(env!("CARGO_MANIFEST_DIR"), "filestream.jsonl")
        .deviations("tests/deviations.toml")
        .judge("is_not_ascii", |case| {
            let content: Vec<u8> = appends(case).concat();
            (!content.is_ascii()).then(|| Answer::Output(model(case)))
        })
        .judge("has_narrow_position", |case| {
            let position = stored_position(case)?;
            position.get("i32").map(|_| Answer::Output(model(case)))
        })
        .compare(|case, expected, actual| match case.op.as_str() {
            "filesource.poll" => comes_no_later(expected, actual) && *actual == model(case),
            _ => same_output(expected, actual),
        })
        .run(|case| match case.op.as_str() {
            "filesource.poll" => Answer::of(|| runtime.block_on(read(case))),
            "filesink.put" => Answer::of(|| runtime.block_on(write(case))),
            _ => Answer::Skipped,
        });
}

/// Returns what the source reads, with one poll per append.
async fn read(case: &Case) -> Result<Json> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("input.txt");
    let mut config = config_map! { "file" => file.display(), "topic" => "t" };
    config.extend(config_from_json(&case.config)?);
    let fake = FakeSource::new(config);
    if let Some(position) = stored_position(case) {
        let partition = SourcePartition::new([("filename", file.display().to_string())]);
        fake.store_offset(
            &partition,
            SourceOffset::new("position", offset_value(position)),
        );
    }
    let mut task = registry().new_source("FileStreamSource")?.task();
    let (mut started, mut length) = (false, 0);
    let mut rounds = Vec::new();
    for append in appends(case) {
        length += append.len() as u64;
        let mut target = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&file)
            .unwrap();
        target.write_all(&append).unwrap();
        if !started {
            task.start(fake.context(), fake.config()).await?;
        } else if append.is_empty() {
            rounds.push(json!([]));
            continue;
        }
        started = true;
        fake.returned();
        let mut records = Vec::new();
        let read = async {
            loop {
                tokio::select! {
                    biased;
                    _ = fake.wait_caught_up() => {
                        // The message may be about the file before the append.
                        if fake.progress().is_some_and(|(_, total)| total == Some(length)) {
                            return Ok::<_, Error>(());
                        }
                        fake.returned();
                    }
                    more = task.poll() => {
                        fake.returned();
                        records.extend(more?.iter().map(to_json));
                    }
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), read)
            .await
            .expect("the end was said")?;
        rounds.push(if records.is_empty() {
            json!([])
        } else {
            json!([records])
        });
    }
    task.stop().await?;
    Ok(json!({ "rounds": rounds }))
}

fn to_json(record: &SourceRecord) -> Json {
    assert!(record.record.key.value.is_null() && record.record.timestamp.is_some());
    json!({
        "value": record.record.value.value.as_str(),
        "position": record.offset.get("position").and_then(OffsetValue::as_i64),
    })
}

/// Returns what the sink writes for one record.
async fn write(case: &Case) -> Result<Json> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("output.txt");
    let mut config = config_map! { "file" => file.display(), "topics" => "t" };
    config.extend(config_from_json(&case.config)?);
    let fake = FakeSink::new(config);
    let mut task = registry().new_sink("FileStreamSink")?.task();
    task.start(fake.context(), fake.config()).await?;
    let record = Record::new("t", datum_from_json(&case.input)?);
    task.put(&[SinkRecord::new(LogPosition::new("t", 0, 0), record)])
        .await?;
    task.pre_commit(connect_api::LogOffsets::new()).await?;
    task.stop().await?;
    Ok(bytes_to_json(Some(&fs::read(&file).unwrap())))
}

/// Returns what should be read, by a naive implementation: one poll per append, positions in bytes,
/// every line as soon as its line ending is written.
fn model(case: &Case) -> Json {
    let (mut content, mut position) = (Vec::new(), None);
    let mut rounds = Vec::new();
    for append in appends(case) {
        content.extend(append);
        let mut at = position.unwrap_or_else(|| start(case, &content));
        let mut records = Vec::new();
        let mut line = at;
        while at < content.len() {
            let end = match content[at] {
                b'\r' if at + 1 == content.len() => break,
                b'\r' if content[at + 1] == b'\n' => at + 2,
                b'\r' | b'\n' => at + 1,
                _ => {
                    at += 1;
                    continue;
                }
            };
            let value = String::from_utf8_lossy(&content[line..at]);
            records.push(json!({ "value": value, "position": end }));
            (at, line) = (end, end);
        }
        position = Some(line);
        rounds.push(if records.is_empty() {
            json!([])
        } else {
            json!([records])
        });
    }
    json!({ "rounds": rounds })
}

/// Returns where reading starts: the stored position, or the start of its line if it counts characters.
fn start(case: &Case, content: &[u8]) -> usize {
    let Some(position) = stored_position(case) else {
        return 0;
    };
    let Some(position) = offset_value(position).as_i64() else {
        return 0;
    };
    let position = usize::try_from(position).unwrap_or(0);
    let Some(before) = content.get(..position) else {
        return 0;
    };
    if before.is_ascii() {
        return position;
    }
    before
        .iter()
        .rposition(|byte| matches!(byte, b'\n' | b'\r'))
        .map_or(0, |end| end + 1)
}

/// True if everything that Java returned up to each append was returned too, in the same order.
fn comes_no_later(expected: &Json, actual: &Json) -> bool {
    let rounds = |json: &Json| -> Vec<Vec<Json>> {
        let rounds = json["rounds"].as_array().cloned().unwrap_or_default();
        rounds
            .iter()
            .map(|polls| {
                let polls = polls.as_array().cloned().unwrap_or_default();
                polls
                    .iter()
                    .flat_map(|poll| poll.as_array().cloned().unwrap_or_default())
                    .collect()
            })
            .collect()
    };
    let (expected, actual) = (rounds(expected), rounds(actual));
    expected.len() == actual.len()
        && (1..=expected.len()).all(|count| {
            let (java, ours) = (expected[..count].concat(), actual[..count].concat());
            ours.starts_with(&java)
        })
}

fn appends(case: &Case) -> Vec<Vec<u8>> {
    let appends = case.input["appends"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let bytes = |append| {
        bytes_from_json(append)
            .unwrap()
            .unwrap_or_default()
            .to_vec()
    };
    appends.iter().map(bytes).collect()
}

/// Returns the position of the stored offset, in the form of the vectors.
fn stored_position(case: &Case) -> Option<&Json> {
    let entries = case.input["storedOffset"]["map"].as_array()?;
    let entry = entries.iter().find(|entry| entry[0]["str"] == "position")?;
    Some(&entry[1])
}

fn offset_value(json: &Json) -> OffsetValue {
    let member = |key: &str| json.get(key);
    if let Some(number) = member("i64").and_then(Json::as_str) {
        return OffsetValue::Int(number.parse().unwrap());
    }
    for key in ["i8", "i16", "i32"] {
        if let Some(number) = member(key).and_then(Json::as_i64) {
            return OffsetValue::Int(number);
        }
    }
    if let Some(text) = member("str").and_then(Json::as_str) {
        return text.into();
    }
    if let Some(value) = member("bool").and_then(Json::as_bool) {
        return value.into();
    }
    match member("f64")
        .or_else(|| member("f32"))
        .and_then(Json::as_str)
    {
        Some(number) => OffsetValue::Float(number.parse().unwrap()),
        None => OffsetValue::Null,
    }
}

fn registry() -> PluginRegistry {
    let mut registry = PluginRegistry::new();
    connect_file::plugins(&mut registry);
    registry
}
