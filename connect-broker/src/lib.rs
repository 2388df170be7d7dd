//! The contract of a log.
//!
//! A [`Broker`] is what a Connect worker moves records through: named topics with partitions,
//! each an append-only sequence; producers, consumer groups, transactions and administration.
//! Kafka is one (crate `connect-kafka`); crate `connect-log` has another, inside the process, in
//! memory or durable.
//!
//! # The data contract
//!
//! * **Accepted and durable are separate moments.** [`Producer::send`] returns when records are
//!   accepted, in order. Each record then gets exactly one [`Receipt`]: its position once it is
//!   durable, or the error that keeps it from ever being so.
//! * Records of one producer to one partition keep the order in which they were sent.
//! * A committed offset is that of the next record to read.
//! * What a transaction appended, and the offsets sent with it, become visible to readers with
//!   [`Isolation::ReadCommitted`] all at once or never.

pub mod admin;
mod broker;
pub mod consumer;
mod error;
pub mod options;
pub mod producer;
mod record;

pub use admin::Admin;
pub use broker::Broker;
pub use consumer::Consumer;
pub use consumer::ConsumerEvent;
pub use consumer::Gap;
pub use error::BrokerError;
pub use options::AdminOptions;
pub use options::ConsumerOptions;
pub use options::Isolation;
pub use options::ProducerOptions;
pub use options::StartOffset;
pub use options::Subscription;
pub use producer::Producer;
pub use producer::Purge;
pub use producer::Receipt;
pub use producer::Receipts;
pub use record::FetchedRecord;
pub use record::PartitionRecords;
pub use record::ProducerRecord;
