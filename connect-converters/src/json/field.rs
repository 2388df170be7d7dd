//! Where in a struct an error occurred.

use std::error::Error as _;

use connect_api::Error;

/// Adds the name of the struct field to an error about its value: `… (field address.street)`.
///
/// Errors with a source already name their position.
#[cold]
pub(super) fn in_field(error: Error, name: &str) -> Error {
    if error.source().is_some() {
        return error;
    }
    let message = error.message();
    let inner = message
        .strip_suffix(')')
        .and_then(|message| message.rsplit_once(MARK));
    let message = match inner {
        Some((message, path)) => format!("{message}{MARK}{name}.{path})"),
        None => format!("{message}{MARK}{name})"),
    };
    let java_class = error.java_class().to_owned();
    Error::new(error.kind(), message).with_java_class(java_class)
}

const MARK: &str = " (field ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_leads_from_the_outer_field_to_the_inner_one() {
        let error = in_field(in_field(Error::data("no number"), "street"), "address");
        assert_eq!(error.message(), "no number (field address.street)");
    }
}
