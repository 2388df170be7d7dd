//! Kafka as the log of a Connect worker.
//!
//! [`KafkaBroker`] is the contract of [`connect_broker`] on a Kafka cluster, by way of librdkafka.
//! Client options are those of Kafka's Java clients: see [`config`].
//!
//! # Threads
//!
//! librdkafka has threads of its own. Besides, each client has one here that runs its callbacks and
//! ends it; a consumer's takes records in batches, one batch ahead of the task. Calls that block
//! run on the blocking threads of the Tokio runtime they are made on. No logger is installed:
//! librdkafka's lines become `tracing` events with the target `librdkafka`.
//!
//! # What is bounded
//!
//! * Records in flight per producer: `max_in_flight_bytes`, and 100,000.
//! * Records that a consumer holds: two batches, and up to 16 MB inside librdkafka.
//!
//! # Features
//!
//! None is on by default. `gssapi` adds Kerberos, `oidc` tokens from an identity provider;
//! `cmake-build` and `dynamic-linking` say how librdkafka is built.

mod admin;
mod broker;
mod callbacks;
mod client;
pub mod config;
mod consumer;
mod error;
mod ffi;
mod producer;

pub use broker::KafkaBroker;
