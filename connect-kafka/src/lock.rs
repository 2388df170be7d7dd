//! Locking a mutex whether or not it is poisoned.

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

/// Locks a mutex. A panic elsewhere does not make what it protects invalid: no lock of this crate
/// is held across a change that could be left half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
