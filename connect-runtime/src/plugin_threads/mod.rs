//! Where plugins run: on threads of their own, watched from outside.
//!
//! The herder, requests, timers and the tasks of the host never wait behind plugin code, since they
//! share no thread with it. A plugin that blocks its thread holds up itself: a spare thread takes the
//! place of the blocked one (ADR 17).

mod pool;
mod pulse;
mod supervisor;
mod watch;
mod watched;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;

use connect_api::Error;
use connect_api::Result;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use crate::plugin_threads::pool::Pool;
use crate::plugin_threads::pool::PoolTask;
use crate::plugin_threads::watched::Watched;

pub(crate) use pulse::Call;
pub(crate) use pulse::CallLimits;
pub(crate) use pulse::Calling;
pub(crate) use pulse::Pulse;
pub(crate) use supervisor::Supervisor;
pub use supervisor::ThreadsSnapshot;
pub(crate) use watch::WatchLimits;

/// The threads that run the plugins of one worker. They end when it is dropped.
pub(crate) struct PluginThreads(Place);

enum Place {
    /// A tokio runtime of the host.
    Host(Handle),
    Own(Arc<Pool>),
}

impl PluginThreads {
    /// Starts threads of the worker's own: `base`, to which `max_spare` may be added while others
    /// are blocked.
    pub(crate) fn start(base: usize, max_spare: usize) -> io::Result<Self> {
        Ok(Self(Place::Own(Pool::start(base, max_spare)?)))
    }

    /// Runs plugins on a runtime of the host, which makes up for no blocked thread.
    pub(crate) const fn on(handle: Handle) -> Self {
        Self(Place::Host(handle))
    }

    /// Runs a future that calls plugins.
    pub(crate) fn spawn(
        &self,
        pulse: &Arc<Pulse>,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> PluginTask {
        let (watched, ended) = Watched::new(Box::pin(future), Arc::clone(pulse));
        let target = match &self.0 {
            Place::Host(handle) => Target::Host(handle.spawn(watched).abort_handle()),
            Place::Own(pool) => Target::Own(pool.spawn(watched)),
        };
        PluginTask {
            cancel: Cancel(target),
            ended,
        }
    }

    /// Calls into a plugin and waits for the answer. It is cancelled with the future that waits, and
    /// a panic is an error.
    ///
    /// # Errors
    /// That of the call; [`ErrorKind::Panicked`](connect_api::ErrorKind::Panicked).
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        pulse: &Arc<Pulse>,
        call: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let (sender, answer) = oneshot::channel();
        let mut task = CancelOnDrop(self.spawn(pulse, async move {
            // The caller may no longer wait for it.
            let _ = sender.send(call.await);
        }));
        let ended = (&mut task.0).await;
        match answer.await {
            Ok(answer) => answer,
            Err(_) => Err(ended.err().unwrap_or_else(gone)),
        }
    }

    /// Lets the threads end. One that is blocked is left behind.
    pub(crate) fn close(&self) {
        if let Some(pool) = self.own() {
            pool.close();
        }
    }

    fn own(&self) -> Option<&Arc<Pool>> {
        match &self.0 {
            Place::Host(_) => None,
            Place::Own(pool) => Some(pool),
        }
    }
}

impl Drop for PluginThreads {
    fn drop(&mut self) {
        self.close();
    }
}

/// A future on the threads of plugins; itself a future that waits for its end.
///
/// Dropping it changes nothing.
pub(crate) struct PluginTask {
    cancel: Cancel,
    ended: oneshot::Receiver<Result<()>>,
}

/// Ends a future on the threads of plugins.
#[derive(Clone)]
pub(crate) struct Cancel(Target);

#[derive(Clone)]
enum Target {
    Host(AbortHandle),
    Own(Arc<PoolTask>),
}

impl Cancel {
    /// Drops the future at the await where it is, on a thread of plugins. One that blocks its thread
    /// is dropped when it returns.
    pub(crate) fn cancel(&self) {
        match &self.0 {
            Target::Host(task) => task.abort(),
            Target::Own(task) => task.cancel(),
        }
    }
}

impl PluginTask {
    pub(crate) fn canceller(&self) -> Cancel {
        self.cancel.clone()
    }
}

impl Future for PluginTask {
    /// An error if it panicked or was cancelled.
    type Output = Result<()>;

    fn poll(mut self: std::pin::Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        std::pin::Pin::new(&mut self.ended)
            .poll(context)
            .map(|ended| ended.unwrap_or_else(|_| Err(gone())))
    }
}

struct CancelOnDrop(PluginTask);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel.cancel();
    }
}

fn gone() -> Error {
    Error::external("the worker has abandoned the call")
}

#[cfg(test)]
mod tests;
