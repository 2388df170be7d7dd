//! Opening a log: reads what the store knows and starts the writer.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::hash::RandomState;
use std::path::Path;
use std::sync::Arc;

use crate::LocalBroker;
use crate::local::LocalOptions;
use crate::local::engine::Engine;
use crate::local::engine::Shared;
use crate::local::memory::MemoryStore;
use crate::local::store::Store;
use crate::local::writer::Writer;

impl LocalBroker {
    /// A log in memory, gone when the last handle and the last client are dropped.
    #[must_use]
    pub fn memory() -> Self {
        Self::memory_with(LocalOptions::default())
    }

    /// A log in memory with options of your own. `max_bytes` bounds the memory.
    #[must_use]
    pub fn memory_with(options: LocalOptions) -> Self {
        let shared = Shared::new(
            Arc::new(MemoryStore::default()),
            options,
            Path::new("memory"),
            new_cluster_id(),
        );
        let shared = Arc::new(shared);
        let writer = Writer::new(Arc::clone(&shared), false, 1);
        Self {
            engine: Arc::new(Engine::inline(shared, writer)),
        }
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
            offsets: HashMap::new().into(),
            sessions: HashMap::new().into(),
            groups: crate::local::groups::Groups::default(),
            closed: false.into(),
        }
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

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
