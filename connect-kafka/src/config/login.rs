//! Who logs in as whom: what is logged about it.

use connect_api::ConfigMap;

use super::Role;

/// Warns that a client of another cluster does not get the worker's login.
pub(super) fn warn_of_missing(role: Role, shared: &ConfigMap, own: &ConfigMap) {
    let missing = missing(shared, own);
    if !missing.is_empty() && !own.contains_key("security.protocol") {
        let kind = role.name();
        tracing::warn!(
            "the {kind} has its own bootstrap.servers, so it does not get the worker's {}; if that \
             cluster needs a login, set {kind}.override.security.protocol and the options of the \
             login",
            missing.join(", ")
        );
    }
}

/// Logs that connectors log in as the worker, which they do not in Java.
pub(super) fn log_shared(options: &ConfigMap) {
    for kind in ["consumer", "producer"] {
        let own = options.with_prefix(&format!("{kind}."));
        let shared = missing(options, &own);
        if !shared.is_empty() && !own.contains_key("security.protocol") {
            tracing::info!(
                "the {kind}s of connectors log in as the worker, since {kind}.security.protocol is \
                 not set: {}",
                shared.join(", ")
            );
        }
    }
}

/// The options of a login that are in `shared` and not in `own`.
pub(super) fn missing<'a>(shared: &'a ConfigMap, own: &ConfigMap) -> Vec<&'a str> {
    let is_login = |name: &str| {
        ["security.", "sasl.", "ssl."]
            .iter()
            .any(|prefix| name.starts_with(prefix))
    };
    let names = shared.iter().map(|(name, _)| name);
    names
        .filter(|name| is_login(name) && !own.contains_key(name))
        .collect()
}
