//! An embeddable Kafka Connect worker.
//!
//! A worker runs source connectors, which bring data into a log, and sink connectors, which take
//! data out of it, each split into tasks. It lives inside the host's own process:
//!
//! * **The host owns** the tokio runtime, the logging subscriber, signals, and the process. The
//!   worker emits `tracing` events and nothing else; it keeps no global state, so several workers
//!   run side by side.
//! * **The host passes in** the plugins ([`plugins`] has those that Kafka Connect ships), the log
//!   (a [`Broker`](connect_broker::Broker)), and a configuration in Kafka Connect's keys
//!   ([`WorkerConfig`]).
//! * **The host gets** a handle, [`Connect`], to create, inspect, pause, restart and delete connectors,
//!   and to shut the worker down.
//!
//! # Lifecycle
//!
//! ```text
//! Connect::builder() ─▶ build() ─▶ create_connector() … ─▶ shutdown(deadline)
//!                         │                                   │
//!                         │ offsets are read to their end     │ polls stop, records in flight
//!                         │ from the log                      │ become durable, offsets are
//!                         ▼                                   ▼ committed, tasks are stopped
//! ```
//!
//! # Guarantees
//!
//! An offset is committed only after the records before it are durable; after a crash, delivery resumes
//! from the committed offsets. A panic or an error in a plugin fails its task and nothing else.
//!
//! An option that nothing reads is logged as a warning when a worker or connector is created;
//! [`worker_notices`] and [`connector_notices`] return the same as data.

mod builder;
mod clock;
mod config;
mod connect;
mod embed;
mod end;
mod gate;
mod groups;
mod herder;
mod metrics;
mod panics;
mod pipeline;
mod plugin_threads;
mod plugins;
mod store;
mod stores;
mod task;
mod worker;

pub use builder::ConnectBuilder;
pub use clock::Clock;
pub use clock::SystemClock;
pub use config::ConnectorSettings;
pub use config::ErrorTolerance;
pub use config::ExactlyOnce;
pub use config::Notice;
pub use config::NoticeKind;
pub use config::TransactionBoundary;
pub use config::WorkerConfig;
pub use config::connector_notices;
pub use config::worker_notices;
pub use connect::Connect;
pub use connect::ConnectorInfo;
pub use connect::ConnectorOffsets;
pub use connect::ConnectorStatus;
pub use connect::Declaration;
pub use connect::Declared;
pub use connect::Event;
pub use connect::EventStream;
pub use connect::Restarted;
pub use connect::ShutdownReport;
pub use connect::TaskStatus;
pub use connect_core::ConnectorName;
pub use connect_core::Failure;
pub use connect_core::TaskId;
pub use connect_core::cluster::TargetState;
pub use connect_core::herder::HerderError;
pub use connect_core::herder::Status;
pub use connect_core::herder::Wait;
pub use connect_core::status::State;
pub use connect_core::status::Subject;
pub use embed::SinkHandle;
pub use embed::SinkHandleBuilder;
pub use embed::SourceBatch;
pub use embed::SourceStream;
pub use embed::SourceStreamBuilder;
pub use end::EndReport;
pub use metrics::MetricValue;
pub use metrics::PluginMetric;
pub use plugin_threads::ThreadsSnapshot;
pub use plugins::plugins;
pub use task::TaskProgress;
pub use worker::GivenUp;
