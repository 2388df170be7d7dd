//! The conversions that the rules of `deviations.toml` are about, determined from the digits.

use connect_api::data::Decimal;
use connect_testkit::golden::Answer;
use connect_testkit::golden::Case;
use connect_testkit::golden::Json;
use serde_json::json;

const DATA_EXCEPTION: &str = "org.apache.kafka.connect.errors.DataException";
const MILLIS_PER_DAY: i64 = 86_400_000;

/// Java's number is not the one that was to be converted, without its fraction.
pub(crate) fn cut_number(case: &Case) -> Option<Answer> {
    let (number, output) = (Number::of(case)?, case.output()?);
    let (days, is_boolean) = match case.config_str("target") {
        "Boolean" => (1, true),
        "Byte" | "Integer" | "Long" | "Short" => (1, false),
        // They are not converted as numbers.
        "Date" | "Time" | "Timestamp" if case.input["value"].get("date").is_some() => return None,
        "Time" | "Timestamp" => (1, false),
        "Date" => (MILLIS_PER_DAY, false),
        "Double" | "Float" => {
            let is_infinite = output_text(output).ends_with("Infinity");
            let was_finite = matches!(number, Number::Whole(_));
            return (is_infinite && was_finite).then(|| Answer::error(DATA_EXCEPTION));
        }
        _ => return None,
    };
    match number {
        Number::Infinite if is_boolean => None,
        Number::Whole(digits) if is_boolean => {
            let is_true = digits != "0";
            (output["bool"] != is_true).then(|| Answer::Output(json!({ "bool": is_true })))
        }
        Number::Whole(digits) => {
            let found = output_text(output).parse::<i64>().ok()? / days;
            (digits != found.to_string()).then(|| Answer::error(DATA_EXCEPTION))
        }
        Number::Infinite | Number::NaN => Some(Answer::error(DATA_EXCEPTION)),
    }
}

/// An integer that went through a double and lost digits.
pub(crate) fn inexact_decimal(case: &Case) -> Option<Answer> {
    let output = case.output()?.get("decimal")?;
    let value = &case.input["value"];
    if !["i8", "i16", "i32", "i64", "bigint"]
        .iter()
        .any(|form| value.get(form).is_some())
    {
        return None;
    }
    let Number::Whole(digits) = Number::of(case)? else {
        return None;
    };
    let scale = i32::try_from(output["scale"].as_i64()?).ok()?;
    let is_exact = shifted(output["unscaled"].as_str()?, scale) == digits;
    let exact = json!({ "decimal": { "unscaled": digits, "scale": 0 } });
    (!is_exact).then_some(Answer::Output(exact))
}

/// A Date with a time of day, a Time with a date, or a part of a moment that is not in it.
pub(crate) fn part_of_moment(case: &Case) -> Option<Answer> {
    let (input, output) = (&case.input, case.output()?);
    let found: i64 = output["date"].as_str()?.parse().ok()?;
    let (type_name, other) = match case.config_str("target") {
        "Date" => ("Date", "Time"),
        "Time" => ("Time", "Date"),
        _ => return None,
    };
    let text = input["value"]["str"].as_str();
    let millis: i64 = match (input["value"]["date"].as_str(), text) {
        (Some(millis), _) => millis.parse().ok()?,
        // Text without a schema may be a moment, which Java returns unchanged.
        (None, Some(text)) if input["schema"].is_null() && text.contains([':', '-']) => found,
        _ => return None,
    };
    let name = input["schema"]["name"].as_str().unwrap_or_default();
    let is_other = match text {
        Some(text) => !text.contains(if other == "Date" { ':' } else { '-' }),
        None => name.ends_with(&format!(".{other}")),
    };
    if is_other {
        return Some(Answer::error(DATA_EXCEPTION));
    }
    let part = match type_name {
        "Date" => millis - millis.rem_euclid(MILLIS_PER_DAY),
        _ => millis.rem_euclid(MILLIS_PER_DAY),
    };
    (part != found).then(|| Answer::Output(json!({ "date": part.to_string() })))
}

/// A Date with a time of day.
pub(crate) fn date_with_time(case: &Case) -> Option<Answer> {
    let input = &case.input;
    let schema = input.get("schema").or(input.get("source"))?;
    let millis: i64 = input["value"]["date"].as_str()?.parse().ok()?;
    let is_date = schema["name"] == "org.apache.kafka.connect.data.Date";
    (is_date && millis % MILLIS_PER_DAY != 0).then(|| Answer::error(DATA_EXCEPTION))
}

/// A number without its fraction.
enum Number {
    Infinite,
    NaN,
    Whole(String),
}

impl Number {
    /// The number that a value is, or that its schema makes of it.
    fn of(case: &Case) -> Option<Self> {
        let (schema, value) = (&case.input["schema"], &case.input["value"]);
        let text = |form: &str| value[form].as_str();
        for form in ["i8", "i16", "i32"] {
            if let Some(number) = value[form].as_i64() {
                return Some(Self::Whole(number.to_string()));
            }
        }
        if let Some(digits) = text("i64").or(text("bigint")) {
            return Some(Self::Whole(digits.to_owned()));
        }
        if let Some(millis) = text("date") {
            let millis: i64 = millis.parse().ok()?;
            let name = schema["name"].as_str()?;
            let is_date = name.ends_with(".Date");
            let number = if is_date {
                millis / MILLIS_PER_DAY
            } else {
                millis
            };
            return Some(Self::Whole(number.to_string()));
        }
        if let Some(decimal) = value.get("decimal") {
            let scale = i32::try_from(decimal["scale"].as_i64()?).ok()?;
            return Some(Self::Whole(shifted(decimal["unscaled"].as_str()?, scale)));
        }
        let single = text("f32").and_then(|text| text.parse::<f32>().ok());
        let double = text("f64").and_then(|text| text.parse::<f64>().ok());
        if let Some(number) = double.or(single.map(f64::from)) {
            return Some(match number {
                number if number.is_nan() => Self::NaN,
                number if number.is_infinite() => Self::Infinite,
                number => Self::Whole(format!("{:.0}", number.trunc() + 0.0)),
            });
        }
        let decimal = Decimal::parse(text("str")?.trim()).ok()?;
        let unscaled = decimal.unscaled_digits();
        Some(Self::Whole(shifted(&unscaled, decimal.scale())))
    }
}

/// The digits of a decimal number before its point.
fn shifted(unscaled: &str, scale: i32) -> String {
    let digits = unscaled.trim_start_matches('-');
    let sign = if unscaled.starts_with('-') { "-" } else { "" };
    let digits = match usize::try_from(scale) {
        Ok(scale) => digits
            .get(..digits.len().saturating_sub(scale))
            .unwrap_or_default()
            .to_owned(),
        // More digits make no difference.
        Err(_) => digits.to_owned() + &"0".repeat(scale.unsigned_abs().min(1000) as usize),
    };
    match digits.trim_start_matches('0') {
        "" => "0".to_owned(),
        digits => format!("{sign}{digits}"),
    }
}

fn output_text(output: &Json) -> String {
    let forms = ["i8", "i16", "i32", "i64", "f32", "f64", "date"];
    match forms.iter().find_map(|form| output.get(form)) {
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}
