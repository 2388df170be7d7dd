//! Messages in UTF-16 and UTF-32, which Jackson detects.

use bytes::Bytes;
use connect_api::Result;

use super::read::SyntaxError;

/// Returns the message in UTF-8, without a byte order mark.
///
/// UTF-16 and UTF-32 are detected by their byte order mark, else by the zero bytes of the first
/// character, which is ASCII in all JSON.
///
/// # Errors
/// The message is not valid UTF-16 or UTF-32. Invalid UTF-8 is found by the reader.
pub(super) fn to_utf8(message: Bytes) -> Result<Bytes> {
    Ok(match *message {
        [0xef, 0xbb, 0xbf, ..] => message.slice(3..),
        [0, 0, 0xfe, 0xff, ref rest @ ..] => utf32(rest, u32::from_be_bytes)?,
        [0xff, 0xfe, 0, 0, ref rest @ ..] => utf32(rest, u32::from_le_bytes)?,
        [0xfe, 0xff, ref rest @ ..] => utf16(rest, u16::from_be_bytes)?,
        [0xff, 0xfe, ref rest @ ..] => utf16(rest, u16::from_le_bytes)?,
        [0, 0, 0, _, ..] => utf32(&message, u32::from_be_bytes)?,
        [_, 0, 0, 0, ..] => utf32(&message, u32::from_le_bytes)?,
        [0, _, ..] => utf16(&message, u16::from_be_bytes)?,
        [_, 0, ..] => utf16(&message, u16::from_le_bytes)?,
        _ => message,
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Bytes> {
    let (units, rest) = bytes.as_chunks();
    let chars = char::decode_utf16(units.iter().map(|bytes| unit(*bytes)));
    let text: Option<String> = chars.map(Result::ok).collect();
    text.filter(|_| rest.is_empty())
        .map(Bytes::from)
        .ok_or_else(|| SyntaxError::at_start("invalid UTF-16").into())
}

fn utf32(bytes: &[u8], unit: fn([u8; 4]) -> u32) -> Result<Bytes> {
    let (units, rest) = bytes.as_chunks();
    let chars = units.iter().map(|bytes| char::from_u32(unit(*bytes)));
    let text: Option<String> = chars.collect();
    text.filter(|_| rest.is_empty())
        .map(Bytes::from)
        .ok_or_else(|| SyntaxError::at_start("invalid UTF-32").into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encodings(text: &str) -> Vec<Vec<u8>> {
        let utf16 = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect();
        let utf32 =
            |bytes: fn(u32) -> [u8; 4]| text.chars().map(u32::from).flat_map(bytes).collect();
        vec![
            text.as_bytes().to_vec(),
            utf16(u16::to_be_bytes),
            utf16(u16::to_le_bytes),
            utf32(u32::to_be_bytes),
            utf32(u32::to_le_bytes),
        ]
    }

    proptest! {
        #[test]
        fn each_encoding_is_detected(text in "[\\[\"0-9a-z ]\\PC*", has_mark: bool) {
            let mark = if has_mark { "\u{feff}" } else { "" };
            for encoded in encodings(&format!("{mark}{text}")) {
                let message = to_utf8(Bytes::from(encoded)).unwrap();
                prop_assert_eq!(std::str::from_utf8(&message).unwrap(), &text);
            }
        }
    }

    #[test]
    fn malformed_messages_are_refused() {
        for bytes in [
            &b"\0\"\xd8\0\0\""[..],
            b"\0\"\0",
            b"\xfe\xff\0",
            b"\0\0\0\"\0\0\xd8\0\0\0\0\"",
            b"\0\0\0\"\0",
        ] {
            assert!(to_utf8(Bytes::from_static(bytes)).is_err(), "{bytes:?}");
        }
    }
}
