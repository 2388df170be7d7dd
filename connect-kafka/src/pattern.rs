//! Subscriptions by pattern: librdkafka's own have another syntax, so the topics are listed here.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;

use connect_api::pattern::Pattern;
use connect_broker::BrokerError;
use rdkafka::TopicPartitionList;

use crate::ffi;
use crate::ffi::Client;

/// How long a listing may take.
const LISTING: Duration = Duration::from_secs(10);

/// A thread that keeps a subscription to all topics that match a pattern. Ends when dropped.
#[derive(Debug)]
pub(crate) struct PatternWatch {
    stop: Arc<Stop>,
}

#[derive(Debug, Default)]
struct Stop {
    stopped: Mutex<bool>,
    bell: Condvar,
}

impl PatternWatch {
    /// Starts looking, at once and then in every interval. The pattern matches whole names.
    pub(crate) fn start(
        client: &Arc<Client>,
        pattern: &Pattern,
        exclude_internal: bool,
        interval: Duration,
    ) -> Result<Self, BrokerError> {
        let pattern = pattern.clone();
        let stop = Arc::new(Stop::default());
        let (client, stopped) = (Arc::clone(client), Arc::clone(&stop));
        thread::Builder::new()
            .name("kafka-pattern".into())
            .spawn(move || {
                let mut known = BTreeSet::new();
                while !*stopped
                    .stopped
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                {
                    look(&client, &pattern, exclude_internal, &mut known);
                    let guard = stopped
                        .stopped
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner);
                    drop(
                        stopped
                            .bell
                            .wait_timeout_while(guard, interval, |stopped| !*stopped),
                    );
                }
            })
            .map_err(|error| BrokerError::Unavailable(format!("starting a thread: {error}")))?;
        Ok(Self { stop })
    }
}

impl Drop for PatternWatch {
    fn drop(&mut self) {
        *self
            .stop
            .stopped
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.bell.notify_all();
    }
}

/// Subscribes anew if the topics have changed.
fn look(client: &Client, pattern: &Pattern, exclude_internal: bool, known: &mut BTreeSet<String>) {
    let metadata = match client.fetch_metadata(None, LISTING) {
        Ok(metadata) => metadata,
        Err(error) => {
            tracing::debug!(%error, "topics cannot be listed at the moment");
            return;
        }
    };
    let found: BTreeSet<String> = metadata
        .topics()
        .iter()
        .filter(|topic| topic.error().is_none())
        .map(|topic| topic.name().to_owned())
        .filter(|name| !(exclude_internal && is_internal(name)))
        .filter(|name| {
            pattern.matches(name).unwrap_or_else(|error| {
                tracing::error!(topic = name, %error, "whether the topic is read is unknown; it is not read");
                false
            })
        })
        .collect();
    // The last topic of a subscription stays until there is another: none at all is no
    // subscription.
    if found == *known || found.is_empty() {
        return;
    }
    let mut list = TopicPartitionList::new();
    for name in &found {
        list.add_topic_unassigned(name);
    }
    match ffi::subscribe(client, &list) {
        Ok(()) => {
            tracing::info!(topics = found.len(), "subscribed to the topics that match");
            *known = found;
        }
        Err(failure) => tracing::warn!(text = failure.text, "subscribing is not possible"),
    }
}

/// True for topics that the cluster makes for itself.
pub(crate) fn is_internal(name: &str) -> bool {
    matches!(
        name,
        "__consumer_offsets" | "__share_group_state" | "__transaction_state"
    )
}
