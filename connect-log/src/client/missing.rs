//! Warnings about topics that a consumer waits for.

use std::time::Duration;

use connect_api::TopicName;
use connect_api::pattern::Pattern;
use connect_broker::ConsumerOptions;
use connect_broker::Subscription;
use connect_core::sync::read;
use tokio::time::Instant;

use crate::engine::Shared;

/// The topics of a consumer that do not exist yet.
#[derive(Debug)]
pub(crate) struct MissingTopics {
    topics: Vec<TopicName>,
    /// A pattern that no topic matches.
    pattern: Option<Pattern>,
    warn_at: Instant,
}

impl MissingTopics {
    /// All topics of a subscription, missing from now on.
    pub(crate) fn new(subscription: &Subscription) -> Self {
        let pattern = match subscription {
            Subscription::Pattern(pattern) => Some(pattern.clone()),
            _ => None,
        };
        Self {
            topics: named_topics(subscription),
            pattern,
            warn_at: Instant::now() + FIRST_WARNING,
        }
    }

    /// Warns about topics that have been missing for a while. Returns when to call again, or `None`
    /// if nothing is missing.
    pub(crate) fn check(&mut self, shared: &Shared, options: &ConsumerOptions) -> Option<Instant> {
        let existing = read(&shared.topics);
        self.topics.retain(|topic| !existing.contains_key(topic));
        let exists = |pattern: &Pattern| {
            let mut names = existing.keys();
            names.any(|name| pattern.matches(name).unwrap_or(false))
        };
        self.pattern.take_if(|pattern| exists(pattern));
        drop(existing);
        if self.topics.is_empty() && self.pattern.is_none() {
            return None;
        }
        if self.warn_at <= Instant::now() {
            self.warn_at = Instant::now() + NEXT_WARNING;
            self.warn(options);
        }
        Some(self.warn_at)
    }

    fn warn(&self, options: &ConsumerOptions) {
        let (client, group) = (&options.client_id, options.group.as_deref());
        for topic in &self.topics {
            tracing::warn!(
                %topic, client, group,
                "the topic does not exist; the consumer waits until something creates it",
            );
        }
        if let Some(pattern) = &self.pattern {
            tracing::warn!(
                %pattern, client, group,
                "no topic matches the pattern; the consumer waits until something creates one",
            );
        }
    }
}

/// The topics that a subscription names.
pub(crate) fn named_topics(subscription: &Subscription) -> Vec<TopicName> {
    let mut topics: Vec<TopicName> = match subscription {
        Subscription::Partitions(partitions) => {
            partitions.iter().map(|p| p.topic.clone()).collect()
        }
        Subscription::Topics(topics) => topics.clone(),
        _ => Vec::new(),
    };
    topics.sort();
    topics.dedup();
    topics
}

/// How long a topic may be missing without a warning: its source may still be starting.
const FIRST_WARNING: Duration = Duration::from_secs(10);

/// How long until the next warning.
const NEXT_WARNING: Duration = Duration::from_secs(600);
