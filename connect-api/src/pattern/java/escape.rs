//! Escapes: what follows a backslash.

use super::Translator;
use super::group_name;

/// What an escape means.
pub(super) enum Escape {
    /// One character.
    Char(char),
    /// A set of characters, written as an item of a bracketed class.
    Class(String),
    /// Something that may not stand in a class, already written.
    Other(String),
    /// The text up to `\E`.
    Quoted(String),
}

impl Translator<'_> {
    /// Reads an escape, behind its backslash.
    pub(super) fn escape(&mut self, in_class: bool) -> Result<Escape, String> {
        let c = self.take().ok_or("the last backslash escapes nothing")?;
        if in_class && matches!(c, '1'..='9' | 'A' | 'B' | 'R' | 'Z' | 'b' | 'k' | 'z') {
            return Err(format!(
                "escape \"\\{c}\" is not allowed in a character class"
            ));
        }
        Ok(match c {
            't' => Escape::Char('\t'),
            'n' => Escape::Char('\n'),
            'r' => Escape::Char('\r'),
            'f' => Escape::Char('\x0c'),
            'a' => Escape::Char('\x07'),
            'e' => Escape::Char('\x1b'),
            '0' | 'c' | 'u' | 'x' => Escape::Char(self.coded(c)?),
            'd' | 'D' | 's' | 'S' | 'w' | 'W' if self.flags.unicode => {
                Escape::Class(format!("\\{c}"))
            }
            'd' => Escape::Class(DIGIT.into()),
            'D' => Escape::Class(format!("[^{DIGIT}]")),
            's' => Escape::Class(SPACE.into()),
            'S' => Escape::Class(format!("[^{SPACE}]")),
            'w' => Escape::Class(WORD.into()),
            'W' => Escape::Class(format!("[^{WORD}]")),
            'h' => Escape::Class(HORIZONTAL.into()),
            'H' => Escape::Class(format!("[^{HORIZONTAL}]")),
            'v' => Escape::Class(VERTICAL.into()),
            'V' => Escape::Class(format!("[^{VERTICAL}]")),
            'p' | 'P' => Escape::Class(self.property(c == 'P')?),
            'Q' => {
                let (text, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
                self.rest = rest;
                Escape::Quoted(text.into())
            }
            'R' => Escape::Other(format!(r"(?:\r\n|[{VERTICAL}])")),
            'A' | 'B' | 'b' | 'z' => Escape::Other(format!("\\{c}")),
            'Z' => {
                self.needs_backtracking = true;
                Escape::Other(r"(?=(?:\r\n|[\n\r\x{85}\x{2028}\x{2029}])?\z)".into())
            }
            'k' => self.reference_by_name()?,
            '1'..='9' => self.reference_by_number(c)?,
            'G' | 'N' | 'X' => return Err(format!("escape \"\\{c}\" is not supported")),
            c if c.is_ascii_alphabetic() => return Err(format!("escape \"\\{c}\" is not known")),
            c => Escape::Char(c),
        })
    }

    fn reference_by_name(&mut self) -> Result<Escape, String> {
        let named = self.rest.strip_prefix('<');
        let (name, rest) = group_name(named.ok_or("\"\\k\" is not followed by \"<\"")?)?;
        if self.group_named(name).is_none() {
            return Err(format!("group \"{name}\" does not exist"));
        }
        self.rest = rest;
        self.needs_backtracking = true;
        Ok(Escape::Other(format!("\\k<{name}>")))
    }

    /// A reference to a group: as many digits as name a group that is there.
    fn reference_by_number(&mut self, first: char) -> Result<Escape, String> {
        let mut group = first.to_digit(10).unwrap_or_default() as usize;
        if group > self.groups.len() {
            return Err(format!("group {group} does not exist"));
        }
        while let Some(digit) = self.rest.chars().next().and_then(|c| c.to_digit(10)) {
            let longer = group * 10 + digit as usize;
            if longer > self.groups.len() {
                break;
            }
            group = longer;
            self.take();
        }
        self.needs_backtracking = true;
        // In a group of its own: digits may follow.
        Ok(Escape::Other(format!("(?:\\{group})")))
    }

    /// A character by its number: behind `\0`, `\x`, `\u` or `\c`.
    fn coded(&mut self, kind: char) -> Result<char, String> {
        let code = match kind {
            '0' => self.octal(),
            'c' => self
                .take()
                .filter(char::is_ascii)
                .map(|c| u32::from(c) ^ 0x40),
            'x' if self.take_if('{') => {
                let braced = self.rest.split_once('}');
                braced.and_then(|(digits, rest)| {
                    self.rest = rest;
                    hex(digits)
                })
            }
            'x' => self.hex_digits(2),
            _ => self.hex_digits(4).and_then(|high| {
                // Java writes what lies above 0xFFFF as two halves.
                let is_high = (0xD800..0xDC00).contains(&high);
                match self.rest.strip_prefix("\\u") {
                    Some(rest) if is_high => {
                        self.rest = rest;
                        let low = self
                            .hex_digits(4)
                            .filter(|low| (0xDC00..0xE000).contains(low))?;
                        Some(0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00))
                    }
                    _ => Some(high),
                }
            }),
        };
        let digits = if kind == '0' { "octal" } else { "hexadecimal" };
        code.and_then(char::from_u32).ok_or_else(|| match kind {
            'c' => "escape \"\\c\" needs an ASCII character".into(),
            _ => format!("escape \"\\{kind}\" needs {digits} digits of a character"),
        })
    }

    /// Up to three octal digits, at most `377`.
    fn octal(&mut self) -> Option<u32> {
        let mut code = self.take()?.to_digit(8)?;
        for _ in 0..2 {
            match self.rest.chars().next().and_then(|c| c.to_digit(8)) {
                Some(digit) if code * 8 + digit <= 0o377 => {
                    code = code * 8 + digit;
                    self.take();
                }
                _ => break,
            }
        }
        Some(code)
    }

    fn hex_digits(&mut self, count: usize) -> Option<u32> {
        let (digits, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        hex(digits)
    }

    /// `\p{…}` and `\P{…}`, as an item of a class.
    fn property(&mut self, is_negated: bool) -> Result<String, String> {
        let missing = "\"\\p\" is not followed by the name of a class";
        let name = if self.take_if('{') {
            let (name, rest) = self.rest.split_once('}').ok_or(missing)?;
            self.rest = rest;
            name.to_owned()
        } else {
            self.take().ok_or(missing)?.to_string()
        };
        let not = if is_negated { "^" } else { "" };
        if let Some((_, ascii, unicode)) = POSIX.iter().find(|(java, _, _)| *java == name) {
            return Ok(match unicode {
                Some(unicode) if self.flags.unicode => format!("[{not}{unicode}]"),
                _ => format!("[{not}{ascii}]"),
            });
        }
        let is_word = name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_=- ".contains(c));
        if name.is_empty() || !is_word || name.starts_with("In") || name.starts_with("java") {
            let p = if is_negated { 'P' } else { 'p' };
            return Err(format!(
                "character class \"\\{p}{{{name}}}\" is not supported"
            ));
        }
        let p = if is_negated { 'P' } else { 'p' };
        Ok(format!("\\{p}{{{name}}}"))
    }
}

/// A number of hexadecimal digits only: no sign.
fn hex(digits: &str) -> Option<u32> {
    let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    is_hex.then(|| u32::from_str_radix(digits, 16).ok())?
}

const DIGIT: &str = "0-9";
const HORIZONTAL: &str =
    r"\x{9}\x{20}\x{A0}\x{1680}\x{180E}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}";
const SPACE: &str = r"\x{9}-\x{D}\x{20}";
const VERTICAL: &str = r"\x{A}-\x{D}\x{85}\x{2028}\x{2029}";
const WORD: &str = "0-9A-Z_a-z";

/// Java's POSIX classes: the name, the ASCII characters, and those of Unicode under `(?U)`.
pub(super) const POSIX: [(&str, &str, Option<&str>); 13] = [
    ("ASCII", r"\x{0}-\x{7F}", None),
    ("Alnum", "0-9A-Za-z", Some(r"\p{Alphabetic}\p{Nd}")),
    ("Alpha", "A-Za-z", Some(r"\p{Alphabetic}")),
    ("Blank", r"\x{9}\x{20}", Some(r"\x{9}\p{Zs}")),
    ("Cntrl", r"\x{0}-\x{1F}\x{7F}", Some(r"\p{Cc}")),
    ("Digit", "0-9", Some(r"\p{Nd}")),
    (
        "Graph",
        r"\x{21}-\x{7E}",
        Some(r"[^\p{White_Space}\p{Cc}\p{Cs}\p{Cn}]"),
    ),
    ("Lower", "a-z", Some(r"\p{Lowercase}")),
    (
        "Print",
        r"\x{20}-\x{7E}",
        Some(r"[^\p{Cc}\p{Cs}\p{Cn}\p{Zl}\p{Zp}]"),
    ),
    (
        "Punct",
        r"\x{21}-\x{2F}\x{3A}-\x{40}\x{5B}-\x{60}\x{7B}-\x{7E}",
        Some(r"\p{P}"),
    ),
    ("Space", r"\x{9}-\x{D}\x{20}", Some(r"\p{White_Space}")),
    ("Upper", "A-Z", Some(r"\p{Uppercase}")),
    ("XDigit", "0-9A-Fa-f", Some(r"\p{Hex_Digit}")),
];
