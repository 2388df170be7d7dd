//! Where the source offsets of a connector are: with the worker's, or in a topic of its own.

use std::sync::Arc;

use connect_api::ConfigMap;
use connect_api::Error;
use connect_api::Result;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_broker::AdminOptions;
use connect_broker::ProducerOptions;
use connect_core::ConnectorName;

use crate::config::ClientKind;
use crate::config::ConnectorSettings;
use crate::config::StoreTopic;
use crate::config::client_config;
use crate::store::LayeredOffsets;
use crate::store::LogClients;
use crate::store::OffsetStore;
use crate::store::TopicOffsets;
use crate::worker::Worker;
use crate::worker::lock;

/// The store of a connector with a topic of its own, and what it was opened with.
pub(super) struct OwnStore {
    topic: StoreTopic,
    clients: [ConfigMap; 3],
    store: Arc<dyn OffsetStore>,
}

impl OwnStore {
    pub(super) fn store(&self) -> Arc<dyn OffsetStore> {
        Arc::clone(&self.store)
    }
}

impl Worker {
    /// The offsets of a source connector. Those of its own are opened once for all its tasks.
    pub(super) async fn offsets_of(
        &self,
        name: &ConnectorName,
        connector: &ConfigMap,
    ) -> Result<Arc<dyn OffsetStore>> {
        let settings = ConnectorSettings::new(connector)?;
        let Some(topic) = self.own_topic(&settings, connector) else {
            lock(&self.own_offsets).remove(name);
            return Ok(Arc::clone(&self.offsets));
        };
        let config = |kind| client_config(kind, &self.config, connector);
        let clients = [
            ClientKind::Admin,
            ClientKind::Consumer,
            ClientKind::Producer,
        ]
        .map(config);
        if let Some(own) = lock(&self.own_offsets).get(name)
            && own.topic == topic
            && own.clients == clients
        {
            return Ok(Arc::clone(&own.store));
        }
        let (broker, workers) = (self.broker()?, Arc::clone(&self.offsets));
        let (opened, options) = (topic.clone(), options(name, &clients));
        // What the clients spawn must not run where plugins do.
        let opening = self.home.spawn(async move {
            let own = TopicOffsets::open(&*broker, &opened, options).await?;
            Ok::<_, Error>(Arc::new(LayeredOffsets::new(own, workers)))
        });
        let store: Arc<dyn OffsetStore> = opening
            .await
            .map_err(|_| Error::illegal_state("the runtime of the worker has ended"))??;
        let own = OwnStore {
            topic,
            clients,
            store: Arc::clone(&store),
        };
        lock(&self.own_offsets).insert(name.clone(), own);
        Ok(store)
    }

    /// All offsets of a source connector, as they are known.
    pub(crate) fn known_offsets(&self, name: &str) -> Vec<(SourcePartition, SourceOffset)> {
        match lock(&self.own_offsets).get(name) {
            Some(own) => own.store.all(name),
            None => self.offsets.all(name),
        }
    }

    /// The topic of a connector that keeps its offsets apart from those of the worker: it says so,
    /// or its transactions are in another cluster, where its offsets must be, too.
    fn own_topic(&self, settings: &ConnectorSettings, connector: &ConfigMap) -> Option<StoreTopic> {
        let workers = self.config.offset_storage();
        let named = settings.keys.offsets_topic.as_deref().map(str::trim);
        let elsewhere = connector
            .get("producer.override.bootstrap.servers")
            .is_some_and(|servers| self.config.raw().get("bootstrap.servers") != Some(servers));
        match named {
            Some(name) if !elsewhere && self.is_workers(name) => None,
            Some(name) => Some(workers.named(name, "offsets.storage.topic")),
            None => (elsewhere && self.config.exactly_once_source()).then_some(workers),
        }
    }

    /// True for the topic that the worker itself keeps offsets in.
    fn is_workers(&self, name: &str) -> bool {
        self.offsets
            .topic()
            .is_some_and(|topic| topic.as_str() == name)
    }
}

fn options(name: &ConnectorName, clients: &[ConfigMap; 3]) -> LogClients {
    let [admin_config, consumer, producer_config] = clients.clone();
    let mut admin = AdminOptions::default();
    admin.client_id = format!("connector-adminclient-{name}");
    admin.client_config = admin_config;
    let mut producer = ProducerOptions::default();
    producer.client_id = format!("connector-offset-producer-{name}");
    producer.client_config = producer_config;
    producer.client_config.remove("transactional.id");
    LogClients {
        admin,
        consumer,
        producer,
    }
}
