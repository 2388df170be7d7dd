//! Bytes of the internal topics, identical to those of Java.

pub(crate) mod json;
pub mod offset;
pub mod offset_file;

pub use json::FieldError;
