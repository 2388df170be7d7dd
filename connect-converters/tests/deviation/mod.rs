//! The cases that the rules of `deviations.toml` are about, determined without our own code.

pub(crate) mod conversion;
pub(crate) mod guess;

use std::collections::BTreeMap;

use connect_testkit::golden::Answer;
use connect_testkit::golden::Case;
use connect_testkit::golden::Expectation;
use connect_testkit::golden::Json;
use serde_json::json;
use serde_json::value::RawValue;

const DATA_EXCEPTION: &str = "org.apache.kafka.connect.errors.DataException";

/// Java's value differs from the JSON: another number, or a number where the JSON has none.
pub(crate) fn misread_json(case: &Case) -> Option<Answer> {
    let reading = Reading::of(case)?;
    (!reading.is_right()).then(|| Answer::error(DATA_EXCEPTION))
}

/// There is more text after the JSON value that Java read.
pub(crate) fn text_after_json(case: &Case) -> Option<Answer> {
    case.output()?;
    let text = case.input["bytes"]["utf8"].as_str()?;
    let text = without_leading_zeros(text.trim_start_matches('\u{feff}'));
    let mut values = serde_json::Deserializer::from_str(&text).into_iter::<Box<RawValue>>();
    values.next()?.ok()?;
    let rest = text.get(values.byte_offset()..)?;
    (!rest.trim().is_empty()).then(|| Answer::error(DATA_EXCEPTION))
}

/// The JSON names a float that is not finite, and Java reads zero.
pub(crate) fn not_finite(case: &Case) -> Option<Answer> {
    let mut reading = Reading::of(case)?;
    let before = reading.output.clone();
    if let Some(payload) = &reading.payload {
        reading.output["value"] = repaired(payload, &reading.output["value"]);
    }
    if let Some(schema) = &reading.schema {
        reading.output["schema"] = repaired_schema(schema, &reading.output["schema"]);
    }
    let is_repaired = before != reading.output && reading.is_right();
    is_repaired.then_some(Answer::Output(reading.output))
}

/// Half of a surrogate pair, which no UTF-8 can hold.
pub(crate) fn half_surrogate(case: &Case) -> Option<Answer> {
    let is_half =
        has_form(&case.input, "utf16") || case.output().is_some_and(|o| has_form(o, "utf16"));
    is_half.then(|| Answer::error(DATA_EXCEPTION))
}

/// An object of a class that Connect has no type for.
pub(crate) fn java_object(case: &Case) -> Option<Answer> {
    has_form(&case.input, "javaObject").then(|| Answer::error(DATA_EXCEPTION))
}

/// A list or map of nulls has no schema to infer.
pub(crate) fn infer_nulls(case: &Case) -> Option<Answer> {
    match &case.expect {
        Expectation::Error { message, .. } if message.as_deref() == Some("type cannot be null") => {
            Some(Answer::Output(Json::Null))
        }
        _ => None,
    }
}

/// Bytes as text: Java writes the address of the array.
pub(crate) fn bytes_to_text(case: &Case) -> Option<Answer> {
    let is_text = case.config_str("class").ends_with(".StringConverter");
    (is_text && has_form(&case.input["value"], "bytes")).then(|| Answer::error(DATA_EXCEPTION))
}

/// Text of which Java keeps only the blanks at its front.
pub(crate) fn blank_in_place_of_text(case: &Case) -> Option<Answer> {
    let text = case.input["string"]
        .as_str()
        .or(case.input["bytes"]["utf8"].as_str())?;
    let kept = case.output()?["value"]["str"].as_str()?;
    let is_blank = |text: &str| text.trim_matches(|c| c <= ' ').is_empty();
    let is_cut = text.len() > kept.len() && is_blank(kept) && !is_blank(text);
    let whole = json!({ "schema": { "type": "STRING" }, "value": { "str": text } });
    is_cut.then_some(Answer::Output(whole))
}

/// True if a value has another one of a form in it.
fn has_form(json: &Json, form: &str) -> bool {
    match json {
        Json::Array(values) => values.iter().any(|value| has_form(value, form)),
        Json::Object(members) => members
            .iter()
            .any(|(key, value)| key == form || has_form(value, form)),
        _ => false,
    }
}

/// JSON, and what Java read in it.
struct Reading {
    schema: Option<Box<RawValue>>,
    payload: Option<Box<RawValue>>,
    output: Json,
}

type Members<'a> = BTreeMap<String, &'a RawValue>;

impl Reading {
    fn of(case: &Case) -> Option<Self> {
        let output = case.output()?.clone();
        let text = case.input["bytes"]["utf8"]
            .as_str()?
            .trim_start_matches('\u{feff}');
        let text = without_leading_zeros(text);
        // The first value counts; what follows is not read.
        let raw = serde_json::Deserializer::from_str(&text)
            .into_iter::<Box<RawValue>>()
            .next();
        let raw = raw.and_then(Result::ok);
        let has_content = case.config["schema.content"]
            .as_str()
            .is_some_and(|text| !text.is_empty());
        if case.config["schemas.enable"] == false || has_content {
            return Some(Self {
                schema: None,
                payload: raw,
                output,
            });
        }
        let raw = raw?;
        let envelope: Members<'_> = serde_json::from_str(raw.get()).ok()?;
        let member = |key: &str| envelope.get(key).map(|raw| (**raw).to_owned());
        Some(Self {
            schema: member("schema"),
            payload: member("payload"),
            output,
        })
    }

    fn is_right(&self) -> bool {
        let schema = &self.output["schema"];
        let is_value_right = match &self.payload {
            Some(payload) => is_right(payload, &self.output["value"], schema),
            // There is nothing that could be read.
            None => schema.is_null(),
        };
        is_value_right
            && self
                .schema
                .as_ref()
                .is_none_or(|raw| is_schema_right(raw, schema))
    }
}

/// The JSON without zeros before numbers, which Java reads and strict readers do not.
fn without_leading_zeros(text: &str) -> String {
    let mut out = String::new();
    let (mut is_string, mut is_escaped) = (false, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let starts_number = !out.ends_with(|c: char| c.is_ascii_digit() || ".eE+".contains(c));
        let is_before_digit = chars.peek().is_some_and(char::is_ascii_digit);
        if is_string || c != '0' || !starts_number || !is_before_digit {
            out.push(c);
        }
        is_string ^= c == '"' && !is_escaped;
        is_escaped = is_string && c == '\\' && !is_escaped;
    }
    out
}

/// True if a value agrees with the JSON. Null and defaults always do.
fn is_right(raw: &RawValue, value: &Json, schema: &Json) -> bool {
    let text = raw.get();
    if text == "null" {
        return true;
    }
    let is_number = text.starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    let Some((form, content)) = value.as_object().and_then(|value| {
        value
            .iter()
            .find(|(form, _)| *form != "bits" && *form != "structSchema")
    }) else {
        // There was a value, and Java reads null.
        return false;
    };
    match form.as_str() {
        "bool" => text.parse().ok() == content.as_bool(),
        "i8" | "i16" | "i32" | "i64" => {
            let expected = content
                .as_str()
                .map_or_else(|| content.to_string(), str::to_owned);
            is_number && is_whole_number(text, &expected)
        }
        "f32" | "f64" => is_number && !is_infinite(content) || is_named(text, content),
        "date" => {
            let days = schema["name"] == "org.apache.kafka.connect.data.Date";
            let millis: i64 = content
                .as_str()
                .and_then(|text| text.parse().ok())
                .unwrap_or(0);
            let number = if days { millis / 86_400_000 } else { millis };
            is_number && is_whole_number(text, &number.to_string())
        }
        "str" | "bytes" => text.starts_with('"'),
        "decimal" if is_number => connect_api::data::Decimal::parse(text).is_ok_and(|number| {
            content["unscaled"].as_str() == Some(&number.unscaled_digits())
                && content["scale"] == number.scale()
        }),
        "array" => {
            let items: Option<Vec<&RawValue>> = serde_json::from_str(text).ok();
            let values = content.as_array().map_or(&[][..], Vec::as_slice);
            items.is_some_and(|items| {
                items.len() == values.len()
                    && items
                        .iter()
                        .zip(values)
                        .all(|(item, value)| is_right(item, value, &schema["items"]))
            })
        }
        "map" => {
            let entries = content.as_array().map_or(&[][..], Vec::as_slice);
            entries
                .iter()
                .all(|entry| is_entry_right(text, entry, schema))
        }
        "struct" => {
            let members: Members<'_> = serde_json::from_str(text).unwrap_or_default();
            let fields = content.as_array().map_or(&[][..], Vec::as_slice);
            fields.iter().enumerate().all(|(index, field)| {
                let name = field[0].as_str().unwrap_or_default();
                let schema = &schema["fields"][index]["schema"];
                members
                    .get(name)
                    .is_none_or(|raw| is_right(raw, &field[1], schema))
            })
        }
        _ => true,
    }
}

fn is_entry_right(text: &str, entry: &Json, schema: &Json) -> bool {
    let (key, value) = (&entry[0], &entry[1]);
    if let Ok(members) = serde_json::from_str::<Members<'_>>(text) {
        let raw = key["str"]
            .as_str()
            .and_then(|key| members.get(key).copied());
        return raw.is_some_and(|raw| is_right(raw, value, &schema["values"]));
    }
    let pairs: Vec<Vec<&RawValue>> = serde_json::from_str(text).unwrap_or_default();
    pairs.iter().any(|pair| match pair.as_slice() {
        [a, b] => is_right(a, key, &schema["keys"]) && is_right(b, value, &schema["values"]),
        _ => false,
    })
}

/// True if the defaults and the version of a schema agree with its JSON.
fn is_schema_right(raw: &RawValue, schema: &Json) -> bool {
    let members: Members<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
    let inside = ["items", "keys", "values"].iter().all(|key| {
        members
            .get(*key)
            .is_none_or(|raw| is_schema_right(raw, &schema[*key]))
    });
    let fields: Vec<&RawValue> = members
        .get("fields")
        .and_then(|raw| serde_json::from_str(raw.get()).ok())
        .unwrap_or_default();
    let fields = fields
        .iter()
        .enumerate()
        .all(|(index, raw)| is_schema_right(raw, &schema["fields"][index]["schema"]));
    let default = members
        .get("default")
        .is_none_or(|raw| is_right(raw, &schema["default"], schema));
    let version = members.get("version").is_none_or(|raw| {
        let is_integer = raw.get().parse::<i128>().is_ok();
        !is_integer || is_whole_number(raw.get(), &schema["version"].to_string())
    });
    inside && fields && default && version
}

/// True if a number equals an integer.
fn is_whole_number(text: &str, expected: &str) -> bool {
    let number = |text: &str| connect_api::data::Decimal::parse(text).ok()?.to_i64_exact();
    number(text).is_some() && number(text) == number(expected)
}

fn is_infinite(content: &Json) -> bool {
    content
        .as_str()
        .is_some_and(|text| text.ends_with("Infinity"))
}

fn is_named(text: &str, content: &Json) -> bool {
    matches!(text, r#""NaN""# | r#""Infinity""# | r#""-Infinity""#)
        && content
            .as_str()
            .is_some_and(|content| text == format!("{content:?}"))
}

/// The value with the floats that the JSON names.
fn repaired(raw: &RawValue, value: &Json) -> Json {
    let text = raw.get();
    let mut value = value.clone();
    for (form, bits) in [
        ("f32", ["7fc00000", "7f800000", "ff800000"]),
        (
            "f64",
            ["7ff8000000000000", "7ff0000000000000", "fff0000000000000"],
        ),
    ] {
        if value.get(form).is_some() {
            let names = ["NaN", "Infinity", "-Infinity"];
            let named = names
                .iter()
                .zip(bits)
                .find(|(name, _)| text == format!("{name:?}"));
            if let Some((name, bits)) = named {
                value = json!({ form: name, "bits": bits });
            }
        }
    }
    if let Some(values) = value.get_mut("array").and_then(Json::as_array_mut) {
        let items: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
        values
            .iter_mut()
            .zip(items)
            .for_each(|(value, raw)| *value = repaired(raw, value));
    }
    let pairs: Vec<(&RawValue, &RawValue)> = serde_json::from_str(text).unwrap_or_default();
    for entry in value
        .get_mut("map")
        .and_then(Json::as_array_mut)
        .into_iter()
        .flatten()
    {
        let repaired = pairs.iter().map(|(key, value)| {
            let pair = [repaired(key, &entry[0]), repaired(value, &entry[1])];
            let any = &Json::Null;
            (
                is_right(key, &pair[0], any) && is_right(value, &pair[1], any),
                pair,
            )
        });
        if let Some((_, pair)) = repaired.into_iter().find(|(is_right, _)| *is_right) {
            *entry = json!(pair);
        }
    }
    for form in ["map", "struct"] {
        let members: Members<'_> = serde_json::from_str(text).unwrap_or_default();
        for entry in value
            .get_mut(form)
            .and_then(Json::as_array_mut)
            .into_iter()
            .flatten()
        {
            let key = entry[0]
                .as_str()
                .or(entry[0]["str"].as_str())
                .unwrap_or_default();
            if let Some(raw) = members.get(key) {
                entry[1] = repaired(raw, &entry[1]);
            }
        }
    }
    value
}

/// The schema with the defaults that the JSON names.
fn repaired_schema(raw: &RawValue, schema: &Json) -> Json {
    let members: Members<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
    let mut schema = schema.clone();
    for key in ["items", "keys", "values"] {
        if let (Some(raw), Some(inside)) = (members.get(key), schema.get(key)) {
            schema[key] = repaired_schema(raw, inside);
        }
    }
    if let Some(raw) = members.get("fields") {
        let raws: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
        let fields = schema.get_mut("fields").and_then(Json::as_array_mut);
        for (field, raw) in fields.into_iter().flatten().zip(raws) {
            field["schema"] = repaired_schema(raw, &field["schema"]);
        }
    }
    if let (Some(raw), Some(default)) = (members.get("default"), schema.get("default")) {
        schema["default"] = repaired(raw, default);
    }
    schema
}
