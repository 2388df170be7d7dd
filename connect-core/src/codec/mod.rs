//! Bytes of the internal topics, identical to those of Java.

mod error;
pub(crate) mod json;
pub mod offset;
pub mod offset_file;
pub mod sink_offset;
pub mod status;

pub use error::FieldError;
pub use error::JsonError;
pub use error::RecordError;
pub use error::RecordProblem;
