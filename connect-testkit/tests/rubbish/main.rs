//! Bad input and bad surroundings: each leads to an error that names the thing and the fix, loses
//! nothing, and does not affect other connectors.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot start fails")]

mod disk;
mod input;
mod lab;
mod many;
mod process;
mod stored;
