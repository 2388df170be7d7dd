//! Consumer groups: who may read which partition.
//!
//! Kafka's cooperative protocol without the wire: a partition goes to a new owner only after the
//! old one has acknowledged its revocation, has left, or has not polled for its session timeout.
//! Deadlines are checked by the members that wait for them, so nothing runs in the background.

mod assignment;
pub(crate) mod claims;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_api::pattern::Pattern;
use connect_broker::BrokerError;
use connect_broker::ConsumerOptions;
use connect_broker::StartOffset;
use connect_broker::Subscription;
use connect_core::sync::lock;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::group::assignment::assign;

/// What a member of a group wants to read.
#[derive(Debug, Clone)]
pub(crate) struct Interest {
    /// Which topics.
    pub(crate) reads: Reads,
    /// True if it starts at the first record of partitions without a committed offset.
    pub(crate) from_start: bool,
}

/// Which topics a member of a group wants to read.
#[derive(Debug, Clone)]
pub(crate) enum Reads {
    /// All whose whole name matches.
    Pattern(Pattern),
    /// These.
    Topics(BTreeSet<TopicName>),
}

impl Interest {
    /// What a subscription to topics wants.
    ///
    /// # Errors
    /// [`BrokerError::InvalidOption`] for a subscription that this log does not know.
    pub(crate) fn new(
        subscription: &Subscription,
        start: StartOffset,
    ) -> Result<Self, BrokerError> {
        let reads = match subscription {
            Subscription::Partitions(partitions) => {
                Reads::Topics(partitions.iter().map(|p| p.topic.clone()).collect())
            }
            Subscription::Pattern(pattern) => Reads::Pattern(pattern.clone()),
            Subscription::Topics(topics) => Reads::Topics(topics.iter().cloned().collect()),
            other => {
                let problem = format!("the log inside the process cannot read {other:?}");
                return Err(BrokerError::InvalidOption(problem));
            }
        };
        Ok(Self {
            reads,
            from_start: start != StartOffset::Latest,
        })
    }
}

impl Reads {
    /// True if the topic is wanted.
    fn want(&self, topic: &TopicName) -> bool {
        match self {
            Self::Pattern(pattern) => pattern.matches(topic).unwrap_or_else(|error| {
                tracing::error!(%topic, %error, "whether a group reads the topic is unknown; it does not read it");
                false
            }),
            Self::Topics(topics) => topics.contains(topic),
        }
    }
}

/// The group of a consumer that shares topics with others.
///
/// # Errors
/// [`BrokerError::InvalidOption`] if there is none.
pub(crate) fn group_of(options: &ConsumerOptions) -> Result<&str, BrokerError> {
    let group = options.group.as_deref().filter(|group| !group.is_empty());
    let problem = "a subscription to topics needs a consumer group";
    group.ok_or_else(|| BrokerError::InvalidOption(problem.to_owned()))
}

/// What a member learns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// New partitions.
    Assigned(Vec<TopicPartition>),
    /// Partitions that were lost without notice.
    Lost(Vec<TopicPartition>),
    /// Partitions that are revoked.
    Revoked(Vec<TopicPartition>),
}

/// Number of partitions of each topic.
pub(crate) type TopicSizes = BTreeMap<TopicName, i32>;

/// All groups of a log.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    groups: Mutex<HashMap<String, Group>>,
}

#[derive(Debug, Default)]
struct Group {
    members: BTreeMap<u64, Member>,
    next_id: u64,
    topics: TopicSizes,
    /// Where partitions without a committed offset are read from.
    begun: BTreeMap<TopicPartition, i64>,
}

#[derive(Debug)]
struct Member {
    interest: Interest,
    owned: BTreeSet<TopicPartition>,
    target: BTreeSet<TopicPartition>,
    /// The change that was returned and is not acknowledged yet.
    asked: Option<Change>,
    /// What the member lost. `Some` keeps it out of assignments until it has acknowledged that.
    lost: Option<Vec<TopicPartition>>,
    signal: Arc<Notify>,
    /// Nothing has changed since the last check, which found no change for the member.
    settled: bool,
    polling: bool,
    seen: Instant,
    timeout: Duration,
}

impl Groups {
    /// Adds a member.
    pub(crate) fn join(
        &self,
        group: &str,
        interest: Interest,
        timeout: Duration,
        signal: Arc<Notify>,
        topics: TopicSizes,
    ) -> u64 {
        let mut groups = lock(&self.groups);
        let group = groups.entry(group.to_owned()).or_default();
        group.next_id += 1;
        let id = group.next_id;
        let member = Member {
            interest,
            owned: BTreeSet::new(),
            target: BTreeSet::new(),
            asked: None,
            lost: None,
            signal,
            settled: false,
            polling: false,
            seen: Instant::now(),
            timeout,
        };
        group.members.insert(id, member);
        group.topics = topics;
        group.rebalance();
        id
    }

    /// Removes a member. Its partitions can be assigned at once.
    pub(crate) fn leave(&self, group: &str, id: u64) {
        let mut groups = lock(&self.groups);
        if let Some(state) = groups.get_mut(group) {
            state.members.remove(&id);
            state.rebalance();
            if state.members.is_empty() {
                groups.remove(group);
            }
        }
    }

    /// Records that a member starts or stops waiting in `poll`.
    pub(crate) fn polling(&self, group: &str, id: u64, polling: bool) {
        let mut groups = lock(&self.groups);
        if let Some(member) = groups
            .get_mut(group)
            .and_then(|group| group.members.get_mut(&id))
        {
            member.polling = polling;
            member.seen = Instant::now();
        }
    }

    /// The next change for a member, or when to ask again.
    pub(crate) fn next(&self, group: &str, id: u64) -> Result<Change, Option<Instant>> {
        let mut groups = lock(&self.groups);
        let Some(group) = groups.get_mut(group) else {
            return Err(None);
        };
        group.expire(Instant::now());
        match group.next_change(id) {
            Some(change) => Ok(change),
            None => Err(group.next_expiry(id)),
        }
    }

    /// A member acknowledges its last change.
    pub(crate) fn answer(&self, group: &str, id: u64) {
        let mut groups = lock(&self.groups);
        let Some(group) = groups.get_mut(group) else {
            return;
        };
        let Some(member) = group.members.get_mut(&id) else {
            return;
        };
        member.seen = Instant::now();
        match member.asked.take() {
            None => {}
            // There may be another change by now.
            Some(Change::Assigned(_)) => {
                member.settled = false;
                member.signal.notify_one();
            }
            Some(Change::Lost(_)) => {
                member.lost = None;
                group.rebalance();
            }
            Some(Change::Revoked(partitions)) => {
                for partition in &partitions {
                    member.owned.remove(partition);
                }
                group.wake();
            }
        }
    }

    /// The first of some partitions that a member does not own.
    pub(crate) fn not_owned<'a>(
        &self,
        group: &str,
        id: u64,
        mut partitions: impl Iterator<Item = &'a TopicPartition>,
    ) -> Option<&'a TopicPartition> {
        let groups = lock(&self.groups);
        let owned = groups
            .get(group)
            .and_then(|group| group.members.get(&id))
            .map(|m| &m.owned);
        partitions.find(|partition| owned.is_none_or(|owned| !owned.contains(*partition)))
    }

    /// True while a group has members.
    pub(crate) fn is_in_use(&self, group: &str) -> bool {
        let mut groups = lock(&self.groups);
        groups.get_mut(group).is_some_and(|group| {
            group.expire(Instant::now());
            group.members.values().any(|member| member.lost.is_none())
        })
    }

    /// What the members of each group want.
    pub(crate) fn interests(&self) -> Vec<(String, Interest)> {
        let mut interests = Vec::new();
        for (name, group) in lock(&self.groups).iter() {
            for member in group.members.values() {
                interests.push((name.clone(), member.interest.clone()));
            }
        }
        interests
    }

    /// Records where a member starts to read a partition without a committed offset.
    pub(crate) fn begin(&self, group: &str, partition: &TopicPartition, offset: i64) {
        if let Some(group) = lock(&self.groups).get_mut(group) {
            group.begun.entry(partition.clone()).or_insert(offset);
        }
    }

    /// Where the members of a group started to read a partition without a committed offset.
    pub(crate) fn begun(&self, group: &str, partition: &TopicPartition) -> Option<i64> {
        lock(&self.groups).get(group)?.begun.get(partition).copied()
    }

    /// Rebalances after topics were created or deleted.
    pub(crate) fn topics_changed(&self, topics: &TopicSizes) {
        for group in lock(&self.groups).values_mut() {
            group.topics.clone_from(topics);
            group
                .begun
                .retain(|partition, _| topics.contains_key(&partition.topic));
            group.rebalance();
        }
    }

    /// Wakes all members.
    pub(crate) fn wake(&self) {
        for group in lock(&self.groups).values_mut() {
            group.wake();
        }
    }
}

impl Group {
    fn rebalance(&mut self) {
        let members: Vec<(u64, BTreeSet<TopicPartition>)> = self
            .members
            .iter()
            .filter(|(_, member)| member.lost.is_none())
            .map(|(id, member)| (*id, member.target.clone()))
            .collect();
        let mut wanted = BTreeMap::new();
        for (topic, partitions) in &self.topics {
            let who: Vec<u64> = members
                .iter()
                .map(|(id, _)| *id)
                .filter(|id| {
                    self.members
                        .get(id)
                        .is_some_and(|m| m.interest.reads.want(topic))
                })
                .collect();
            if !who.is_empty() {
                for partition in 0..*partitions {
                    wanted.insert(TopicPartition::new(topic.clone(), partition), who.clone());
                }
            }
        }
        let mut targets = assign(&members, &wanted);
        for (id, member) in &mut self.members {
            member.target = targets.remove(id).unwrap_or_default();
        }
        self.wake();
    }

    /// Takes the partitions of members that have not polled for their session timeout.
    fn expire(&mut self, now: Instant) {
        let mut any = false;
        for member in self.members.values_mut() {
            if member.lost.is_none() && member.expiry().is_some_and(|expiry| expiry <= now) {
                let owned = std::mem::take(&mut member.owned);
                tracing::info!(partitions = owned.len(), "a consumer did not poll in time");
                member.lost = Some(owned.into_iter().collect());
                member.asked = None;
                any = true;
            }
        }
        if any {
            self.rebalance();
        }
    }

    fn next_change(&mut self, id: u64) -> Option<Change> {
        let member = self.members.get_mut(&id)?;
        if member.asked.is_some() || member.settled {
            return None;
        }
        if let Some(lost) = &member.lost {
            if lost.is_empty() {
                // There is nothing to report and so nothing to acknowledge.
                member.lost = None;
                self.rebalance();
                return self.next_change(id);
            }
            member.asked = Some(Change::Lost(lost.clone()));
            return member.asked.clone();
        }
        let revoked: Vec<_> = member.owned.difference(&member.target).cloned().collect();
        if !revoked.is_empty() {
            member.asked = Some(Change::Revoked(revoked));
            return member.asked.clone();
        }
        let mut added: Vec<_> = member.target.difference(&member.owned).cloned().collect();
        for (_, other) in self.members.iter().filter(|(other, _)| **other != id) {
            added.retain(|partition| !other.owned.contains(partition));
        }
        let member = self.members.get_mut(&id)?;
        if added.is_empty() {
            member.settled = true;
            return None;
        }
        member.owned.extend(added.iter().cloned());
        member.asked = Some(Change::Assigned(added));
        member.asked.clone()
    }

    /// When the session of the first other member ends if it does not poll.
    fn next_expiry(&self, id: u64) -> Option<Instant> {
        let others = self
            .members
            .iter()
            .filter(|(other, m)| **other != id && m.lost.is_none());
        others.filter_map(|(_, member)| member.expiry()).min()
    }

    fn wake(&mut self) {
        for member in self.members.values_mut() {
            member.settled = false;
            member.signal.notify_one();
        }
    }
}

impl Member {
    fn expiry(&self) -> Option<Instant> {
        if self.polling {
            None
        } else {
            self.seen.checked_add(self.timeout)
        }
    }
}
