//! What a worker keeps across restarts.

mod configs;
mod offsets;
mod statuses;
mod topic_log;

pub(crate) use configs::ConfigStore;
pub(crate) use configs::MemoryConfigs;
pub(crate) use configs::TopicConfigs;
pub(crate) use offsets::FileOffsets;
pub(crate) use offsets::Known;
pub(crate) use offsets::LayeredOffsets;
pub(crate) use offsets::MemoryOffsets;
pub(crate) use offsets::OffsetStore;
pub(crate) use offsets::OffsetUpdate;
pub(crate) use offsets::TopicOffsets;
pub(crate) use offsets::keep_newest;
pub(crate) use offsets::read_offset_file;
pub(crate) use statuses::StatusKeeper;
pub(crate) use statuses::Statuses;
pub(crate) use statuses::UsedTopics;
pub(crate) use topic_log::LogClients;
