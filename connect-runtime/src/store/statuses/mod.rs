//! Statuses of connectors and tasks, and the topics that connectors use (KIP-558).
//!
//! What the herder publishes is known at once; where the worker keeps statuses in the log, a task
//! beside the herder writes them there, the newest of each key. Nobody waits for it.

mod keep;
mod used;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use connect_api::Timestamp;
use connect_core::ConnectorName;
use connect_core::LogicalTime;
use connect_core::TaskId;
use connect_core::codec::status::StatusRecord;
use connect_core::herder::Status;
use connect_core::status::State;
use connect_core::status::Subject;
use connect_core::status::log;
use connect_core::status::log::StatusLog;
use connect_core::status::log::TopicStatus;
use tokio::sync::Notify;

pub(crate) use keep::StatusKeeper;
pub(crate) use used::UsedTopics;

/// The statuses that this worker knows.
#[derive(Debug)]
pub(crate) struct Statuses {
    /// The name under which this worker writes.
    worker_id: String,
    known: Mutex<Known>,
    /// Rings when there is something to write.
    bell: Notify,
    /// How often used topics were forgotten.
    resets: AtomicU64,
}

#[derive(Debug, Default)]
struct Known {
    log: StatusLog,
    /// What is to be written, by key; nothing is if there is no topic. There is at most one entry per
    /// connector, task and used topic.
    unwritten: Option<BTreeMap<Bytes, Option<Bytes>>>,
    /// The last ones are written, then the task that writes them ends.
    is_closing: bool,
}

impl Statuses {
    /// Statuses that live as long as the worker.
    pub(crate) fn in_memory(worker_id: String) -> Self {
        Self {
            worker_id,
            known: Mutex::default(),
            bell: Notify::new(),
            resets: AtomicU64::new(0),
        }
    }

    /// The statuses that were found at the start.
    ///
    /// What an earlier life of this worker has said of itself is no longer so: nothing of it runs, and
    /// it may have died before it said that something is paused or stopped. What has failed has.
    pub(crate) fn found(&self) -> Vec<(Subject, Status)> {
        let known = self.lock();
        let connectors = known.log.connectors();
        let mut found = Vec::new();
        for (name, status) in connectors {
            found.push((Subject::Connector(name.clone()), status.clone()));
            let tasks = known.log.tasks(name);
            found.extend(tasks.map(|(id, status)| (Subject::Task(id.clone()), status.clone())));
        }
        drop(known);
        let own = |mut status: log::Status| {
            if status.state != State::Failed && status.worker_id.as_ref() == Some(&self.worker_id) {
                status.state = State::Unassigned;
            }
            status
        };
        let found = found.into_iter();
        found
            .map(|(subject, status)| (subject, shown(own(status))))
            .collect()
    }

    /// Makes a status known; `None` is a tombstone. A failure, or that something is unassigned, does
    /// not overwrite what another worker has said in a newer generation (invariant S1).
    pub(crate) fn publish(
        &self,
        subject: &Subject,
        status: Option<&Status>,
        version: Option<String>,
    ) {
        let status = status.map(|status| stored(status, version));
        let known = self.lock();
        if let Some(status) = &status
            && matches!(status.state, State::Failed | State::Unassigned)
            && !known.log.may_write(subject, status)
        {
            return;
        }
        let mut records = Vec::new();
        if status.is_none()
            && let Subject::Connector(name) = subject
        {
            records = forgotten_topics(&known.log, name);
            // The fold forgets them with their connector; the topic does not.
            let tasks = known.log.tasks(name);
            records.extend(tasks.map(|(id, _)| StatusRecord::Status {
                subject: Subject::Task(id.clone()),
                status: None,
            }));
        }
        records.push(StatusRecord::Status {
            subject: subject.clone(),
            status,
        });
        self.put(known, records);
    }

    /// A task uses a topic.
    fn topic_used(&self, task: &TaskId, topic: &str, now: Timestamp) {
        let known = self.lock();
        let is_known = known
            .log
            .topics(&task.connector)
            .any(|used| used.topic == topic);
        if is_known {
            return;
        }
        let record = StatusRecord::Topic {
            connector: task.connector.clone(),
            topic: topic.to_owned(),
            status: Some(TopicStatus {
                topic: topic.to_owned(),
                task: task.clone(),
                discovered_at_ms: now.as_millis(),
            }),
        };
        self.put(known, vec![record]);
    }

    /// The topics that a connector has used, by name.
    pub(crate) fn active_topics(&self, name: &str) -> Vec<String> {
        let known = self.lock();
        let topics = known.log.topics(name);
        topics.map(|used| used.topic.clone()).collect()
    }

    /// Forgets the topics that a connector has used. Those that it still uses come back.
    pub(crate) fn reset_active_topics(&self, name: &ConnectorName) {
        let known = self.lock();
        let records = forgotten_topics(&known.log, name);
        self.put(known, records);
        self.resets.fetch_add(1, Ordering::Release);
    }

    /// Lets the task that writes end once it has written the last ones.
    pub(crate) fn close(&self) {
        self.lock().is_closing = true;
        self.bell.notify_one();
    }

    /// Takes in records of this worker. What says nothing new is not written.
    fn put(&self, mut known: MutexGuard<'_, Known>, records: Vec<StatusRecord>) {
        let known = &mut *known;
        for record in records {
            if known.log.apply(record.clone())
                && let Some(unwritten) = &mut known.unwritten
            {
                let (key, value) = record.encode();
                unwritten.insert(key, value);
            }
        }
        self.bell.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // A record is folded before it is queued: a panic in between loses a write, which the next
        // status of the same subject makes up for.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The records that forget the used topics of a connector.
fn forgotten_topics(log: &StatusLog, name: &ConnectorName) -> Vec<StatusRecord> {
    let forgotten = |used: &TopicStatus| StatusRecord::Topic {
        connector: name.clone(),
        topic: used.topic.clone(),
        status: None,
    };
    log.topics(name).map(forgotten).collect()
}

/// A status as it is stored.
fn stored(status: &Status, version: Option<String>) -> log::Status {
    log::Status {
        state: status.state,
        trace: status.trace.clone(),
        worker_id: Some(status.worker_id.clone()),
        generation: status.generation,
        version,
    }
}

/// A stored status as the herder knows it.
fn shown(status: log::Status) -> Status {
    Status {
        state: status.state,
        trace: status.trace,
        worker_id: status.worker_id.unwrap_or_default(),
        generation: status.generation,
        failure: None,
        since: LogicalTime::default(),
        changes: 0,
        stalled: None,
        next_attempt: None,
        restarts: 0,
        given_up: 0,
    }
}
