//! Who is told when a file changes.
//!
//! Decision that lives here: one watcher serves all tasks that were made by one registry, since
//! the instances behind it are scarce (128 for each user on common Linux machines). It is made at
//! its first use and ends with the last subscription. Where it cannot be had, files are looked at
//! again and again; nothing else depends on it.

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
