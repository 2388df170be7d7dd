//! Plugins whose calls never return, by awaiting for ever or by blocking their thread: they hold up
//! themselves and nothing else.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

mod common;

use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use common::*;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::config::Validation;
use connect_api::config_map;
use connect_api::plugin::PluginInfo;
use connect_api::record::SinkRecord;
use connect_api::record::SourceRecord;
use connect_api::*;
use connect_log::LocalBroker;
use connect_runtime::Connect;
use connect_runtime::ConnectorStatus;
use connect_runtime::HerderError;
use connect_runtime::ShutdownReport;
use connect_runtime::State;
use connect_runtime::Subject;
use connect_runtime::WorkerConfig;

const DEADLINE: Duration = Duration::from_secs(60);

/// How a call never returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Await,
    Block,
}

/// Where calls get stuck until the test lets them go.
#[derive(Clone)]
struct Trap(Arc<Inner>);

struct Inner {
    how: How,
    state: Mutex<Held>,
    changed: Condvar,
    news: tokio::sync::Notify,
}

#[derive(Default)]
struct Held {
    calls: Vec<&'static str>,
    is_open: bool,
}

impl Trap {
    fn new(how: How) -> Self {
        Self(Arc::new(Inner {
            how,
            state: Mutex::default(),
            changed: Condvar::new(),
            news: tokio::sync::Notify::new(),
        }))
    }

    /// A call: gets stuck if the configuration says so.
    async fn enter(&self, config: &ConfigMap, call: &'static str) {
        if config.get("stuck.in") != Some(call) {
            return;
        }
        self.0.state.lock().unwrap().calls.push(call);
        self.0.news.notify_waiters();
        match self.0.how {
            How::Await => std::future::pending().await,
            How::Block => {
                let state = self.0.state.lock().unwrap();
                drop(self.0.changed.wait_while(state, |it| !it.is_open).unwrap());
            }
        }
    }

    /// Waits until so many calls are stuck.
    async fn caught(&self, count: usize) {
        loop {
            let news = self.0.news.notified();
            let mut news = std::pin::pin!(news);
            news.as_mut().enable();
            if self.0.state.lock().unwrap().calls.len() >= count {
                return;
            }
            news.await;
        }
    }

    fn open(&self) {
        self.0.state.lock().unwrap().is_open = true;
        self.0.changed.notify_all();
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.open(); // a failed test must not hang
        }
    }
}

#[derive(Clone)]
struct StuckSource {
    trap: Trap,
    def: ConfigDef,
    config: ConfigMap,
}

#[derive(Clone)]
struct StuckSink(StuckSource);

macro_rules! connector {
    ($name:ident, $($field:tt).+) => {
        #[async_trait]
        impl Connector for $name {
            fn config_def(&self) -> &ConfigDef {
                &self.$($field).+.def
            }
            async fn validate(&self, config: &ConfigMap) -> Result<Validation> {
                self.$($field).+.trap.enter(config, "validate").await;
                Ok(self.config_def().validate(config))
            }
            async fn start(&mut self, _: ConnectorContext, config: ConfigMap) -> Result<()> {
                self.$($field).+.trap.enter(&config, "start").await;
                self.$($field).+.config = config;
                Ok(())
            }
            async fn task_configs(&mut self, max: usize) -> Result<Vec<ConfigMap>> {
                let own = &self.$($field).+;
                own.trap.enter(&own.config, "task_configs").await;
                Ok(vec![own.config.clone(); max])
            }
            async fn stop(&mut self) -> Result<()> {
                let own = &self.$($field).+;
                own.trap.enter(&own.config, "connector.stop").await;
                Ok(())
            }
        }
    };
}

struct Whole {
    inner: StuckSource,
}

connector!(Whole, inner);

impl SourceConnector for Whole {
    fn task(&self) -> Box<dyn SourceTask> {
        Box::new(StuckTask(self.inner.trap.clone(), ConfigMap::new()))
    }
}

connector!(StuckSink, 0);

impl SinkConnector for StuckSink {
    fn task(&self) -> Box<dyn SinkTask> {
        Box::new(StuckTask(self.0.trap.clone(), ConfigMap::new()))
    }
}

struct StuckTask(Trap, ConfigMap);

#[async_trait]
impl Task for StuckTask {
    async fn stop(&mut self) -> Result<()> {
        self.0.enter(&self.1, "stop").await;
        Ok(())
    }
}

#[async_trait]
impl SourceTask for StuckTask {
    async fn start(&mut self, _: SourceTaskContext, config: ConfigMap) -> Result<()> {
        self.0.enter(&config, "task.start").await;
        self.1 = config;
        Ok(())
    }
    async fn poll(&mut self) -> Result<Vec<SourceRecord>> {
        self.0.enter(&self.1, "poll").await;
        std::future::pending().await
    }
}

#[async_trait]
impl SinkTask for StuckTask {
    async fn start(&mut self, _: SinkTaskContext, config: ConfigMap) -> Result<()> {
        self.0.enter(&config, "task.start").await;
        self.1 = config;
        Ok(())
    }
    async fn put(&mut self, _: &[SinkRecord]) -> Result<()> {
        self.0.enter(&self.1, "put").await;
        Ok(())
    }
    async fn pre_commit(&mut self, offsets: LogOffsets) -> Result<LogOffsets> {
        self.0.enter(&self.1, "pre_commit").await;
        Ok(offsets)
    }
}

struct Scene {
    how: How,
    connect: Connect,
    trap: Trap,
    seen: Seen,
}

impl Scene {
    /// A worker with two threads for plugins, or on the runtime of the test, where time is paused.
    async fn new(how: How) -> Self {
        let (trap, seen) = (Trap::new(how), Seen::default());
        let mut registry = registry(&seen);
        let stuck = StuckSource {
            trap: trap.clone(),
            def: ConfigDef::default(),
            config: ConfigMap::new(),
        };
        let clone = stuck.clone();
        registry.source(PluginInfo::new("test.StuckSource", "1"), move || Whole {
            inner: clone.clone(),
        });
        registry.sink(PluginInfo::new("test.StuckSink", "1"), move || {
            StuckSink(stuck.clone())
        });
        let mut config = worker_config();
        config.extend(config_map! {
            "plugin.threads" => 2, "plugin.block.timeout.ms" => 50,
            "task.shutdown.graceful.timeout.ms" => 3000, "offset.flush.interval.ms" => 50,
            "plugin.start.timeout.ms" => 5000, "plugin.task.configs.timeout.ms" => 5000,
            "plugin.validate.timeout.ms" => 5000, "plugin.put.timeout.ms" => 1000,
            "plugin.commit.timeout.ms" => 1000,
        });
        let mut builder = Connect::builder()
            .registry(registry)
            .broker(LocalBroker::memory())
            .worker(WorkerConfig::from_config(&config).unwrap());
        if how == How::Await {
            builder = builder.plugins_on_host_runtime();
        }
        let connect = builder.build().await.unwrap();
        Self {
            how,
            connect,
            trap,
            seen,
        }
    }

    /// Creates connectors that get stuck in a call, and waits until they are.
    async fn stick(&self, call: &'static str, count: usize) {
        for number in 0..count {
            let connect = self.connect.waiting(connect_runtime::Wait::Written);
            let name = format!("stuck{number}");
            let created = connect.create_connector(&*name, stuck_in(call)).await;
            created.unwrap();
        }
        if matches!(call, "put" | "pre_commit") {
            self.connect
                .create_connector("feed", lines(10))
                .await
                .unwrap();
        }
        self.trap.caught(count).await;
    }

    /// Another connector is made, moves records, and is removed as ever.
    async fn others_go_on(&self, name: &str) {
        let mut config = lines(50);
        config.insert("topic", name);
        let before = self.seen.delivered.load(Ordering::SeqCst);
        self.connect.create_connector(name, config).await.unwrap();
        while self.seen.delivered.load(Ordering::SeqCst) - before < 50 {
            match self.how {
                // The log has a thread of its own: paused time must not run ahead of it.
                How::Await => tokio::task::yield_now().await,
                How::Block => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
        self.connect.restart(name, true, false).await.unwrap();
        self.connect.pause(name).await.unwrap();
        self.connect.wait_for(name, State::Paused).await.unwrap();
        let given_up = self.connect.delete_connector(name).await.unwrap();
        assert_eq!(given_up, []);
    }

    async fn shutdown(&self) -> ShutdownReport {
        let report = self.connect.shutdown(DEADLINE).await;
        self.trap.open();
        report
    }
}

fn stuck_in(call: &str) -> ConfigMap {
    let sinks = ["put", "pre_commit"];
    let class = if sinks.contains(&call) {
        "StuckSink"
    } else {
        "StuckSource"
    };
    let mut config = config_map! { "connector.class" => class, "stuck.in" => call };
    if class == "StuckSink" {
        config.insert("topics", "lines");
    }
    config
}

/// Calls that get stuck while the connector is there, and who is stuck.
const CALLS: [(&str, &str); 6] = [
    ("start", "connector \"stuck0\""),
    ("task_configs", "connector \"stuck0\""),
    ("task.start", "task stuck0-0"),
    ("poll", "task stuck0-0"),
    ("put", "task stuck0-0"),
    ("pre_commit", "task stuck0-0"),
];

/// What is asked of a connector that is stuck.
const WAYS: [&str; 5] = ["delete", "put", "pause", "stop", "restart"];

fn names(subjects: &[Subject]) -> Vec<String> {
    subjects.iter().map(ToString::to_string).collect()
}

/// Asks for one way out of a stuck call. Returns what the answer names.
async fn get_out(scene: &Scene, way: &str) -> Vec<String> {
    let connect = &scene.connect;
    let given_up = match way {
        "delete" => connect.delete_connector("stuck0").await.unwrap(),
        "put" => {
            let info = connect.put_connector("stuck0", stuck_in("nothing")).await;
            info.unwrap().given_up
        }
        "pause" => connect.pause("stuck0").await.unwrap(),
        "stop" => connect.stop("stuck0").await.unwrap(),
        _ => {
            // It gets stuck again, for which this one does not wait.
            let connect = connect.waiting(connect_runtime::Wait::Written);
            connect
                .restart("stuck0", true, false)
                .await
                .unwrap()
                .given_up
        }
    };
    names(&given_up)
}

/// Waits until the status says that the connector or one of its tasks was abandoned.
async fn given_up_in_status(scene: &Scene, what: &str) {
    let has_given_up = |status: &ConnectorStatus| {
        let tasks = status.tasks.iter().filter_map(|task| task.status.as_ref());
        let mut all = status.status.iter().chain(tasks);
        all.any(|status| status.given_up > 0)
    };
    let named = scene.connect.wait_until("stuck0", has_given_up);
    let named = tokio::time::timeout(DEADLINE, named).await;
    named
        .unwrap_or_else(|_| panic!("{what}: the status names nothing"))
        .unwrap();
}

async fn one_is_stuck(how: How, call: &'static str, who: &str) {
    // The future of an idle `poll` is dropped, so that it ends like any other task; a paused task
    // does not have to end.
    let ends = how == How::Await && call == "poll";
    all(WAYS, async |way| {
        let scene = Scene::new(how).await;
        scene.stick(call, 1).await;
        scene.others_go_on("other").await;
        let named = get_out(&scene, way).await;
        let stays = way == "pause" && who.starts_with("task");
        if matches!(way, "delete" | "stop") && !ends {
            assert_eq!(named, [who], "{how:?} {call} {way}");
        }
        if matches!(way, "put" | "restart") && !ends {
            given_up_in_status(&scene, &format!("{call} {way}")).await;
        }
        scene.others_go_on("another").await;
        let report = scene.shutdown().await;
        let left = report.left.iter().any(|it| it.subject.to_string() == who);
        // A plugin that awaits is dropped when abandoned; a blocked thread is left behind.
        let is_left = match how {
            How::Block => true,
            How::Await => !ends && (stays || way == "restart"),
        };
        assert_eq!(left, is_left, "{how:?} {call} {way}: {report:?}");
    })
    .await;
}

/// Tests all cases at the same time, each with a worker of its own: most of the time they wait.
async fn all<T>(cases: impl IntoIterator<Item = T>, test: impl AsyncFn(T)) {
    futures::future::join_all(cases.into_iter().map(|case| test(case))).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_awaits_for_ever_holds_up_nothing_else() {
    all(CALLS, async |(call, who)| {
        one_is_stuck(How::Await, call, who).await
    })
    .await;
}

#[tokio::test]
async fn a_call_that_blocks_its_thread_holds_up_nothing_else() {
    all(CALLS, async |(call, who)| {
        one_is_stuck(How::Block, call, who).await
    })
    .await;
}

/// As many as there are threads for plugins, and one more.
#[tokio::test]
async fn calls_that_block_every_thread_hold_up_nothing_else() {
    all(CALLS, async |(call, _)| {
        let scene = Scene::new(How::Block).await;
        scene.stick(call, 3).await;
        scene.others_go_on("other").await;
        let threads = eventually(async || {
            let threads = scene.connect.plugin_threads();
            (threads.blocked == 3 && threads.spare == 3).then_some(threads)
        });
        assert!(!threads.await.is_exhausted, "{call}");
        for number in 0..3 {
            let name = format!("stuck{number}");
            let given_up = scene.connect.delete_connector(&*name).await.unwrap();
            assert_eq!(given_up.len(), 1, "{call}");
        }
        let report = scene.connect.shutdown(DEADLINE).await;
        assert_eq!(report.left.len(), 3, "{call}: {report:?}");
        assert!(
            report.left.iter().all(|left| left.holds_thread),
            "{report:?}"
        );
        scene.trap.open();
    })
    .await;
}

#[tokio::test]
async fn spare_threads_end_when_the_blocked_ones_return() {
    let scene = Scene::new(How::Block).await;
    scene.stick("poll", 3).await;
    scene.others_go_on("other").await;
    let status = scene.connect.status("stuck0").await.unwrap();
    let task = status.tasks[0].status.as_ref().unwrap();
    let stalled = task.stalled.map(|stall| stall.call);
    assert_eq!((task.state, stalled), (State::Running, Some("poll")));
    scene.trap.open();
    eventually(async || {
        let threads = scene.connect.plugin_threads();
        (threads.blocked == 0 && threads.spare == 0).then_some(())
    })
    .await;
    let moving = |status: &ConnectorStatus| {
        let task = status.tasks[0].status.as_ref();
        task.is_some_and(|task| task.stalled.is_none())
    };
    scene.connect.wait_until("stuck0", moving).await.unwrap();
    assert!(scene.shutdown().await.is_clean());
}

async fn a_validation_is_stuck(how: How) {
    let scene = Scene::new(how).await;
    let connect = scene.connect.clone();
    let creating = tokio::spawn(async move {
        let config = stuck_in("validate");
        connect.create_connector("stuck0", config).await
    });
    scene.trap.caught(1).await;
    scene.others_go_on("other").await;
    let refused = creating.await.unwrap().unwrap_err();
    assert!(
        matches!(refused, HerderError::NotValidated { .. }),
        "{refused}"
    );
    assert!(refused.to_string().contains("validate"), "{refused}");
    let none = scene.connect.connectors().await.unwrap();
    assert!(none.is_empty(), "{none:?}");
    let _ = scene.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_validation_that_awaits_for_ever_is_refused() {
    a_validation_is_stuck(How::Await).await;
}

#[tokio::test]
async fn a_validation_that_blocks_its_thread_is_refused() {
    a_validation_is_stuck(How::Block).await;
}

/// `stop` itself gets stuck.
async fn a_stop_is_stuck(how: How) {
    let task = ("stop", "task stuck0-0");
    let connector = ("connector.stop", "connector \"stuck0\"");
    let ways = ["delete", "put", "stop", "restart"];
    let cases = ways
        .into_iter()
        .flat_map(|way| [(task, way), (connector, way)]);
    all(cases, async |((call, who), way)| {
        let scene = Scene::new(how).await;
        let connect = &scene.connect;
        let created = connect.create_connector("stuck0", stuck_in(call)).await;
        created.unwrap();
        connect.wait_for("stuck0", State::Running).await.unwrap();
        let named = get_out(&scene, way).await;
        if matches!(way, "delete" | "stop") {
            assert_eq!(named, [who], "{how:?} {call} {way}");
        } else {
            given_up_in_status(&scene, &format!("{call} {way}")).await;
        }
        scene.others_go_on("other").await;
        let report = scene.shutdown().await;
        let left = report.left.iter().any(|it| it.subject.to_string() == who);
        assert_eq!(left, how == How::Block || way == "restart", "{call} {way}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_awaits_for_ever_is_given_up_on() {
    a_stop_is_stuck(How::Await).await;
}

#[tokio::test]
async fn a_stop_that_blocks_its_thread_is_given_up_on() {
    a_stop_is_stuck(How::Block).await;
}

/// Nothing asks it to stop: the status says what is wrong.
async fn a_call_over_its_deadline_shows_in_the_status(how: How) {
    let may_wait = |call: &str| how == How::Await && call == "poll";
    let cases = CALLS.into_iter().filter(|(call, _)| !may_wait(call));
    all(cases, async |(call, _)| {
        let scene = Scene::new(how).await;
        scene.stick(call, 1).await;
        let (failed, named) = match call {
            "start" | "task_configs" => ("connector", call),
            "task.start" => ("task", "start"),
            _ => ("nothing", call),
        };
        let is_shown = |status: &ConnectorStatus| {
            let task = status.tasks.first();
            match failed {
                "connector" => status.state == State::Failed,
                "task" => task.is_some_and(|task| task.state == State::Failed),
                _ => task.is_some_and(|task| {
                    let stalled = task.status.as_ref().and_then(|status| status.stalled);
                    stalled.is_some_and(|stall| stall.call == named)
                }),
            }
        };
        let status = scene.connect.wait_until("stuck0", is_shown).await.unwrap();
        let traces = status.tasks.iter().map(|task| &task.trace);
        let traces: Vec<_> = traces.chain([&status.trace]).flatten().collect();
        assert!(
            traces.iter().all(|trace| trace.contains(named)),
            "{traces:?}"
        );
        assert!(!scene.connect.is_healthy().await);
        scene.others_go_on("other").await;
        let _ = scene.shutdown().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_awaits_over_its_deadline_shows_in_the_status() {
    a_call_over_its_deadline_shows_in_the_status(How::Await).await;
}

#[tokio::test]
async fn a_call_that_blocks_over_its_deadline_shows_in_the_status() {
    a_call_over_its_deadline_shows_in_the_status(How::Block).await;
}
