//! Varied and realistic lines, the same ones every time.
//!
//! Web server logs, system logs, JSON, tables, stack traces, empty lines; some with characters of
//! two, three and four bytes. About 110 bytes each. Line *n* depends on *n* and the seed only.

use std::io;
use std::io::Write;

/// An endless source of lines.
///
/// ```
/// use connect_benches::lines::Lines;
///
/// let mut lines = Lines::new(1);
/// let mut text = Vec::new();
/// for _ in 0..100 {
///     lines.write(&mut text);
/// }
/// assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 100);
/// assert!(std::str::from_utf8(&text).is_ok());
/// ```
#[derive(Debug, Clone)]
pub struct Lines {
    random: Random,
    number: u64,
}

impl Lines {
    /// The lines of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            random: Random(seed),
            number: 0,
        }
    }

    /// Appends the next line with its newline.
    pub fn write(&mut self, text: &mut Vec<u8>) {
        self.number += 1;
        let n = self.number;
        let r = &mut self.random;
        // Writing to a vector does not fail.
        let _ = match r.below(32) {
            0..=13 => web(r, n, text),
            14..=20 => system(r, n, text),
            21..=25 => json(r, n, text),
            26..=28 => table(r, n, text),
            29 | 30 => trace(r, n, text),
            _ => Ok(()), // an empty line
        };
        text.push(b'\n');
    }

    /// Appends a line of exactly this many bytes, and its newline: several lines joined by spaces,
    /// cut between two characters, padded with full stops.
    ///
    /// ```
    /// use connect_benches::lines::Lines;
    ///
    /// let mut text = Vec::new();
    /// Lines::new(1).write_sized(100, &mut text);
    /// assert_eq!(text.len(), 101);
    /// assert!(std::str::from_utf8(&text).is_ok());
    /// ```
    pub fn write_sized(&mut self, bytes: usize, text: &mut Vec<u8>) {
        let end = text.len() + bytes;
        while text.len() <= end {
            self.write(text);
            text.pop();
            text.push(b' ');
        }
        let is_inside = |byte: &u8| byte & 0b1100_0000 == 0b1000_0000;
        let mut cut = end;
        while text.get(cut).is_some_and(is_inside) {
            cut -= 1;
        }
        text.truncate(cut);
        text.resize(end, b'.');
        text.push(b'\n');
    }

    /// Writes `count` lines.
    ///
    /// # Errors
    /// Writing fails.
    pub fn write_to(&mut self, count: u64, output: &mut impl Write) -> io::Result<()> {
        write_all(count, output, |text| self.write(text))
    }

    /// Writes `count` lines of exactly this many bytes, not counting the newline.
    ///
    /// # Errors
    /// Writing fails.
    pub fn write_sized_to(
        &mut self,
        count: u64,
        bytes: usize,
        output: &mut impl Write,
    ) -> io::Result<()> {
        write_all(count, output, |text| self.write_sized(bytes, text))
    }
}

fn write_all(
    count: u64,
    output: &mut impl Write,
    mut write: impl FnMut(&mut Vec<u8>),
) -> io::Result<()> {
    let mut text = Vec::with_capacity(FLUSH_AT + 4096);
    for _ in 0..count {
        write(&mut text);
        if text.len() >= FLUSH_AT {
            output.write_all(&text)?;
            text.clear();
        }
    }
    output.write_all(&text)
}

const FLUSH_AT: usize = 256 * 1024;

fn web(r: &mut Random, n: u64, text: &mut Vec<u8>) -> io::Result<()> {
    let (a, b, status) = (
        r.below(256),
        r.below(256),
        r.pick(&[200, 200, 200, 304, 404, 500]),
    );
    let (method, path, agent) = (r.pick(METHODS), r.pick(PATHS), r.pick(AGENTS));
    let (seconds, bytes) = (n % 60, r.below(100_000));
    write!(
        text,
        "192.0.{a}.{b} - - [20/Nov/2026:06:{:02}:{seconds:02} +0000] \"{method} {path}{n} HTTP/1.1\" \
         {status} {bytes} \"-\" \"{agent}\"",
        n / 60 % 60
    )
}

fn system(r: &mut Random, n: u64, text: &mut Vec<u8>) -> io::Result<()> {
    let (host, unit, pid) = (r.pick(HOSTS), r.pick(UNITS), r.below(32_768));
    let (word, millis) = (r.pick(WORDS), r.below(1000));
    write!(
        text,
        "Nov 20 06:{:02}:{:02}.{millis:03} {host} {unit}[{pid}]: {word} #{n}",
        n / 60 % 60,
        n % 60
    )
}

fn json(r: &mut Random, n: u64, text: &mut Vec<u8>) -> io::Result<()> {
    let (customer, cents, word) = (r.below(100_000), r.below(1_000_000), r.pick(WORDS));
    let is_paid = r.below(2) == 0;
    write!(
        text,
        "{{\"order\":{n},\"customer\":\"c-{customer}\",\"total\":{}.{:02},\"paid\":{is_paid},\"note\":\"{word}\"}}",
        cents / 100,
        cents % 100
    )
}

fn table(r: &mut Random, n: u64, text: &mut Vec<u8>) -> io::Result<()> {
    let (host, word) = (r.pick(HOSTS), r.pick(WORDS));
    write!(
        text,
        "{n};{};{host};{word};;{}",
        r.below(10_000),
        r.below(2)
    )
}

fn trace(r: &mut Random, n: u64, text: &mut Vec<u8>) -> io::Result<()> {
    let unit = r.pick(UNITS);
    write!(text, "ERROR request {n} failed")?;
    for _ in 0..r.below(8) {
        write!(
            text,
            "\tat com.example.{unit}.Handler.invoke(Handler.java:{})",
            r.below(900)
        )?;
    }
    Ok(())
}

/// SplitMix64.
#[derive(Debug, Clone)]
struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below a limit that is far below 2^32.
    const fn below(&mut self, limit: u64) -> u64 {
        ((self.next() >> 32) * limit) >> 32
    }

    #[expect(clippy::indexing_slicing, reason = "the number is below the length")]
    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap_or(0)]
    }
}

const METHODS: &[&str] = &["GET", "GET", "GET", "POST", "HEAD", "DELETE"];
const PATHS: &[&str] = &[
    "/",
    "/articles/2026/",
    "/api/v1/orders/",
    "/größe/",
    "/カート/",
    "/search?q=caf%C3%A9&p=",
];
const AGENTS: &[&str] = &[
    "curl/8.10.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Ährenbot/1.2 (+https://example.org/über-uns)",
    "-",
];
const HOSTS: &[&str] = &["web-1", "web-2", "db-primary", "münchen-3", "東京-1"];
const UNITS: &[&str] = &["sshd", "nginx", "kernel", "orders", "billing"];
const WORDS: &[&str] = &[
    "connection closed by peer",
    "Größe überschritten, wird gekürzt",
    "配送先の住所が見つかりません",
    "retrying in 250 ms 🚚",
    "ok",
    "cache miss for key \\\"user:4711\\\"; filling it from the primary and telling the replicas",
];
