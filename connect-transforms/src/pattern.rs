//! Regular expressions for names.
//!
//! *Java*: patterns are those of the `regex` crate: no look-around and no back references, and in
//! exchange matching takes linear time.

use regex::Regex;

/// The pattern for a whole text.
///
/// # Errors
/// Why it is no pattern.
pub(crate) fn whole(pattern: &str) -> Result<Regex, String> {
    // The pattern alone first: in brackets, ")(" would be legal.
    anywhere(pattern)?;
    anywhere(&format!("^(?:{pattern})$"))
}

/// The pattern for a part of a text.
///
/// # Errors
/// Why it is no pattern.
pub(crate) fn anywhere(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| format!("Invalid regex: {error}"))
}
