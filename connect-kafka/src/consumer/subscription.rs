//! Keeping a subscription up to date.
//!
//! Two things are not left to librdkafka. Its patterns have another syntax, so topics that match
//! are looked up here. And it looks for subscribed topics that do not exist yet only every
//! `metadata.max.age.ms`, five minutes by default, so those are looked up here, too.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::time::Duration;

use connect_api::TopicName;
use connect_api::pattern::Pattern;
use connect_broker::BrokerError;
use connect_core::sync::lock;
use rdkafka::TopicPartitionList;

use super::handoff::Handoff;
use crate::client::call_error;
use crate::client::spawn;
use crate::client::topics;
use crate::error::Subject;
use crate::ffi;
use crate::ffi::Client;
use crate::ffi::Failure;

/// How long listing the topics of a cluster may take.
const LISTING: Duration = Duration::from_secs(10);

/// How often missing topics are looked for.
const MISSING_INTERVAL: Duration = Duration::from_secs(1);

/// Which subscribed topics do not exist, as far as the consumer's thread was told.
#[derive(Debug, Default)]
pub(super) struct MissingTopics {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    missing: BTreeSet<TopicName>,
    is_stopped: bool,
}

impl MissingTopics {
    /// Notes that a topic does not exist.
    pub(super) fn add(&self, topic: &TopicName) {
        lock(&self.state).missing.insert(topic.clone());
        self.changed.notify_all();
    }

    fn stop(&self) {
        lock(&self.state).is_stopped = true;
        self.changed.notify_all();
    }

    /// Waits for the interval or a stop. False if stopped.
    fn pause(&self, interval: Duration) -> bool {
        let state = lock(&self.state);
        let waited = self
            .changed
            .wait_timeout_while(state, interval, |state| !state.is_stopped);
        drop(waited);
        !lock(&self.state).is_stopped
    }

    /// Waits until topics are missing and returns them; `None` if stopped.
    fn wait(&self) -> Option<BTreeSet<TopicName>> {
        let state = lock(&self.state);
        let waiting = |state: &mut State| state.missing.is_empty() && !state.is_stopped;
        drop(self.changed.wait_while(state, waiting));
        let state = lock(&self.state);
        (!state.is_stopped).then(|| state.missing.clone())
    }

    fn remove(&self, topics: &BTreeSet<TopicName>) {
        lock(&self.state)
            .missing
            .retain(|topic| !topics.contains(topic));
    }
}

/// A thread that keeps a subscription up to date. Ends when dropped.
#[derive(Debug)]
pub(super) struct Watch {
    missing: Arc<MissingTopics>,
}

impl Watch {
    /// Subscribes to topics, and looks for those that are missing.
    pub(super) fn names(
        client: &Arc<Client>,
        names: &[TopicName],
        missing: &Arc<MissingTopics>,
        handoff: &Arc<Handoff>,
    ) -> Result<Self, BrokerError> {
        subscribe(client, names)
            .map_err(|failure| call_error(&failure, Subject::Cluster, client.context()))?;
        let (client, own) = (Arc::clone(client), Arc::clone(missing));
        Self::start("kafka-topics", missing, handoff, move |_| {
            while let Some(topics) = own.wait() {
                look_for_missing(&client, &own, &topics);
                if !own.pause(MISSING_INTERVAL) {
                    return;
                }
            }
        })
    }

    /// Subscribes to the topics whose whole name matches a pattern, at once and in every interval.
    pub(super) fn pattern(
        client: &Arc<Client>,
        matching: Matching,
        interval: Duration,
        handoff: &Arc<Handoff>,
    ) -> Result<Self, BrokerError> {
        let missing = Arc::new(MissingTopics::default());
        let (client, own) = (Arc::clone(client), Arc::clone(&missing));
        Self::start("kafka-pattern", &missing, handoff, move |handoff| {
            let mut subscribed = Vec::new();
            loop {
                if let Err(error) = update(&client, &matching, &mut subscribed) {
                    handoff.fail(error);
                    return;
                }
                if !own.pause(interval) {
                    return;
                }
            }
        })
    }

    fn start(
        name: &str,
        missing: &Arc<MissingTopics>,
        handoff: &Arc<Handoff>,
        work: impl FnOnce(&Handoff) + Send + 'static,
    ) -> Result<Self, BrokerError> {
        let handoff = Arc::clone(handoff);
        spawn(name, move || handoff.contain(|| work(&handoff)))?;
        Ok(Self {
            missing: Arc::clone(missing),
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.missing.stop();
    }
}

/// Asks for missing topics one by one. If there are some now, lists all topics once: librdkafka
/// compares its subscription only with such a list.
fn look_for_missing(client: &Client, missing: &MissingTopics, wanted: &BTreeSet<TopicName>) {
    let exists = |topic: &&TopicName| {
        let metadata = client.fetch_metadata(Some(topic), LISTING);
        metadata.is_ok_and(|metadata| {
            metadata
                .topics()
                .iter()
                .any(|topic| topic.error().is_none() && !topic.partitions().is_empty())
        })
    };
    let found: BTreeSet<TopicName> = wanted.iter().filter(exists).cloned().collect();
    if found.is_empty() {
        return;
    }
    match topics(client, LISTING) {
        // A broker that does not know a new topic yet may have answered.
        Ok(listed) => missing.remove(
            &listed
                .into_iter()
                .map(|topic| topic.name)
                .filter(|name| found.contains(name))
                .collect(),
        ),
        Err(failure) => tracing::debug!(error = failure.text, "topics cannot be listed now"),
    }
}

/// The topics that a subscription by pattern is for.
pub(super) struct Matching {
    pub(super) pattern: Pattern,
    pub(super) exclude_internal: bool,
}

impl Matching {
    fn matches(&self, topic: &str, is_internal: bool) -> Result<bool, BrokerError> {
        if is_internal && self.exclude_internal {
            return Ok(false);
        }
        self.pattern.matches(topic).map_err(|error| {
            BrokerError::InvalidOption(format!("matching topic \"{topic}\": {error}"))
        })
    }
}

/// Subscribes again if other topics match than those that are `subscribed`.
///
/// # Errors
/// Matching took too many steps.
fn update(
    client: &Client,
    matching: &Matching,
    subscribed: &mut Vec<TopicName>,
) -> Result<(), BrokerError> {
    let listed = match topics(client, LISTING) {
        Ok(listed) => listed,
        Err(failure) => {
            tracing::debug!(error = failure.text, "topics cannot be listed now");
            return Ok(());
        }
    };
    let mut found = Vec::new();
    for topic in listed {
        if matching.matches(&topic.name, topic.internal)? {
            found.push(topic.name);
        }
    }
    found.sort_unstable();
    // librdkafka has no subscription to no topics, so the last topic stays until another matches.
    if found == *subscribed || found.is_empty() {
        return Ok(());
    }
    match subscribe(client, &found) {
        Ok(()) => {
            tracing::info!(
                pattern = matching.pattern.as_str(),
                topics = found.len(),
                "subscribed to the topics that match"
            );
            *subscribed = found;
        }
        Err(failure) => tracing::warn!(
            pattern = matching.pattern.as_str(),
            error = failure.text,
            "subscribing to the topics that match failed"
        ),
    }
    Ok(())
}

fn subscribe(client: &Client, topics: &[TopicName]) -> Result<(), Failure> {
    let mut list = TopicPartitionList::new();
    for topic in topics {
        list.add_topic_unassigned(topic);
    }
    ffi::subscribe(client, &list)
}
