//! The file source as its user sees it.

#![expect(clippy::unwrap_used, reason = "a surprise fails the test")]

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use connect_api::ConfigMap;
use connect_api::Error;
use connect_api::ExactlyOnceSupport;
use connect_api::PluginRegistry;
use connect_api::SourceConnector;
use connect_api::SourceTask;
use connect_api::config_map;
use connect_api::record::OffsetValue;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_api::record::SourceRecord;
use connect_testkit::context::CaughtUp;
use connect_testkit::context::FakeSource;
use tempfile::TempDir;

struct Source {
    folder: TempDir,
    fake: FakeSource,
    task: Box<dyn SourceTask>,
}

fn connector() -> Box<dyn SourceConnector> {
    let mut registry = PluginRegistry::new();
    connect_file::plugins(&mut registry);
    registry
        .new_source("org.apache.kafka.connect.file.FileStreamSourceConnector")
        .unwrap()
}

impl Source {
    async fn start(content: Option<&[u8]>, options: ConfigMap) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        if let Some(content) = content {
            fs::write(&path, content).unwrap();
        }
        let mut config = config_map! { "file" => path.display(), "topic" => "lines" };
        config.extend(options);
        let fake = FakeSource::new(config);
        let mut task = connector().task();
        task.start(fake.context(), fake.config()).await.unwrap();
        Self { folder, fake, task }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn append(&self, content: &[u8]) {
        append(&self.path(), content);
    }

    async fn poll(&mut self) -> Result<Vec<SourceRecord>, Error> {
        tokio::time::timeout(Duration::from_secs(60), self.task.poll())
            .await
            .unwrap()
    }

    async fn lines(&mut self) -> Vec<String> {
        texts(&self.poll().await.unwrap())
    }

    /// What the task says once everything is read.
    async fn end(&mut self) -> CaughtUp {
        tokio::select! {
            said = self.fake.wait_caught_up() => said,
            records = self.task.poll() => panic!("{records:?}"),
        }
    }
}

fn append(path: &Path, content: &[u8]) {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .unwrap();
    file.write_all(content).unwrap();
}

fn texts(records: &[SourceRecord]) -> Vec<String> {
    let text = |record: &SourceRecord| record.record.value.value.as_str().unwrap().to_owned();
    records.iter().map(text).collect()
}

#[tokio::test]
async fn a_record_says_where_it_came_from() {
    let mut source = Source::start(Some(b"a\n"), ConfigMap::new()).await;
    let record = source.poll().await.unwrap().remove(0);
    let filename = source.path().display().to_string();
    assert_eq!(
        record.partition,
        SourcePartition::new([("filename", filename)])
    );
    assert_eq!(record.offset.get("position"), Some(&OffsetValue::Int(2)));
    assert_eq!(
        record.offset.get("unit").and_then(OffsetValue::as_str),
        Some("bytes")
    );
    assert_eq!(record.record.timestamp, Some(source.fake.context().now()));
    assert!(record.record.key.schema.is_none() && record.record.key.value.is_null());
}

#[tokio::test]
async fn a_line_without_an_end_is_reported_as_left_over() {
    let mut source = Source::start(Some("a\nfür".as_bytes()), ConfigMap::new()).await;
    assert_eq!(source.lines().await, ["a"]);
    let CaughtUp::Except(left) = source.end().await else {
        panic!()
    };
    assert!(
        left.starts_with("4 bytes without a line end at the end of \""),
        "{left}"
    );
    assert_eq!(source.fake.progress(), Some((6, Some(6))));
    source.append(b"\n");
    assert_eq!(source.lines().await, ["für"]);
    source.fake.returned();
    assert_eq!(source.end().await, CaughtUp::Yes);
}

#[tokio::test]
async fn a_missing_file_is_waited_for() {
    let mut source = Source::start(None, ConfigMap::new()).await;
    let CaughtUp::Except(left) = source.end().await else {
        panic!()
    };
    assert!(left.ends_with("log\" does not exist"), "{left}");
    source.append(b"a\n");
    assert_eq!(source.lines().await, ["a"]);
}

#[tokio::test]
async fn a_file_in_a_missing_folder_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("later").join("log");
    let config = config_map! { "file" => path.display() };
    let mut source = Source::start(None, config).await;
    assert!(matches!(source.end().await, CaughtUp::Except(_)));
    fs::create_dir(path.parent().unwrap()).unwrap();
    append(&path, b"a\n");
    assert_eq!(source.lines().await, ["a"]);
}

#[tokio::test]
async fn batches_have_their_size_and_leave_nothing() {
    let mut source =
        Source::start(Some(b"1\n2\n3\n4\n5\n"), config_map! { "batch.size" => 2 }).await;
    assert_eq!(source.lines().await, ["1", "2"]);
    assert_eq!(source.lines().await, ["3", "4"]);
    assert_eq!(source.lines().await, ["5"]);
}

#[tokio::test]
async fn a_batch_size_below_one_is_one() {
    let mut source = Source::start(Some(b"1\n2\n"), config_map! { "batch.size" => -5 }).await;
    assert_eq!(source.lines().await, ["1"]);
    assert_eq!(source.lines().await, ["2"]);
}

#[tokio::test]
async fn a_rotated_file_is_followed_while_the_task_waits() {
    let mut source = Source::start(Some(b"a\n"), ConfigMap::new()).await;
    assert_eq!(source.lines().await, ["a"]);
    source.end().await;
    let old = source.folder.path().join("log.1");
    fs::rename(source.path(), &old).unwrap();
    append(&old, b"b\n");
    assert_eq!(source.lines().await, ["b"]);
    source.append(b"c\n");
    assert_eq!(source.lines().await, ["c"]);
}

#[tokio::test]
async fn a_truncated_file_is_followed_while_the_task_waits() {
    let mut source = Source::start(Some(b"a\nb\n"), ConfigMap::new()).await;
    assert_eq!(source.lines().await, ["a", "b"]);
    source.end().await;
    fs::write(source.path(), "c\n").unwrap();
    assert_eq!(source.lines().await, ["c"]);
}

#[tokio::test]
async fn what_is_not_utf8_follows_the_policy() {
    let content = b"good\nb\xff\xfed\n";
    let mut source = Source::start(Some(content), ConfigMap::new()).await;
    assert_eq!(source.lines().await, ["good", "b\u{fffd}\u{fffd}d"]);

    let bytes = config_map! { "invalid.utf8.policy" => "bytes" };
    let mut source = Source::start(Some(content), bytes).await;
    let records = source.poll().await.unwrap();
    let bytes = |i: usize| records[i].record.value.value.as_bytes().unwrap().to_vec();
    assert_eq!(
        (bytes(0), bytes(1)),
        (b"good".to_vec(), b"b\xff\xfed".to_vec())
    );

    let fail = config_map! { "invalid.utf8.policy" => "fail" };
    let mut source = Source::start(Some(content), fail).await;
    assert_eq!(source.lines().await, ["good"]);
    let error = source.poll().await.unwrap_err();
    assert!(
        error
            .message()
            .contains("log\" is not valid UTF-8; set \"invalid.utf8.policy\""),
        "{error}"
    );
    assert!(error.is_permanent());
}

#[tokio::test]
async fn long_lines_follow_the_policy() {
    let content = b"good\ntoo long\ngood\n";
    let options = |policy| config_map! { "max.line.bytes" => 4, "max.line.policy" => policy };
    let mut source = Source::start(Some(content), options("skip")).await;
    assert_eq!(source.lines().await, ["good", "good"]);

    let mut source = Source::start(Some(content), options("split")).await;
    assert_eq!(source.lines().await, ["good", "too ", "long", "good"]);

    let mut source = Source::start(Some(content), options("fail")).await;
    assert_eq!(source.lines().await, ["good"]);
    let error = source.poll().await.unwrap_err();
    assert!(
        error.message().starts_with("the line at byte 5 of \""),
        "{error}"
    );
    assert!(
        error.message().contains("raise \"max.line.bytes\""),
        "{error}"
    );
}

#[tokio::test]
async fn a_line_of_200_megabytes_takes_no_more_memory_than_allowed() {
    let mut source = Source::start(
        Some(b"first\n"),
        config_map! { "max.line.policy" => "skip" },
    )
    .await;
    let mut file = OpenOptions::new().append(true).open(source.path()).unwrap();
    let part = vec![b'x'; 1 << 20];
    for _ in 0..200 {
        file.write_all(&part).unwrap();
    }
    file.write_all(b"\nlast\n").unwrap();
    let mut lines = source.lines().await;
    while lines.len() < 2 {
        lines.extend(source.lines().await);
    }
    assert_eq!(lines, ["first", "last"]);
}

#[tokio::test]
async fn a_binary_file_is_read_to_its_end() {
    let content: Vec<u8> = (0..100_000_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let bytes = config_map! { "invalid.utf8.policy" => "bytes" };
    let mut source = Source::start(Some(&content), bytes).await;
    let mut seen = 0;
    let mut last = 0;
    while !matches!(source.fake.caught_up(), CaughtUp::Except(_) | CaughtUp::Yes) {
        tokio::select! {
            biased;
            _ = source.fake.wait_caught_up() => {}
            records = source.task.poll() => {
                for record in records.unwrap() {
                    seen += 1;
                    last = record.offset.get("position").unwrap().as_i64().unwrap();
                }
            }
        }
    }
    assert!(seen > 100);
    assert!(content.len() as i64 - last < 1000);
}

#[tokio::test]
async fn a_directory_fails_the_task_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let config = config_map! { "file" => folder.path().display() };
    let mut source = Source::start(None, config).await;
    let error = source.poll().await.unwrap_err();
    assert!(
        error.message().contains("is a directory; set \"file\""),
        "{error}"
    );
}

#[tokio::test]
async fn a_stored_position_must_be_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    File::create(&path).unwrap();
    let fake = FakeSource::new(config_map! { "file" => path.display(), "topic" => "lines" });
    let partition = SourcePartition::new([("filename", path.display().to_string())]);
    fake.store_offset(&partition, SourceOffset::new("position", "5"));
    let error = connector()
        .task()
        .start(fake.context(), fake.config())
        .await
        .unwrap_err();
    let message = error.message();
    assert!(
        message.starts_with("Offset position is the incorrect type: "),
        "{message}"
    );
    assert!(message.contains("log\" is not a whole number"), "{message}");
}

#[tokio::test]
async fn one_task_whatever_is_allowed() {
    let config = config_map! { "file" => "f", "topic" => "t", "tasks.max" => 7 };
    let mut connector = connector();
    let context = connect_testkit::context::FakeConnector::new().context();
    connector.start(context, config.clone()).await.unwrap();
    assert_eq!(connector.task_configs(7).await.unwrap(), [config]);
}

#[test]
fn exactly_once_needs_a_file() {
    let connector = connector();
    let support = |config| connector.exactly_once_support(&config).unwrap();
    let with = |file: &str| config_map! { "file" => file, "topic" => "t" };
    assert_eq!(support(with("f")), ExactlyOnceSupport::Supported);
    assert_eq!(support(with("")), ExactlyOnceSupport::Unsupported);
    assert_eq!(
        support(config_map! { "topic" => "t" }),
        ExactlyOnceSupport::Unsupported
    );
}

#[tokio::test]
async fn offsets_can_be_altered_as_in_java() {
    let config = config_map! { "file" => "f", "topic" => "t" };
    let file = SourcePartition::new([("filename", "other")]);
    let position = |value: OffsetValue| Some(SourceOffset::new("position", value));
    let alter = async |config: &ConfigMap, partition: &SourcePartition, offset| {
        let changes = [(partition.clone(), offset)];
        let altered = connector().alter_offsets(config, &changes).await;
        altered.map_err(|error| error.message().to_owned())
    };
    assert_eq!(
        alter(&config, &file, position(OffsetValue::Int(0))).await,
        Ok(true)
    );
    assert_eq!(
        alter(&config, &SourcePartition::null(), None).await,
        Ok(true)
    );
    for (partition, offset, message) in [
        (
            &file,
            Some(SourceOffset::default()),
            "null or contain the key 'position'",
        ),
        (
            &file,
            position(OffsetValue::Null),
            "expected to be a Long value",
        ),
        (&file, position("5".into()), "expected to be a Long value"),
        (
            &file,
            position(OffsetValue::Int(-1)),
            "should be a non-negative value",
        ),
        (
            &SourcePartition::null(),
            position(OffsetValue::Int(1)),
            "cannot be null",
        ),
        (
            &SourcePartition::new([("x", 1)]),
            position(OffsetValue::Int(1)),
            "Partition objects should contain the key 'filename'",
        ),
    ] {
        let error = alter(&config, partition, offset).await.unwrap_err();
        assert!(error.contains(message), "{error}");
    }
    let stdin = config_map! { "topic" => "t" };
    assert!(
        alter(&stdin, &file, None)
            .await
            .unwrap_err()
            .contains("stdin is used for input")
    );
}
