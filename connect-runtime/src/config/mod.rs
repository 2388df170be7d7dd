//! Configurations of workers and connectors, and what is wrong with them.

mod clients;
mod connector;
mod notice;
mod replicas;
mod store_topic;
mod validate;
mod worker;

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
pub(crate) use replicas::too_few_brokers;
pub(crate) use store_topic::StoreKind;
pub(crate) use store_topic::StoreTopic;
pub(crate) use validate::problems;
pub(crate) use validate::validate;
pub use worker::WorkerConfig;
