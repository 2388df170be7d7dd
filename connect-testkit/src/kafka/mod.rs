//! A real Kafka for tests.
//!
//! [`KafkaCluster::shared`] is the one broker of a test process; [`KafkaCluster::builder`] starts
//! clusters of a test's own, with TLS, SASL, several nodes or a [`TcpProxy`](crate::proxy::TcpProxy) in front.
//!
//! # Where Kafka comes from
//!
//! The first of these that is possible:
//!
//! 1. `CONNECT_KAFKA_BOOTSTRAP`: the address of a running Kafka (only for the shared broker);
//! 2. `KAFKA_HOME`: an unpacked Kafka, started with the `java` on the path;
//! 3. the jars of Kafka, resolved once with Maven (`mvn`) into `target/kafka-jars`;
//! 4. a container engine (`docker` or `podman`) that runs.
//!
//! If none is, the test fails with one message that says what to install. Tests are never skipped.
//!
//! # Life
//!
//! Nodes listen on free loopback ports and keep their data in a temporary folder. They and their
//! data are gone when the cluster is dropped, and also when the test process dies.

mod certificates;
mod cluster;
mod node;
mod properties;
mod source;
mod wire;

pub use certificates::Certificates;
pub use cluster::KafkaCluster;
pub use cluster::KafkaClusterBuilder;
pub use properties::Listener;

/// A user whom SASL listeners know and who may do everything.
pub const ADMIN_USER: &str = "alice";

/// The password of [`ADMIN_USER`].
pub const ADMIN_PASSWORD: &str = "alice-secret";

/// A user whom SASL listeners know and who may do nothing.
pub const POWERLESS_USER: &str = "bob";

/// The password of [`POWERLESS_USER`].
pub const POWERLESS_PASSWORD: &str = "bob-secret";
