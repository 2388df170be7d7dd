//! Where the thread of a consumer and its async side exchange messages: one event at a time goes to
//! the async side, commands go to the thread.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Condvar;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use connect_api::TopicPartition;
use connect_broker::BrokerError;
use connect_broker::PartitionRecords;
use connect_core::sync::lock;
use tokio::sync::Notify;
use tokio::sync::watch;

/// What the thread reports.
#[derive(Debug)]
pub(super) enum ReaderEvent {
    Assigned {
        number: u64,
        partitions: Vec<TopicPartition>,
        /// Where reading starts. Partitions whose start is not known are absent.
        starts: BTreeMap<TopicPartition, i64>,
    },
    Failed(BrokerError),
    Lost {
        number: u64,
        partitions: Vec<TopicPartition>,
    },
    Records(Fetch),
    Revoked {
        number: u64,
        partitions: Vec<TopicPartition>,
    },
}

/// Records as they were fetched, and the ends of partitions that were reached.
#[derive(Debug, Default)]
pub(super) struct Fetch {
    /// The number of the last seek that was carried out before.
    pub(super) seek: u64,
    pub(super) groups: Vec<PartitionRecords>,
    /// The number of records.
    pub(super) count: usize,
    /// Bytes of keys, values and headers.
    pub(super) bytes: usize,
    /// Partitions that have no more records, with the offset after the last one. That one may be a
    /// transaction marker, which no reader gets.
    pub(super) ends: Vec<(TopicPartition, i64)>,
}

/// What the async side requests.
#[derive(Debug)]
pub(super) enum Command {
    /// Carry out the change of the assignment with this number.
    Answer(u64),
    Pause(Vec<TopicPartition>),
    Resume(Vec<TopicPartition>),
    Seek {
        partition: TopicPartition,
        offset: i64,
        number: u64,
    },
}

/// The exchange of messages.
#[derive(Debug)]
pub(super) struct Handoff {
    state: Mutex<State>,
    /// Notifies the thread.
    changed: Condvar,
    /// Notifies the async side.
    arrived: Notify,
    /// True once the thread has left the group.
    left: watch::Sender<bool>,
}

#[derive(Debug)]
struct State {
    event: Option<ReaderEvent>,
    /// Ends the consumer: every poll returns it.
    failure: Option<BrokerError>,
    commands: VecDeque<Command>,
    /// The async side waits in `poll`.
    is_polling: bool,
    /// When it was last in `poll`.
    polled: Instant,
    is_stopped: bool,
}

impl Handoff {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                event: None,
                failure: None,
                commands: VecDeque::new(),
                is_polling: false,
                polled: Instant::now(),
                is_stopped: false,
            }),
            changed: Condvar::new(),
            arrived: Notify::new(),
            left: watch::Sender::new(false),
        }
    }

    // Called by the async side.

    pub(super) fn send(&self, command: Command) {
        lock(&self.state).commands.push_back(command);
        self.changed.notify_all();
    }

    /// Notes whether the async side is in `poll`.
    pub(super) fn set_polling(&self, polling: bool) {
        let mut state = lock(&self.state);
        state.is_polling = polling;
        state.polled = Instant::now();
        drop(state);
        self.changed.notify_all();
    }

    /// Takes the event that waits, if one does.
    ///
    /// # Errors
    /// That of [`fail`](Self::fail).
    pub(super) fn take(&self) -> Result<Option<ReaderEvent>, BrokerError> {
        let mut state = lock(&self.state);
        if let Some(error) = &state.failure {
            return Err(error.clone());
        }
        let event = state.event.take();
        drop(state);
        if event.is_some() {
            self.changed.notify_all();
        }
        Ok(event)
    }

    /// Waits for an event or a failure. Cancel-safe: an event stays until it is taken.
    pub(super) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    pub(super) fn stop(&self) {
        lock(&self.state).is_stopped = true;
        self.changed.notify_all();
    }

    /// Waits until the thread has left the group, after a stop.
    pub(super) async fn left(&self) {
        // The sender lives as long as `self`, so this does not fail.
        let _ = self.left.subscribe().wait_for(|left| *left).await;
    }

    // Called by threads of the consumer.

    /// Ends the consumer: every poll returns this error from now on.
    pub(super) fn fail(&self, error: BrokerError) {
        lock(&self.state).failure = Some(error);
        self.arrived.notify_one();
    }

    /// Runs the work of a thread. A panic in it, which the panic hook has reported, fails the
    /// consumer.
    pub(super) fn contain(&self, work: impl FnOnce()) {
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            self.fail(BrokerError::InvalidState(
                "a thread of the consumer has panicked; restart the task",
            ));
        }
    }

    pub(super) fn set_left(&self) {
        self.left.send_replace(true);
    }

    pub(super) fn is_stopped(&self) -> bool {
        lock(&self.state).is_stopped
    }

    pub(super) fn next_command(&self) -> Option<Command> {
        lock(&self.state).commands.pop_front()
    }

    /// Passes an event to the async side, or returns it if another one still waits.
    pub(super) fn put(&self, event: ReaderEvent) -> Result<(), ReaderEvent> {
        let mut state = lock(&self.state);
        if state.event.is_some() {
            return Err(event);
        }
        state.event = Some(event);
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// Waits until no event waits, or for a command or a stop; at most for `wait`.
    pub(super) fn wait_for_room(&self, wait: Duration) {
        self.wait(wait, |state| state.event.is_none());
    }

    /// Waits for a command or a stop, at most for `wait`.
    pub(super) fn wait_for_command(&self, wait: Duration) {
        self.wait(wait, |_| false);
    }

    /// Waits until the async side is in `poll`, or for a command or a stop; at most for `wait`.
    /// True if the async side is in `poll`, or was within the time `recent`.
    pub(super) fn wait_for_demand(&self, wait: Duration, recent: Duration) -> bool {
        let wanted = |state: &State| state.is_polling || state.polled.elapsed() < recent;
        self.wait(wait, wanted);
        wanted(&lock(&self.state))
    }

    fn wait(&self, wait: Duration, done: impl Fn(&State) -> bool) {
        let state = lock(&self.state);
        drop(self.changed.wait_timeout_while(state, wait, |state| {
            !done(state) && state.commands.is_empty() && !state.is_stopped
        }));
    }
}
