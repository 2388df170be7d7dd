//! The fold of config records.

use std::collections::BTreeMap;

use connect_api::ConfigMap;

use crate::ConnectorName;
use crate::cluster::ConfigRecord;
use crate::cluster::TargetState;

/// One connector as it is to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorEntry {
    /// Its configuration, variables unresolved.
    pub config: ConfigMap,
    /// What the user wants of it.
    pub target: TargetState,
    /// One configuration per task.
    pub tasks: Vec<ConfigMap>,
}

/// What is to be run. Folding the same records again changes nothing (invariant C1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[doc(alias = "ClusterConfigState")]
pub struct ClusterState {
    connectors: BTreeMap<ConnectorName, ConnectorEntry>,
    /// Target states that were written ahead of their connector.
    early_targets: BTreeMap<ConnectorName, TargetState>,
}

impl ClusterState {
    /// Nothing to run.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in one record.
    pub fn apply(&mut self, record: ConfigRecord) {
        match record {
            ConfigRecord::Connector { name, config: None } => {
                self.connectors.remove(&name);
                self.early_targets.remove(&name);
            }
            ConfigRecord::Connector {
                name,
                config: Some(config),
            } => match self.connectors.get_mut(&name) {
                Some(entry) => entry.config = config,
                None => {
                    let target = self.early_targets.remove(&name).unwrap_or_default();
                    self.connectors.insert(
                        name,
                        ConnectorEntry {
                            config,
                            target,
                            tasks: Vec::new(),
                        },
                    );
                }
            },
            ConfigRecord::TargetState { name, state } => match self.connectors.get_mut(&name) {
                Some(entry) => entry.target = state,
                None => {
                    self.early_targets.insert(name, state);
                }
            },
            ConfigRecord::Tasks { name, configs } => {
                if let Some(entry) = self.connectors.get_mut(&name) {
                    entry.tasks = configs;
                }
            }
        }
    }

    /// All connectors, by name.
    #[must_use]
    pub const fn connectors(&self) -> &BTreeMap<ConnectorName, ConnectorEntry> {
        &self.connectors
    }

    /// One connector.
    #[must_use]
    pub fn connector(&self, name: &str) -> Option<&ConnectorEntry> {
        self.connectors.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replay_changes_nothing() {
        let name = ConnectorName::new("c");
        let records = [
            ConfigRecord::TargetState {
                name: name.clone(),
                state: TargetState::Paused,
            },
            ConfigRecord::Connector {
                name: name.clone(),
                config: Some(ConfigMap::new()),
            },
            ConfigRecord::Tasks {
                name: name.clone(),
                configs: vec![ConfigMap::new()],
            },
        ];
        let mut once = ClusterState::new();
        records
            .iter()
            .cloned()
            .for_each(|record| once.apply(record));
        let mut twice = once.clone();
        records
            .iter()
            .cloned()
            .for_each(|record| twice.apply(record));
        assert_eq!(once, twice);
        assert_eq!(once.connector("c").unwrap().target, TargetState::Paused);

        once.apply(ConfigRecord::Connector { name, config: None });
        assert!(once.connectors().is_empty());
    }
}
