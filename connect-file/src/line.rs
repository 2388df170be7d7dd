//! Splits chunks into lines.
//!
//! Decides where a line ends and what happens to one that is too long. No I/O: chunks go in, slices of
//! them come out.
//!
//! A line ends with `\n`, `\r` or `\r\n`, as in Java. A `\r` at the end of what was read is held
//! back until the next byte shows whether a `\n` follows. A line inside one chunk is a slice of it,
//! without a copy; the parts of a line that spans chunks are joined with one copy.

use std::mem;

use bytes::Bytes;
use bytes::BytesMut;
use memchr::memchr2;

use crate::config::LongLine;

/// A line, or a part of one that was split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// The bytes without the line ending.
    pub(crate) bytes: Bytes,
    /// Where the next line starts, in bytes from the start of the file.
    pub(crate) end: u64,
}

/// A line longer than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LongLineFound {
    /// It fails the task. Each further call returns it again.
    Refused { start: u64 },
    /// It was dropped.
    Skipped { start: u64, bytes: u64 },
    /// Its parts follow.
    Split { start: u64 },
}

/// Cuts chunks into lines and counts positions.
///
/// [`feed`](Splitter::feed) a chunk, then call [`next`](Splitter::next) until it returns `None`.
#[derive(Debug)]
pub(crate) struct Splitter {
    chunk: Bytes,
    /// What of the chunk is done.
    cursor: usize,
    /// The content so far of a line that began in a chunk before.
    carry: BytesMut,
    /// The line ended in a chunk before, with a `\r` that `\n` may follow.
    holds_cr: bool,
    /// Where the line begins that is not given out yet.
    position: u64,
    long: Option<Long>,
    limit: usize,
    policy: LongLine,
}

/// The line that is read is longer than the limit.
#[derive(Debug, Clone, Copy)]
enum Long {
    /// The number of bytes dropped so far.
    Skipping(u64),
    Splitting,
}

/// How the content in the rest of the chunk ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// With the chunk.
    Chunk,
    /// With a `\r` that is the last byte of the chunk.
    Cr,
    /// With a line ending of that many bytes.
    Line(usize),
}

impl Splitter {
    pub(crate) fn new(position: u64, limit: usize, policy: LongLine) -> Self {
        Self {
            chunk: Bytes::new(),
            cursor: 0,
            carry: BytesMut::new(),
            holds_cr: false,
            position,
            long: None,
            limit,
            policy,
        }
    }

    /// Changes the limit and the policy.
    pub(crate) fn set_limit(&mut self, limit: usize, policy: LongLine) {
        self.limit = limit;
        self.policy = policy;
    }

    /// Returns the number of bytes of the chunk that were not processed yet.
    pub(crate) fn remaining(&self) -> usize {
        self.chunk.len() - self.cursor
    }

    /// Returns the number of held bytes: the start of a line whose ending was not read yet.
    pub(crate) fn leftover(&self) -> u64 {
        let skipped = match self.long {
            Some(Long::Skipping(bytes)) => bytes,
            _ => 0,
        };
        skipped + (self.carry.len() + usize::from(self.holds_cr)) as u64
    }

    /// Adds a chunk. [`next`](Self::next) must have returned `None`.
    pub(crate) fn feed(&mut self, chunk: Bytes) {
        debug_assert_eq!(self.remaining(), 0, "the chunk before must be used up");
        self.chunk = chunk;
        self.cursor = 0;
    }

    /// Drops the held bytes and continues at a position of other content.
    pub(crate) fn restart(&mut self, position: u64) {
        *self = Self::new(position, self.limit, self.policy);
    }

    /// Returns the next line, or `None` when the chunk is used up.
    ///
    /// After [`LongLineFound::Skipped`] and [`LongLineFound::Split`], call it again.
    pub(crate) fn next(&mut self) -> Result<Option<Line>, LongLineFound> {
        if self.remaining() == 0 {
            return Ok(None);
        }
        let (content, end) = self.find_end();
        match self.long {
            Some(Long::Skipping(skipped)) => return self.skip(skipped, content, end),
            _ if self.carry.len() + content <= self.limit => {}
            Some(Long::Splitting) => return Ok(Some(self.part())),
            None => return self.refuse(content, end),
        }
        match end {
            End::Line(terminator) => Ok(Some(self.line(content, terminator))),
            End::Chunk | End::Cr => {
                let rest = self.chunk.split_off(self.cursor);
                self.carry
                    .extend_from_slice(rest.get(..content).unwrap_or(&rest));
                self.holds_cr = matches!(end, End::Cr);
                Ok(None)
            }
        }
    }

    /// Returns the held bytes as a line, at the end of content that will not grow.
    pub(crate) fn finish(&mut self) -> Result<Option<Line>, LongLineFound> {
        let held = self.leftover();
        if held == 0 {
            return Ok(None);
        }
        let start = self.position;
        self.position += held;
        self.holds_cr = false;
        if let Some(Long::Skipping(_)) = self.long.take() {
            return Err(LongLineFound::Skipped { start, bytes: held });
        }
        Ok(Some(Line {
            bytes: mem::take(&mut self.carry).freeze(),
            end: self.position,
        }))
    }

    /// Returns the length of the line's content in the rest of the chunk, and how it ends.
    fn find_end(&self) -> (usize, End) {
        let rest = self.chunk.get(self.cursor..).unwrap_or_default();
        if self.holds_cr {
            return (0, End::Line(usize::from(rest.first() == Some(&b'\n'))));
        }
        let Some(content) = memchr2(b'\n', b'\r', rest) else {
            return (rest.len(), End::Chunk);
        };
        let end = match rest.get(content..) {
            Some([b'\r']) => End::Cr,
            Some([b'\r', b'\n', ..]) => End::Line(2),
            _ => End::Line(1),
        };
        (content, end)
    }

    fn line(&mut self, content: usize, terminator: usize) -> Line {
        let start = self.cursor;
        self.cursor += content + terminator;
        self.position += (content + terminator) as u64;
        self.long = None;
        if self.carry.is_empty() && !self.holds_cr {
            return Line {
                bytes: self.chunk.slice(start..start + content),
                end: self.position,
            };
        }
        self.position += (self.carry.len() + usize::from(self.holds_cr)) as u64;
        self.holds_cr = false;
        let rest = self.chunk.get(start..start + content).unwrap_or_default();
        self.carry.extend_from_slice(rest);
        Line {
            bytes: mem::take(&mut self.carry).freeze(),
            end: self.position,
        }
    }

    /// Handles a line that turns out to be too long.
    fn refuse(&mut self, content: usize, end: End) -> Result<Option<Line>, LongLineFound> {
        match self.policy {
            LongLine::Fail => Err(LongLineFound::Refused {
                start: self.position,
            }),
            LongLine::Skip => {
                let carried = mem::take(&mut self.carry).len() as u64;
                self.skip(carried, content, end)
            }
            LongLine::Split => {
                self.long = Some(Long::Splitting);
                Err(LongLineFound::Split {
                    start: self.position,
                })
            }
        }
    }

    fn skip(
        &mut self,
        skipped: u64,
        content: usize,
        end: End,
    ) -> Result<Option<Line>, LongLineFound> {
        let skipped = skipped + content as u64;
        if let End::Line(terminator) = end {
            self.cursor += content + terminator;
            let bytes = skipped + (terminator + usize::from(self.holds_cr)) as u64;
            let start = self.position;
            self.position += bytes;
            self.holds_cr = false;
            self.long = None;
            return Err(LongLineFound::Skipped { start, bytes });
        }
        self.cursor = self.chunk.len();
        self.holds_cr = matches!(end, End::Cr);
        self.long = Some(Long::Skipping(skipped));
        Ok(None)
    }

    /// Returns a part of a line that is longer than the limit. It ends with a whole character if the
    /// limit has room for one.
    fn part(&mut self) -> Line {
        let end = self.cursor + (self.limit - self.carry.len());
        self.carry
            .extend_from_slice(self.chunk.get(self.cursor..end).unwrap_or_default());
        self.cursor = end;
        let cut = char_boundary(&self.carry);
        let rest = self.carry.split_off(cut);
        let part = mem::replace(&mut self.carry, rest);
        self.position += part.len() as u64;
        Line {
            bytes: part.freeze(),
            end: self.position,
        }
    }
}

/// Returns the largest length that ends between two characters. It is the whole length if that would
/// be 0, or if the bytes do not end within a character.
fn char_boundary(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(3);
    let lead = bytes.iter().skip(tail).rposition(|byte| *byte >= 0xC0);
    let Some(lead) = lead.map(|lead| tail + lead).filter(|lead| *lead > 0) else {
        return bytes.len();
    };
    let length = match bytes.get(lead) {
        Some(0xC0..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        _ => 4,
    };
    if lead + length > bytes.len() {
        lead
    } else {
        bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A naive version of Java's reader: the lines with their ends, and the number of bytes left over.
    fn reference(content: &[u8]) -> (Vec<(Vec<u8>, u64)>, u64) {
        let (mut lines, mut line, mut i) = (Vec::new(), Vec::new(), 0);
        while i < content.len() {
            match content[i] {
                b'\n' => i += 1,
                b'\r' if i + 1 == content.len() => break,
                b'\r' if content[i + 1] == b'\n' => i += 2,
                b'\r' => i += 1,
                byte => {
                    line.push(byte);
                    i += 1;
                    continue;
                }
            }
            lines.push((std::mem::take(&mut line), i as u64));
        }
        let left = content.len() as u64 - lines.last().map_or(0, |(_, end)| *end);
        (lines, left)
    }

    fn split(splitter: &mut Splitter, chunks: &[&[u8]]) -> Vec<(Vec<u8>, u64)> {
        let mut lines = Vec::new();
        for chunk in chunks {
            splitter.feed(Bytes::copy_from_slice(chunk));
            loop {
                match splitter.next() {
                    Ok(Some(line)) => lines.push((line.bytes.to_vec(), line.end)),
                    Ok(None) => break,
                    Err(LongLineFound::Refused { .. }) => return lines,
                    Err(_) => {}
                }
            }
        }
        lines
    }

    fn chunks<'a>(content: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (content.len() + 1)).collect();
        cuts.extend([0, content.len()]);
        cuts.sort_unstable();
        cuts.windows(2)
            .map(|pair| &content[pair[0]..pair[1]])
            .collect()
    }

    /// Bytes with many line endings and parts of characters.
    fn content() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            3 => Just(b"\n".to_vec()),
            2 => Just(b"\r".to_vec()),
            2 => Just(b"\r\n".to_vec()),
            4 => proptest::collection::vec(b'a'..=b'c', 0..9),
            2 => Just("ü日🙂".as_bytes().to_vec()),
            1 => proptest::collection::vec(any::<u8>(), 0..4),
        ];
        proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn chunks_change_neither_lines_nor_positions(
            content in content(),
            cuts in proptest::collection::vec(any::<usize>(), 0..12),
        ) {
            let (lines, left) = reference(&content);
            let mut splitter = Splitter::new(0, usize::MAX, LongLine::Fail);
            prop_assert_eq!(split(&mut splitter, &chunks(&content, &cuts)), lines);
            prop_assert_eq!(splitter.leftover(), left);
            let rest = splitter.finish().unwrap();
            prop_assert_eq!(rest.is_some(), left > 0);
            prop_assert_eq!(splitter.position, content.len() as u64);
        }

        #[test]
        fn skipping_leaves_out_the_long_lines_only(
            content in content(),
            cuts in proptest::collection::vec(any::<usize>(), 0..12),
            limit in 1usize..12,
        ) {
            let mut lines = reference(&content).0;
            lines.retain(|(line, _)| line.len() <= limit);
            let mut splitter = Splitter::new(0, limit, LongLine::Skip);
            prop_assert_eq!(split(&mut splitter, &chunks(&content, &cuts)), lines);
        }

        #[test]
        fn failing_gives_the_lines_before_the_long_one(
            content in content(),
            cuts in proptest::collection::vec(any::<usize>(), 0..12),
            limit in 1usize..12,
        ) {
            let (lines, left) = reference(&content);
            let short: Vec<_> =
                lines.iter().take_while(|(line, _)| line.len() <= limit).cloned().collect();
            let mut splitter = Splitter::new(0, limit, LongLine::Fail);
            prop_assert_eq!(split(&mut splitter, &chunks(&content, &cuts)), short);
            if lines.iter().all(|(line, _)| line.len() <= limit) && left as usize <= limit {
                prop_assert_eq!(splitter.leftover(), left);
            }
        }

        #[test]
        fn splitting_keeps_every_byte(
            content in content(),
            cuts in proptest::collection::vec(any::<usize>(), 0..12),
            limit in 1usize..12,
        ) {
            let whole = reference(&content).0;
            let mut splitter = Splitter::new(0, limit, LongLine::Split);
            let parts = split(&mut splitter, &chunks(&content, &cuts));
            prop_assert!(parts.iter().all(|(part, _)| part.len() <= limit));
            prop_assert!(parts.windows(2).all(|pair| pair[0].1 < pair[1].1));
            let mut joined = parts.iter();
            for (line, end) in &whole {
                let mut bytes = Vec::new();
                for (part, part_end) in joined.by_ref() {
                    bytes.extend_from_slice(part);
                    if part_end == end {
                        break;
                    }
                }
                prop_assert_eq!(&bytes, line);
            }
        }
    }

    #[test]
    fn a_line_inside_a_chunk_is_a_slice_of_it() {
        let chunk = Bytes::from(b"first\nsecond\nthi".to_vec());
        let mut splitter = Splitter::new(0, 100, LongLine::Fail);
        splitter.feed(chunk.clone());
        let first = splitter.next().unwrap().unwrap();
        let second = splitter.next().unwrap().unwrap();
        assert_eq!(first.bytes.as_ptr(), chunk.as_ptr());
        assert_eq!(second.bytes.as_ptr(), chunk[6..].as_ptr());
        assert_eq!((first.end, second.end, splitter.next()), (6, 13, Ok(None)));
        assert_eq!((splitter.leftover(), splitter.position), (3, 13));
    }

    #[test]
    fn what_is_too_long_is_told_with_its_place() {
        let mut splitter = Splitter::new(10, 3, LongLine::Skip);
        splitter.feed(Bytes::from_static(b"ab\nabcd"));
        assert_eq!(splitter.next().unwrap().unwrap().end, 13);
        assert_eq!((splitter.next(), splitter.leftover()), (Ok(None), 4));
        splitter.feed(Bytes::from_static(b"e\r"));
        assert_eq!(splitter.next(), Ok(None));
        splitter.feed(Bytes::from_static(b"\nx\n"));
        assert_eq!(
            splitter.next(),
            Err(LongLineFound::Skipped {
                start: 13,
                bytes: 7
            })
        );
        assert_eq!(splitter.next().unwrap().unwrap().end, 22);

        let mut splitter = Splitter::new(0, 3, LongLine::Fail);
        splitter.feed(Bytes::from_static(b"abcd\n"));
        for _ in 0..2 {
            assert_eq!(splitter.next(), Err(LongLineFound::Refused { start: 0 }));
        }
    }

    #[test]
    fn parts_end_with_whole_characters() {
        let mut splitter = Splitter::new(0, 5, LongLine::Split);
        splitter.feed(Bytes::from("日本語\n".as_bytes().to_vec()));
        assert_eq!(splitter.next(), Err(LongLineFound::Split { start: 0 }));
        for (part, end) in [("日", 3), ("本", 6), ("語", 10)] {
            let line = splitter.next().unwrap().unwrap();
            assert_eq!((&line.bytes[..], line.end), (part.as_bytes(), end));
        }
    }
}
