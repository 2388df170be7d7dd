//! What all clients of one log share, and the way to its writer.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::RwLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use connect_api::LogOffsets;
use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_broker::BrokerError;
use connect_broker::admin::NewTopic;
use tokio::sync::oneshot;
use tokio::sync::watch;

use crate::LocalOptions;
use crate::group::Groups;
use crate::group::TopicSizes;
use crate::store::Store;
use crate::sync::lock;
use crate::sync::read;
use crate::topic::Log;
use crate::topic::Topic;
use crate::writer::Writer;
use crate::writer::request::Queue;
use crate::writer::request::Reply;
use crate::writer::request::Request;
use crate::writer::session::Session;

/// The state of a log that clients see. The writer alone changes topics, offsets and sessions,
/// after the store has them.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Where the batches are.
    pub(crate) store: Arc<dyn Store>,
    /// The options.
    pub(crate) options: LocalOptions,
    /// The folder, for error messages.
    pub(crate) path: PathBuf,
    /// The identity.
    pub(crate) cluster_id: String,
    /// The topics.
    pub(crate) topics: RwLock<BTreeMap<TopicName, Arc<Topic>>>,
    /// Committed offsets.
    pub(crate) offsets: Mutex<HashMap<String, LogOffsets>>,
    /// The session of each transactional id.
    pub(crate) sessions: Mutex<HashMap<String, Arc<Session>>>,
    /// Consumer groups.
    pub(crate) groups: Groups,
    /// Set when the log closes.
    pub(crate) closed: AtomicBool,
}

impl Shared {
    /// A topic.
    pub(crate) fn topic(&self, name: &str) -> Option<Arc<Topic>> {
        read(&self.topics).get(name).map(Arc::clone)
    }

    /// The log of a partition.
    pub(crate) fn log(&self, partition: &TopicPartition) -> Result<Arc<Log>, BrokerError> {
        self.topic(&partition.topic)
            .and_then(|topic| topic.log(partition.partition).map(Arc::clone))
            .ok_or_else(|| BrokerError::UnknownTopic {
                topic: partition.topic.clone(),
            })
    }

    /// The number of partitions of each topic.
    pub(crate) fn topic_sizes(&self) -> TopicSizes {
        read(&self.topics)
            .iter()
            .map(|(name, topic)| (name.clone(), topic.partitions()))
            .collect()
    }

    /// A committed offset.
    pub(crate) fn committed(&self, group: &str, partition: &TopicPartition) -> Option<i64> {
        lock(&self.offsets)
            .get(group)
            .and_then(|offsets| offsets.get(partition).copied())
    }

    /// The offset from which on some known group has not read a partition yet.
    pub(crate) fn unread_from(&self, partition: &TopicPartition) -> i64 {
        let wanting = self.groups.wanting(&partition.topic);
        let offsets = lock(&self.offsets);
        let committed = offsets
            .values()
            .filter_map(|offsets| offsets.get(partition).copied());
        let fresh = |group: &&String| {
            offsets
                .get(*group)
                .is_none_or(|offsets| !offsets.contains_key(partition))
        };
        let never = wanting.iter().find(fresh).map(|_| 0);
        committed.chain(never).min().unwrap_or(i64::MAX)
    }

    /// Fails once the log is closed.
    pub(crate) fn check_open(&self) -> Result<(), BrokerError> {
        if self.closed.load(Ordering::Acquire) {
            Err(BrokerError::Closed)
        } else {
            Ok(())
        }
    }

    /// Closes: from now on clients get [`BrokerError::Closed`].
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let topics: Vec<_> = read(&self.topics).values().map(Arc::clone).collect();
        for log in topics.iter().flat_map(|topic| &topic.logs) {
            log.wake();
        }
        self.groups.wake();
    }
}

/// The way to the writer.
#[derive(Debug)]
enum Route {
    /// The caller runs the writer: the store never blocks.
    Inline(Box<Mutex<Writer>>),
    /// A thread runs the writer.
    Thread {
        /// Its requests.
        queue: Arc<Queue>,
        /// Becomes true once it has let go of the store.
        ended: watch::Receiver<bool>,
    },
}

/// A log that is open. Lives as long as somebody holds a client or a handle of it.
#[derive(Debug)]
pub(crate) struct Engine {
    /// What clients see.
    pub(crate) shared: Arc<Shared>,
    route: Route,
}

impl Engine {
    /// A log whose writer runs in its callers.
    pub(crate) fn inline(shared: Arc<Shared>, writer: Writer) -> Self {
        Self {
            shared,
            route: Route::Inline(Box::new(Mutex::new(writer))),
        }
    }

    /// A log whose writer runs in a thread.
    pub(crate) fn threaded(
        shared: Arc<Shared>,
        queue: Arc<Queue>,
        ended: watch::Receiver<bool>,
    ) -> Self {
        Self {
            shared,
            route: Route::Thread { queue, ended },
        }
    }

    /// Hands a request to the writer. A closed log drops it, which answers it.
    pub(crate) fn submit(&self, request: Request) {
        if self.shared.check_open().is_err() {
            return;
        }
        match &self.route {
            Route::Inline(writer) => {
                lock(writer).run(vec![request]);
            }
            Route::Thread { queue, .. } => drop(queue.push(request)),
        }
    }

    /// Asks the writer something and waits for the answer.
    ///
    /// *Cancellation*: if the future is dropped, the request may still be carried out.
    pub(crate) async fn ask<T>(
        &self,
        request: impl FnOnce(Reply<T>) -> Request,
    ) -> Result<T, BrokerError> {
        let (reply, answer) = oneshot::channel();
        self.submit(request(reply));
        answer.await.unwrap_or(Err(BrokerError::Closed))
    }

    /// The topic, created with default options if the log does so.
    pub(crate) async fn topic_or_create(
        &self,
        name: &TopicName,
    ) -> Result<Arc<Topic>, BrokerError> {
        let unknown = || BrokerError::UnknownTopic {
            topic: name.clone(),
        };
        if let Some(topic) = self.shared.topic(name) {
            return Ok(topic);
        }
        if let Some(problem) = name.problem() {
            return Err(BrokerError::InvalidTopic(problem));
        }
        if !self.shared.options.auto_create_topics {
            return Err(unknown());
        }
        match self
            .ask(|reply| Request::CreateTopic(NewTopic::new(name.clone()), reply))
            .await
        {
            Ok(()) | Err(BrokerError::TopicExists { .. }) => {}
            Err(error) => return Err(error),
        }
        self.shared.topic(name).ok_or_else(unknown)
    }

    /// Writes what is under way and lets go of the store.
    pub(crate) async fn close(&self) -> Result<(), BrokerError> {
        if self.shared.check_open().is_err() {
            return Ok(());
        }
        let result = self.ask(Request::Sync).await;
        self.shared.close();
        match &self.route {
            Route::Inline(writer) => {
                lock(writer).stop();
                self.shared.store.close();
            }
            Route::Thread { queue, ended } => {
                queue.close();
                // An error means that the thread is gone, which is as good.
                let _ = ended.clone().wait_for(|ended| *ended).await;
            }
        }
        result
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.close();
        if let Route::Thread { queue, .. } = &self.route {
            queue.close();
        }
    }
}
