//! Locks that a panic elsewhere does not poison.

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::RwLockReadGuard;
use std::sync::RwLockWriteGuard;

/// Locks a mutex, whether or not a panic poisoned it.
///
/// For values that are valid between any two statements under the lock, so that a panic leaves
/// nothing half done.
///
/// ```
/// use std::sync::Mutex;
///
/// use connect_core::sync::lock;
///
/// let names = Mutex::new(vec!["a"]);
/// lock(&names).push("b");
/// assert_eq!(*lock(&names), ["a", "b"]);
/// ```
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks for reading, under the conditions of [`lock`].
pub fn read<T: ?Sized>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// Locks for writing, under the conditions of [`lock`].
pub fn write<T: ?Sized>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn a_panic_under_a_lock_does_not_poison_it() {
        let (mutex, shared) = (Mutex::new(1), RwLock::new(2));
        let result = catch_unwind(|| {
            let _guards = (lock(&mutex), write(&shared));
            panic!("while both are held");
        });
        assert!(result.is_err() && mutex.is_poisoned() && shared.is_poisoned());
        assert_eq!((*lock(&mutex), *read(&shared)), (1, 2));
    }
}
