//! The file sink as its user sees it.

#![expect(clippy::unwrap_used, reason = "a surprise fails the test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use connect_api::ConfigMap;
use connect_api::LogOffsets;
use connect_api::LogPosition;
use connect_api::PluginRegistry;
use connect_api::Result;
use connect_api::SinkConnector;
use connect_api::SinkTask;
use connect_api::TopicPartition;
use connect_api::config_map;
use connect_api::data::Datum;
use connect_api::data::Value;
use connect_api::record::Record;
use connect_api::record::SinkRecord;
use connect_testkit::context::FakeConnector;
use connect_testkit::context::FakeSink;
use tempfile::TempDir;

fn connector() -> Box<dyn SinkConnector> {
    let mut registry = PluginRegistry::new();
    connect_file::plugins(&mut registry);
    registry
        .new_sink("org.apache.kafka.connect.file.FileStreamSinkConnector")
        .unwrap()
}

struct Sink {
    fake: FakeSink,
    task: Box<dyn SinkTask>,
    next: i64,
}

impl Sink {
    async fn start(config: ConfigMap) -> Self {
        Self::start_task(config, 0).await.unwrap()
    }

    async fn start_task(config: ConfigMap, index: usize) -> Result<Self> {
        let fake = FakeSink::for_task(config, index);
        let mut task = connector().task();
        task.start(fake.context(), fake.config()).await?;
        Ok(Self {
            fake,
            task,
            next: 0,
        })
    }

    async fn put(&mut self, values: &[Datum]) -> Result<()> {
        let records: Vec<_> = (self.next..)
            .zip(values)
            .map(|(offset, value)| {
                SinkRecord::new(
                    LogPosition::new("t", 0, offset),
                    Record::new("t", value.clone()),
                )
            })
            .collect();
        self.next += records.len() as i64;
        self.task.put(&records).await
    }

    async fn put_texts(&mut self, texts: &[&str]) -> Result<()> {
        let values: Vec<_> = texts.iter().map(|text| Datum::string(*text)).collect();
        self.put(&values).await
    }

    async fn commit(&mut self) -> Result<LogOffsets> {
        let offsets = [(TopicPartition::new("t", 0), self.next)]
            .into_iter()
            .collect();
        self.task.pre_commit(offsets).await
    }
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn config(&self, options: ConfigMap) -> ConfigMap {
        let mut config = config_map! { "file" => self.path("out").display(), "topics" => "t" };
        config.extend(options);
        config
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let names = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> = names
            .map(|name| name.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

#[tokio::test]
async fn values_are_written_as_java_prints_them_and_bytes_as_they_are() {
    let folder = Folder::new();
    let mut sink = Sink::start(folder.config(ConfigMap::new())).await;
    let values = [
        Datum::string("text"),
        Datum::schemaless(1.0e7),
        Datum::NULL,
        Datum::schemaless(Value::Array(vec![Value::Int32(1), Value::from("a")])),
        Datum::bytes(vec![b'r', b'a', b'w']),
    ];
    sink.put(&values).await.unwrap();
    sink.commit().await.unwrap();
    sink.task.stop().await.unwrap();
    assert_eq!(folder.read("out"), "text\n1.0E7\nnull\n[1, a]\nraw\n");
    assert_eq!(folder.names(), ["out"]);
}

#[tokio::test]
async fn what_was_put_is_seen_without_a_commit() {
    let folder = Folder::new();
    let mut sink = Sink::start(folder.config(ConfigMap::new())).await;
    sink.put_texts(&["a", "b"]).await.unwrap();
    let seen = async {
        while folder.read("out") != "a\nb\n" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), seen)
        .await
        .unwrap();
    sink.task.stop().await.unwrap();
}

#[tokio::test]
async fn a_vanished_folder_fails_the_commit_with_the_path() {
    let folder = Folder::new();
    let path = folder.path("sub").join("out");
    fs::create_dir(path.parent().unwrap()).unwrap();
    let config = folder.config(config_map! { "file" => path.display() });
    let mut sink = Sink::start(config.clone()).await;
    sink.put_texts(&["a"]).await.unwrap();
    sink.commit().await.unwrap();
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    sink.put_texts(&["b"]).await.unwrap();
    let error = sink.commit().await.unwrap_err();
    assert!(error.message().contains("sub/out\" was deleted"), "{error}");
    sink.task.stop().await.unwrap();
    let error = Sink::start_task(config, 0).await.err().unwrap();
    assert!(error.message().contains("create its folder"), "{error}");
}

#[tokio::test]
async fn nothing_is_taken_after_a_failure() {
    let folder = Folder::new();
    let mut sink = Sink::start(folder.config(ConfigMap::new())).await;
    sink.put_texts(&["a"]).await.unwrap();
    fs::remove_file(folder.path("out")).unwrap();
    assert!(sink.commit().await.is_err());
    assert!(sink.put_texts(&["b"]).await.is_err());
    assert!(sink.commit().await.is_err());
    sink.task.stop().await.unwrap();
}

#[tokio::test]
async fn tasks_that_share_a_file_write_whole_lines() {
    let folder = Folder::new();
    let config = folder.config(config_map! { "tasks.max" => 2 });
    let mut first = Sink::start_task(config.clone(), 0).await.unwrap();
    let mut second = Sink::start_task(config, 1).await.unwrap();
    let lines = |what: &str| vec![what.repeat(50); 2000];
    let (a, b) = (lines("a"), lines("b"));
    let texts = |lines: &[String]| {
        lines
            .iter()
            .map(|l| Datum::string(l.as_str()))
            .collect::<Vec<_>>()
    };
    let (a, b) = (texts(&a), texts(&b));
    for (a, b) in a.chunks(100).zip(b.chunks(100)) {
        let (a, b) = tokio::join!(first.put(a), second.put(b));
        a.and(b).unwrap();
    }
    first.commit().await.unwrap();
    second.commit().await.unwrap();
    let content = folder.read("out");
    let count = |text: String| content.lines().filter(|line| *line == text).count();
    assert_eq!((count("a".repeat(50)), count("b".repeat(50))), (2000, 2000));
    assert_eq!(content.lines().count(), 4000);
    assert_eq!(folder.names(), ["out"]);
}

#[tokio::test]
async fn each_task_can_have_a_file_of_its_own() {
    let folder = Folder::new();
    let file = folder.path("out-${task}.txt");
    let config = folder.config(config_map! {
        "file" => file.display(), "tasks.max" => 2, "exactly.once" => true
    });
    for index in 0..2 {
        let mut sink = Sink::start_task(config.clone(), index).await.unwrap();
        sink.put_texts(&["a"]).await.unwrap();
        sink.commit().await.unwrap();
        sink.task.stop().await.unwrap();
    }
    assert_eq!(
        folder.names(),
        [
            "out-0.txt",
            "out-0.txt.offsets",
            "out-1.txt",
            "out-1.txt.offsets"
        ]
    );
}

#[tokio::test]
async fn exactly_once_resumes_where_the_files_of_all_tasks_end() {
    let folder = Folder::new();
    let file = folder.path("out-${task}");
    let config = folder.config(config_map! {
        "file" => file.display(), "tasks.max" => 2, "exactly.once" => true
    });
    let mut first = Sink::start_task(config.clone(), 0).await.unwrap();
    first.put_texts(&["a", "b", "c"]).await.unwrap();
    first.commit().await.unwrap();
    drop(first); // before the log knew
    // The partition moves to the other task.
    let mut second = Sink::start_task(config.clone(), 1).await.unwrap();
    let partition = TopicPartition::new("t", 0);
    second
        .task
        .open(std::slice::from_ref(&partition))
        .await
        .unwrap();
    assert_eq!(second.fake.take_seeks().get(&partition), Some(&3));
    second.task.stop().await.unwrap();

    // Offsets altered by the user count.
    let changes: BTreeMap<_, _> = [(partition.clone(), Some(1))].into_iter().collect();
    assert!(connector().alter_offsets(&config, &changes).await.unwrap());
    let mut second = Sink::start_task(config, 1).await.unwrap();
    second
        .task
        .open(std::slice::from_ref(&partition))
        .await
        .unwrap();
    assert!(second.fake.take_seeks().is_empty());
    second.task.stop().await.unwrap();
}

#[tokio::test]
async fn exactly_once_counts_what_was_put_of_partitions_that_are_not_committed() {
    let folder = Folder::new();
    let config = folder.config(config_map! { "exactly.once" => true });
    let mut sink = Sink::start(config.clone()).await;
    sink.put_texts(&["a", "b"]).await.unwrap();
    let other: LogOffsets = [(TopicPartition::new("u", 0), 7)].into_iter().collect();
    sink.task.pre_commit(other).await.unwrap();
    sink.put_texts(&["c"]).await.unwrap();
    let partitions = [TopicPartition::new("t", 0), TopicPartition::new("u", 0)];
    let ends = |sink: &Sink| {
        sink.fake
            .take_seeks()
            .into_iter()
            .map(|(_, end)| end)
            .collect::<Vec<_>>()
    };
    sink.task.open(&partitions).await.unwrap();
    assert_eq!(ends(&sink), [3, 7]);
    drop(sink); // "c" was not committed
    let mut sink = Sink::start(config).await;
    sink.task.open(&partitions).await.unwrap();
    assert_eq!(ends(&sink), [2, 7]);
    assert_eq!(folder.read("out"), "a\nb\n");
}

#[tokio::test]
async fn the_output_is_rotated_by_size_at_commits() {
    let folder = Folder::new();
    let mut sink = Sink::start(folder.config(config_map! { "rotate.bytes" => 10 })).await;
    sink.put_texts(&["1234"]).await.unwrap();
    assert!(!sink.fake.take_commit_request());
    sink.put_texts(&["5678"]).await.unwrap();
    assert!(
        sink.fake.take_commit_request(),
        "a commit is asked for when the file is large"
    );
    sink.commit().await.unwrap();
    sink.put_texts(&["9"]).await.unwrap();
    sink.commit().await.unwrap();
    sink.task.stop().await.unwrap();
    assert_eq!(folder.names(), ["out", "out.000001"]);
    assert_eq!(
        (folder.read("out.000001"), folder.read("out")),
        ("1234\n5678\n".into(), "9\n".into())
    );
}

#[tokio::test(start_paused = true)]
async fn the_output_is_rotated_by_time_at_commits() {
    let folder = Folder::new();
    let options = config_map! { "rotate.interval.ms" => 3_600_000 };
    let mut sink = Sink::start(folder.config(options)).await;
    sink.put_texts(&["first hour"]).await.unwrap();
    sink.commit().await.unwrap();
    tokio::time::advance(Duration::from_secs(3600)).await;
    sink.put_texts(&["second hour"]).await.unwrap();
    assert!(sink.fake.take_commit_request());
    sink.commit().await.unwrap();
    sink.put_texts(&["third record"]).await.unwrap();
    sink.commit().await.unwrap();
    sink.task.stop().await.unwrap();
    assert_eq!(folder.read("out.000001"), "first hour\nsecond hour\n");
    assert_eq!(folder.read("out"), "third record\n");
}

#[tokio::test]
async fn impossible_combinations_are_refused_with_what_to_do() {
    for (options, named) in [
        (
            config_map! { "exactly.once" => true, "tasks.max" => 2, "file" => "f" },
            "put ${task} in the name",
        ),
        (
            config_map! { "rotate.bytes" => 5, "tasks.max" => 2, "file" => "f" },
            "set tasks.max to 1",
        ),
        (
            config_map! { "exactly.once" => true },
            "exactly.once needs a file",
        ),
        (
            config_map! { "rotate.interval.ms" => 5 },
            "rotation needs a file",
        ),
    ] {
        let validation = connector().validate(&options).await.unwrap();
        let errors: Vec<_> = validation.errors().collect();
        assert!(
            matches!(errors[..], [("file", text)] if text.contains(named)),
            "{errors:?}"
        );
        let started = connector()
            .start(FakeConnector::new().context(), options)
            .await;
        assert!(started.unwrap_err().message().contains(named));
    }
    let fine = config_map! { "exactly.once" => true, "tasks.max" => 2, "file" => "f-${task}" };
    assert!(connector().validate(&fine).await.unwrap().is_ok());
}
