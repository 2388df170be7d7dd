//! What a worker keeps beyond its own life.

mod configs;
mod offsets;

pub(crate) use configs::ConfigStore;
pub(crate) use configs::MemoryConfigs;
pub(crate) use offsets::FileOffsets;
pub(crate) use offsets::Known;
pub(crate) use offsets::LayeredOffsets;
pub(crate) use offsets::MemoryOffsets;
pub(crate) use offsets::OffsetClients;
pub(crate) use offsets::OffsetStore;
pub(crate) use offsets::OffsetUpdate;
pub(crate) use offsets::TopicOffsets;
pub(crate) use offsets::keep_newest;
pub(crate) use offsets::read_offset_file;
