//! The files that Kafka Connect's own programs take, read as those programs read them.
//!
//! The `connect` program is built on this; a host with the same files may use it too. Two formats:
//! [`properties`] for workers and connectors, and the JSON forms of [`connector_file`].

pub mod connector_file;
pub mod properties;
