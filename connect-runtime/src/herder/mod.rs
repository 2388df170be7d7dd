//! Drives the herder core: the only loop that feeds it and runs its actions.

mod driver;

pub(crate) use driver::Command;
pub(crate) use driver::Driver;
