//! What can go wrong with a file, and what to do about it.

use std::io;
use std::path::Path;

use connect_api::Error;

/// An error of the file system, with the path and what the user can do.
pub(crate) fn of_path(doing: &str, path: &Path, source: io::Error) -> Error {
    let path = path.display();
    let advice = match source.kind() {
        io::ErrorKind::PermissionDenied => {
            "; give the user of this process the right to, or set \"file\" to another path"
        }
        io::ErrorKind::NotFound => "; create its folder, or set \"file\" to another path",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; make room, then restart the task"
        }
        io::ErrorKind::ReadOnlyFilesystem => "; the file system is read-only",
        io::ErrorKind::IsADirectory => "; it is a directory: set \"file\" to the path of a file",
        // EMFILE, ENFILE
        _ if matches!(source.raw_os_error(), Some(23 | 24)) && cfg!(unix) => {
            "; raise the limit of open files (ulimit -n)"
        }
        _ => "",
    };
    Error::external(format!("cannot {doing} \"{path}\" ({source}){advice}")).with_source(source)
}

/// Refuses what is neither a regular file nor can become one.
pub(crate) fn directory(path: &Path) -> Error {
    Error::external(format!(
        "\"{}\" is a directory; set \"file\" to the path of a file in it",
        path.display()
    ))
    .into_permanent()
}

/// Refuses pipes and devices.
pub(crate) fn not_regular(path: &Path) -> Error {
    Error::external(format!(
        "\"{}\" is a pipe or a device, not a regular file; leave \"file\" out to read the standard \
         input",
        path.display()
    ))
    .into_permanent()
}

/// The host shut its runtime down within a file operation.
pub(crate) fn runtime_ended() -> Error {
    Error::illegal_state("a file operation was cut off by the end of the runtime")
}
