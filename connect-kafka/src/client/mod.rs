//! What producers, consumers and administrative clients share.

pub(crate) mod call;
