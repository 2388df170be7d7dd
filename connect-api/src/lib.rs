//! Contracts for Kafka Connect plugins in Rust.
//!
//! Kafka Connect moves data between a log (Kafka, or one inside the process) and other systems. A
//! **connector** is a logical job; it splits into **tasks**; **workers** run them; **converters**
//! turn bytes into typed data and back; **transforms** change single records. This crate has what
//! authors of such plugins need, and nothing else: no runtime, no client library.
//!
//! # The data contract
//!
//! * A source task returns records, each with a source partition and the offset at which to go on
//!   *after* it. An offset is committed only once every record up to it is durable or was dropped
//!   on purpose.
//! * A sink task gets records of a partition in order. An offset is committed only after
//!   [`SinkTask::pre_commit`] returned it.
//! * After a crash, delivery goes on from the committed offsets: nothing is lost, something may
//!   come twice, unless both sides keep offsets with the data.
//!
//! # Where to start
//!
//! [`SourceConnector`] and [`SinkConnector`] each show a complete connector. Typed configuration:
//! [`config`]. Making plugins known under Kafka Connect's class names: [`plugin::PluginRegistry`].
//!
//! # Names
//!
//! Kafka Connect's words are kept. Renamed: `SchemaAndValue` is [`Datum`](data::Datum),
//! `fromConnectData`/`toConnectData` are [`encode`](Converter::encode) and
//! [`decode`](Converter::decode), `commitRecord` is [`delivered`](SourceTask::delivered). The Java
//! names find them in the search of these pages.
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
pub use task::SinkTask;
pub use task::SinkTaskContext;
pub use task::SinkTaskHost;
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
