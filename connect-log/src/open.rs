//! Opening a log: reads what the store knows and starts the writer.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::hash::RandomState;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use connect_api::TopicPartition;
use connect_broker::BrokerError;
use connect_core::sync::lock;
use connect_core::sync::write;

use crate::Durability;
use crate::LocalBroker;
use crate::LocalOptions;
use crate::engine::Engine;
use crate::engine::Shared;
use crate::format::catalog;
use crate::format::catalog::Catalog;
use crate::format::catalog::CatalogError;
use crate::group::Groups;
use crate::store::Change;
use crate::store::Store;
use crate::store::memory::MemoryStore;
use crate::store::redb::RedbStore;
use crate::topic::Log;
use crate::topic::Topic;
use crate::topic::policy::Policy;
use crate::topic::readers::Readers;
use crate::writer::Writer;
use crate::writer::request::Queue;
use crate::writer::session::Session;
use crate::writer::thread;

impl LocalBroker {
    /// A log in memory, gone when the last handle and the last client are dropped.
    #[must_use]
    pub fn memory() -> Self {
        Self::memory_with(LocalOptions::default())
    }

    /// A log in memory with options of your own. `max_bytes` bounds the memory.
    #[must_use]
    pub fn memory_with(options: LocalOptions) -> Self {
        let store = Arc::new(MemoryStore::default());
        let shared = Arc::new(Shared::new(
            store,
            options,
            Path::new("memory"),
            new_cluster_id(),
        ));
        let writer = Writer::new(Arc::clone(&shared), false, 1);
        Self {
            engine: Arc::new(Engine::inline(shared, writer)),
        }
    }

    /// Opens or creates the durable log in a folder.
    ///
    /// Takes a few milliseconds, whatever the size of the log, even after a crash.
    ///
    /// # Errors
    /// [`BrokerError::Locked`] if the folder belongs to a log that is open, in this process or
    /// another; [`BrokerError::Corrupt`] if what is there cannot be read;
    /// [`BrokerError::Storage`] and [`BrokerError::Full`] if the folder cannot be used.
    pub async fn open(folder: impl AsRef<Path>) -> Result<Self, BrokerError> {
        Self::open_with(folder, LocalOptions::default()).await
    }

    /// Opens or creates the durable log in a folder with options of your own.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_with(
        folder: impl AsRef<Path>,
        options: LocalOptions,
    ) -> Result<Self, BrokerError> {
        let folder = folder.as_ref();
        let mut tries = 0;
        loop {
            let (path, options) = (folder.to_owned(), options.clone());
            let opening = tokio::task::spawn_blocking(move || {
                // After a failure, only a log that has acknowledged nothing it could lose may
                // continue.
                let reopens = options.durability == Durability::Commit;
                let store = RedbStore::open(&path, options.cache_bytes, reopens)?;
                Self::start(Arc::new(store), options, &path).map_err(|error| (error, false))
            });
            let result = opening
                .await
                .map_err(|error| (BrokerError::Unavailable(error.to_string()), false))
                .flatten();
            match result {
                // A log of this process that was dropped may still be flushing.
                Err((BrokerError::Locked { .. }, true)) if tries < LOCK_TRIES => {
                    tries += 1;
                    tokio::time::sleep(LOCK_WAIT).await;
                }
                result => return result.map_err(|(error, _)| error),
            }
        }
    }

    /// Starts a log on a store that blocks.
    pub(crate) fn start(
        store: Arc<dyn Store>,
        options: LocalOptions,
        path: &Path,
    ) -> Result<Self, BrokerError> {
        let catalog = Catalog::read(store.entries()?).map_err(|error| unreadable(path, &error))?;
        let mut changes = Vec::new();
        let is_current = catalog.cluster_id.is_some() && !catalog.is_older;
        let cluster_id = catalog.cluster_id.clone().unwrap_or_else(new_cluster_id);
        if !is_current {
            let (key, value) = catalog::identity(&cluster_id);
            changes.push(Change::Put(key, value));
        }
        let shared = Shared::new(store, options, path, cluster_id);
        let next_producer = shared.load(catalog, &mut changes)?;
        if !changes.is_empty() {
            shared.store.commit(&changes, true)?;
        }
        let topics = shared.topic_sizes().len();
        tracing::info!(path = %path.display(), topics, "opened the log");
        let shared = Arc::new(shared);
        let sync_each = shared.options.durability == Durability::Commit;
        let writer = Writer::new(Arc::clone(&shared), sync_each, next_producer);
        let queue = Arc::new(Queue::default());
        let ended = thread::start(Arc::clone(&shared), Arc::clone(&queue), writer)?;
        Ok(Self {
            engine: Arc::new(Engine::threaded(shared, queue, ended)),
        })
    }
}

impl Shared {
    fn new(store: Arc<dyn Store>, options: LocalOptions, path: &Path, cluster_id: String) -> Self {
        Self {
            store,
            options,
            path: path.to_owned(),
            cluster_id,
            topics: BTreeMap::new().into(),
            claims: Mutex::default(),
            offsets: HashMap::new().into(),
            sessions: HashMap::new().into(),
            groups: Groups::default(),
            new_topics: Readers::default(),
            closed: false.into(),
        }
    }

    /// Loads what the store knows. The changes remove transactions that were left open. Returns the
    /// next producer id.
    fn load(&self, mut catalog: Catalog, changes: &mut Vec<Change>) -> Result<u64, BrokerError> {
        for (producer, log, base, len) in &catalog.open {
            changes.push(Change::Remove(catalog::open_key(*producer, *log, *base)));
            if let Some(entry) = catalog.logs.get_mut(log) {
                entry.bytes = entry.bytes.saturating_sub(*len);
                entry.dirty_bytes = entry.dirty_bytes.saturating_sub(*len);
                changes.push(Change::RemoveBatches {
                    log: *log,
                    from: *base,
                    to: base + 1,
                });
                changes.push(Change::Put(
                    catalog::log_key(*log),
                    catalog::log_value(entry),
                ));
            }
        }
        let mut topics = write(&self.topics);
        for (name, entry) in catalog.topics {
            let damaged = || unreadable(&self.path, &CatalogError::Damaged('t'));
            let policy =
                Policy::parse(&entry.config, self.options.retention).map_err(|_| damaged())?;
            let mut logs = Vec::new();
            for (partition, id) in (0..).zip(&entry.logs) {
                let log = catalog.logs.get(id).ok_or_else(damaged)?;
                let partition = TopicPartition::new(name.clone(), partition);
                logs.push(Arc::new(Log::new(*id, partition, policy.clone(), *log)));
            }
            let topic = Topic::new(name.clone(), logs, entry.config, policy);
            topics.insert(name, Arc::new(topic));
        }
        let now = self.now();
        let mut claims = lock(&self.claims);
        *claims = catalog.claims;
        let mut offsets = lock(&self.offsets);
        for (group, partition, offset) in catalog.offsets {
            if catalog.is_older {
                let mut own = claims.get(&group).cloned().unwrap_or_default();
                own.add_topic(&partition.topic, now);
                changes.push(Change::Put(catalog::claims_key(&group), own.encode()));
                claims.set(group.clone(), own);
            }
            offsets.entry(group).or_default().insert(partition, offset);
        }
        let mut sessions = lock(&self.sessions);
        let mut next_producer = 1;
        for (id, entry) in catalog.producers {
            next_producer = next_producer.max(entry.id + 1);
            sessions.insert(id.clone(), Arc::new(Session::new(id, entry)));
        }
        Ok(next_producer)
    }
}

fn unreadable(path: &Path, error: &CatalogError) -> BrokerError {
    BrokerError::Corrupt {
        what: format!("{}: {error}", path.display()),
        lost: match error {
            CatalogError::Damaged(_) => {
                "restore the folder from a copy, or remove it and lose all topics"
            }
            CatalogError::Format(_) => "nothing is lost; open it with the version that wrote it",
        }
        .to_owned(),
    }
}

/// An identity in the shape of Kafka's: 16 bytes in 22 characters of URL-safe base64. The bytes
/// come from the random keys that the standard library gives its hash maps.
fn new_cluster_id() -> String {
    let [high, low] = [
        RandomState::new().hash_one(1),
        RandomState::new().hash_one(2),
    ];
    let mut bits = (u128::from(high) << 64) | u128::from(low);
    let mut text = String::with_capacity(22);
    for _ in 0..22 {
        let digit = usize::try_from(bits >> 122).unwrap_or(0);
        text.push(ALPHABET.chars().nth(digit).unwrap_or('A'));
        bits <<= 6;
    }
    text
}

const LOCK_TRIES: u32 = 50;
const LOCK_WAIT: Duration = Duration::from_millis(10);
const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
