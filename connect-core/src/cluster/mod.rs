//! What a worker group is asked to run: the configuration log and its fold.

pub mod log;
mod target_state;

pub use target_state::TargetState;
