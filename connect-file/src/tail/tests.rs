//! Files that are rotated, truncated and replaced, and what is read from them.

use std::fs;
use std::fs::OpenOptions;
use std::io::Write as _;

use connect_api::ErrorKind;
use connect_api::record::SourceOffset;
use tempfile::TempDir;

use super::*;
use crate::config::LongLine;
use crate::line::Splitter;
use crate::watch::Watcher;

/// A followed file, split into lines as the task does.
struct Reading {
    tail: Tail,
    splitter: Splitter,
    /// The stored form of the last line's offset.
    offset: Option<SourceOffset>,
    shared: Option<SharedOffset>,
    moves: Vec<Cause>,
}

struct Log {
    folder: TempDir,
    path: PathBuf,
}

impl Log {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        Self { folder, path }
    }

    fn with(content: impl AsRef<[u8]>) -> Self {
        let log = Self::new();
        fs::write(&log.path, content).unwrap();
        log
    }

    fn append(&self, content: impl AsRef<[u8]>) {
        append(&self.path, content.as_ref());
    }

    fn rename(&self, name: &str) -> PathBuf {
        let to = self.folder.path().join(name);
        fs::rename(&self.path, &to).unwrap();
        to
    }

    fn read(&self, offset: Option<&SourceOffset>) -> Reading {
        let place = offset.map(|offset| Place::from_offset(offset).unwrap());
        let subscription = Watcher::default().subscribe(&self.path);
        Reading {
            tail: Tail::new(self.path.clone(), place, subscription),
            splitter: Splitter::new(0, usize::MAX, LongLine::Fail),
            offset: offset.cloned(),
            shared: None,
            moves: Vec::new(),
        }
    }
}

fn append(path: &Path, content: &[u8]) {
    OpenOptions::new()
        .append(true)
        .open(path)
        .unwrap()
        .write_all(content)
        .unwrap();
}

impl Reading {
    /// Returns the lines up to the current end.
    fn lines(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match self.tail.step().unwrap() {
                Step::Chunk(chunk) => {
                    self.splitter.feed(chunk.bytes);
                    self.shared = Some(chunk.offset);
                    self.cut(&mut lines);
                    if chunk.is_last {
                        return lines;
                    }
                }
                Step::End(_) | Step::Missing => return lines,
                Step::Moved(Move { to, cause }) => {
                    self.moves.push(cause);
                    if cause == Cause::Rotated
                        && let Some(line) = self.splitter.finish().unwrap()
                    {
                        lines.push(String::from_utf8(line.bytes.to_vec()).unwrap());
                    }
                    self.splitter.restart(to);
                }
            }
        }
    }

    fn cut(&mut self, lines: &mut Vec<String>) {
        while let Some(line) = self.splitter.next().unwrap() {
            let shared = self.shared.as_ref().unwrap();
            let offset = SourceOffset::new("position", line.end.cast_signed());
            self.offset = Some(offset.with_shared(shared));
            lines.push(String::from_utf8_lossy(&line.bytes).into_owned());
        }
    }

    fn position(&self) -> i64 {
        self.offset
            .as_ref()
            .unwrap()
            .get("position")
            .unwrap()
            .as_i64()
            .unwrap()
    }
}

/// Returns lines that are strong evidence of their place.
fn numbered(what: &str, numbers: std::ops::Range<usize>) -> String {
    numbers
        .map(|number| format!("{what} line number {number}\n"))
        .collect()
}

fn split(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_missing_file_is_waited_for() {
    let log = Log::new();
    let mut reading = log.read(None);
    assert!(matches!(reading.tail.step().unwrap(), Step::Missing));
    fs::write(&log.path, "a\nb").unwrap();
    assert_eq!(reading.lines(), ["a"]);
    log.append("c\n");
    assert_eq!(reading.lines(), ["bc"]);
    assert_eq!(reading.lines(), [""; 0]);
}

#[test]
fn a_large_file_is_read_in_growing_chunks() {
    let content = numbered("large", 0..40_000);
    let log = Log::with(&content);
    let mut reading = log.read(None);
    assert_eq!(reading.lines(), split(&content));
    assert_eq!(reading.position(), content.len().cast_signed() as i64);
    assert_eq!(
        reading.tail.buffer_size, SMALLEST_BUFFER,
        "memory is given back at the end"
    );
}

#[test]
fn growth_during_the_read_is_read_too() {
    let content = numbered("first", 0..2000);
    let log = Log::with(&content);
    let mut reading = log.read(None);
    let (mut lines, mut grown) = (Vec::new(), String::new());
    for round in 0..50 {
        match reading.tail.step().unwrap() {
            Step::Chunk(chunk) => {
                reading.splitter.feed(chunk.bytes);
                reading.shared = Some(chunk.offset);
                reading.cut(&mut lines);
            }
            Step::Moved(Move { to, .. }) => reading.splitter.restart(to),
            _ => {}
        }
        let more = numbered("grown", round * 10..round * 10 + 10);
        log.append(&more);
        grown.push_str(&more);
    }
    lines.extend(reading.lines());
    assert_eq!(lines, split(&(content + &grown)));
}

#[test]
fn a_renamed_file_is_read_to_its_end_before_the_new_one() {
    let log = Log::with("a\nb\n");
    let mut reading = log.read(None);
    assert_eq!(reading.lines(), ["a", "b"]);
    let old = log.rename("log.1");
    append(&old, b"c\n"); // the writer has it open still
    assert_eq!(reading.lines(), ["c"]);
    fs::write(&log.path, "").unwrap(); // made by the rotating program; not written to yet
    append(&old, b"d\nlast without end");
    assert_eq!(reading.lines(), ["d"]);
    log.append("e\n");
    assert_eq!(reading.lines(), ["last without end", "e"]);
    assert_eq!(reading.moves, [Cause::Opened, Cause::Rotated]);
    assert_eq!(reading.position(), 2);
}

#[test]
fn what_was_written_before_the_rename_is_not_lost() {
    let log = Log::with("a\n");
    let mut reading = log.read(None);
    assert_eq!(reading.lines(), ["a"]);
    log.append("b\n");
    log.rename("log.1");
    fs::write(&log.path, "c\n").unwrap();
    assert_eq!(reading.lines(), ["b", "c"]);
}

#[test]
fn files_that_follow_each_other_quickly_are_all_read() {
    let content = numbered("first", 0..20_000);
    let log = Log::with(&content);
    let mut reading = log.read(None);
    let mut lines = Vec::new();
    for generation in 1..5 {
        // The reader is slow: it reads one chunk per generation.
        for _ in 0..2 {
            match reading.tail.step().unwrap() {
                Step::Chunk(chunk) => {
                    reading.splitter.feed(chunk.bytes);
                    reading.shared = Some(chunk.offset);
                    reading.cut(&mut lines);
                }
                Step::Moved(Move { to, .. }) => reading.splitter.restart(to),
                other => panic!("{other:?}"),
            }
        }
        log.rename(&format!("log.{generation}"));
        fs::write(&log.path, format!("generation {generation}\n")).unwrap();
    }
    lines.extend(reading.lines());
    let expected = content + "generation 1\ngeneration 2\ngeneration 3\ngeneration 4\n";
    assert_eq!(lines, split(&expected));
}

#[test]
fn a_truncated_file_is_read_from_the_start() {
    let log = Log::with("a\nbb\nccc\nrest");
    let mut reading = log.read(None);
    assert_eq!(reading.lines(), ["a", "bb", "ccc"]);
    fs::write(&log.path, "x\n").unwrap();
    assert_eq!(reading.lines(), ["x"]);
    assert_eq!(
        (&reading.moves[..], reading.position()),
        (&[Cause::Opened, Cause::Rewritten][..], 2)
    );
    fs::write(&log.path, "").unwrap();
    assert_eq!(reading.lines(), [""; 0]);
    log.append("y\n");
    assert_eq!(reading.lines(), ["y"]);
}

#[test]
fn copy_truncate_is_noticed_even_if_the_file_has_grown_again() {
    let log = Log::with(numbered("old", 0..5));
    let mut reading = log.read(None);
    assert_eq!(reading.lines().len(), 5);
    fs::copy(&log.path, log.folder.path().join("log.1")).unwrap();
    let new = numbered("new", 0..50);
    fs::write(&log.path, &new).unwrap(); // truncates and writes, longer than before
    assert_eq!(reading.lines(), split(&new));
}

#[test]
fn copy_truncate_loses_nothing_that_is_in_the_copy() {
    let content = numbered("old", 0..50);
    let log = Log::with(&content);
    let mut reading = log.read(None);
    assert_eq!(reading.lines().len(), 50);
    let offset = reading.offset.clone();
    log.append("not read yet\nnor this");
    fs::copy(&log.path, log.folder.path().join("log.1")).unwrap();
    fs::write(&log.path, "").unwrap();
    assert_eq!(reading.lines(), ["not read yet"]);
    log.append("new\n");
    assert_eq!(reading.lines(), ["nor this", "new"]);
    assert_eq!(
        log.read(offset.as_ref()).lines(),
        ["not read yet", "nor this", "new"]
    );
}

#[test]
fn the_same_head_with_another_continuation_is_another_content() {
    let head = numbered("head", 0..20);
    let log = Log::with(head.clone() + &numbered("old", 0..20));
    let mut reading = log.read(None);
    assert_eq!(reading.lines().len(), 40);
    let new = head + &numbered("new", 0..60);
    fs::write(&log.path, &new).unwrap();
    assert_eq!(reading.lines(), split(&new));
}

#[test]
fn a_file_that_replaces_another_is_read_from_the_start() {
    let log = Log::with("a\nb\n");
    let mut reading = log.read(None);
    assert_eq!(reading.lines(), ["a", "b"]);
    let other = log.folder.path().join("other");
    fs::write(&other, "x\ny\nz\n").unwrap();
    fs::rename(&other, &log.path).unwrap();
    assert_eq!(reading.lines(), ["x", "y", "z"]);
    fs::remove_file(&log.path).unwrap();
    assert_eq!(reading.lines(), [""; 0]);
    fs::write(&log.path, "a\nb\n").unwrap();
    assert_eq!(reading.lines(), ["a", "b"]);
}

#[test]
fn a_copy_that_replaces_its_original_is_read_on() {
    let content = numbered("copied", 0..100);
    let log = Log::with(&content);
    let mut reading = log.read(None);
    assert_eq!(reading.lines().len(), 100);
    let copy = log.folder.path().join("copy");
    fs::write(&copy, content + "more\n").unwrap();
    fs::rename(&copy, &log.path).unwrap(); // as rsync does it
    assert_eq!(reading.lines(), ["more"]);
}

#[test]
fn a_restart_resumes_where_it_was() {
    let content = numbered("restarted", 0..10);
    let log = Log::with(&content);
    let mut reading = log.read(None);
    reading.lines();
    log.append("more\n");
    let mut again = log.read(reading.offset.as_ref());
    assert_eq!(again.lines(), ["more"]);
    assert_eq!(again.position(), (content.len() + 5).cast_signed() as i64);
}

#[test]
fn a_restart_after_a_rotation_reads_the_renamed_file_to_its_end_first() {
    let log = Log::with("a\nb\n");
    let mut reading = log.read(None);
    reading.lines();
    let offset = reading.offset;
    log.append("c\n");
    log.rename("log-2026-11-23");
    assert_eq!(
        log.read(offset.as_ref()).lines(),
        ["c"],
        "before there is a new file"
    );
    fs::write(&log.path, "d\n").unwrap();
    assert_eq!(log.read(offset.as_ref()).lines(), ["c", "d"]);
}

#[test]
fn a_restart_tells_a_reused_inode_by_content() {
    let log = Log::with(numbered("old", 0..5));
    let mut reading = log.read(None);
    reading.lines();
    // The same inode with other content, longer than before.
    let new = numbered("new", 0..9);
    fs::write(&log.path, &new).unwrap();
    assert_eq!(log.read(reading.offset.as_ref()).lines(), split(&new));
    // Shorter than before.
    fs::write(&log.path, "x\n").unwrap();
    assert_eq!(log.read(reading.offset.as_ref()).lines(), ["x"]);
}

#[test]
fn a_restart_after_a_replacement_reads_the_new_file_from_the_start() {
    let log = Log::with(numbered("old", 0..5));
    let mut reading = log.read(None);
    reading.lines();
    let new = numbered("new", 0..9);
    let other = log.folder.path().join("other");
    fs::write(&other, &new).unwrap();
    fs::rename(&other, &log.path).unwrap();
    assert_eq!(log.read(reading.offset.as_ref()).lines(), split(&new));
}

#[test]
fn a_restart_reads_on_in_a_copy_of_the_file() {
    let content = numbered("restored", 0..50);
    let log = Log::with(&content);
    let mut reading = log.read(None);
    reading.lines();
    let other = log.folder.path().join("other");
    fs::write(&other, content + "more\n").unwrap();
    fs::remove_file(&log.path).unwrap();
    fs::rename(&other, &log.path).unwrap();
    assert_eq!(log.read(reading.offset.as_ref()).lines(), ["more"]);
}

#[test]
fn positions_of_java_are_taken_as_bytes() {
    let log = Log::with("a\nbb\nccc\n");
    let from = |position: i64| {
        log.read(Some(&SourceOffset::new("position", position)))
            .lines()
    };
    assert_eq!(from(0), ["a", "bb", "ccc"]);
    assert_eq!(from(2), ["bb", "ccc"]);
    assert_eq!(
        from(3),
        ["b", "ccc"],
        "after ASCII a position inside a line is used as it is"
    );
    assert_eq!(from(4), ["", "ccc"]);
    assert_eq!(from(9), [""; 0]);
    assert_eq!(from(-3), ["a", "bb", "ccc"]);
    assert_eq!(
        from(10),
        ["a", "bb", "ccc"],
        "beyond the end: everything, rather than nothing"
    );
}

#[test]
fn positions_of_java_behind_other_text_go_back_to_a_line() {
    let log = Log::with("für\n日本語\nlast\n");
    let from = |position: i64| {
        log.read(Some(&SourceOffset::new("position", position)))
            .lines()
    };
    // Java counts 4, 8 and 13 units at the ends of the lines.
    assert_eq!(
        from(4),
        ["für", "日本語", "last"],
        "before the line end, after \"für\""
    );
    assert_eq!(from(8), ["日本語", "last"], "inside a character");
    assert_eq!(from(13), ["日本語", "last"], "inside the last character");
    assert_eq!(from(5), ["日本語", "last"], "a line start is one");
}

#[test]
fn rubbish_is_refused_by_name() {
    let log = Log::new();
    fs::create_dir(&log.path).unwrap();
    let error = log.read(None).tail.step().unwrap_err();
    assert!(
        error
            .message()
            .contains("log\" is a directory; set \"file\""),
        "{error}"
    );
    assert_eq!(error.kind(), ErrorKind::External);
    assert!(!error.is_retriable());
}

#[test]
fn a_directory_that_takes_the_name_is_not_read() {
    let log = Log::with("a\n");
    let mut reading = log.read(None);
    assert_eq!(reading.lines(), ["a"]);
    let old = log.rename("log.1");
    fs::create_dir(&log.path).unwrap();
    append(&old, b"b\n");
    assert_eq!(reading.lines(), ["b"]);
}
