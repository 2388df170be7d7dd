//! The thread that runs the callbacks of a producer or administrative client, and ends the client.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use connect_broker::BrokerError;

use crate::ffi;
use crate::ffi::Client;

/// How long the thread waits for a client that others still use, and a producer that was dropped
/// for its records.
pub(crate) const END_TIMEOUT: Duration = Duration::from_secs(30);

/// How long one wait for callbacks lasts at most: a stop is noticed after this time.
pub(crate) const SERVE: Duration = Duration::from_millis(100);

/// Runs the callbacks of a client. When dropped, tells the thread to end, and the client with it,
/// but does not wait for that.
pub(crate) struct CallbackThread {
    stop: Arc<Stop>,
}

/// Tells a thread to stop.
#[derive(Default)]
pub(crate) struct Stop {
    is_stopped: AtomicBool,
    /// Another client continues what this one did.
    is_replaced: AtomicBool,
}

impl Stop {
    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Acquire)
    }

    pub(crate) fn is_replaced(&self) -> bool {
        self.is_replaced.load(Ordering::Acquire)
    }
}

impl CallbackThread {
    /// Starts the thread of a client that sends no records.
    pub(crate) fn start(client: &Arc<Client>) -> Result<Self, BrokerError> {
        Self::start_with(client, |client, stop| {
            while !stop.is_stopped() {
                ffi::serve(client, SERVE);
            }
        })
    }

    /// Starts a thread that does `work`, which runs callbacks until it is told to stop.
    pub(crate) fn start_with(
        client: &Arc<Client>,
        work: impl FnOnce(&Client, &Stop) + Send + 'static,
    ) -> Result<Self, BrokerError> {
        let stop = Arc::new(Stop::default());
        let (own, stopped) = (Arc::clone(client), Arc::clone(&stop));
        spawn("kafka-client", move || {
            work(&own, &stopped);
            // Dropping the last handle takes a while and must not happen on another thread, so this
            // one waits until it has the last.
            let begin = Instant::now();
            while Arc::strong_count(&own) > 1 && begin.elapsed() < END_TIMEOUT {
                ffi::serve(&own, Duration::from_millis(1));
            }
        })?;
        Ok(Self { stop })
    }

    /// Ends the thread of a client that has nothing in flight and is replaced by another.
    pub(crate) fn replace(self) {
        self.stop.is_replaced.store(true, Ordering::Release);
    }
}

impl Drop for CallbackThread {
    fn drop(&mut self) {
        self.stop.is_stopped.store(true, Ordering::Release);
    }
}

/// Starts a thread that nobody waits for. A panic in it, which the process's panic hook has
/// reported, ends it and nothing else.
pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), BrokerError> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || drop(catch_unwind(AssertUnwindSafe(work))))
        .map(drop)
        .map_err(|error| {
            BrokerError::Unavailable(format!("the thread {name} cannot be started: {error}"))
        })
}
