//! Finds the file and the position that a stored offset refers to after a restart.

use std::io;
use std::path::Path;

use connect_api::Result;

use crate::error;
use crate::identity;
use crate::identity::FileId;
use crate::identity::Identity;
use crate::identity::Place;
use crate::os;
use crate::sidecar;
use crate::tail::Followed;

/// The file to read first, at its position, and the file after it.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) current: Followed,
    pub(crate) successor: Option<Followed>,
}

/// Finds where to start; `None` if there is no file yet.
pub(crate) fn find(path: &Path, stored: Option<&Place>) -> Result<Option<Start>> {
    let reads = |source| error::of_path("read", path, source);
    let named = Followed::open(path)?;
    let Some(stored) = stored.filter(|stored| stored.position > 0) else {
        return Ok(named.map(|current| Start {
            current,
            successor: None,
        }));
    };
    let position = stored.position;
    let shown = path.display();
    let Some(identity) = &stored.identity else {
        let Some(mut current) = named else {
            return Ok(None);
        };
        let size = current.size(path)?;
        if size < position {
            tracing::warn!(
                path = %shown, position, size,
                "the stored position is beyond the end of the file; reading the file from the start"
            );
        } else {
            let start = line_of_java(&current, position, path)?;
            current.go_to(start).map_err(reads)?;
        }
        return Ok(Some(Start {
            current,
            successor: None,
        }));
    };
    if let Some(mut current) = named {
        let is_same_file = identity.id.is_some() && current.id == identity.id;
        let has_same_content = is_content(&current, identity, position, path)?;
        if is_same_file && has_same_content {
            current.go_to(position).map_err(reads)?;
            return Ok(Some(Start {
                current,
                successor: None,
            }));
        }
        if let Some(old) = find_elsewhere(path, identity, position)? {
            return Ok(Some(Start {
                current: old,
                successor: Some(current),
            }));
        }
        if is_same_file {
            tracing::warn!(
                path = %shown, position,
                "the file was truncated or rewritten; reading it from the start"
            );
            return Ok(Some(Start {
                current,
                successor: None,
            }));
        }
        let window = identity::window(&current.file, position).map_err(reads)?;
        if has_same_content && !identity::is_weak_evidence(&window) {
            tracing::info!(
                path = %shown, position,
                "the file is a copy of the one that was read; resuming at the same position"
            );
            current.go_to(position).map_err(reads)?;
        } else {
            tracing::warn!(
                path = %shown, position,
                "another file has this name now, and the old file was not found in the folder; the \
                 rest of the old file from this position is not read"
            );
        }
        return Ok(Some(Start {
            current,
            successor: None,
        }));
    }
    let old = find_elsewhere(path, identity, position)?;
    Ok(old.map(|current| Start {
        current,
        successor: None,
    }))
}

fn is_content(file: &Followed, identity: &Identity, position: u64, path: &Path) -> Result<bool> {
    Ok(file.size(path)? >= position
        && identity
            .matches(&file.file)
            .map_err(|source| error::of_path("read", path, source))?)
}

/// Finds the content that was read elsewhere in the folder, at `position`: the renamed file, or a copy
/// made before the file was truncated, whose name starts with the name of the file.
pub(crate) fn find_elsewhere(
    path: &Path,
    identity: &Identity,
    position: u64,
) -> Result<Option<Followed>> {
    let folder = sidecar::folder(path);
    let reads = |source| error::of_path("read", path, source);
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            let folder = folder.display();
            tracing::warn!(%folder, %error, "cannot list the folder to look for the renamed file");
            return Ok(None);
        }
    };
    let inode = identity.id.map(|FileId { inode, .. }| inode);
    let name = path.file_name().unwrap_or_default();
    let mut copy = None;
    for entry in entries {
        let entry = entry.map_err(|source| error::of_path("list", folder, source))?;
        let other = entry.file_name();
        let is_renamed = inode.is_some() && os::entry_inode(&entry) == inode;
        let may_be_copy = other
            .as_encoded_bytes()
            .starts_with(name.as_encoded_bytes());
        if other == name || !(is_renamed || may_be_copy) {
            continue;
        }
        let Ok(Some(mut file)) = Followed::open(&entry.path()) else {
            continue;
        };
        if !is_content(&file, identity, position, path)? {
            continue;
        }
        file.go_to(position).map_err(reads)?;
        if is_renamed {
            copy = Some((file, other));
            break;
        }
        let window = identity::window(&file.file, position).map_err(reads)?;
        if !identity::is_weak_evidence(&window) {
            copy = Some((file, other));
        }
    }
    Ok(copy.map(|(file, other)| {
        let (path, old) = (path.display(), other.display());
        tracing::info!(%path, %old, position, "the file has another name now; reading it to its end first");
        file
    }))
}

/// Returns where to resume from a position that Java stored.
///
/// Java counts UTF-16 units and uses them as bytes, so after text that is not ASCII its position is
/// too small and points into a line. Going back to the start of that line loses and tears nothing;
/// lines that Java delivered come again. A position inside a line after only ASCII was set by a user
/// and is used as it is.
fn line_of_java(file: &Followed, position: u64, path: &Path) -> Result<u64> {
    let reads = |source: io::Error| error::of_path("read", path, source);
    let before = identity::window(&file.file, position).map_err(reads)?;
    if matches!(before.last(), Some(b'\n' | b'\r')) {
        return Ok(position);
    }
    let mut buffer = vec![0; 256 * 1024];
    let (mut read, mut line_start, mut is_ascii) = (0, 0, true);
    while read < position {
        let length = os::read_full_at(&file.file, &mut buffer, read).map_err(reads)?;
        let left = usize::try_from(position - read).unwrap_or(usize::MAX);
        let Some(bytes) = buffer
            .get(..length.min(left))
            .filter(|bytes| !bytes.is_empty())
        else {
            break;
        };
        is_ascii &= bytes.is_ascii();
        if let Some(end) = memchr::memrchr2(b'\n', b'\r', bytes) {
            line_start = read + end as u64 + 1;
        }
        read += bytes.len() as u64;
    }
    if is_ascii {
        return Ok(position);
    }
    tracing::warn!(
        path = %path.display(), position, line_start,
        "the stored position counts characters, not bytes; resuming at the start of its line, so \
         lines may come again"
    );
    Ok(line_start)
}
