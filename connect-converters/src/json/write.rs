//! JSON text, as Jackson writes it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connect_api::data::FloatText;

/// Appends a quoted string. Control characters are escaped, and characters outside the basic plane
/// are written as escaped surrogate pairs.
pub(super) fn push_string(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = first_escape(rest.as_bytes()) {
        let (plain, escaped) = rest.split_at(at);
        out.extend_from_slice(plain.as_bytes());
        let mut chars = escaped.chars();
        push_escaped(out, chars.next().unwrap_or_default());
        rest = chars.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
    out.push(b'"');
}

/// The position of the first byte that needs an escape. Whole blocks without an early exit, so that
/// the compiler vectorizes the loop.
fn first_escape(bytes: &[u8]) -> Option<usize> {
    let (blocks, rest) = bytes.as_chunks::<32>();
    let in_block = |block: &[u8; 32]| {
        block
            .iter()
            .fold(false, |any, byte| any | needs_escape(*byte))
    };
    let (start, part) = match blocks.iter().position(in_block) {
        Some(index) => (index * 32, blocks.get(index)?.as_slice()),
        None => (blocks.len() * 32, rest),
    };
    let at = part.iter().position(|byte| needs_escape(*byte))?;
    Some(start + at)
}

/// Control characters, quotes, backslashes, and first bytes of characters outside the basic plane.
const fn needs_escape(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\') | (byte >= 0xf0)
}

fn push_escaped(out: &mut Vec<u8>, c: char) {
    match c {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\u{8}' => out.extend_from_slice(b"\\b"),
        '\t' => out.extend_from_slice(b"\\t"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\u{c}' => out.extend_from_slice(b"\\f"),
        '\r' => out.extend_from_slice(b"\\r"),
        c => c
            .encode_utf16(&mut [0; 2])
            .iter()
            .for_each(|unit| push_unit(out, *unit)),
    }
}

/// `\uD83D`
fn push_unit(out: &mut Vec<u8>, unit: u16) {
    out.extend_from_slice(b"\\u");
    for shift in [12, 8, 4, 0] {
        let digit = u32::from(unit >> shift & 0xf);
        let digit = char::from_digit(digit, 16)
            .unwrap_or('0')
            .to_ascii_uppercase();
        out.push(digit as u8);
    }
}

/// Appends bytes as a string in base64.
pub(super) fn push_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    let start = out.len();
    let length = base64::encoded_len(bytes.len(), true).unwrap_or_default();
    out.resize(start + length, 0);
    if let Some(slot) = out.get_mut(start..) {
        // The slot has exactly the length that the encoder needs.
        let _ = STANDARD.encode_slice(bytes, slot);
    }
    out.push(b'"');
}

/// Appends an integer.
pub(super) fn push_integer(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends a floating point number as Java prints it. `NaN` and infinities become strings.
pub(super) fn push_float(out: &mut Vec<u8>, is_finite: bool, text: FloatText) {
    if is_finite {
        out.extend_from_slice(text.as_bytes());
    } else {
        push_string(out, &text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        push_string(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes_are_those_of_jackson() {
        assert_eq!(
            written("q\" b\\ s/ \t\n\r\u{8}\u{c}"),
            r#""q\" b\\ s/ \t\n\r\b\f""#
        );
        assert_eq!(
            written("\0\u{1f}\u{7f}\u{2028}"),
            "\"\\u0000\\u001F\u{7f}\u{2028}\""
        );
        assert_eq!(written("é🙂日"), "\"é\\uD83D\\uDE42日\"");
    }

    #[test]
    fn every_position_is_checked() {
        for length in 0..100 {
            for position in 0..length {
                let mut text = "x".repeat(length);
                text.replace_range(position..=position, "\n");
                assert_eq!(written(&text).len(), length + 3);
            }
        }
    }

    #[test]
    fn base64_is_padded() {
        let mut out = Vec::new();
        push_base64(&mut out, &[1, 2, 3, 255]);
        push_base64(&mut out, &[]);
        assert_eq!(out, b"\"AQID/w==\"\"\"");
    }
}
