//! What cases the rules of `deviations.toml` are about, found out without our own code.

use connect_testkit::golden::Answer;
use connect_testkit::golden::Case;
use serde_json::json;

const DATA_EXCEPTION: &str = "org.apache.kafka.connect.errors.DataException";

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
