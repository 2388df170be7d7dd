//! Kafka as the log of a Connect worker.
//!
//! [`KafkaBroker`] implements the contract of [`connect_broker`] on a Kafka cluster, with
//! librdkafka as the client. Client options have the names of Kafka's Java clients: see [`config`].
//!
//! # Threads
//!
//! librdkafka has threads of its own. Each client has one more here, which runs its callbacks and
//! ends it; that of a consumer also fetches records, one batch ahead of the task. A subscription
//! has a thread that looks for topics. Calls that block run on a thread of their own each. No
//! logger is installed: librdkafka's log lines become `tracing` events with the target
//! `librdkafka`. A subscriber that panics in one of them does not end the process.
//!
//! # Limits
//!
//! * Records in flight per producer: `max_in_flight_bytes`, and 100,000 records.
//! * Records that a consumer holds: two batches, and up to 16 MB inside librdkafka.
//!
//! # Topics
//!
//! Consumers and administrative clients do not create topics; `allow.auto.create.topics` makes
//! consumers do so. A subscribed topic that does not exist is looked for every second, and a
//! pattern is matched again every 10 seconds, or every `metadata.max.age.ms`.
//!
//! # Features
//!
//! None is on by default. `gssapi` adds Kerberos, `oidc` adds tokens from an identity provider.
//! `cmake-build` and `dynamic-linking` select how librdkafka is built.

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
