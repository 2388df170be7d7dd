//! The programs are in `examples/`; this makes the code of the README part of the tests.

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
