//! What a host asks of a worker, and what it is told.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

mod common;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use common::*;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::config_map;
use connect_api::plugin::PluginInfo;
use connect_api::record::SourceOffset;
use connect_api::record::SourceRecord;
use connect_api::*;
use connect_log::LocalBroker;
use connect_runtime::Connect;
use connect_runtime::ConnectorOffsets;
use connect_runtime::Event;
use connect_runtime::HerderError;
use connect_runtime::State;
use connect_runtime::Subject;
use connect_runtime::TaskId;
use connect_runtime::WorkerConfig;

const DEADLINE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn events_tell_of_states_failures_and_dead_letters() {
    let (broker, seen) = (LocalBroker::memory(), Seen::default());
    let connect = worker(&broker, &seen).await;
    let mut events = connect.events();
    let mut config = lines(10);
    config.extend(config_map! {
        "transforms" => "r", "transforms.r.type" => "Refuse", "errors.tolerance" => "all",
        "errors.deadletterqueue.topic.name" => "dead", "misbehave" => "panic", "at" => 9,
        "batch" => 1,
    });
    connect.create_connector("in", config).await.unwrap();
    let (mut letters, mut states) = (Vec::new(), Vec::new());
    while states.last() != Some(&State::Failed) {
        match events.next().await.unwrap() {
            Event::DeadLetter { task, failure } => letters.push((task, failure.to_string())),
            Event::Status {
                subject: Subject::Task(_),
                status,
            } => states.push(status.unwrap().state),
            _ => {}
        }
    }
    assert_eq!(states, [State::Running, State::Failed]);
    let letter = (TaskId::new("in", 0), "three is not liked".to_owned());
    assert_eq!(letters, [letter]);
    let _ = connect.shutdown(DEADLINE).await;
}

#[tokio::test]
async fn a_listener_that_is_slow_is_told_how_much_it_has_missed() {
    let (broker, seen) = (LocalBroker::memory(), Seen::default());
    let connect = worker(&broker, &seen).await;
    let mut events = connect.events();
    connect.create_connector("in", lines(0)).await.unwrap();
    for _ in 0..400 {
        connect.restart("in", true, false).await.unwrap();
    }
    let mut missed = 0;
    while missed == 0 {
        if let Event::Lagged(dropped) = events.next().await.unwrap() {
            missed = dropped;
        }
    }
    assert!(missed > 100, "{missed}");
    let _ = connect.shutdown(DEADLINE).await;
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    let (broker, seen) = (LocalBroker::memory(), Seen::default());
    let connect = worker(&broker, &seen).await;
    connect.create_connector("in", lines(5)).await.unwrap();
    let mut patch = config_map! { "count" => 7 };
    patch.insert_null("batch");
    let info = connect.patch_connector("in", patch).await.unwrap();
    assert_eq!((info.config.get("count"), info.created), (Some("7"), false));
    assert_eq!(info.config.get("topic"), Some("lines"));
    let missing = connect.patch_connector("no", config_map! {}).await;
    assert_eq!(missing, Err(HerderError::NoConnector("no".into())));
    let _ = connect.shutdown(DEADLINE).await;
}

#[tokio::test]
async fn offsets_of_a_source_are_changed_only_while_it_is_stopped() {
    let (broker, seen) = (LocalBroker::memory(), Seen::default());
    let connect = worker(&broker, &seen).await;
    connect.create_connector("in", lines(10)).await.unwrap();
    connect.until_end().await.unwrap();
    let refused = connect.reset_offsets("in").await;
    assert_eq!(refused, Err(HerderError::OffsetsInUse("in".into())));
    connect.stop("in").await.unwrap();
    let ConnectorOffsets::Source(offsets) = connect.offsets("in").await.unwrap() else {
        panic!("not a source");
    };
    let (partition, offset) = offsets[0].clone();
    assert_eq!(offset.get("next").unwrap().as_i64(), Some(10));
    let change = vec![(partition, Some(SourceOffset::new("next", 8)))];
    let is_known = connect.alter_source_offsets("in", change).await.unwrap();
    assert!(!is_known, "the plugin keeps no offsets itself");
    connect.resume("in").await.unwrap();
    eventually(async || (seen.delivered.load(Ordering::SeqCst) == 12).then_some(())).await;
    connect.stop("in").await.unwrap();
    connect.reset_offsets("in").await.unwrap();
    let none = ConnectorOffsets::Source(Vec::new());
    assert_eq!(connect.offsets("in").await.unwrap(), none);
    let _ = connect.shutdown(DEADLINE).await;
}

#[tokio::test]
async fn offsets_of_a_sink_are_those_of_its_group() {
    let (broker, seen) = (LocalBroker::memory(), Seen::default());
    let connect = worker(&broker, &seen).await;
    connect.create_connector("in", lines(10)).await.unwrap();
    connect.create_connector("out", collect()).await.unwrap();
    connect.until_end().await.unwrap();
    connect.stop("out").await.unwrap();
    let partition = TopicPartition::new("lines", 0);
    let ConnectorOffsets::Sink(offsets) = connect.offsets("out").await.unwrap() else {
        panic!("not a sink");
    };
    assert_eq!(offsets.get(&partition), Some(&10));
    let change = [(partition.clone(), Some(6))].into();
    connect.alter_sink_offsets("out", change).await.unwrap();
    connect.resume("out").await.unwrap();
    eventually(async || (seen.count() == 14).then_some(())).await;
    connect.stop("out").await.unwrap();
    connect.reset_offsets("out").await.unwrap();
    let none = ConnectorOffsets::Sink(Default::default());
    assert_eq!(connect.offsets("out").await.unwrap(), none);
    let _ = connect.shutdown(DEADLINE).await;
}

#[tokio::test]
async fn what_has_failed_can_be_stopped_and_resumed() {
    let (broker, seen) = (LocalBroker::memory(), Seen::default());
    let connect = worker(&broker, &seen).await;
    let mut config = lines(1);
    config.insert("start", "panic");
    let connect_written = connect.waiting(connect_runtime::Wait::Written);
    connect_written
        .create_connector("in", config.clone())
        .await
        .unwrap();
    let failed = connect.wait_for("in", State::Failed).await.unwrap();
    assert!(failed.trace.unwrap().contains("the connector panics"));
    connect.stop("in").await.unwrap();
    connect.wait_for("in", State::Stopped).await.unwrap();
    config.insert("start", "");
    connect.put_connector("in", config).await.unwrap();
    connect.resume("in").await.unwrap();
    connect.wait_for("in", State::Running).await.unwrap();
    assert!(connect.is_healthy().await);
    let _ = connect.shutdown(DEADLINE).await;
}

/// Panics where its configuration says so, or does what it is told through its context.
#[derive(Clone, Default)]
struct Odd {
    def: ConfigDef,
    panics_in: &'static str,
    tasks: Arc<Mutex<usize>>,
    context: Arc<Mutex<Option<ConnectorContext>>>,
}

#[async_trait]
impl Connector for Odd {
    fn config_def(&self) -> &ConfigDef {
        assert_ne!(self.panics_in, "config_def", "config_def explodes");
        &self.def
    }
    async fn start(&mut self, context: ConnectorContext, _: ConfigMap) -> Result<()> {
        *self.context.lock().unwrap() = Some(context);
        Ok(())
    }
    async fn task_configs(&mut self, _: usize) -> Result<Vec<ConfigMap>> {
        let tasks = *self.tasks.lock().unwrap();
        let config = |task| config_map! { "task" => task };
        Ok((0..tasks).map(config).collect())
    }
}

impl SourceConnector for Odd {
    fn task(&self) -> Box<dyn SourceTask> {
        assert_ne!(self.panics_in, "task", "task explodes");
        Box::new(Idle)
    }
}

struct Idle;

#[async_trait]
impl Task for Idle {}

#[async_trait]
impl SourceTask for Idle {
    async fn start(&mut self, _: SourceTaskContext, _: ConfigMap) -> Result<()> {
        Ok(())
    }
    async fn poll(&mut self) -> Result<Vec<SourceRecord>> {
        std::future::pending().await
    }
}

async fn odd_worker(odd: &Odd) -> Connect {
    let mut registry = registry(&Seen::default());
    let odd = odd.clone();
    registry.source(PluginInfo::new("test.Odd", "1"), move || {
        assert_ne!(odd.panics_in, "make", "make explodes");
        odd.clone()
    });
    Connect::builder()
        .registry(registry)
        .broker(LocalBroker::memory())
        .worker(WorkerConfig::from_config(&worker_config()).unwrap())
        .build()
        .await
        .unwrap()
}

fn odd_config() -> ConfigMap {
    config_map! { "connector.class" => "Odd", "tasks.max" => 5 }
}

#[tokio::test]
async fn a_panic_anywhere_in_a_plugin_is_a_failure_with_its_text() {
    for panics_in in ["make", "config_def", "task"] {
        let odd = Odd {
            panics_in,
            tasks: Arc::new(Mutex::new(1)),
            ..Odd::default()
        };
        let connect = odd_worker(&odd).await;
        let created = connect.create_connector("odd", odd_config()).await;
        let text = match created {
            Ok(_) => {
                let failed = task_in(&connect, "odd", State::Failed).await;
                failed.tasks[0].trace.clone().unwrap()
            }
            Err(error) => error.to_string(),
        };
        assert!(text.contains(&format!("{panics_in} explodes")), "{text}");
        assert!(connect.shutdown(DEADLINE).await.is_clean());
    }
}

#[tokio::test]
async fn a_connector_asks_for_other_tasks_and_raises_errors() {
    let odd = Odd {
        tasks: Arc::new(Mutex::new(1)),
        ..Odd::default()
    };
    let connect = odd_worker(&odd).await;
    connect.create_connector("odd", odd_config()).await.unwrap();
    let context = odd.context.lock().unwrap().clone().unwrap();
    for tasks in [3, 2] {
        *odd.tasks.lock().unwrap() = tasks;
        context.request_task_reconfiguration();
        let have = |status: &connect_runtime::ConnectorStatus| {
            status.tasks.len() == tasks && status.is(State::Running)
        };
        connect.wait_until("odd", have).await.unwrap();
    }
    context.raise_error(Error::config("the credentials are wrong"));
    let failed = connect
        .wait_until("odd", |status| status.state == State::Failed)
        .await
        .unwrap();
    assert_eq!(failed.trace.as_deref(), Some("the credentials are wrong"));
    assert!(failed.tasks.iter().all(|task| task.state == State::Running));
    assert!(!connect.is_healthy().await);
    let plan = connect.restart("odd", true, true).await.unwrap().plan;
    assert_eq!(plan, [Subject::Connector("odd".into())]);
    connect.wait_for("odd", State::Running).await.unwrap();
    assert!(connect.shutdown(DEADLINE).await.is_clean());
}

#[tokio::test]
async fn the_log_can_be_opened_again_at_once_after_a_shutdown() {
    let folder = tempfile::tempdir().unwrap();
    let mut handles = Vec::new();
    for round in 1..=3 {
        let seen = Seen::default();
        let broker = LocalBroker::open(folder.path()).await.unwrap();
        let connect = worker_with(broker, ConfigMap::new(), &seen).await;
        connect.put_connector("out", collect()).await.unwrap();
        connect
            .put_connector("in", lines(round * 10))
            .await
            .unwrap();
        connect.until_end().await.unwrap();
        assert!(connect.shutdown(DEADLINE).await.is_clean());
        assert_eq!(seen.count(), 10);
        handles.push(connect); // a handle alone keeps nothing open
    }
}

#[tokio::test]
async fn dropping_the_last_handle_stops_the_tasks() {
    let (broker, seen) = (LocalBroker::memory(), Seen::default());
    let connect = worker(&broker, &seen).await;
    connect.create_connector("in", lines(10)).await.unwrap();
    connect.until_end().await.unwrap();
    drop(connect);
    eventually(async || (seen.stopped.load(Ordering::SeqCst) == 1).then_some(())).await;
}
