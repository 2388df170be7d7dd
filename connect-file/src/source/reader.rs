//! Reads ahead, on the threads for blocking work.
//!
//! While a chunk is split into records, the next chunk is read. At the end of the file the reader
//! waits for a notification, and after a while it looks at the file anyway: network file systems do
//! not notify.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

use connect_api::Result;
use connect_api::SourceTaskContext;
use tokio::sync::Notify;
use tokio::task::JoinError;
use tokio::task::JoinHandle;

use crate::error;
use crate::tail::Chunk;
use crate::tail::Step;
use crate::tail::Tail;

/// Runs the steps of a [`Tail`] where blocking is allowed.
///
/// *Cancellation*: both waits are safe; a running step is kept.
#[derive(Debug)]
pub(crate) struct Reader {
    state: State,
    /// The result of a step that was not taken yet.
    ahead: Option<Result<Step>>,
    wake: Arc<Notify>,
    /// How long to wait for a notification before looking at the file anyway.
    patience: Duration,
}

#[derive(Debug)]
enum State {
    Idle(Box<Tail>),
    Stepping(JoinHandle<Stepped>),
    /// The runtime ended during a step.
    Lost,
}

type Stepped = (Box<Tail>, Result<Step>);

impl Reader {
    pub(crate) fn new(tail: Tail, wake: Arc<Notify>) -> Self {
        Self {
            state: State::Idle(Box::new(tail)),
            ahead: None,
            wake,
            patience: SHORTEST_WAIT,
        }
    }

    /// Starts the next step, unless one is running.
    pub(crate) fn begin(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Lost) {
            State::Idle(mut tail) => State::Stepping(tokio::task::spawn_blocking(move || {
                let step = tail.step();
                (tail, step)
            })),
            state => state,
        };
    }

    /// Returns the next chunk if it was read ahead.
    pub(crate) fn ready_chunk(&mut self) -> Option<Chunk> {
        if let State::Stepping(step) = &mut self.state
            && step.is_finished()
            && let Poll::Ready(done) = Pin::new(step).poll(&mut Context::from_waker(Waker::noop()))
        {
            self.done(done);
        }
        match self.ahead.take() {
            Some(Ok(Step::Chunk(chunk))) => Some(chunk),
            other => {
                self.ahead = other;
                None
            }
        }
    }

    /// Returns the result of the next step.
    pub(crate) async fn step(&mut self) -> Result<Step> {
        if self.ahead.is_none() {
            self.begin();
            let State::Stepping(step) = &mut self.state else {
                return Err(error::runtime_ended());
            };
            // Cancel-safe: the handle stays in place until it is done.
            let done = step.await;
            self.done(done);
        }
        self.ahead
            .take()
            .unwrap_or_else(|| Err(error::runtime_ended()))
    }

    fn done(&mut self, done: Result<Stepped, JoinError>) {
        let (state, step) = match done {
            Ok((tail, step)) => (State::Idle(tail), step),
            Err(_) => (State::Lost, Err(error::runtime_ended())),
        };
        self.state = state;
        self.ahead = Some(step);
    }

    /// Waits until the file may have changed.
    pub(crate) async fn changed(&mut self, context: &SourceTaskContext) {
        let is_notified = matches!(&self.state, State::Idle(tail) if tail.is_notified());
        let longest = if is_notified {
            LONGEST_WAIT_IF_NOTIFIED
        } else {
            LONGEST_WAIT
        };
        let wait = if is_notified {
            longest
        } else {
            self.patience.min(longest)
        };
        // Cancel-safe: a notification that is not taken is kept, and the sleep starts again.
        tokio::select! {
            () = self.wake.notified() => {}
            () = context.sleep(wait) => self.patience = (self.patience * 2).min(longest),
        }
    }

    /// Looks again soon, because something was found.
    pub(crate) fn encourage(&mut self) {
        self.patience = SHORTEST_WAIT;
    }
}

const SHORTEST_WAIT: Duration = Duration::from_millis(10);

/// The interval of Java's source task.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

const LONGEST_WAIT_IF_NOTIFIED: Duration = Duration::from_secs(5);
