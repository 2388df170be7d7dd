//! Drives the herder core: the only loop that feeds it and runs its actions.

mod driver;
mod store;

pub(crate) use driver::CLOSING;
pub(crate) use driver::Command;
pub(crate) use driver::Driver;
pub(crate) use driver::Signs;
pub(crate) use driver::Stores;
