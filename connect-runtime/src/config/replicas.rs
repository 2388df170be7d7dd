//! What to do when a cluster has too few brokers for a topic.

use connect_broker::BrokerError;

/// The option to change if a topic could not be created because there are too few brokers. To be
/// appended to "… cannot be created".
pub(crate) fn too_few_brokers(error: &BrokerError, key: &str) -> String {
    match error {
        BrokerError::TooFewBrokers { brokers, .. } => {
            format!(" (set `{key}` to at most {brokers}, or to -1 for the cluster's default)")
        }
        _ => String::new(),
    }
}
