//! What a worker keeps beyond its own life.

mod offsets;

pub(crate) use offsets::OffsetStore;
pub(crate) use offsets::OffsetUpdate;
