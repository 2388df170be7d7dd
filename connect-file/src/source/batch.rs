//! Makes records of chunks.
//!
//! Nothing is allocated per record: its text is a slice of the chunk, its offset is a number beside a
//! shared part, and its partition is shared.

use bytes::Bytes;
use connect_api::Error;
use connect_api::Timestamp;
use connect_api::data::Datum;
use connect_api::data::Text;
use connect_api::record::OffsetValue;
use connect_api::record::Record;
use connect_api::record::SharedOffset;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_api::record::SourceRecord;

use crate::config::FileSourceConfig;
use crate::config::InvalidUtf8;
use crate::line::Line;
use crate::line::LongLineFound;
use crate::line::Splitter;

/// Splits chunks into records.
#[derive(Debug)]
pub(crate) struct Batcher {
    config: FileSourceConfig,
    partition: SourcePartition,
    splitter: Splitter,
    /// The shared entries of the offsets of the current chunk; `None` for standard input.
    offset: Option<SharedOffset>,
    /// The last line of a file that ended without a line ending.
    last: Vec<SourceRecord>,
    /// The error that ended the last batch early.
    failure: Option<Error>,
    /// The size of the last batch, to guess that of the next.
    guess: usize,
    /// The warning about replaced bytes was logged.
    has_replaced: bool,
}

impl Batcher {
    pub(crate) fn new(config: FileSourceConfig, partition: SourcePartition) -> Self {
        let splitter = Splitter::new(0, config.max_line_bytes(), config.max_line_policy);
        Self {
            config,
            partition,
            splitter,
            offset: None,
            last: Vec::new(),
            failure: None,
            guess: SMALLEST_GUESS,
            has_replaced: false,
        }
    }

    /// Continues with the splitter of another batcher.
    pub(crate) fn continue_with(&mut self, mut splitter: Splitter) {
        splitter.set_limit(self.config.max_line_bytes(), self.config.max_line_policy);
        self.splitter = splitter;
    }

    /// Returns the splitter, for another batcher to continue with.
    pub(crate) fn into_splitter(self) -> Splitter {
        self.splitter
    }

    /// Adds a chunk. All records of the chunk before must be taken.
    pub(crate) fn feed(&mut self, chunk: Bytes, offset: Option<SharedOffset>) {
        self.offset = offset;
        self.splitter.feed(chunk);
    }

    /// Returns the number of held bytes: the start of a line whose ending was not read yet.
    pub(crate) fn leftover(&self) -> u64 {
        self.splitter.leftover()
    }

    /// Continues at a position of other content and drops the held bytes.
    pub(crate) fn restart(&mut self, position: u64) {
        self.splitter.restart(position);
    }

    /// Ends content that will not grow: its last line needs no line ending. Continues at the start of
    /// other content.
    pub(crate) fn finish(&mut self, now: Timestamp) {
        match self.splitter.finish() {
            Ok(Some(line)) => {
                let mut last = std::mem::take(&mut self.last);
                if let Err(failure) = self.push(line, now, &mut last) {
                    self.failure = Some(failure);
                }
                self.last = last;
            }
            Ok(None) => {}
            Err(found) => self.report(found),
        }
        self.splitter.restart(0);
    }

    /// Adds the next records to a batch. Returns true if the batch is complete.
    ///
    /// # Errors
    /// A line is refused. The records before it are returned first.
    pub(crate) fn add_to(
        &mut self,
        records: &mut Vec<SourceRecord>,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let limit = self.config.batch_size();
        records.append(&mut self.last);
        if self.splitter.remaining() > 0 && records.is_empty() {
            records.reserve(limit.min(self.guess));
        }
        while records.len() < limit && self.failure.is_none() {
            let line = match self.splitter.next() {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(found) => {
                    self.report(found);
                    continue;
                }
            };
            if let Err(failure) = self.push(line, now, records) {
                self.failure = Some(failure);
            }
        }
        if records.is_empty()
            && let Some(failure) = self.failure.take()
        {
            return Err(failure);
        }
        self.guess = (records.len() + records.len() / 8).max(SMALLEST_GUESS);
        Ok(records.len() >= limit || self.failure.is_some())
    }

    /// Adds the record of a line.
    #[inline]
    fn push(
        &mut self,
        line: Line,
        now: Timestamp,
        records: &mut Vec<SourceRecord>,
    ) -> Result<(), Error> {
        let Line { bytes, end } = line;
        let value = match self.config.invalid_utf8_policy {
            InvalidUtf8::Bytes => Datum::bytes(bytes),
            InvalidUtf8::Replace => Datum::string(match Text::from_utf8(bytes) {
                Ok(text) => text,
                Err(bytes) => self.replace_invalid(bytes, end),
            }),
            InvalidUtf8::Fail => match Text::from_utf8(bytes) {
                Ok(text) => Datum::string(text),
                Err(_) => return Err(self.not_utf8(end)),
            },
        };
        let offset = match &self.offset {
            Some(shared) => SourceOffset::new("position", end.cast_signed()).with_shared(shared),
            None => SourceOffset::new("position", OffsetValue::Null),
        };
        let record = Record::new(self.config.topic.clone(), value).with_timestamp(now);
        records.push(SourceRecord::new(self.partition.clone(), offset, record));
        Ok(())
    }

    fn report(&mut self, found: LongLineFound) {
        let (input, limit) = (self.input(), self.config.max_line_bytes);
        match found {
            LongLineFound::Refused { start } => {
                let message = format!(
                    "the line at byte {start} of {input} is longer than {limit} bytes; raise \
                     \"max.line.bytes\", or set \"max.line.policy\" to \"skip\" or \"split\""
                );
                self.failure = Some(Error::data(message).into_permanent());
            }
            LongLineFound::Skipped { start, bytes } => tracing::warn!(
                input,
                start,
                bytes,
                limit,
                "dropped a line longer than max.line.bytes"
            ),
            LongLineFound::Split { start } => tracing::warn!(
                input,
                start,
                limit,
                "split a line longer than max.line.bytes into several records"
            ),
        }
    }

    #[cold]
    fn replace_invalid(&mut self, bytes: Bytes, end: u64) -> Text {
        if !std::mem::replace(&mut self.has_replaced, true) {
            tracing::warn!(
                input = self.input(),
                end,
                "replaced bytes that are not valid UTF-8 by U+FFFD, and will do so without another \
                 warning; set invalid.utf8.policy to \"bytes\" to keep them"
            );
        }
        Text::from_utf8_lossy(bytes)
    }

    fn not_utf8(&self, end: u64) -> Error {
        let input = self.input();
        Error::data(format!(
            "the line that ends at byte {end} of {input} is not valid UTF-8; set \
             \"invalid.utf8.policy\" to \"replace\" or \"bytes\" to accept it"
        ))
        .into_permanent()
    }

    fn input(&self) -> String {
        input_name(&self.config)
    }
}

/// Returns the name of the input for messages.
pub(crate) fn input_name(config: &FileSourceConfig) -> String {
    match config.path() {
        Some(path) => format!("\"{}\"", path.display()),
        None => "standard input".into(),
    }
}

const SMALLEST_GUESS: usize = 16;
