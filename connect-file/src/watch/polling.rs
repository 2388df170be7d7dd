//! Platforms without a watcher: files are polled.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::Notify;

/// Makes subscriptions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watcher;

impl Watcher {
    pub(crate) fn subscribe(&self, _path: &Path) -> Subscription {
        Subscription::default()
    }
}

/// Never notified.
#[derive(Debug, Default)]
pub(crate) struct Subscription {
    wake: Arc<Notify>,
}

impl Subscription {
    pub(crate) fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    pub(crate) fn watch_folder(&mut self) {}

    pub(crate) fn watch_file(&mut self, _file: &File) {}

    pub(crate) fn is_notified(&self) -> bool {
        false
    }
}
