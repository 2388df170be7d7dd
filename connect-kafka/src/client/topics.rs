//! The topics of a cluster.

use std::time::Duration;

use connect_broker::admin::TopicDescription;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::ffi::Client;
use crate::ffi::Failure;

/// How long a broker that has just started may not know a topic that exists.
pub(crate) const PROPAGATION: Duration = Duration::from_secs(3);

/// Lists all topics that can be read. Blocks until the cluster answers or the time is over.
pub(crate) fn topics(client: &Client, timeout: Duration) -> Result<Vec<TopicDescription>, Failure> {
    let metadata = client.fetch_metadata(None, timeout).map_err(|error| {
        let code = error.rdkafka_error_code().unwrap_or(Code::Fail);
        Failure::new(code, format!("listing topics failed: {code}"))
    })?;
    let readable = metadata
        .topics()
        .iter()
        .filter(|topic| topic.error().is_none());
    Ok(readable
        .map(|topic| {
            let count = i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX);
            let mut description = TopicDescription::new(topic.name(), count);
            description.internal = is_internal(topic.name());
            description
        })
        .collect())
}

/// True for topics that the cluster makes for itself.
fn is_internal(name: &str) -> bool {
    matches!(
        name,
        "__consumer_offsets" | "__share_group_state" | "__transaction_state"
    )
}
