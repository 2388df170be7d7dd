//! A worker on a real Kafka: topics, sinks, offsets, transactions, faults.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that cannot continue has failed"
)]

mod auto_creation;
mod dead_letters;
mod exactly_once;
mod faults;
mod numbers;
mod offsets;
mod sinks;
mod stores;
mod support;
mod topics;
mod witness;
