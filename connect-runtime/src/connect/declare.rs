//! Connectors that the host declares at each start, as those of files.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use connect_api::ConfigMap;
use connect_core::ConnectorName;
use connect_core::cluster::TargetState;
use connect_core::herder::HerderError;
use connect_core::herder::Operation;
use connect_core::herder::PutMode;
use connect_core::herder::Wait;

use crate::Connect;
use crate::ConnectorInfo;
use crate::herder::Command;

/// A connector that the host declares.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Declared {
    /// Its name.
    pub name: ConnectorName,
    /// Its configuration, variables unresolved.
    pub config: ConfigMap,
    /// What is wanted of it when it is created, if not that it runs. Afterwards its target state is
    /// its own.
    pub initial: Option<TargetState>,
}

impl Declared {
    /// A connector that initially runs.
    #[must_use]
    pub fn new(name: impl Into<ConnectorName>, config: ConfigMap) -> Self {
        Self {
            name: name.into(),
            config,
            initial: None,
        }
    }
}

/// What a declaration came to.
#[derive(Debug)]
#[non_exhaustive]
pub struct Declaration {
    /// Each declared connector, in the order of the declaration.
    pub connectors: Vec<(ConnectorName, Result<ConnectorInfo, HerderError>)>,
    /// Those that were declared before and are not now.
    pub removed: Vec<ConnectorName>,
}

impl Connect {
    /// Says which connectors the host wants: all that its files name, say. Call it at each start.
    ///
    /// Those that are new are created, the others get their configuration and keep their target
    /// state, and those of an earlier declaration that are not in this one are removed; their offsets
    /// stay. Connectors that were created in another way are left alone, unless the declaration has
    /// one of the same name. A worker in whose log the connectors of its last life are starts them by
    /// itself; to start none before it is known which are still wanted, build it with
    /// [`awaits_declaration`](crate::ConnectBuilder::awaits_declaration).
    ///
    /// One connector that is refused does not keep the others from being created; one that exists
    /// then runs on with the configuration it had. Waits until all of them run and their tasks are
    /// known, unless the handle is [`waiting`](Connect::waiting) for less.
    ///
    /// *Cancellation*: what was done by then stays done; declare again.
    ///
    /// # Errors
    /// [`HerderError::AlreadyExists`] if a name is declared twice; [`HerderError::Store`] if the log
    /// cannot be written. What became of each connector is in the [`Declaration`].
    pub async fn declare(&self, declared: Vec<Declared>) -> Result<Declaration, HerderError> {
        let mut names = BTreeSet::new();
        for Declared { name, .. } in &declared {
            if !names.insert(name.clone()) {
                return Err(HerderError::AlreadyExists(name.clone()));
            }
        }
        let before = self.look(|core| core.desired().declared().clone()).await?;
        // What is created must be known as declared, whenever the process dies.
        self.record_declared(&before | &names).await?;
        let stale: Vec<_> = before.difference(&names).cloned().collect();
        let mut removed = Vec::new();
        for name in &stale {
            match self.delete_connector(name.clone()).await {
                Ok(_) => removed.push(name.clone()),
                // Somebody else has deleted it.
                Err(HerderError::NoConnector(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let mut outcomes = BTreeMap::new();
        let written = self.waiting(Wait::Written);
        for declared in &declared {
            outcomes.insert(declared.name.clone(), written.put_declared(declared).await);
        }
        self.record_declared(names).await?;
        if self.commands.send(Command::Begin).await.is_err() {
            return Err(HerderError::ShuttingDown);
        }
        let mut connectors = Vec::new();
        for declared in declared {
            let outcome = match outcomes.remove(&declared.name) {
                Some(Ok(info)) => self.settled(info).await,
                Some(Err(error)) => Err(error),
                None => Err(HerderError::NoConnector(declared.name.clone())),
            };
            connectors.push((declared.name, outcome));
        }
        Ok(Declaration {
            connectors,
            removed,
        })
    }

    async fn record_declared(&self, names: BTreeSet<ConnectorName>) -> Result<(), HerderError> {
        self.request(Operation::Declare { names }).await.map(drop)
    }

    async fn put_declared(&self, declared: &Declared) -> Result<ConnectorInfo, HerderError> {
        let (name, config) = (declared.name.clone(), declared.config.clone());
        let put = self.put(name, config, PutMode::CreateOrUpdate, declared.initial);
        let info = put.await?;
        self.forget_outdated_tasks(&info.name).await?;
        Ok(info)
    }

    /// Before anything has started, tasks that were made from an older configuration are forgotten:
    /// they would run until the new ones are known.
    async fn forget_outdated_tasks(&self, name: &ConnectorName) -> Result<(), HerderError> {
        let asked = name.clone();
        let are_outdated = self.look(move |core| {
            let is_held = core
                .assignment()
                .is_some_and(|own| !own.has_connector(&asked));
            let connector = core.desired().connector(&asked);
            is_held
                && connector.is_some_and(|connector| {
                    connector.task_set().is_some() && !connector.tasks_are_up_to_date()
                })
        });
        if are_outdated.await? {
            let none = Operation::PutTasks {
                name: name.clone(),
                made_from: None,
                configs: Vec::new(),
            };
            self.request(none).await?;
        }
        Ok(())
    }

    /// Waits until what was put runs, if the handle waits for that.
    async fn settled(&self, put: ConnectorInfo) -> Result<ConnectorInfo, HerderError> {
        if self.wait == Wait::Written {
            return Ok(put);
        }
        let (name, config) = (put.name.clone(), put.config.clone());
        // Equal configurations write nothing.
        let info = self
            .put(name, config, PutMode::CreateOrUpdate, None)
            .await?;
        Ok(ConnectorInfo {
            created: put.created,
            ..info
        })
    }
}
