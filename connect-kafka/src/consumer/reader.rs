//! The thread of a consumer: the only one that takes records from librdkafka.
//!
//! It reads one batch ahead of the async side, no further, and stops polling when the async side
//! does, so that a task that hangs loses its partitions as it must. A change of the assignment is
//! handed over and carried out when it was answered; librdkafka keeps the old one until then.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_broker::BrokerError;
use connect_broker::StartOffset;
use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::callbacks::Rebalance;
use crate::consumer::fetch::Fetcher;
use crate::consumer::handoff::Command;
use crate::consumer::handoff::Handoff;
use crate::consumer::handoff::Parcel;
use crate::consumer::positions::Reached;
use crate::error::Subject;
use crate::error::call_error;
use crate::error::error;
use crate::error::no_start;
use crate::ffi;
use crate::ffi::Client;
use crate::ffi::ConsumerQueue;
use crate::ffi::Failure;
use crate::ffi::FetchedError;

/// How long one wait for records or the async side lasts at most.
const TICK: Duration = Duration::from_millis(100);

/// How long a look-up of offsets may take.
const LOOK_UP: Duration = Duration::from_secs(10);

/// How long a partition may take to be known.
pub(crate) const SIGHT: Duration = Duration::from_secs(3);

/// How long a seek may take; it waits for no broker.
const SEEK: Duration = Duration::from_secs(5);

/// What the thread works with.
pub(crate) struct Reader {
    pub(crate) queue: Arc<ConsumerQueue>,
    pub(crate) handoff: Arc<Handoff>,
    pub(crate) fetcher: Fetcher,
    pub(crate) start: Start,
    /// `None` unless the consumer has a group of its own choice.
    pub(crate) group: Option<String>,
    /// A member that does not poll for this long loses its partitions.
    pub(crate) max_poll_interval: Duration,
    pub(crate) paused: BTreeSet<TopicPartition>,
    pub(crate) reached: Reached,
    /// The number of the last seek.
    pub(crate) seek: u64,
    /// The number of the last change of the assignment.
    pub(crate) change: u64,
    /// When librdkafka was last polled.
    pub(crate) polled: Instant,
}

impl Reader {
    /// Starts the thread.
    pub(crate) fn start(self) -> Result<(), BrokerError> {
        std::thread::Builder::new()
            .name("kafka-consumer".into())
            .spawn(move || self.run())
            .map(drop)
            .map_err(|error| BrokerError::Unavailable(format!("starting a thread: {error}")))
    }

    /// Runs until the async side is gone, then leaves the group.
    fn run(mut self) {
        // After this long without a poll of the async side, nothing is read ahead any more.
        let memory = (self.max_poll_interval / 10).min(Duration::from_secs(1));
        while !self.handoff.is_stopped() {
            self.obey_all();
            if let Some(rebalance) = self.client().context().next_rebalance() {
                self.rebalance(rebalance);
            } else if self.handoff.wait_for_demand(TICK, memory) {
                self.fetch();
            }
        }
        self.give_back();
        ffi::close(self.client());
        self.handoff.set_left();
        // Ending the client takes a while, which must not happen on another thread: this one waits
        // until it is the last that has it.
        let client = Arc::clone(self.client());
        let begin = Instant::now();
        let shared = || Arc::strong_count(&self.queue) > 1 || Arc::strong_count(&client) > 2;
        while shared() && begin.elapsed() < LOOK_UP {
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }

    fn client(&self) -> &Arc<Client> {
        self.queue.client()
    }

    /// Answers the changes that nobody is there for any more: closing waits for it.
    fn give_back(&self) {
        let client = self.client();
        while let Some(rebalance) = client.context().next_rebalance() {
            let partitions = list(rebalance.partitions.iter());
            let answered = match (rebalance.cooperative, rebalance.assign) {
                (true, true) => ffi::incremental_assign(client, &partitions),
                (true, false) => ffi::incremental_unassign(client, &partitions),
                (false, _) => ffi::unassign(client),
            };
            if let Err(failure) = answered {
                tracing::debug!(text = failure.text, "a change of a group at its end");
            }
        }
    }

    fn fetch(&mut self) {
        if self.polled.elapsed() > self.max_poll_interval {
            // The group has gone on without this member, even if librdkafka has not noticed.
            self.client().context().set_ousted(true);
        }
        let (mut fetch, errors) = self.fetcher.fetch(&self.queue, TICK);
        self.polled = Instant::now();
        if fetch.count > 0 || !fetch.ends.is_empty() {
            self.reached.take(&fetch);
            fetch.seek = self.seek;
            self.deliver(Parcel::Records(fetch));
        }
        for error in errors {
            if let Some(error) = self.judge(&error) {
                self.deliver(Parcel::Failed(error));
            }
        }
    }

    /// Which errors the reader of the records has to know of; the others heal.
    fn judge(&self, told: &FetchedError) -> Option<BrokerError> {
        let FetchedError {
            code,
            text,
            topic,
            partition,
        } = told;
        let name = topic.as_ref();
        let subject = name.map_or(Subject::Cluster, Subject::Topic);
        match code {
            // Comes, or comes back, as soon as the topic does.
            Code::UnknownTopic | Code::UnknownTopicOrPartition => {
                tracing::warn!(
                    topic = name.map(|name| name.as_str()),
                    "the topic is not there"
                );
                None
            }
            // The partitions come back lost, which is told on its own.
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
            // A consumer without a group never asks for a coordinator's leave.
            Code::GroupAuthorizationFailed if self.group.is_none() => None,
            _ => match error(*code, text, subject) {
                BrokerError::Unavailable(_) => {
                    tracing::debug!(%code, text, "reading goes on after a problem");
                    None
                }
                error => Some(error),
            },
        }
    }

    /// Hands a parcel over; obeys commands while there is no room for it.
    fn deliver(&mut self, mut parcel: Parcel) {
        while !self.handoff.is_stopped() {
            match self.handoff.put(parcel) {
                Ok(()) => return,
                Err(back) => parcel = back,
            }
            self.handoff.wait_for_room(TICK);
            self.obey_all();
        }
    }

    fn obey_all(&mut self) {
        while let Some(command) = self.handoff.next_command() {
            self.obey(command);
        }
    }

    fn obey(&mut self, command: Command) {
        let result = match command {
            // Nothing to answer: the answer came after its time.
            Command::Answer(_) => Ok(()),
            Command::Pause(partitions) => {
                let paused = ffi::pause(self.client(), &list(partitions.iter()));
                let stay = self.stay(|partition| partitions.contains(partition));
                self.paused.extend(partitions);
                paused.and(stay)
            }
            Command::Resume(partitions) => {
                for partition in &partitions {
                    self.paused.remove(partition);
                }
                ffi::resume(self.client(), &list(partitions.iter()))
            }
            Command::Seek {
                partition,
                offset,
                number,
            } => {
                self.seek = number;
                self.reached.set(&partition, offset);
                seek(self.client(), &partition, offset)
            }
        };
        if let Err(failure) = result {
            let error = call_error(&failure, Subject::Cluster, self.client().context());
            self.deliver(Parcel::Failed(error));
        }
    }

    /// Lets librdkafka go on in paused partitions where it stopped: see [`Reached`]. Nothing that was
    /// fetched before the pause comes any more.
    fn stay(&self, wanted: impl Fn(&TopicPartition) -> bool) -> Result<(), Failure> {
        match self.reached.of(wanted) {
            // Without a wait: librdkafka takes up pauses and seeks in the order that they come.
            Some(list) => ffi::seek(self.client(), &list, Duration::ZERO).map(drop),
            None => Ok(()),
        }
    }

    /// Asks the async side about a change of the assignment and carries it out.
    fn rebalance(&mut self, rebalance: Rebalance) {
        let result = if rebalance.assign {
            self.assign(rebalance)
        } else {
            self.revoke(rebalance)
        };
        if let Err(failure) = result {
            let error = call_error(&failure, Subject::Cluster, self.client().context());
            self.deliver(Parcel::Failed(error));
        }
    }

    fn assign(&mut self, rebalance: Rebalance) -> Result<(), Failure> {
        let Rebalance {
            cooperative,
            partitions,
            ..
        } = rebalance;
        self.client().context().set_ousted(false);
        self.reached.forget(&partitions);
        let has_group = self.group.is_some();
        let mut starts = starts(self.client(), &partitions, has_group, self.start);
        if !partitions.is_empty() {
            self.change += 1;
            self.deliver(Parcel::Assigned {
                number: self.change,
                partitions: partitions.clone(),
                starts: starts.clone(),
            });
            self.wait_for_answer(Some((&partitions, &mut starts)));
        }
        let list = list_with_starts(&partitions, &starts, has_group, self.start);
        if cooperative {
            // librdkafka has paused all others meanwhile.
            self.stay(|_| true)?;
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
        ffi::pause(self.client(), &self::list(paused.into_iter()))
    }

    fn revoke(&mut self, rebalance: Rebalance) -> Result<(), Failure> {
        let Rebalance {
            lost,
            cooperative,
            partitions,
            ..
        } = rebalance;
        let lost = lost || self.client().context().is_ousted();
        if !partitions.is_empty() {
            self.change += 1;
            let (number, partitions) = (self.change, partitions.clone());
            self.deliver(if lost {
                Parcel::Lost { number, partitions }
            } else {
                Parcel::Revoked { number, partitions }
            });
            self.wait_for_answer(None);
        }
        for partition in &partitions {
            self.paused.remove(partition);
        }
        self.reached.forget(&partitions);
        if cooperative {
            self.stay(|_| true)?;
            return ffi::incremental_unassign(self.client(), &list(partitions.iter()));
        }
        ffi::unassign(self.client())
    }

    /// Waits for the answer to a change, at most as long as a member may not poll. Commands about
    /// partitions that come with the change are carried out with it.
    fn wait_for_answer(
        &mut self,
        coming: Option<(&[TopicPartition], &mut BTreeMap<TopicPartition, i64>)>,
    ) {
        let (coming, mut starts) = coming.unzip();
        let coming = coming.unwrap_or_default();
        let begin = Instant::now();
        while !self.handoff.is_stopped() && begin.elapsed() < self.max_poll_interval {
            match self.handoff.next_command() {
                Some(Command::Answer(number)) if number == self.change => return,
                Some(Command::Answer(_)) => {}
                Some(Command::Seek {
                    partition,
                    offset,
                    number,
                }) if coming.contains(&partition) => {
                    self.seek = number;
                    if let Some(starts) = &mut starts {
                        starts.insert(partition, offset);
                    }
                }
                Some(Command::Pause(partitions)) => {
                    let (new, old) = split(partitions, coming);
                    self.paused.extend(new);
                    self.obey(Command::Pause(old));
                }
                Some(Command::Resume(partitions)) => {
                    let (new, old) = split(partitions, coming);
                    self.paused.retain(|partition| !new.contains(partition));
                    self.obey(Command::Resume(old));
                }
                Some(command) => self.obey(command),
                None => self.handoff.wait_for_command(TICK),
            }
        }
    }
}

/// Those that are among others, and the rest.
fn split(
    partitions: Vec<TopicPartition>,
    others: &[TopicPartition],
) -> (Vec<TopicPartition>, Vec<TopicPartition>) {
    partitions
        .into_iter()
        .partition(|partition| others.contains(partition))
}

/// Where a partition starts of which nothing is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    Earliest,
    /// Nowhere: that is an error.
    Fail,
    Latest,
}

impl Start {
    pub(crate) fn edge(self) -> Option<Offset> {
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

/// Where partitions start: after what the group committed, else at their beginning or end. Those of
/// which that cannot be found out now are absent.
pub(crate) fn starts(
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
            // Not the same as nothing committed. librdkafka will look itself, for as long as it
            // takes.
            Err(failure) => {
                tracing::debug!(text = failure.text, "committed offsets are not known yet");
                return BTreeMap::new();
            }
        }
    }
    let Some(edge) = start.edge() else {
        return starts;
    };
    // Left to librdkafka, a start that is not a number takes half a second when nothing is known of
    // the topic yet.
    let missing = partitions
        .iter()
        .filter(|partition| !starts.contains_key(*partition));
    let missing: Vec<_> = missing.cloned().collect();
    match edges(client, &missing, edge) {
        Ok(edges) => starts.extend(edges),
        Err(failure) => tracing::debug!(text = failure.text, "starts are not known yet"),
    }
    starts
}

/// What the group has committed; partitions of which that is nothing are absent. Asks again while
/// it is refused for a reason that passes.
pub(crate) fn committed(
    client: &Client,
    partitions: &[TopicPartition],
    patience: Duration,
) -> Result<BTreeMap<TopicPartition, i64>, Failure> {
    let begin = Instant::now();
    loop {
        let rest = patience.saturating_sub(begin.elapsed());
        let told = ffi::committed(client, &list(partitions.iter()), rest).and_then(|elements| {
            match elements.iter().find_map(|element| element.error) {
                Some(code) => Err(Failure::new(code, code.to_string())),
                None => Ok(elements),
            }
        });
        match told {
            Ok(elements) => {
                let known = elements.into_iter().filter(|element| element.offset >= 0);
                return Ok(known
                    .map(|element| (element.partition, element.offset))
                    .collect());
            }
            Err(failure)
                if begin.elapsed() < patience
                    && error(failure.code, "", Subject::Cluster).is_retriable() =>
            {
                std::thread::park_timeout(TICK);
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// The list for an assignment. What is not known librdkafka finds out.
pub(crate) fn list_with_starts(
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

/// Moves a position. A partition that was assigned a moment ago may not be ready for it yet.
fn seek(client: &Client, partition: &TopicPartition, offset: i64) -> Result<(), Failure> {
    let begin = Instant::now();
    loop {
        let list = list_with(std::iter::once((partition, Offset::Offset(offset))));
        let result = ffi::seek(client, &list, SEEK)?;
        match result.first().and_then(|element| element.error) {
            Some(Code::State | Code::PreviousInProgress) if begin.elapsed() < SEEK => {
                std::thread::park_timeout(Duration::from_millis(5));
            }
            // It was taken away meanwhile.
            Some(Code::State | Code::UnknownPartition) | None => return Ok(()),
            Some(code) => return Err(Failure::new(code, format!("seek of {partition}: {code}"))),
        }
    }
}

/// The first or next offsets of partitions.
pub(crate) fn edges(
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
            // A broker that has just started may not know its topics yet.
            Err(failure) if failure.code == Code::UnknownPartition && begin.elapsed() < SIGHT => {
                std::thread::park_timeout(TICK);
            }
            told => break told?,
        }
    };
    Ok(elements
        .into_iter()
        .filter(|element| element.offset >= 0 && element.error.is_none())
        .map(|element| (element.partition, element.offset))
        .collect())
}

/// A list of partitions.
pub(crate) fn list<'a>(partitions: impl Iterator<Item = &'a TopicPartition>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition);
    }
    list
}

/// A list of partitions with offsets.
pub(crate) fn list_with<'a>(
    partitions: impl Iterator<Item = (&'a TopicPartition, Offset)>,
) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in partitions {
        // Only offsets that Kafka has no place for are refused: they stay unset.
        let mut element = list.add_partition(&partition.topic, partition.partition);
        drop(element.set_offset(offset));
    }
    list
}
