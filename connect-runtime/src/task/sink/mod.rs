//! A sink task: consume, convert, transform, put; offsets follow what the task made durable.

mod context;
mod inbox;
mod pending;
mod run;

pub(crate) use run::SinkLoop;
pub(crate) use run::SinkParts;
