//! The format of a stored batch: how records become bytes and bytes records.
//!
//! The producer encodes a batch without its place in the log; the writer only fills in the place
//! ([`EncodedBatch::seal`]). Keys and values of records that are read are slices of the batch.
//!
//! *Shape*, all integers little-endian:
//!
//! | bytes | what |
//! | --- | --- |
//! | 0 | format, 1 |
//! | 1 | flags: 1 = the log set the time, 2 = part of a transaction |
//! | 2..4 | zero |
//! | 4..8 | CRC32C of the header without these four bytes |
//! | 8..12 | log |
//! | 12..20 | base offset |
//! | 20..24 | last offset, from the base |
//! | 24..28 | number of records |
//! | 28..36 | base time in ms |
//! | 36..44 | time of the append in ms |
//! | 44..52 | producer id, 0 without a transaction |
//! | 52..56 | CRC32C of everything that follows |
//! | 56.. | the records |
//!
//! A record: the offsets that are missing before it (varint), its time from the base (zigzag
//! varint), key and value (varint length + 1, 0 for null; bytes), the number of headers (varint),
//! and for each its key (varint length; bytes) and value (as above).

use std::ops::Range;

use bytes::Bytes;
use connect_api::Timestamp;
use connect_api::TimestampType;
use connect_api::data::Text;
use connect_api::record::RawHeader;
use connect_api::record::RawHeaders;
use connect_broker::FetchedRecord;

use crate::format::varint;
use crate::format::varint::Reader;

/// Bytes before the records.
pub(crate) const HEADER_LEN: usize = 56;

/// The log set the time of the records.
pub(crate) const FLAG_APPEND_TIME: u8 = 1;

/// The records belong to a transaction.
pub(crate) const FLAG_TRANSACTION: u8 = 2;

/// A stored batch is not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Damage(pub(crate) &'static str);

/// Collects the records of one batch.
#[derive(Debug)]
pub(crate) struct BatchBuilder {
    buffer: Vec<u8>,
    count: u32,
    /// Offsets that the records take so far, missing ones included.
    width: u32,
    base_time: i64,
}

impl BatchBuilder {
    /// A batch with room for about this many bytes of records.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        let mut buffer = Vec::with_capacity(HEADER_LEN + bytes);
        buffer.resize(HEADER_LEN, 0);
        Self {
            buffer,
            count: 0,
            width: 0,
            base_time: 0,
        }
    }

    /// Appends a record, `gap` offsets after the one that would follow.
    pub(crate) fn push(
        &mut self,
        gap: u32,
        time: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[RawHeader],
    ) {
        if self.count == 0 {
            self.base_time = time;
        }
        self.count += 1;
        self.width += gap + 1;
        let buffer = &mut self.buffer;
        varint::put(buffer, u64::from(gap));
        varint::put_signed(buffer, time.wrapping_sub(self.base_time));
        varint::put_nullable(buffer, key);
        varint::put_nullable(buffer, value);
        varint::put(buffer, headers.len() as u64);
        for header in headers {
            varint::put_bytes(buffer, header.key.as_str().as_bytes());
            varint::put_nullable(buffer, header.value.as_deref());
        }
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Offsets taken so far.
    pub(crate) fn width(&self) -> u32 {
        self.width
    }

    /// Completes everything except the place in the log.
    pub(crate) fn finish(mut self, flags: u8, producer: u64) -> EncodedBatch {
        let body = self.buffer.get(HEADER_LEN..).unwrap_or_default();
        let header = Header {
            flags,
            log: 0,
            base: 0,
            width: self.width,
            count: self.count,
            base_time: self.base_time,
            appended: 0,
            producer,
            body_crc: crc32c::crc32c(body),
        };
        // A batch is kept for a long time: release unused capacity.
        if self.buffer.capacity() > self.buffer.len() + self.buffer.len() / 4 {
            self.buffer.shrink_to_fit();
        }
        EncodedBatch {
            buffer: self.buffer,
            header,
        }
    }
}

/// A batch without its place.
#[derive(Debug)]
pub(crate) struct EncodedBatch {
    buffer: Vec<u8>,
    header: Header,
}

impl EncodedBatch {
    /// A batch without records, for offsets that have none.
    pub(crate) fn gap(width: u32) -> Self {
        let mut builder = BatchBuilder::with_capacity(0);
        builder.width = width;
        builder.finish(0, 0)
    }

    /// Bytes of the batch.
    pub(crate) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// How many offsets the batch takes.
    pub(crate) fn width(&self) -> i64 {
        i64::from(self.header.width)
    }

    /// Fills in the place of the batch and the time of its append, in ms.
    pub(crate) fn seal(mut self, log: u32, base: i64, appended: i64) -> Batch {
        self.header.log = log;
        self.header.base = base;
        self.header.appended = appended;
        if let Some(head) = self.buffer.first_chunk_mut::<HEADER_LEN>() {
            *head = self.header.encode();
        }
        Batch {
            base,
            last: base + i64::from(self.header.width) - 1,
            bytes: self.buffer.into(),
        }
    }
}

/// The fixed part of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Flags.
    pub(crate) flags: u8,
    /// The log that the batch belongs to.
    pub(crate) log: u32,
    /// The first offset of the batch.
    pub(crate) base: i64,
    /// Offsets from the base to the last record, both included.
    pub(crate) width: u32,
    /// Number of records.
    pub(crate) count: u32,
    /// The time that record times count from.
    pub(crate) base_time: i64,
    /// When the batch was appended, in ms: what its age counts from.
    pub(crate) appended: i64,
    /// The producer of the transaction, or 0.
    pub(crate) producer: u64,
    /// CRC32C of the records.
    pub(crate) body_crc: u32,
}

impl Header {
    fn encode(&self) -> [u8; HEADER_LEN] {
        let mut out = Vec::with_capacity(HEADER_LEN);
        out.extend_from_slice(&[FORMAT, self.flags, 0, 0, 0, 0, 0, 0]);
        out.extend_from_slice(&self.log.to_le_bytes());
        out.extend_from_slice(&self.base.to_le_bytes());
        out.extend_from_slice(&self.width.wrapping_sub(1).to_le_bytes());
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&self.base_time.to_le_bytes());
        out.extend_from_slice(&self.appended.to_le_bytes());
        out.extend_from_slice(&self.producer.to_le_bytes());
        out.extend_from_slice(&self.body_crc.to_le_bytes());
        let mut head = [0; HEADER_LEN];
        head.copy_from_slice(&out);
        let crc = header_crc(&head).to_le_bytes();
        if let Some(slot) = head.get_mut(CRC) {
            slot.copy_from_slice(&crc);
        }
        head
    }

    /// Reads and checks the header of a stored batch.
    pub(crate) fn decode(batch: &[u8]) -> Result<Self, Damage> {
        let head = batch
            .first_chunk::<HEADER_LEN>()
            .ok_or(Damage("the batch is cut off"))?;
        let mut reader = Reader::new(head);
        if reader.array() != Some([FORMAT]) {
            return Err(Damage("the batch has an unknown format"));
        }
        let cut = Damage("the batch is cut off");
        let [flags, _, _] = reader.array().ok_or(cut)?;
        if reader.array().map(u32::from_le_bytes) != Some(header_crc(head)) {
            return Err(Damage("the checksum of the batch header is wrong"));
        }
        Ok(Self {
            flags,
            log: reader.array().map(u32::from_le_bytes).ok_or(cut)?,
            base: reader.array().map(i64::from_le_bytes).ok_or(cut)?,
            width: reader
                .array()
                .map(u32::from_le_bytes)
                .ok_or(cut)?
                .wrapping_add(1),
            count: reader.array().map(u32::from_le_bytes).ok_or(cut)?,
            base_time: reader.array().map(i64::from_le_bytes).ok_or(cut)?,
            appended: reader.array().map(i64::from_le_bytes).ok_or(cut)?,
            producer: reader.array().map(u64::from_le_bytes).ok_or(cut)?,
            body_crc: reader.array().map(u32::from_le_bytes).ok_or(cut)?,
        })
    }

    /// The offset of the last record.
    pub(crate) fn last(&self) -> i64 {
        self.base + i64::from(self.width) - 1
    }
}

/// A batch at its place in a log.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    /// The first offset of the batch.
    pub(crate) base: i64,
    /// The offset of the last record.
    pub(crate) last: i64,
    /// The stored bytes.
    pub(crate) bytes: Bytes,
}

impl Batch {
    /// Checks bytes that came from a store under a log and an offset.
    pub(crate) fn check(log: u32, base: i64, bytes: Bytes) -> Result<Self, Damage> {
        let header = Header::decode(&bytes)?;
        if header.log != log || header.base != base {
            return Err(Damage("the batch belongs to another place"));
        }
        if crc32c::crc32c(bytes.get(HEADER_LEN..).unwrap_or_default()) != header.body_crc {
            return Err(Damage("the checksum of the records is wrong"));
        }
        Ok(Self {
            base,
            last: header.last(),
            bytes,
        })
    }

    /// The fixed part.
    pub(crate) fn header(&self) -> Result<Header, Damage> {
        Header::decode(&self.bytes)
    }

    /// Starts to read the records.
    pub(crate) fn records(&self) -> Result<Records, Damage> {
        let header = self.header()?;
        let timestamp_type = if header.flags & FLAG_APPEND_TIME == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        };
        let place = Place {
            at: HEADER_LEN,
            next: header.base,
            left: header.count,
        };
        Ok(Records {
            bytes: self.bytes.clone(),
            base_time: header.base_time,
            timestamp_type,
            place,
        })
    }
}

/// Reads the records of one batch.
#[derive(Debug)]
pub(crate) struct Records {
    bytes: Bytes,
    base_time: i64,
    timestamp_type: TimestampType,
    place: Place,
}

/// A place between two records of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    at: usize,
    next: i64,
    left: u32,
}

impl Records {
    /// The place before the next record.
    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// Goes back to a place of the same batch.
    pub(crate) fn go_back(&mut self, place: Place) {
        self.place = place;
    }

    /// The next record, or `None` after the last.
    pub(crate) fn next(&mut self) -> Result<Option<FetchedRecord>, Damage> {
        if self.place.left == 0 {
            return Ok(None);
        }
        let rest = self.bytes.get(self.place.at..).unwrap_or_default();
        let mut reader = Reader::new(rest);
        let record = Parts::read(&mut reader).ok_or(Damage("a record is cut off"))?;
        let end = self.place.at + reader.position();
        let start = self.place.at;
        let slice = |range: Range<usize>| self.bytes.slice(start + range.start..start + range.end);
        let offset = self.place.next + i64::try_from(record.gap).unwrap_or(i64::MAX);
        let mut headers = RawHeaders::new();
        for (key, value) in record.headers {
            let key = Text::from_utf8(slice(key)).map_err(|_| Damage("a header is not text"))?;
            headers.push(RawHeader {
                key,
                value: value.map(slice),
            });
        }
        let fetched = FetchedRecord {
            offset,
            timestamp: Some(Timestamp::from_millis(
                self.base_time.wrapping_add(record.time),
            )),
            timestamp_type: self.timestamp_type,
            key: record.key.map(slice),
            value: record.value.map(slice),
            headers,
        };
        self.place = Place {
            at: end,
            next: offset + 1,
            left: self.place.left - 1,
        };
        Ok(Some(fetched))
    }
}

/// Where the parts of a record are.
struct Parts {
    gap: u64,
    time: i64,
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
    headers: Vec<(Range<usize>, Option<Range<usize>>)>,
}

impl Parts {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let gap = reader.varint()?;
        let time = reader.signed()?;
        let key = reader.nullable()?;
        let value = reader.nullable()?;
        let mut headers = Vec::new();
        for _ in 0..reader.varint()? {
            headers.push((reader.range()?, reader.nullable()?));
        }
        Some(Self {
            gap,
            time,
            key,
            value,
            headers,
        })
    }
}

fn header_crc(head: &[u8; HEADER_LEN]) -> u32 {
    let (first, rest) = head.split_at(CRC.end);
    crc32c::crc32c_append(
        crc32c::crc32c(first.get(..CRC.start).unwrap_or_default()),
        rest,
    )
}

const FORMAT: u8 = 1;
const CRC: Range<usize> = 4..8;

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    type Sample = (
        u32,
        i64,
        Option<Vec<u8>>,
        Option<Vec<u8>>,
        Vec<(String, Option<Vec<u8>>)>,
    );

    fn sample() -> impl Strategy<Value = Sample> {
        let bytes = || option::of(vec(any::<u8>(), 0..200));
        (
            0..5_u32,
            any::<i64>(),
            bytes(),
            bytes(),
            vec((".{0,8}", bytes()), 0..3),
        )
    }

    fn raw_headers(headers: &[(String, Option<Vec<u8>>)]) -> RawHeaders {
        headers
            .iter()
            .map(|(key, value)| RawHeader {
                key: Text::from(key.as_str()),
                value: value.clone().map(Bytes::from),
            })
            .collect()
    }

    fn encode(samples: &[Sample]) -> Batch {
        let mut builder = BatchBuilder::with_capacity(0);
        for (gap, time, key, value, headers) in samples {
            let headers = raw_headers(headers);
            builder.push(*gap, *time, key.as_deref(), value.as_deref(), &headers);
        }
        builder.finish(0, 0).seal(7, 1_000, 5)
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(samples in vec(sample(), 1..50)) {
            let batch = encode(&samples);
            let batch = Batch::check(7, 1_000, batch.bytes).unwrap();
            let mut records = batch.records().unwrap();
            let mut next = 1_000;
            for (gap, time, key, value, headers) in &samples {
                let record = records.next().unwrap().unwrap();
                prop_assert_eq!(record.offset, next + i64::from(*gap));
                prop_assert_eq!(record.timestamp, Some(Timestamp::from_millis(*time)));
                prop_assert_eq!(record.key.as_deref(), key.as_deref());
                prop_assert_eq!(record.value.as_deref(), value.as_deref());
                prop_assert_eq!(record.headers, raw_headers(headers));
                next = record.offset + 1;
            }
            prop_assert!(records.next().unwrap().is_none());
            prop_assert_eq!(batch.last, next - 1);
        }

        #[test]
        fn no_changed_byte_goes_unnoticed(
            samples in vec(sample(), 1..5),
            place in any::<prop::sample::Index>(),
            flip in 1..=255_u8,
        ) {
            let mut bytes = encode(&samples).bytes.to_vec();
            let place = place.index(bytes.len());
            bytes[place] ^= flip;
            prop_assert!(Batch::check(7, 1_000, bytes.into()).is_err());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
            let mut batch = vec![FORMAT];
            batch.extend(bytes);
            let bytes = Bytes::from(batch);
            let _ = Batch::check(7, 0, bytes.clone());
            let mut records = Records {
                bytes,
                base_time: 0,
                timestamp_type: TimestampType::CreateTime,
                place: Place { at: 1, next: 0, left: 100 },
            };
            while let Ok(Some(_)) = records.next() {}
        }
    }

    #[test]
    fn a_batch_at_another_place_is_refused() {
        let batch = encode(&[(0, 0, None, None, Vec::new())]);
        assert!(Batch::check(8, 1_000, batch.bytes.clone()).is_err());
        assert!(Batch::check(7, 1_001, batch.bytes).is_err());
    }

    #[test]
    fn values_are_slices_of_the_batch() {
        let batch = encode(&[(0, 0, None, Some(b"value".to_vec()), Vec::new())]);
        let record = batch.records().unwrap().next().unwrap().unwrap();
        let value = record.value.unwrap();
        assert!(batch.bytes.as_ptr_range().contains(&value.as_ptr()));
    }
}
