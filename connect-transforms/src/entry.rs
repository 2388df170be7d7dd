//! Changing entries of maps.

use connect_api::Result;
use connect_api::data::Text;
use connect_api::data::Value;
use connect_api::data::ValueMap;

/// Changes the value of a name. One that is missing counts as null, and is there afterwards.
pub(crate) fn change_entry(
    map: &mut ValueMap,
    name: &Text,
    change: impl FnOnce(&Value) -> Result<Value>,
) -> Result<()> {
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
