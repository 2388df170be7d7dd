//! Decisions about records on their way from the log to a sink.

mod commit;

pub use commit::CommitTracker;
