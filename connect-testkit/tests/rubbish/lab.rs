//! A worker with a bystander: a pipeline that must keep running, whatever happens beside it.

use std::fs;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use connect_api::ConfigMap;
use connect_api::config::FromConfig as _;
use connect_api::config_map;
use connect_log::LocalBroker;
use connect_runtime::Connect;
use connect_runtime::ConnectBuilder;
use connect_runtime::State;
use connect_runtime::TaskId;
use connect_runtime::WorkerConfig;
use tempfile::TempDir;

const STRINGS: &str = "org.apache.kafka.connect.storage.StringConverter";

/// A worker and a folder.
pub(crate) struct Lab {
    folder: TempDir,
    pub(crate) connect: Connect,
    bystander_lines: usize,
}

pub(crate) fn worker_config() -> ConfigMap {
    config_map! {
        "key.converter" => STRINGS, "value.converter" => STRINGS, "offset.flush.interval.ms" => 10,
    }
}

pub(crate) fn builder(broker: LocalBroker, config: &ConfigMap) -> ConnectBuilder {
    let mut registry = connect_runtime::plugins();
    connect_file::plugins(&mut registry);
    Connect::builder()
        .registry(registry)
        .broker(broker)
        .worker(WorkerConfig::from_config(config).unwrap())
}

pub(crate) fn source(file: &Path, topic: &str) -> ConfigMap {
    config_map! {
        "connector.class" => "FileStreamSource", "topic" => topic,
        "file" => file.display().to_string(),
    }
}

pub(crate) fn sink(file: &Path, topic: &str) -> ConfigMap {
    config_map! {
        "connector.class" => "FileStreamSink", "topics" => topic,
        "file" => file.display().to_string(),
    }
}

impl Lab {
    /// On a log in memory.
    pub(crate) async fn new() -> Self {
        Self::with(LocalBroker::memory()).await
    }

    /// On a given log.
    pub(crate) async fn with(broker: LocalBroker) -> Self {
        let connect = builder(broker, &worker_config()).build().await.unwrap();
        Self::around(connect).await
    }

    /// With a given worker, which gets the bystander pipeline.
    pub(crate) async fn around(connect: Connect) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lab = Self {
            folder,
            connect,
            bystander_lines: 0,
        };
        lab.write("bystander.in", "");
        let (from, to) = (lab.path("bystander.in"), lab.path("bystander.out"));
        lab.create("bystander-source", source(&from, "bystander"))
            .await;
        lab.create("bystander-sink", sink(&to, "bystander")).await;
        lab
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub(crate) async fn create(&self, name: &str, config: ConfigMap) {
        self.connect.create_connector(name, config).await.unwrap();
    }

    /// Waits until the task of a connector has failed, and returns why.
    pub(crate) async fn failure(&self, name: &str) -> String {
        eventually(&format!("{name} fails"), async || {
            let status = self.connect.status(name).await.unwrap();
            let failed = status
                .tasks
                .into_iter()
                .find(|task| task.state == State::Failed);
            failed.map(|task| task.trace.unwrap_or_default())
        })
        .await
    }

    pub(crate) async fn restart(&self, name: &str) {
        let id = TaskId {
            connector: name.into(),
            index: 0,
        };
        self.connect.restart_task(id).await.unwrap();
    }

    /// Waits until a file has this content.
    pub(crate) async fn has(&self, path: &Path, content: impl AsRef<[u8]>) {
        let content = content.as_ref();
        let what = format!("{} has its {} bytes", path.display(), content.len());
        eventually(&what, async || {
            let found = fs::read(path).unwrap_or_default();
            assert!(
                found.len() <= content.len(),
                "{} has too much",
                path.display()
            );
            (found == content).then_some(())
        })
        .await;
    }

    /// The other connectors run, and a new line goes through them.
    pub(crate) async fn bystanders_run(&mut self) {
        self.bystander_lines += 1;
        let line = format!("line {}\n", self.bystander_lines);
        append(&self.path("bystander.in"), &line);
        let all: String = (1..=self.bystander_lines)
            .map(|n| format!("line {n}\n"))
            .collect();
        self.has(&self.path("bystander.out"), all).await;
        for name in ["bystander-source", "bystander-sink"] {
            let status = self.connect.status(name).await.unwrap();
            assert!(
                status.tasks.iter().all(|task| task.state == State::Running),
                "{status:?}"
            );
        }
    }

    pub(crate) async fn end(self) {
        let report = self.connect.shutdown(Duration::from_secs(20)).await;
        assert!(report.is_clean(), "{report:?}");
    }
}

pub(crate) fn append(path: &Path, text: impl AsRef<[u8]>) {
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    file.write_all(text.as_ref()).unwrap();
}

/// Fails unless the text contains all parts.
#[track_caller]
pub(crate) fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "\"{part}\" is not in: {text}");
    }
}

pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let waited = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    waited
        .await
        .unwrap_or_else(|_| panic!("it never happened: {what}"))
}
