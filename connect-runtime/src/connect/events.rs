//! What happens on a worker, as a stream.

use connect_core::Failure;
use connect_core::TaskId;
use connect_core::herder::Status;
use connect_core::status::Subject;
use futures::Stream;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::Connect;
use crate::worker::GivenUp;

/// Something that has happened on a worker.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A record could not be handled and was reported.
    DeadLetter {
        /// The task.
        task: TaskId,
        /// Why.
        failure: Failure,
    },
    /// A connector or task did not stop in time and was abandoned.
    GivenUp(GivenUp),
    /// This many events were dropped, because they were not taken in time.
    Lagged(u64),
    /// The status of a connector or task has changed; `None` if it is gone.
    Status {
        /// What it is about.
        subject: Subject,
        /// The status.
        status: Option<Box<Status>>,
    },
}

/// Tells listeners what happens. Nobody waits for them.
#[derive(Debug, Clone)]
pub(crate) struct Events(broadcast::Sender<Event>);

impl Default for Events {
    fn default() -> Self {
        Self(broadcast::Sender::new(KEPT))
    }
}

impl Events {
    pub(crate) fn send(&self, event: Event) {
        // Fails if nobody listens.
        let _ = self.0.send(event);
    }
}

/// Events of a worker, from the moment of the call on. See [`Connect::events`].
#[derive(Debug)]
pub struct EventStream(broadcast::Receiver<Event>);

impl EventStream {
    /// Waits for the next event; `None` once the worker is gone.
    ///
    /// *Cancellation*: safe.
    pub async fn next(&mut self) -> Option<Event> {
        match self.0.recv().await {
            Ok(event) => Some(event),
            Err(RecvError::Lagged(dropped)) => Some(Event::Lagged(dropped)),
            Err(RecvError::Closed) => None,
        }
    }

    /// The events as a [`Stream`].
    pub fn into_stream(self) -> impl Stream<Item = Event> + Send {
        futures::stream::unfold(self, async |mut events| {
            let event = events.next().await?;
            Some((event, events))
        })
    }
}

impl Connect {
    /// What happens on the worker from now on. The newest events are kept for a listener that is slow;
    /// if there are more, it is told how many it has missed.
    #[must_use]
    pub fn events(&self) -> EventStream {
        EventStream(self.signs.events.0.subscribe())
    }
}

/// Events that are kept for a slow listener.
const KEPT: usize = 1024;
