//! Rubbish in, and rubbish circumstances: each gives an error that names the thing and what to do,
//! loses nothing, and leaves the other connectors alone.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot start fails")]

mod disk;
mod input;
mod lab;
mod many;
mod process;
mod stored;
