//! Where partitions start: committed offsets, and the first and next offsets of partitions.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use connect_api::TopicPartition;
use connect_broker::BrokerError;
use connect_broker::StartOffset;
use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::client::PROPAGATION;
use crate::client::list;
use crate::client::list_with;
use crate::error::Subject;
use crate::error::error;
use crate::ffi;
use crate::ffi::Client;
use crate::ffi::Failure;

/// How long a look-up of offsets may take.
pub(super) const LOOK_UP: Duration = Duration::from_secs(10);

/// The pause before a look-up is repeated.
const PAUSE: Duration = Duration::from_millis(100);

/// Where a partition without a committed offset starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Earliest,
    /// Nowhere: that is an error.
    Fail,
    Latest,
}

impl Start {
    pub(super) fn edge(self) -> Option<Offset> {
        match self {
            Self::Earliest => Some(Offset::Beginning),
            Self::Fail => None,
            Self::Latest => Some(Offset::End),
        }
    }
}

impl From<StartOffset> for Start {
    fn from(start: StartOffset) -> Self {
        match start {
            StartOffset::Latest => Self::Latest,
            _ => Self::Earliest,
        }
    }
}

/// The error of a partition without an offset to start at, if `auto.offset.reset` is none.
pub(super) fn no_start(partition: &TopicPartition, group: Option<&str>, why: &str) -> BrokerError {
    let group = group.map_or(String::new(), |group| {
        format!(" for consumer group \"{group}\"")
    });
    BrokerError::Rejected(format!(
        "to start partition {partition}{group} without a valid offset: {why}; auto.offset.reset is \
         none, so commit an offset for it, or set auto.offset.reset to earliest or latest"
    ))
}

/// Where partitions start: at what the group committed, else at their beginning or end. Partitions
/// whose start cannot be looked up now are absent.
pub(super) fn starts(
    client: &Client,
    partitions: &[TopicPartition],
    has_group: bool,
    start: Start,
) -> BTreeMap<TopicPartition, i64> {
    if partitions.is_empty() {
        return BTreeMap::new();
    }
    let mut starts = BTreeMap::new();
    if has_group {
        starts = match committed(client, partitions, LOOK_UP) {
            Ok(committed) => committed,
            // Unknown is not the same as none. librdkafka looks them up itself, without a time
            // limit.
            Err(failure) => {
                tracing::debug!(error = failure.text, "committed offsets are not known yet");
                return BTreeMap::new();
            }
        }
    }
    let Some(edge) = start.edge() else {
        return starts;
    };
    // librdkafka would take half a second to find a start in a topic that it does not know yet.
    let missing = partitions
        .iter()
        .filter(|partition| !starts.contains_key(*partition));
    let missing: Vec<_> = missing.cloned().collect();
    match edges(client, &missing, edge) {
        Ok(edges) => starts.extend(edges),
        Err(failure) => {
            tracing::debug!(error = failure.text, "start offsets are not known yet");
        }
    }
    starts
}

/// What the group has committed; partitions without a committed offset are absent. Repeated while
/// it fails for a passing reason.
pub(super) fn committed(
    client: &Client,
    partitions: &[TopicPartition],
    limit: Duration,
) -> Result<BTreeMap<TopicPartition, i64>, Failure> {
    let begin = Instant::now();
    loop {
        let rest = limit.saturating_sub(begin.elapsed());
        let answer = ffi::committed(client, &list(partitions), rest).and_then(|elements| {
            match elements.iter().find_map(|element| element.error) {
                Some(code) => Err(Failure::new(code, code.to_string())),
                None => Ok(elements),
            }
        });
        match answer {
            Ok(elements) => {
                let known = elements.into_iter().filter(|element| element.offset >= 0);
                return Ok(known
                    .map(|element| (element.partition, element.offset))
                    .collect());
            }
            Err(failure)
                if begin.elapsed() < limit
                    && error(failure.code, "", Subject::Cluster).is_retriable() =>
            {
                thread::park_timeout(PAUSE);
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// The first or next offsets of partitions.
pub(super) fn edges(
    client: &Client,
    partitions: &[TopicPartition],
    edge: Offset,
) -> Result<BTreeMap<TopicPartition, i64>, Failure> {
    if partitions.is_empty() {
        return Ok(BTreeMap::new());
    }
    let begin = Instant::now();
    let elements = loop {
        let times = list_with(partitions.iter().map(|partition| (partition, edge)));
        match ffi::offsets_for_times(client, &times, LOOK_UP) {
            Err(failure)
                if failure.code == Code::UnknownPartition && begin.elapsed() < PROPAGATION =>
            {
                thread::park_timeout(PAUSE);
            }
            answer => break answer?,
        }
    };
    Ok(elements
        .into_iter()
        .filter(|element| element.offset >= 0 && element.error.is_none())
        .map(|element| (element.partition, element.offset))
        .collect())
}

/// The list for an assignment. librdkafka looks up the starts that are not known.
pub(super) fn list_with_starts(
    partitions: &[TopicPartition],
    starts: &BTreeMap<TopicPartition, i64>,
    has_group: bool,
    start: Start,
) -> TopicPartitionList {
    let edge = start.edge().filter(|_| !has_group);
    let unknown = edge.unwrap_or(Offset::Stored);
    let offset = |partition| match starts.get(partition) {
        Some(offset) => Offset::Offset(*offset),
        None => unknown,
    };
    list_with(
        partitions
            .iter()
            .map(|partition| (partition, offset(partition))),
    )
}
