//! The fold of the configuration log.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use connect_api::ConfigMap;

use super::ConfigEvent;
use super::ConfigRecord;
use super::Connector;
use super::Inconsistency;
use super::SessionKey;
use super::TaskSet;
use super::connector::Marks;
use crate::ConnectorName;
use crate::TaskId;
use crate::cluster::TargetState;
use crate::codec::RecordError;
use crate::codec::RecordProblem;

/// The desired state: the fold of the configuration log.
///
/// *Shape*: a clone shares the configurations. The invariants are C1 (folding a record again
/// changes nothing, and batching of records does not matter), C2 (a set of tasks becomes visible
/// with its commit, and only if it is complete) and C3 (compaction of the log may hide a set of
/// tasks, but never shows another one).
///
/// *Java*: `KafkaConfigBackingStore` and `ClusterConfigState`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[doc(alias = "ClusterConfigState")]
pub struct ConfigLog {
    connectors: BTreeMap<ConnectorName, Connector>,
    /// What is known of names without a connector.
    others: BTreeMap<ConnectorName, Marks>,
    declared: BTreeSet<ConnectorName>,
    session_key: Option<SessionKey>,
    last_offset: Option<i64>,
    config_offset: i64,
}

impl Default for ConfigLog {
    fn default() -> Self {
        Self {
            connectors: BTreeMap::new(),
            others: BTreeMap::new(),
            declared: BTreeSet::new(),
            session_key: None,
            last_offset: None,
            config_offset: -1,
        }
    }
}

impl ConfigLog {
    /// The fold of an empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Folds a stored record and returns its effect.
    ///
    /// # Errors
    /// The record cannot be used. It is skipped and counts as read.
    pub fn read(
        &mut self,
        offset: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<Option<ConfigEvent>, RecordError> {
        if self.has_read(offset) {
            return Ok(None);
        }
        match ConfigRecord::decode(key, value) {
            Ok(record) => Ok(self.apply(offset, record)),
            Err(error) => {
                let is_json = !matches!(error.problem(), RecordProblem::Json(_));
                self.advance(offset, is_json);
                Err(error)
            }
        }
    }

    /// Folds a record and returns its effect. A record at an offset that was already read changes
    /// nothing (invariant C1).
    pub fn apply(&mut self, offset: i64, record: ConfigRecord) -> Option<ConfigEvent> {
        if self.has_read(offset) {
            return None;
        }
        self.advance(offset, true);
        match record {
            ConfigRecord::Commit { name, tasks } => self.commit(offset, name, tasks),
            ConfigRecord::Connector { name, config } => Some(match config {
                Some(config) => self.put_connector(offset, name, config),
                None => self.remove_connector(name),
            }),
            ConfigRecord::Declared { names } => {
                self.declared = names;
                None
            }
            ConfigRecord::LoggerLevel { namespace, level } => {
                Some(ConfigEvent::LoggerLevel { namespace, level })
            }
            ConfigRecord::RestartRequest { name, request } => {
                Some(ConfigEvent::RestartRequested { name, request })
            }
            ConfigRecord::SessionKey(key) => {
                self.session_key = Some(key.clone());
                Some(ConfigEvent::SessionKey(key))
            }
            ConfigRecord::TargetState { name, state } => self.put_target_state(name, state),
            ConfigRecord::Task { id, config } => {
                let TaskId { connector, index } = id;
                let deferred = &mut self.marks(connector).deferred;
                deferred.get_or_insert_default().insert(index, config);
                None
            }
            ConfigRecord::TaskCount { name, tasks } => {
                let marks = self.marks(name);
                marks.task_count = Some(tasks);
                marks.is_pending_fencing = false;
                None
            }
        }
    }

    /// All connectors, by name.
    #[must_use]
    pub const fn connectors(&self) -> &BTreeMap<ConnectorName, Connector> {
        &self.connectors
    }

    /// One connector.
    #[must_use]
    pub fn connector(&self, name: &str) -> Option<&Connector> {
        self.connectors.get(name)
    }

    /// The configuration of a task that is visible.
    #[must_use]
    pub fn task_config(&self, id: &TaskId) -> Option<&ConfigMap> {
        self.connector(&id.connector)?
            .task_set()?
            .configs()
            .get(id.index)
    }

    /// The recorded target states by connector. The connector may not exist, yet or any longer.
    pub fn target_states(&self) -> impl Iterator<Item = (&ConnectorName, TargetState)> {
        let connectors = self.connectors.iter().map(|(name, c)| (name, &c.marks));
        let marks = connectors.chain(&self.others);
        marks.filter_map(|(name, marks)| Some((name, marks.target?)))
    }

    /// The connectors that files of the host declared last.
    #[must_use]
    pub const fn declared(&self) -> &BTreeSet<ConnectorName> {
        &self.declared
    }

    /// The key with which workers sign their requests, if there is one.
    #[must_use]
    pub const fn session_key(&self) -> Option<&SessionKey> {
        self.session_key.as_ref()
    }

    /// The offset of the last record that was read, usable or not.
    #[must_use]
    pub const fn last_offset(&self) -> Option<i64> {
        self.last_offset
    }

    /// One more than the offset of the last record that was JSON, -1 if there was none.
    ///
    /// Workers of a group compare their state of the log by this number, so it is counted as Java
    /// counts it.
    #[must_use]
    pub const fn config_offset(&self) -> i64 {
        self.config_offset
    }

    fn has_read(&self, offset: i64) -> bool {
        self.last_offset.is_some_and(|last| offset <= last)
    }

    const fn advance(&mut self, offset: i64, is_json: bool) {
        self.last_offset = Some(offset);
        if is_json {
            self.config_offset = offset.saturating_add(1);
        }
    }

    fn put_connector(
        &mut self,
        offset: i64,
        name: ConnectorName,
        config: ConfigMap,
    ) -> ConfigEvent {
        let config = Arc::new(config);
        if let Some(connector) = self.connectors.get_mut(&name) {
            connector.config = config;
            connector.config_offset = offset;
        } else {
            let mut marks = self.others.remove(&name).unwrap_or_default();
            marks.target.get_or_insert_default();
            let orphaned = marks.orphaned_commit.take();
            let connector = Connector {
                config,
                config_offset: offset,
                task_set: None,
                inconsistency: orphaned
                    .map(|committed_at| Inconsistency::Orphaned { committed_at }),
                marks,
            };
            self.connectors.insert(name.clone(), connector);
        }
        ConfigEvent::ConnectorUpdated(name)
    }

    fn remove_connector(&mut self, name: ConnectorName) -> ConfigEvent {
        if let Some(connector) = self.connectors.remove(&name) {
            self.others.insert(name.clone(), connector.marks);
        }
        if let Some(marks) = self.others.get_mut(&name) {
            marks.deferred = None;
            marks.orphaned_commit = None;
            if *marks == Marks::default() {
                self.others.remove(&name);
            }
        }
        ConfigEvent::ConnectorRemoved(name)
    }

    fn put_target_state(
        &mut self,
        name: ConnectorName,
        state: Option<TargetState>,
    ) -> Option<ConfigEvent> {
        let Some(connector) = self.connectors.get_mut(&name) else {
            self.marks(name).target = state;
            return None;
        };
        let previous = connector.marks.target;
        connector.marks.target = Some(state.unwrap_or_default());
        // A tombstone comes with the deletion of the connector, which has its own event.
        (state.is_some() && state != previous).then_some(ConfigEvent::TargetStateChanged(name))
    }

    fn commit(&mut self, offset: i64, name: ConnectorName, tasks: usize) -> Option<ConfigEvent> {
        let Some(connector) = self.connectors.get_mut(&name) else {
            // KAFKA-16838: compaction removed a connector that was deleted, but not its tasks.
            let marks = self.marks(name);
            marks.deferred = None;
            marks.orphaned_commit = Some(offset);
            return None;
        };
        let marks = &mut connector.marks;
        // Tasks beyond the size of the set are left over from an older, larger one.
        let deferred = marks.deferred.as_mut().map(std::mem::take);
        let found = deferred.as_ref().into_iter().flat_map(BTreeMap::keys);
        let first_missing = found.zip(0..tasks).take_while(|(i, k)| *i == k).count();
        marks.is_pending_fencing = true;
        if first_missing < tasks {
            connector.inconsistency = Some(Inconsistency::Incomplete {
                tasks,
                first_missing,
                committed_at: offset,
            });
            return Some(ConfigEvent::TasksCommitted {
                name,
                tasks: Vec::new(),
            });
        }
        if deferred.is_some() {
            marks.task_generation = Some(marks.task_generation.map_or(0, |last| last + 1));
        }
        let deferred = deferred.unwrap_or_default();
        let committed = deferred.keys().copied().collect();
        connector.inconsistency = None;
        connector.task_set = Some(TaskSet {
            configs: deferred.into_values().take(tasks).collect(),
            applied_config: Arc::clone(&connector.config),
            committed_at: offset,
        });
        Some(ConfigEvent::TasksCommitted {
            name,
            tasks: committed,
        })
    }

    /// What is known of a name whether there is a connector or not.
    fn marks(&mut self, name: ConnectorName) -> &mut Marks {
        match self.connectors.get_mut(&name) {
            Some(connector) => &mut connector.marks,
            None => self.others.entry(name).or_default(),
        }
    }
}
