//! Source offsets in a file: for a standalone worker on Kafka, and for sources without a log.
//!
//! A write creates a whole new file, syncs it and renames it over the old one, so that a crash leaves
//! the old file or the new one. A file that Java wrote is read; when the first offsets are written, it
//! is kept under the extension `.java`.

use std::fs::File;
use std::io::ErrorKind;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;

use async_trait::async_trait;
use connect_api::Error;
use connect_api::Result;
use connect_api::Timestamp;
use connect_core::ConnectorName;
use connect_core::codec::offset_file;
use connect_core::codec::offset_file::OffsetFile;
use connect_core::sync::lock;

use crate::store::OffsetStore;
use crate::store::OffsetUpdate;
use crate::store::offsets::Known;

/// Source offsets in a file.
#[derive(Debug)]
pub(crate) struct FileOffsets(Arc<Stored>);

#[derive(Debug)]
struct Stored {
    path: PathBuf,
    cluster_id: Option<String>,
    known: Known,
    /// Held while the file is written.
    writing: Mutex<()>,
}

impl FileOffsets {
    /// Reads the file, if it exists.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](connect_api::ErrorKind::Config) if it cannot be read, is damaged, or
    /// belongs to another cluster.
    pub(crate) async fn open(path: PathBuf, cluster_id: Option<String>) -> Result<Self> {
        let file = read(&path).await?.unwrap_or(OffsetFile {
            cluster_id: None,
            entries: Vec::new(),
        });
        if let (Some(stored), Some(actual)) = (&file.cluster_id, &cluster_id)
            && stored != actual
        {
            return Err(Error::config(format!(
                "the offsets file {} belongs to cluster \"{stored}\", but this is cluster \
                 \"{actual}\"; give the worker another `offset.storage.file.filename`",
                path.display()
            )));
        }
        Ok(Self(Arc::new(Stored {
            path,
            cluster_id,
            known: Known::from_entries(file.entries),
            writing: Mutex::default(),
        })))
    }
}

impl Stored {
    fn write(&self, connector: &ConnectorName, updates: &[OffsetUpdate]) -> std::io::Result<()> {
        // It guards no data that a panic could leave inconsistent.
        let _writing = lock(&self.writing);
        let next = Known::from_entries(self.known.entries());
        next.apply(connector, updates);
        let bytes = offset_file::encode(self.cluster_id.as_deref(), &next.entries());
        replace(&self.path, &bytes)?;
        self.known.apply(connector, updates);
        Ok(())
    }
}

#[async_trait]
impl OffsetStore for FileOffsets {
    fn known(&self) -> &Known {
        &self.0.known
    }

    /// *Cancellation*: a write that has started completes.
    async fn write(
        &self,
        connector: &ConnectorName,
        updates: &[OffsetUpdate],
        _: Timestamp,
    ) -> Result<()> {
        let (stored, connector, updates) =
            (Arc::clone(&self.0), connector.clone(), updates.to_vec());
        let writing = tokio::task::spawn_blocking(move || stored.write(&connector, &updates));
        let failed = || {
            format!(
                "the offsets file {} cannot be written",
                self.0.path.display()
            )
        };
        match writing.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Error::external(failed()).with_source(error)),
            Err(error) => Err(Error::external(failed()).with_source(error)),
        }
    }
}

/// Reads an offsets file of either format; `None` if there is none.
pub(crate) async fn read(path: &Path) -> Result<Option<OffsetFile>> {
    let unreadable = || {
        Error::config(format!(
            "the offsets file {} cannot be read",
            path.display()
        ))
    };
    let own_path = path.to_owned();
    let bytes = match tokio::task::spawn_blocking(move || std::fs::read(own_path)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Ok(Err(error)) => return Err(unreadable().with_source(error)),
        Err(error) => return Err(unreadable().with_source(error)),
    };
    offset_file::decode(&bytes).map(Some).map_err(|error| {
        Error::config(format!(
            "the offsets file {} cannot be used; move it away to start without its offsets",
            path.display()
        ))
        .with_source(error)
    })
}

/// Replaces a file. A crash leaves the old file or the new one, complete.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = File::open(folder.unwrap_or(Path::new(".")))?;
    // A worker that was dropped may still write while its successor does, and both use the same
    // temporary file. On a file system without locks this is not prevented.
    let _ = folder.lock();
    if offset_file::is_java(&std::fs::read(path).unwrap_or_default()) {
        std::fs::copy(path, beside(path, "java"))?;
    }
    let draft = beside(path, "draft");
    let mut file = File::create(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    // The rename is durable only once the folder is synced.
    folder.sync_all()
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use connect_api::record::SourceOffset;
    use connect_api::record::SourcePartition;

    #[tokio::test]
    async fn offsets_survive_and_belong_to_one_cluster() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("connect.offsets");
        let file = SourcePartition::new([("filename", "a")]);
        let offset = SourceOffset::new("position", 7i64);
        let store = FileOffsets::open(path.clone(), Some("one".into()))
            .await
            .unwrap();
        let update = [(file.clone(), Some(offset.clone()))];
        store
            .write(&"c".into(), &update, Timestamp::from_millis(0))
            .await
            .unwrap();

        let again: Box<dyn OffsetStore> = Box::new(
            FileOffsets::open(path.clone(), Some("one".into()))
                .await
                .unwrap(),
        );
        assert_eq!(again.read("c", &[file]), [Some(offset)]);
        let error = FileOffsets::open(path, Some("two".into()))
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("belongs to cluster \"one\""),
            "{error}"
        );
    }

    /// As the writer of a worker that was dropped and that of its successor would.
    #[test]
    fn writers_side_by_side_leave_one_file_or_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("connect.offsets");
        let contents = [vec![b'a'; 100_000], vec![b'b'; 50_000]];
        std::thread::scope(|scope| {
            for content in &contents {
                scope.spawn(|| {
                    for _ in 0..50 {
                        replace(&path, content).unwrap();
                        assert!(contents.contains(&std::fs::read(&path).unwrap()));
                    }
                });
            }
        });
    }

    #[tokio::test]
    async fn a_damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("connect.offsets");
        std::fs::write(&path, "rubbish").unwrap();
        let error = FileOffsets::open(path.clone(), None)
            .await
            .unwrap_err()
            .report();
        assert!(
            error.contains(path.to_str().unwrap()) && error.contains("move it away"),
            "{error}"
        );
    }
}
