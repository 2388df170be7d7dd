//! Reports of what a source could not make a record of.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use bytes::Bytes;

use crate::Error;
use crate::Result;
use crate::record::RawHeaders;
use crate::topic::Timestamp;

/// Takes reports of messages that a source task cannot turn into records.
///
/// A failure inside [`poll`](crate::SourceTask::poll) happens before there is a record that
/// `errors.tolerance` could apply to. A task reports the raw message here instead of failing, and
/// settles it in the other system only when the report is durable.
///
/// ```
/// use connect_api::{Error, RawMessage, Result, SourceTaskContext};
/// use bytes::Bytes;
///
/// # async fn poll(context: &SourceTaskContext, payload: Bytes) -> Result<()> {
/// let error = Error::data("the message is not a text message");
/// match context.errant_records() {
///     Some(reporter) => {
///         let message = RawMessage { value: Some(payload), ..RawMessage::default() };
///         reporter.report(message, error)?.await;
///         // Only now may the message be acknowledged.
///     }
///     None => return Err(error),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SourceErrantReporter(Arc<dyn SourceErrantReporterHost>);

/// What a runtime implements behind [`SourceErrantReporter`].
pub trait SourceErrantReporterHost: Send + Sync + 'static {
    /// See [`SourceErrantReporter::report`].
    fn report(&self, message: RawMessage, error: Error) -> Result<Reported>;
}

/// A message as it came from the other system, for the dead letter topic.
#[derive(Debug, Clone, Default)]
#[expect(clippy::exhaustive_structs, reason = "what a record of a log has")]
pub struct RawMessage {
    /// Its key, if it has one.
    pub key: Option<Bytes>,
    /// Its payload.
    pub value: Option<Bytes>,
    /// Its headers.
    pub headers: RawHeaders,
    /// Its timestamp.
    pub timestamp: Option<Timestamp>,
}

impl SourceErrantReporter {
    /// A reporter behind a runtime.
    #[must_use]
    pub fn new(host: Arc<dyn SourceErrantReporterHost>) -> Self {
        Self(host)
    }

    /// Reports a message: it is logged, counted as skipped and written to the dead letter topic, as
    /// the error options of the connector say. Returns at once; the [`Reported`] is ready when the
    /// report is durable.
    ///
    /// # Errors
    /// With `errors.tolerance=none` the task must fail: return this error from `poll`. The task
    /// fails even if it does not.
    pub fn report(&self, message: RawMessage, error: Error) -> Result<Reported> {
        self.0.report(message, error)
    }
}

impl fmt::Debug for SourceErrantReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SourceErrantReporter")
    }
}

/// A report that becomes durable: a future that is ready when it is.
///
/// *Cancellation*: safe. The report is on its way whether somebody waits or not; a task whose `poll`
/// is dropped keeps this and waits for it in the next one. It is never ready if the task fails
/// first.
#[derive(Debug, Clone)]
#[must_use = "the message may be settled only once this is ready"]
pub struct Reported(Arc<Mutex<Settled>>);

#[derive(Debug, Default)]
struct Settled {
    is_durable: bool,
    wakers: Vec<Waker>,
}

/// The other end of a [`Reported`], for runtimes.
#[derive(Debug)]
pub struct ReportHandle(Arc<Mutex<Settled>>);

impl Reported {
    /// A report that is not durable yet, and what makes it so.
    pub fn pending() -> (ReportHandle, Self) {
        let settled = Arc::new(Mutex::new(Settled::default()));
        (ReportHandle(Arc::clone(&settled)), Self(settled))
    }

    /// True once the report is durable.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        let settled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        settled.is_durable
    }
}

impl Future for Reported {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut settled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if settled.is_durable {
            return Poll::Ready(());
        }
        let waker = context.waker();
        if !settled.wakers.iter().any(|known| known.will_wake(waker)) {
            settled.wakers.push(waker.clone());
        }
        Poll::Pending
    }
}

impl ReportHandle {
    /// The report is durable.
    pub fn settle(self) {
        let mut settled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        settled.is_durable = true;
        let wakers = std::mem::take(&mut settled.wakers);
        drop(settled);
        wakers.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_ready_when_it_is_durable() {
        let (handle, reported) = Reported::pending();
        let mut waiting = std::pin::pin!(reported.clone());
        let mut context = Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending() && !reported.is_durable());
        handle.settle();
        assert!(waiting.poll(&mut context).is_ready() && reported.is_durable());
    }
}
