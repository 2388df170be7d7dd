//! The records of a change, in order.

use connect_api::ConfigMap;

use super::ConfigRecord;
use crate::ConnectorName;
use crate::TaskId;
use crate::cluster::TargetState;

impl ConfigRecord {
    /// Creates a connector, in the given state if any, or gives it another configuration.
    ///
    /// Write the records in one batch or transaction. The target state comes first, so that no
    /// worker starts a connector that is created stopped (KIP-980).
    #[must_use]
    pub fn put_connector(
        name: &ConnectorName,
        config: ConfigMap,
        initial_state: Option<TargetState>,
    ) -> Vec<Self> {
        let state = initial_state.map(|state| Self::TargetState {
            name: name.clone(),
            state: Some(state),
        });
        let connector = Self::Connector {
            name: name.clone(),
            config: Some(config),
        };
        state.into_iter().chain([connector]).collect()
    }

    /// Deletes a connector and with it its tasks.
    #[must_use]
    pub fn delete_connector(name: &ConnectorName) -> Vec<Self> {
        vec![
            Self::Connector {
                name: name.clone(),
                config: None,
            },
            Self::TargetState {
                name: name.clone(),
                state: None,
            },
        ]
    }

    /// Gives a connector a set of tasks. The last record is the commit: write it only once all
    /// others are durable, or all in one transaction.
    #[must_use]
    pub fn put_tasks(name: &ConnectorName, configs: Vec<ConfigMap>) -> Vec<Self> {
        let commit = Self::Commit {
            name: name.clone(),
            tasks: configs.len(),
        };
        let tasks = configs.into_iter().enumerate();
        let tasks = tasks.map(|(index, config)| Self::Task {
            id: TaskId::new(name.clone(), index),
            config,
        });
        tasks.chain([commit]).collect()
    }
}
