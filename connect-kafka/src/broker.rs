//! The entry point: options become clients.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use async_trait::async_trait;
use connect_api::ConfigMap;
use connect_api::TopicPartition;
use connect_broker::Admin;
use connect_broker::AdminOptions;
use connect_broker::Broker;
use connect_broker::BrokerError;
use connect_broker::Consumer;
use connect_broker::ConsumerOptions;
use connect_broker::Isolation;
use connect_broker::Producer;
use connect_broker::ProducerOptions;
use connect_broker::Receipts;
use connect_broker::StartOffset;
use connect_broker::Subscription;
use rdkafka::TopicPartitionList;
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::types::RDKafkaType;

use crate::admin::KafkaAdmin;
use crate::admin::groups::Groups;
use crate::callbacks::Context;
use crate::client::call::call;
use crate::config::Role;
use crate::config::Settings;
use crate::config::tell_of_login;
use crate::config::translate;
use crate::consumer::KafkaConsumer;
use crate::consumer::Partition;
use crate::consumer::fetch::Fetcher;
use crate::consumer::handoff::Handoff;
use crate::consumer::pattern::PatternWatch;
use crate::consumer::positions::Reached;
use crate::consumer::reader;
use crate::consumer::reader::Reader;
use crate::consumer::reader::Start;
use crate::error::Subject;
use crate::error::call_error;
use crate::error::open_error;
use crate::ffi;
use crate::ffi::AdminTimeouts;
use crate::ffi::Client;
use crate::ffi::ConsumerQueue;
use crate::ffi::Failure;
use crate::producer::KafkaProducer;
use crate::producer::Recipe;
use crate::producer::delivery::Pump;
use crate::producer::linger::NATIVE_LINGER;
use crate::producer::receipts::KafkaReceipts;
use crate::producer::receipts::Ledger;
use crate::producer::transactions::take_over;

/// A Kafka cluster as the log of a worker.
///
/// ```no_run
/// use connect_api::config_map;
/// use connect_kafka::KafkaBroker;
///
/// let broker = KafkaBroker::new(config_map! { "bootstrap.servers" => "localhost:9092" })?;
/// # Ok::<(), connect_broker::BrokerError>(())
/// ```
#[derive(Clone)]
pub struct KafkaBroker {
    opener: Opener,
}

impl KafkaBroker {
    /// A cluster by the options that all its clients share: `bootstrap.servers` and what else the
    /// [`config`](crate::config) module knows. Connects to nothing yet.
    ///
    /// A worker's whole configuration can be given: what is not about clients is ignored, and so
    /// are `client.id`, `group.id`, `session.timeout.ms` and `heartbeat.interval.ms`, which mean
    /// something else there. A producer or consumer with `bootstrap.servers` of its own gets none of
    /// these options.
    ///
    /// # Errors
    /// [`BrokerError::InvalidOption`] if `bootstrap.servers` is missing, or an option is refused.
    pub fn new(options: ConfigMap) -> Result<Self, BrokerError> {
        if options.get("bootstrap.servers").is_none_or(str::is_empty) {
            return Err(BrokerError::InvalidOption(
                "bootstrap.servers is missing".into(),
            ));
        }
        let opener = Opener {
            shared: Arc::new(options),
        };
        opener.settings(Role::Admin, &ConfigMap::new(), "")?;
        tell_of_login(&opener.shared);
        Ok(Self { opener })
    }
}

impl fmt::Debug for KafkaBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaBroker")
            .field(
                "bootstrap.servers",
                &self.opener.shared.get("bootstrap.servers"),
            )
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Broker for KafkaBroker {
    async fn cluster_id(&self) -> Result<String, BrokerError> {
        let settings = self.opener.settings(Role::Admin, &ConfigMap::new(), "")?;
        let timeout = settings.request_timeout;
        let client = open(RDKafkaType::RD_KAFKA_PRODUCER, &settings, None)?;
        let pump = Pump::start(&client)?;
        let id = call(&client, Subject::Cluster, move |client| {
            let missing = || Failure::new(Code::OperationTimedOut, "the cluster does not answer");
            client.fetch_cluster_id(timeout).ok_or_else(missing)
        })
        .await;
        drop(client);
        drop(pump);
        id
    }

    async fn admin(&self, options: AdminOptions) -> Result<Box<dyn Admin>, BrokerError> {
        let AdminOptions {
            client_id,
            client_config,
            ..
        } = options;
        let settings = self
            .opener
            .settings(Role::Admin, &client_config, &client_id)?;
        let client = open(RDKafkaType::RD_KAFKA_PRODUCER, &settings, None)?;
        let pump = Pump::start(&client)?;
        let timeouts = timeouts(&settings);
        Ok(Box::new(KafkaAdmin {
            client,
            timeouts,
            opener: self.opener.with(&client_config),
            groups: Groups::new(settings, timeouts),
            _pump: pump,
        }))
    }

    async fn producer(
        &self,
        options: ProducerOptions,
    ) -> Result<(Box<dyn Producer>, Box<dyn Receipts>), BrokerError> {
        let (producer, receipts) = self.opener.producer(options).await?;
        Ok((Box::new(producer), Box::new(receipts)))
    }

    async fn consumer(&self, options: ConsumerOptions) -> Result<Box<dyn Consumer>, BrokerError> {
        Ok(Box::new(self.opener.consumer(options).await?))
    }
}

/// Makes clients from the options that they share and their own.
#[derive(Clone)]
pub(crate) struct Opener {
    shared: Arc<ConfigMap>,
}

impl Opener {
    fn with(&self, own: &ConfigMap) -> Self {
        let mut shared = ConfigMap::clone(&self.shared);
        shared.extend(own.clone());
        Self {
            shared: Arc::new(shared),
        }
    }

    fn settings(
        &self,
        role: Role,
        own: &ConfigMap,
        client_id: &str,
    ) -> Result<Settings, BrokerError> {
        let mut settings = translate(role, &self.shared, own)?;
        settings.check_build()?;
        if !client_id.is_empty() {
            settings.set_default("client.id", client_id);
        }
        settings.set_default("socket.connection.setup.timeout.ms", "10000");
        settings.reconnect_soon();
        Ok(settings)
    }

    /// Fences the producers of a transactional id.
    pub(crate) async fn fence(&self, id: &str) -> Result<(), BrokerError> {
        let mut settings = self.settings(Role::Admin, &ConfigMap::new(), "")?;
        settings.config.set("transactional.id", id);
        settings.bound_by_transaction();
        let patience = settings.api_timeout;
        let client = open(RDKafkaType::RD_KAFKA_PRODUCER, &settings, None)?;
        let pump = Pump::start(&client)?;
        let result = take_over(&client, id, patience).await;
        drop(client);
        drop(pump);
        result
    }

    async fn producer(
        &self,
        options: ProducerOptions,
    ) -> Result<(KafkaProducer, KafkaReceipts), BrokerError> {
        let ProducerOptions {
            client_id,
            transactional_id,
            client_config,
            ..
        } = options;
        let mut settings = self.settings(Role::Producer, &client_config, &client_id)?;
        settings.set_default("partitioner", "murmur2_random");
        settings.set_default("enable.idempotence", "true");
        settings.set_default("message.max.bytes", settings.max_record_bytes.to_string());
        // The bound of records and bytes in flight is our own.
        settings.set_default("queue.buffering.max.messages", "0");
        settings.set_default("queue.buffering.max.kbytes", i32::MAX.to_string());
        if let Some(id) = &transactional_id {
            settings.config.set("transactional.id", id);
            settings.config.set("enable.idempotence", "true");
            let timeout = options.transaction_timeout.as_millis().to_string();
            settings.set_default("transaction.timeout.ms", timeout);
            settings.bound_by_transaction();
        }
        let (full_batch, linger) = (batch_limits(&settings), settings.linger);
        let native = native_linger(&settings).as_millis().to_string();
        settings.set_default("linger.ms", native);
        // How long records without a key go to one partition: as librdkafka would without the above.
        let sticky = (linger * 2).as_millis().min(900_000).to_string();
        settings.set_default("sticky.partitioning.linger.ms", sticky);
        let limit = options.max_in_flight_bytes;
        let limit = settings
            .buffer_memory
            .map_or(limit, |memory| memory.min(limit));
        let ledger = Arc::new(Ledger::new(
            transactional_id.clone(),
            settings.max_record_bytes,
        ));
        let receipts = KafkaReceipts::new(Arc::clone(&ledger), timeouts(&settings));
        let recipe = Recipe {
            settings,
            transactional_id,
            max_in_flight_bytes: limit.max(1),
            linger,
            full_batch,
        };
        Ok((KafkaProducer::open(recipe, ledger).await?, receipts))
    }

    async fn consumer(&self, options: ConsumerOptions) -> Result<KafkaConsumer, BrokerError> {
        let mut settings =
            self.settings(Role::Consumer, &options.client_config, &options.client_id)?;
        let group = settings
            .group
            .take()
            .or(options.group)
            .filter(|group| !group.is_empty());
        let is_member = !matches!(options.subscription, Subscription::Partitions(_));
        if is_member && group.is_none() {
            let problem = "a subscription to topics needs a consumer group";
            return Err(BrokerError::InvalidOption(problem.into()));
        }
        let start = settings.start.unwrap_or(options.start);
        let must_be_committed = settings.config.get("auto.offset.reset") == Some("error");
        let isolation = settings.isolation.unwrap_or(options.isolation);
        let max_records = settings
            .max_poll_records
            .unwrap_or(options.max_poll_records);
        let max_records = max_records.max(1);
        let interval = settings
            .max_poll_interval
            .unwrap_or(options.session_timeout);
        consumer_defaults(&mut settings, group.as_deref(), start, isolation, interval);
        // Without a group nothing is ever committed.
        let start = if must_be_committed && group.is_some() {
            Start::Fail
        } else {
            Start::from(start)
        };

        let client = open(RDKafkaType::RD_KAFKA_CONSUMER, &settings, None)?;
        let problem = |failure| call_error(&failure, Subject::Cluster, client.context());
        let queue = Arc::new(ConsumerQueue::open(&client).map_err(problem)?);
        let handoff = Arc::new(Handoff::new());
        let mut consumer = KafkaConsumer {
            refusals: client.context().refusals(),
            client: Arc::clone(&client),
            handoff: Arc::clone(&handoff),
            queue: Arc::clone(&queue),
            group: group.clone(),
            start,
            patience: settings.api_timeout,
            max_records,
            max_bytes: options.max_poll_bytes.max(1),
            partitions: BTreeMap::new(),
            ready: VecDeque::new(),
            seek: 0,
            unanswered: None,
            committing: None,
            pattern: None,
        };
        let reader = Reader {
            queue,
            handoff,
            fetcher: Fetcher::new(max_records, options.max_poll_bytes),
            start,
            group: group.clone(),
            max_poll_interval: interval,
            paused: BTreeSet::new(),
            reached: Reached::default(),
            seek: 0,
            change: 0,
            polled: Instant::now(),
        };
        reader.start()?;
        match &options.subscription {
            Subscription::Partitions(partitions) => {
                let has_group = group.is_some();
                consumer.partitions = assign(&client, partitions.clone(), has_group, start).await?;
            }
            Subscription::Pattern(pattern) => {
                let interval = settings.metadata_max_age.unwrap_or(PATTERN_INTERVAL);
                let exclude = settings.exclude_internal_topics;
                consumer.pattern = Some(PatternWatch::start(&client, pattern, exclude, interval)?);
            }
            Subscription::Topics(topics) => {
                let mut list = TopicPartitionList::new();
                for topic in topics {
                    list.add_topic_unassigned(topic);
                }
                ffi::subscribe(&client, &list).map_err(problem)?;
            }
            _ => {
                return Err(BrokerError::InvalidOption(
                    "unknown kind of subscription".into(),
                ));
            }
        }
        Ok(consumer)
    }
}

/// How often patterns look for new topics unless `metadata.max.age.ms` says.
const PATTERN_INTERVAL: Duration = Duration::from_secs(10);

/// The longest that a group waits for a member that has died.
const LONGEST_SESSION: Duration = Duration::from_secs(45);

/// The group of consumers that have none, which librdkafka does not know: no coordinator hears it.
pub(crate) const NO_GROUP: &str = "connect-no-group";

fn consumer_defaults(
    settings: &mut Settings,
    group: Option<&str>,
    start: StartOffset,
    isolation: Isolation,
    interval: Duration,
) {
    settings.config.set("group.id", group.unwrap_or(NO_GROUP));
    settings.config.set("enable.auto.commit", "false");
    settings.config.set("enable.auto.offset.store", "false");
    settings.config.set("enable.partition.eof", "true");
    let isolation = match isolation {
        Isolation::ReadCommitted => "read_committed",
        _ => "read_uncommitted",
    };
    settings.config.set("isolation.level", isolation);
    let reset = if start == StartOffset::Latest {
        "latest"
    } else {
        "earliest"
    };
    settings.set_default("auto.offset.reset", reset);
    settings.set_default("check.crcs", "true");
    settings.set_default("allow.auto.create.topics", "true");
    let protocol = settings.config.get("group.protocol").unwrap_or_default();
    if !protocol.eq_ignore_ascii_case("consumer") {
        let session = interval.min(LONGEST_SESSION).as_millis().to_string();
        settings.set_default("session.timeout.ms", session);
        let heartbeat = (interval.min(LONGEST_SESSION) / 3).min(Duration::from_secs(3));
        let heartbeat = heartbeat.as_millis().max(1).to_string();
        settings.set_default("heartbeat.interval.ms", heartbeat);
        settings.set_default("partition.assignment.strategy", "range");
    }
    let session = settings.number("session.timeout.ms").unwrap_or_default();
    let interval = interval.as_millis().max(session.into());
    settings
        .config
        .set("max.poll.interval.ms", interval.to_string());
    // Once its queue is full, librdkafka would by default pause for a whole second.
    settings.set_default("fetch.queue.backoff.ms", "10");
    // Enough to keep a task busy for longer than that; librdkafka itself would read ahead 100,000
    // records or 64 MB, and needs a few hundred bytes more for each record.
    settings.set_default("queued.max.messages.kbytes", "16384");
    settings.set_default("queued.min.messages", "40000");
}

/// How many records or bytes make a batch that is sent at once: librdkafka's limits.
fn batch_limits(settings: &Settings) -> (usize, usize) {
    let limit = |name, default| {
        let set = settings.number(name);
        set.and_then(|set| usize::try_from(set).ok())
            .unwrap_or(default)
    };
    (
        limit("batch.num.messages", 10_000),
        limit("batch.size", 1_000_000),
    )
}

/// How long librdkafka is told to let records wait for others: for less than they may take in all.
fn native_linger(settings: &Settings) -> Duration {
    let names = [
        "delivery.timeout.ms",
        "message.timeout.ms",
        "transaction.timeout.ms",
    ];
    let timeout = names
        .iter()
        .filter_map(|name| settings.number(name))
        .filter(|millis| *millis > 0)
        .min();
    timeout.map_or(NATIVE_LINGER, |millis| {
        NATIVE_LINGER.min(Duration::from_millis(millis / 2))
    })
}

fn timeouts(settings: &Settings) -> AdminTimeouts {
    AdminTimeouts {
        request: settings.request_timeout,
        operation: settings.api_timeout,
    }
}

/// Makes a client.
pub(crate) fn open(
    kind: RDKafkaType,
    settings: &Settings,
    ledger: Option<&Arc<Ledger>>,
) -> Result<Arc<Client>, BrokerError> {
    // Before librdkafka does it: this way OpenSSL does not clean up when the process ends, while
    // threads of librdkafka may still be in it.
    openssl::init();
    let name = settings.config.get("client.id").unwrap_or_default();
    let context = Context::new(name, ledger.cloned());
    ffi::open(kind, &settings.config, context).map_err(|error| open_error(&error))
}

/// Takes partitions outside a group's assignment.
async fn assign(
    client: &Arc<Client>,
    partitions: Vec<TopicPartition>,
    has_group: bool,
    start: Start,
) -> Result<BTreeMap<TopicPartition, Partition>, BrokerError> {
    call(client, Subject::Cluster, move |client| {
        let starts = reader::starts(client, &partitions, has_group, start);
        let list = reader::list_with_starts(&partitions, &starts, has_group, start);
        ffi::assign(client, &list)?;
        let known = partitions.into_iter().map(|partition| {
            let next = starts.get(&partition).copied();
            (
                partition,
                Partition {
                    next,
                    ..Partition::default()
                },
            )
        });
        Ok(known.collect())
    })
    .await
}

#[cfg(test)]
mod tests {
    use connect_api::config_map;

    use super::*;

    #[test]
    fn the_new_group_protocol_is_known_in_any_case() {
        for (protocol, sessions) in [("CONSUMER", false), ("consumer", false), ("CLASSIC", true)] {
            let own = config_map! { "group.protocol" => protocol };
            let mut settings = translate(Role::Consumer, &ConfigMap::new(), &own).unwrap();
            let (start, isolation) = (StartOffset::Earliest, Isolation::ReadCommitted);
            let interval = Duration::from_secs(60);
            consumer_defaults(&mut settings, Some("g"), start, isolation, interval);
            let session = settings.config.get("session.timeout.ms");
            assert_eq!(session.is_some(), sessions, "{protocol}");
        }
    }
}
