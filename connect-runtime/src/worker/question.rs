//! Questions to plugins that do not run: each is asked on a fresh instance, and its answer is sent to
//! the herder. The herder has the deadline; after it the call is dropped here, too.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use connect_api::ConfigMap;
use connect_api::Error;
use connect_api::Result;
use connect_api::TopicPartition;
use connect_api::config::Validation;
use connect_api::plugin::ConnectorFactory;
use connect_broker::Admin;
use connect_broker::AdminOptions;
use connect_core::ConnectorName;
use connect_core::Failure;
use connect_core::TaskId;
use connect_core::herder::ActionId;
use connect_core::herder::Input;
use connect_core::herder::OffsetChange;
use connect_core::herder::Outcome;
use connect_core::status::Subject;

use crate::config::ClientKind;
use crate::config::client_config;
use crate::config::log_connector;
use crate::config::problems;
use crate::config::validate;
use crate::connect::ConnectorOffsets;
use crate::plugin_threads::Call;
use crate::store::OffsetUpdate;
use crate::worker::Worker;
use crate::worker::group;

impl Worker {
    /// Checks a configuration.
    pub(crate) fn validate(self: &Arc<Self>, id: ActionId, name: ConnectorName, config: ConfigMap) {
        let worker = Arc::clone(self);
        let limit = self.config.herder_limits().validate;
        self.answer(id, limit, Outcome::Validated, async move {
            let (asked, logged) = (Arc::clone(&worker), config.clone());
            let notices = async move {
                log_connector(&asked.registry, Some(&asked.config), &logged);
                Ok(())
            };
            worker.ask(name.clone(), Call::Validate, notices).await?;
            let checked = worker.check(name, config).await?;
            if checked.is_ok() {
                Ok(())
            } else {
                Err(Error::config(problems(&checked)))
            }
        });
    }

    /// Checks a configuration: what is wrong with it, option by option.
    pub(crate) async fn check(
        self: &Arc<Self>,
        name: ConnectorName,
        config: ConfigMap,
    ) -> Result<Validation> {
        let asked = Arc::clone(self);
        let check = async move { validate(&asked.registry, Some(&asked.config), &config).await };
        self.ask(name, Call::Validate, check).await
    }

    /// The committed offsets of a connector.
    pub(crate) async fn read_offsets(
        self: &Arc<Self>,
        name: ConnectorName,
        config: ConfigMap,
    ) -> Result<ConnectorOffsets> {
        if self.is_source(&config) {
            let offsets = self.offsets_of(&name, &config).await?;
            return Ok(ConnectorOffsets::Source(offsets.all(&name)));
        }
        let consumer = client_config(ClientKind::Consumer, &self.config, &config);
        let admin = self.admin(&name, ClientKind::Consumer, &config).await?;
        let offsets = admin.group_offsets(&group(&name, &consumer)).await?;
        Ok(ConnectorOffsets::Sink(offsets))
    }

    /// Asks a connector whether its offsets may be changed, and changes them.
    pub(crate) fn alter_offsets(
        self: &Arc<Self>,
        id: ActionId,
        name: ConnectorName,
        config: ConfigMap,
        change: OffsetChange,
    ) {
        let worker = Arc::clone(self);
        let limit = self.config.herder_limits().alter_offsets;
        self.answer(id, limit, Outcome::OffsetsAltered, async move {
            if worker.is_source(&config) {
                worker.alter_source(name, config, change).await
            } else {
                worker.alter_sink(name, config, change).await
            }
        });
    }

    /// Fences what older tasks of a source connector may still write.
    pub(crate) fn fence(
        self: &Arc<Self>,
        id: ActionId,
        name: ConnectorName,
        config: ConfigMap,
        tasks: usize,
    ) {
        let worker = Arc::clone(self);
        let limit = self.config.herder_limits().fence;
        self.answer(id, limit, Outcome::Fenced, async move {
            if !worker.config.exactly_once_source() || !worker.is_source(&config) {
                return Ok(false);
            }
            let ids: Vec<_> = (0..tasks)
                .map(|index| {
                    TaskId::new(name.clone(), index).transactional_id(worker.config.group_id())
                })
                .collect();
            let admin = worker.admin(&name, ClientKind::Admin, &config).await?;
            admin.fence_producers(&ids).await?;
            Ok(true)
        });
    }

    async fn alter_source(
        self: Arc<Self>,
        name: ConnectorName,
        config: ConfigMap,
        change: OffsetChange,
    ) -> Result<bool> {
        let offsets = self.offsets_of(&name, &config).await?;
        let changes: Vec<OffsetUpdate> = match change {
            OffsetChange::Source(changes) => changes,
            OffsetChange::Reset => {
                let known = offsets.all(&name).into_iter();
                known.map(|(partition, _)| (partition, None)).collect()
            }
            _ => return Err(Error::config("offsets of a consumer group, for a source")),
        };
        let (worker, asked) = (Arc::clone(&self), changes.clone());
        let is_known = self
            .ask(name.clone(), Call::AlterOffsets, async move {
                let class = config.get("connector.class").unwrap_or_default();
                let mut connector = worker.registry.find_source(class)?.make();
                connector.alter_offsets(&config, &asked).await
            })
            .await?;
        if !changes.is_empty() {
            offsets.write(&name, &changes, self.clock.now()).await?;
        }
        Ok(is_known)
    }

    async fn alter_sink(
        self: Arc<Self>,
        name: ConnectorName,
        config: ConfigMap,
        change: OffsetChange,
    ) -> Result<bool> {
        let group = group(
            &name,
            &client_config(ClientKind::Consumer, &self.config, &config),
        );
        let admin = self.admin(&name, ClientKind::Consumer, &config).await?;
        let is_reset = matches!(change, OffsetChange::Reset);
        let changes: BTreeMap<TopicPartition, Option<i64>> = match change {
            OffsetChange::Sink(changes) => changes,
            OffsetChange::Reset => {
                let known = admin.group_offsets(&group).await?.into_iter();
                known.map(|(partition, _)| (partition, None)).collect()
            }
            _ => return Err(Error::config("offsets of source partitions, for a sink")),
        };
        let (worker, asked) = (Arc::clone(&self), changes.clone());
        let is_known = self
            .ask(name, Call::AlterOffsets, async move {
                let class = config.get("connector.class").unwrap_or_default();
                let mut connector = worker.registry.find_sink(class)?.make();
                connector.alter_offsets(&config, &asked).await
            })
            .await?;
        if changes.is_empty() {
            return Ok(is_known);
        }
        if is_reset {
            admin.delete_group(&group).await?;
        } else {
            admin.alter_group_offsets(&group, &changes).await?;
        }
        Ok(is_known)
    }

    /// An administrative client for what a connector uses.
    pub(super) async fn admin(
        &self,
        name: &ConnectorName,
        kind: ClientKind,
        connector: &ConfigMap,
    ) -> Result<Box<dyn Admin>> {
        let config = client_config(kind, &self.config, connector);
        let mut options = AdminOptions::default();
        options.client_id = format!("connector-adminclient-{name}");
        options.client_config = match kind {
            ClientKind::Admin => config,
            _ => crate::config::way_to_cluster(&config),
        };
        Ok(self.broker()?.admin(options).await?)
    }

    /// Calls into a plugin, on its threads.
    async fn ask<T: Send + 'static>(
        &self,
        name: ConnectorName,
        call: Call,
        ask: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let pulse = self.supervisor.pulse(Subject::Connector(name), None);
        let asking = Arc::clone(&pulse);
        let asked = self.threads.ask(&pulse, async move {
            let _call = asking.calling(call);
            ask.await
        });
        asked.await
    }

    /// Sends the answer to a question. It is dropped a while after its deadline.
    fn answer<T: Send + 'static>(
        &self,
        id: ActionId,
        limit: Duration,
        outcome: fn(std::result::Result<T, Failure>) -> Outcome,
        answer: impl Future<Output = Result<T>> + Send + 'static,
    ) {
        let inputs = self.inputs.clone();
        self.home.spawn(async move {
            let answer = tokio::time::timeout(limit * 2, answer)
                .await
                .unwrap_or_else(|_| Err(Error::external("nobody waits for the answer")));
            let outcome = outcome(answer.map_err(Into::into));
            // Fails only once the herder is gone.
            let _ = inputs.send(Input::Done(id, outcome)).await;
        });
    }

    pub(super) fn is_source(&self, config: &ConfigMap) -> bool {
        let class = config.get("connector.class").unwrap_or_default();
        matches!(
            self.registry.connector(class),
            Ok(ConnectorFactory::Source(_))
        )
    }
}
