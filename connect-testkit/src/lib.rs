//! Conformance suites, fakes and harnesses for authors of connectors, converters and brokers.
//!
//! # Features
//!
//! * `golden`: [`golden`], cases recorded from the Java implementation.
//! * `kafka`: [`kafka`], a real Kafka for tests.
//! * `kill`: [`kill`], pipelines that are killed again and again, and the program `connect-kill`. With
//!   `kafka`, on Kafka too.

pub mod broker;
mod connector;
pub mod context;
pub mod converter;
#[cfg(feature = "golden")]
pub mod golden;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(all(feature = "kill", unix))]
pub mod kill;
pub mod proxy;
pub mod sink;
pub mod source;
