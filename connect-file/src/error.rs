//! Errors about files: they name the path, the option and the fix.

use std::io;
use std::path::Path;

use connect_api::Error;

/// An error of the file system, with the path and advice.
pub(crate) fn of_path(doing: &str, path: &Path, source: io::Error) -> Error {
    let path = path.display();
    let advice = match source.kind() {
        io::ErrorKind::PermissionDenied => {
            "; give the user of this process the permission, or set \"file\" to another path"
        }
        io::ErrorKind::NotFound => "; create its folder, or set \"file\" to another path",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free some space, then restart the task"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "; the file system is read-only: set \"file\" to another path"
        }
        io::ErrorKind::IsADirectory => "; it is a directory: set \"file\" to the path of a file",
        // EMFILE, ENFILE
        _ if matches!(source.raw_os_error(), Some(23 | 24)) && cfg!(unix) => {
            "; raise the limit on open files (ulimit -n)"
        }
        _ => "",
    };
    Error::external(format!("cannot {doing} \"{path}\" ({source}){advice}")).with_source(source)
}

/// The error for a path that is a directory.
pub(crate) fn directory(path: &Path) -> Error {
    Error::external(format!(
        "\"{}\" is a directory; set \"file\" to the path of a file in it",
        path.display()
    ))
    .into_permanent()
}

/// The error for a path that is a pipe or a device.
pub(crate) fn not_regular(path: &Path) -> Error {
    Error::external(format!(
        "\"{}\" is a pipe or a device, not a regular file; remove \"file\" to read standard \
         input",
        path.display()
    ))
    .into_permanent()
}

/// The error for a file operation that the end of the runtime interrupted.
pub(crate) fn runtime_ended() -> Error {
    Error::illegal_state("the runtime was shut down during a file operation")
}
