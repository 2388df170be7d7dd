//! The thread of a consumer, the only one that takes records from librdkafka.
//!
//! It reads one batch ahead of the async side, and stops polling when the async side does, so that
//! a task that hangs loses its partitions as it must. A change of the assignment is reported to the
//! async side and carried out once that has answered; librdkafka keeps the old assignment until
//! then.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_broker::BrokerError;
use rdkafka::Offset;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::fetch::Fetcher;
use super::handoff::Command;
use super::handoff::Handoff;
use super::handoff::ReaderEvent;
use super::offsets::LOOK_UP;
use super::offsets::Start;
use super::offsets::list_with_starts;
use super::offsets::no_start;
use super::offsets::starts;
use super::positions::Positions;
use super::subscription::MissingTopics;
use crate::callbacks::Rebalance;
use crate::client::call_error;
use crate::client::list;
use crate::client::list_with;
use crate::client::spawn;
use crate::error::Subject;
use crate::error::error;
use crate::ffi;
use crate::ffi::Client;
use crate::ffi::ConsumerQueue;
use crate::ffi::Failure;
use crate::ffi::FetchedError;

/// How long one wait for records or the async side lasts at most.
const WAIT: Duration = Duration::from_millis(100);

/// How long a seek may take; it does not wait for a broker.
const SEEK: Duration = Duration::from_secs(5);

/// The thread of a consumer.
pub(super) struct Reader {
    queue: Arc<ConsumerQueue>,
    handoff: Arc<Handoff>,
    fetcher: Fetcher,
    start: Start,
    /// `None` if the consumer has no group.
    group: Option<String>,
    /// A member that does not poll for this long loses its partitions.
    max_poll_interval: Duration,
    missing: Arc<MissingTopics>,
    paused: BTreeSet<TopicPartition>,
    positions: Positions,
    /// The number of the last seek.
    seek: u64,
    /// The number of the last change of the assignment.
    change: u64,
    /// When librdkafka was last polled.
    polled: Instant,
}

impl Reader {
    pub(super) fn new(
        queue: Arc<ConsumerQueue>,
        handoff: &Arc<Handoff>,
        fetcher: Fetcher,
        start: Start,
        group: Option<String>,
        max_poll_interval: Duration,
        missing: &Arc<MissingTopics>,
    ) -> Self {
        Self {
            queue,
            handoff: Arc::clone(handoff),
            fetcher,
            start,
            group,
            max_poll_interval,
            missing: Arc::clone(missing),
            paused: BTreeSet::new(),
            positions: Positions::default(),
            seek: 0,
            change: 0,
            polled: Instant::now(),
        }
    }

    /// Starts the thread.
    pub(super) fn start(self) -> Result<(), BrokerError> {
        spawn("kafka-consumer", move || {
            let handoff = Arc::clone(&self.handoff);
            handoff.contain(|| self.run());
            handoff.set_left();
        })
    }

    /// Runs until the async side is gone, then leaves the group.
    fn run(mut self) {
        // If the async side has not polled for this long, nothing is read ahead.
        let recent = (self.max_poll_interval / 10).min(Duration::from_secs(1));
        while !self.handoff.is_stopped() {
            self.run_commands();
            if let Some(rebalance) = self.client().context().next_rebalance() {
                self.rebalance(rebalance);
            } else if self.handoff.wait_for_demand(WAIT, recent) {
                self.fetch();
            }
        }
        self.answer_rebalances();
        ffi::close(self.client());
        self.handoff.set_left();
        // Dropping the last handle takes a while and must not happen on another thread, so this one
        // waits until it has the last.
        let client = Arc::clone(self.client());
        let begin = Instant::now();
        let is_shared = || Arc::strong_count(&self.queue) > 1 || Arc::strong_count(&client) > 2;
        while is_shared() && begin.elapsed() < LOOK_UP {
            thread::park_timeout(Duration::from_millis(1));
        }
    }

    fn client(&self) -> &Arc<Client> {
        self.queue.client()
    }

    /// Carries out the changes that the async side will no longer answer: closing waits for
    /// them.
    fn answer_rebalances(&self) {
        let client = self.client();
        while let Some(rebalance) = client.context().next_rebalance() {
            let partitions = list(&rebalance.partitions);
            let answered = match (rebalance.cooperative, rebalance.assign) {
                (true, true) => ffi::incremental_assign(client, &partitions),
                (true, false) => ffi::incremental_unassign(client, &partitions),
                (false, _) => ffi::unassign(client),
            };
            if let Err(failure) = answered {
                tracing::debug!(
                    error = failure.text,
                    "a rebalance could not be completed before leaving the group"
                );
            }
        }
    }

    fn fetch(&mut self) {
        if self.polled.elapsed() > self.max_poll_interval {
            // The group has removed this member, even if librdkafka has not noticed yet.
            self.client().context().set_removed(true);
        }
        let (mut fetch, errors) = self.fetcher.fetch(&self.queue, WAIT);
        self.polled = Instant::now();
        if fetch.count > 0 || !fetch.ends.is_empty() {
            self.positions.advance(&fetch);
            fetch.seek = self.seek;
            self.report(ReaderEvent::Records(fetch));
        }
        for error in errors {
            if let Some(error) = self.error_to_report(&error) {
                self.report(ReaderEvent::Failed(error));
            }
        }
    }

    /// The error that poll returns; `None` for those that pass.
    fn error_to_report(&self, fetched: &FetchedError) -> Option<BrokerError> {
        let FetchedError {
            code,
            text,
            topic,
            partition,
        } = fetched;
        let name = topic.as_ref();
        let subject = name.map_or(Subject::Cluster, Subject::Topic);
        match code {
            Code::UnknownTopic | Code::UnknownTopicOrPartition => {
                tracing::warn!(
                    topic = name.map(|name| name.as_str()),
                    "the topic does not exist; reading starts once it does"
                );
                if let Some(name) = name {
                    self.missing.add(name);
                }
                None
            }
            // A rebalance reports the partitions as lost.
            Code::PollExceeded => {
                tracing::warn!("{text}");
                None
            }
            Code::Fatal | Code::FencedInstanceId => Some(BrokerError::Rejected(text.clone())),
            Code::AutoOffsetReset => {
                let topic = name.map_or("", TopicName::as_str);
                let partition = TopicPartition::new(topic, *partition);
                Some(no_start(&partition, self.group.as_deref(), text))
            }
            // A consumer without a group needs no rights on groups.
            Code::GroupAuthorizationFailed if self.group.is_none() => None,
            _ => match error(*code, text, subject) {
                BrokerError::Unavailable(_) => {
                    tracing::debug!(%code, error = text, "reading failed, which librdkafka retries");
                    None
                }
                error => Some(error),
            },
        }
    }

    /// Passes an event to the async side. Runs commands while an earlier event still waits.
    fn report(&mut self, mut event: ReaderEvent) {
        while !self.handoff.is_stopped() {
            match self.handoff.put(event) {
                Ok(()) => return,
                Err(back) => event = back,
            }
            self.handoff.wait_for_room(WAIT);
            self.run_commands();
        }
    }

    fn run_commands(&mut self) {
        while let Some(command) = self.handoff.next_command() {
            self.run_command(command);
        }
    }

    fn run_command(&mut self, command: Command) {
        let result = match command {
            // An answer that came too late.
            Command::Answer(_) => Ok(()),
            Command::Pause(partitions) => {
                let paused = ffi::pause(self.client(), &list(&partitions));
                let sought = self.seek_to_positions(|partition| partitions.contains(partition));
                self.paused.extend(partitions);
                paused.and(sought)
            }
            Command::Resume(partitions) => {
                for partition in &partitions {
                    self.paused.remove(partition);
                }
                ffi::resume(self.client(), &list(&partitions))
            }
            Command::Seek {
                partition,
                offset,
                number,
            } => {
                self.seek = number;
                self.positions.set(&partition, offset);
                seek(self.client(), &partition, offset)
            }
        };
        if let Err(failure) = result {
            let error = call_error(&failure, Subject::Cluster, self.client().context());
            self.report(ReaderEvent::Failed(error));
        }
    }

    /// Makes librdkafka resume paused partitions at their real positions: see [`Positions`]. It
    /// returns nothing that was fetched before the pause.
    fn seek_to_positions(&self, wanted: impl Fn(&TopicPartition) -> bool) -> Result<(), Failure> {
        match self.positions.list(wanted) {
            // Without waiting: librdkafka carries out pauses and seeks in their order.
            Some(list) => ffi::seek(self.client(), &list, Duration::ZERO).map(drop),
            None => Ok(()),
        }
    }

    /// Reports a change of the assignment to the async side and carries it out.
    fn rebalance(&mut self, rebalance: Rebalance) {
        let result = if rebalance.assign {
            self.assign(rebalance)
        } else {
            self.revoke(rebalance)
        };
        if let Err(failure) = result {
            let error = call_error(&failure, Subject::Cluster, self.client().context());
            self.report(ReaderEvent::Failed(error));
        }
    }

    fn assign(&mut self, rebalance: Rebalance) -> Result<(), Failure> {
        let Rebalance {
            cooperative,
            partitions,
            ..
        } = rebalance;
        self.client().context().set_removed(false);
        self.positions.remove(&partitions);
        let has_group = self.group.is_some();
        let mut starts = starts(self.client(), &partitions, has_group, self.start);
        if !partitions.is_empty() {
            self.change += 1;
            self.report(ReaderEvent::Assigned {
                number: self.change,
                partitions: partitions.clone(),
                starts: starts.clone(),
            });
            self.wait_for_answer(Some((&partitions, &mut starts)));
        }
        let list = list_with_starts(&partitions, &starts, has_group, self.start);
        if cooperative {
            // librdkafka has paused all other partitions meanwhile.
            self.seek_to_positions(|_| true)?;
            ffi::incremental_assign(self.client(), &list)?;
        } else {
            ffi::assign(self.client(), &list)?;
        }
        let paused: Vec<_> = partitions
            .iter()
            .filter(|p| self.paused.contains(p))
            .collect();
        if paused.is_empty() {
            return Ok(());
        }
        ffi::pause(self.client(), &self::list(paused))
    }

    fn revoke(&mut self, rebalance: Rebalance) -> Result<(), Failure> {
        let Rebalance {
            lost,
            cooperative,
            partitions,
            ..
        } = rebalance;
        let lost = lost || self.client().context().is_removed();
        if !partitions.is_empty() {
            self.change += 1;
            let (number, partitions) = (self.change, partitions.clone());
            self.report(if lost {
                ReaderEvent::Lost { number, partitions }
            } else {
                ReaderEvent::Revoked { number, partitions }
            });
            self.wait_for_answer(None);
        }
        for partition in &partitions {
            self.paused.remove(partition);
        }
        self.positions.remove(&partitions);
        if cooperative {
            self.seek_to_positions(|_| true)?;
            return ffi::incremental_unassign(self.client(), &list(&partitions));
        }
        ffi::unassign(self.client())
    }

    /// Waits for the answer to a change, at most for `max.poll.interval.ms`. Commands about `added`
    /// partitions change how these are assigned.
    fn wait_for_answer(
        &mut self,
        added: Option<(&[TopicPartition], &mut BTreeMap<TopicPartition, i64>)>,
    ) {
        let (added, mut starts) = added.unzip();
        let added = added.unwrap_or_default();
        let begin = Instant::now();
        while !self.handoff.is_stopped() && begin.elapsed() < self.max_poll_interval {
            match self.handoff.next_command() {
                Some(Command::Answer(number)) if number == self.change => return,
                Some(Command::Answer(_)) => {}
                Some(Command::Seek {
                    partition,
                    offset,
                    number,
                }) if added.contains(&partition) => {
                    self.seek = number;
                    if let Some(starts) = &mut starts {
                        starts.insert(partition, offset);
                    }
                }
                Some(Command::Pause(partitions)) => {
                    let (new, old) = split(partitions, added);
                    self.paused.extend(new);
                    self.run_command(Command::Pause(old));
                }
                Some(Command::Resume(partitions)) => {
                    let (new, old) = split(partitions, added);
                    self.paused.retain(|partition| !new.contains(partition));
                    self.run_command(Command::Resume(old));
                }
                Some(command) => self.run_command(command),
                None => self.handoff.wait_for_command(WAIT),
            }
        }
    }
}

/// Splits partitions into those that are among `others`, and the rest.
fn split(
    partitions: Vec<TopicPartition>,
    others: &[TopicPartition],
) -> (Vec<TopicPartition>, Vec<TopicPartition>) {
    partitions
        .into_iter()
        .partition(|partition| others.contains(partition))
}

/// Moves a position. Repeated while a partition that was just assigned is not ready.
fn seek(client: &Client, partition: &TopicPartition, offset: i64) -> Result<(), Failure> {
    let begin = Instant::now();
    loop {
        let list = list_with(std::iter::once((partition, Offset::Offset(offset))));
        let result = ffi::seek(client, &list, SEEK)?;
        match result.first().and_then(|element| element.error) {
            Some(Code::State | Code::PreviousInProgress) if begin.elapsed() < SEEK => {
                thread::park_timeout(Duration::from_millis(5));
            }
            // The partition was revoked meanwhile.
            Some(Code::State | Code::UnknownPartition) | None => return Ok(()),
            Some(code) => {
                return Err(Failure::new(
                    code,
                    format!("seeking in partition {partition} failed: {code}"),
                ));
            }
        }
    }
}
