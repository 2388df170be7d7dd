//! The offsets file of a standalone worker on Kafka: our own format, and that of Java.
//!
//! Ours is text: a first line that names the format and the cluster whose offsets these are, then
//! one line per entry. It is written whole, beside the old file, and renamed over it.
//!
//! Java's is an object stream of one `HashMap<byte[], byte[]>`; it is read, never written.

use bytes::Bytes;
use serde::Deserialize;
use serde::Serialize;

/// Stored keys and values, as in the offsets topic.
pub type Entries = Vec<(Bytes, Option<Bytes>)>;

/// Why an offsets file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OffsetFileError {
    /// The file is neither ours nor Java's.
    #[error("it is not an offsets file")]
    Format,
    /// A line is damaged.
    #[error("line {line} is damaged")]
    Line {
        /// The line, from 1.
        line: usize,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A Java file ends early, or holds something other than byte arrays.
    #[error("it is an offsets file of Java and damaged: {0}")]
    Java(&'static str),
    /// A later version of this library wrote it.
    #[error("it has version {0}, which is newer than this program")]
    Version(u32),
}

/// What an offsets file holds.
#[derive(Debug, PartialEq, Eq)]
pub struct OffsetFile {
    /// The cluster that the offsets belong to; `None` in a file of Java, which does not know.
    pub cluster_id: Option<String>,
    /// Keys and values.
    pub entries: Entries,
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: String,
    version: u32,
    cluster: Option<String>,
}

const FORMAT: &str = "connect-offsets";
const VERSION: u32 = 1;
const JAVA_MAGIC: [u8; 4] = [0xac, 0xed, 0x00, 0x05];

/// The bytes of a file in our format. Keys and values are JSON text, so they stay readable.
#[must_use]
pub fn encode(cluster_id: Option<&str>, entries: &Entries) -> Vec<u8> {
    let header = Header {
        format: FORMAT.into(),
        version: VERSION,
        cluster: cluster_id.map(Into::into),
    };
    let mut out = json_line(&header);
    for (key, value) in entries {
        let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
        out.extend(json_line(&(text(key), value.as_ref().map(text))));
    }
    out
}

fn json_line(value: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}

/// True if these are the bytes of a file that Java wrote.
#[must_use]
pub fn is_java(bytes: &[u8]) -> bool {
    bytes.starts_with(&JAVA_MAGIC)
}

/// Reads a file in either format. No bytes at all are an empty file.
///
/// # Errors
/// [`OffsetFileError`], which says what is wrong; nothing of a damaged file is used.
pub fn decode(bytes: &[u8]) -> Result<OffsetFile, OffsetFileError> {
    if bytes.is_empty() {
        return Ok(OffsetFile {
            cluster_id: None,
            entries: Entries::new(),
        });
    }
    if is_java(bytes) {
        let entries = java::read(bytes).map_err(OffsetFileError::Java)?;
        return Ok(OffsetFile {
            cluster_id: None,
            entries,
        });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| OffsetFileError::Format)?;
    let mut lines = text.lines().enumerate();
    let first = lines.next().map(|(_, line)| line).unwrap_or_default();
    let header: Header = serde_json::from_str(first).map_err(|_| OffsetFileError::Format)?;
    if header.format != FORMAT {
        return Err(OffsetFileError::Format);
    }
    if header.version > VERSION {
        return Err(OffsetFileError::Version(header.version));
    }
    let entry = |(index, line): (usize, &str)| {
        let (key, value): (String, Option<String>) =
            serde_json::from_str(line).map_err(|source| OffsetFileError::Line {
                line: index + 1,
                source: source.into(),
            })?;
        Ok((Bytes::from(key), value.map(Bytes::from)))
    };
    Ok(OffsetFile {
        cluster_id: header.cluster,
        entries: lines.map(entry).collect::<Result<_, _>>()?,
    })
}

/// The small part of Java's object serialization that a `HashMap<byte[], byte[]>` needs
/// (Java Object Serialization Specification, chapter 6).
mod java {
    use bytes::Buf;
    use bytes::Bytes;

    use super::Entries;

    const TC_NULL: u8 = 0x70;
    const TC_REFERENCE: u8 = 0x71;
    const TC_CLASSDESC: u8 = 0x72;
    const TC_OBJECT: u8 = 0x73;
    const TC_ARRAY: u8 = 0x75;
    const TC_BLOCKDATA: u8 = 0x77;
    const TC_ENDBLOCKDATA: u8 = 0x78;
    const FIRST_HANDLE: u32 = 0x7e_0000;

    /// What a back reference can point to.
    enum Handle {
        Array(Option<Bytes>),
        Class(String),
        Other,
    }

    struct Reader<'a> {
        bytes: &'a [u8],
        handles: Vec<Handle>,
    }

    const TOO_SHORT: &str = "it ends early";

    pub(super) fn read(bytes: &[u8]) -> Result<Entries, &'static str> {
        let mut reader = Reader {
            bytes: bytes.get(4..).unwrap_or_default(),
            handles: Vec::new(),
        };
        reader.expect(TC_OBJECT, "it does not hold an object")?;
        if reader.class()? != "java.util.HashMap" {
            return Err("it does not hold a HashMap");
        }
        reader.handles.push(Handle::Other);
        reader.skip(4 + 4)?; // load factor, threshold
        reader.expect(TC_BLOCKDATA, "the map has no size")?;
        reader.expect(8, "the map has no size")?;
        reader.skip(4)?; // capacity
        let size = reader.u32()?;
        let mut entries = Entries::new();
        for _ in 0..size {
            let key = reader.array()?.ok_or("a key is null")?;
            entries.push((key, reader.array()?));
        }
        Ok(entries)
    }

    impl Reader<'_> {
        fn u8(&mut self) -> Result<u8, &'static str> {
            self.bytes.try_get_u8().map_err(|_| TOO_SHORT)
        }

        fn u32(&mut self) -> Result<u32, &'static str> {
            self.bytes.try_get_u32().map_err(|_| TOO_SHORT)
        }

        fn take(&mut self, length: usize) -> Result<&[u8], &'static str> {
            let (taken, rest) = self.bytes.split_at_checked(length).ok_or(TOO_SHORT)?;
            self.bytes = rest;
            Ok(taken)
        }

        fn skip(&mut self, length: usize) -> Result<(), &'static str> {
            self.take(length).map(drop)
        }

        fn expect(&mut self, byte: u8, problem: &'static str) -> Result<(), &'static str> {
            if self.u8()? == byte {
                Ok(())
            } else {
                Err(problem)
            }
        }

        fn text(&mut self) -> Result<String, &'static str> {
            let length = self.bytes.try_get_u16().map_err(|_| TOO_SHORT)?;
            Ok(String::from_utf8_lossy(self.take(length.into())?).into_owned())
        }

        /// A class description or a reference to one; returns the name of the class.
        fn class(&mut self) -> Result<String, &'static str> {
            match self.u8()? {
                TC_CLASSDESC => {}
                TC_REFERENCE => {
                    return match self.reference()? {
                        Handle::Class(name) => Ok(name.clone()),
                        _ => Err("a class reference points to something else"),
                    };
                }
                _ => return Err("a class description is missing"),
            }
            let name = self.text()?;
            self.handles.push(Handle::Class(name.clone()));
            self.skip(8 + 1)?; // serial version, flags
            let fields = self.bytes.try_get_u16().map_err(|_| TOO_SHORT)?;
            for _ in 0..fields {
                if matches!(self.u8()?, b'L' | b'[') {
                    return Err("a class has fields that are objects");
                }
                self.text()?;
            }
            self.expect(TC_ENDBLOCKDATA, "a class has annotations")?;
            self.expect(TC_NULL, "a class has a parent")?;
            Ok(name)
        }

        fn array(&mut self) -> Result<Option<Bytes>, &'static str> {
            match self.u8()? {
                TC_NULL => return Ok(None),
                TC_REFERENCE => {
                    return match self.reference()? {
                        Handle::Array(bytes) => Ok(bytes.clone()),
                        _ => Err("an array reference points to something else"),
                    };
                }
                TC_ARRAY => {}
                _ => return Err("an entry is not a byte array"),
            }
            if self.class()? != "[B" {
                return Err("an entry is not a byte array");
            }
            let length = usize::try_from(self.u32()?).map_err(|_| TOO_SHORT)?;
            let bytes = Bytes::copy_from_slice(self.take(length)?);
            self.handles.push(Handle::Array(Some(bytes.clone())));
            Ok(Some(bytes))
        }

        fn reference(&mut self) -> Result<&Handle, &'static str> {
            let handle = self
                .u32()?
                .checked_sub(FIRST_HANDLE)
                .ok_or("a reference is out of range")?;
            self.handles
                .get(handle as usize)
                .ok_or("a reference is out of range")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `ObjectOutputStream` of Java 17 wrote a map of two entries, one with a null value.
    fn java_file() -> Vec<u8> {
        let mut bytes = vec![0xac, 0xed, 0x00, 0x05, 0x73, 0x72, 0x00, 0x11];
        bytes.extend(b"java.util.HashMap");
        bytes.extend([
            0x05, 0x07, 0xda, 0xc1, 0xc3, 0x16, 0x60, 0xd1, 0x03, 0x00, 0x02,
        ]);
        bytes.extend([b'F', 0x00, 0x0a]);
        bytes.extend(b"loadFactor");
        bytes.extend([b'I', 0x00, 0x09]);
        bytes.extend(b"threshold");
        bytes.extend([0x78, 0x70, 0x3f, 0x40, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0c]);
        bytes.extend([0x77, 0x08, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00, 0x02]);
        bytes.extend([0x75, 0x72, 0x00, 0x02, b'[', b'B']);
        bytes.extend([
            0xac, 0xf3, 0x17, 0xf8, 0x06, 0x08, 0x54, 0xe0, 0x02, 0x00, 0x00, 0x78, 0x70,
        ]);
        bytes.extend([0x00, 0x00, 0x00, 0x02, b'k', b'1']);
        bytes.extend([
            0x75, 0x71, 0x00, 0x7e, 0x00, 0x02, 0x00, 0x00, 0x00, 0x02, b'v', b'1',
        ]);
        bytes.extend([
            0x75, 0x71, 0x00, 0x7e, 0x00, 0x02, 0x00, 0x00, 0x00, 0x02, b'k', b'2',
        ]);
        bytes.extend([0x70, 0x78]);
        bytes
    }

    #[test]
    fn a_file_of_java_is_read() {
        let file = decode(&java_file()).unwrap();
        assert_eq!(file.cluster_id, None);
        assert_eq!(
            file.entries,
            [
                (Bytes::from("k1"), Some(Bytes::from("v1"))),
                (Bytes::from("k2"), None)
            ]
        );
    }

    #[test]
    fn a_cut_file_of_java_is_refused_at_every_length() {
        let whole = java_file();
        for length in 4..whole.len() - 1 {
            assert!(decode(&whole[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn our_format_round_trips() {
        let entries = vec![(
            Bytes::from("[\"c\",{\"f\":\"ü\\n\"}]"),
            Some(Bytes::from("{\"position\":1}")),
        )];
        let file = decode(&encode(Some("cluster-1"), &entries)).unwrap();
        assert_eq!(
            file,
            OffsetFile {
                cluster_id: Some("cluster-1".into()),
                entries
            }
        );
    }

    #[test]
    fn rubbish_is_refused_and_nothing_is_empty() {
        assert!(decode(b"").unwrap().entries.is_empty());
        assert!(matches!(decode(b"hello"), Err(OffsetFileError::Format)));
        let mut cut = encode(None, &vec![(Bytes::from("k"), None)]);
        cut.truncate(cut.len() - 4);
        assert!(matches!(
            decode(&cut),
            Err(OffsetFileError::Line { line: 2, .. })
        ));
    }
}
