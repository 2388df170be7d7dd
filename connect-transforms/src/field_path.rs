//! Paths to fields, nested or not (KIP-821).

use connect_api::Error;
use connect_api::Result;
use connect_api::config::ConfigEnum;
use connect_api::config::ConfigError;
use connect_api::data::Field;
use connect_api::data::Schema;
use connect_api::data::Struct;
use connect_api::data::Text;
use connect_api::data::Value;
use connect_api::data::ValueMap;

use crate::null::replace_null;
use crate::shape::field;
use crate::shape::take_map;
use crate::shape::take_struct;

/// The value of `field.syntax.version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ConfigEnum)]
#[config(ignore_case)]
pub(crate) enum FieldSyntax {
    /// The text is the name of a top-level field.
    #[config(name = "V1")]
    V1,
    /// Dots separate the names of nested fields. A name in backticks may contain dots; in it, a
    /// backtick before a dot is escaped by a backslash, and other backticks stand for themselves.
    #[config(name = "V2")]
    V2,
}

/// The path to a field, with at least one step.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldPath {
    parents: Vec<Text>,
    last: Text,
}

impl FieldPath {
    /// Reads a path.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](connect_api::ErrorKind::Config) for an unpaired backtick.
    ///
    /// *Java*: with V2 an empty path is refused here; Java refuses each record.
    pub(crate) fn parse(path: &str, syntax: FieldSyntax) -> Result<Self> {
        if syntax == FieldSyntax::V1 {
            return Ok(Self {
                parents: Vec::new(),
                last: path.into(),
            });
        }
        let mut parents = Vec::new();
        let mut rest = path;
        while !rest.is_empty() {
            let (step, behind) = match rest.strip_prefix('`') {
                Some(quoted) => quoted_step(quoted).ok_or_else(|| unclosed(path, rest))?,
                None => match rest.split_once('.') {
                    Some((step, behind)) => (step.into(), behind),
                    None => (rest.into(), ""),
                },
            };
            parents.push(step);
            rest = behind;
        }
        if path.ends_with('.') {
            parents.push(Text::new());
        }
        match parents.pop() {
            Some(last) => Ok(Self { parents, last }),
            None => {
                Err(ConfigError::invalid("field", path, "the path is empty; name a field").into())
            }
        }
    }

    /// Finds the field in a struct schema.
    ///
    /// # Errors
    /// A parent of the field is not a struct.
    pub(crate) fn field_of<'a>(&self, schema: &'a Schema) -> Result<Option<&'a Field>> {
        let mut schema = schema;
        for step in &self.parents {
            match field(schema, step)? {
                Some(field) => schema = field.schema(),
                None => return Ok(None),
            }
        }
        field(schema, &self.last)
    }

    /// Takes the value of the field out of a struct; null if a parent is null or missing. If
    /// configured, nulls become the defaults of their fields first.
    ///
    /// # Errors
    /// A parent of the field is not a struct.
    pub(crate) fn take_from_struct(
        &self,
        mut structure: Struct,
        replaces_null_with_default: bool,
    ) -> Result<Value> {
        for step in &self.parents {
            let mut parent = take_field(structure, step, replaces_null_with_default)?;
            if parent.is_null() {
                return Ok(Value::Null);
            }
            structure = take_struct(&mut parent, PURPOSE)?;
        }
        take_field(structure, &self.last, replaces_null_with_default)
    }

    /// Takes the value of the field out of a map; null if a parent is null or missing.
    ///
    /// # Errors
    /// A parent of the field is not a map.
    pub(crate) fn take_from_map(&self, mut map: ValueMap) -> Result<Value> {
        for step in &self.parents {
            match map.remove(step) {
                None | Some(Value::Null) => return Ok(Value::Null),
                Some(mut parent) => map = take_map(&mut parent, PURPOSE)?,
            }
        }
        Ok(map.remove(&self.last).unwrap_or_default())
    }
}

const PURPOSE: &str = "nested field access";

/// The step up to its closing backtick, and the text after the dot that follows.
fn quoted_step(quoted: &str) -> Option<(Text, &str)> {
    let mut step = String::new();
    let mut rest = quoted;
    while let Some((before, behind)) = rest.split_once('`') {
        let is_last = behind.is_empty();
        match before.strip_suffix('\\') {
            _ if !is_last && !behind.starts_with('.') => step.push_str(before),
            None => {
                step.push_str(before);
                return Some((step.into(), behind.strip_prefix('.').unwrap_or_default()));
            }
            Some(_) if is_last => return None,
            Some(before) => step.push_str(before),
        }
        step.push('`');
        rest = behind;
    }
    None
}

fn unclosed(path: &str, from: &str) -> Error {
    let before = path.strip_suffix(from).unwrap_or_default();
    Error::config(format!(
        "Incomplete backtick pair in path: [{path}], consider adding a backslash before backtick at \
         position {} to escape it",
        before.encode_utf16().count()
    ))
}

fn take_field(structure: Struct, name: &str, replaces_null_with_default: bool) -> Result<Value> {
    let schema = structure.schema().clone();
    let Some(field) = schema.field(name) else {
        return Ok(Value::Null);
    };
    let value = structure.into_values().into_iter().nth(field.index());
    let mut value = value.unwrap_or_default();
    if replaces_null_with_default {
        replace_null(&mut value, field.schema());
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(path: &str) -> Option<Vec<Text>> {
        let FieldPath { mut parents, last } = FieldPath::parse(path, FieldSyntax::V2).ok()?;
        parents.push(last);
        Some(parents)
    }

    #[test]
    fn paths_are_cut_at_dots_outside_backticks() {
        for (path, expected) in [
            ("a", &["a"][..]),
            ("a.b", &["a", "b"]),
            (".a", &["", "a"]),
            ("a..b.", &["a", "", "b", ""]),
            (".", &["", ""]),
            ("`a.b`", &["a.b"]),
            ("`a.b`.c.`d`", &["a.b", "c", "d"]),
            ("`a`.", &["a", ""]),
            ("``", &[""]),
            ("a`b.c`", &["a`b", "c`"]),
            ("`a`b`", &["a`b"]),
            (r"`a\`b`", &[r"a\`b"]),
            (r"`a\`.b`.c", &["a`.b", "c"]),
            ("`ä.ö`.ü", &["ä.ö", "ü"]),
        ] {
            assert_eq!(steps(path).unwrap(), expected, "{path}");
        }
    }

    #[test]
    fn an_unpaired_backtick_is_refused_with_its_position() {
        for path in ["`", "`a", "`a.b", "`a`b", r"`a\`", r"`a\`.", r"`a\`.b"] {
            assert_eq!(steps(path), None, "{path}");
        }
        let error = FieldPath::parse("🙂.`a", FieldSyntax::V2).unwrap_err();
        assert!(
            error.message().contains("at position 3 "),
            "{}",
            error.message()
        );
        assert!(FieldPath::parse("`a", FieldSyntax::V1).is_ok());
        assert!(FieldPath::parse("", FieldSyntax::V2).is_err());
    }
}
