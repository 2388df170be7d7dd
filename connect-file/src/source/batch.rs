//! Records out of chunks.
//!
//! Decision that lives here: what a line becomes. Nothing is allocated for a record: its text is a
//! slice of the chunk, its offset one number inline beside a shared part, its partition shared.

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

/// Cuts chunks into records.
#[derive(Debug)]
pub(crate) struct Batcher {
    config: FileSourceConfig,
    partition: SourcePartition,
    splitter: Splitter,
    /// Constant entries of the offsets of the chunk that is cut; `None` for standard input.
    offset: Option<SharedOffset>,
    /// The last line of a content that ended without a line end.
    last: Vec<SourceRecord>,
    /// What ended the last batch early.
    failure: Option<Error>,
    /// Lines of the last batch, to guess the size of the next.
    guess: usize,
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
        }
    }

    /// Goes on with what another one was about to cut.
    pub(crate) fn continue_with(&mut self, mut splitter: Splitter) {
        splitter.set_limit(self.config.max_line_bytes(), self.config.max_line_policy);
        self.splitter = splitter;
    }

    /// What it was about to cut.
    pub(crate) fn into_splitter(self) -> Splitter {
        self.splitter
    }

    /// Adds a chunk, after all records of the one before were taken.
    pub(crate) fn feed(&mut self, chunk: Bytes, offset: Option<SharedOffset>) {
        self.offset = offset;
        self.splitter.feed(chunk);
    }

    /// How many bytes are held that make no line yet.
    pub(crate) fn leftover(&self) -> u64 {
        self.splitter.leftover()
    }

    /// Goes on at a position of another content; drops the bytes that make no line yet.
    pub(crate) fn restart(&mut self, position: u64) {
        self.splitter.restart(position);
    }

    /// Makes the last line of a content that nobody will continue, and goes on at the beginning of
    /// another one.
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

    /// Adds the next records to a batch; true if nothing more may be added.
    ///
    /// # Errors
    /// A line cannot be taken. Comes when the records before it are gone.
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
        &self,
        line: Line,
        now: Timestamp,
        records: &mut Vec<SourceRecord>,
    ) -> Result<(), Error> {
        let Line { bytes, end } = line;
        let value = match self.config.invalid_utf8_policy {
            InvalidUtf8::Bytes => Datum::bytes(bytes),
            InvalidUtf8::Replace => Datum::string(Text::from_utf8_lossy(bytes)),
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
                "left out a line longer than max.line.bytes"
            ),
            LongLineFound::Split { start } => tracing::warn!(
                input,
                start,
                limit,
                "a line longer than max.line.bytes becomes several records"
            ),
        }
    }

    fn not_utf8(&self, end: u64) -> Error {
        let input = self.input();
        Error::data(format!(
            "the line that ends at byte {end} of {input} is not UTF-8; set \"invalid.utf8.policy\" \
             to \"replace\" or \"bytes\" to let it through"
        ))
        .into_permanent()
    }

    fn input(&self) -> String {
        input_name(&self.config)
    }
}

/// What is read, for messages.
pub(crate) fn input_name(config: &FileSourceConfig) -> String {
    match config.path() {
        Some(path) => format!("\"{}\"", path.display()),
        None => "standard input".into(),
    }
}

const SMALLEST_GUESS: usize = 16;
