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
use connect_core::sync::lock;
use connect_core::sync::read;
use tokio::sync::oneshot;
use tokio::sync::watch;

use crate::LocalOptions;
use crate::group::Groups;
use crate::group::Interest;
use crate::group::TopicSizes;
use crate::group::claims::Claims;
use crate::group::claims::GroupClaims;
use crate::store::Store;
use crate::topic::Log;
use crate::topic::Topic;
use crate::topic::readers::Readers;
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
    /// What groups may still want to read.
    pub(crate) claims: Mutex<Claims>,
    /// Committed offsets.
    pub(crate) offsets: Mutex<HashMap<String, LogOffsets>>,
    /// The session of each transactional id.
    pub(crate) sessions: Mutex<HashMap<String, Arc<Session>>>,
    /// Consumer groups.
    pub(crate) groups: Groups,
    /// Readers of partitions that do not exist yet.
    pub(crate) new_topics: Readers,
    /// Set when the log closes.
    pub(crate) closed: AtomicBool,
}

/// A group that has not read a partition to its end.
#[derive(Debug)]
pub(crate) struct Unread {
    /// The group.
    pub(crate) group: String,
    /// The first offset that it has not read.
    pub(crate) offset: i64,
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

    /// The groups that claim a partition, each with the offset from which on it has not read it.
    pub(crate) fn unread(&self, partition: &TopicPartition, now: i64) -> Vec<Unread> {
        let claims = lock(&self.claims);
        let offsets = lock(&self.offsets);
        let unread = |(group, own): (&String, &GroupClaims)| {
            let from_start = own.claims(&partition.topic, now)?;
            let committed = offsets
                .get(group)
                .and_then(|offsets| offsets.get(partition).copied());
            let offset = committed
                .or_else(|| self.groups.begun(group, partition))
                .or(from_start.then_some(0))?;
            Some(Unread {
                group: group.clone(),
                offset,
            })
        };
        claims.iter().filter_map(unread).collect()
    }

    /// The time in ms.
    pub(crate) fn now(&self) -> i64 {
        self.options.clock.now().as_millis()
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
            log.readers.wake();
        }
        self.new_topics.wake();
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
        /// Becomes true once it has released the store.
        ended: watch::Receiver<bool>,
    },
}

/// An open log. Closes when the last client and the last handle are dropped.
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

    /// Sends a request to the writer. A closed log drops it, which fails it with
    /// [`BrokerError::Closed`].
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

    /// Sends a request to the writer and waits for the reply.
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

    /// The topic. A missing one is created with default options if the log creates topics.
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

    /// Stores what a group wants to read, unless that is already stored.
    pub(crate) async fn declare(&self, group: &str, interest: Interest) -> Result<(), BrokerError> {
        self.shared.check_open()?;
        let now = self.shared.now();
        let has = |claims: &GroupClaims| claims.has(&interest, now);
        if lock(&self.shared.claims).get(group).is_some_and(has) {
            return Ok(());
        }
        self.ask(|reply| Request::Declare(group.to_owned(), interest, reply))
            .await
    }

    /// Writes what is in flight and releases the store.
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
                // An error means that the thread has already ended.
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
