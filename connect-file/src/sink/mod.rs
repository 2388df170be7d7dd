//! The file sink.

mod connector;
mod task;
mod writer;

pub use connector::FileStreamSinkConnector;
