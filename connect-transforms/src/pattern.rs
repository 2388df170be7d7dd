//! Regular expressions for whole names.
//!
//! *Java*: patterns are those of the `regex` crate: no look-around and no back references, and in
//! exchange matching takes linear time.

use regex::Regex;

/// The pattern for a whole text.
pub(crate) fn whole(pattern: &str) -> Result<Regex, regex::Error> {
    // The pattern alone first: in brackets, ")(" would be legal.
    Regex::new(pattern)?;
    Regex::new(&format!("^(?:{pattern})$"))
}
