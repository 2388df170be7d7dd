//! A plugin's future, with its pulse, contained.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;

use connect_api::Error;
use tokio::sync::oneshot;

use crate::panics::panicked;
use crate::plugin_threads::pulse::Pulse;

pub(super) type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Marks each step of a future on its [`Pulse`]. No panic leaves it, neither of a step nor of the
/// destructor.
pub(super) struct Watched {
    future: Option<BoxFuture>,
    pulse: Arc<Pulse>,
    ended: Option<oneshot::Sender<Result<(), Error>>>,
}

impl Watched {
    /// Wraps a future. The receiver hears how it has ended, or an error if it was dropped.
    pub(super) fn new(
        future: BoxFuture,
        pulse: Arc<Pulse>,
    ) -> (Self, oneshot::Receiver<Result<(), Error>>) {
        let (sender, ended) = oneshot::channel();
        let watched = Self {
            future: Some(future),
            pulse,
            ended: Some(sender),
        };
        (watched, ended)
    }

    fn drop_future(&mut self) -> Result<(), Error> {
        let future = self.future.take();
        catch_unwind(AssertUnwindSafe(|| drop(future)))
            .map_err(|panic| panicked("the destructor of the plugin", panic))
    }
}

impl Future for Watched {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let Some(future) = &mut this.future else {
            return Poll::Ready(());
        };
        this.pulse.step_begins();
        let step = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        let outcome = match step {
            Ok(Poll::Pending) => {
                this.pulse.step_ends();
                return Poll::Pending;
            }
            Ok(Poll::Ready(())) => Ok(()),
            Err(panic) => Err(panicked("the plugin", panic)),
        };
        let dropped = this.drop_future();
        this.pulse.step_ends();
        if let Some(ended) = this.ended.take() {
            // The caller may no longer wait for it.
            let _ = ended.send(outcome.and(dropped));
        }
        Poll::Ready(())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if self.future.is_none() {
            return;
        }
        self.pulse.step_begins();
        if let Err(error) = self.drop_future() {
            tracing::error!(error = error.report(), "an abandoned plugin panicked");
        }
        self.pulse.step_ends();
    }
}
