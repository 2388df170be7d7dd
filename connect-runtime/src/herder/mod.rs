//! Drives the herder core: the only loop that feeds it and runs its actions.

mod config_log;
mod driver;
mod store;

pub(crate) use config_log::MemoryConfigs;
pub(crate) use driver::Command;
pub(crate) use driver::Driver;
pub(crate) use driver::Signs;
