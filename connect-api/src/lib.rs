//! Contracts for Kafka Connect plugins in Rust.
//!
//! Kafka Connect moves data between a log (Kafka, or one inside the process) and other systems. A
//! **connector** is a logical job; it splits into **tasks**; **workers** run them; **converters**
//! turn bytes into typed data and back; **transforms** change single records. This crate has what
//! authors of such plugins need. It contains no runtime and no client library.
//!
//! # The data contract
//!
//! * A source task returns records. Each has a source partition and the offset from which to resume
//!   *after* the record. An offset is committed only when every record up to it is durable or was
//!   dropped on purpose.
//! * A sink task receives the records of a partition in order. An offset is committed only after
//!   [`SinkTask::pre_commit`] has returned it.
//! * After a crash, delivery resumes from the committed offsets. Nothing is lost; records may be
//!   delivered twice unless both sides store offsets with the data.
//!
//! # Where to start
//!
//! [`SourceConnector`] and [`SinkConnector`] each show a complete connector. [`config`] is about
//! typed configurations. [`plugin::PluginRegistry`] registers plugins under their class names.
//!
//! # Names
//!
//! The names are Kafka Connect's, with a few exceptions: `SchemaAndValue` is
//! [`Datum`](data::Datum), `fromConnectData` and `toConnectData` are [`encode`](Converter::encode)
//! and [`decode`](Converter::decode), `commitRecord` is [`delivered`](SourceTask::delivered). The
//! search of this documentation also finds the Java names.
//!
//! # Features
//!
//! * `derive` (default): `#[derive(ConfigDef)]`.

extern crate self as connect_api;

pub mod config;
mod connector;
mod converter;
pub mod data;
mod error;
mod group;
pub mod metrics;
pub mod pattern;
pub mod plugin;
pub mod record;
mod task;
mod topic;
mod transform;

pub use config::ConfigMap;
pub use connector::Connector;
pub use connector::ConnectorContext;
pub use connector::ConnectorHost;
pub use connector::ConnectorTransactionBoundaries;
pub use connector::ExactlyOnceSupport;
pub use connector::SinkConnector;
pub use connector::SourceConnector;
pub use connector::SourceOffsetChange;
pub use converter::Converter;
pub use converter::DatumRole;
pub use converter::HeaderConverter;
pub use error::Error;
pub use error::ErrorKind;
pub use error::Result;
pub use error::ResultExt;
pub use group::group_partitions;
pub use plugin::PluginRegistry;
pub use task::ErrantRecordReporter;
pub use task::ErrantRecordReporterHost;
pub use task::RawMessage;
pub use task::ReportHandle;
pub use task::Reported;
pub use task::SinkTask;
pub use task::SinkTaskContext;
pub use task::SinkTaskHost;
pub use task::SourceErrantReporter;
pub use task::SourceErrantReporterHost;
pub use task::SourceTask;
pub use task::SourceTaskContext;
pub use task::SourceTaskHost;
pub use task::Task;
pub use task::TransactionContext;
pub use task::TransactionHost;
pub use topic::LogOffsets;
pub use topic::LogPosition;
pub use topic::Timestamp;
pub use topic::TimestampType;
pub use topic::TopicName;
pub use topic::TopicPartition;
pub use transform::Predicate;
pub use transform::Transform;
