//! Character encodings of text.

use bytes::Bytes;
use connect_api::Error;
use connect_api::Result;
use connect_api::data::Text;

/// A character encoding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Encoding {
    Ascii,
    Latin1,
    /// Big endian unless a byte order mark says otherwise; written with a mark.
    Utf16,
    Utf16Be,
    Utf16Le,
    #[default]
    Utf8,
}

impl Encoding {
    /// Finds the encoding by one of the names that Java has for it, ignoring case.
    ///
    /// # Errors
    /// A configuration error, in Java a `SerializationException`, for encodings that are not
    /// supported here.
    pub(crate) fn of(name: &str) -> Result<Self> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" | "unicode-1-1-utf-8" => Self::Utf8,
            "us-ascii" | "ascii" | "ascii7" | "iso646-us" | "iso_646.irv:1991" | "646" => {
                Self::Ascii
            }
            "iso-8859-1" | "iso8859_1" | "iso8859-1" | "iso_8859-1" | "8859_1" | "latin1"
            | "l1" => Self::Latin1,
            "utf-16" | "utf16" | "utf_16" | "unicode" | "unicodebig" => Self::Utf16,
            "utf-16be" | "utf_16be" | "iso-10646-ucs-2" | "x-utf-16be" | "unicodebigunmarked" => {
                Self::Utf16Be
            }
            "utf-16le" | "utf_16le" | "x-utf-16le" | "unicodelittleunmarked" => Self::Utf16Le,
            _ => {
                return Err(Error::config(format!(
                    "Unsupported encoding {name}; supported are UTF-8, UTF-16, UTF-16BE, UTF-16LE, \
                     ISO-8859-1 and US-ASCII"
                ))
                .with_java_class("org.apache.kafka.common.errors.SerializationException"));
            }
        })
    }

    /// Encodes a text. Characters that the encoding lacks become `?`. UTF-8 is not copied.
    pub(crate) fn encode(self, text: &Text) -> Bytes {
        let utf16 = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes);
        match self {
            Self::Utf8 => text.as_bytes().clone(),
            Self::Ascii | Self::Latin1 => {
                let limit = if self == Self::Ascii { 0x80 } else { 0x100 };
                let byte = |c: char| match u8::try_from(c) {
                    Ok(byte) if u32::from(c) < limit => byte,
                    _ => b'?',
                };
                text.chars().map(byte).collect()
            }
            Self::Utf16 if text.is_empty() => Bytes::new(),
            Self::Utf16 => [0xfe, 0xff]
                .into_iter()
                .chain(utf16(u16::to_be_bytes))
                .collect(),
            Self::Utf16Be => utf16(u16::to_be_bytes).collect(),
            Self::Utf16Le => utf16(u16::to_le_bytes).collect(),
        }
    }

    /// Decodes bytes. Malformed parts become U+FFFD. UTF-8 is not copied.
    pub(crate) fn decode(self, bytes: Bytes) -> Text {
        let one_byte = |limit: u8| {
            let char = |byte: u8| {
                if byte <= limit {
                    char::from(byte)
                } else {
                    REPLACEMENT
                }
            };
            bytes
                .iter()
                .map(|byte| char(*byte))
                .collect::<String>()
                .into()
        };
        match self {
            Self::Utf8 => match Text::from_utf8(bytes) {
                Ok(text) => text,
                Err(bytes) => replace_malformed(&bytes).into(),
            },
            Self::Ascii => one_byte(0x7f),
            Self::Latin1 => one_byte(0xff),
            Self::Utf16 => match bytes.as_ref() {
                [0xff, 0xfe, rest @ ..] => decode_utf16(rest, u16::from_le_bytes),
                [0xfe, 0xff, rest @ ..] | rest => decode_utf16(rest, u16::from_be_bytes),
            },
            Self::Utf16Be => decode_utf16(&bytes, u16::from_be_bytes),
            Self::Utf16Le => decode_utf16(&bytes, u16::from_le_bytes),
        }
    }
}

const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Text {
    let (pairs, rest) = bytes.as_chunks();
    let chars = char::decode_utf16(pairs.iter().map(|pair| unit(*pair)));
    let mut text: String = chars.map(|c| c.unwrap_or(REPLACEMENT)).collect();
    if !rest.is_empty() {
        text.push(REPLACEMENT);
    }
    text.into()
}

/// Replaces each malformed part of UTF-8 by U+FFFD. As in Java, a surrogate encoded in three bytes
/// is one part.
fn replace_malformed(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut rest_of_surrogate = 0;
    for chunk in bytes.utf8_chunks() {
        if !chunk.valid().is_empty() {
            rest_of_surrogate = 0;
        }
        text.push_str(chunk.valid());
        match chunk.invalid() {
            [] => {}
            [0x80..=0xbf] if rest_of_surrogate > 0 => rest_of_surrogate -= 1,
            invalid => {
                text.push(REPLACEMENT);
                rest_of_surrogate = if invalid == [0xed] { 2 } else { 0 };
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_encoding_reads_what_it_writes() {
        for name in ["UTF-8", "utf8", "UTF-16", "UTF-16LE", "UTF-16BE"] {
            let encoding = Encoding::of(name).unwrap();
            for text in ["", "héllo €", "🙂"] {
                let bytes = encoding.encode(&text.into());
                assert_eq!(encoding.decode(bytes), text, "{name}");
            }
        }
        assert!(Encoding::of("nope").is_err());
    }

    #[test]
    fn missing_characters_become_question_marks() {
        assert_eq!(&Encoding::Ascii.encode(&"hé€".into())[..], b"h??");
        assert_eq!(&Encoding::Latin1.encode(&"hé€".into())[..], b"h\xe9?");
        assert_eq!(
            &Encoding::Utf16.encode(&"é".into())[..],
            [0xfe, 0xff, 0, 0xe9]
        );
    }

    #[test]
    fn malformed_bytes_become_replacement_characters() {
        for (bytes, text) in [
            (&b"\xff\xfeA\0"[..], "\u{fffd}\u{fffd}A\0"),
            (b"\xe9A", "\u{fffd}A"),
            (b"\xed\xa0\x80", "\u{fffd}"),
            (b"\xf0\x9f\x99", "\u{fffd}"),
            (b"\xc3", "\u{fffd}"),
        ] {
            assert_eq!(Encoding::Utf8.decode(Bytes::from_static(bytes)), text);
        }
        assert_eq!(
            Encoding::Utf16.decode(Bytes::from_static(b"\xe9A\0")),
            "\u{e941}\u{fffd}"
        );
    }
}
