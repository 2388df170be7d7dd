//! Requests of clients to the writer, and their queue.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_broker::BrokerError;
use connect_broker::admin::NewTopic;
use connect_core::sync::lock;
use tokio::sync::oneshot;

use crate::client::receipts::Accepted;
use crate::format::batch::EncodedBatch;
use crate::group::Interest;
use crate::topic::Log;
use crate::writer::session::Session;

/// Carries the reply to a request. A client whose reply is dropped gets [`BrokerError::Closed`].
pub(crate) type Reply<T> = oneshot::Sender<Result<T, BrokerError>>;

/// Offsets to be set or, with `None`, removed, by group.
pub(crate) type OffsetChanges = BTreeMap<(String, TopicPartition), Option<i64>>;

/// A request to the writer.
#[derive(Debug)]
pub(crate) enum Request {
    /// Appends a batch.
    Append(Append),
    /// Creates a topic.
    CreateTopic(NewTopic, Reply<()>),
    /// Says that a group exists and what it reads.
    Declare(String, Interest, Reply<()>),
    /// Removes a group with its offsets.
    DeleteGroup(String, Reply<()>),
    /// Deletes a topic.
    DeleteTopic(TopicName, Reply<()>),
    /// Ends a transaction.
    End(End),
    /// Fences a transactional id without a new session.
    Fence(String, Reply<()>),
    /// Changes committed offsets.
    Offsets(OffsetChanges, Reply<()>),
    /// Opens a session for a transactional id.
    OpenSession(String, Reply<Arc<Session>>),
    /// Replies when all earlier requests are on the disk.
    Sync(Reply<()>),
}

/// A batch to append.
#[derive(Debug)]
pub(crate) struct Append {
    /// Where.
    pub(crate) log: Arc<Log>,
    /// What.
    pub(crate) batch: EncodedBatch,
    /// Where the outcome is reported.
    pub(crate) accepted: Accepted,
    /// The transaction it is part of: its session and number.
    pub(crate) transaction: Option<(Arc<Session>, u64)>,
}

impl Append {
    /// Fails the records and the transaction that they are part of.
    pub(crate) fn fail(self, error: &BrokerError) {
        if let Some((session, number)) = self.transaction {
            session.transaction().fail(number, error);
        }
        self.accepted.failed(error);
    }
}

/// The end of a transaction.
#[derive(Debug)]
pub(crate) struct End {
    /// Whose.
    pub(crate) session: Arc<Session>,
    /// Which.
    pub(crate) number: u64,
    /// Commit or abort.
    pub(crate) commit: bool,
    /// Offsets that are committed with it.
    pub(crate) offsets: OffsetChanges,
    /// Where the outcome is reported.
    pub(crate) reply: Reply<()>,
}

/// Requests on their way to the writer's thread.
///
/// Its clients bound it: a producer stops at its bytes in flight, and every other client waits for
/// its reply.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<QueueState>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct QueueState {
    requests: Vec<Request>,
    closed: bool,
}

impl Queue {
    /// Adds a request, or returns it if the queue is closed.
    pub(crate) fn push(&self, request: Request) -> Result<(), Box<Request>> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(Box::new(request));
        }
        state.requests.push(request);
        drop(state);
        self.news.notify_one();
        Ok(())
    }

    /// Accepts no more requests. Those in the queue are still served.
    pub(crate) fn close(&self) {
        lock(&self.state).closed = true;
        self.news.notify_one();
    }

    /// Waits for requests for at most this time and takes them all. `None` once the queue is closed
    /// and empty.
    pub(crate) fn take(&self, wait: Duration) -> Option<Vec<Request>> {
        let state = lock(&self.state);
        let idle = |state: &mut QueueState| state.requests.is_empty() && !state.closed;
        let (mut state, _) = self
            .news
            .wait_timeout_while(state, wait, idle)
            .unwrap_or_else(PoisonError::into_inner);
        if state.closed && state.requests.is_empty() {
            return None;
        }
        Some(std::mem::take(&mut state.requests))
    }
}
