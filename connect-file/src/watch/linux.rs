//! The watcher on Linux: inotify.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use inotify::EventMask;
use inotify::Inotify;
use inotify::WatchDescriptor;
use inotify::WatchMask;
use inotify::Watches;
use tokio::sync::Notify;

/// Makes subscriptions. Clones share one inotify instance and one thread.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watcher(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// The instance; `None` while nothing is watched.
    watches: Option<Watches>,
    /// The subscriptions to notify, by watched folder or file.
    listeners: HashMap<WatchDescriptor, Listeners>,
    has_warned: bool,
}

#[derive(Debug)]
struct Listener {
    /// The watched entry of the folder; `None` if the file itself is watched.
    name: Option<OsString>,
    wake: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Listeners(HashMap<Option<OsString>, Vec<Arc<Notify>>>);

impl Listeners {
    fn add(&mut self, listener: Listener) {
        self.0.entry(listener.name).or_default().push(listener.wake);
    }

    /// Removes a listener; true if none is left.
    fn remove(&mut self, listener: &Listener) -> bool {
        if let Some(wakes) = self.0.get_mut(&listener.name) {
            wakes.retain(|wake| !Arc::ptr_eq(wake, &listener.wake));
            if wakes.is_empty() {
                self.0.remove(&listener.name);
            }
        }
        self.0.is_empty()
    }

    fn notify(&self, name: Option<&OsStr>) {
        let name = name.map(OsStr::to_owned);
        let named = self.0.get(&name).into_iter().flatten();
        let whole = self.0.get(&None).into_iter().flatten();
        named.chain(whole).for_each(|wake| wake.notify_one());
    }

    fn notify_all(&self) {
        self.0.values().flatten().for_each(|wake| wake.notify_one());
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("listeners", &self.listeners)
            .finish_non_exhaustive()
    }
}

impl Watcher {
    /// Creates a subscription to changes of a file, which need not exist. It watches nothing yet.
    pub(crate) fn subscribe(&self, path: &Path) -> Subscription {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        Subscription {
            watcher: self.clone(),
            wake: Arc::default(),
            folder,
            name: path.file_name().map(OsStr::to_owned),
            folder_watch: None,
            file_watch: None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, path: &Path, mask: WatchMask, listener: Listener) -> io::Result<WatchDescriptor> {
        let mut state = self.lock();
        // Adds to the mask of other subscriptions.
        let mask = mask | WatchMask::MASK_ADD;
        let watch = match &mut state.watches {
            Some(watches) => watches.add(path, mask)?,
            None => {
                let inotify = Inotify::init()?;
                let mut watches = inotify.watches();
                let watch = watches.add(path, mask)?;
                let watcher = self.clone();
                std::thread::Builder::new()
                    .name("connect-file-watch".into())
                    .spawn(move || watcher.run(inotify))?;
                state.watches = Some(watches);
                watch
            }
        };
        state
            .listeners
            .entry(watch.clone())
            .or_default()
            .add(listener);
        Ok(watch)
    }

    fn remove(&self, watch: &WatchDescriptor, listener: &Listener) {
        let mut state = self.lock();
        let Some(listeners) = state.listeners.get_mut(watch) else {
            return;
        };
        if !listeners.remove(listener) {
            return;
        }
        state.listeners.remove(watch);
        if let Some(watches) = &mut state.watches {
            // Wakes the thread. Fails if the kernel removed the watch with the file.
            let _ = watches.remove(watch.clone());
        }
    }

    fn is_watched(&self, watch: &WatchDescriptor) -> bool {
        self.lock().listeners.contains_key(watch)
    }

    /// Notifies listeners of events until nothing is watched.
    fn run(&self, mut inotify: Inotify) {
        let mut buffer = [0; 8192];
        loop {
            let events = match inotify.read_events_blocking(&mut buffer) {
                Ok(events) => events,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::warn!(%error, "cannot watch files; polling them from now on");
                    self.lock().stop();
                    return;
                }
            };
            let mut state = self.lock();
            for event in events {
                state.notify(&event.wd, event.mask, event.name);
            }
            if state.listeners.is_empty() {
                state.stop();
                return;
            }
        }
    }

    /// Warns once that files are polled.
    fn report(&self, path: &Path, error: &io::Error) {
        let has_warned = std::mem::replace(&mut self.lock().has_warned, true);
        if !has_warned {
            let path = path.display();
            tracing::warn!(%path, %error, "cannot watch the file; polling it");
        }
    }
}

impl State {
    fn notify(&mut self, watch: &WatchDescriptor, mask: EventMask, name: Option<&OsStr>) {
        if mask.contains(EventMask::Q_OVERFLOW) {
            self.listeners.values().for_each(Listeners::notify_all);
        } else if mask.contains(EventMask::IGNORED) {
            // Removed by us or, with the file, by the kernel.
            if let Some(listeners) = self.listeners.remove(watch) {
                listeners.notify_all();
            }
        } else if let Some(listeners) = self.listeners.get(watch) {
            listeners.notify(name);
        }
    }

    fn stop(&mut self) {
        self.watches = None;
        self.listeners
            .drain()
            .for_each(|(_, listeners)| listeners.notify_all());
    }
}

/// Notified when a file changes, appears or is replaced.
#[derive(Debug)]
pub(crate) struct Subscription {
    watcher: Watcher,
    wake: Arc<Notify>,
    folder: PathBuf,
    name: Option<OsString>,
    folder_watch: Option<WatchDescriptor>,
    file_watch: Option<WatchDescriptor>,
}

impl Subscription {
    /// Returns what is notified after each change. Several changes may be notified once.
    pub(crate) fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    /// Watches the folder of the file, unless it is watched already. *Blocking*.
    pub(crate) fn watch_folder(&mut self) {
        if self
            .folder_watch
            .as_ref()
            .is_some_and(|watch| self.watcher.is_watched(watch))
        {
            return;
        }
        let mask = WatchMask::CREATE | WatchMask::MOVED_TO | WatchMask::ONLYDIR;
        let listener = self.listener(self.name.clone());
        self.folder_watch = match self.watcher.add(&self.folder, mask, listener) {
            Ok(watch) => Some(watch),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                self.watcher.report(&self.folder, &error);
                None
            }
        };
    }

    /// Watches an open file, under any name, instead of the previous one. *Blocking*.
    pub(crate) fn watch_file(&mut self, file: &File) {
        if let Some(watch) = self.file_watch.take() {
            self.watcher.remove(&watch, &self.listener(None));
        }
        let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        let listener = self.listener(None);
        self.file_watch = match self.watcher.add(&path, WatchMask::MODIFY, listener) {
            Ok(watch) => Some(watch),
            Err(error) => {
                self.watcher.report(&path, &error);
                None
            }
        };
    }

    fn listener(&self, name: Option<OsString>) -> Listener {
        Listener {
            name,
            wake: self.wake(),
        }
    }

    /// True if changes of the file are notified.
    pub(crate) fn is_notified(&self) -> bool {
        self.file_watch
            .as_ref()
            .is_some_and(|watch| self.watcher.is_watched(watch))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(watch) = self.folder_watch.take() {
            self.watcher
                .remove(&watch, &self.listener(self.name.clone()));
        }
        if let Some(watch) = self.file_watch.take() {
            self.watcher.remove(&watch, &self.listener(None));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::Duration;

    use super::*;

    async fn notified(subscription: &Subscription) {
        let wake = subscription.wake();
        tokio::time::timeout(Duration::from_secs(20), wake.notified())
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn appearance_growth_and_replacement_are_notified() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let watcher = Watcher::default();
        let mut subscription = watcher.subscribe(&path);
        subscription.watch_folder();
        assert!(!subscription.is_notified());

        let mut file = File::create(&path).unwrap();
        notified(&subscription).await;
        subscription.watch_file(&file);
        assert!(subscription.is_notified());
        file.write_all(b"x").unwrap();
        notified(&subscription).await;
        std::fs::rename(&path, folder.path().join("log.1")).unwrap();
        file.write_all(b"y").unwrap(); // also under its new name
        notified(&subscription).await;
        File::create(&path).unwrap();
        notified(&subscription).await;
        file.set_len(0).unwrap();
        notified(&subscription).await;
    }

    #[tokio::test]
    async fn other_files_of_the_folder_are_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let watcher = Watcher::default();
        let [mut a, mut b] = ["a", "b"].map(|name| watcher.subscribe(&folder.path().join(name)));
        a.watch_folder();
        b.watch_folder();
        File::create(folder.path().join("b")).unwrap();
        notified(&b).await;
        let quiet = tokio::time::timeout(Duration::ZERO, a.wake().notified_owned());
        assert!(quiet.await.is_err());
    }

    #[tokio::test]
    async fn the_instance_ends_with_the_last_subscription() {
        let folder = tempfile::tempdir().unwrap();
        let watcher = Watcher::default();
        for _ in 0..3 {
            let mut subscription = watcher.subscribe(&folder.path().join("log"));
            subscription.watch_folder();
            assert!(watcher.lock().watches.is_some());
            drop(subscription);
            let deadline = std::time::Instant::now() + Duration::from_secs(20);
            while Arc::strong_count(&watcher.0) > 1 {
                assert!(
                    std::time::Instant::now() < deadline,
                    "the thread did not end"
                );
                tokio::task::yield_now().await;
            }
            assert!(watcher.lock().watches.is_none());
        }
    }
}
