//! Decisions about records on their way from a source to the log.

mod tracker;

pub use tracker::OffsetTracker;
pub use tracker::TrackerStats;
