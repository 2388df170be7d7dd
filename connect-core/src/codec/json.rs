//! JSON as Java's `JsonConverter` reads and writes it without schemas: no white space, members in
//! the order of the schema.

use std::fmt::Write;

use connect_api::ConfigMap;
use serde::Deserialize;
use serde_json::Map;
use serde_json::Value as Json;

use super::FieldError;
use super::JsonError;
use super::RecordProblem;

/// Writes one JSON object, member by member.
#[derive(Debug)]
pub(crate) struct ObjectWriter(String);

impl ObjectWriter {
    pub(crate) fn new() -> Self {
        Self(String::from("{"))
    }

    pub(crate) fn boolean(mut self, key: &str, value: bool) -> Self {
        self.key(key);
        self.0.push_str(if value { "true" } else { "false" });
        self
    }

    pub(crate) fn number(mut self, key: &str, value: i64) -> Self {
        self.key(key);
        let _ = write!(self.0, "{value}");
        self
    }

    pub(crate) fn count(self, key: &str, value: usize) -> Self {
        self.number(key, i64::try_from(value).unwrap_or(i64::MAX))
    }

    pub(crate) fn text(self, key: &str, value: &str) -> Self {
        self.nullable_text(key, Some(value))
    }

    pub(crate) fn nullable_text(mut self, key: &str, value: Option<&str>) -> Self {
        self.key(key);
        match value {
            Some(value) => write_text(&mut self.0, value),
            None => self.0.push_str("null"),
        }
        self
    }

    pub(crate) fn texts<'a>(
        mut self,
        key: &str,
        values: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        self.key(key);
        self.0.push('[');
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                self.0.push(',');
            }
            write_text(&mut self.0, value);
        }
        self.0.push(']');
        self
    }

    pub(crate) fn object(mut self, key: &str, object: Self) -> Self {
        self.key(key);
        self.0.push_str(&object.finish());
        self
    }

    /// The raw texts of a configuration: what a provider replaced is never stored.
    pub(crate) fn config(self, key: &str, config: &ConfigMap) -> Self {
        let entries = config.keys().fold(Self::new(), |object, key| {
            object.nullable_text(key, config.raw(key))
        });
        self.object(key, entries)
    }

    pub(crate) fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn key(&mut self, key: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        write_text(&mut self.0, key);
        self.0.push(':');
    }
}

/// A JSON string as Jackson writes it into bytes: characters of the basic plane as they are, except
/// quotes, backslash and control characters; all others as two escaped surrogates.
pub(crate) fn write_text(json: &mut String, text: &str) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\u{8}' => json.push_str("\\b"),
            '\t' => json.push_str("\\t"),
            '\n' => json.push_str("\\n"),
            '\u{c}' => json.push_str("\\f"),
            '\r' => json.push_str("\\r"),
            c if c < ' ' => _ = write!(json, "\\u{:04X}", u32::from(c)),
            c if c > '\u{ffff}' => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    _ = write!(json, "\\u{unit:04X}");
                }
            }
            c => json.push(c),
        }
    }
    json.push('"');
}

/// Reads stored JSON; nothing may follow it.
pub(crate) fn read_json(bytes: &[u8]) -> Result<Json, JsonError> {
    serde_json::from_slice(bytes).map_err(JsonError::new)
}

/// The members of a stored object.
#[derive(Debug)]
pub(crate) struct Members(Map<String, Json>);

impl Members {
    /// The members of a stored value; `None` for a tombstone, which may be a stored null.
    pub(crate) fn read(value: Option<&[u8]>) -> Result<Option<Self>, RecordProblem> {
        let Some(value) = value else {
            return Ok(None);
        };
        match read_json(value).map_err(RecordProblem::Json)? {
            Json::Null => Ok(None),
            Json::Object(members) => Ok(Some(Self(members))),
            _ => Err(RecordProblem::NotAnObject),
        }
    }

    pub(crate) fn object(&self, field: &'static str) -> Result<Self, FieldError> {
        match self.0.get(field) {
            Some(Json::Object(members)) => Ok(Self(members.clone())),
            _ => Err(FieldError::new(field, "an object")),
        }
    }

    /// True if the member is true; anything else, or nothing, is false.
    pub(crate) fn is_true(&self, field: &str) -> bool {
        self.0
            .get(field)
            .and_then(Json::as_bool)
            .unwrap_or_default()
    }

    pub(crate) fn config(&self, field: &'static str) -> Result<ConfigMap, FieldError> {
        let config = self.0.get(field).map(ConfigMap::deserialize);
        match config {
            Some(Ok(config)) => Ok(config),
            _ => Err(FieldError::new(field, "an object of texts")),
        }
    }

    /// A count as Java has it: an integer of 32 bits.
    pub(crate) fn count(&self, field: &'static str) -> Result<usize, FieldError> {
        let count = self.integer32(field).ok();
        count
            .and_then(|count| usize::try_from(count).ok())
            .ok_or(FieldError::new(field, "a number from 0 to 2147483647"))
    }

    pub(crate) fn integer32(&self, field: &'static str) -> Result<i32, FieldError> {
        let integer = self.integer(field)?;
        i32::try_from(integer).map_err(|_| FieldError::new(field, "an integer of 32 bits"))
    }

    pub(crate) fn integer(&self, field: &'static str) -> Result<i64, FieldError> {
        let integer = self.0.get(field).and_then(Json::as_i64);
        integer.ok_or(FieldError::new(field, "an integer"))
    }

    pub(crate) fn texts(&self, field: &'static str) -> Result<Vec<&str>, FieldError> {
        let list = self.0.get(field).and_then(Json::as_array);
        list.and_then(|list| list.iter().map(Json::as_str).collect())
            .ok_or(FieldError::new(field, "a list of texts"))
    }

    pub(crate) fn text(&self, field: &'static str) -> Result<&str, FieldError> {
        self.nullable_text(field)?
            .ok_or(FieldError::new(field, "a text"))
    }

    /// A text; `None` if it is null or missing.
    pub(crate) fn nullable_text(&self, field: &'static str) -> Result<Option<&str>, FieldError> {
        match self.0.get(field) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::String(text)) => Ok(Some(text)),
            Some(_) => Err(FieldError::new(field, "a text")),
        }
    }
}
