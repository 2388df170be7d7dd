//! Readers that wait for changes.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::Weak;

use connect_core::sync::lock;
use tokio::sync::Notify;

/// Readers to notify of changes.
#[derive(Debug, Default)]
pub(crate) struct Readers(Mutex<Vec<Weak<Notify>>>);

impl Readers {
    /// Notifies a reader from now on, until it is dropped or removed.
    pub(crate) fn add(&self, reader: &Arc<Notify>) {
        let mut readers = lock(&self.0);
        readers.retain(|other| other.strong_count() > 0);
        readers.push(Arc::downgrade(reader));
    }

    /// No longer notifies a reader.
    pub(crate) fn remove(&self, reader: &Arc<Notify>) {
        lock(&self.0).retain(|other| !std::ptr::eq(other.as_ptr(), Arc::as_ptr(reader)));
    }

    /// Notifies all readers.
    pub(crate) fn wake(&self) {
        for reader in lock(&self.0).iter().filter_map(Weak::upgrade) {
            reader.notify_one();
        }
    }
}
