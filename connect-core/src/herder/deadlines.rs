//! Deadlines of the core.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::LogicalTime;

/// Deadlines by their purpose, at most one for each.
#[derive(Debug)]
pub(super) struct Deadlines<K> {
    times: BTreeMap<K, LogicalTime>,
    order: BTreeSet<(LogicalTime, K)>,
}

impl<K> Default for Deadlines<K> {
    fn default() -> Self {
        Self {
            times: BTreeMap::new(),
            order: BTreeSet::new(),
        }
    }
}

impl<K: Ord + Clone> Deadlines<K> {
    /// Sets or moves a deadline.
    pub(super) fn set(&mut self, key: K, at: LogicalTime) {
        self.clear(&key);
        self.times.insert(key.clone(), at);
        self.order.insert((at, key));
    }

    /// Removes a deadline, if there is one.
    pub(super) fn clear(&mut self, key: &K) {
        if let Some(at) = self.times.remove(key) {
            self.order.remove(&(at, key.clone()));
        }
    }

    /// The next deadline.
    pub(super) fn next(&self) -> Option<LogicalTime> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes a deadline that is due, the oldest first.
    pub(super) fn take_due(&mut self, now: LogicalTime) -> Option<K> {
        if self.next()? > now {
            return None;
        }
        let (_, key) = self.order.pop_first()?;
        self.times.remove(&key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_deadline_that_is_moved_is_due_once() {
        let zero = LogicalTime::default();
        let at = |seconds| zero + Duration::from_secs(seconds);
        let mut deadlines = Deadlines::default();
        deadlines.set("a", at(1));
        deadlines.set("b", at(2));
        deadlines.set("a", at(3));
        assert_eq!(deadlines.next(), Some(at(2)));
        assert_eq!(deadlines.take_due(at(1)), None);
        assert_eq!(deadlines.take_due(at(5)), Some("b"));
        deadlines.clear(&"a");
        assert_eq!(deadlines.take_due(at(5)), None);
        assert_eq!(deadlines.next(), None);
    }
}
