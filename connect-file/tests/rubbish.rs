//! Full disks and missing permissions, each in a child process.

#![expect(clippy::unwrap_used, reason = "a surprise fails the test")]
#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::Command;

use connect_api::LogPosition;
use connect_api::PluginRegistry;
use connect_api::TopicPartition;
use connect_api::config_map;
use connect_api::data::Datum;
use connect_api::record::Record;
use connect_api::record::SinkRecord;
use connect_testkit::context::FakeSink;
use connect_testkit::context::FakeSource;

/// The variable that passes the folder to a child process.
const FOLDER: &str = "CONNECT_FILE_TEST_FOLDER";

/// The folder, in a child process.
#[expect(clippy::disallowed_methods, reason = "the parent tells the child")]
fn folder() -> Option<String> {
    std::env::var(FOLDER).ok()
}

/// Runs a test of this file in a child process; false if the machine does not allow it.
fn run_child(mut command: Command, test: &str, folder: &Path) -> bool {
    command.arg(test).env(FOLDER, folder);
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            println!("not run, since {command:?} cannot be: {error}");
            return false;
        }
    };
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    if !out.contains("running 1 test") {
        println!("not run, since {command:?} is not allowed: {err}");
        return false;
    }
    assert!(output.status.success(), "{out}{err}");
    true
}

fn this_test() -> std::path::PathBuf {
    std::env::current_exe().unwrap()
}

#[test]
fn a_full_disk_fails_the_sink_and_leaves_whole_lines() {
    let folder = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=1m none \"$1\" && shift && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args([
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        script,
        "sh",
    ]);
    command
        .arg(folder.path())
        .arg(this_test())
        .args(["--exact", "--ignored"]);
    run_child(command, "on_a_small_disk", folder.path());
}

#[tokio::test]
#[ignore = "runs in a child process"]
async fn on_a_small_disk() {
    let Some(folder) = folder() else { return };
    let path = Path::new(&folder).join("out");
    let mut registry = PluginRegistry::new();
    connect_file::plugins(&mut registry);
    let connector = registry.new_sink("FileStreamSink").unwrap();
    let fake = FakeSink::new(config_map! { "file" => path.display(), "topics" => "t" });
    let record = |offset: i64| {
        let value = Datum::string(format!("{offset:099}"));
        SinkRecord::new(LogPosition::new("t", 0, offset), Record::new("t", value))
    };
    let offsets = |next: i64| [(TopicPartition::new("t", 0), next)].into_iter().collect();
    let mut committed = 0;
    let mut task = connector.task();
    task.start(fake.context(), fake.config()).await.unwrap();
    let mut next = 0;
    let error = loop {
        let records: Vec<_> = (next..next + 999).map(record).collect();
        next += 999;
        if let Err(error) = task.put(&records).await {
            break error;
        }
        if next % 2 == 0 {
            match task.pre_commit(offsets(next)).await {
                Ok(_) => committed = next,
                Err(error) => break error,
            }
        }
    };
    assert!(error.message().contains("out\" ("), "{error}");
    assert!(error.message().contains("free some space"), "{error}");
    task.stop().await.unwrap();
    let lines = |count: i64| (0..count).map(|n| format!("{n:099}\n")).collect::<String>();
    assert!(committed > 0);
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        lines(committed),
        "back at the last commit"
    );

    // Space is freed; the task resumes where it stopped.
    let smaller = committed / 2;
    fs::write(&path, lines(smaller)).unwrap();
    let mut task = connector.task();
    task.start(fake.context(), fake.config()).await.unwrap();
    let records: Vec<_> = (smaller..committed).map(record).collect();
    task.put(&records).await.unwrap();
    task.pre_commit(offsets(committed)).await.unwrap();
    task.stop().await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), lines(committed));
    let names = fs::read_dir(&folder).unwrap().count();
    assert_eq!(names, 1, "nothing else is left");
}

#[test]
fn missing_rights_fail_the_tasks_with_what_to_do() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("secret"), "a\n").unwrap();
    let closed = fs::Permissions::from_mode(0o000);
    fs::set_permissions(folder.path().join("secret"), closed).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    // Root may do everything, so the child runs as another user.
    let script = "if [ $(id -u) = 0 ]; then \
                  exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all \"$@\"; \
                  else exec \"$@\"; fi";
    // A copy that other users may run.
    let copies = tempfile::tempdir().unwrap();
    let copy = copies.path().join("test");
    fs::copy(this_test(), &copy).unwrap();
    fs::set_permissions(copies.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new("sh");
    command
        .args(["-c", script, "sh"])
        .arg(copy)
        .args(["--exact", "--ignored"]);
    run_child(command, "without_rights", folder.path());
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
#[ignore = "runs in a child process"]
async fn without_rights() {
    let Some(folder) = folder() else { return };
    let mut registry = PluginRegistry::new();
    connect_file::plugins(&mut registry);

    let secret = Path::new(&folder).join("secret");
    let fake = FakeSource::new(config_map! { "file" => secret.display(), "topic" => "t" });
    let mut task = registry.new_source("FileStreamSource").unwrap().task();
    task.start(fake.context(), fake.config()).await.unwrap();
    let error = task.poll().await.unwrap_err();
    assert!(error.message().contains("cannot open \""), "{error}");
    assert!(error.message().contains("secret\" ("), "{error}");
    assert!(
        error
            .message()
            .contains("give the user of this process the permission"),
        "{error}"
    );
    assert!(!error.is_retriable());

    for name in ["secret", "new"] {
        let path = Path::new(&folder).join(name);
        let fake = FakeSink::new(config_map! { "file" => path.display(), "topics" => "t" });
        let mut task = registry.new_sink("FileStreamSink").unwrap().task();
        let error = task.start(fake.context(), fake.config()).await.unwrap_err();
        assert!(error.message().contains(&format!("{name}\" (")), "{error}");
        assert!(
            error
                .message()
                .contains("give the user of this process the permission"),
            "{error}"
        );
        task.stop().await.unwrap();
    }
}
