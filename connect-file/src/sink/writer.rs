//! Writes in the background, on the threads for blocking work.
//!
//! While one buffer is written, the next one is filled. At most one write runs at a time. When `put`
//! returns, its lines are being written.

use std::io;
use std::io::Write as _;
use std::mem;

use connect_api::Error;
use connect_api::LogOffsets;
use connect_api::Result;
use connect_api::data::Value;
use connect_api::data::text_form;
use tokio::task::JoinHandle;

use crate::error;
use crate::write::Output;

/// Where lines go.
#[derive(Debug)]
pub(crate) enum Target {
    File(Box<Output>),
    Stdout,
}

/// Lines on their way to a [`Target`].
///
/// *Cancellation*: safe; a running write is kept. After an error nothing more is written.
#[derive(Debug)]
pub(crate) struct Writer {
    state: State,
    lines: Vec<u8>,
    /// An empty buffer for reuse.
    spare: Vec<u8>,
    /// A buffer for values that have to be formatted.
    scratch: String,
}

#[derive(Debug)]
enum State {
    Idle(Target),
    Writing(JoinHandle<(Target, Vec<u8>, Result<()>)>),
    /// A write failed; the target is kept until it is closed.
    Failed(Option<Target>),
}

impl Writer {
    pub(crate) fn new(target: Target) -> Self {
        Self {
            state: State::Idle(target),
            lines: Vec::new(),
            spare: Vec::new(),
            scratch: String::new(),
        }
    }

    /// Adds a line, the value as Java prints it, and returns its length.
    ///
    /// *Java*: bytes are written as they are; Java prints the address of the array.
    pub(crate) fn push(&mut self, value: &Value) -> usize {
        let before = self.lines.len();
        match value {
            Value::String(text) => self.lines.extend_from_slice(text.as_bytes()),
            Value::Bytes(bytes) => self.lines.extend_from_slice(bytes),
            value => {
                self.scratch.clear();
                text_form::push_java_string(&mut self.scratch, value);
                self.lines.extend_from_slice(self.scratch.as_bytes());
            }
        }
        self.lines.push(b'\n');
        self.lines.len() - before
    }

    /// True if enough lines were added for a write.
    pub(crate) fn is_full(&self) -> bool {
        self.lines.len() >= BUFFER
    }

    /// Starts to write the added lines, after the previous write.
    ///
    /// # Errors
    /// The previous write failed.
    pub(crate) async fn submit(&mut self) -> Result<()> {
        self.settle().await?;
        if self.lines.is_empty() {
            return Ok(());
        }
        let State::Idle(mut target) = mem::replace(&mut self.state, State::Failed(None)) else {
            return Err(error::runtime_ended());
        };
        let lines = mem::replace(&mut self.lines, mem::take(&mut self.spare));
        self.state = State::Writing(tokio::task::spawn_blocking(move || {
            let written = target.append(&lines);
            (target, lines, written)
        }));
        Ok(())
    }

    /// Writes the added lines, makes them durable and stores the offsets with them. Then calls `after`
    /// with the file.
    ///
    /// # Errors
    /// A write fails.
    pub(crate) async fn commit(
        &mut self,
        offsets: LogOffsets,
        after: impl FnOnce(&mut Output) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        self.settle().await?;
        let State::Idle(mut target) = mem::replace(&mut self.state, State::Failed(None)) else {
            return Err(error::runtime_ended());
        };
        let lines = mem::take(&mut self.lines);
        self.state = State::Writing(tokio::task::spawn_blocking(move || {
            let written = target.append(&lines).and_then(|()| match &mut target {
                Target::File(output) => output.commit(offsets).and_then(|()| after(output)),
                Target::Stdout => Ok(()),
            });
            (target, lines, written)
        }));
        self.settle().await
    }

    /// Waits for the running write and closes the target.
    pub(crate) async fn close(mut self) {
        // An error was returned before, or concerns lines that are not committed.
        let _ = self.settle().await;
        if let State::Idle(target) | State::Failed(Some(target)) = self.state {
            let closed = tokio::task::spawn_blocking(move || target.close());
            let _ = closed.await;
        }
    }

    /// Waits for the running write.
    async fn settle(&mut self) -> Result<()> {
        match &mut self.state {
            State::Idle(_) => Ok(()),
            State::Failed(_) => Err(Error::illegal_state(
                "an earlier write failed; restart the task",
            )),
            State::Writing(writing) => {
                // Cancel-safe: the handle stays in place until it is done.
                let done = writing.await;
                let Ok((target, mut lines, written)) = done else {
                    self.state = State::Failed(None);
                    return Err(error::runtime_ended());
                };
                lines.clear();
                if lines.capacity() <= 4 * BUFFER {
                    self.spare = lines;
                }
                self.state = match &written {
                    Ok(()) => State::Idle(target),
                    Err(_) => State::Failed(Some(target)),
                };
                written
            }
        }
    }
}

impl Target {
    fn append(&mut self, lines: &[u8]) -> Result<()> {
        match self {
            Self::File(output) => output.append(lines),
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout
                    .write_all(lines)
                    .and_then(|()| stdout.flush())
                    .map_err(|source| {
                        Error::external("cannot write to standard output").with_source(source)
                    })
            }
        }
    }

    fn close(self) {
        match self {
            Self::File(output) => output.close(),
            Self::Stdout => {}
        }
    }
}

/// Large enough that system calls cost little.
const BUFFER: usize = 256 * 1024;
