//! Time zones as text: offsets, and names with the offset that they stand for.

use super::name;
use super::zone_name::ZONES;

/// Reads a name, such as `PST` or `GMT`, or an offset: `GMT-8:00`, `-0800`. Answers with
/// milliseconds east of Greenwich and the length.
pub(super) fn read(text: &str) -> Option<(i64, usize)> {
    if let Some(rest) = text.strip_prefix(['+', '-']) {
        return signed(text, rest, Form::Digits);
    }
    if name::is_prefix("GMT", text) {
        let after = text.get(3..)?;
        return match after.strip_prefix(['+', '-']) {
            Some(rest) => signed(after, rest, Form::Name).map(|(offset, len)| (offset, len + 3)),
            None => Some((0, 3)),
        };
    }
    let names = ZONES
        .iter()
        .flat_map(|(minutes, names)| names.split('|').map(|name| (*minutes, name)));
    let matching = names.filter(|(_, name)| name::is_prefix(name, text));
    let (minutes, name) = matching.max_by_key(|(_, name)| name.len())?;
    Some((minutes * MILLIS_PER_MINUTE, name.len()))
}

/// Reads what the letters `X`, `XX` and `XXX` write: `Z`, `-08`, `-0800`, `-08:00`.
pub(super) fn read_iso(text: &str, count: usize) -> Option<(i64, usize)> {
    if text.starts_with('Z') {
        return Some((0, 1));
    }
    let form = match count {
        1 => Form::Hours,
        2 => Form::Digits,
        _ => Form::Colon,
    };
    signed(text, text.strip_prefix(['+', '-'])?, form)
}

/// How an offset is written behind its sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `08:00`
    Colon,
    /// `0800`
    Digits,
    /// `08`
    Hours,
    /// `8:00` or `08:00`
    Name,
}

/// The offset behind the sign that a text begins with.
fn signed(text: &str, rest: &str, form: Form) -> Option<(i64, usize)> {
    let (minutes, length) = minutes(rest.as_bytes(), form)?;
    let sign = if text.starts_with('-') { -1 } else { 1 };
    Some((sign * minutes * MILLIS_PER_MINUTE, length + 1))
}

fn minutes(text: &[u8], form: Form) -> Option<(i64, usize)> {
    let digit = |place: usize| {
        let byte = text.get(place).filter(|byte| byte.is_ascii_digit())?;
        Some(i64::from(byte - b'0'))
    };
    let (hours, mut place) = match digit(1) {
        Some(ones) => (digit(0)? * 10 + ones, 2),
        None if form == Form::Name => (digit(0)?, 1),
        None => return None,
    };
    if matches!(form, Form::Colon | Form::Name) {
        text.get(place).filter(|byte| **byte == b':')?;
        place += 1;
    }
    let minutes = if form == Form::Hours {
        0
    } else {
        place += 2;
        digit(place - 2)? * 10 + digit(place - 1)?
    };
    (hours < 24 && minutes < 60).then_some((hours * 60 + minutes, place))
}

const MILLIS_PER_MINUTE: i64 = 60_000;
