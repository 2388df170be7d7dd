//! Standard input.
//!
//! A process has one standard input, and a read from it cannot be interrupted. So one thread, started
//! at the first use, reads it for all tasks of one registry, one task after the other. A task
//! continues with what the task before it did not use.

use std::io;
use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use bytes::BytesMut;
use connect_api::Error;
use connect_api::Result;
use tokio::sync::Mutex;
use tokio::sync::OwnedMutexGuard;
use tokio::sync::mpsc;

use crate::line::Splitter;

/// The standard input of the process. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stdin(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Chunks from the thread, once it is started.
    chunks: Option<mpsc::Receiver<io::Result<Bytes>>>,
    /// The start of a line, left by a stopped task.
    held: Option<Splitter>,
}

/// Standard input, reserved for one task.
#[derive(Debug)]
pub(crate) struct StdinGuard(OwnedMutexGuard<State>);

impl Stdin {
    /// Reserves it for a task.
    ///
    /// # Errors
    /// Another task has reserved it.
    pub(crate) fn take(&self) -> Result<StdinGuard> {
        self.take_from(io::stdin)
    }

    fn take_from<R: Read>(&self, input: impl FnOnce() -> R + Send + 'static) -> Result<StdinGuard> {
        let mut state = Arc::clone(&self.0).try_lock_owned().map_err(|_| {
            Error::external(
                "another task reads standard input already; set \"file\" in one of the two connectors",
            )
        })?;
        if state.chunks.is_none() {
            let (sender, chunks) = mpsc::channel(2);
            std::thread::Builder::new()
                .name("connect-file-stdin".into())
                .spawn(move || read(input(), &sender))
                .map_err(|source| {
                    Error::external("cannot start a thread for standard input").with_source(source)
                })?;
            state.chunks = Some(chunks);
        }
        Ok(StdinGuard(state))
    }
}

impl StdinGuard {
    /// Takes the start of a line that a stopped task left.
    pub(crate) fn take_held(&mut self) -> Option<Splitter> {
        self.0.held.take()
    }

    /// Leaves the start of a line to the next task.
    pub(crate) fn give_back(mut self, held: Splitter) {
        self.0.held = Some(held);
    }

    /// Returns the next chunk, or `None` at the end.
    ///
    /// *Cancellation*: safe.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>> {
        let Some(chunks) = &mut self.0.chunks else {
            return Ok(None);
        };
        let chunk = chunks.recv().await.transpose();
        chunk.map_err(|source| Error::external("cannot read standard input").with_source(source))
    }

    /// Returns the next chunk if it is available.
    pub(crate) fn ready_chunk(&mut self) -> Option<Bytes> {
        self.0.chunks.as_mut()?.try_recv().ok()?.ok()
    }
}

fn read(mut input: impl Read, chunks: &mpsc::Sender<io::Result<Bytes>>) {
    let mut buffer = BytesMut::new();
    loop {
        if buffer.len() < CHUNK / 2 {
            buffer = BytesMut::zeroed(CHUNK);
        }
        let chunk = match input.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => Ok(buffer.split_to(length).freeze()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let failed = chunk.is_err();
        if chunks.blocking_send(chunk).is_err() || failed {
            return;
        }
    }
}

const CHUNK: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LongLine;

    #[tokio::test]
    async fn tasks_read_it_one_after_the_other_without_loss() {
        let stdin = Stdin::default();
        let mut first = stdin.take_from(|| io::Cursor::new(b"a\nb")).unwrap();
        assert!(stdin.take().unwrap_err().message().contains("another task"));
        let mut splitter = Splitter::new(0, 10, LongLine::Fail);
        splitter.feed(first.chunk().await.unwrap().unwrap());
        assert_eq!(&splitter.next().unwrap().unwrap().bytes[..], b"a");
        assert_eq!(splitter.next(), Ok(None));
        first.give_back(splitter);

        let mut second = stdin.take_from(|| io::Cursor::new(b"never read")).unwrap();
        assert_eq!(second.take_held().unwrap().leftover(), 1);
        assert_eq!(second.chunk().await.unwrap(), None);
    }
}
