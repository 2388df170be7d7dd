//! Follows a file while it grows, is rotated, truncated or replaced.
//!
//! Decides which bytes come next. A [`Tail`] reads a file by its name until it is dropped:
//!
//! * The file is missing: wait for it.
//! * The file was renamed and a new one has its name (rotation): read the open file until the new one
//!   has content, then to its end, then the new one from the start.
//! * The file is shorter than what was read, or its content differs (truncation, copy-truncate,
//!   rewriting): read the rest of a copy of the old content if the folder has one, then the file from
//!   the start.
//! * The file was replaced by a copy of itself: resume at the same position.
//! * After a restart the stored identity decides between these. A renamed file is found in the folder
//!   by inode and content, and read to its end first.
//!
//! In doubt nothing is lost: lines may then come twice, and a warning says so.
//!
//! *Blocking*: all methods. [`Reader`](crate::source) calls them where blocking is allowed.

use std::collections::VecDeque;
use std::fs::File;
use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use bytes::Bytes;
use bytes::BytesMut;
use connect_api::Result;
use connect_api::record::SharedOffset;

use crate::error;
use crate::identity;
use crate::identity::FileId;
use crate::identity::Identity;
use crate::identity::Place;
use crate::identity::Print;
use crate::identity::WINDOW;
use crate::os;
use crate::resume;
use crate::watch::Subscription;

/// What a step found.
#[derive(Debug)]
pub(crate) enum Step {
    /// The next bytes.
    Chunk(Chunk),
    /// Everything was read.
    End(Extent),
    /// There is no file of that name.
    Missing,
    /// The next chunk belongs to other content.
    Moved(Move),
}

/// Bytes of a file.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) bytes: Bytes,
    /// The entries, beside the position, of the offsets of records that end in this chunk.
    pub(crate) offset: SharedOffset,
    pub(crate) extent: Extent,
    /// True if everything was read.
    pub(crate) is_last: bool,
}

/// How much of a file was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) read: u64,
    pub(crate) size: u64,
}

/// Where reading continues, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) to: u64,
    pub(crate) cause: Cause,
}

/// Why reading continues elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The first look at the file.
    Opened,
    /// A new file has the name; the old one was read to its end.
    Rotated,
    /// The file was truncated or rewritten.
    Rewritten,
}

/// Follows a file by its name.
#[derive(Debug)]
pub(crate) struct Tail {
    path: PathBuf,
    /// The stored offset, until the first look at the file.
    stored: Option<Place>,
    current: Option<Followed>,
    /// Files that had the name later, oldest first.
    successors: VecDeque<Followed>,
    buffer: BytesMut,
    buffer_size: usize,
    subscription: Subscription,
}

/// An open file.
#[derive(Debug)]
pub(crate) struct Followed {
    pub(crate) file: File,
    pub(crate) id: Option<FileId>,
    /// The position up to which it was read.
    position: u64,
    /// Its first bytes, as far as they were read.
    head: Vec<u8>,
    /// The last bytes that were read.
    recent: Vec<u8>,
}

impl Tail {
    pub(crate) fn new(path: PathBuf, stored: Option<Place>, subscription: Subscription) -> Self {
        Self {
            path,
            stored,
            current: None,
            successors: VecDeque::new(),
            buffer: BytesMut::new(),
            buffer_size: SMALLEST_BUFFER,
            subscription,
        }
    }

    /// Looks at the file and reads once.
    ///
    /// # Errors
    /// The file or its folder cannot be read.
    pub(crate) fn step(&mut self) -> Result<Step> {
        self.subscription.watch_folder();
        let Some(current) = &mut self.current else {
            return self.open();
        };
        // A successor with content means that nobody writes to the current file: what is
        // read from it after this check is the rest of it.
        let is_succeeded = any_has_content(&self.successors, &self.path)?;
        let size = current.size(&self.path)?;
        let reads = |source| error::of_path("read", &self.path, source);
        if size < current.position || !current.is_unchanged().map_err(reads)? {
            return self.begin_again(size);
        }
        let mark = current.mark();
        let bytes = self.read()?;
        let Some(current) = &mut self.current else {
            return Ok(Step::Missing);
        };
        if bytes.is_empty() {
            let extent = Extent {
                read: current.position,
                size: size.max(current.position),
            };
            if is_succeeded {
                return self.succeed();
            }
            self.look_for_successor()?;
            self.shrink();
            return if any_has_content(&self.successors, &self.path)? {
                self.step() // reads what was written to the current file before
            } else {
                Ok(Step::End(extent))
            };
        }
        current.advance(&bytes);
        let identity = Identity {
            id: current.id,
            head: current.head_print(),
            mark,
        };
        let extent = Extent {
            read: current.position,
            size: size.max(current.position),
        };
        self.look_for_successor()?;
        let is_last = extent.read >= extent.size && self.successors.is_empty();
        if is_last {
            self.shrink();
        }
        Ok(Step::Chunk(Chunk {
            bytes,
            offset: identity.to_offset(),
            extent,
            is_last,
        }))
    }

    /// True if the subscription notifies of changes to the file.
    pub(crate) fn is_notified(&self) -> bool {
        self.subscription.is_notified()
    }

    fn open(&mut self) -> Result<Step> {
        let start = resume::find(&self.path, self.stored.as_ref())?;
        let Some(start) = start else {
            return Ok(Step::Missing);
        };
        self.stored = None;
        let to = start.current.position;
        self.subscription.watch_file(&start.current.file);
        self.current = Some(start.current);
        self.successors.extend(start.successor);
        Ok(Step::Moved(Move {
            to,
            cause: Cause::Opened,
        }))
    }

    /// Starts again, because the content that was read is gone.
    fn begin_again(&mut self, size: u64) -> Result<Step> {
        let Some(mut current) = self.current.take() else {
            return Ok(Step::Missing);
        };
        let position = current.position;
        let identity = Identity {
            id: None,
            head: current.head_print(),
            mark: current.mark(),
        };
        current
            .go_to(0)
            .map_err(|source| error::of_path("read", &self.path, source))?;
        if let Some(copy) = resume::find_elsewhere(&self.path, &identity, position)? {
            self.successors.push_front(current);
            self.current = Some(copy);
            return self.step();
        }
        self.current = Some(current);
        tracing::warn!(
            path = %self.path.display(), position, size,
            "the file was truncated or rewritten; reading it from the start"
        );
        Ok(Step::Moved(Move {
            to: 0,
            cause: Cause::Rewritten,
        }))
    }

    /// Continues with the file that has the name now.
    fn succeed(&mut self) -> Result<Step> {
        let Some(mut next) = self.successors.pop_front() else {
            return Ok(Step::Missing);
        };
        self.subscription.watch_file(&next.file);
        let continues = match &self.current {
            Some(current) => continues(current, &next)
                .map_err(|source| error::of_path("read", &self.path, source))?,
            None => None,
        };
        if let Some(position) = continues {
            tracing::info!(
                path = %self.path.display(), position,
                "the file was replaced by a copy of itself; resuming at the same position"
            );
            next.go_to(position)
                .map_err(|source| error::of_path("read", &self.path, source))?;
            self.current = Some(next);
            return self.step();
        }
        tracing::info!(path = %self.path.display(), "a new file has the name; reading it");
        self.current = Some(next);
        Ok(Step::Moved(Move {
            to: 0,
            cause: Cause::Rotated,
        }))
    }

    /// Opens the file that has the name now, if it is another one.
    fn look_for_successor(&mut self) -> Result<()> {
        let metadata = match std::fs::metadata(&self.path) {
            Ok(metadata) => metadata,
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(error::of_path("read", &self.path, source)),
        };
        let latest = self.successors.back().or(self.current.as_ref());
        let known = latest.is_some_and(|latest| latest.id == FileId::of(&metadata));
        if known || metadata.is_dir() {
            return Ok(());
        }
        if let Some(next) = Followed::open(&self.path)? {
            self.successors.push_back(next);
        }
        Ok(())
    }

    fn read(&mut self) -> Result<Bytes> {
        if self.buffer.len() < self.buffer_size / 2 {
            self.buffer = BytesMut::zeroed(self.buffer_size);
        }
        let Some(current) = &self.current else {
            return Ok(Bytes::new());
        };
        let length = os::read_some_at(&current.file, &mut self.buffer, current.position)
            .map_err(|source| error::of_path("read", &self.path, source))?;
        if length == self.buffer.len() {
            self.buffer_size = (self.buffer_size * 4).min(LARGEST_BUFFER);
        }
        Ok(self.buffer.split_to(length).freeze())
    }

    /// Frees memory: an idle file needs little.
    fn shrink(&mut self) {
        if self.buffer_size > SMALLEST_BUFFER {
            self.buffer_size = SMALLEST_BUFFER;
            self.buffer = BytesMut::new();
        }
    }
}

impl Followed {
    /// Opens a file at its start; `None` if it does not exist.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>> {
        let opens = |source| error::of_path("open", path, source);
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => return Err(error::directory(path)),
            Ok(metadata) if !metadata.is_file() => return Err(error::not_regular(path)),
            Ok(_) => {}
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(opens(source)),
        }
        let file = match File::open(path) {
            Ok(file) => file,
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(opens(source)),
        };
        let id = FileId::of(&file.metadata().map_err(opens)?);
        Ok(Some(Self {
            file,
            id,
            position: 0,
            head: Vec::new(),
            recent: Vec::new(),
        }))
    }

    pub(crate) fn metadata(&self, path: &Path) -> Result<Metadata> {
        self.file
            .metadata()
            .map_err(|source| error::of_path("read", path, source))
    }

    pub(crate) fn size(&self, path: &Path) -> Result<u64> {
        Ok(self.metadata(path)?.len())
    }

    /// Sets the position to read next.
    pub(crate) fn go_to(&mut self, position: u64) -> io::Result<()> {
        self.position = position;
        self.head = identity::window(&self.file, position.min(WINDOW as u64))?;
        self.recent = identity::window(&self.file, position)?;
        Ok(())
    }

    fn advance(&mut self, bytes: &[u8]) {
        self.position += bytes.len() as u64;
        if self.head.len() < WINDOW {
            self.head
                .extend(bytes.iter().take(WINDOW - self.head.len()));
        }
        let fresh = bytes
            .get(bytes.len().saturating_sub(WINDOW)..)
            .unwrap_or(bytes);
        let excess = (self.recent.len() + fresh.len()).saturating_sub(WINDOW);
        self.recent.drain(..excess.min(self.recent.len()));
        self.recent.extend_from_slice(fresh);
    }

    /// True if the first and the last bytes that were read are still there.
    fn is_unchanged(&self) -> io::Result<bool> {
        Ok(self.head_print().matches(&self.file)? && self.mark().matches(&self.file)?)
    }

    fn head_print(&self) -> Print {
        Print::new(self.head.len() as u64, &self.head)
    }

    /// The fingerprint of the bytes that were read last.
    fn mark(&self) -> Print {
        Print::new(self.position, &self.recent)
    }
}

/// Returns where to resume in a file that replaced another one, if it starts with the same content.
fn continues(current: &Followed, next: &Followed) -> io::Result<Option<u64>> {
    let is_copy = !os::has_a_name(&current.file.metadata()?)
        && !identity::is_weak_evidence(&current.recent)
        && next.file.metadata()?.len() >= current.position
        && current.head_print().matches(&next.file)?
        && current.mark().matches(&next.file)?;
    Ok(is_copy.then_some(current.position))
}

fn any_has_content(files: &VecDeque<Followed>, path: &Path) -> Result<bool> {
    for followed in files {
        if followed.size(path)? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The buffer size of an idle file.
const SMALLEST_BUFFER: usize = 8 * 1024;

/// Large enough that system calls cost little, small enough for the processor's cache.
const LARGEST_BUFFER: usize = 256 * 1024;

#[cfg(test)]
mod tests;
