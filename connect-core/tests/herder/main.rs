//! The herder core against simulated workers: what it decides, and what must never happen whatever
//! else does.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail like tests"
)]

mod decisions;
mod random;
mod simulation;
mod world;
