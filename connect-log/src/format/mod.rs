//! The bytes that a store keeps: batches of records, and small entries about everything else.

pub(crate) mod batch;
pub(crate) mod catalog;
pub(crate) mod varint;
