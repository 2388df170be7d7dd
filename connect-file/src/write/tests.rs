//! What the file looks like after a failure.

use connect_api::TopicPartition;
use tempfile::TempDir;

use super::*;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("out")
    }

    fn open(&self) -> Output {
        Output::open(&self.path(), Sharing::Alone, Patience::Over)
            .unwrap()
            .unwrap()
    }

    fn open_exactly_once(&self) -> Result<Output> {
        Output::open_exactly_once(&self.path(), Patience::Over).map(Option::unwrap)
    }

    fn content(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
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

fn offsets(offset: i64) -> Vec<(TopicPartition, i64)> {
    vec![(TopicPartition::new("t", 0), offset)]
}

#[test]
fn lines_are_appended_to_what_is_there() {
    let folder = Folder::new();
    fs::write(folder.path(), "a\n").unwrap();
    let mut output = folder.open();
    output.append(b"b\nc\n").unwrap();
    output.sync().unwrap();
    output.close();
    assert_eq!(folder.content(), "a\nb\nc\n");
    assert_eq!(folder.names(), ["out"], "nothing else is left");
}

#[test]
fn a_line_that_a_kill_tore_is_cut_off() {
    let folder = Folder::new();
    let mut output = folder.open();
    output.append(b"a\nb\n").unwrap();
    output.append(b"torn").unwrap(); // a write that was cut short
    drop(output); // killed: the marker stays
    folder.open().close();
    assert_eq!(folder.content(), "a\nb\n");
}

#[test]
fn a_line_that_somebody_else_left_is_ended() {
    let folder = Folder::new();
    fs::write(folder.path(), "header").unwrap();
    let mut output = folder.open();
    output.append(b"a\n").unwrap();
    drop(output);
    folder.open();
    assert_eq!(folder.content(), "header\na\n");
    // A torn line without a marker may be somebody else's.
    fs::remove_file(marker(&folder.path())).unwrap();
    fs::write(folder.path(), "a\nby hand").unwrap();
    folder.open();
    assert_eq!(folder.content(), "a\nby hand\n");
}

#[test]
fn a_file_of_another_task_is_shared() {
    let folder = Folder::new();
    let mut first = folder.open();
    let waits = Output::open(&folder.path(), Sharing::Alone, Patience::Left).unwrap();
    assert!(waits.is_none());
    let mut second = folder.open();
    assert_eq!(
        (first.sharing, second.sharing),
        (Sharing::Alone, Sharing::Shared)
    );
    for _ in 0..3 {
        first.append(b"first\n").unwrap();
        second.append(b"second\n").unwrap();
    }
    assert_eq!(folder.content(), "first\nsecond\n".repeat(3));
    let error = folder.open_exactly_once().unwrap_err();
    assert!(
        error.message().contains("another task or process writes"),
        "{error}"
    );
}

#[test]
fn a_failed_write_leaves_what_was_committed() {
    let folder = Folder::new();
    let mut output = folder.open();
    output.append(b"a\n").unwrap();
    output.sync().unwrap();
    output.append(b"b\n").unwrap();
    output.undo();
    assert_eq!(folder.content(), "a\n");
    // Not if another process wrote too.
    fs::write(folder.path(), "a\nx\n").unwrap();
    output.undo();
    assert_eq!(folder.content(), "a\nx\n");
}

#[test]
fn a_deleted_file_fails_the_commit() {
    let folder = Folder::new();
    let mut output = folder.open();
    output.append(b"a\n").unwrap();
    output.sync().unwrap();
    fs::remove_file(folder.path()).unwrap();
    output.append(b"b\n").unwrap();
    let error = output.sync().unwrap_err();
    assert!(error.message().contains("out\" was deleted"), "{error}");
}

#[test]
fn a_vanished_folder_fails_the_start_with_what_to_do() {
    let folder = Folder::new();
    let path = folder.0.path().join("gone").join("out");
    let error = Output::open(&path, Sharing::Alone, Patience::Over).unwrap_err();
    assert!(error.message().contains("gone/out\""), "{error}");
    assert!(error.message().contains("create its folder"), "{error}");
    let error = Output::open(folder.0.path(), Sharing::Alone, Patience::Over).unwrap_err();
    assert!(error.message().contains("is a directory"), "{error}");
}

#[test]
fn a_renamed_file_is_left_alone_and_a_new_one_started() {
    let folder = Folder::new();
    let mut output = folder.open();
    output.append(b"a\n").unwrap();
    let old = folder.0.path().join("out.1");
    fs::rename(folder.path(), &old).unwrap();
    output.append(b"b\n").unwrap();
    output.sync().unwrap();
    output.append(b"c\n").unwrap();
    output.sync().unwrap();
    assert_eq!(fs::read_to_string(old).unwrap(), "a\nb\n");
    assert_eq!(folder.content(), "c\n");
}

#[test]
fn exactly_once_truncates_to_the_last_commit() {
    let folder = Folder::new();
    let mut output = folder.open_exactly_once().unwrap();
    output.append(b"a\nb\n").unwrap();
    output.commit(offsets(2)).unwrap();
    output.append(b"c\nto").unwrap();
    drop(output);
    let output = folder.open_exactly_once().unwrap();
    assert_eq!(folder.content(), "a\nb\n");
    let checkpoint = output.checkpoint.as_ref().unwrap();
    assert_eq!(checkpoint.offsets.values().collect::<Vec<_>>(), [&2]);
}

#[test]
fn exactly_once_notices_lost_lines() {
    let folder = Folder::new();
    let mut output = folder.open_exactly_once().unwrap();
    output.append(b"a\nb\n").unwrap();
    output.commit(offsets(2)).unwrap();
    drop(output);
    fs::write(folder.path(), "a\n").unwrap();
    let error = folder.open_exactly_once().unwrap_err();
    assert!(
        error
            .message()
            .contains("has 2 bytes, but 4 were committed"),
        "{error}"
    );
    assert!(error.is_permanent());
}

#[test]
fn exactly_once_keeps_what_was_there_before() {
    let folder = Folder::new();
    fs::write(folder.path(), "before\n").unwrap();
    let mut output = folder.open_exactly_once().unwrap();
    output.append(b"a\n").unwrap();
    drop(output); // before the first commit
    folder.open_exactly_once().unwrap();
    assert_eq!(folder.content(), "before\n");
}

#[test]
fn rotation_numbers_the_files() {
    let folder = Folder::new();
    fs::write(folder.0.path().join("out.000041"), "").unwrap();
    let mut output = folder.open();
    for line in ["a\n", "b\n"] {
        output.append(line.as_bytes()).unwrap();
        output.sync().unwrap();
        output.rotate().unwrap();
    }
    output.close();
    assert_eq!(
        folder.names(),
        ["out", "out.000041", "out.000042", "out.000043"]
    );
    assert_eq!(folder.content(), "");
}

#[test]
fn a_rotation_that_was_cut_off_is_finished() {
    for renamed_before in [false, true] {
        let folder = Folder::new();
        let mut output = folder.open_exactly_once().unwrap();
        output.append(b"a\n").unwrap();
        output.commit(offsets(1)).unwrap();
        output.append(b"uncommitted").unwrap();
        let rotating = Rotating {
            to: "out.000001".into(),
            length: 2,
        };
        let mut checkpoint = output.checkpoint.clone().unwrap();
        checkpoint.length = 0;
        checkpoint.rotating = Some(rotating.clone());
        checkpoint.write(&folder.path()).unwrap();
        drop(output);
        if renamed_before {
            finish_rotation(&folder.path(), &rotating).unwrap();
            fs::write(folder.path(), "uncommitted too").unwrap();
        }
        let mut output = folder.open_exactly_once().unwrap();
        assert_eq!(
            fs::read_to_string(folder.0.path().join("out.000001")).unwrap(),
            "a\n"
        );
        assert_eq!(folder.content(), "");
        output.append(b"b\n").unwrap();
        output.commit(offsets(2)).unwrap();
        drop(output);
        folder.open_exactly_once().unwrap();
        assert_eq!(folder.content(), "b\n");
    }
}
