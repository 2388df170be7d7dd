//! Conformance suites, fakes and harnesses for authors of connectors, converters and brokers.
//!
//! # Features
//!
//! * `kafka`: [`kafka`], a real Kafka for tests.

pub mod broker;
pub mod context;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod proxy;
pub mod sink;
pub mod source;
