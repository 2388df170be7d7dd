//! The file connectors of Kafka Connect: lines of a file to a topic, records of topics to a file.
//!
//! [`plugins`] registers them under Kafka's class names, so that existing configurations run as they
//! are:
//!
//! ```
//! use connect_api::PluginRegistry;
//!
//! let mut registry = PluginRegistry::new();
//! connect_file::plugins(&mut registry);
//! assert!(registry.new_source("FileStreamSource").is_ok());
//! assert!(registry.new_sink("org.apache.kafka.connect.file.FileStreamSinkConnector").is_ok());
//! ```
//!
//! # The source
//!
//! [`FileStreamSourceConnector`] makes a record of each line of
//! `file`, or of standard input if there is none, and sends it to `topic`.
//!
//! | option | default | meaning |
//! | --- | --- | --- |
//! | `file` | standard input | the file to read |
//! | `topic` | required | the topic that receives the lines |
//! | `batch.size` | 2000 | the most records that one poll returns |
//! | `max.line.bytes` | 16 MiB | the longest line, without its end |
//! | `max.line.policy` | `fail` | a longer line: `fail`, `skip` or `split`; the latter two warn |
//! | `invalid.utf8.policy` | `replace` | a line that is not UTF-8: `fail`, `replace` (U+FFFD), or `bytes`: all values are bytes, unchecked |
//!
//! * A record has the line as text with a string schema, no key, and the time of reading. Its source
//!   partition is `{"filename": file}`, its offset `{"position": bytes, …}`; other members of the
//!   offset say which file it was, by device, inode and content.
//! * A line ends with `\n`, `\r` or `\r\n`. The last line waits until its end is written; a `\r` at
//!   the very end waits for what follows it.
//! * A missing file is waited for. New lines are noticed by the notification of the file system on
//!   Linux, else by looking again, after 10 ms at first and up to every second when nothing comes.
//! * A renamed file is read to its end before the one that takes its name; a last line without an
//!   end is then delivered as it is. A file that was cut or written anew is read from its beginning,
//!   after the rest of a copy of the old content if there is one in its folder (copy-truncate).
//!   All of this holds across restarts too.
//! * What cannot be told apart is decided so that nothing is lost; lines may then come twice, and a
//!   warning says so. Not found are files that were renamed *twice* or compressed while no task
//!   ran.
//!
//! *Java*: positions are bytes here and UTF-16 units there. An offset that Java stored is taken; after
//! text that is not ASCII it lies within some line, and that line is read again as a whole. Offsets
//! that this crate stores can be read by Java. Lines that were read never wait for others to be
//! written; truncation, rotation and positions beyond the end are noticed.
//!
//! # The sink
//!
//! [`FileStreamSinkConnector`] appends a line for each record to
//! `file`, or to standard output if there is none: the text of the value as Java prints it, or its
//! bytes as they are.
//!
//! | option | default | meaning |
//! | --- | --- | --- |
//! | `file` | standard output | the file to write; `${task}` in it stands for the number of the task |
//! | `exactly.once` | `false` | keep offsets with the data, in `<file>.offsets` |
//! | `rotate.bytes` | −1, never | begin a new file above this size |
//! | `rotate.interval.ms` | −1, never | begin a new file at each multiple of this interval since midnight UTC |
//!
//! * Offsets are committed only when the lines before them are synced to the disk.
//! * With several tasks and one file, the tasks' lines mix, but never tear.
//! * A write error, a full disk or a deleted file fails the task with the path. The file is cut back
//!   to the last commit, so that a restart goes on there: no line is torn or doubled. This, and the
//!   repair of a line that a kill tore, needs a file that only one task writes; while it does, a
//!   small file `<file>.writing` proves that.
//! * Exactly-once: `<file>.offsets` is replaced as a whole at each commit. At a start the file is cut
//!   back to the length in it, and records are read on from the offsets in it. Each task needs its
//!   own file.
//! * Rotation renames the file to `<file>.000001` and so on, when offsets are committed: a renamed
//!   file is complete and never changes. A large file asks for a commit.
//! * A file that another program renames is left alone, and a new one is begun.
//!
//! *Java*: I/O errors are swallowed there, and lost records committed; nothing is synced; bytes are
//! printed as the address of their array.

pub mod config;
mod error;
mod identity;
mod line;
mod os;
mod resume;
mod sidecar;
pub mod sink;
pub mod source;
mod stdin;
mod tail;
mod watch;
mod write;

use connect_api::PluginRegistry;
use connect_api::plugin::PluginInfo;

use crate::sink::FileStreamSinkConnector;
use crate::source::FileStreamSourceConnector;
use crate::stdin::Stdin;
use crate::watch::Watcher;

/// Registers the file connectors, under the class names of Kafka Connect.
///
/// Tasks of connectors that one registry makes share one watcher of files and standard input.
pub fn plugins(registry: &mut PluginRegistry) {
    let (watcher, stdin) = (Watcher::default(), Stdin::default());
    registry.source(
        PluginInfo::new(
            "org.apache.kafka.connect.file.FileStreamSourceConnector",
            VERSION,
        ),
        move || FileStreamSourceConnector::sharing(watcher.clone(), stdin.clone()),
    );
    registry.sink(
        PluginInfo::new(
            "org.apache.kafka.connect.file.FileStreamSinkConnector",
            VERSION,
        ),
        FileStreamSinkConnector::default,
    );
}

const VERSION: &str = env!("CARGO_PKG_VERSION");
