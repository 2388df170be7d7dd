//! Writing whole lines to a file.
//!
//! Decision that lives here: what the file may look like when something goes wrong. Lines are
//! appended whole, many with one call. A failed write leaves nothing behind of what was not
//! committed; a line that a kill tore is cut off at the next start, if it can be proved to be ours.
//!
//! *Blocking*: all methods. They run where blocking is allowed; see the writer of the sink.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

use connect_api::Error;
use connect_api::Result;

use crate::error;
use crate::identity::FileId;
use crate::os;
use crate::sidecar;
use crate::sidecar::Checkpoint;
use crate::sidecar::Rotating;

/// A file to which lines are appended.
#[derive(Debug)]
pub(crate) struct Output {
    path: PathBuf,
    file: File,
    /// Bytes of the file, if nobody else writes to it.
    length: u64,
    /// Bytes of the file that are synced and told to the log.
    committed: u64,
    sharing: Sharing,
    /// False for pipes and devices, which have neither length nor name to rely on.
    is_regular: bool,
    /// Somebody else has the lock of the file.
    is_locked: bool,
    /// A failed write may have left a part of a line.
    is_torn: bool,
    /// What is kept beside the data, for exactly-once.
    checkpoint: Option<Checkpoint>,
}

/// Whether an output that is locked may become free if it is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// There is time to try again.
    Left,
    /// This is the last try.
    Over,
}

/// Who else may write to the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Nobody: the file is ours and may be cut.
    Alone,
    /// Other tasks.
    Shared,
}

impl Output {
    /// Opens a file for appending, and repairs it after a crash.
    ///
    /// Somebody else may hold the lock of the file, such as a task that was given up and still
    /// writes. Then there is no output yet, unless `patience` is [over](Patience::Over).
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn open(path: &Path, sharing: Sharing, patience: Patience) -> Result<Option<Self>> {
        let mut output = Self::new(path, sharing)?;
        if output.is_locked && patience == Patience::Left {
            return Ok(None);
        }
        if output.is_locked {
            let path = path.display();
            tracing::warn!(%path, "another task or process writes to the file too");
        }
        if output.is_regular {
            output.repair()?;
            output.committed = output.length;
            output.begin_marker();
        }
        Ok(Some(output))
    }

    /// Opens a file that has its offsets beside it, and cuts it back to the last commit.
    ///
    /// # Errors
    /// As [`open`](Self::open); or the file lacks what was committed, or is not ours alone.
    pub(crate) fn open_exactly_once(path: &Path, patience: Patience) -> Result<Option<Self>> {
        let checkpoint = Checkpoint::read(path)?;
        if let Some(rotating) = checkpoint
            .as_ref()
            .and_then(|found| found.rotating.as_ref())
        {
            finish_rotation(path, rotating)?;
        }
        let mut output = Self::new(path, Sharing::Alone)?;
        if output.is_locked && patience == Patience::Left {
            return Ok(None);
        }
        if output.sharing == Sharing::Shared {
            return Err(Error::external(format!(
                "another task or process writes to \"{}\", or it is not a regular file; \
                 exactly-once needs a file of its own",
                path.display()
            )));
        }
        let checkpoint = match checkpoint {
            Some(checkpoint) => {
                output.cut_back_to(checkpoint.length)?;
                checkpoint
            }
            None => {
                output.end_foreign_line()?;
                let first = Checkpoint {
                    length: output.length,
                    ..Checkpoint::default()
                };
                first.write(path)?;
                first
            }
        };
        output.committed = output.length;
        output.checkpoint = Some(checkpoint);
        Ok(Some(output))
    }

    fn new(path: &Path, sharing: Sharing) -> Result<Self> {
        let opens = |source| error::of_path("write", path, source);
        if fs::metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
            return Err(error::directory(path));
        }
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .map_err(opens)?;
        let metadata = file.metadata().map_err(opens)?;
        let is_regular = metadata.is_file();
        let is_locked = is_regular
            && sharing == Sharing::Alone
            && matches!(file.try_lock(), Err(TryLockError::WouldBlock));
        Ok(Self {
            path: path.to_owned(),
            file,
            length: metadata.len(),
            committed: metadata.len(),
            sharing: if is_locked || !is_regular {
                Sharing::Shared
            } else {
                sharing
            },
            is_regular,
            is_locked,
            is_torn: false,
            checkpoint: None,
        })
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Appends whole lines.
    ///
    /// # Errors
    /// They cannot be written. The file is then cut back to the last commit, as far as that is
    /// possible.
    pub(crate) fn append(&mut self, lines: &[u8]) -> Result<()> {
        tracing::debug!(path = %self.path.display(), bytes = lines.len(), "writing");
        let mut rest = lines;
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(written) => {
                    self.length += written as u64;
                    rest = rest.get(written..).unwrap_or_default();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    self.undo();
                    return Err(error::of_path("write", &self.path, source));
                }
            }
        }
        Ok(())
    }

    /// Makes everything durable that was appended.
    ///
    /// # Errors
    /// It cannot be made durable, or the file is gone.
    pub(crate) fn sync(&mut self) -> Result<()> {
        if self.is_regular && self.length != self.committed {
            self.file.sync_data().map_err(|source| {
                self.undo();
                error::of_path("write", &self.path, source)
            })?;
            self.check_name()?;
        }
        self.committed = self.length;
        Ok(())
    }

    /// [`sync`](Self::sync), and keeps the offsets that were reached.
    pub(crate) fn commit(
        &mut self,
        offsets: impl IntoIterator<Item = (connect_api::TopicPartition, i64)>,
    ) -> Result<()> {
        self.sync()?;
        tracing::debug!(path = %self.path.display(), length = self.length, "synced");
        let Some(checkpoint) = &self.checkpoint else {
            return Ok(());
        };
        let mut next = checkpoint.clone();
        next.offsets.extend(offsets);
        next.length = self.length;
        next.rotating = None;
        if next != *checkpoint {
            next.write(&self.path)?;
            self.checkpoint = Some(next);
        }
        Ok(())
    }

    /// Renames the file, which was just committed, and begins a new one.
    ///
    /// # Errors
    /// A name cannot be changed; the next start goes on where this ended.
    pub(crate) fn rotate(&mut self) -> Result<()> {
        let to = next_name(&self.path)?;
        let rotating = Rotating {
            to,
            length: self.length,
        };
        if let Some(checkpoint) = &mut self.checkpoint {
            checkpoint.length = 0;
            checkpoint.rotating = Some(rotating.clone());
            checkpoint.write(&self.path)?;
        }
        finish_rotation(&self.path, &rotating)?;
        let path = self.path.display();
        tracing::info!(%path, to = rotating.to, bytes = rotating.length, "began a new file");
        self.begin_new()
    }

    /// Begins a new file in place of one that was renamed.
    fn begin_new(&mut self) -> Result<()> {
        let new = Self::new(&self.path, self.sharing)?;
        *self = Self {
            checkpoint: self.checkpoint.take(),
            ..new
        };
        self.begin_marker();
        Ok(())
    }

    /// When the file was written last.
    pub(crate) fn modified(&self) -> Option<std::time::SystemTime> {
        self.file
            .metadata()
            .and_then(|metadata| metadata.modified())
            .ok()
    }

    /// Ends writing: whole lines stand at the end of the file.
    pub(crate) fn close(self) {
        if self.checkpoint.is_none() && self.sharing == Sharing::Alone && !self.is_torn {
            // If it stays, the next start looks for a torn line and finds none.
            let _ = fs::remove_file(marker(&self.path));
        }
    }

    fn size(&self) -> Result<u64> {
        let metadata = self.file.metadata();
        Ok(metadata
            .map_err(|source| error::of_path("open", &self.path, source))?
            .len())
    }

    fn set_length(&mut self, length: u64) -> Result<()> {
        self.file
            .set_len(length)
            .map_err(|source| error::of_path("cut", &self.path, source))?;
        self.length = length;
        Ok(())
    }

    /// Takes back what was appended since the last commit, if nobody else appended too.
    fn undo(&mut self) {
        let is_ours =
            self.sharing == Sharing::Alone && self.size().is_ok_and(|size| size == self.length);
        let path = self.path.display().to_string();
        if !is_ours {
            self.is_torn = true;
            tracing::warn!(path, "a failed write may have left a part of a line");
            return;
        }
        let (length, committed) = (self.length, self.committed);
        match self.set_length(committed) {
            Ok(()) => tracing::warn!(path, length, committed, "cut back to the last commit"),
            Err(error) => {
                self.is_torn = true;
                tracing::warn!(path, %error, "cannot cut back to the last commit");
            }
        }
    }

    /// Fails if what was written is in no file any more; begins a new file if ours was renamed.
    fn check_name(&mut self) -> Result<()> {
        let fails = |source| error::of_path("write", &self.path, source);
        let ours = self.file.metadata().map_err(fails)?;
        if !os::has_a_name(&ours) {
            return Err(Error::external(format!(
                "\"{}\" was deleted while it was written; restart the task to write it anew from \
                 the last commit on",
                self.path.display()
            )));
        }
        let is_same = match fs::metadata(&self.path) {
            Ok(named) => FileId::of(&named) == FileId::of(&ours),
            Err(source) if source.kind() == io::ErrorKind::NotFound => false,
            Err(source) => return Err(fails(source)),
        };
        if is_same {
            return Ok(());
        }
        if self.checkpoint.is_some() {
            return Err(Error::external(format!(
                "\"{}\" was renamed or replaced while it was written; put it back, or delete \"{}\"",
                self.path.display(),
                Checkpoint::path_for(&self.path).display()
            )));
        }
        tracing::info!(path = %self.path.display(), "the file was renamed; beginning a new one");
        self.begin_new()
    }

    /// Cuts off a line that a kill tore, if the marker proves that we wrote it.
    fn repair(&mut self) -> Result<()> {
        if self.sharing == Sharing::Alone
            && let Some(began) = read_marker(&self.path)
        {
            let torn_from = self.last_line_end().unwrap_or(self.length);
            if torn_from < self.length && torn_from >= began {
                let (path, bytes) = (self.path.display(), self.length - torn_from);
                tracing::warn!(%path, bytes, "cut off a line that was not written to its end");
                return self.set_length(torn_from);
            }
        }
        self.end_foreign_line()
    }

    /// Ends a line that somebody left without an end, so that ours are not added to it.
    fn end_foreign_line(&mut self) -> Result<()> {
        let is_ended = |output: &Self| match output.last_line_end() {
            Ok(end) => end == output.length,
            Err(error) => {
                // A file that may be written but not read.
                tracing::debug!(%error, "cannot see whether the last line has an end");
                true
            }
        };
        if self.length == 0 || is_ended(self) {
            return Ok(());
        }
        if self.sharing == Sharing::Shared {
            // Another task may be in the middle of a write: look again.
            self.length = self.size()?;
            if is_ended(self) {
                return Ok(());
            }
        }
        tracing::warn!(
            path = %self.path.display(),
            "the file ends with a line without an end; ending it before the first line is written"
        );
        self.append(b"\n")
    }

    /// Where the last whole line ends.
    fn last_line_end(&self) -> Result<u64> {
        let fails = |source| error::of_path("read", &self.path, source);
        let file = File::open(&self.path).map_err(fails)?;
        let mut buffer = vec![0; 64 * 1024];
        let mut end = self.length;
        while end > 0 {
            let start = end.saturating_sub(buffer.len() as u64);
            let wanted = usize::try_from(end - start).unwrap_or(buffer.len());
            let part = buffer.get_mut(..wanted).unwrap_or_default();
            let length = os::read_full_at(&file, part, start).map_err(fails)?;
            let part = part.get(..length).unwrap_or_default();
            if let Some(last) = memchr::memrchr(b'\n', part) {
                return Ok(start + last as u64 + 1);
            }
            end = start;
        }
        Ok(0)
    }

    fn cut_back_to(&mut self, length: u64) -> Result<()> {
        if self.length < length {
            return Err(Error::external(format!(
                "\"{}\" has {} bytes, but {length} were committed; restore it, or delete \"{}\" to \
                 go on from the committed offsets",
                self.path.display(),
                self.length,
                Checkpoint::path_for(&self.path).display()
            ))
            .into_permanent());
        }
        if self.length > length {
            let (path, bytes) = (self.path.display(), self.length - length);
            tracing::info!(%path, bytes, "cut off what was not committed");
            self.set_length(length)?;
        }
        Ok(())
    }

    /// Notes from where on the file is ours, durably, as is then the name of the file itself;
    /// without it only torn lines cannot be repaired.
    fn begin_marker(&self) {
        if self.checkpoint.is_some() || self.sharing == Sharing::Shared {
            return;
        }
        let path = marker(&self.path);
        if let Err(error) = sidecar::replace(&path, self.length.to_string().as_bytes()) {
            tracing::debug!(path = %path.display(), %error, "a torn line could not be repaired");
        }
    }
}

/// Renames the file if that was not done before.
fn finish_rotation(path: &Path, rotating: &Rotating) -> Result<()> {
    let to = sidecar::folder(path).join(&rotating.to);
    if to.exists() {
        return Ok(());
    }
    let renames = |source| error::of_path("rename", path, source);
    let file = OpenOptions::new().write(true).open(path).map_err(renames)?;
    if file.metadata().map_err(renames)?.len() > rotating.length {
        file.set_len(rotating.length).map_err(renames)?;
    }
    fs::rename(path, &to).map_err(renames)?;
    sidecar::sync_folder(path).map_err(renames)
}

/// The first name with a number behind all that exist.
fn next_name(path: &Path) -> Result<String> {
    let folder = sidecar::folder(path);
    let lists = |source| error::of_path("list", folder, source);
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let mut last = 0;
    for entry in fs::read_dir(folder).map_err(lists)? {
        let other = entry.map_err(lists)?.file_name();
        let number = other
            .to_str()
            .and_then(|other| other.strip_prefix(&name)?.strip_prefix('.'));
        last = last.max(
            number
                .and_then(|number| number.parse().ok())
                .unwrap_or(0_u64),
        );
    }
    Ok(format!("{name}.{:06}", last + 1))
}

fn marker(path: &Path) -> PathBuf {
    sidecar::with_suffix(path, ".writing")
}

fn read_marker(path: &Path) -> Option<u64> {
    fs::read_to_string(marker(path)).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests;
