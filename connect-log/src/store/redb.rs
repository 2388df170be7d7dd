//! A store in a file, on `redb`.
//!
//! Every commit that is forced to the disk saves what `redb` needs to open quickly after a crash.
//! After any failure the database is closed and opened again for the next call, since `redb` fails
//! every call after an error of the disk. Panics inside `redb`, which damaged pages cause, are
//! caught here.

use std::any::Any;
use std::fmt;
use std::fs::File;
use std::fs::TryLockError;
use std::io;
use std::io::Read as _;
use std::io::Seek as _;
use std::io::Write as _;
use std::ops::Bound;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::panic::resume_unwind;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::RwLock;

use bytes::Bytes;
use connect_broker::BrokerError;
use connect_core::sync::lock;
use connect_core::sync::read;
use connect_core::sync::write;
use redb::Builder;
use redb::Database;
use redb::DatabaseError;
use redb::Durability;
use redb::ReadableDatabase as _;
use redb::ReadableTable as _;
use redb::TableDefinition;

use crate::store::Change;
use crate::store::Chunk;
use crate::store::Entry;
use crate::store::Store;
use crate::store::StoredBatch;

/// Opens the database, initially and after a failure.
pub(crate) type Opener = dyn Fn(&Builder) -> Result<Database, DatabaseError> + Send + Sync;

/// Keeps batches and entries in one file of a folder.
pub(crate) struct RedbStore {
    folder: PathBuf,
    cache_bytes: usize,
    opener: Box<Opener>,
    /// If false, a failure ends the store: it may have lost commits that were acknowledged.
    reopens: bool,
    state: RwLock<State>,
    /// Held until the store is closed.
    lock_file: Mutex<Option<File>>,
}

#[derive(Debug)]
enum State {
    Closed,
    /// The database has to be opened.
    Failed,
    Lost(BrokerError),
    Open(Database),
}

impl RedbStore {
    /// Opens or creates the store in a folder.
    ///
    /// *Blocking*: for a few file operations.
    ///
    /// # Errors
    /// [`BrokerError::Locked`] if a log has it open, in this process or another;
    /// [`BrokerError::Storage`], [`BrokerError::Corrupt`], [`BrokerError::Full`].
    pub(crate) fn open(
        folder: &Path,
        cache_bytes: usize,
        reopens: bool,
    ) -> Result<Self, (BrokerError, bool)> {
        let failed = |error: &io::Error| (io_error(folder, "opening", error), false);
        std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
        let lock_file = take_folder(folder)?;
        let file = folder.join(FILE);
        if !file.exists() {
            create(folder, &file).map_err(|error| failed(&error))?;
        }
        let opener = Box::new(move |builder: &Builder| builder.create(&file));
        let store = Self::with(folder, cache_bytes, reopens, opener).map_err(|e| (e, false))?;
        *lock(&store.lock_file) = Some(lock_file);
        Ok(store)
    }

    /// Opens a store with a database from another source, for tests.
    pub(crate) fn with(
        folder: &Path,
        cache_bytes: usize,
        reopens: bool,
        opener: Box<Opener>,
    ) -> Result<Self, BrokerError> {
        let store = Self {
            folder: folder.to_owned(),
            cache_bytes,
            opener,
            reopens,
            state: RwLock::new(State::Failed),
            lock_file: Mutex::new(None),
        };
        store.reopen()?;
        Ok(store)
    }

    /// Runs an operation on the database and contains its errors and panics.
    fn run<T>(
        &self,
        action: &'static str,
        work: impl Fn(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, BrokerError> {
        loop {
            let state = read(&self.state);
            let database = match &*state {
                State::Closed => return Err(BrokerError::Closed),
                State::Lost(error) => return Err(error.clone()),
                State::Open(database) => database,
                State::Failed => {
                    drop(state);
                    self.reopen()?;
                    continue;
                }
            };
            let error = match catch_unwind(AssertUnwindSafe(|| work(database))) {
                Ok(Ok(result)) => return Ok(result),
                Ok(Err(error)) => self.error(action, error),
                Err(panic) => self.panicked(&*panic),
            };
            drop(state);
            self.fail(&error);
            return Err(error);
        }
    }

    /// Closes the database; the next call opens it again.
    fn fail(&self, error: &BrokerError) {
        let mut state = write(&self.state);
        if matches!(*state, State::Open(_)) {
            let next = if self.reopens {
                State::Failed
            } else {
                State::Lost(error.clone())
            };
            let old = std::mem::replace(&mut *state, next);
            close_as_after_a_crash(old);
        }
    }

    fn reopen(&self) -> Result<(), BrokerError> {
        let mut state = write(&self.state);
        if !matches!(*state, State::Failed) {
            return Ok(());
        }
        let open = || {
            let mut builder = Builder::new();
            builder.set_cache_size(self.cache_bytes);
            (self.opener)(&builder)
        };
        let database = match catch_unwind(AssertUnwindSafe(open)) {
            Ok(Ok(database)) => database,
            Ok(Err(error)) => return Err(self.error("opening", error.into())),
            Err(panic) => return Err(self.panicked(&*panic)),
        };
        *state = State::Open(database);
        Ok(())
    }

    fn error(&self, action: &'static str, error: redb::Error) -> BrokerError {
        match error {
            redb::Error::Io(error) => io_error(&self.folder, action, &error),
            redb::Error::DatabaseAlreadyOpen => BrokerError::Locked {
                path: self.folder.clone(),
            },
            redb::Error::Corrupted(what) => self.corrupt(&what),
            error => BrokerError::Storage {
                action,
                path: self.folder.clone(),
                source: Arc::new(error),
            },
        }
    }

    fn panicked(&self, panic: &(dyn Any + Send)) -> BrokerError {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("a page is damaged");
        self.corrupt(text)
    }

    fn corrupt(&self, what: &str) -> BrokerError {
        BrokerError::Corrupt {
            what: format!("{}: {what}", self.folder.join(FILE).display()),
            lost: "restore the folder from a copy, or remove it and lose all topics".to_owned(),
        }
    }
}

impl Store for RedbStore {
    fn commit(&self, changes: &[Change], sync: bool) -> Result<(), BrokerError> {
        self.run("writing", |database| {
            let mut transaction = database.begin_write()?;
            if sync {
                transaction.set_quick_repair(true);
            } else {
                transaction.set_durability(Durability::None)?;
            }
            {
                let mut batches = transaction.open_table(BATCHES)?;
                let mut entries = transaction.open_table(ENTRIES)?;
                for change in changes {
                    match change {
                        Change::Put(key, value) => {
                            entries.insert(key.as_slice(), value.as_slice())?;
                        }
                        Change::PutBatch { log, base, bytes } => {
                            batches.insert((*log, base.cast_unsigned()), &bytes[..])?;
                        }
                        Change::Remove(key) => {
                            entries.remove(key.as_slice())?;
                        }
                        Change::RemoveBatches { log, from, to } if from < to => {
                            let from = (*log, from.cast_unsigned());
                            let to = (*log, to.cast_unsigned());
                            batches.retain_in(from..to, |_, _| false)?;
                        }
                        Change::RemoveBatches { .. } => {}
                    }
                }
            }
            transaction.commit()?;
            Ok(())
        })
    }

    fn read(
        &self,
        log: u32,
        from: i64,
        to: i64,
        limit: usize,
    ) -> Result<Vec<StoredBatch>, BrokerError> {
        self.run("reading", |database| {
            let transaction = database.begin_read()?;
            let table = match transaction.open_table(BATCHES) {
                Ok(table) => table,
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
                Err(error) => return Err(error.into()),
            };
            let mut chunk = Chunk::new(limit);
            let at = (log, from.cast_unsigned());
            if let Some(first) = table.range((log, 0)..=at)?.next_back() {
                let (key, value) = first?;
                chunk.push_first(key.value().1.cast_signed(), || copy(value.value()));
            }
            let end = (log, to.max(from + 1).cast_unsigned());
            let rest = (Bound::Excluded(at), Bound::Excluded(end));
            for item in table.range::<(u32, u64)>(rest)? {
                let (key, value) = item?;
                let value = value.value();
                if !chunk.push(key.value().1.cast_signed(), value.len(), || copy(value)) {
                    break;
                }
            }
            Ok(chunk.into_batches())
        })
    }

    fn entries(&self) -> Result<Vec<Entry>, BrokerError> {
        self.run("opening", |database| {
            let transaction = database.begin_read()?;
            let table = match transaction.open_table(ENTRIES) {
                Ok(table) => table,
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
                Err(error) => return Err(error.into()),
            };
            let mut entries = Vec::new();
            for item in table.iter()? {
                let (key, value) = item?;
                entries.push((key.value().to_vec(), value.value().to_vec()));
            }
            Ok(entries)
        })
    }

    fn is_in_memory(&self) -> bool {
        false
    }

    fn close(&self) {
        let old = std::mem::replace(&mut *write(&self.state), State::Closed);
        close_as_after_a_crash(old);
        *lock(&self.lock_file) = None;
    }
}

/// Closes a database as a crash would: redb writes nothing more while its thread unwinds.
///
/// On a normal close, redb runs a last transaction that only makes the file smaller. Over damaged
/// pages it panics, and panics again while that unwinds, which aborts the process. What was
/// committed does not need that transaction: every commit saves what the next opening needs.
fn close_as_after_a_crash(database: State) {
    let _ = catch_unwind(AssertUnwindSafe(move || {
        let _unwound = database;
        if cfg!(panic = "unwind") {
            resume_unwind(Box::new("closed"));
        }
    }));
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStore")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// Locks the folder; the lock ends with the file, at the latest with the process.
fn take_folder(folder: &Path) -> Result<File, (BrokerError, bool)> {
    let failed = |error: &io::Error| (io_error(folder, "opening", error), false);
    let path = folder.join(LOCK_FILE);
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|error| failed(&error))?;
    let own = std::process::id().to_string();
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // The holder only decides how long to wait.
            let _ = file.read_to_string(&mut holder);
            let error = BrokerError::Locked {
                path: folder.to_owned(),
            };
            return Err((error, holder.trim() == own));
        }
        Err(TryLockError::Error(error)) => return Err(failed(&error)),
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(own.as_bytes()))
        .map_err(|error| failed(&error))?;
    Ok(file)
}

/// Creates an empty database under another name and renames it: a process that is killed in between
/// leaves nothing that looks like a damaged log.
fn create(folder: &Path, file: &Path) -> io::Result<()> {
    let draft = folder.join(DRAFT);
    match std::fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    drop(Database::create(&draft).map_err(|error| match error {
        DatabaseError::Storage(redb::StorageError::Io(error)) => error,
        error => io::Error::other(error),
    })?);
    File::open(&draft)?.sync_all()?;
    std::fs::rename(&draft, file)?;
    sync_folder(folder)
}

/// Makes sure that a new file survives a power failure.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

fn io_error(folder: &Path, action: &'static str, error: &io::Error) -> BrokerError {
    use io::ErrorKind::FileTooLarge;
    use io::ErrorKind::QuotaExceeded;
    use io::ErrorKind::StorageFull;
    if matches!(error.kind(), FileTooLarge | QuotaExceeded | StorageFull) {
        return BrokerError::Full {
            path: folder.to_owned(),
            detail: format!("{error}; free some space, nothing that was stored is lost"),
        };
    }
    let source = io::Error::new(error.kind(), error.to_string());
    BrokerError::Storage {
        action,
        path: folder.to_owned(),
        source: Arc::new(source),
    }
}

fn copy(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

const BATCHES: TableDefinition<'_, (u32, u64), &[u8]> = TableDefinition::new("batches");
const ENTRIES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("entries");
/// A database that is being created.
const DRAFT: &str = "log.redb.new";

const FILE: &str = "log.redb";
const LOCK_FILE: &str = "lock";
