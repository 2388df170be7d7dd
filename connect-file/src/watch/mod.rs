//! Notifies tasks of changes to files.
//!
//! One watcher serves all tasks of a registry, since the number of inotify instances is limited (128
//! per user on common Linux machines). It starts at its first use and ends with the last
//! subscription. Without it files are polled.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod polling;

#[cfg(target_os = "linux")]
pub(crate) use linux::Subscription;
#[cfg(target_os = "linux")]
pub(crate) use linux::Watcher;
#[cfg(not(target_os = "linux"))]
pub(crate) use polling::Subscription;
#[cfg(not(target_os = "linux"))]
pub(crate) use polling::Watcher;
