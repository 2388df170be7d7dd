//! What the benches share: lines that look real, and the figures that they report.

pub mod lines;
