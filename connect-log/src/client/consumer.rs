//! The consumer of an in-process log.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use connect_api::LogOffsets;
use connect_api::TopicName;
use connect_api::TopicPartition;
use connect_broker::BrokerError;
use connect_broker::Consumer;
use connect_broker::ConsumerEvent;
use connect_broker::ConsumerOptions;
use connect_broker::Gap;
use connect_broker::PartitionRecords;
use connect_broker::Subscription;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::client::missing::MissingTopics;
use crate::client::missing::named_topics;
use crate::client::reading::Attempt;
use crate::client::reading::Reading;
use crate::client::reading::Room;
use crate::engine::Engine;
use crate::group::Change;
use crate::group::Interest;
use crate::group::group_of;
use crate::writer::request::Request;
use crate::writer::stage::set_offsets;

/// Reads an in-process log.
#[derive(Debug)]
pub(crate) struct LocalConsumer {
    engine: Arc<Engine>,
    options: ConsumerOptions,
    /// Notified when there may be something new.
    signal: Arc<Notify>,
    member: Option<Member>,
    /// In order of their partitions.
    readings: Vec<Reading>,
    /// The index of the partition to read first.
    turn: usize,
    /// Gaps that were found and not returned yet.
    gaps: Vec<Gap>,
    missing: MissingTopics,
    unanswered: Option<Change>,
}

/// A place in a group; leaves it when dropped.
#[derive(Debug)]
struct Member {
    engine: Arc<Engine>,
    group: String,
    id: u64,
}

impl Drop for Member {
    fn drop(&mut self) {
        self.engine.shared.groups.leave(&self.group, self.id);
    }
}

/// Marks a member as waiting in `poll` until dropped.
struct Polling {
    engine: Arc<Engine>,
    group: String,
    id: u64,
}

impl Polling {
    fn new(member: &Member) -> Self {
        let Member { engine, group, id } = member;
        engine.shared.groups.polling(group, *id, true);
        Self {
            engine: Arc::clone(engine),
            group: group.clone(),
            id: *id,
        }
    }
}

impl Drop for Polling {
    fn drop(&mut self) {
        self.engine
            .shared
            .groups
            .polling(&self.group, self.id, false);
    }
}

impl LocalConsumer {
    /// Opens a consumer: creates the topics that it names if it asks for that, and joins the group.
    pub(crate) async fn open(
        engine: Arc<Engine>,
        options: ConsumerOptions,
    ) -> Result<Self, BrokerError> {
        engine.shared.check_open()?;
        if options.max_poll_records == 0 {
            return Err(BrokerError::InvalidOption(
                "max_poll_records is 0".to_owned(),
            ));
        }
        let named = named_topics(&options.subscription);
        if let Some(problem) = named.iter().find_map(TopicName::problem) {
            return Err(BrokerError::InvalidTopic(problem));
        }
        if creates_topics(&options) {
            create(&engine, &named).await?;
        }
        let signal = Arc::new(Notify::new());
        let missing = MissingTopics::new(&options.subscription);
        let mut consumer = Self {
            engine,
            options,
            signal,
            member: None,
            readings: Vec::new(),
            turn: 0,
            gaps: Vec::new(),
            missing,
            unanswered: None,
        };
        if let Subscription::Partitions(partitions) = &consumer.options.subscription {
            let partitions = partitions.clone();
            consumer.engine.shared.new_topics.add(&consumer.signal);
            consumer.add(partitions);
            for reading in &mut consumer.readings {
                reading.ready = true;
            }
        } else {
            consumer.join().await?;
        }
        Ok(consumer)
    }

    async fn join(&mut self) -> Result<(), BrokerError> {
        let interest = Interest::new(&self.options.subscription, self.options.start)?;
        let group = group_of(&self.options)?.to_owned();
        if let Err(error) = self.engine.declare(&group, interest.clone()).await {
            self.engine.shared.check_open()?;
            // A full log must stay readable.
            tracing::warn!(group, %error, "what the group reads could not be stored; retention may remove records that it has not read");
        }
        let shared = &self.engine.shared;
        let id = shared.groups.join(
            &group,
            interest,
            self.options.session_timeout,
            Arc::clone(&self.signal),
            shared.topic_sizes(),
        );
        self.member = Some(Member {
            engine: Arc::clone(&self.engine),
            group,
            id,
        });
        Ok(())
    }

    fn add(&mut self, partitions: Vec<TopicPartition>) {
        for partition in partitions {
            if let Err(index) = self.find(&partition) {
                let shared = &self.engine.shared;
                let reading = Reading::new(shared, partition, &self.options, &self.signal);
                self.readings.insert(index, reading);
            }
        }
    }

    /// Removes partitions, which come in order.
    fn remove(&mut self, partitions: &[TopicPartition]) {
        self.gaps
            .retain(|gap| partitions.binary_search(&gap.partition).is_err());
        let signal = &self.signal;
        self.readings.retain(|reading| {
            let gone = partitions.binary_search(&reading.partition).is_ok();
            if gone {
                reading.leave(signal);
            }
            !gone
        });
    }

    fn find(&self, partition: &TopicPartition) -> Result<usize, usize> {
        self.readings
            .binary_search_by(|reading| reading.partition.cmp(partition))
    }

    fn reading(&mut self, partition: &TopicPartition) -> Option<&mut Reading> {
        let index = self.find(partition).ok()?;
        self.readings.get_mut(index)
    }

    fn assigned(&mut self, partition: &TopicPartition) -> Result<&mut Reading, BrokerError> {
        let error = || BrokerError::NotAssigned {
            partition: partition.clone(),
        };
        self.reading(partition).ok_or_else(error)
    }

    /// The next event of the group, or the moment at which to look again.
    fn next_change(&mut self) -> Result<ConsumerEvent, Option<Instant>> {
        let Some(Member { engine, group, id }) = &self.member else {
            return Err(None);
        };
        let change = engine.shared.groups.next(group, *id)?;
        self.unanswered = Some(change.clone());
        Ok(match change {
            Change::Assigned(partitions) => {
                self.add(partitions.clone());
                ConsumerEvent::Assigned(partitions)
            }
            Change::Lost(partitions) => {
                self.remove(&partitions);
                ConsumerEvent::Lost(partitions)
            }
            Change::Revoked(partitions) => {
                for partition in &partitions {
                    if let Some(reading) = self.reading(partition) {
                        reading.ready = false;
                    }
                }
                ConsumerEvent::Revoked(partitions)
            }
        })
    }

    /// Reads from each partition in turn. Waits only for the store. Returns `None` if there is
    /// nothing, and no records if only a position has moved.
    async fn read(&mut self) -> Result<Option<Vec<PartitionRecords>>, BrokerError> {
        loop {
            let mut loading = None;
            let mut has_moved = false;
            let mut found = Vec::new();
            let mut room = Room::new(&self.options);
            let count = self.readings.len();
            for step in 0..count {
                let index = (self.turn + step) % count;
                let Some(reading) = self.readings.get_mut(index) else {
                    continue;
                };
                if reading.paused || !reading.ready || room.is_full() {
                    continue;
                }
                if reading.is_loaded()
                    && let Err(error) = reading.loaded().await
                {
                    // Records that were found come first: the next poll reads again.
                    if found.is_empty() {
                        return Err(error);
                    }
                    continue;
                }
                let shared = &self.engine.shared;
                match reading.read(shared, &self.options, &self.signal, &mut room) {
                    Ok(Attempt::Gap(gap)) => {
                        warn_of_gap(self.options.group.as_deref(), &gap);
                        self.gaps.push(gap);
                        has_moved = true;
                    }
                    Ok(Attempt::Loading) => loading = loading.or(Some(index)),
                    Ok(Attempt::Moved) => has_moved = true,
                    Ok(Attempt::Nothing) => {}
                    Ok(Attempt::Records(records)) => {
                        let partition = reading.partition.clone();
                        found.push(PartitionRecords { partition, records });
                    }
                    Err(error) if found.is_empty() => return Err(error),
                    Err(_) => {}
                }
            }
            self.turn = self.turn.wrapping_add(1) % count.max(1);
            match loading.and_then(|index| self.readings.get_mut(index)) {
                Some(reading) if found.is_empty() && self.gaps.is_empty() => {
                    reading.loaded().await?;
                }
                _ => return Ok(Some(found).filter(|found| has_moved || !found.is_empty())),
            }
        }
    }

    fn group(&self) -> Result<&str, BrokerError> {
        self.options
            .group
            .as_deref()
            .ok_or(BrokerError::InvalidState(
                "a consumer without a group has no committed offsets",
            ))
    }
}

#[async_trait]
impl Consumer for LocalConsumer {
    async fn poll(&mut self, wait: Duration) -> Result<ConsumerEvent, BrokerError> {
        let deadline = Instant::now().checked_add(wait);
        let _polling = self.member.as_ref().map(Polling::new);
        loop {
            self.engine.shared.check_open()?;
            let again = match self.next_change() {
                Ok(event) => return Ok(event),
                Err(again) => again,
            };
            if !self.gaps.is_empty() {
                return Ok(ConsumerEvent::Gaps(std::mem::take(&mut self.gaps)));
            }
            // A reader that always finds records must yield to other tasks on its thread.
            tokio::task::coop::consume_budget().await;
            match self.read().await? {
                None => {}
                Some(found) if found.is_empty() && !self.gaps.is_empty() => continue,
                // As in Java's client: a caller that reads up to an end offset must not block when
                // only offsets without records are left before it.
                Some(found) if found.is_empty() => return Ok(ConsumerEvent::Idle),
                Some(found) => return Ok(ConsumerEvent::Records(found)),
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(ConsumerEvent::Idle);
            }
            // Cancel-safe: the loop checks everything again.
            let warn_at = self.missing.check(&self.engine.shared, &self.options);
            match [deadline, again, warn_at].into_iter().flatten().min() {
                None => self.signal.notified().await,
                Some(until) => {
                    // Check again after a notification and after the timeout.
                    let _ = tokio::time::timeout_at(until, self.signal.notified()).await;
                }
            }
        }
    }

    async fn rebalanced(&mut self) -> Result<(), BrokerError> {
        match self.unanswered.take() {
            None | Some(Change::Lost(_)) => {}
            Some(Change::Assigned(partitions)) => {
                for partition in &partitions {
                    if let Some(reading) = self.reading(partition) {
                        reading.ready = true;
                    }
                }
            }
            Some(Change::Revoked(partitions)) => self.remove(&partitions),
        }
        if let Some(Member { engine, group, id }) = &self.member {
            engine.shared.groups.answer(group, *id);
        }
        Ok(())
    }

    async fn commit(&mut self, offsets: &LogOffsets) -> Result<(), BrokerError> {
        let group = self.group()?.to_owned();
        let foreign = match &self.member {
            Some(Member { engine, id, .. }) => {
                engine.shared.groups.not_owned(&group, *id, offsets.keys())
            }
            None => offsets
                .keys()
                .find(|partition| self.find(partition).is_err()),
        };
        if let Some(partition) = foreign {
            return Err(BrokerError::NotAssigned {
                partition: partition.clone(),
            });
        }
        if offsets.is_empty() {
            return self.engine.shared.check_open();
        }
        let changes = set_offsets(&group, offsets);
        self.engine
            .ask(|reply| Request::Offsets(changes, reply))
            .await
    }

    async fn committed(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Result<LogOffsets, BrokerError> {
        let group = self.group()?;
        let shared = &self.engine.shared;
        shared.check_open()?;
        let offset = |partition: &TopicPartition| {
            shared
                .committed(group, partition)
                .map(|offset| (partition.clone(), offset))
        };
        Ok(partitions.iter().filter_map(offset).collect())
    }

    async fn position(&mut self, partition: &TopicPartition) -> Result<i64, BrokerError> {
        self.engine.shared.check_open()?;
        let isolation = self.options.isolation;
        Ok(self.assigned(partition)?.position(isolation))
    }

    fn seek(&mut self, partition: &TopicPartition, offset: i64) -> Result<(), BrokerError> {
        self.assigned(partition)?.seek(offset);
        Ok(())
    }

    fn pause(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            if let Some(reading) = self.reading(partition) {
                reading.paused = true;
            }
        }
    }

    fn resume(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            if let Some(reading) = self.reading(partition) {
                reading.paused = false;
            }
        }
        self.signal.notify_one();
    }
}

/// Creates the topics that do not exist.
async fn create(engine: &Engine, topics: &[TopicName]) -> Result<(), BrokerError> {
    for topic in topics {
        match engine.topic_or_create(topic).await {
            // It may be created later.
            Ok(_) | Err(BrokerError::UnknownTopic { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// True if a consumer asks the log to create the topics that it names. Unlike in Java's client, the
/// default is false: the topic would get the defaults of the log before the source that writes to
/// it can create it with its own options.
fn creates_topics(options: &ConsumerOptions) -> bool {
    let value = options.client_config.get("allow.auto.create.topics");
    value.is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
}

fn warn_of_gap(group: Option<&str>, gap: &Gap) {
    tracing::warn!(
        topic = %gap.partition.topic,
        partition = gap.partition.partition,
        group,
        from = gap.from,
        to = gap.to,
        records = gap.records(),
        "the log removed records before this consumer read them; it continues after them",
    );
}
