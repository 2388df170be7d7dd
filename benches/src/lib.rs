//! Shared by the benches: realistic lines, records made of them, and workers.

pub mod lines;
pub mod records;
pub mod worker;
