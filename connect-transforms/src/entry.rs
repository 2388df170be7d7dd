//! Changing single fields and map entries.

use std::error::Error as _;

use connect_api::Error;
use connect_api::Result;
use connect_api::data::Text;
use connect_api::data::Value;
use connect_api::data::ValueMap;

/// Changes the value of a map entry. A missing entry counts as null, and is added.
///
/// # Errors
/// The error of the change, with the name of the entry.
pub(crate) fn change_entry(
    map: &mut ValueMap,
    name: &Text,
    change: impl FnOnce(&Value) -> Result<Value>,
) -> Result<()> {
    let change = |value: &Value| change(value).map_err(|error| in_field(error, name));
    let entry = map
        .iter_mut()
        .find(|(key, _)| key.as_str() == Some(name.as_str()));
    if let Some((_, value)) = entry {
        *value = change(value)?;
        return Ok(());
    }
    map.push_unique(name.clone().into(), change(&Value::Null)?);
    Ok(())
}

/// Adds the name of a field to an error about its value.
#[cold]
pub(crate) fn in_field(error: Error, name: &str) -> Error {
    if error.source().is_some() {
        return error;
    }
    let message = format!("{} (field {name})", error.message());
    let java_class = error.java_class().to_owned();
    Error::new(error.kind(), message).with_java_class(java_class)
}
