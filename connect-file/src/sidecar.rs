//! The file beside the output that stores how far the output is committed.
//!
//! It is replaced atomically: written under another name, synced and renamed, and the folder synced.
//! After a crash it holds the state before or the state after.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::fs::File;
use std::io;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

use connect_api::Error;
use connect_api::Result;
use connect_api::TopicPartition;
use serde::Deserialize;
use serde::Serialize;

use crate::error;

/// The state of the output at a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// The committed length of the output in bytes. After a crash the rest is cut off.
    pub(crate) length: u64,
    /// The next offset of each partition that is in the output.
    pub(crate) offsets: BTreeMap<TopicPartition, i64>,
    /// The previous output, if it is being renamed.
    pub(crate) rotating: Option<Rotating>,
}

/// A rename that is to be done, unless it was done before a crash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rotating {
    /// The new name, in the same folder.
    pub(crate) to: String,
    /// The committed length of the renamed file.
    pub(crate) length: u64,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    length: u64,
    offsets: Vec<StoredOffset>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotating: Option<Rotating>,
}

#[derive(Serialize, Deserialize)]
struct StoredOffset {
    topic: String,
    partition: i32,
    offset: i64,
}

impl Checkpoint {
    /// Returns the file that stores the checkpoint of an output.
    pub(crate) fn path_for(output: &Path) -> PathBuf {
        with_suffix(output, ".offsets")
    }

    /// Reads the checkpoint of an output; `None` if there is none. *Blocking*.
    ///
    /// # Errors
    /// The file cannot be read, or is not a checkpoint.
    pub(crate) fn read(output: &Path) -> Result<Option<Self>> {
        let path = Self::path_for(output);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(error::of_path("read", &path, source)),
        };
        let corrupt = |reason: String| {
            Error::external(format!(
                "\"{}\" is corrupt ({reason}); restore it, or delete it to resume at the committed \
                 offsets, which may write lines again",
                path.display()
            ))
            .into_permanent()
        };
        let stored: Stored =
            serde_json::from_slice(&text).map_err(|source| corrupt(source.to_string()))?;
        if stored.version != VERSION {
            return Err(corrupt(format!("version {} is unknown", stored.version)));
        }
        if let Some(entry) = stored
            .offsets
            .iter()
            .find(|e| e.offset.min(e.partition.into()) < 0)
        {
            let StoredOffset {
                topic,
                partition,
                offset,
            } = entry;
            return Err(corrupt(format!(
                "{topic}-{partition} has the offset {offset}"
            )));
        }
        let entry = |entry: StoredOffset| {
            (
                TopicPartition::new(entry.topic, entry.partition),
                entry.offset,
            )
        };
        Ok(Some(Self {
            length: stored.length,
            offsets: stored.offsets.into_iter().map(entry).collect(),
            rotating: stored.rotating,
        }))
    }

    /// Replaces the checkpoint of an output atomically and durably. *Blocking*.
    pub(crate) fn write(&self, output: &Path) -> Result<()> {
        let offsets = self.offsets.iter().map(|(partition, offset)| StoredOffset {
            topic: partition.topic.to_string(),
            partition: partition.partition,
            offset: *offset,
        });
        let stored = Stored {
            version: VERSION,
            length: self.length,
            offsets: offsets.collect(),
            rotating: self.rotating.clone(),
        };
        let path = Self::path_for(output);
        let text = serde_json::to_vec(&stored)
            .map_err(|source| error::of_path("write", &path, source.into()))?;
        replace(&path, &text).map_err(|source| error::of_path("write", &path, source))
    }
}

/// Replaces a file atomically and durably.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let new = with_suffix(path, ".new");
    let mut file = File::create(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    tracing::debug!(path = %path.display(), "replacing");
    fs::rename(&new, path)?;
    sync_folder(path)
}

/// Makes the names in the folder of a file durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder(path))?.sync_all()
    } else {
        Ok(())
    }
}

/// Returns the folder of a file.
pub(crate) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Returns a path with `suffix` added to the name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

const VERSION: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("out");
        assert_eq!(Checkpoint::read(&output).unwrap(), None);
        let mut checkpoint = Checkpoint {
            length: 7,
            ..Checkpoint::default()
        };
        checkpoint.write(&output).unwrap();
        assert_eq!(Checkpoint::read(&output).unwrap(), Some(checkpoint.clone()));
        checkpoint.offsets.insert(TopicPartition::new("t", 3), 9);
        checkpoint.rotating = Some(Rotating {
            to: "out.000001".into(),
            length: 5,
        });
        checkpoint.write(&output).unwrap();
        assert_eq!(Checkpoint::read(&output).unwrap(), Some(checkpoint));
        let names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(names, ["out.offsets"]);
    }

    #[test]
    fn a_corrupt_checkpoint_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("out");
        for content in [
            "",
            "{\"version\":1,",
            "[]",
            r#"{"version":9,"length":0,"offsets":[]}"#,
            r#"{"version":1,"length":0,"offsets":[]} {}"#,
            r#"{"version":1,"length":0,"offsets":[{"topic":"t","partition":0,"offset":-1}]}"#,
        ] {
            fs::write(Checkpoint::path_for(&output), content).unwrap();
            let error = Checkpoint::read(&output).unwrap_err();
            assert!(
                error.message().contains("out.offsets\" is corrupt"),
                "{error}"
            );
            assert!(error.is_permanent());
        }
    }
}
