//! The configuration log: its records, and the fold that gives the desired state.
//!
//! A record is decoded by [`ConfigRecord`] and folded by [`ConfigLog`], which returns the
//! [`ConfigEvent`] that follows from it. A [`Connector`] is what the fold knows about a connector.

mod connector;
mod event;
mod fold;
mod key;
mod record;
mod sequence;

pub use connector::Connector;
pub use connector::Inconsistency;
pub use connector::TaskSet;
pub use event::ConfigEvent;
pub use fold::ConfigLog;
pub use key::ConfigKey;
pub use record::ConfigRecord;
pub use record::RestartRequest;
pub use record::SessionKey;

#[cfg(test)]
mod tests;
