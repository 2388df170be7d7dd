//! What cases the rules of `deviations.toml` are about.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use connect_testkit::golden::Answer;
use connect_testkit::golden::Case;
use connect_testkit::golden::Expectation;
use connect_testkit::golden::Json;

use crate::Record;
use crate::config_log;
use crate::records;
use crate::status_log;

/// A record that ends Java's reader: everything is as if it were not there.
pub(crate) fn stops_java(case: &Case) -> Option<Answer> {
    if !matches!(case.expect, Expectation::Error { .. }) {
        return None;
    }
    without(case, |record| {
        let value = json_of(record).unwrap_or_default();
        match count_of(record, &value) {
            _ if record.key.is_none() => true,
            Some(count) => count.as_i64().is_none_or(|count| count < 0),
            None => is_session_key(record) && !is_base64(&value["key"]),
        }
    })
}

/// A count of which Java takes the lower 32 bits: the record is skipped.
pub(crate) fn too_large_count(case: &Case) -> Option<Answer> {
    without(case, |record| {
        let value = json_of(record).unwrap_or_default();
        let count = count_of(record, &value).and_then(Json::as_i64);
        count.is_some_and(|count| count > i64::from(i32::MAX))
    })
}

/// A configuration with numbers or booleans: they are their texts.
pub(crate) fn config_with_numbers(case: &Case) -> Option<Answer> {
    let mut output = case.output()?.clone();
    let mut is_changed = false;
    let mut to_text = |config: &mut Json| {
        for value in config.as_object_mut().into_iter().flatten() {
            if value.1.is_number() || value.1.is_boolean() {
                *value.1 = value.1.to_string().into();
                is_changed = true;
            }
        }
    };
    let connectors = output["state"]["connectors"].as_object_mut()?;
    for connector in connectors.values_mut() {
        to_text(&mut connector["config"]);
        to_text(&mut connector["appliedConfig"]);
        let tasks = connector["tasks"].as_array_mut();
        tasks
            .into_iter()
            .flatten()
            .for_each(|task| to_text(&mut task["config"]));
    }
    is_changed.then_some(Answer::Output(output))
}

/// A connector that was deleted since its last set was incomplete.
pub(crate) fn deleted_and_inconsistent(case: &Case) -> Option<Answer> {
    let mut output = case.output()?.clone();
    let connectors = output["state"]["connectors"].clone();
    let inconsistent = output["state"]["inconsistent"].as_array_mut()?;
    let before = inconsistent.len();
    inconsistent.retain(|name| connectors[name.as_str().unwrap()]["taskCount"].as_i64() > Some(0));
    let is_changed = inconsistent.len() < before;
    is_changed.then_some(Answer::Output(output))
}

/// What is right if the records that are meant say nothing; `None` if there are none.
fn without(case: &Case, is_meant: impl Fn(&Record) -> bool) -> Option<Answer> {
    let mut records = records(case);
    let all = records.len();
    let mut json = records.iter().filter(|record| json_of(record).is_some());
    let offset = json.next_back().map_or(-1, |record| record.offset + 1);
    records.retain(|record| !is_meant(record));
    if records.len() == all {
        return None;
    }
    Some(Answer::Output(if case.op == "statustopic.replay" {
        status_log::replay(&records)
    } else {
        let mut output = config_log::replay(case, &records);
        output["state"]["offset"] = offset.into();
        output
    }))
}

/// The value, if it is JSON; a tombstone is null.
fn json_of(record: &Record) -> Option<Json> {
    match &record.value {
        Some(value) => serde_json::from_slice(value).ok(),
        None => Some(Json::Null),
    }
}

/// The count in a record that has one, null if it is missing there.
fn count_of<'a>(record: &Record, value: &'a Json) -> Option<&'a Json> {
    let key = record.key.as_deref().unwrap_or_default();
    let member = match key {
        key if key.starts_with(b"commit-") => "tasks",
        key if key.starts_with(b"tasks-fencing-") => "task-count",
        _ => return None,
    };
    value.is_object().then(|| &value[member])
}

fn is_session_key(record: &Record) -> bool {
    record.key.as_deref() == Some(b"session-key")
}

fn is_base64(value: &Json) -> bool {
    let text = value.as_str().unwrap_or_default().trim_end_matches('=');
    !text.is_empty() && STANDARD_NO_PAD.decode(text).is_ok()
}
