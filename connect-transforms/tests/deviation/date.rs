//! Dates that Java reads or writes as other dates.
//!
//! To compare a text with the moment that Java read, the moment is written by the router of this
//! crate, which other cases compare with Java.

use connect_api::PluginRegistry;
use connect_testkit::golden::Answer;
use connect_testkit::golden::Case;
use connect_testkit::golden::Json;
use serde_json::json;

use super::DATA_EXCEPTION;

/// A text that differs from the moment that Java reads.
pub(crate) fn lenient_date(case: &Case) -> Option<Answer> {
    let (pattern, text) = (case.config_str("pattern"), case.input["text"].as_str()?);
    let millis: i64 = case.output()?.as_str()?.parse().ok()?;
    if let Some((_, fraction)) = text.rsplit_once('.')
        && pattern.contains("ss.S")
        && let Ok(number) = fraction.parse::<i64>()
    {
        return match fraction.len() {
            0..3 if number != 0 => Some(Answer::error(DATA_EXCEPTION)),
            0..4 => None,
            _ => {
                let cut: i64 = fraction.get(..3)?.parse().ok()?;
                Some(Answer::Output(json!((millis - number + cut).to_string())))
            }
        };
    }
    let written = crate::written(&registry(), pattern, millis).ok()?;
    (parts(text) != parts(&written)).then(|| Answer::error(DATA_EXCEPTION))
}

/// A text that a converter reads though it has more fields than the format, or differs from the
/// moment.
pub(crate) fn lenient_text(case: &Case) -> Option<Answer> {
    let format = case.config["props"]["format"].as_str()?;
    let (input, output) = converted(case)?;
    let text = input["str"].as_str()?;
    let written = match (output["str"].as_str(), output["date"].as_str()) {
        (Some(written), _) => written.to_owned(),
        (None, Some(millis)) if case.config["props"]["target.type"] == "Timestamp" => {
            crate::written(&registry(), format, millis.parse().ok()?).ok()?
        }
        _ => crate::written(&registry(), format, 0).ok()?,
    };
    let is_epoch = output["str"].is_null() && case.config["props"]["target.type"] != "Timestamp";
    let (found, expected) = (parts(text), parts(&written));
    let is_other = if is_epoch {
        found.len() != expected.len()
    } else {
        found != expected
    };
    is_other.then(|| Answer::error(DATA_EXCEPTION))
}

/// A fraction of a second of more than three digits, in which Java writes the zeros before the
/// milliseconds.
pub(crate) fn shifted_fraction(case: &Case) -> Option<Answer> {
    let output = case.output()?;
    if case.op == "dateformat.format" {
        let text = unshifted(case.config_str("pattern"), output.as_str()?)?;
        return Some(Answer::Output(json!(text)));
    }
    let format = case.config["props"]["format"].as_str()?;
    let (_, converted) = converted(case)?;
    let text = converted["str"].as_str()?;
    let right = unshifted(format, text)?;
    let output = output.to_string().replace(text, &right);
    serde_json::from_str(&output).ok().map(Answer::Output)
}

/// A number of another unit that does not fit into 64 bits; Java returns the largest number.
pub(crate) fn saturated_unit(case: &Case) -> Option<Answer> {
    let (_, output) = converted(case)?;
    let number = output["i64"].as_str().or(output["date"].as_str())?;
    let is_other_unit = case.config["props"]["unix.precision"] != "milliseconds";
    let is_extreme = [i64::MAX, i64::MIN]
        .iter()
        .any(|extreme| extreme.to_string() == number);
    (is_other_unit && is_extreme).then(|| Answer::error(DATA_EXCEPTION))
}

/// The value before and after a `TimestampConverter`.
fn converted(case: &Case) -> Option<(Json, Json)> {
    let (_, part) = case
        .config_str("class")
        .split_once(".TimestampConverter$")?;
    let part = part.to_lowercase();
    let name = case.config["props"]["field"].as_str().unwrap_or_default();
    let value = |record: &Json| {
        let value = record[&part]["value"].clone();
        if name.is_empty() {
            return Some(value);
        }
        let fields = value["struct"].as_array().or(value["map"].as_array())?;
        let field = fields
            .iter()
            .find(|field| field[0] == name || field[0]["str"] == name)?;
        Some(field[1].clone())
    };
    Some((
        value(&case.input["record"])?,
        value(&case.output()?["record"])?,
    ))
}

/// The text with its milliseconds before the zeros.
fn unshifted(pattern: &str, text: &str) -> Option<String> {
    let (_, letters) = pattern.split_once("ss.S")?;
    let count = 1 + letters.chars().take_while(|c| *c == 'S').count();
    let (before, after) = text.rsplit_once('.')?;
    let (fraction, rest) = after.split_at_checked(count).filter(|_| count > 3)?;
    let (zeros, millis) = fraction.split_at(count - 3);
    Some(format!("{before}.{millis}{zeros}{rest}"))
}

/// The numbers and the first letters of the words in a text.
fn parts(text: &str) -> Vec<String> {
    let words = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    words
        .map(|word| match word.trim_start_matches('0') {
            number if word.starts_with(|c: char| c.is_ascii_digit()) => number.to_owned(),
            _ => word.chars().take(3).collect::<String>().to_lowercase(),
        })
        .collect()
}

fn registry() -> PluginRegistry {
    let mut registry = PluginRegistry::new();
    registry.install(connect_transforms::plugins);
    registry
}
