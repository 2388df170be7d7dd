//! The decisions of a Connect worker, without any input or output.
//!
//! Everything here is a value or a state machine: inputs go in, actions come out. There is no clock
//! (time is an argument), no randomness, no socket, no thread, no async; maps are ordered, so equal
//! inputs give equal actions. `connect-runtime` drives it and does not decide; that is what makes
//! restarts, offsets and rebalances testable without waiting for anything.
//!
//! Invariants that the machines here keep have short names (`O1`, `C2`) and are listed in
//! `docs/invariants.md`.

pub mod cluster;
pub mod codec;
pub mod config_patch;
mod failure;
pub mod herder;
mod id;
pub mod partitioner;
pub mod sink;
pub mod source;
pub mod status;
pub mod sync;
mod time;

pub use failure::Failure;
pub use id::ConnectorName;
pub use id::TaskId;
pub use time::LogicalTime;
