//! The file connectors of Kafka Connect: lines of a file to a topic, and records of topics to a file.
//!
//! [`plugins`] registers them under Kafka's class names, so existing configurations work unchanged:
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
//! [`FileStreamSourceConnector`] sends each line of `file` as a record to `topic`. Without `file` it
//! reads standard input.
//!
//! | option | default | meaning |
//! | --- | --- | --- |
//! | `file` | standard input | the file to read |
//! | `topic` | required | the topic that receives the lines |
//! | `batch.size` | 2000 | the maximum number of records that one poll returns |
//! | `max.line.bytes` | 16777216 | the length of the longest allowed line in bytes, without the line ending |
//! | `max.line.policy` | `fail` | what happens to a longer line: `fail` fails the task, `skip` drops the line with a warning, `split` makes several records of it with a warning |
//! | `invalid.utf8.policy` | `replace` | what happens to a line that is not valid UTF-8: `fail` fails the task, `replace` puts U+FFFD in place of invalid bytes, with one warning per task. With `bytes` the values of all records are bytes instead of text, and nothing is checked |
//!
//! * The value of a record is the line, with a string schema. It has no key, and its timestamp is the
//!   time of reading. Its source partition is `{"filename": file}` and its offset is
//!   `{"position": bytes, …}`, where further entries identify the file by device, inode and content.
//! * A line ends with `\n`, `\r` or `\r\n`. The last line is delivered once its line ending is
//!   written. A `\r` at the end of the file counts once the next byte is there.
//! * If the file is missing, the task waits for it. On Linux the file system notifies the task of new
//!   lines. Elsewhere the task polls, every 10 ms at first and every second if the file stays idle.
//! * A renamed file is read to its end before the file that replaces it, and its last line is
//!   delivered even without a line ending. A file that was truncated or rewritten is read from the
//!   start, after the rest of a copy of the old content if its folder has one (copy-truncate). All
//!   of this works across restarts.
//! * Where it is unclear which file the offset belongs to, the task reads too much rather than too
//!   little: lines may then be delivered twice, and a warning says so. Files that were renamed
//!   *twice* or compressed while no task ran are not found.
//!
//! *Java*: positions are bytes here and UTF-16 units there. The task accepts an offset that Java
//! stored; after text that is not ASCII such an offset points into a line, and that whole line is
//! read again. Java can read the offsets of this crate. Unlike Java, lines that were read never wait
//! for more lines, and truncation, rotation and positions beyond the end are detected.
//!
//! # The sink
//!
//! [`FileStreamSinkConnector`] appends a line for each record to `file`, or to standard output without
//! it. The line is the value as Java prints it, or the value itself if it is bytes.
//!
//! | option | default | meaning |
//! | --- | --- | --- |
//! | `file` | standard output | the file to write; `${task}` in it is replaced by the number of the task |
//! | `exactly.once` | `false` | store offsets with the data, in `<file>.offsets` |
//! | `rotate.bytes` | −1 (never) | start a new file when this one reaches this size |
//! | `rotate.interval.ms` | −1 (never) | start a new file at each multiple of this interval since midnight UTC |
//!
//! * Offsets are committed only after the lines before them are synced to disk.
//! * Several tasks may write to one file. Their lines are interleaved, never torn.
//! * A write error, a full disk or a deleted file fails the task, and the error names the path. The
//!   file is truncated to the last commit, so a restart neither tears nor duplicates a line. This,
//!   and the repair of a line that a kill tore, needs a file that only one task writes; the file
//!   `<file>.writing` marks it as such.
//! * Exactly-once: each commit replaces `<file>.offsets` atomically. On start, the file is truncated
//!   to the length stored there, and reading resumes at the offsets stored there. Each task needs
//!   its own file.
//! * Rotation renames the file to `<file>.000001` and so on when offsets are committed. A renamed
//!   file is complete and never changes. A file above its size requests a commit.
//! * If another program renames the file, the task starts a new one.
//!
//! *Java*: I/O errors are swallowed and the offsets of lost records committed; nothing is synced;
//! bytes are printed as the address of their array.

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
