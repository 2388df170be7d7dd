//! Configurations of workers and connectors, their validation, and notices about them.

mod class;
mod clients;
mod connector;
mod hint;
mod notice;
mod replicas;
mod store_topic;
mod validate;
mod worker;

pub(crate) use class::class_of;
pub(crate) use clients::ClientKind;
pub(crate) use clients::client_config;
pub(crate) use clients::exactly_once_config;
pub(crate) use clients::way_to_cluster;
pub use connector::ConnectorSettings;
pub use connector::ErrorTolerance;
pub use connector::ExactlyOnce;
pub use connector::TransactionBoundary;
pub use notice::Notice;
pub use notice::NoticeKind;
pub use notice::connector_notices;
pub(crate) use notice::log_connector;
pub(crate) use notice::log_worker;
pub use notice::worker_notices;
pub(crate) use replicas::too_few_brokers;
pub(crate) use store_topic::StoreKind;
pub(crate) use store_topic::StoreTopic;
pub(crate) use validate::problems;
pub(crate) use validate::validate;
pub use worker::WorkerConfig;
