//! Kill tests: a pipeline that is killed again and again must deliver all of its lines.
//!
//! A [`Plan`] runs file → log → file in a child process, kills it with SIGKILL at a [`Step`], starts
//! it again, and repeats this until every line has arrived. An [`Outcome`] then says what the numbers
//! in the lines prove. The program `connect-kill` does this from the command line; it is also the
//! child process.
//!
//! The libraries contain no code for this. The child counts the `tracing` events of a step, and kills
//! itself at one of them.
//!
//! # What is counted
//!
//! * **lost**: lines of the input that are missing in the output or in the topic.
//! * **duplicates**: lines that are in the output already, counted each further time.
//! * **bound**: the number of lines in flight at the kills, which may come again: lines in the topic
//!   after the committed source offset, and lines in the output after the committed offset of the
//!   sink, as the next process finds them when it starts. It is 0 with exactly-once.
//! * **out of order**: lines at places that the kills do not explain. Without kills, line *n + 1*
//!   follows line *n*. After a kill, the source resumes exactly at its committed offset and the sink
//!   exactly at its own. With exactly-once, each resumes exactly where it was interrupted.
//!
//! After SIGKILL the operating system still has everything that was written. With a [`Disk`], each
//! kill is a power failure too: only synced writes are sure to be there afterwards.
//!
//! The log is the durable log inside the process, or a Kafka that goes through [`Outages`] at the
//! same time. Outages duplicate nothing: only kills explain a line that comes again.

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
