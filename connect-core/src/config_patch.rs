//! Patches of a connector's configuration (KIP-477).

use connect_api::ConfigMap;

/// A configuration with a patch on top: null removes a key, any other value sets it.
///
/// *Java*: `ConnectUtils.patchConfig`.
#[must_use]
pub fn patched(config: &ConfigMap, patch: &ConfigMap) -> ConfigMap {
    let mut patched = config.clone();
    for key in patch.keys() {
        if patch.raw(key).is_some() {
            patched.copy_from(patch, key, key);
        } else {
            patched.remove(key);
        }
    }
    patched
}

#[cfg(test)]
mod tests {
    use connect_api::config_map;

    use super::*;

    #[test]
    fn null_removes_and_the_rest_is_set() {
        let config = config_map! { "a" => "1", "b" => "2", "c" => "3" };
        let mut patch = config_map! { "b" => "x", "d" => "" };
        patch.insert_null("a");
        patch.insert_null("z");
        let expected = config_map! { "b" => "x", "c" => "3", "d" => "" };
        assert_eq!(patched(&config, &patch), expected);
    }
}
