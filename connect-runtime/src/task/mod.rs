//! One running task: its loop, its end, and what is seen of it from outside.

mod control;
mod errant;
mod progress;
pub(crate) mod sink;
pub(crate) mod source;

pub(crate) use control::Reporter;
pub(crate) use control::TaskControl;
pub use progress::TaskProgress;
pub(crate) use progress::TaskShared;

pub(crate) use crate::panics::contained;
