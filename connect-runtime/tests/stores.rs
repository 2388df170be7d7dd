//! What a worker keeps beyond its own life: connectors, target states, statuses, used topics.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail like tests"
)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use async_trait::async_trait;
use common::*;
use connect_api::ConfigMap;
use connect_api::TopicPartition;
use connect_api::config::FromConfig;
use connect_api::config_map;
use connect_broker::Admin;
use connect_broker::AdminOptions;
use connect_broker::Broker;
use connect_broker::BrokerError;
use connect_broker::Consumer;
use connect_broker::ConsumerEvent;
use connect_broker::ConsumerOptions;
use connect_broker::Isolation;
use connect_broker::Producer;
use connect_broker::ProducerOptions;
use connect_broker::ProducerRecord;
use connect_broker::Receipts;
use connect_broker::Subscription;
use connect_broker::admin::NewTopic;
use connect_core::cluster::log::ConfigRecord;
use connect_log::LocalBroker;
use connect_runtime::Connect;
use connect_runtime::ConnectBuilder;
use connect_runtime::ConnectorName;
use connect_runtime::Declared;
use connect_runtime::HerderError;
use connect_runtime::State;
use connect_runtime::TargetState;
use connect_runtime::TaskId;
use connect_runtime::Wait;
use connect_runtime::WorkerConfig;

const DEADLINE: Duration = Duration::from_secs(20);

/// A log in memory, or in a folder, that is opened anew for each life of a worker.
enum Place {
    Folder(tempfile::TempDir),
    Memory(LocalBroker),
}

impl Place {
    fn both() -> [Self; 2] {
        [
            Self::Memory(LocalBroker::memory()),
            Self::Folder(tempfile::tempdir().unwrap()),
        ]
    }

    async fn open(&self) -> LocalBroker {
        match self {
            Self::Folder(folder) => LocalBroker::open(folder.path()).await.unwrap(),
            Self::Memory(broker) => broker.clone(),
        }
    }

    async fn worker(&self, seen: &Seen) -> Connect {
        builder(self.open().await, ConfigMap::new(), seen)
            .build()
            .await
            .unwrap()
    }

    /// A worker that starts nothing before the declaration.
    async fn held_worker(&self, seen: &Seen) -> Connect {
        builder(self.open().await, ConfigMap::new(), seen)
            .awaits_declaration()
            .build()
            .await
            .unwrap()
    }
}

fn builder(broker: impl Broker, more: ConfigMap, seen: &Seen) -> ConnectBuilder {
    let mut config = worker_config();
    config.extend(more);
    Connect::builder()
        .registry(registry(seen))
        .broker(broker)
        .worker(WorkerConfig::from_config(&config).unwrap())
}

async fn end(connect: Connect) {
    assert!(connect.shutdown(DEADLINE).await.is_clean());
}

async fn names(connect: &Connect) -> Vec<String> {
    let names = connect.connectors().await.unwrap();
    names.into_iter().map(|name| name.to_string()).collect()
}

/// Waits until the worker has read its configurations.
async fn has_connectors(connect: &Connect, count: usize) {
    eventually(async || (connect.connectors().await.unwrap().len() == count).then_some(())).await;
}

/// The newest value of each key of a topic of one partition.
async fn table(broker: &LocalBroker, topic: &str) -> BTreeMap<String, Option<String>> {
    let partition = TopicPartition::new(topic, 0);
    let admin = broker.admin(AdminOptions::default()).await.unwrap();
    let ends = admin
        .end_offsets(std::slice::from_ref(&partition), Isolation::ReadCommitted)
        .await
        .unwrap();
    let mut options = ConsumerOptions::new(Subscription::Partitions(vec![partition.clone()]));
    options.isolation = Isolation::ReadCommitted;
    let mut consumer = broker.consumer(options).await.unwrap();
    let text = |bytes: bytes::Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    let mut table = BTreeMap::new();
    while consumer.position(&partition).await.unwrap() < ends[&partition] {
        if let ConsumerEvent::Records(read) = consumer.poll(Duration::from_secs(1)).await.unwrap() {
            for record in read.into_iter().flat_map(|part| part.records) {
                table.insert(text(record.key.unwrap()), record.value.map(text));
            }
        }
    }
    table
}

async fn write(broker: &LocalBroker, topic: &str, records: Vec<(&str, &str)>) {
    let records = records
        .into_iter()
        .map(|(key, value)| (key.to_owned().into(), Some(value.to_owned().into())));
    write_bytes(broker, topic, records.collect()).await;
}

async fn write_bytes(
    broker: &LocalBroker,
    topic: &str,
    records: Vec<(bytes::Bytes, Option<bytes::Bytes>)>,
) {
    let (mut producer, _receipts) = broker.producer(ProducerOptions::default()).await.unwrap();
    let record = |(token, (key, value))| {
        let mut record = ProducerRecord::new(token, topic, "");
        (record.key, record.value) = (Some(key), value);
        record
    };
    let records = (0..).zip(records).map(record).collect();
    producer.send(records).await.unwrap();
    producer.flush().await.unwrap();
}

#[tokio::test]
async fn a_worker_comes_back_whole() {
    for place in Place::both() {
        let seen = Seen::default();
        let connect = place.worker(&seen).await;
        connect.create_connector("in", lines(30)).await.unwrap();
        let paused = connect.create_connector_in("out", collect(), TargetState::Paused);
        paused.await.unwrap();
        let mut elsewhere = lines(5);
        elsewhere.insert("topic", "elsewhere");
        let idle = connect.create_connector("idle", elsewhere.clone());
        idle.await.unwrap();
        connect.stop("idle").await.unwrap();
        connect.create_connector("gone", elsewhere).await.unwrap();
        connect.delete_connector("gone").await.unwrap();
        connect.until_end().await.unwrap();
        end(connect).await;

        let seen = Seen::default();
        let connect = place.worker(&seen).await;
        has_connectors(&connect, 3).await;
        assert_eq!(names(&connect).await, ["idle", "in", "out"]);
        connect.wait_for("in", State::Running).await.unwrap();
        connect.wait_for("out", State::Paused).await.unwrap();
        connect.wait_for("idle", State::Stopped).await.unwrap();
        assert!(connect.task_configs("idle").await.unwrap().is_empty());
        let position = connect.source_offsets("in")[0].1.get("next").cloned();
        assert_eq!(position.unwrap().as_i64(), Some(30));
        connect.resume("out").await.unwrap();
        connect.until_end().await.unwrap();
        assert_eq!(seen.count(), 30, "what was written in both lives");
        end(connect).await;
    }
}

#[tokio::test]
async fn what_a_connector_was_is_not_what_it_is() {
    let place = Place::Memory(LocalBroker::memory());
    let connect = place.worker(&Seen::default()).await;
    let mut broken = lines(10);
    broken.insert("misbehave", "error");
    connect.create_connector("broken", broken).await.unwrap();
    connect.create_connector("in", lines(10)).await.unwrap();
    task_in(&connect, "broken", State::Failed).await;
    connect.wait_for("in", State::Running).await.unwrap();
    let broker = place.open().await;
    eventually(async || {
        let table = table(&broker, "connect-status").await;
        let failed = table.get("status-task-broken-0")?.as_ref()?;
        (failed.contains("FAILED") && table.contains_key("status-task-in-0")).then_some(())
    })
    .await;
    drop(connect); // and nobody says UNASSIGNED before the next one reads

    let connect = place.held_worker(&Seen::default()).await;
    has_connectors(&connect, 2).await;
    let status = connect.status("in").await.unwrap();
    assert!(status.is(State::Unassigned), "{status:?}");
    let failed = connect.status("broken").await.unwrap();
    assert_eq!(failed.tasks[0].state, State::Failed, "it did fail");
    assert!(failed.tasks[0].trace.is_some());
    end(connect).await;
}

#[tokio::test]
async fn statuses_are_stored_as_those_of_java() {
    let broker = LocalBroker::memory();
    let connect = worker(&broker, &Seen::default()).await;
    connect.create_connector("in", lines(10)).await.unwrap();
    task_in(&connect, "in", State::Running).await;
    let running = r#"{"state":"RUNNING","trace":null,"worker_id":"127.0.0.1:8083","generation":0,"version":"1"}"#;
    eventually(async || {
        let table = table(&broker, "connect-status").await;
        let is = |key: &str| table.get(key)?.as_deref().filter(|value| *value == running);
        is("status-connector-in")
            .and(is("status-task-in-0"))
            .map(drop)
    })
    .await;
    let configs = table(&broker, "connect-configs").await;
    let keys: Vec<_> = configs.keys().map(String::as_str).collect();
    assert_eq!(keys, ["commit-in", "connector-in", "task-in-0"]);
    connect.delete_connector("in").await.unwrap();
    end(connect).await;
    let statuses = table(&broker, "connect-status").await;
    assert!(statuses.values().all(Option::is_none), "{statuses:?}");
    assert_eq!(
        table(&broker, "connect-configs").await["connector-in"],
        None
    );
}

#[tokio::test]
async fn used_topics_are_recorded_and_can_be_forgotten() {
    let place = Place::Memory(LocalBroker::memory());
    let connect = place.worker(&Seen::default()).await;
    connect.create_connector("in", lines(10)).await.unwrap();
    connect.create_connector("out", collect()).await.unwrap();
    let uses = async |connect: &Connect, name: &str| {
        eventually(async || (connect.active_topics(name).unwrap() == ["lines"]).then_some(()))
            .await;
    };
    uses(&connect, "in").await;
    uses(&connect, "out").await;
    end(connect).await;

    let connect = place.worker(&Seen::default()).await;
    assert_eq!(connect.active_topics("in").unwrap(), ["lines"]);
    connect.reset_active_topics("out").unwrap();
    assert!(connect.active_topics("out").unwrap().is_empty());
    connect.put_connector("in", lines(20)).await.unwrap();
    uses(&connect, "out").await;
    connect.delete_connector("in").await.unwrap();
    assert!(connect.active_topics("in").unwrap().is_empty());
    end(connect).await;
    let table = table(&place.open().await, "connect-status").await;
    assert_eq!(table["status-topic-lines:connector-in"], None);
    let used = table["status-topic-lines:connector-out"].as_ref().unwrap();
    let expected = r#"{"topic":{"name":"lines","connector":"out","task":0,"discoverTimestamp":"#;
    assert!(used.starts_with(expected), "{used}");
}

#[tokio::test]
async fn tracking_of_topics_can_be_turned_off() {
    let broker = LocalBroker::memory();
    let more = config_map! { "topic.tracking.enable" => false };
    let connect = worker_with(broker.clone(), more, &Seen::default()).await;
    connect.create_connector("in", lines(10)).await.unwrap();
    connect.until_end().await.unwrap();
    let off = HerderError::TopicTrackingDisabled;
    assert_eq!(connect.active_topics("in"), Err(off.clone()));
    assert_eq!(connect.reset_active_topics("in"), Err(off));
    end(connect).await;
    let statuses = table(&broker, "connect-status").await;
    assert!(!statuses.keys().any(|key| key.starts_with("status-topic")));
    let more = config_map! { "topic.tracking.allow.reset" => false };
    let connect = worker_with(broker, more, &Seen::default()).await;
    let off = HerderError::TopicTrackingResetDisabled;
    assert_eq!(connect.reset_active_topics("in"), Err(off));
    end(connect).await;
}

#[tokio::test]
async fn a_shutdown_lets_go_of_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut handles = Vec::new();
    for _ in 0..3 {
        let broker = LocalBroker::open(folder.path()).await.unwrap();
        let connect = builder(broker, ConfigMap::new(), &Seen::default())
            .build()
            .await
            .unwrap();
        connect.put_connector("in", lines(10)).await.unwrap();
        connect.put_connector("out", collect()).await.unwrap();
        assert!(connect.shutdown(DEADLINE).await.is_clean());
        // A host may keep a handle for as long as it likes.
        handles.push(connect);
    }
}

fn declared(names: &[&str], count: usize) -> Vec<Declared> {
    let declared = names.iter().map(|name| {
        let mut config = lines(count);
        config.insert("topic", *name);
        Declared::new(*name, config)
    });
    declared.collect()
}

#[tokio::test]
async fn declared_connectors_are_those_of_the_last_declaration() {
    for place in Place::both() {
        let connect = place.worker(&Seen::default()).await;
        connect.create_connector("by-hand", lines(5)).await.unwrap();
        let declaration = connect
            .declare(declared(&["a", "b", "c"], 5))
            .await
            .unwrap();
        assert!(declaration.removed.is_empty());
        for (_, outcome) in &declaration.connectors {
            let info = outcome.as_ref().unwrap();
            assert_eq!((info.created, info.tasks), (true, 1));
        }
        connect.pause("b").await.unwrap();
        connect.stop("c").await.unwrap();
        task_in(&connect, "a", State::Running).await;
        connect.until_end().await.unwrap();
        end(connect).await;

        let connect = place.held_worker(&Seen::default()).await;
        let declaration = connect
            .declare(declared(&["b", "c", "d"], 7))
            .await
            .unwrap();
        assert_eq!(declaration.removed, ["a".into()]);
        let created: Vec<_> = declaration
            .connectors
            .iter()
            .map(|(name, outcome)| (&**name, outcome.as_ref().unwrap().created))
            .collect();
        assert_eq!(created, [("b", false), ("c", false), ("d", true)]);
        assert_eq!(names(&connect).await, ["b", "by-hand", "c", "d"]);
        connect.wait_for("b", State::Paused).await.unwrap();
        connect.wait_for("c", State::Stopped).await.unwrap();
        connect.wait_for("by-hand", State::Running).await.unwrap();
        assert_eq!(connect.config("b").await.unwrap().get("count"), Some("7"));
        assert_eq!(connect.source_offsets("a").len(), 1, "its offsets stay");
        end(connect).await;
    }
}

#[tokio::test]
async fn a_refused_declaration_leaves_the_others_and_what_was_there() {
    let place = Place::Memory(LocalBroker::memory());
    let connect = place.held_worker(&Seen::default()).await;
    let first = connect.declare(declared(&["a", "b"], 5)).await.unwrap();
    assert_eq!(first.connectors.len(), 2);
    let mut wrong = declared(&["a", "b", "c"], 6);
    wrong[0].config.insert("count", "many");
    let declaration = connect.declare(wrong).await.unwrap();
    let outcome = &declaration.connectors[0].1;
    assert!(matches!(outcome, Err(HerderError::InvalidConfig(_))));
    assert!(declaration.connectors[1].1.is_ok() && declaration.connectors[2].1.is_ok());
    assert_eq!(connect.config("a").await.unwrap().get("count"), Some("5"));
    let twice = connect.declare(declared(&["a", "a"], 5)).await;
    assert_eq!(twice.unwrap_err(), HerderError::AlreadyExists("a".into()));
    assert_eq!(names(&connect).await, ["a", "b", "c"]);
    end(connect).await;
}

/// What is no longer declared, or has another configuration now, never runs as it was.
#[tokio::test]
async fn a_worker_that_awaits_its_declaration_starts_nothing_before() {
    let place = Place::Memory(LocalBroker::memory());
    let connect = place.held_worker(&Seen::default()).await;
    // They have lines to deliver for as long as they run.
    let declaration = connect.declare(declared(&["old", "same"], 5)).await;
    declaration.unwrap();
    end(connect).await;

    let seen = Seen::default();
    let connect = place.held_worker(&seen).await;
    has_connectors(&connect, 2).await;
    // Requests are answered meanwhile.
    connect.pause("same").await.unwrap();
    connect.resume("same").await.unwrap();
    connect.create_connector("late", lines(5)).await.unwrap();
    assert!(connect.progress().is_empty());
    assert!(connect.status("old").await.unwrap().is(State::Unassigned));
    let handle = connect.waiting(Wait::Written);
    handle.declare(declared(&["same"], 5)).await.unwrap();
    connect.wait_for("same", State::Running).await.unwrap();
    task_in(&connect, "late", State::Running).await;
    assert_eq!(names(&connect).await, ["late", "same"]);
    end(connect).await;
}

/// A log that other workers use, too.
#[derive(Debug)]
struct Shared(LocalBroker);

#[async_trait]
impl Broker for Shared {
    async fn cluster_id(&self) -> Result<String, BrokerError> {
        self.0.cluster_id().await
    }

    async fn admin(&self, options: AdminOptions) -> Result<Box<dyn Admin>, BrokerError> {
        self.0.admin(options).await
    }

    async fn producer(
        &self,
        options: ProducerOptions,
    ) -> Result<(Box<dyn Producer>, Box<dyn Receipts>), BrokerError> {
        self.0.producer(options).await
    }

    async fn consumer(&self, options: ConsumerOptions) -> Result<Box<dyn Consumer>, BrokerError> {
        self.0.consumer(options).await
    }
}

#[tokio::test]
async fn workers_on_a_shared_log_do_not_adopt_each_others_connectors() {
    let log = LocalBroker::memory();
    let one = worker_with(Shared(log.clone()), ConfigMap::new(), &Seen::default()).await;
    one.create_connector("in", lines(5)).await.unwrap();
    let other = worker_with(Shared(log.clone()), ConfigMap::new(), &Seen::default()).await;
    other.create_connector("out", collect()).await.unwrap();
    assert_eq!(names(&one).await, ["in"]);
    assert_eq!(names(&other).await, ["out"]);
    end(one).await;
    end(other).await;
    let admin = log.admin(AdminOptions::default()).await.unwrap();
    let topics = admin.list_topics().await.unwrap();
    let mut topics = topics.iter().map(|topic| topic.name.as_str());
    assert!(topics.all(|topic| topic != "connect-configs" && topic != "connect-status"));
}

#[tokio::test]
async fn a_worker_that_keeps_connectors_fences_the_one_before() {
    let log = LocalBroker::memory();
    let keeping = async |log: &LocalBroker| {
        builder(Shared(log.clone()), ConfigMap::new(), &Seen::default())
            .keeps_connectors(true)
            .build()
            .await
            .unwrap()
    };
    let old = keeping(&log).await;
    old.create_connector("in", lines(5)).await.unwrap();
    let new = keeping(&log).await;
    has_connectors(&new, 1).await;
    let refused = old.delete_connector("in").await.unwrap_err();
    assert!(matches!(refused, HerderError::Store { .. }), "{refused}");
    assert!(refused.to_string().contains("fenced"), "{refused}");
    new.delete_connector("in").await.unwrap();
    // The other one follows the log.
    has_connectors(&old, 0).await;
    end(old).await;
    end(new).await;
}

#[tokio::test]
async fn topics_that_would_lose_records_are_refused() {
    for (topic, key, partitions, compacted, expected) in [
        (
            "connect-configs",
            "config.storage.topic",
            1,
            false,
            "'cleanup.policy=compact'",
        ),
        (
            "connect-configs",
            "config.storage.topic",
            2,
            true,
            "found 2 partitions",
        ),
        (
            "connect-status",
            "status.storage.topic",
            1,
            false,
            "'cleanup.policy=compact'",
        ),
        (
            "connect-offsets",
            "offset.storage.topic",
            1,
            false,
            "'cleanup.policy=compact'",
        ),
    ] {
        let log = LocalBroker::memory();
        let admin = log.admin(AdminOptions::default()).await.unwrap();
        let new = NewTopic::new(topic).partitions(partitions);
        let new = if compacted { new.compacted() } else { new };
        admin.create_topic(new).await.unwrap();
        let built = builder(log, ConfigMap::new(), &Seen::default())
            .build()
            .await;
        let error = built.unwrap_err().report();
        for text in [topic, key, expected] {
            assert!(error.contains(text), "{error}");
        }
    }
}

#[tokio::test]
async fn records_that_cannot_be_used_are_skipped() {
    let place = Place::Memory(LocalBroker::memory());
    let connect = place.worker(&Seen::default()).await;
    connect.create_connector("in", lines(5)).await.unwrap();
    end(connect).await;
    let log = place.open().await;
    let junk = vec![("connector-x", "{"), ("nonsense", "{}"), ("commit-in", "5")];
    write(&log, "connect-configs", junk).await;
    write(&log, "connect-status", vec![("status-task-x", "{}")]).await;
    let connect = place.worker(&Seen::default()).await;
    connect.create_connector("out", collect()).await.unwrap();
    assert_eq!(names(&connect).await, ["in", "out"]);
    connect.wait_for("in", State::Running).await.unwrap();
    end(connect).await;
}

/// How long it takes is printed; `docs/kill-tests.md` has it.
#[tokio::test]
async fn a_thousand_connectors_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let log = LocalBroker::open(folder.path()).await.unwrap();
    let connect = builder(log.clone(), ConfigMap::new(), &Seen::default());
    end(connect.build().await.unwrap()).await;
    let mut records = Vec::new();
    for number in 0..1000 {
        let name = ConnectorName::new(format!("c-{number}"));
        let mut config = lines(5);
        config.insert("name", &*name);
        let state = (number % 2 == 0).then_some(TargetState::Paused);
        records.extend([
            ConfigRecord::TargetState {
                name: name.clone(),
                state,
            },
            ConfigRecord::Connector {
                name: name.clone(),
                config: Some(config.clone()),
            },
            ConfigRecord::Task {
                id: TaskId::new(name.clone(), 0),
                config,
            },
            ConfigRecord::Commit { name, tasks: 1 },
        ]);
    }
    let records = records.iter().map(ConfigRecord::encode).collect();
    write_bytes(&log, "connect-configs", records).await;
    log.close().await.unwrap();
    let start = Instant::now();
    let log = LocalBroker::open(folder.path()).await.unwrap();
    let connect = builder(log, ConfigMap::new(), &Seen::default());
    let connect = connect.awaits_declaration().build().await.unwrap();
    has_connectors(&connect, 1000).await;
    println!("1,000 connectors were read in {:?}", start.elapsed());
    let status = connect.status("c-998").await.unwrap();
    assert_eq!(status.tasks.len(), 1);
    end(connect).await;
}

/// A worker whose process dies has no time to say anything: here its runtime goes.
#[test]
fn a_worker_that_is_cut_off_comes_back() {
    for place in Place::both() {
        let place = Arc::new(place);
        let offsets = Arc::new(Mutex::new(Vec::new()));
        for life in 0..3 {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            let (place, offsets) = (Arc::clone(&place), Arc::clone(&offsets));
            runtime.block_on(async move {
                let connect = place.worker(&Seen::default()).await;
                if life == 0 {
                    connect.create_connector("in", lines(50)).await.unwrap();
                    let stopped =
                        connect.create_connector_in("out", collect(), TargetState::Stopped);
                    stopped.await.unwrap();
                }
                has_connectors(&connect, 2).await;
                task_in(&connect, "in", State::Running).await;
                connect.wait_for("out", State::Stopped).await.unwrap();
                offsets.lock().unwrap().push(connect.source_offsets("in"));
            });
            runtime.shutdown_timeout(Duration::from_secs(10));
        }
    }
}
