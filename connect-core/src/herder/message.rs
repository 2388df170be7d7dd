//! Inputs and actions of the herder core.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use connect_api::ConfigMap;
use connect_api::TopicPartition;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;

use crate::ConnectorName;
use crate::Failure;
use crate::LogicalTime;
use crate::TaskId;
use crate::cluster::TargetState;
use crate::cluster::log::ConfigRecord;
use crate::herder::Assignment;
use crate::herder::HerderError;
use crate::herder::Status;
use crate::status::Subject;

/// Names a request; the driver gives it out and gets it back in [`Action::Respond`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// Names a question of the core to the driver; comes back in [`Input::Done`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ActionId(pub u64);

/// One life of a connector or task in this process. A number is never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u64);

/// An input of the core.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Input {
    /// A new assignment, which replaces the previous one. Before the first, nothing is owned.
    Assigned(Assignment),
    /// The configuration log has been read to the end that it had when the worker started.
    CaughtUp,
    /// A record was read from the configuration log.
    Config {
        /// Its offset in the log.
        offset: i64,
        /// The record.
        record: ConfigRecord,
    },
    /// The answer to a question.
    Done(ActionId, Outcome),
    /// A report of an incarnation.
    Report(Subject, Incarnation, Report),
    /// A request of a user.
    Request(RequestId, Request),
    /// A status was read from the status log; `None` is a tombstone.
    Status(Subject, Option<Status>),
    /// Time has passed.
    Tick,
}

/// What an incarnation reports.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Report {
    /// Nothing of it is left: its plugin was stopped and dropped, its clients are closed. The last
    /// report, also after [`Failed`](Report::Failed).
    Ended,
    /// It has failed; it cleans up and then reports [`Ended`](Report::Ended). The plugin of a
    /// connector that raised an error keeps running until it is stopped.
    Failed(Failure),
    /// It makes progress again after [`Stalled`](Report::Stalled).
    Moving,
    /// It is paused, as its target state says.
    Paused,
    /// A connector requests a reconfiguration of its tasks.
    Reconfigure,
    /// Its plugin has started and it runs.
    Running,
    /// A call into the plugin exceeds its deadline, or its thread makes no progress.
    Stalled {
        /// The call, such as `put`.
        call: &'static str,
        /// When it began.
        since: LogicalTime,
    },
}

/// A request of a user, with the deadline for its answer.
#[derive(Debug, Clone)]
pub struct Request {
    /// The operation.
    pub operation: Operation,
    /// What the answer waits for.
    pub wait: Wait,
    /// The deadline for the answer.
    pub deadline: LogicalTime,
}

/// What the answer to a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wait {
    /// The change is durable and was read back.
    Written,
    /// The change has taken effect: the connector has started or failed and its tasks are known,
    /// or what had to stop is gone or was abandoned.
    Settled,
}

/// Whether a configuration may replace another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PutMode {
    /// The connector must be new.
    Create,
    /// The connector may exist.
    CreateOrUpdate,
}

/// A change that a user asks for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Operation {
    /// Change or reset offsets of a connector that is STOPPED and has no tasks.
    AlterOffsets {
        /// Its name.
        name: ConnectorName,
        /// The change.
        change: OffsetChange,
    },
    /// Record which connectors the host's files declare. The caller creates these and removes the
    /// others.
    Declare {
        /// The names of all declared connectors.
        names: BTreeSet<ConnectorName>,
    },
    /// Remove a connector. Its offsets stay.
    Delete {
        /// Its name.
        name: ConnectorName,
    },
    /// Merge a patch into the configuration: `None` removes a key.
    Patch {
        /// The connector.
        name: ConnectorName,
        /// The changes by key.
        patch: ConfigMap,
    },
    /// Create a connector or change its configuration. A configuration that equals the current one
    /// writes nothing and restarts only what has failed.
    Put {
        /// Its name.
        name: ConnectorName,
        /// Its configuration, variables unresolved.
        config: ConfigMap,
        /// Whether it may exist.
        mode: PutMode,
        /// Its initial state; `None` starts it. Ignored if it exists.
        initial: Option<TargetState>,
    },
    /// Write the task configurations of a connector that runs on another worker.
    PutTasks {
        /// The connector.
        name: ConnectorName,
        /// The offset of the configuration that they were generated from. If it is not the current
        /// one, they are dropped, because their connector is about to be restarted. `None` if the
        /// other worker does not know.
        made_from: Option<i64>,
        /// The whole set.
        configs: Vec<ConfigMap>,
    },
    /// Restart a connector and its tasks (KIP-745). An empty plan is answered too.
    Restart {
        /// Its name.
        name: ConnectorName,
        /// Whether its tasks are restarted too.
        include_tasks: bool,
        /// Whether only what has failed is restarted.
        only_failed: bool,
    },
    /// Restart one task.
    RestartTask {
        /// The task.
        id: TaskId,
    },
    /// Pause, resume or stop a connector.
    SetTargetState {
        /// Its name.
        name: ConnectorName,
        /// What is wanted.
        state: TargetState,
    },
    /// Stop everything. Later requests are refused.
    Shutdown,
}

/// A change of the offsets of a connector.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum OffsetChange {
    /// Forget all of them.
    Reset,
    /// Of the consumer group of a sink: the next offset to read; `None` forgets the partition.
    Sink(BTreeMap<TopicPartition, Option<i64>>),
    /// Of a source: `None` forgets the partition.
    Source(Vec<(SourcePartition, Option<SourceOffset>)>),
}

/// A connector as REST shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorInfo {
    /// Its name.
    pub name: ConnectorName,
    /// Its configuration, variables unresolved.
    pub config: ConfigMap,
    /// How many tasks it has.
    pub tasks: usize,
    /// True if the request created it.
    pub created: bool,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Response {
    /// To [`Operation::Put`] and [`Operation::Patch`].
    Connector(ConnectorInfo, GivenUp),
    /// To all others: what did not stop in time and was abandoned.
    Done(GivenUp),
    /// To [`Operation::AlterOffsets`]: whether the connector accepted the new offsets. If not,
    /// offsets that it keeps outside Connect must be changed by hand.
    OffsetsAltered {
        /// What the plugin's `alter_offsets` returned.
        known_to_connector: bool,
    },
    /// To [`Operation::Restart`]: what is restarted.
    Restarting(Vec<Subject>, GivenUp),
}

/// What did not stop by its deadline while a request waited, by name.
pub type GivenUp = Vec<Subject>;

/// The answer to a question.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Outcome {
    /// Of [`Action::Fence`]: `false` if there was nothing to fence, as for a sink.
    Fenced(Result<bool, Failure>),
    /// Of [`Action::AlterOffsets`]: what the plugin's `alter_offsets` returned.
    OffsetsAltered(Result<bool, Failure>),
    /// Of [`Action::TaskConfigs`].
    TaskConfigs(Result<Vec<ConfigMap>, Failure>),
    /// Of [`Action::Validate`]: a failure of kind `Config` lists every problem.
    Validated(Result<(), Failure>),
    /// Of [`Action::Write`] and [`Action::ForwardTasks`].
    Written(Result<(), Failure>),
}

/// What the driver must do.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Action {
    /// Cut an incarnation off from the log and forget it, without waiting for its end.
    Abandon(Subject, Incarnation),
    /// Question: ask a fresh instance of the connector whether the offsets may be changed, and
    /// change them; answer with [`Outcome::OffsetsAltered`].
    AlterOffsets {
        /// The question.
        id: ActionId,
        /// The connector.
        name: ConnectorName,
        /// Its configuration, variables unresolved.
        config: ConfigMap,
        /// The change.
        change: OffsetChange,
    },
    /// Question: with exactly-once, fence the producers of older tasks of a source connector
    /// (KIP-618); answer with [`Outcome::Fenced`].
    Fence {
        /// The question.
        id: ActionId,
        /// The connector.
        name: ConnectorName,
        /// The configuration of the connector, variables unresolved.
        config: ConfigMap,
        /// Tasks below this number may have run.
        tasks: usize,
    },
    /// Question: hand the task configurations of a connector that runs here to the leader
    /// ([`Operation::PutTasks`]); answer with [`Outcome::Written`] once it has answered.
    ForwardTasks {
        /// The question.
        id: ActionId,
        /// The connector.
        name: ConnectorName,
        /// The offset of the configuration that they were made from.
        made_from: i64,
        /// The whole set.
        configs: Vec<ConfigMap>,
    },
    /// Publish a status; `None` is a tombstone.
    Publish(Subject, Option<Status>),
    /// Answer a request.
    Respond(RequestId, Result<Response, HerderError>),
    /// Pause or resume a task; it reports [`Report::Paused`] or [`Report::Running`].
    SetTaskState {
        /// The task.
        id: TaskId,
        /// Its incarnation.
        incarnation: Incarnation,
        /// Paused or started.
        state: TargetState,
    },
    /// Create and start a connector; it reports [`Report::Running`] or [`Report::Failed`].
    StartConnector {
        /// The connector.
        name: ConnectorName,
        /// Its incarnation.
        incarnation: Incarnation,
        /// Its configuration, variables unresolved.
        config: ConfigMap,
    },
    /// Create and start a task; it reports [`Report::Running`], [`Report::Paused`] or
    /// [`Report::Failed`].
    StartTask(StartTask),
    /// Stop an incarnation, whatever it is doing; it reports [`Report::Ended`]. After `grace` it will
    /// be abandoned.
    Stop {
        /// What is stopped.
        subject: Subject,
        /// Its incarnation.
        incarnation: Incarnation,
        /// How long it has to end.
        grace: Duration,
    },
    /// Question: ask a running connector for its task configurations; answer with
    /// [`Outcome::TaskConfigs`].
    TaskConfigs {
        /// The question.
        id: ActionId,
        /// The connector.
        name: ConnectorName,
        /// Its incarnation.
        incarnation: Incarnation,
    },
    /// Question: check a configuration; answer with [`Outcome::Validated`].
    Validate {
        /// The question.
        id: ActionId,
        /// The connector.
        name: ConnectorName,
        /// The configuration, variables unresolved.
        config: ConfigMap,
    },
    /// Question: append records to the configuration log in this order, all or none; answer with
    /// [`Outcome::Written`] *after* they have come back as [`Input::Config`].
    Write {
        /// The question.
        id: ActionId,
        /// The records.
        records: Vec<ConfigRecord>,
    },
}

/// What a task is started with.
#[derive(Debug, Clone)]
pub struct StartTask {
    /// The task.
    pub id: TaskId,
    /// Its incarnation.
    pub incarnation: Incarnation,
    /// The configuration of the connector that the task set was made from, variables unresolved.
    pub connector_config: ConfigMap,
    /// Its own configuration.
    pub config: ConfigMap,
    /// Started or paused.
    pub state: TargetState,
}
