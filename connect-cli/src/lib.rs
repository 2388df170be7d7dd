//! Reads the files of Kafka Connect's programs as those programs read them.
//!
//! The `connect` program uses this, and hosts that take the same files can. There are two formats:
//! [`properties`] for workers and connectors, and the JSON forms of [`connector_file`].

pub mod connector_file;
pub mod properties;
