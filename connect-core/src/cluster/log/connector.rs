//! What the configuration log says about one connector.

use std::collections::BTreeMap;
use std::sync::Arc;

use connect_api::ConfigMap;

use crate::cluster::TargetState;

/// One connector as it is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connector {
    pub(super) config: Arc<ConfigMap>,
    pub(super) config_offset: i64,
    /// The last complete set.
    pub(super) task_set: Option<TaskSet>,
    /// Why a later commit has no complete set.
    pub(super) inconsistency: Option<Inconsistency>,
    pub(super) marks: Marks,
}

/// What outlives the configuration of a connector, in either direction: records that come before
/// it, and those that a deletion does not forget.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) target: Option<TargetState>,
    /// Task configurations since the last commit; `None` if there never was one.
    pub(super) deferred: Option<BTreeMap<usize, ConfigMap>>,
    /// The last commit that found no connector, if no deletion followed.
    pub(super) orphaned_commit: Option<i64>,
    pub(super) task_generation: Option<u64>,
    pub(super) task_count: Option<usize>,
    pub(super) is_pending_fencing: bool,
}

/// A complete set of task configurations (invariant C2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSet {
    pub(super) configs: Arc<[ConfigMap]>,
    pub(super) applied_config: Arc<ConfigMap>,
    pub(super) committed_at: i64,
}

/// Why the tasks of a connector are unknown. In both cases the connector is asked for task
/// configurations again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Inconsistency {
    /// The last commit found too few task configurations: compaction removed some, or a leader
    /// ended while it wrote a set.
    Incomplete {
        /// How many tasks the set has.
        tasks: usize,
        /// The first that is missing.
        first_missing: usize,
        /// The offset of the commit.
        committed_at: i64,
    },
    /// The last commit comes before the record of the connector. Either it belongs to a deleted
    /// connector of the same name, or compaction removed the older record of this one
    /// (KAFKA-17719); the log cannot tell which.
    Orphaned {
        /// The offset of the commit.
        committed_at: i64,
    },
}

impl Connector {
    /// Its configuration, variables unresolved.
    #[must_use]
    pub const fn config(&self) -> &Arc<ConfigMap> {
        &self.config
    }

    /// The offset of the record that set the configuration: its generation, the same on each
    /// worker. A record with an equal configuration is a new generation too.
    #[must_use]
    pub const fn config_offset(&self) -> i64 {
        self.config_offset
    }

    /// Its target state.
    #[must_use]
    pub fn target_state(&self) -> TargetState {
        self.marks.target.unwrap_or_default()
    }

    /// Its tasks, if the last commit left a complete set.
    #[must_use]
    pub const fn task_set(&self) -> Option<&TaskSet> {
        match self.inconsistency {
            None => self.task_set.as_ref(),
            Some(_) => None,
        }
    }

    /// The last complete set, even if the last commit left an incomplete one.
    #[must_use]
    pub const fn last_task_set(&self) -> Option<&TaskSet> {
        self.task_set.as_ref()
    }

    /// Why the last commit left no complete set, if it did not.
    #[must_use]
    pub const fn inconsistency(&self) -> Option<Inconsistency> {
        self.inconsistency
    }

    /// True if there is a complete set of tasks, committed after the last record of the
    /// configuration.
    ///
    /// If false, task configurations are generated and written again, even if they are equal: they
    /// were generated from an older configuration (KAFKA-9228 calls it the *applied* one), or
    /// compaction will remove the record before them, and a worker that starts later would find an
    /// [orphaned](Inconsistency::Orphaned) commit (KAFKA-17719). One commit makes it true, so they
    /// are not written forever.
    #[must_use]
    pub fn tasks_are_up_to_date(&self) -> bool {
        self.task_set()
            .is_some_and(|set| set.committed_at > self.config_offset)
    }

    /// How many complete sets with tasks were committed since the log was first read, from 0.
    ///
    /// Comparable only within one worker: compaction removes older sets, so workers that start
    /// later count fewer. [`TaskSet::committed_at`] is the same on each worker.
    ///
    /// *Java*: `taskConfigGeneration`.
    #[must_use]
    pub const fn task_generation(&self) -> Option<u64> {
        self.marks.task_generation
    }

    /// The number of tasks in the last round of fencing (KIP-618).
    #[must_use]
    pub const fn task_count_record(&self) -> Option<usize> {
        self.marks.task_count
    }

    /// True if a set of tasks was committed after the last round of fencing: with exactly-once its
    /// tasks must not start before the next one.
    #[must_use]
    pub const fn is_pending_fencing(&self) -> bool {
        self.marks.is_pending_fencing
    }
}

impl TaskSet {
    /// One configuration per task, variables unresolved.
    #[must_use]
    pub fn configs(&self) -> &[ConfigMap] {
        &self.configs
    }

    /// [`configs`](TaskSet::configs), shared.
    #[must_use]
    pub const fn shared_configs(&self) -> &Arc<[ConfigMap]> {
        &self.configs
    }

    /// The configuration of the connector that the tasks were made from.
    ///
    /// *Java*: `appliedConnectorConfig`.
    #[must_use]
    pub const fn applied_config(&self) -> &Arc<ConfigMap> {
        &self.applied_config
    }

    /// The offset of the commit: the generation of the set, the same on each worker.
    #[must_use]
    pub const fn committed_at(&self) -> i64 {
        self.committed_at
    }
}
