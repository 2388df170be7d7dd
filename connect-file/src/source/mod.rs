//! The file source.

mod batch;
mod connector;
mod reader;
mod task;

pub use connector::FileStreamSourceConnector;
