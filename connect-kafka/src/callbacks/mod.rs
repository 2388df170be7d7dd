//! The state of a client that librdkafka's callbacks change, and what the rest of the crate reads
//! from it.
//!
//! Decisions that live here: at which level a line of librdkafka is logged, and which connection
//! problems are a refusal by the cluster (in `connection`).

mod connection;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use connect_api::TopicPartition;
use connect_broker::BrokerError;
use connect_core::sync::lock;
use rdkafka::ClientContext;
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::sync::watch;

pub(crate) use self::connection::certificate_problem;

use self::connection::Connection;

/// The receiver of a client's callbacks. They run on threads of the client and must be short.
pub(crate) struct Context {
    /// `client.id`, for the host's log.
    client: String,
    /// Who is told the fate of records; set for producers.
    deliveries: Option<Arc<dyn Deliveries>>,
    /// Changes of a consumer's assignment that were not carried out yet, oldest first.
    rebalances: Mutex<VecDeque<Rebalance>>,
    is_closing: AtomicBool,
    /// The group has removed this member.
    is_removed: AtomicBool,
    connection: Connection,
}

/// Is told the fate of each record of a producer.
pub(crate) trait Deliveries: Send + Sync {
    /// Called once per record, on a thread of the client.
    fn delivered(&self, record: &Delivered<'_>);
}

/// The fate of one record.
pub(crate) struct Delivered<'a> {
    pub(crate) token: u64,
    pub(crate) error: Option<Code>,
    /// Equal for all records of one topic of a client.
    pub(crate) topic_id: usize,
    /// Returns the topic's name. Called once per topic, since it has to be converted.
    pub(crate) topic: &'a dyn Fn() -> &'a str,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// Bytes of key and value.
    pub(crate) size: usize,
}

/// A change of a consumer's assignment. librdkafka waits until it is carried out by an assign or
/// unassign call.
#[derive(Debug)]
pub(crate) struct Rebalance {
    /// True if partitions are added, false if they are removed.
    pub(crate) assign: bool,
    /// The partitions already belong to other members, perhaps.
    pub(crate) lost: bool,
    /// True if `partitions` is a change, false if it is the whole assignment.
    pub(crate) cooperative: bool,
    pub(crate) partitions: Vec<TopicPartition>,
}

/// `ffi` sets the callbacks on the handle itself, so none of the trait's methods is used.
impl ClientContext for Context {}

impl Context {
    pub(crate) fn new(client: impl Into<String>, deliveries: Option<Arc<dyn Deliveries>>) -> Self {
        Self {
            client: client.into(),
            deliveries,
            rebalances: Mutex::default(),
            is_closing: AtomicBool::new(false),
            is_removed: AtomicBool::new(false),
            connection: Connection::default(),
        }
    }

    /// A receiver of the refusals that come after this call.
    pub(crate) fn refusals(&self) -> watch::Receiver<Option<BrokerError>> {
        self.connection.refusals()
    }

    /// Waits for a refusal that comes after this call.
    pub(crate) async fn refused(&self) -> BrokerError {
        let mut refusals = self.refusals();
        loop {
            // The sender lives as long as `self`, so this does not fail.
            if refusals.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            if let Some(error) = refusals.borrow_and_update().clone() {
                return error;
            }
        }
    }

    /// The error of a call that got no answer, with the last connection problem as its likely
    /// cause.
    pub(crate) fn unavailable(&self, what: &str) -> BrokerError {
        match self.connection.last_problem() {
            Some(last) => BrokerError::Unavailable(format!("{what}; last problem: {last}")),
            None => BrokerError::Unavailable(what.to_owned()),
        }
    }

    pub(crate) fn next_rebalance(&self) -> Option<Rebalance> {
        lock(&self.rebalances).pop_front()
    }

    /// Notes that the client is about to end: from now on, changes of the assignment are carried
    /// out at once, and no call waits for a coordinator.
    pub(crate) fn set_closing(&self) {
        self.is_closing.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Relaxed)
    }

    /// Notes whether the group has removed this member, whose partitions are lost then.
    pub(crate) fn set_removed(&self, removed: bool) {
        self.is_removed.store(removed, Ordering::Relaxed);
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.is_removed.load(Ordering::Relaxed)
    }

    pub(crate) fn on_rebalance(&self, rebalance: Rebalance) {
        lock(&self.rebalances).push_back(rebalance);
    }

    pub(crate) fn on_delivered(&self, delivered: &Delivered<'_>) {
        if let Some(deliveries) = &self.deliveries {
            deliveries.delivered(delivered);
        }
    }

    pub(crate) fn on_log(&self, level: i32, facility: &str, line: &str) {
        let client = self.client.as_str();
        match level {
            // Lost connections, which `on_error` logs as well.
            5 | 6 if facility == "FAIL" => {
                tracing::debug!(target: "librdkafka", client, facility, "{line}");
            }
            ..=4 => tracing::warn!(target: "librdkafka", client, facility, "{line}"),
            5 | 6 => tracing::info!(target: "librdkafka", client, facility, "{line}"),
            _ => tracing::debug!(target: "librdkafka", client, facility, "{line}"),
        }
    }

    /// Notes why a certificate was refused: librdkafka only says that it was.
    pub(crate) fn on_bad_certificate(&self, broker: &str, problem: &str) {
        self.connection.set_certificate_problem(problem);
        tracing::debug!(
            client = self.client,
            broker,
            problem,
            "the broker's certificate was refused"
        );
    }

    /// `was_accepted`: the cluster has accepted the client before.
    pub(crate) fn on_error(&self, code: Code, reason: &str, was_accepted: bool) {
        self.connection
            .on_error(&self.client, code, reason, was_accepted);
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}
