//! Opens what a worker keeps beyond its own life.

use std::path::Path;
use std::sync::Arc;

use connect_api::Result;
use connect_api::config_map;
use connect_broker::Broker;

use crate::clock::Clock;
use crate::config::StoreKind;
use crate::config::StoreTopic;
use crate::config::WorkerConfig;
use crate::herder::Stores;
use crate::store::FileOffsets;
use crate::store::LogClients;
use crate::store::MemoryConfigs;
use crate::store::OffsetStore;
use crate::store::Statuses;
use crate::store::TopicConfigs;
use crate::store::TopicOffsets;
use crate::store::read_offset_file;

/// What a worker keeps beyond its own life, open.
pub(crate) struct Opened {
    pub(crate) offsets: Arc<dyn OffsetStore>,
    pub(crate) statuses: Arc<Statuses>,
    pub(crate) stores: Stores,
}

/// Opens everything that a worker keeps. `keeps_connectors` says whether configurations and statuses
/// are kept in the log, or in memory.
pub(crate) async fn open(
    config: &WorkerConfig,
    broker: &dyn Broker,
    clock: &dyn Clock,
    worker_id: &str,
    keeps_connectors: bool,
) -> Result<Opened> {
    if !keeps_connectors {
        let offsets = open_offsets(config, broker, clock).await?;
        let stores = Stores {
            configs: Box::new(MemoryConfigs::default()),
            statuses: None,
        };
        return Ok(Opened {
            offsets,
            statuses: Arc::new(Statuses::in_memory(worker_id.to_owned())),
            stores,
        });
    }
    for kind in [StoreKind::Configs, StoreKind::Statuses] {
        StoreTopic::warn(kind, config.raw());
    }
    let (config_topic, status_topic) = (config.config_storage(), config.status_storage());
    let mut config_clients = clients(config, "configs");
    // As the leader of a group in Java: who opens the log fences who had it before.
    let transactional_id = format!("connect-cluster-{}", config.group_id());
    config_clients.producer.transactional_id = Some(transactional_id);
    let status_clients = clients(config, "statuses");
    let worker_id = worker_id.to_owned();
    let (offsets, configs, (statuses, keeper)) = tokio::try_join!(
        open_offsets(config, broker, clock),
        TopicConfigs::open(broker, &config_topic, config_clients),
        Statuses::open(broker, &status_topic, status_clients, worker_id),
    )?;
    let stores = Stores {
        configs: Box::new(configs),
        statuses: Some(keeper),
    };
    Ok(Opened {
        offsets,
        statuses,
        stores,
    })
}

/// Source offsets: in the log, or in a file if the log is Kafka and the worker names one, as Java's
/// standalone worker keeps them.
async fn open_offsets(
    config: &WorkerConfig,
    broker: &dyn Broker,
    clock: &dyn Clock,
) -> Result<Arc<dyn OffsetStore>> {
    match config.offset_file() {
        Some(path) if config.has_kafka() && !config.exactly_once_source() => {
            let cluster_id = broker.cluster_id().await?;
            Ok(Arc::new(
                FileOffsets::open(path.clone(), Some(cluster_id)).await?,
            ))
        }
        file => {
            StoreTopic::warn(StoreKind::Offsets, config.raw());
            let (topic, clients) = (config.offset_storage(), clients(config, "offsets"));
            let offsets: Arc<dyn OffsetStore> =
                Arc::new(TopicOffsets::open(broker, &topic, clients).await?);
            if let Some(path) = file {
                import_offsets(path, &*offsets, clock).await?;
            }
            Ok(offsets)
        }
    }
}

/// The clients of a topic of the worker. Its options without a prefix are for them, too.
fn clients(config: &WorkerConfig, what: &str) -> LogClients {
    let mut clients = LogClients::default();
    let client_id = format!("{}-{what}", config.group_id());
    clients.admin.client_id.clone_from(&client_id);
    clients.producer.client_id = client_id;
    clients.producer.client_config = config_map! {
        "acks" => "all", "delivery.timeout.ms" => i32::MAX, "enable.idempotence" => true,
    };
    clients
}

/// Takes over an offsets file, once: what the log knows already stays.
async fn import_offsets(path: &Path, offsets: &dyn OffsetStore, clock: &dyn Clock) -> Result<()> {
    let Some(file) = read_offset_file(path).await? else {
        return Ok(());
    };
    let found = file.entries.len();
    let imported = offsets.import(file.entries, clock.now()).await?;
    if imported > 0 {
        tracing::info!(
            file = %path.display(),
            found,
            imported,
            "source offsets were taken over from the offsets file; from now on they are kept in the log"
        );
    }
    Ok(())
}
