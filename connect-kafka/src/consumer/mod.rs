//! The async side of a consumer.

mod buffer;
mod fetch;
mod handoff;
mod offsets;
mod open;
mod positions;
mod reader;
mod subscription;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use connect_api::LogOffsets;
use connect_api::TopicPartition;
use connect_broker::BrokerError;
use connect_broker::Consumer;
use connect_broker::ConsumerEvent;
use connect_broker::PartitionRecords;
use rdkafka::Offset;
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub(crate) use self::open::open;

use self::buffer::Buffer;
use self::handoff::Command;
use self::handoff::Fetch;
use self::handoff::Handoff;
use self::handoff::ReaderEvent;
use self::offsets::Start;
use self::offsets::no_start;
use self::subscription::Watch;
use crate::client::blocking;
use crate::client::call;
use crate::client::call_error;
use crate::client::list_with;
use crate::error::Subject;
use crate::ffi;
use crate::ffi::Client;
use crate::ffi::ConsumerQueue;
use crate::ffi::Failure;

/// Reads from Kafka.
pub(crate) struct KafkaConsumer {
    client: Arc<Client>,
    handoff: Arc<Handoff>,
    queue: Arc<ConsumerQueue>,
    group: Option<String>,
    start: Start,
    /// How long a look-up of committed offsets may take.
    timeout: Duration,
    refusals: watch::Receiver<Option<BrokerError>>,
    /// The assigned partitions that the caller knows of.
    partitions: BTreeMap<TopicPartition, Partition>,
    buffer: Buffer,
    /// The number of the last seek.
    seek: u64,
    unanswered: Option<Unanswered>,
    /// The commit that is in flight.
    commit: Option<JoinHandle<Result<(), Failure>>>,
    /// `None` for a consumer without a subscription.
    watch: Option<Watch>,
}

/// What is known of an assigned partition.
#[derive(Debug, Default)]
struct Partition {
    /// The offset of the next record, once it is known.
    next: Option<i64>,
    /// The end of the partition, if it was reached.
    end: Option<i64>,
    is_paused: bool,
    /// The number of the last seek. Records that were fetched before it are dropped.
    seek: u64,
}

impl Partition {
    fn starting_at(next: Option<i64>) -> Self {
        Self {
            next,
            ..Self::default()
        }
    }
}

/// A change of the assignment that the caller has not answered yet.
#[derive(Debug)]
struct Unanswered {
    number: u64,
    /// The partitions that are no longer assigned after the answer.
    revoked: Vec<TopicPartition>,
}

impl KafkaConsumer {
    /// What poll returns for an event of the thread, if anything.
    fn accept(&mut self, event: ReaderEvent) -> Result<Option<ConsumerEvent>, BrokerError> {
        match event {
            ReaderEvent::Assigned {
                number,
                partitions,
                mut starts,
            } => {
                for partition in &partitions {
                    let known = Partition::starting_at(starts.remove(partition));
                    self.partitions.insert(partition.clone(), known);
                }
                self.unanswered = Some(Unanswered {
                    number,
                    revoked: Vec::new(),
                });
                Ok(Some(ConsumerEvent::Assigned(partitions)))
            }
            ReaderEvent::Failed(error) => Err(error),
            ReaderEvent::Lost { number, partitions } => {
                self.buffer.remove(&partitions);
                self.partitions
                    .retain(|partition, _| !partitions.contains(partition));
                self.unanswered = Some(Unanswered {
                    number,
                    revoked: Vec::new(),
                });
                Ok(Some(ConsumerEvent::Lost(partitions)))
            }
            ReaderEvent::Records(fetch) => Ok(self.records(fetch)),
            ReaderEvent::Revoked { number, partitions } => {
                self.buffer.remove(&partitions);
                self.unanswered = Some(Unanswered {
                    number,
                    revoked: partitions.clone(),
                });
                Ok(Some(ConsumerEvent::Revoked(partitions)))
            }
        }
    }

    /// What poll returns for fetched records. Those that may not be returned now are buffered.
    fn records(&mut self, fetch: Fetch) -> Option<ConsumerEvent> {
        let Fetch {
            seek,
            mut groups,
            count,
            bytes,
            ends,
        } = fetch;
        let mut must_buffer = !self.buffer.is_empty();
        groups.retain(|group| match self.partitions.get(&group.partition) {
            Some(known) => {
                must_buffer |= known.is_paused;
                known.seek <= seek
            }
            None => false,
        });
        let mut reached_an_end = false;
        for (partition, end) in ends {
            if let Some(known) = self.partitions.get_mut(&partition)
                && known.seek <= seek
            {
                reached_an_end |= known.end.replace(end) != Some(end);
            }
        }
        if groups.is_empty() {
            // The position has changed, for which the caller may be waiting.
            return reached_an_end.then_some(ConsumerEvent::Idle);
        }
        if must_buffer || !self.buffer.fits(count, bytes) {
            self.buffer.add(groups);
            return None;
        }
        for group in &groups {
            self.set_next(group);
        }
        Some(ConsumerEvent::Records(groups))
    }

    /// Moves the position past records that poll returns.
    fn set_next(&mut self, group: &PartitionRecords) {
        if let Some(last) = group.records.last()
            && let Some(known) = self.partitions.get_mut(&group.partition)
        {
            known.next = Some(last.offset + 1);
        }
    }

    /// The buffered records that may be returned now.
    fn next_buffered(&mut self) -> Option<ConsumerEvent> {
        let partitions = &self.partitions;
        let groups = self.buffer.take(|partition| {
            partitions
                .get(partition)
                .is_none_or(|known| known.is_paused)
        });
        for group in &groups {
            self.set_next(group);
        }
        (!groups.is_empty()).then_some(ConsumerEvent::Records(groups))
    }

    fn known(&mut self, partition: &TopicPartition) -> Result<&mut Partition, BrokerError> {
        self.partitions
            .get_mut(partition)
            .ok_or_else(|| BrokerError::NotAssigned {
                partition: partition.clone(),
            })
    }

    /// Makes the thread leave the group and end.
    fn stop(&mut self) {
        self.watch = None;
        self.handoff.stop();
        self.queue.wake();
    }

    fn send(&self, command: Command) {
        self.handoff.send(command);
        self.queue.wake();
    }

    fn group(&self) -> Result<&str, BrokerError> {
        self.group.as_deref().ok_or(BrokerError::InvalidState(
            "a consumer without a group has no committed offsets; set group.id",
        ))
    }

    /// Pauses or resumes those of the partitions that are assigned.
    fn set_paused(&mut self, partitions: &[TopicPartition], is_paused: bool) {
        let mut assigned = Vec::new();
        for partition in partitions {
            if let Some(known) = self.partitions.get_mut(partition) {
                known.is_paused = is_paused;
                assigned.push(partition.clone());
            }
        }
        if !assigned.is_empty() {
            self.send(if is_paused {
                Command::Pause(assigned)
            } else {
                Command::Resume(assigned)
            });
        }
    }

    /// Where a partition starts from which nothing was read yet.
    async fn find_start(&self, partition: &TopicPartition) -> Result<i64, BrokerError> {
        if self.group.is_some() {
            let committed = self
                .look_up_committed(std::slice::from_ref(partition))
                .await?;
            if let Some(offset) = committed.get(partition) {
                return Ok(*offset);
            }
        }
        let Some(edge) = self.start.edge() else {
            let why = "no offset is committed";
            return Err(no_start(partition, self.group.as_deref(), why));
        };
        let asked = vec![partition.clone()];
        let found = call(
            &self.client,
            Subject::Topic(&partition.topic),
            move |client| offsets::edges(client, &asked, edge),
        )
        .await?;
        found.get(partition).copied().ok_or_else(|| {
            BrokerError::Unavailable(format!(
                "the start of partition {partition} cannot be looked up"
            ))
        })
    }

    async fn look_up_committed(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<LogOffsets, BrokerError> {
        let group = self.group()?.to_owned();
        let (partitions, timeout) = (partitions.to_vec(), self.timeout);
        let committed = call(&self.client, Subject::Group(&group), move |client| {
            offsets::committed(client, &partitions, timeout)
        });
        Ok(committed.await?.into_iter().collect())
    }
}

/// While it lives, the thread knows that the caller polls.
struct Polling<'a>(&'a Handoff);

impl<'a> Polling<'a> {
    fn new(handoff: &'a Handoff) -> Self {
        handoff.set_polling(true);
        Self(handoff)
    }
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        self.0.set_polling(false);
    }
}

#[async_trait]
impl Consumer for KafkaConsumer {
    async fn poll(&mut self, wait: Duration) -> Result<ConsumerEvent, BrokerError> {
        let deadline = Instant::now().checked_add(wait);
        let handoff = Arc::clone(&self.handoff);
        let _polling = Polling::new(&handoff);
        loop {
            if let Some(event) = self.next_buffered() {
                return Ok(event);
            }
            if let Some(event) = handoff.take()? {
                match self.accept(event)? {
                    Some(event) => return Ok(event),
                    None => continue,
                }
            }
            if self.refusals.has_changed().unwrap_or_default()
                && let Some(error) = self.refusals.borrow_and_update().clone()
            {
                return Err(error);
            }
            let late = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            // Cancel-safe: an event stays until it is taken, and so does a refusal.
            tokio::select! {
                biased;
                () = handoff.arrived() => {}
                _ = self.refusals.changed() => self.refusals.mark_changed(),
                () = late => return Ok(ConsumerEvent::Idle),
            }
        }
    }

    async fn rebalanced(&mut self) -> Result<(), BrokerError> {
        if let Some(Unanswered { number, revoked }) = self.unanswered.take() {
            self.partitions
                .retain(|partition, _| !revoked.contains(partition));
            self.send(Command::Answer(number));
        }
        Ok(())
    }

    async fn commit(&mut self, offsets: &LogOffsets) -> Result<(), BrokerError> {
        let group = self.group()?.to_owned();
        let foreign = offsets
            .keys()
            .find(|partition| !self.partitions.contains_key(partition));
        if let Some(partition) = foreign {
            return Err(BrokerError::NotAssigned {
                partition: partition.clone(),
            });
        }
        let Some(first) = offsets.keys().next().cloned() else {
            return Ok(());
        };
        let list = list_with(
            offsets
                .iter()
                .map(|(partition, offset)| (partition, Offset::Offset(*offset))),
        );
        // If the future of an earlier commit was dropped, that commit continues until the
        // coordinator is back. It is awaited first, so that commits do not pile up.
        if let Some(before) = &mut self.commit {
            let _ = before.await;
        }
        let client = Arc::clone(&self.client);
        let commit = tokio::spawn(blocking(move || ffi::commit(&client, &list)));
        let committed = self.commit.insert(commit).await;
        self.commit = None;
        let result = committed.map_err(|_| BrokerError::Closed)?;
        result.map_err(|failure| match failure.code {
            Code::UnknownMemberId
            | Code::IllegalGeneration
            | Code::FencedInstanceId
            | Code::FencedMemberEpoch
            | Code::AssignmentLost => {
                self.client.context().set_removed(true);
                BrokerError::NotAssigned { partition: first }
            }
            _ => call_error(&failure, Subject::Group(&group), self.client.context()),
        })
    }

    async fn committed(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Result<LogOffsets, BrokerError> {
        self.group()?;
        if partitions.is_empty() {
            return Ok(LogOffsets::new());
        }
        self.look_up_committed(partitions).await
    }

    async fn position(&mut self, partition: &TopicPartition) -> Result<i64, BrokerError> {
        let is_buffered = self.buffer.has(partition);
        let known = self.known(partition)?;
        let end = known.end.filter(|_| !is_buffered);
        match (known.next, end) {
            (Some(next), Some(end)) => Ok(next.max(end)),
            (Some(next), None) => Ok(next),
            (None, Some(end)) => Ok(end),
            (None, None) => {
                let start = self.find_start(partition).await?;
                // Records that came meanwhile have moved the position already.
                Ok(*self.known(partition)?.next.get_or_insert(start))
            }
        }
    }

    fn seek(&mut self, partition: &TopicPartition, offset: i64) -> Result<(), BrokerError> {
        let number = self.seek + 1;
        let known = self.known(partition)?;
        known.seek = number;
        known.next = Some(offset);
        known.end = None;
        self.seek = number;
        self.buffer.remove(std::slice::from_ref(partition));
        self.send(Command::Seek {
            partition: partition.clone(),
            offset,
            number,
        });
        Ok(())
    }

    fn pause(&mut self, partitions: &[TopicPartition]) {
        self.set_paused(partitions, true);
    }

    fn resume(&mut self, partitions: &[TopicPartition]) {
        self.set_paused(partitions, false);
    }

    async fn close(&mut self) {
        self.stop();
        let left = tokio::time::timeout(LEAVE_TIMEOUT, self.handoff.left()).await;
        if left.is_err() {
            let group = self.group.as_deref().unwrap_or_default();
            tracing::warn!(
                group,
                "the group did not answer; it may wait until the session of this member is over"
            );
        }
    }
}

/// How long leaving a group may take.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(10);

impl Drop for KafkaConsumer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for KafkaConsumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaConsumer")
            .field("client", self.client.context())
            .field("group", &self.group)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}
