//! Bytes of the internal topics, identical to those of Java.

pub mod offset;
pub mod offset_file;
