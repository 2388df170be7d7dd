//! Which topics a task uses.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use connect_api::TopicName;
use connect_core::TaskId;

use super::Statuses;
use crate::clock::Clock;

/// Records the topics of one task when it uses them first.
#[derive(Debug)]
pub(crate) struct UsedTopics {
    statuses: Arc<Statuses>,
    clock: Arc<dyn Clock>,
    task: TaskId,
    seen: BTreeSet<TopicName>,
    resets: u64,
}

impl UsedTopics {
    pub(crate) fn new(statuses: Arc<Statuses>, clock: Arc<dyn Clock>, task: TaskId) -> Self {
        Self {
            resets: statuses.resets.load(Ordering::Acquire),
            statuses,
            clock,
            task,
            seen: BTreeSet::new(),
        }
    }

    /// Those of some topics that are not recorded yet, mostly none.
    pub(crate) fn unseen<'a>(
        &mut self,
        topics: impl Iterator<Item = &'a TopicName>,
    ) -> Vec<TopicName> {
        let resets = self.statuses.resets.load(Ordering::Acquire);
        if resets != self.resets {
            self.resets = resets;
            self.seen.clear();
        }
        let mut unseen = Vec::new();
        let mut last: Option<&TopicName> = None;
        for topic in topics {
            // Topics of a batch are mostly the same allocation.
            let is_last = last.is_some_and(|last| std::ptr::eq(last.as_str(), topic.as_str()));
            if !is_last && !self.seen.contains(topic) && !unseen.contains(topic) {
                unseen.push(topic.clone());
            }
            last = Some(topic);
        }
        unseen
    }

    /// Records topics that were used.
    pub(crate) fn record(&mut self, topics: Vec<TopicName>) {
        for topic in topics {
            self.statuses
                .topic_used(&self.task, &topic, self.clock.now());
            self.seen.insert(topic);
        }
    }
}
