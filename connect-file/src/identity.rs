//! Identifies the file that a position belongs to.
//!
//! Device and inode find a file under another name, but they prove nothing: inodes are reused and
//! files are rewritten in place. Fingerprints of the first bytes and of the bytes before a position
//! prove that the content is the same. All of them are stored beside `position` in the source offset;
//! Java ignores them.

use std::fs::File;
use std::fs::Metadata;
use std::io;

use connect_api::record::OffsetValue;
use connect_api::record::SharedOffset;
use connect_api::record::SourceOffset;

use crate::os;

/// Device and inode; `None` where the platform has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

impl FileId {
    pub(crate) fn of(metadata: &Metadata) -> Option<Self> {
        os::device_and_inode(metadata).map(|(device, inode)| Self { device, inode })
    }
}

/// A fingerprint of the bytes before a position, at most [`WINDOW`] of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Print {
    end: u64,
    hash: u64,
}

/// The maximum number of bytes that a fingerprint covers.
pub(crate) const WINDOW: usize = 256;

impl Print {
    /// Creates the fingerprint of `window`, the bytes before `end`.
    pub(crate) fn new(end: u64, window: &[u8]) -> Self {
        Self {
            end,
            hash: fnv1a(window),
        }
    }

    /// True if the file has the same bytes at the same place.
    pub(crate) fn matches(&self, file: &File) -> io::Result<bool> {
        let window = window(file, self.end)?;
        Ok(window.len() == window_length(self.end) && fnv1a(&window) == self.hash)
    }

    fn parse(text: &str) -> Option<Self> {
        let (end, hash) = text.split_once(':')?;
        Some(Self {
            end: end.parse().ok()?,
            hash: u64::from_str_radix(hash, 16).ok()?,
        })
    }

    fn render(&self) -> String {
        format!("{}:{:016x}", self.end, self.hash)
    }
}

/// Reads the bytes that a fingerprint at `end` covers; fewer if the file is shorter.
pub(crate) fn window(file: &File, end: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; window_length(end)];
    let length = os::read_full_at(file, &mut bytes, end - window_length(end) as u64)?;
    bytes.truncate(length);
    Ok(bytes)
}

fn window_length(end: u64) -> usize {
    usize::try_from(end).unwrap_or(WINDOW).min(WINDOW)
}

/// True if bytes are weak evidence of their place: only a few, or a repeated pattern.
pub(crate) fn is_weak_evidence(window: &[u8]) -> bool {
    let repeats = |period: usize| {
        window
            .iter()
            .zip(window.iter().skip(period))
            .all(|(a, b)| a == b)
    };
    window.len() < 32 || (1..=window.len() / 2).any(repeats)
}

/// The content of a stored offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where to resume, in bytes.
    pub(crate) position: u64,
    /// The file; `None` if Java or a user wrote the offset.
    pub(crate) identity: Option<Identity>,
}

/// What identifies a file that was read in part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) id: Option<FileId>,
    /// The fingerprint of its first bytes.
    pub(crate) head: Print,
    /// The fingerprint of bytes at or shortly before the position.
    pub(crate) mark: Print,
}

impl Identity {
    /// True if the file starts with the content that was read.
    pub(crate) fn matches(&self, file: &File) -> io::Result<bool> {
        Ok(self.head.matches(file)? && self.mark.matches(file)?)
    }

    /// Returns the entries of a source offset beside the position.
    pub(crate) fn to_offset(self) -> SharedOffset {
        let mut entries: Vec<(&'static str, OffsetValue)> = vec![("unit", "bytes".into())];
        if let Some(FileId { device, inode }) = self.id {
            entries.push(("device", OffsetValue::Int(device.cast_signed())));
            entries.push(("inode", OffsetValue::Int(inode.cast_signed())));
        }
        entries.push(("head", self.head.render().into()));
        entries.push(("mark", self.mark.render().into()));
        SourceOffset::shared(entries)
    }

    fn from_offset(offset: &SourceOffset) -> Option<Self> {
        let text = |key| offset.get(key).and_then(OffsetValue::as_str);
        let number = |key| {
            offset
                .get(key)
                .and_then(OffsetValue::as_i64)
                .map(i64::cast_unsigned)
        };
        let id = number("device").zip(number("inode"));
        Some(Self {
            id: id.map(|(device, inode)| FileId { device, inode }),
            head: Print::parse(text("head")?)?,
            mark: Print::parse(text("mark")?)?,
        })
    }
}

impl Place {
    /// Reads a stored offset; `None` if its position is not a whole number.
    ///
    /// *Java*: without a position, with null or with a negative number, the offset is the start of the
    /// file.
    pub(crate) fn from_offset(offset: &SourceOffset) -> Option<Self> {
        let position = match offset.get("position") {
            None | Some(OffsetValue::Null) => 0,
            Some(value) => value.as_i64()?,
        };
        Some(Self {
            position: u64::try_from(position).unwrap_or(0),
            identity: Identity::from_offset(offset),
        })
    }
}

/// FNV-1a: short, stable, and good enough to distinguish log files.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn identity_survives_the_stored_offset() {
        let identity = Identity {
            id: Some(FileId {
                device: u64::MAX,
                inode: 7,
            }),
            head: Print::new(3, b"abc"),
            mark: Print::new(600, &[b'x'; WINDOW]),
        };
        let offset = SourceOffset::new("position", 700i64).with_shared(&identity.to_offset());
        let place = Place::from_offset(&offset).unwrap();
        assert_eq!(
            place,
            Place {
                position: 700,
                identity: Some(identity)
            }
        );
        let java = Place::from_offset(&SourceOffset::new("position", 5i64)).unwrap();
        assert_eq!(
            java,
            Place {
                position: 5,
                identity: None
            }
        );
        assert_eq!(
            Place::from_offset(&SourceOffset::new("position", "5")),
            None
        );
        assert_eq!(
            Place::from_offset(&SourceOffset::default())
                .unwrap()
                .position,
            0
        );
    }

    #[test]
    fn prints_match_the_same_bytes_only() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let print = Print::new(4, b"0123");
        assert!(print.matches(&file).unwrap());
        assert!(!Print::new(4, b"0124").matches(&file).unwrap());
        assert!(!Print::new(11, b"0123456789x").matches(&file).unwrap());
    }

    #[test]
    fn repeated_lines_are_weak_evidence() {
        assert!(is_weak_evidence(&b"alive\n".repeat(20)));
        assert!(is_weak_evidence(b"short\n"));
        assert!(!is_weak_evidence(
            b"12:00:01 alive\n12:00:02 alive\n12:00:03 alive\n"
        ));
    }
}
