//! What the benches share: lines that look real, records made of them, and workers.

pub mod lines;
pub mod records;
pub mod worker;
