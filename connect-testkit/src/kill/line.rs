//! Lines that can be identified.
//!
//! Every line has [`LINE`] bytes including the line ending: its number, and text derived from the
//! number. So the number of a line follows from its position, and torn, mixed or changed lines are
//! recognized.

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read as _;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// The length of a line in bytes, including the line ending.
pub const LINE: u64 = 100;

const LENGTH: usize = LINE as usize;
const DIGITS: usize = 12;
const ALPHABET: &[u8; 26] = b"abcdefghijklmnopqrstuvwxyz";

/// Appends lines to a file, and creates it if necessary. They are durable once the file is synced.
///
/// # Errors
/// Writing fails.
pub(crate) fn append(path: &Path, numbers: std::ops::Range<u64>) -> io::Result<File> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    let mut text = Vec::with_capacity(WRITE + LENGTH);
    for number in numbers {
        push(&mut text, number);
        if text.len() >= WRITE {
            file.write_all(&text)?;
            text.clear();
        }
    }
    file.write_all(&text)?;
    Ok(file)
}

/// Returns the number of complete lines of a file, by where the last one ends; 0 if there is no file.
///
/// # Errors
/// Reading fails.
pub(crate) fn whole(path: &Path) -> io::Result<u64> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut buffer = vec![0; WRITE];
    let mut end = file.metadata()?.len();
    while end > 0 {
        let start = end.saturating_sub(WRITE as u64);
        let part = buffer.get_mut(..usize::try_from(end - start).unwrap_or(WRITE));
        let part = part.unwrap_or_default();
        file.read_exact_at(part, start)?;
        if let Some(last) = part.iter().rposition(|byte| *byte == b'\n') {
            return Ok((start + last as u64 + 1) / LINE);
        }
        end = start;
    }
    Ok(0)
}

/// Returns the number of the last complete line of a file; `None` if there is none, or if it is not one
/// of these lines.
///
/// # Errors
/// Reading fails.
pub(crate) fn last(path: &Path) -> io::Result<Option<u64>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let count = file.metadata()?.len() / LINE;
    let Some(start) = count.checked_sub(1).map(|index| index * LINE) else {
        return Ok(None);
    };
    let mut text = [0; LENGTH];
    match file.read_exact_at(&mut text, start) {
        // The sink truncates the file when it starts.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    Ok(text.strip_suffix(b"\n").and_then(number))
}

/// Returns the number of a line without its line ending; `None` if the line is damaged.
#[must_use]
pub(crate) fn number(line: &[u8]) -> Option<u64> {
    let (digits, rest) = line.split_at_checked(DIGITS)?;
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let is_whole = rest.len() == LENGTH - 1 - DIGITS
        && rest
            .iter()
            .zip(filler(number))
            .all(|(found, expected)| *found == expected);
    is_whole.then_some(number)
}

/// Returns the numbers of the lines of a file; `None` for a damaged line.
///
/// # Errors
/// Reading fails.
pub(crate) fn numbers(path: &Path) -> io::Result<Vec<Option<u64>>> {
    let mut file = File::open(path)?;
    let mut numbers = Vec::new();
    let mut text = Vec::new();
    let mut buffer = vec![0; WRITE];
    loop {
        let length = file.read(&mut buffer)?;
        text.extend_from_slice(buffer.get(..length).unwrap_or_default());
        let end = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |last| last + 1);
        let (whole, _) = text.split_at(end);
        // Without the last line ending, after which there is no line.
        if let Some((_, whole)) = whole.split_last() {
            numbers.extend(whole.split(|byte| *byte == b'\n').map(number));
        }
        text.drain(..end);
        if length == 0 {
            numbers.extend((!text.is_empty()).then_some(None));
            return Ok(numbers);
        }
    }
}

fn push(text: &mut Vec<u8>, number: u64) {
    // Writing to a vector does not fail.
    let _ = write!(text, "{number:0DIGITS$}");
    text.extend(filler(number).take(LENGTH - 1 - DIGITS));
    text.push(b'\n');
}

fn filler(number: u64) -> impl Iterator<Item = u8> {
    let start = usize::try_from(number % 26).unwrap_or(0);
    ALPHABET.iter().copied().cycle().skip(start)
}

const WRITE: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_and_damage_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        append(&path, 0..10_000).unwrap();
        append(&path, 10_000..10_003).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 10_003 * LINE);
        let expected: Vec<_> = (0..10_003).map(Some).collect();
        assert_eq!(numbers(&path).unwrap(), expected);
        assert_eq!(last(&path).unwrap(), Some(10_002));

        let mut damaged = std::fs::read(&path).unwrap();
        damaged[150] ^= 1;
        damaged.truncate(450);
        std::fs::write(&path, &damaged).unwrap();
        assert_eq!(whole(&path).unwrap(), 4);
        let expected = [Some(0), None, Some(2), Some(3), None];
        assert_eq!(numbers(&path).unwrap(), expected);
        assert_eq!(last(&path).unwrap(), Some(3));
        std::fs::write(&path, b"").unwrap();
        assert_eq!(last(&path).unwrap(), None);
        assert_eq!(numbers(&path).unwrap(), []);
    }
}
