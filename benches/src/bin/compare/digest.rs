//! Digests that tell whether the same lines arrived.

use std::fs::File;
use std::hash::DefaultHasher;
use std::hash::Hasher;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;

/// The digest of a set of lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Digest {
    pub(crate) lines: u64,
    /// Equal for any order of the lines.
    sum: u64,
    /// Equal only for the same order.
    ordered: u64,
}

impl Digest {
    pub(crate) fn add(&mut self, line: &[u8]) {
        let mut hasher = DefaultHasher::new();
        hasher.write(line);
        let hash = hasher.finish();
        self.lines += 1;
        self.sum = self.sum.wrapping_add(hash);
        self.ordered = self
            .ordered
            .wrapping_mul(0x0000_0100_0000_01b3)
            .wrapping_add(hash);
    }

    pub(crate) fn of_files<'a>(files: impl IntoIterator<Item = &'a Path>) -> Self {
        let mut digest = Self::default();
        for file in files {
            let mut input = BufReader::with_capacity(256 * 1024, File::open(file).unwrap());
            let mut line = Vec::new();
            while input.read_until(b'\n', &mut line).unwrap() > 0 {
                digest.add(line.strip_suffix(b"\n").unwrap_or(&line));
                line.clear();
            }
        }
        digest
    }

    /// Lines of several partitions have no order.
    pub(crate) fn in_any_order(self) -> Self {
        Self { ordered: 0, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_sees_lines_and_their_order() {
        let of = |lines: &[&str]| {
            let mut digest = Digest::default();
            lines.iter().for_each(|line| digest.add(line.as_bytes()));
            digest
        };
        assert_ne!(of(&["a", "b"]), of(&["b", "a"]));
        assert_eq!(
            of(&["a", "b"]).in_any_order(),
            of(&["b", "a"]).in_any_order()
        );
        assert_ne!(
            of(&["a", "b"]).in_any_order(),
            of(&["a", "c"]).in_any_order()
        );
        assert_ne!(of(&["a", "a"]).in_any_order(), of(&["a"]).in_any_order());
    }
}
