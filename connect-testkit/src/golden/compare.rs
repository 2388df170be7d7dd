//! Whether an answer is the same as Java's.

use std::collections::BTreeMap;

use connect_api::data::Decimal;
use serde_json::value::RawValue;

use super::Json;
use super::bytes_from_json;

/// True if two outputs are equal: floats by their bits, maps in any order, bytes whether they are
/// written as text or as hex. A missing datum equals null without a schema.
#[must_use]
pub fn same_output(expected: &Json, actual: &Json) -> bool {
    match (expected, actual) {
        (Json::Null, Json::Object(datum)) => {
            datum.len() == 2
                && datum.get("schema") == Some(&Json::Null)
                && datum.get("value") == Some(&Json::Null)
        }
        _ => same(expected, actual),
    }
}

fn same(expected: &Json, actual: &Json) -> bool {
    match (expected, actual) {
        (Json::Object(a), Json::Object(b)) => {
            let is_bytes = |object: &serde_json::Map<String, Json>| {
                object.len() == 1 && (object.contains_key("utf8") || object.contains_key("hex"))
            };
            if is_bytes(a) && is_bytes(b) {
                let bytes = |json| bytes_from_json(json).ok().flatten();
                return bytes(expected).is_some() && bytes(expected) == bytes(actual);
            }
            for float in ["f32", "f64"] {
                if a.contains_key(float) && a.contains_key("bits") {
                    return b.contains_key(float) && a.get("bits") == b.get("bits");
                }
            }
            if let (Some(Json::Array(a)), Some(Json::Array(b)), 1) =
                (a.get("map"), b.get("map"), a.len())
            {
                return a.len() == b.len() && a.iter().all(|a| b.iter().any(|b| same(a, b)));
            }
            // The layout of the bytes in Java's memory is not part of the value.
            let count = |object: &serde_json::Map<String, Json>| {
                object.keys().filter(|key| *key != "buffer").count()
            };
            count(a) == count(b)
                && a.iter()
                    .filter(|(key, _)| *key != "buffer")
                    .all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        _ => expected == actual,
    }
}

/// True if two texts are the same JSON: members in any order, numbers equal by value, and either
/// both or neither an integer (`1` is not `1.0`).
#[must_use]
pub fn same_json_text(expected: &str, actual: &str) -> bool {
    if expected == actual {
        return true;
    }
    let read = |text| serde_json::from_str::<&RawValue>(text).ok();
    read(expected)
        .zip(read(actual))
        .is_some_and(|(a, b)| same_raw(a, b))
}

fn same_raw(expected: &RawValue, actual: &RawValue) -> bool {
    let (a, b) = (expected.get(), actual.get());
    match (a.bytes().next(), b.bytes().next()) {
        (Some(b'{'), Some(b'{')) => {
            type Members<'a> = BTreeMap<String, &'a RawValue>;
            let (Ok(a), Ok(b)) = (
                serde_json::from_str::<Members<'_>>(a),
                serde_json::from_str::<Members<'_>>(b),
            ) else {
                return false;
            };
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| same_raw(a, b)))
        }
        (Some(b'['), Some(b'[')) => {
            type Items<'a> = Vec<&'a RawValue>;
            let (Ok(a), Ok(b)) = (
                serde_json::from_str::<Items<'_>>(a),
                serde_json::from_str::<Items<'_>>(b),
            ) else {
                return false;
            };
            a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| same_raw(a, b))
        }
        (Some(b'"'), Some(b'"')) => {
            let text = |raw| serde_json::from_str::<String>(raw).ok();
            text(a).is_some() && text(a) == text(b)
        }
        (Some(b'-' | b'0'..=b'9'), Some(b'-' | b'0'..=b'9')) => same_number(a, b),
        _ => a == b,
    }
}

fn same_number(a: &str, b: &str) -> bool {
    let is_whole = |text: &str| !text.contains(['.', 'e', 'E']);
    is_whole(a) == is_whole(b) && normal(a).is_some() && normal(a) == normal(b)
}

/// The digits of a number without trailing zeros, and the power of ten of the last one.
fn normal(text: &str) -> Option<(String, i64)> {
    let decimal = Decimal::parse(text).ok()?;
    let digits = decimal.unscaled_digits();
    let short = digits.trim_end_matches('0');
    if short.is_empty() {
        return Some(("0".into(), 0));
    }
    let zeros = i64::try_from(digits.len() - short.len()).ok()?;
    Some((short.to_owned(), zeros - i64::from(decimal.scale())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_texts_are_compared_by_value_and_type() {
        for (a, b, expected) in [
            (
                r#"{"a":1,"b":[1.5e3]}"#,
                r#"{ "b" : [1500.0], "a" : 1 }"#,
                true,
            ),
            ("1", "1.0", false),
            ("1.10", "1.1", true),
            ("12345678901234567890.12", "12345678901234567890.13", false),
            (r#""\ud83d\ude42""#, "\"🙂\"", true),
            ("null", "0", false),
            ("[1,2]", "[2,1]", false),
        ] {
            assert_eq!(same_json_text(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn outputs_are_compared_as_the_vectors_say() {
        let float = |text: &str, bits: &str| json!({ "f32": text, "bits": bits });
        assert!(same_output(
            &float("1.0E10", "501502f9"),
            &float("10000000000", "501502f9")
        ));
        assert!(!same_output(
            &float("0.0", "00000000"),
            &float("-0.0", "80000000")
        ));
        let map = |a: i32, b: i32| json!({ "map": [[{"i32": a}, null], [{"i32": b}, null]] });
        assert!(same_output(&map(1, 2), &map(2, 1)));
        assert!(!same_output(&map(1, 2), &map(1, 3)));
        assert!(same_output(&json!({"utf8": "a"}), &json!({"hex": "61"})));
        assert!(same_output(
            &json!(null),
            &json!({"schema": null, "value": null})
        ));
        assert!(!same_output(&json!({"i8": 1}), &json!({"i16": 1})));
    }
}
