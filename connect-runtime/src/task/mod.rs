//! One running task: its loop, its end, and what is seen of it from outside.

mod control;
mod errant;
mod progress;
pub(crate) mod sink;
pub(crate) mod source;

use std::future::Future;
use std::panic::AssertUnwindSafe;

use connect_api::Result;
use futures::FutureExt;

use crate::plugin_threads::panicked;

pub(crate) use control::Reporter;
pub(crate) use control::TaskControl;
pub use progress::TaskProgress;
pub(crate) use progress::TaskShared;

/// Runs a call into a plugin and turns a panic into an error, so that it stays in its task.
pub(crate) async fn contained<T>(
    what: &str,
    call: impl Future<Output = Result<T>> + Send,
) -> Result<T> {
    match AssertUnwindSafe(call).catch_unwind().await {
        Ok(result) => result,
        Err(panic) => Err(panicked(what, panic)),
    }
}
