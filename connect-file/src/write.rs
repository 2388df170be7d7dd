//! Writes whole lines to a file.
//!
//! Decides what the file looks like after a failure. Lines are appended whole, many with one call. A
//! failed write truncates the file to the last commit. The next start cuts off a line that a kill
//! tore, if it can prove that this crate wrote it.
//!
//! *Blocking*: all methods. The writer of the sink calls them where blocking is allowed.

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
    /// The length of the file, if no other process writes to it.
    length: u64,
    /// The length of the file at the last commit.
    committed: u64,
    sharing: Sharing,
    /// False for pipes and devices, which have no length and no stable name.
    is_regular: bool,
    /// Another task or process has locked the file.
    is_locked: bool,
    /// A failed write may have left a part of a line.
    is_torn: bool,
    /// The offsets stored beside the data, with exactly-once.
    checkpoint: Option<Checkpoint>,
}

/// Whether to wait for a locked file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// The caller will try again.
    Left,
    /// This is the last try.
    Over,
}

/// Who else may write to the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Nobody: the file may be truncated.
    Alone,
    /// Other tasks.
    Shared,
}

impl Output {
    /// Opens a file for appending, and repairs it after a crash.
    ///
    /// Returns `None` if another task or process has locked the file, such as an abandoned task that
    /// still writes, unless `patience` is [over](Patience::Over).
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
            tracing::warn!(%path, "another task or process writes to the same file");
        }
        if output.is_regular {
            output.repair()?;
            output.committed = output.length;
            output.begin_marker();
        }
        Ok(Some(output))
    }

    /// Opens a file with offsets beside it, and truncates it to the last commit.
    ///
    /// # Errors
    /// As [`open`](Self::open); or the file is shorter than committed, or others write to it.
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
                 exactly.once needs a separate file for each task",
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
    /// A write fails. The file is then truncated to the last commit if possible.
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

    /// Makes all appended lines durable.
    ///
    /// # Errors
    /// The sync fails, or the file was deleted.
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

    /// Calls [`sync`](Self::sync) and stores the offsets that were reached.
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

    /// Renames the file, which was just committed, and starts a new one.
    ///
    /// # Errors
    /// The rename fails; the next start continues it.
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
        tracing::info!(%path, to = rotating.to, bytes = rotating.length, "started a new file");
        self.begin_new()
    }

    /// Starts a new file in place of one that was renamed.
    fn begin_new(&mut self) -> Result<()> {
        let new = Self::new(&self.path, self.sharing)?;
        *self = Self {
            checkpoint: self.checkpoint.take(),
            ..new
        };
        self.begin_marker();
        Ok(())
    }

    /// Returns when the file was last written.
    pub(crate) fn modified(&self) -> Option<std::time::SystemTime> {
        self.file
            .metadata()
            .and_then(|metadata| metadata.modified())
            .ok()
    }

    /// Closes the file. It ends with a whole line.
    pub(crate) fn close(self) {
        if self.checkpoint.is_none() && self.sharing == Sharing::Alone && !self.is_torn {
            // If this fails, the next start looks for a torn line and finds none.
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
            .map_err(|source| error::of_path("truncate", &self.path, source))?;
        self.length = length;
        Ok(())
    }

    /// Truncates the file to the last commit, if nobody else appended to it.
    fn undo(&mut self) {
        let is_ours =
            self.sharing == Sharing::Alone && self.size().is_ok_and(|size| size == self.length);
        let path = self.path.display().to_string();
        if !is_ours {
            self.is_torn = true;
            tracing::warn!(path, "a failed write may have left part of a line");
            return;
        }
        let (length, committed) = (self.length, self.committed);
        match self.set_length(committed) {
            Ok(()) => tracing::warn!(
                path,
                length,
                committed,
                "truncated the file to the last commit"
            ),
            Err(error) => {
                self.is_torn = true;
                tracing::warn!(path, %error, "cannot truncate the file to the last commit");
            }
        }
    }

    /// Fails if the file was deleted. Starts a new file if it was renamed.
    fn check_name(&mut self) -> Result<()> {
        let fails = |source| error::of_path("write", &self.path, source);
        let ours = self.file.metadata().map_err(fails)?;
        if !os::has_a_name(&ours) {
            return Err(Error::external(format!(
                "\"{}\" was deleted while the task wrote it; restart the task to write again what \
                 was not committed",
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
                "\"{}\" was renamed or replaced while the task wrote it; put it back, or delete \
                 \"{}\" to resume at the committed offsets",
                self.path.display(),
                Checkpoint::path_for(&self.path).display()
            )));
        }
        tracing::info!(path = %self.path.display(), "the file was renamed; starting a new one");
        self.begin_new()
    }

    /// Cuts off a line that a kill tore, if the marker proves that this crate wrote it.
    fn repair(&mut self) -> Result<()> {
        if self.sharing == Sharing::Alone
            && let Some(began) = read_marker(&self.path)
        {
            let torn_from = self.last_line_end().unwrap_or(self.length);
            if torn_from < self.length && torn_from >= began {
                let (path, bytes) = (self.path.display(), self.length - torn_from);
                tracing::warn!(%path, bytes, "cut off an incomplete line");
                return self.set_length(torn_from);
            }
        }
        self.end_foreign_line()
    }

    /// Ends a last line that has no line ending, so that the first record gets its own line.
    fn end_foreign_line(&mut self) -> Result<()> {
        let is_ended = |output: &Self| match output.last_line_end() {
            Ok(end) => end == output.length,
            Err(error) => {
                // Some files may be written but not read.
                tracing::debug!(%error, "cannot read whether the last line has a line ending");
                true
            }
        };
        if self.length == 0 || is_ended(self) {
            return Ok(());
        }
        if self.sharing == Sharing::Shared {
            // Another task may be writing a line right now: look again.
            self.length = self.size()?;
            if is_ended(self) {
                return Ok(());
            }
        }
        tracing::warn!(
            path = %self.path.display(),
            "the last line of the file has no line ending; adding one before the first record"
        );
        self.append(b"\n")
    }

    /// Returns where the last whole line ends.
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
                 resume at the committed offsets",
                self.path.display(),
                self.length,
                Checkpoint::path_for(&self.path).display()
            ))
            .into_permanent());
        }
        if self.length > length {
            let (path, bytes) = (self.path.display(), self.length - length);
            tracing::info!(%path, bytes, "cut off records that were not committed");
            self.set_length(length)?;
        }
        Ok(())
    }

    /// Durably stores where this task started to write; this makes the name of the file durable too.
    /// Without the marker torn lines are not repaired, nothing else.
    fn begin_marker(&self) {
        if self.checkpoint.is_some() || self.sharing == Sharing::Shared {
            return;
        }
        let path = marker(&self.path);
        if let Err(error) = sidecar::replace(&path, self.length.to_string().as_bytes()) {
            tracing::debug!(path = %path.display(), %error, "cannot write the marker; a torn line would not be repaired");
        }
    }
}

/// Renames the file unless that was done before a crash.
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

/// Returns the name with the number after the largest existing one.
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
        let number = number.and_then(|number| number.parse::<u64>().ok());
        last = last.max(number.filter(|number| *number < u64::MAX).unwrap_or(0));
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
