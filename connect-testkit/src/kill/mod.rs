//! Kill tests: a pipeline that dies again and again, and what of its lines arrived.
//!
//! A [`Plan`] runs file → log → file in a process of its own, kills that process with
//! SIGKILL at a [`Step`], starts it again, and so on until every line has arrived. Then an
//! [`Outcome`] says what the numbers in the lines prove. The program `connect-kill` does this from
//! the command line, and is the process that dies.
//!
//! Nothing in the libraries knows of it: at a named step the process counts the `tracing` events
//! of that step, and kills itself at one of them.
//!
//! # What is counted
//!
//! * **lost**: a line of the input that is not in the output, or not in the topic.
//! * **doubled**: each further time that a line is in the output.
//! * **bound**: what was under way at the kills, so that it may come again: lines in the topic
//!   behind the committed source offset, and lines in the output behind the committed offset of
//!   the sink, each as the next process finds it before it does anything. With exactly-once 0.
//! * **out of order**: a line that stands where the kills do not explain it. Without kills, line
//!   *n + 1* follows line *n*. After a kill, the source goes on exactly at its committed offset, and
//!   the sink writes the topic exactly from its own; with exactly-once, each goes on exactly where
//!   it was cut off.
//!
//! SIGKILL leaves to the operating system what was written to it. With a [`Disk`], each kill is a
//! failure of the power as well: of everything that the process has written, only what it has
//! synced is sure to be found again.
//!
//! The log is the durable one inside the process, or a Kafka that goes through [`Outages`]
//! meanwhile, which double nothing: only kills explain a line that comes again.

mod change;
mod disk;
mod line;
mod log;
#[cfg(feature = "kafka")]
mod outage;
mod outcome;
mod pipeline;
mod plan;
mod random;
mod step;
mod still;
mod surroundings;
mod trigger;

pub use change::Change;
pub use change::Changed;
pub use disk::Disk;
pub use line::LINE;
pub use outcome::Outages;
pub use outcome::Outcome;
pub use pipeline::Look;
pub use pipeline::Pipeline;
pub use plan::Plan;
pub use step::Step;
pub use trigger::Death;
