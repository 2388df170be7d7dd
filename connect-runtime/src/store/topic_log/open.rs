//! Sees that the topic exists and keeps what is written to it.

use std::time::Duration;

use connect_api::Error;
use connect_api::Result;
use connect_broker::Admin;
use connect_broker::BrokerError;

use crate::config::StoreKind;
use crate::config::StoreTopic;
use crate::config::too_few_brokers;

/// Creates the topic if need be; returns how many partitions it has.
pub(super) async fn ensure(admin: &dyn Admin, topic: &StoreTopic) -> Result<i32> {
    let partitions = partitions_of(admin, topic).await?;
    check_compaction(admin, topic).await?;
    if topic.kind == StoreKind::Configs && partitions > 1 {
        let StoreTopic { name, key, .. } = topic;
        return Err(Error::config(format!(
            "Topic '{name}' supplied via the '{key}' property is required to have a single \
             partition in order to guarantee consistency of connector configurations, but found \
             {partitions} partitions."
        )));
    }
    Ok(partitions)
}

async fn partitions_of(admin: &dyn Admin, topic: &StoreTopic) -> Result<i32> {
    let StoreTopic { name, kind, .. } = topic;
    let failed = |error: BrokerError| {
        let text = format!("{} \"{name}\" cannot be created", kind.noun());
        let key = format!("{}replication.factor", kind.prefix());
        let hint = too_few_brokers(&error, &key);
        Error::from(error).context(text + &hint)
    };
    if let Some(found) = admin.describe_topic(name).await.map_err(failed)? {
        return Ok(found.partitions);
    }
    match admin.create_topic(topic.new_topic()).await {
        Ok(()) => tracing::info!(topic = %name, "created the topic of {}", kind.purpose()),
        // Another worker may have been faster.
        Err(BrokerError::TopicExists { .. }) => {}
        Err(error) => return Err(failed(error)),
    }
    // The log's own default is known by now. What was created a moment ago may not be seen at once.
    for _ in 0..SIGHTINGS {
        if let Some(found) = admin.describe_topic(name).await.map_err(failed)? {
            return Ok(found.partitions);
        }
        tokio::time::sleep(SIGHTING_WAIT).await;
    }
    Err(failed(BrokerError::UnknownTopic {
        topic: name.clone(),
    }))
}

/// Refuses a topic that would lose records, in Java's words.
async fn check_compaction(admin: &dyn Admin, topic: &StoreTopic) -> Result<()> {
    let StoreTopic {
        name, kind, key, ..
    } = topic;
    let purpose = kind.purpose();
    let policy = match admin.topic_config(name).await {
        Ok(mut config) => config.remove("cleanup.policy"),
        Err(error @ BrokerError::Unauthorized(_)) => {
            tracing::warn!(topic = %name, %error, "whether the topic of {purpose} is compacted is not known");
            None
        }
        Err(error) => {
            let text = format!("{} \"{name}\" cannot be used", kind.noun());
            return Err(Error::from(error).context(text));
        }
    };
    match policy {
        Some(policy) if policy != "compact" => Err(Error::config(format!(
            "Topic '{name}' supplied via the '{key}' property is required to have \
             'cleanup.policy=compact' to guarantee consistency and durability of {purpose}, but \
             found the topic currently has 'cleanup.policy={policy}'. Continuing would likely \
             result in eventually losing {purpose} and problems restarting this Connect cluster \
             in the future. Change the '{key}' property to use a topic with \
             'cleanup.policy=compact'."
        ))),
        _ => Ok(()),
    }
}

/// How often a topic that was created is looked for, and how long in between.
const SIGHTINGS: usize = 100;
const SIGHTING_WAIT: Duration = Duration::from_millis(100);
