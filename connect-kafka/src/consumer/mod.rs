//! The async side of a consumer.

pub(crate) mod fetch;
pub(crate) mod handoff;
pub(crate) mod pattern;
pub(crate) mod positions;
pub(crate) mod reader;

use std::collections::BTreeMap;
use std::collections::VecDeque;
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

use crate::client::call::blocking;
use crate::client::call::call;
use crate::consumer::handoff::Command;
use crate::consumer::handoff::Fetch;
use crate::consumer::handoff::Handoff;
use crate::consumer::handoff::Parcel;
use crate::consumer::pattern::PatternWatch;
use crate::consumer::reader::Start;
use crate::error::Subject;
use crate::error::call_error;
use crate::error::no_start;
use crate::ffi;
use crate::ffi::Client;
use crate::ffi::ConsumerQueue;
use crate::ffi::Failure;

/// Reads from Kafka.
pub(crate) struct KafkaConsumer {
    pub(crate) client: Arc<Client>,
    pub(crate) handoff: Arc<Handoff>,
    pub(crate) queue: Arc<ConsumerQueue>,
    pub(crate) group: Option<String>,
    pub(crate) start: Start,
    /// How long a look-up of committed offsets may take.
    pub(crate) patience: Duration,
    pub(crate) max_records: usize,
    pub(crate) max_bytes: usize,
    pub(crate) refusals: watch::Receiver<Option<BrokerError>>,
    /// What is assigned, as far as the caller was told.
    pub(crate) partitions: BTreeMap<TopicPartition, Partition>,
    /// Records that came and were not handed out yet.
    pub(crate) ready: VecDeque<PartitionRecords>,
    /// The number of the last seek.
    pub(crate) seek: u64,
    pub(crate) unanswered: Option<Unanswered>,
    /// The commit that is under way.
    pub(crate) committing: Option<JoinHandle<Result<(), Failure>>>,
    pub(crate) pattern: Option<PatternWatch>,
}

/// What is known of an assigned partition.
#[derive(Debug, Default)]
pub(crate) struct Partition {
    /// The offset of the next record, once it is known.
    pub(crate) next: Option<i64>,
    /// The end that reading has come to.
    pub(crate) end: Option<i64>,
    pub(crate) paused: bool,
    /// Records that were fetched before this seek are out of date.
    pub(crate) sought: u64,
}

/// A change of the assignment that waits for its answer.
#[derive(Debug)]
pub(crate) struct Unanswered {
    number: u64,
    /// What is given back with the answer.
    revoked: Vec<TopicPartition>,
}

impl KafkaConsumer {
    /// What the thread handed over, as an event if it is one.
    fn accept(&mut self, parcel: Parcel) -> Result<Option<ConsumerEvent>, BrokerError> {
        match parcel {
            Parcel::Assigned {
                number,
                partitions,
                mut starts,
            } => {
                for partition in &partitions {
                    let known = Partition {
                        next: starts.remove(partition),
                        ..Partition::default()
                    };
                    self.partitions.insert(partition.clone(), known);
                }
                self.unanswered = Some(Unanswered {
                    number,
                    revoked: Vec::new(),
                });
                Ok(Some(ConsumerEvent::Assigned(partitions)))
            }
            Parcel::Failed(error) => Err(error),
            Parcel::Lost { number, partitions } => {
                self.forget(&partitions);
                self.partitions
                    .retain(|partition, _| !partitions.contains(partition));
                self.unanswered = Some(Unanswered {
                    number,
                    revoked: Vec::new(),
                });
                Ok(Some(ConsumerEvent::Lost(partitions)))
            }
            Parcel::Records(fetch) => Ok(self.records(fetch)),
            Parcel::Revoked { number, partitions } => {
                self.forget(&partitions);
                self.unanswered = Some(Unanswered {
                    number,
                    revoked: partitions.clone(),
                });
                Ok(Some(ConsumerEvent::Revoked(partitions)))
            }
        }
    }

    /// Drops records that were not handed out.
    fn forget(&mut self, partitions: &[TopicPartition]) {
        self.ready
            .retain(|group| !partitions.contains(&group.partition));
    }

    /// Takes over fetched records. As they are, if all of them may be handed out at once.
    fn records(&mut self, fetch: Fetch) -> Option<ConsumerEvent> {
        let Fetch {
            seek,
            mut groups,
            count,
            bytes,
            ends,
        } = fetch;
        let mut held_back = !self.ready.is_empty();
        groups.retain(|group| match self.partitions.get(&group.partition) {
            Some(known) => {
                held_back |= known.paused;
                known.sought <= seek
            }
            None => false,
        });
        let mut came_to_an_end = false;
        for (partition, end) in ends {
            if let Some(known) = self.partitions.get_mut(&partition)
                && known.sought <= seek
            {
                came_to_an_end |= known.end.replace(end) != Some(end);
            }
        }
        if groups.is_empty() {
            // The position moves there, which whoever waits for it wants to know.
            return came_to_an_end.then_some(ConsumerEvent::Idle);
        }
        let fits = count <= self.max_records && (bytes <= self.max_bytes || count == 1);
        if held_back || !fits {
            self.ready.extend(groups);
            return None;
        }
        for group in &groups {
            self.handed_out(group);
        }
        Some(ConsumerEvent::Records(groups))
    }

    fn handed_out(&mut self, group: &PartitionRecords) {
        if let Some(last) = group.records.last()
            && let Some(known) = self.partitions.get_mut(&group.partition)
        {
            known.next = Some(last.offset + 1);
        }
    }

    /// What is ready and not paused, within the bounds.
    fn next_ready(&mut self) -> Option<ConsumerEvent> {
        let mut found: Vec<PartitionRecords> = Vec::new();
        let (mut count, mut bytes) = (0, 0);
        let mut kept = VecDeque::with_capacity(self.ready.len());
        let mut full = false;
        while let Some(mut group) = self.ready.pop_front() {
            let paused = self
                .partitions
                .get(&group.partition)
                .is_none_or(|known| known.paused);
            if full || paused {
                kept.push_back(group);
                continue;
            }
            let mut fitting = 0;
            for record in &group.records {
                let size = size(record);
                full = count >= self.max_records || (count > 0 && bytes + size > self.max_bytes);
                if full {
                    break;
                }
                count += 1;
                bytes += size;
                fitting += 1;
            }
            let rest = group.records.split_off(fitting);
            if !rest.is_empty() {
                kept.push_back(PartitionRecords {
                    partition: group.partition.clone(),
                    records: rest,
                });
            }
            if group.records.is_empty() {
                continue;
            }
            self.handed_out(&group);
            match found
                .iter_mut()
                .find(|other| other.partition == group.partition)
            {
                Some(other) => other.records.append(&mut group.records),
                None => found.push(group),
            }
        }
        self.ready = kept;
        (!found.is_empty()).then_some(ConsumerEvent::Records(found))
    }

    fn known(&mut self, partition: &TopicPartition) -> Result<&mut Partition, BrokerError> {
        self.partitions
            .get_mut(partition)
            .ok_or_else(|| BrokerError::NotAssigned {
                partition: partition.clone(),
            })
    }

    /// Lets the thread leave the group and end.
    fn stop(&mut self) {
        self.pattern = None;
        self.handoff.stop();
        self.queue.wake();
    }

    fn command(&self, command: Command) {
        self.handoff.command(command);
        self.queue.wake();
    }

    fn group(&self) -> Result<&str, BrokerError> {
        self.group.as_deref().ok_or(BrokerError::InvalidState(
            "a consumer without a group has no committed offsets",
        ))
    }

    /// Those of `partitions` that are assigned.
    fn assigned(&self, partitions: &[TopicPartition]) -> Vec<TopicPartition> {
        let assigned = partitions
            .iter()
            .filter(|partition| self.partitions.contains_key(partition));
        assigned.cloned().collect()
    }

    /// Where a partition starts that nothing was read from yet.
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
            let why = "none is committed";
            return Err(no_start(partition, self.group.as_deref(), why));
        };
        let asked = vec![partition.clone()];
        let found = call(
            &self.client,
            Subject::Topic(&partition.topic),
            move |client| reader::edges(client, &asked, edge),
        )
        .await?;
        found.get(partition).copied().ok_or_else(|| {
            BrokerError::Unavailable(format!(
                "the offsets of partition {partition} are not known"
            ))
        })
    }

    async fn look_up_committed(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<LogOffsets, BrokerError> {
        let group = self.group()?.to_owned();
        let (partitions, patience) = (partitions.to_vec(), self.patience);
        let committed = call(&self.client, Subject::Group(&group), move |client| {
            reader::committed(client, &partitions, patience)
        });
        Ok(committed.await?.into_iter().collect())
    }
}

/// Notes that the caller waits, until it is dropped.
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
            if let Some(event) = self.next_ready() {
                return Ok(event);
            }
            if let Some(parcel) = handoff.take() {
                match self.accept(parcel)? {
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
            // Cancel-safe: a parcel stays in its place, a refusal stays the newest.
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
            self.command(Command::Answer(number));
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
        let list = reader::list_with(
            offsets
                .iter()
                .map(|(partition, offset)| (partition, Offset::Offset(*offset))),
        );
        // One that was given up on goes on, for as long as its coordinator is away. A later one comes
        // after it, so that no more than one waits.
        if let Some(before) = &mut self.committing {
            let _ = before.await;
        }
        let client = Arc::clone(&self.client);
        let commit = tokio::spawn(blocking(move || ffi::commit(&client, &list)));
        let committed = self.committing.insert(commit).await;
        self.committing = None;
        let result = committed.map_err(|_| BrokerError::Closed)?;
        result.map_err(|failure| match failure.code {
            Code::UnknownMemberId
            | Code::IllegalGeneration
            | Code::FencedInstanceId
            | Code::FencedMemberEpoch
            | Code::AssignmentLost => {
                self.client.context().set_ousted(true);
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
        let waits = self.ready.iter().any(|group| group.partition == *partition);
        let known = self.known(partition)?;
        let end = known.end.filter(|_| !waits);
        match (known.next, end) {
            (Some(next), Some(end)) => Ok(next.max(end)),
            (Some(next), None) => Ok(next),
            (None, Some(end)) => Ok(end),
            (None, None) => {
                let start = self.find_start(partition).await?;
                // Records that came meanwhile have moved it already.
                Ok(*self.known(partition)?.next.get_or_insert(start))
            }
        }
    }

    fn seek(&mut self, partition: &TopicPartition, offset: i64) -> Result<(), BrokerError> {
        let number = self.seek + 1;
        let known = self.known(partition)?;
        known.sought = number;
        known.next = Some(offset);
        known.end = None;
        self.seek = number;
        self.forget(std::slice::from_ref(partition));
        self.command(Command::Seek {
            partition: partition.clone(),
            offset,
            number,
        });
        Ok(())
    }

    fn pause(&mut self, partitions: &[TopicPartition]) {
        let partitions = self.assigned(partitions);
        for partition in &partitions {
            if let Some(known) = self.partitions.get_mut(partition) {
                known.paused = true;
            }
        }
        if !partitions.is_empty() {
            self.command(Command::Pause(partitions));
        }
    }

    fn resume(&mut self, partitions: &[TopicPartition]) {
        let partitions = self.assigned(partitions);
        for partition in &partitions {
            if let Some(known) = self.partitions.get_mut(partition) {
                known.paused = false;
            }
        }
        if !partitions.is_empty() {
            self.command(Command::Resume(partitions));
        }
    }

    async fn close(&mut self) {
        self.stop();
        let left = tokio::time::timeout(LEAVE, self.handoff.left()).await;
        if left.is_err() {
            let group = self.group.as_deref().unwrap_or_default();
            tracing::warn!(
                group,
                "the group does not answer; it may wait for this member"
            );
        }
    }
}

/// How long leaving a group may take: a message to its coordinator and back.
const LEAVE: Duration = Duration::from_secs(10);

fn size(record: &connect_broker::FetchedRecord) -> usize {
    let len = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map_or(0, bytes::Bytes::len);
    let headers: usize = record
        .headers
        .iter()
        .map(|header| header.key.len() + len(&header.value))
        .sum();
    len(&record.key) + len(&record.value) + headers
}

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
