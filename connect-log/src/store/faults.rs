//! The log on a disk that loses, tears and refuses writes.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use connect_api::LogOffsets;
use connect_api::TopicPartition;
use connect_broker::Broker;
use connect_broker::BrokerError;
use connect_broker::ConsumerEvent;
use connect_broker::ConsumerOptions;
use connect_broker::Isolation;
use connect_broker::Producer;
use connect_broker::ProducerOptions;
use connect_broker::ProducerRecord;
use connect_broker::Receipts;
use connect_broker::Subscription;
use connect_core::sync::lock;
use proptest::prelude::Rng;
use proptest::test_runner::RngAlgorithm;
use proptest::test_runner::TestRng;
use redb::StorageBackend;

use crate::LocalBroker;
use crate::LocalOptions;
use crate::store::redb::RedbStore;

/// A disk in memory.
#[derive(Debug, Clone, Default)]
struct Disk(Arc<Mutex<Content>>);

#[derive(Debug, Default)]
struct Content {
    now: Vec<u8>,
    /// What survives any crash.
    synced: Vec<u8>,
    /// What a crash may lose, whole or in part.
    pending: Vec<Pending>,
    /// The size of the disk in bytes.
    room: Option<u64>,
    /// After so many writes and syncs the disk is gone.
    operations_left: Option<u64>,
    /// So many syncs report an error after they have done their work.
    lying_syncs: u32,
    syncs: u64,
}

#[derive(Debug)]
enum Pending {
    Len(usize),
    Write(usize, Vec<u8>),
}

impl Disk {
    fn with(bytes: Vec<u8>) -> Self {
        let disk = Self::default();
        lock(&disk.0).now.clone_from(&bytes);
        lock(&disk.0).synced = bytes;
        disk
    }

    fn set(&self, change: impl FnOnce(&mut Content)) {
        change(&mut lock(&self.0));
    }

    /// What is found after a crash: some of the writes since the last sync, some only in part.
    fn crash(&self, random: &mut TestRng) -> Vec<u8> {
        let content = lock(&self.0);
        let mut bytes = content.synced.clone();
        for pending in &content.pending {
            match pending {
                Pending::Len(len) => {
                    if random.next_u32().is_multiple_of(2) || *len > bytes.len() {
                        bytes.resize(*len, 0);
                    }
                }
                Pending::Write(offset, data) => {
                    let keep = match random.next_u32() % 4 {
                        0 => data.len(),
                        1 => random.next_u32() as usize % (data.len() / 512 + 1) * 512,
                        _ => 0,
                    };
                    let end = (offset + keep).min(bytes.len());
                    if *offset < end {
                        bytes[*offset..end].copy_from_slice(&data[..end - offset]);
                    }
                }
            }
        }
        bytes
    }

    fn operate(content: &mut Content) -> io::Result<()> {
        match &mut content.operations_left {
            Some(0) => return Err(io::Error::other("the disk is gone")),
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(lock(&self.0).now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let content = lock(&self.0);
        let offset = offset as usize;
        let found = content.now.get(offset..offset + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut content = lock(&self.0);
        Self::operate(&mut content)?;
        if content.room.is_some_and(|room| len > room) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        content.now.resize(len as usize, 0);
        content.pending.push(Pending::Len(len as usize));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut content = lock(&self.0);
        Self::operate(&mut content)?;
        for pending in std::mem::take(&mut content.pending) {
            match pending {
                Pending::Len(len) => content.synced.resize(len, 0),
                Pending::Write(offset, data) => {
                    content.synced[offset..offset + data.len()].copy_from_slice(&data);
                }
            }
        }
        content.syncs += 1;
        if content.lying_syncs > 0 {
            content.lying_syncs -= 1;
            return Err(io::Error::other("the outcome of the sync is unknown"));
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut content = lock(&self.0);
        Self::operate(&mut content)?;
        let offset = offset as usize;
        content.now[offset..offset + data.len()].copy_from_slice(data);
        content.pending.push(Pending::Write(offset, data.to_vec()));
        Ok(())
    }
}

fn open(disk: &Disk) -> Result<LocalBroker, BrokerError> {
    let disk = disk.clone();
    let opener = Box::new(move |builder: &redb::Builder| builder.create_with_backend(disk.clone()));
    let store = RedbStore::with(Path::new("simulated"), 1 << 20, true, opener)?;
    LocalBroker::start(
        Arc::new(store),
        LocalOptions::default(),
        Path::new("simulated"),
    )
}

fn random(seed: u64) -> TestRng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}

struct Sender {
    producer: Box<dyn Producer>,
    receipts: Box<dyn Receipts>,
    next: u64,
}

impl Sender {
    async fn open(log: &LocalBroker, transactional_id: Option<&str>) -> Result<Self, BrokerError> {
        let mut options = ProducerOptions::default();
        options.transactional_id = transactional_id.map(str::to_owned);
        let (producer, receipts) = log.producer(options).await?;
        Ok(Self {
            producer,
            receipts,
            next: 0,
        })
    }

    /// Sends values and waits for their fate.
    async fn send(&mut self, topic: &str, values: &[String]) -> Vec<Result<i64, BrokerError>> {
        let first = self.next;
        let record = |(token, value): (u64, &String)| {
            ProducerRecord::new(token, topic, value.clone().into_bytes())
        };
        let batch = (first..).zip(values).map(record).collect();
        self.next += values.len() as u64;
        let _ = self.producer.send(batch).await;
        let mut outcomes = Vec::new();
        while outcomes.len() < values.len() {
            for receipt in self.receipts.next().await.unwrap() {
                for (step, _) in (0..).zip(receipt.tokens) {
                    outcomes.push(receipt.outcome.clone().map(|at| at.offset + step));
                }
            }
        }
        outcomes
    }
}

async fn values(log: &LocalBroker, topic: &str) -> Result<Vec<(i64, String)>, BrokerError> {
    let partition = TopicPartition::new(topic, 0);
    let admin = log.admin(connect_broker::AdminOptions::default()).await?;
    let ends = admin.end_offsets(std::slice::from_ref(&partition), Isolation::ReadCommitted);
    let end = ends.await.map_or(0, |ends| ends[&partition]);
    let mut options = ConsumerOptions::new(Subscription::Partitions(vec![partition.clone()]));
    options.isolation = Isolation::ReadCommitted;
    let mut consumer = log.consumer(options).await?;
    let mut values = Vec::new();
    while consumer.position(&partition).await? < end {
        if let ConsumerEvent::Records(groups) = consumer.poll(Duration::from_secs(10)).await? {
            for record in groups.into_iter().flat_map(|group| group.records) {
                let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
                values.push((record.offset, value));
            }
        }
    }
    Ok(values)
}

/// Fills a log and returns its bytes and what is in it.
async fn sample() -> (Vec<u8>, Vec<(i64, String)>) {
    let disk = Disk::default();
    let log = open(&disk).unwrap();
    let mut sender = Sender::open(&log, None).await.unwrap();
    for batch in 0..40 {
        let values: Vec<String> = (0..50)
            .map(|n| format!("{batch}-{n} {}", "x".repeat(60)))
            .collect();
        for outcome in sender.send("t", &values).await {
            outcome.unwrap();
        }
    }
    let all = values(&log, "t").await.unwrap();
    log.close().await.unwrap();
    let bytes = lock(&disk.0).now.clone();
    (bytes, all)
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_crash_and_transactions_are_whole() {
    for seed in 0..60 {
        let mut random = random(seed);
        let disk = Disk::default();
        let log = open(&disk).unwrap();
        disk.set(|content| content.operations_left = Some(u64::from(random.next_u32() % 600)));
        let mut acknowledged = BTreeMap::new();
        let mut committed = 0;
        if let (Ok(mut plain), Ok(mut transactional)) = (
            Sender::open(&log, None).await,
            Sender::open(&log, Some("tx")).await,
        ) {
            for round in 0..30_i64 {
                let size = random.next_u32() % 20 + 1;
                let batch: Vec<String> = (0..size).map(|n| format!("{round}-{n}")).collect();
                for (value, outcome) in batch.iter().zip(plain.send("plain", &batch).await) {
                    if let Ok(offset) = outcome {
                        acknowledged.insert(offset, value.clone());
                    }
                }
                if transactional.producer.begin().await.is_err() {
                    break;
                }
                transactional.send("tx", &[round.to_string()]).await;
                let offsets =
                    LogOffsets::from_iter([(TopicPartition::new("source", 0), round + 1)]);
                let _ = transactional.producer.send_offsets("group", &offsets).await;
                if transactional.producer.commit().await.is_err() {
                    break;
                }
                committed = round + 1;
            }
        }
        drop(log);
        let log = open(&Disk::with(disk.crash(&mut random)))
            .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let plain: BTreeMap<_, _> = values(&log, "plain").await.unwrap().into_iter().collect();
        for (offset, value) in &acknowledged {
            assert_eq!(
                plain.get(offset),
                Some(value),
                "seed {seed}, offset {offset}"
            );
        }
        let rounds = values(&log, "tx").await.unwrap();
        let rounds: Vec<i64> = rounds
            .iter()
            .map(|(_, value)| value.parse().unwrap())
            .collect();
        let admin = log
            .admin(connect_broker::AdminOptions::default())
            .await
            .unwrap();
        let offsets = admin.group_offsets("group").await.unwrap();
        let offset = offsets
            .get(&TopicPartition::new("source", 0))
            .copied()
            .unwrap_or(0);
        assert_eq!(rounds, (0..offset).collect::<Vec<_>>(), "seed {seed}");
        assert!(offset >= committed, "seed {seed}: {offset} < {committed}");
        let mut sender = Sender::open(&log, Some("tx")).await.unwrap();
        sender.producer.begin().await.unwrap();
        sender
            .send("tx", &["after".to_owned()])
            .await
            .remove(0)
            .unwrap();
        sender.producer.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_full_disk_is_reported_and_the_log_goes_on_when_there_is_room() {
    let disk = Disk::default();
    let log = open(&disk).unwrap();
    let mut sender = Sender::open(&log, None).await.unwrap();
    let value = vec!["x".repeat(100_000); 10];
    sender.send("t", &value).await.remove(0).unwrap();
    disk.set(|content| content.room = Some(content.now.len() as u64));
    let mut stored = 10;
    let error = loop {
        let outcomes = sender.send("t", &value).await;
        stored += outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        if let Some(Err(error)) = outcomes.into_iter().find(Result::is_err) {
            break error;
        }
    };
    assert!(matches!(error, BrokerError::Full { .. }), "{error}");
    assert!(error.is_retriable());
    // Of the next a part may still fit.
    for outcome in sender.send("t", &value).await {
        match outcome {
            Ok(_) => stored += 1,
            Err(error) => assert!(matches!(error, BrokerError::Full { .. }), "{error}"),
        }
    }
    assert_eq!(values(&log, "t").await.unwrap().len(), stored);
    disk.set(|content| content.room = None);
    let offset = sender.send("t", &value).await.remove(0).unwrap();
    assert_eq!(offset, i64::try_from(stored).unwrap());
    log.close().await.unwrap();
    let log = open(&disk).unwrap();
    assert_eq!(values(&log, "t").await.unwrap().len(), stored + 10);
}

#[tokio::test]
async fn records_of_a_failed_commit_never_appear_even_if_the_disk_kept_them() {
    let disk = Disk::default();
    let log = open(&disk).unwrap();
    let mut sender = Sender::open(&log, None).await.unwrap();
    sender.send("t", &["a".to_owned()]).await.remove(0).unwrap();
    // A commit syncs twice; with the second the data is there for good.
    for lies in 1..=2 {
        disk.set(|content| content.lying_syncs = lies);
        let outcomes = sender
            .send("t", &["lost".to_owned(), "lost".to_owned()])
            .await;
        assert!(outcomes.iter().all(Result::is_err), "{outcomes:?}");
        disk.set(|content| content.lying_syncs = 0);
        sender.send("t", &["b".to_owned()]).await.remove(0).unwrap();
    }
    let expected: Vec<_> = [(0, "a"), (1, "b"), (2, "b")]
        .map(|(n, v)| (n, v.to_owned()))
        .into();
    assert_eq!(values(&log, "t").await.unwrap(), expected);
    log.close().await.unwrap();
    let log = open(&disk).unwrap();
    assert_eq!(values(&log, "t").await.unwrap(), expected);
}

#[tokio::test]
async fn damaged_bytes_are_reported_and_never_served() {
    let (bytes, all) = sample().await;
    let mut reported = 0;
    for seed in 0..60 {
        let mut random = random(seed);
        let mut damaged = bytes.clone();
        for _ in 0..200 {
            let at = random.next_u32() as usize % damaged.len();
            damaged[at] ^= (random.next_u32() % 255 + 1) as u8;
        }
        if seed % 3 == 0 {
            let page = random.next_u32() as usize % (damaged.len() / 4096) * 4096;
            damaged[page..page + 4096].fill(0);
        }
        let result = match open(&Disk::with(damaged)) {
            Ok(log) => values(&log, "t").await,
            Err(error) => Err(error),
        };
        match result {
            // A damaged entry can hide topics; what is served is right.
            Ok(read) => assert!(
                read.iter().all(|record| all.contains(record)),
                "seed {seed}"
            ),
            Err(BrokerError::Corrupt { what, lost }) => {
                assert!(!what.is_empty() && !lost.is_empty());
                reported += 1;
            }
            Err(BrokerError::Storage { .. }) => reported += 1,
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }
    assert!(reported > 30, "{reported}");
}

#[tokio::test]
async fn a_damaged_batch_names_its_offsets_and_can_be_skipped() {
    let (mut bytes, all) = sample().await;
    // The length of the value precedes it.
    let needle = b"\x427-13 xxx";
    let at = bytes
        .windows(needle.len())
        .position(|window| window == needle)
        .unwrap();
    bytes[at + 20] ^= 1;
    let log = open(&Disk::with(bytes)).unwrap();
    let partition = TopicPartition::new("t", 0);
    let options = ConsumerOptions::new(Subscription::Partitions(vec![partition.clone()]));
    let mut consumer = log.consumer(options).await.unwrap();
    let mut count = 0;
    let error = loop {
        match consumer.poll(Duration::from_secs(10)).await {
            Ok(ConsumerEvent::Records(groups)) => {
                count += groups
                    .iter()
                    .map(|group| group.records.len())
                    .sum::<usize>();
            }
            Ok(event) => panic!("{event:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(count, 350);
    let text = error.to_string();
    assert!(
        text.contains("topic \"t\" partition 0 offsets 350 to 399"),
        "{text}"
    );
    assert!(text.contains("seek to offset 400"), "{text}");
    assert_eq!(consumer.position(&partition).await.unwrap(), 350);
    assert!(matches!(
        consumer.poll(Duration::ZERO).await,
        Err(BrokerError::Corrupt { .. })
    ));
    consumer.seek(&partition, 400).unwrap();
    while count < all.len() - 50 {
        match consumer.poll(Duration::from_secs(10)).await.unwrap() {
            ConsumerEvent::Records(groups) => {
                count += groups
                    .iter()
                    .map(|group| group.records.len())
                    .sum::<usize>();
            }
            event => panic!("{event:?}"),
        }
    }
    assert_eq!(consumer.position(&partition).await.unwrap(), 2_000);
}

#[tokio::test]
async fn producers_and_offset_commits_share_syncs() {
    let disk = Disk::default();
    let log = open(&disk).unwrap();
    let mut first = Sender::open(&log, None).await.unwrap();
    first
        .send("t", &["warm".to_owned()])
        .await
        .remove(0)
        .unwrap();
    let before = lock(&disk.0).syncs;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..20 {
        let mut sender = Sender::open(&log, None).await.unwrap();
        let log = log.clone();
        tasks.spawn(async move {
            let partition = TopicPartition::new("t", 0);
            let mut options =
                ConsumerOptions::new(Subscription::Partitions(vec![partition.clone()]));
            options.group = Some(format!("group-{task}"));
            let mut consumer = log.consumer(options).await.unwrap();
            for round in 0..10 {
                sender
                    .send("t", &[format!("{task}-{round}")])
                    .await
                    .remove(0)
                    .unwrap();
                let offsets = LogOffsets::from_iter([(partition.clone(), round)]);
                consumer.commit(&offsets).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let syncs = lock(&disk.0).syncs - before;
    assert!(syncs < 200, "{syncs} syncs for 400 commits, two syncs each");
}
