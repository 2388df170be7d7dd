//! The cases that the rules of `deviations.toml` are about.

pub(crate) mod date;

use connect_api::data::Decimal;
use connect_testkit::golden::Answer;
use connect_testkit::golden::Case;
use connect_testkit::golden::Json;
use serde_json::json;

const DATA_EXCEPTION: &str = "org.apache.kafka.connect.errors.DataException";

/// A text that is not the boolean or number that Java makes of it: any text but `true` is false, and
/// large numbers are infinity.
pub(crate) fn misread_text(case: &Case) -> Option<Answer> {
    let (_, part) = case.config_str("class").split_once(".Cast$")?;
    let part = part.to_lowercase();
    let output = &case.output()?["record"][&part]["value"];
    let input = &case.input["record"][&part]["value"];
    let is_misread = |input: &Json, output: &Json| {
        let Some(text) = input["str"].as_str() else {
            return false;
        };
        let is_boolean = ["true", "false"]
            .iter()
            .any(|name| text.eq_ignore_ascii_case(name));
        let float = output["f32"].as_str().or(output["f64"].as_str());
        output.get("bool").is_some() && !is_boolean
            || float.is_some_and(|float| float.ends_with("Infinity")) && !text.contains("Infinity")
    };
    let after = entries(output);
    let is_any = is_misread(input, output)
        || entries(input).iter().any(|(name, value)| {
            let changed = after.iter().find(|(other, _)| other == name);
            changed.is_some_and(|(_, changed)| is_misread(value, changed))
        });
    is_any.then(|| Answer::error(DATA_EXCEPTION))
}

/// A replacement that is not exactly a number of the type that it masks.
pub(crate) fn cut_replacement(case: &Case) -> Option<Answer> {
    let (_, part) = case.config_str("class").split_once(".MaskField$")?;
    case.output()?;
    let props = &case.config["props"];
    let number = Decimal::parse(props["replacement"].as_str()?).ok()?;
    let fields: Vec<_> = props["fields"]
        .as_str()?
        .split(',')
        .map(str::trim)
        .collect();
    let is_cut = |value: &Json| {
        let whole = number.to_i64_exact();
        let bits = [("i8", 8), ("i16", 16), ("i32", 32), ("i64", 64)];
        let bits = bits.iter().find(|(form, _)| value.get(form).is_some());
        let is_cut = bits.is_some_and(|(_, bits)| {
            whole.is_none_or(|whole| {
                whole > i64::MAX >> (64 - bits) || whole < i64::MIN >> (64 - bits)
            })
        });
        let is_infinite = value.get("f32").is_some() && number.to_f32().is_infinite()
            || value.get("f64").is_some() && number.to_f64().is_infinite();
        is_cut || is_infinite
    };
    let values = entries(&case.input["record"][part.to_lowercase()]["value"]);
    let is_any = values
        .iter()
        .any(|(name, value)| fields.contains(&name.as_str()) && is_cut(value));
    is_any.then(|| Answer::error(DATA_EXCEPTION))
}

/// The fields of a struct or the entries of a map.
fn entries(value: &Json) -> Vec<(String, Json)> {
    let pairs = value["struct"].as_array().or(value["map"].as_array());
    let pairs = pairs.into_iter().flatten();
    pairs
        .filter_map(|pair| {
            let name = pair[0].as_str().or(pair[0]["str"].as_str())?;
            Some((name.to_owned(), pair[1].clone()))
        })
        .collect()
}

/// A masked decimal whose scale is not that of its schema.
pub(crate) fn masked_decimal(case: &Case) -> Option<Answer> {
    let (_, part) = case.config_str("class").split_once(".MaskField$")?;
    let mut output = case.output()?.clone();
    let datum = &mut output["record"][part.to_lowercase()];
    let fields = datum["schema"]["fields"].as_array()?.clone();
    let mut is_changed = false;
    for (field, pair) in fields.iter().zip(datum["value"]["struct"].as_array_mut()?) {
        let Some(decimal) = pair[1].get_mut("decimal") else {
            continue;
        };
        let asked: Option<i64> = field["schema"]["parameters"]["scale"]
            .as_str()
            .and_then(|scale| scale.parse().ok());
        let (Some(asked), Some(scale)) = (asked, decimal["scale"].as_i64()) else {
            continue;
        };
        if asked != scale {
            let unscaled = decimal["unscaled"].as_str()?;
            let Some(unscaled) = rescaled(unscaled, asked - scale) else {
                return Some(Answer::error(DATA_EXCEPTION));
            };
            *decimal = json!({ "unscaled": unscaled, "scale": asked });
            is_changed = true;
        }
    }
    is_changed.then_some(Answer::Output(output))
}

/// The digits with more zeros, or fewer.
fn rescaled(digits: &str, zeros: i64) -> Option<String> {
    let count = usize::try_from(zeros.unsigned_abs()).ok()?;
    if digits == "0" {
        return Some(digits.into());
    }
    if zeros > 0 {
        return Some(format!("{digits}{}", "0".repeat(count)));
    }
    digits.strip_suffix(&"0".repeat(count)).map(String::from)
}
