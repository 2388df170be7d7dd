//! The examples are in `examples/`. This crate runs the code of the README as a test.

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
