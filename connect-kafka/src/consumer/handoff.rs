//! The place where the thread of a consumer and its async side meet: one parcel at a time goes one
//! way, commands go the other.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use connect_api::TopicPartition;
use connect_broker::BrokerError;
use connect_broker::PartitionRecords;
use tokio::sync::Notify;
use tokio::sync::watch;

/// What the thread hands over.
#[derive(Debug)]
pub(crate) enum Parcel {
    Assigned {
        number: u64,
        partitions: Vec<TopicPartition>,
        /// Where reading starts, as far as it is known.
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

/// Records as they came, and the ends that were reached.
#[derive(Debug, Default)]
pub(crate) struct Fetch {
    /// The number of the last seek that the thread knew of.
    pub(crate) seek: u64,
    pub(crate) groups: Vec<PartitionRecords>,
    /// How many records there are.
    pub(crate) count: usize,
    /// Bytes of keys, values and headers.
    pub(crate) bytes: usize,
    /// Partitions that had no more records, with the offset behind the last, which a reader of
    /// committed data may not get to see.
    pub(crate) ends: Vec<(TopicPartition, i64)>,
}

/// What the async side asks for.
#[derive(Debug)]
pub(crate) enum Command {
    /// The answer to the change of the assignment with this number.
    Answer(u64),
    Pause(Vec<TopicPartition>),
    Resume(Vec<TopicPartition>),
    Seek {
        partition: TopicPartition,
        offset: i64,
        number: u64,
    },
}

/// The meeting place.
#[derive(Debug)]
pub(crate) struct Handoff {
    state: Mutex<State>,
    /// Rings for the thread.
    changed: Condvar,
    /// Rings for the async side.
    arrived: Notify,
    /// True once the thread has left the group.
    left: watch::Sender<bool>,
}

#[derive(Debug)]
struct State {
    slot: Option<Parcel>,
    commands: VecDeque<Command>,
    /// The async side waits in `poll`.
    polling: bool,
    /// When it last did.
    polled: Instant,
    stop: bool,
}

impl Handoff {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                slot: None,
                commands: VecDeque::new(),
                polling: false,
                polled: Instant::now(),
                stop: false,
            }),
            changed: Condvar::new(),
            arrived: Notify::new(),
            left: watch::Sender::new(false),
        }
    }

    // The async side.

    pub(crate) fn command(&self, command: Command) {
        self.lock().commands.push_back(command);
        self.changed.notify_all();
    }

    /// Notes whether the async side waits for something.
    pub(crate) fn set_polling(&self, polling: bool) {
        let mut state = self.lock();
        state.polling = polling;
        state.polled = Instant::now();
        drop(state);
        self.changed.notify_all();
    }

    pub(crate) fn take(&self) -> Option<Parcel> {
        let parcel = self.lock().slot.take();
        if parcel.is_some() {
            self.changed.notify_all();
        }
        parcel
    }

    /// Waits for a parcel. Cancel-safe: it stays until it is taken.
    pub(crate) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    pub(crate) fn stop(&self) {
        self.lock().stop = true;
        self.changed.notify_all();
    }

    /// Waits until the thread has left the group, after a stop.
    pub(crate) async fn left(&self) {
        // The sender lives as long as `self`, so this fails never.
        let _ = self.left.subscribe().wait_for(|left| *left).await;
    }

    // The thread.

    pub(crate) fn set_left(&self) {
        self.left.send_replace(true);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.lock().stop
    }

    pub(crate) fn next_command(&self) -> Option<Command> {
        self.lock().commands.pop_front()
    }

    /// Puts a parcel down if there is room for it, else gives it back.
    pub(crate) fn put(&self, parcel: Parcel) -> Result<(), Parcel> {
        let mut state = self.lock();
        if state.slot.is_some() {
            return Err(parcel);
        }
        state.slot = Some(parcel);
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// Waits until there is room for a parcel, a command, or a stop; at most for `wait`.
    pub(crate) fn wait_for_room(&self, wait: Duration) {
        self.wait(wait, |state| state.slot.is_none());
    }

    /// Waits for a command or a stop, at most for `wait`.
    pub(crate) fn wait_for_command(&self, wait: Duration) {
        self.wait(wait, |_| false);
    }

    /// Waits until the async side is there for records, a command, or a stop; at most for `wait`.
    /// True if it is there, or was not long ago.
    pub(crate) fn wait_for_demand(&self, wait: Duration, memory: Duration) -> bool {
        let wanted = |state: &State| state.polling || state.polled.elapsed() < memory;
        self.wait(wait, wanted);
        wanted(&self.lock())
    }

    fn wait(&self, wait: Duration, done: impl Fn(&State) -> bool) {
        let state = self.lock();
        drop(self.changed.wait_timeout_while(state, wait, |state| {
            !done(state) && state.commands.is_empty() && !state.stop
        }));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
