//! What this worker owns.

use std::collections::BTreeSet;

use crate::ConnectorName;
use crate::TaskId;

/// This worker's share of the work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assignment {
    /// The generation of the group; 0 for a worker that is alone.
    pub generation: i32,
    /// True if this worker may write connectors and tasks to the configuration log (invariant C4).
    pub is_leader: bool,
    /// What it runs.
    pub owned: Owned,
}

/// Connectors and tasks that a worker runs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Owned {
    /// All there are and will be: the worker is alone.
    Everything,
    /// These.
    Listed {
        /// Connectors whose plugin runs here.
        connectors: BTreeSet<ConnectorName>,
        /// Tasks that run here.
        tasks: BTreeSet<TaskId>,
    },
}

impl Default for Owned {
    fn default() -> Self {
        Self::Listed {
            connectors: BTreeSet::new(),
            tasks: BTreeSet::new(),
        }
    }
}

impl Assignment {
    /// The assignment of a worker that is alone.
    #[must_use]
    pub const fn alone() -> Self {
        Self {
            generation: 0,
            is_leader: true,
            owned: Owned::Everything,
        }
    }

    /// True if the plugin of a connector runs on this worker.
    #[must_use]
    pub fn has_connector(&self, name: &ConnectorName) -> bool {
        match &self.owned {
            Owned::Everything => true,
            Owned::Listed { connectors, .. } => connectors.contains(name),
        }
    }

    /// True if a task runs on this worker.
    #[must_use]
    pub fn has_task(&self, id: &TaskId) -> bool {
        match &self.owned {
            Owned::Everything => true,
            Owned::Listed { tasks, .. } => tasks.contains(id),
        }
    }
}
