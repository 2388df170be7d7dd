//! Text whose type is guessed, where Java's value is not all that the text says.

use connect_api::data::Datum;
use connect_api::data::Decimal;
use connect_api::data::Logical;
use connect_api::data::SchemaRef;
use connect_api::data::decimal_digit;
use connect_testkit::golden::Answer;
use connect_testkit::golden::Case;
use connect_testkit::golden::Json;
use connect_testkit::golden::datum_to_json;
use serde_json::json;

use super::DATA_EXCEPTION;

/// Java drops what follows a value, or all but one of equal keys.
pub(crate) fn part_of_text(case: &Case) -> Option<Answer> {
    let guess = Guess::of(case)?;
    let is_all = match guess.form()? {
        "array" => is_closed_at_end(guess.text),
        "map" => is_closed_at_end(guess.text) && !guess.has_equal_keys(),
        "bool" | "date" | "str" => return None,
        _ => number(guess.text).is_some(),
    };
    (!is_all).then(|| guess.stays_text())
}

/// Java rounds a number to FLOAT32 whatever its digits.
pub(crate) fn rounded_number(case: &Case) -> Option<Answer> {
    let guess = Guess::of(case)?;
    if guess.form()? != "f32" || guess.is_converted {
        return None;
    }
    let decimal = number(guess.text)?;
    let single: f32 = decimal.to_f32();
    if is_shortest(&format!("{single:e}"), &decimal) {
        return None;
    }
    let double: f64 = decimal.to_f64();
    let datum = if is_shortest(&format!("{double:e}"), &decimal) {
        Datum::new(SchemaRef::FLOAT64, double)
    } else {
        let schema = Logical::decimal(decimal.scale()).build().ok()?;
        Datum::new(schema, decimal)
    };
    Some(Answer::Output(datum_to_json(&datum)))
}

/// Java shifts a day or a time of day that does not exist.
pub(crate) fn shifted_moment(case: &Case) -> Option<Answer> {
    let guess = Guess::of(case)?;
    (guess.form()? == "date" && looks_like_moment(guess.text) && !is_moment(guess.text))
        .then(|| guess.stays_text())
}

/// Java gives all elements the schema of the last one.
pub(crate) fn wrong_schema_of_elements(case: &Case) -> Option<Answer> {
    let guess = Guess::of(case).filter(|guess| !guess.is_converted)?;
    let output = case.output()?;
    let mut schema = output["schema"].clone();
    let value = &output["value"];
    if guess.form()? == "array" {
        let elements = value["array"].as_array()?;
        if !elements
            .iter()
            .all(|element| fits(&schema["items"], element))
        {
            schema["items"] = Json::Null;
        }
    } else {
        let entries = value["map"].as_array()?;
        if !entries
            .iter()
            .all(|entry| fits(&schema["values"], &entry[1]))
        {
            schema["values"] = Json::Null;
        }
        if !entries.iter().all(|entry| fits(&schema["keys"], &entry[0])) {
            schema["keys"] = Json::Null;
            schema["values"] = Json::Null;
        }
    }
    let answer = json!({ "schema": schema, "value": value });
    (answer != *output).then_some(Answer::Output(answer))
}

/// A text, and the value that Java took it for.
struct Guess<'a> {
    whole: &'a str,
    /// Without the blanks around it.
    text: &'a str,
    value: &'a Json,
    /// A certain type was asked for, so text that stays text is an error.
    is_converted: bool,
}

impl<'a> Guess<'a> {
    fn of(case: &'a Case) -> Option<Self> {
        let output = case.output()?;
        let (text, value, is_converted) = match case.op.as_str() {
            "values.parseString" => (case.input["string"].as_str()?, &output["value"], false),
            "header.toConnectHeader"
                if case.config_str("class").ends_with(".SimpleHeaderConverter") =>
            {
                (
                    case.input["bytes"]["utf8"].as_str()?,
                    &output["value"],
                    false,
                )
            }
            "values.convertTo"
                if ["Date", "List", "Map", "Time", "Timestamp"]
                    .contains(&case.config_str("target")) =>
            {
                (case.input["value"]["str"].as_str()?, output, true)
            }
            _ => return None,
        };
        Some(Self {
            whole: text,
            text: trim(text),
            value,
            is_converted,
        })
    }

    /// The name of the type of the value in recorded cases.
    fn form(&self) -> Option<&'a str> {
        let forms = self.value.as_object()?;
        forms
            .keys()
            .map(String::as_str)
            .find(|form| *form != "bits")
    }

    fn stays_text(&self) -> Answer {
        if self.is_converted {
            return Answer::error(DATA_EXCEPTION);
        }
        Answer::Output(json!({ "schema": { "type": "STRING" }, "value": { "str": self.whole } }))
    }

    /// True if the text has more keys than the map that Java made of it.
    fn has_equal_keys(&self) -> bool {
        let entries = self.value["map"].as_array().map_or(0, Vec::len);
        let mut depth = 0;
        let mut keys = 0;
        for delimiter in delimiters(self.text).map(|(_, delimiter)| delimiter) {
            match delimiter {
                '[' | '{' => depth += 1,
                ']' | '}' => depth -= 1,
                ':' if depth == 1 => keys += 1,
                _ => {}
            }
        }
        // Moments have colons of their own.
        keys > entries && !self.value.to_string().contains("\"date\"")
    }
}

/// The delimiters of a text outside of quotes, with their places. A backslash makes the next
/// character a plain one.
fn delimiters(text: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut is_escaped, mut is_quoted) = (false, false);
    text.char_indices().filter(move |(_, c)| {
        let is_plain = is_escaped;
        is_escaped = *c == '\\' && !is_plain;
        if *c == '"' && !is_plain {
            is_quoted = !is_quoted;
        }
        !is_plain && !is_quoted && "[]{}:,".contains(*c)
    })
}

/// True if the bracket at the front of a text is closed by its last character.
fn is_closed_at_end(text: &str) -> bool {
    let mut depth = 0;
    for (at, delimiter) in delimiters(text) {
        match delimiter {
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1 == text.len();
        }
    }
    false
}

/// The number that all of a text is.
fn number(text: &str) -> Option<Decimal> {
    let ascii = text.chars().map(|c| {
        let digit = decimal_digit(c).and_then(|digit| char::from_digit(digit, 10));
        digit.unwrap_or(c)
    });
    Decimal::parse(&ascii.collect::<String>()).ok()
}

fn is_shortest(shortest: &str, decimal: &Decimal) -> bool {
    // Without zeros at the end, numbers are equal if they print the same.
    let plain = |decimal: &Decimal| {
        let digits = decimal.unscaled_digits();
        let significant = digits.trim_end_matches('0');
        let zeros = i64::try_from(digits.len() - significant.len()).unwrap_or_default();
        (significant.to_owned(), i64::from(decimal.scale()) - zeros)
    };
    Decimal::parse(shortest).is_ok_and(|shortest| plain(&shortest) == plain(decimal))
}

/// True if a text has the length of a moment, as Java asks.
fn looks_like_moment(text: &str) -> bool {
    [10, 13, 24].contains(&text.replace("\\:", ":").chars().count())
}

/// True if a text is a day, a time of day or both that exist.
fn is_moment(text: &str) -> bool {
    let text = text.replace("\\:", ":");
    match text.split_once('T') {
        Some((date, time)) => is_date(date) && is_time(time),
        None => is_date(&text) || is_time(&text),
    }
}

fn is_date(text: &str) -> bool {
    let Some([year, month, day]) = fields(text, [4, 2, 2], ["-", "-", ""]) else {
        return false;
    };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0 || year < 1582);
    let days = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    // The days that the change of calendars left out.
    let is_lost = (year, month) == (1582, 10) && (5..15).contains(&day);
    year > 0 && (1..=days).contains(&day) && !is_lost
}

fn is_time(text: &str) -> bool {
    fields(text, [2, 2, 2, 3], [":", ":", ".", "Z"])
        .is_some_and(|[hour, minute, second, _]| hour < 24 && minute < 60 && second < 60)
}

/// Numbers of so many digits, each before its mark; `None` if the text is anything else.
fn fields<const N: usize>(text: &str, digits: [usize; N], marks: [&str; N]) -> Option<[u32; N]> {
    let mut chars = text.chars();
    let mut fields = [0; N];
    for ((field, digits), mark) in fields.iter_mut().zip(digits).zip(marks) {
        for _ in 0..digits {
            *field = *field * 10 + decimal_digit(chars.next()?)?;
        }
        chars = chars.as_str().strip_prefix(mark)?.chars();
    }
    chars.as_str().is_empty().then_some(fields)
}

/// True if a value is one of a schema. No schema takes any value.
fn fits(schema: &Json, value: &Json) -> bool {
    if schema.is_null() {
        return true;
    }
    if schema.get("name").is_some() {
        return value.get("date").is_some() || value.get("decimal").is_some();
    }
    let form = match schema["type"].as_str().unwrap_or_default() {
        "ARRAY" => {
            let elements = value["array"].as_array();
            return elements.is_some_and(|e| e.iter().all(|e| fits(&schema["items"], e)));
        }
        "MAP" => {
            return value["map"].as_array().is_some_and(|entries| {
                entries.iter().all(|entry| {
                    fits(&schema["keys"], &entry[0]) && fits(&schema["values"], &entry[1])
                })
            });
        }
        "BOOLEAN" => "bool",
        "FLOAT32" => "f32",
        "FLOAT64" => "f64",
        "INT8" => "i8",
        "INT16" => "i16",
        "INT32" => "i32",
        "INT64" => "i64",
        _ => "str",
    };
    value.get(form).is_some()
}

fn trim(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}
