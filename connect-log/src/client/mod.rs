//! What a user of the log holds: producers with their receipts, consumers, administration.

pub(crate) mod admin;
pub(crate) mod consumer;
pub(crate) mod missing;
pub(crate) mod producer;
pub(crate) mod reading;
pub(crate) mod receipts;
