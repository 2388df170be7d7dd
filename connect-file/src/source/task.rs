//! The task of the file source.

use std::path::Path;

use async_trait::async_trait;
use connect_api::ConfigMap;
use connect_api::Error;
use connect_api::Result;
use connect_api::SourceTask;
use connect_api::SourceTaskContext;
use connect_api::Task;
use connect_api::config::FromConfig as _;
use connect_api::data::Text;
use connect_api::record::SourcePartition;
use connect_api::record::SourceRecord;

use crate::config::FileSourceConfig;
use crate::identity::Place;
use crate::source::batch::Batcher;
use crate::source::batch::input_name;
use crate::source::reader::Reader;
use crate::stdin::Stdin;
use crate::stdin::StdinGuard;
use crate::tail::Cause;
use crate::tail::Step;
use crate::tail::Tail;
use crate::watch::Watcher;

/// Reads a file line by line.
#[derive(Debug)]
pub(crate) struct FileStreamSourceTask {
    watcher: Watcher,
    stdin: Stdin,
    running: Option<Running>,
}

/// The state of a started task.
#[derive(Debug)]
struct Running {
    context: SourceTaskContext,
    input: Input,
    /// The name of the input, for messages.
    name: String,
    batcher: Batcher,
    /// Everything was read.
    is_at_end: bool,
    /// The file does not exist, and the warning was logged.
    is_missing: bool,
    /// The task said that it has caught up.
    said_caught_up: bool,
}

#[derive(Debug)]
enum Input {
    File(Box<Reader>),
    Stdin(StdinGuard),
}

impl FileStreamSourceTask {
    pub(crate) fn new(watcher: Watcher, stdin: Stdin) -> Self {
        Self {
            watcher,
            stdin,
            running: None,
        }
    }

    fn follow(&self, path: &Path, stored: Option<Place>) -> Reader {
        let subscription = self.watcher.subscribe(path);
        let wake = subscription.wake();
        Reader::new(Tail::new(path.to_owned(), stored, subscription), wake)
    }
}

#[async_trait]
impl Task for FileStreamSourceTask {
    async fn stop(&mut self) -> Result<()> {
        if let Some(Running {
            input: Input::Stdin(stdin),
            batcher,
            ..
        }) = self.running.take()
        {
            stdin.give_back(batcher.into_splitter());
        }
        Ok(())
    }
}

#[async_trait]
impl SourceTask for FileStreamSourceTask {
    async fn start(&mut self, context: SourceTaskContext, config: ConfigMap) -> Result<()> {
        let config = FileSourceConfig::from_config(&config)?;
        let filename = config.file.as_deref().map(Text::from);
        let partition = SourcePartition::new([("filename", filename)]);
        let name = input_name(&config);
        let mut batcher = Batcher::new(config.clone(), partition.clone());
        let input = match config.path() {
            Some(path) => {
                let stored = stored_place(&context, &partition, &name).await?;
                Input::File(Box::new(self.follow(path, stored)))
            }
            None => {
                let mut stdin = self.stdin.take()?;
                if let Some(held) = stdin.take_held() {
                    batcher.continue_with(held);
                }
                Input::Stdin(stdin)
            }
        };
        self.running = Some(Running {
            context,
            input,
            name,
            batcher,
            is_at_end: false,
            is_missing: false,
            said_caught_up: false,
        });
        Ok(())
    }

    /// *Cancellation*: chunks stay in the reader or the batcher. Records are taken from there and
    /// returned without an await in between.
    async fn poll(&mut self) -> Result<Vec<SourceRecord>> {
        let Some(running) = &mut self.running else {
            return Err(Error::illegal_state("poll was called before start"));
        };
        loop {
            let records = running.batch()?;
            if !records.is_empty() {
                return Ok(records);
            }
            running.advance().await?;
        }
    }
}

impl Running {
    /// Returns the records that are available without waiting, at most a batch.
    fn batch(&mut self) -> Result<Vec<SourceRecord>> {
        let now = self.context.now();
        let mut records = Vec::new();
        loop {
            if self.batcher.add_to(&mut records, now)? || records.is_empty() {
                return Ok(records);
            }
            match &mut self.input {
                Input::Stdin(stdin) => match stdin.ready_chunk() {
                    Some(chunk) => self.batcher.feed(chunk, None),
                    None => return Ok(records),
                },
                Input::File(reader) => match reader.ready_chunk() {
                    Some(chunk) => self.take(Step::Chunk(chunk)),
                    None => return Ok(records),
                },
            }
        }
    }

    /// Feeds the next chunk to the batcher, or waits for one.
    async fn advance(&mut self) -> Result<()> {
        let context = &self.context;
        match &mut self.input {
            Input::Stdin(stdin) => match stdin.chunk().await? {
                Some(chunk) => self.batcher.feed(chunk, None),
                None => {
                    self.say_caught_up();
                    // The input has ended; the task waits to be stopped.
                    std::future::pending().await
                }
            },
            Input::File(_) if self.is_at_end && !self.said_caught_up => self.say_caught_up(),
            Input::File(reader) if self.is_at_end => {
                reader.changed(context).await;
                self.is_at_end = false;
            }
            Input::File(reader) => {
                let step = reader.step().await?;
                self.take(step);
            }
        }
        Ok(())
    }

    fn take(&mut self, step: Step) {
        let Input::File(reader) = &mut self.input else {
            return;
        };
        self.said_caught_up = false;
        self.is_at_end = false;
        if !matches!(step, Step::Missing) {
            self.is_missing = false;
        }
        match step {
            Step::Chunk(chunk) => {
                self.is_at_end = chunk.is_last;
                if !chunk.is_last {
                    reader.begin();
                }
                reader.encourage();
                self.context
                    .progress(chunk.extent.read, Some(chunk.extent.size));
                self.batcher.feed(chunk.bytes, Some(chunk.offset));
            }
            Step::End(extent) => {
                self.is_at_end = true;
                self.context.progress(extent.read, Some(extent.size));
            }
            Step::Missing => {
                self.is_at_end = true;
                if !std::mem::replace(&mut self.is_missing, true) {
                    tracing::warn!(file = self.name, "the file does not exist; waiting for it");
                }
            }
            Step::Moved(moved) => {
                reader.begin();
                let leftover = self.batcher.leftover();
                match moved.cause {
                    Cause::Rotated => self.batcher.finish(self.context.now()),
                    Cause::Rewritten if leftover > 0 => tracing::warn!(
                        file = self.name,
                        bytes = leftover,
                        "dropped the start of a line that was never ended"
                    ),
                    Cause::Opened | Cause::Rewritten => {}
                }
                self.batcher.restart(moved.to);
            }
        }
    }

    fn say_caught_up(&mut self) {
        self.said_caught_up = true;
        let (leftover, name) = (self.batcher.leftover(), &self.name);
        if self.is_missing {
            self.context
                .caught_up_except(format!("{name} does not exist"));
        } else if leftover > 0 {
            let text = format!("{leftover} bytes without a line end at the end of {name}");
            self.context.caught_up_except(text);
        } else {
            self.context.caught_up();
        }
    }
}

/// Returns the committed place.
async fn stored_place(
    context: &SourceTaskContext,
    partition: &SourcePartition,
    name: &str,
) -> Result<Option<Place>> {
    let Some(offset) = context.offset(partition).await? else {
        return Ok(None);
    };
    match Place::from_offset(&offset) {
        Some(place) => Ok(Some(place)),
        None => Err(Error::external(format!(
            "Offset position is the incorrect type: \"position\" in the stored offset of {name} is \
             not a whole number; alter or reset the offsets of the connector"
        ))
        .into_permanent()),
    }
}
