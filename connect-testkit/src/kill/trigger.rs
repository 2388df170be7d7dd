//! A process that kills itself at a given event.

use std::fmt::Debug;
use std::str::FromStr;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use rustix::process::Resource;
use rustix::process::Rlimit;
use rustix::process::Signal;
use rustix::process::getpid;
use rustix::process::kill_process;
use rustix::process::setrlimit;
use tracing::Event;
use tracing::Subscriber;
use tracing::field::Field;
use tracing::field::Visit;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::kill::step::Mark;
use crate::kill::step::Step;

/// When a process kills itself: at which event of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Death {
    /// The step.
    pub step: Step,
    /// The number of the event, from 1.
    pub event: u64,
    /// If the step is in the middle of a write: how much of it is written, in thousandths.
    pub thousandths: u64,
}

impl std::fmt::Display for Death {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.step, self.event, self.thousandths)
    }
}

impl FromStr for Death {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" is not STEP:EVENT:THOUSANDTHS");
        let mut parts = text.split(':');
        let step = parts.next().ok_or_else(wrong)?.parse()?;
        let mut number = || parts.next()?.parse().ok();
        let (event, thousandths) = (number().ok_or_else(wrong)?, number().ok_or_else(wrong)?);
        Ok(Self {
            step,
            event,
            thousandths,
        })
    }
}

/// Counts the events of a step and kills the process at one of them.
#[derive(Debug)]
pub(crate) struct Trigger {
    mark: Mark,
    thousandths: u64,
    left: AtomicU64,
}

impl Trigger {
    /// Returns `None` for [`Step::Random`].
    pub(crate) fn new(death: Death, exactly_once: bool) -> Option<Self> {
        let mark = death.step.mark(exactly_once)?;
        Some(Self {
            mark,
            thousandths: death.thousandths,
            left: AtomicU64::new(death.event),
        })
    }
}

impl<S: Subscriber> Layer<S> for Trigger {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if !event.metadata().target().starts_with(self.mark.target) {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let is_it = fields.message == self.mark.message
            && !(self.mark.is_announced_write && fields.bytes == 0);
        if is_it && self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            if self.mark.is_announced_write {
                let size = super::pipeline::size(fields.path.as_ref());
                die_at(size + fields.bytes * self.thousandths / 1000);
            } else {
                die();
            }
        }
    }
}

#[derive(Debug, Default)]
struct Fields {
    message: String,
    path: String,
    bytes: u64,
}

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "bytes" {
            self.bytes = value;
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "path" => self.path = format!("{value:?}"),
            _ => {}
        }
    }
}

/// Limits the size of files to a place inside the following write. The system writes up to the limit
/// and then ends the process with SIGXFSZ: SIGKILL cannot be timed that precisely.
fn die_at(size: u64) {
    for (resource, most) in [(Resource::Core, 0), (Resource::Fsize, size)] {
        // If this fails the process survives, and the run reports the missing kill.
        let _ = setrlimit(
            resource,
            Rlimit {
                current: Some(most),
                maximum: None,
            },
        );
    }
}

pub(super) fn die() {
    // If this fails the process survives, and the run reports the missing kill.
    let _ = kill_process(getpid(), Signal::KILL);
}
