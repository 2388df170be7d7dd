//! The current time, which decides what years of two digits mean.

use std::time::SystemTime;
use std::time::UNIX_EPOCH;

/// Milliseconds since the epoch.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub(crate) fn now_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.unwrap_or_default().as_millis();
    i64::try_from(millis).unwrap_or(i64::MAX)
}
