//! Java's syntax of regular expressions, written in that of the engines.
//!
//! The engines read some texts in another way without an error (`\h`, `\<`, `a++`, `[a--b]`,
//! `(?U)`), so nothing is passed on as it was written: every literal is escaped, every class
//! is spelled out.

mod escape;

use self::escape::Escape;
use self::escape::POSIX;

/// A pattern in the syntax of the engines.
pub(super) struct Translated {
    pub(super) text: String,
    /// The names of the groups, in order.
    pub(super) groups: Vec<Option<String>>,
    /// True for what cannot be matched in linear time.
    pub(super) needs_backtracking: bool,
}

/// Translates a pattern.
///
/// # Errors
/// What is wrong with it. What is not seen here is refused by the engine.
pub(super) fn translate(pattern: &str) -> Result<Translated, String> {
    let mut translator = Translator {
        rest: pattern,
        out: String::with_capacity(pattern.len()),
        flags: Flags::default(),
        open: Vec::new(),
        groups: Vec::new(),
        needs_backtracking: false,
        is_repeatable: false,
    };
    translator.run()?;
    Ok(Translated {
        text: translator.out,
        groups: translator.groups,
        needs_backtracking: translator.needs_backtracking,
    })
}

/// Flags that decide how the pattern is read. The engines never see them.
#[derive(Clone, Copy, Default)]
struct Flags {
    /// `x`: white space and comments are not part of the pattern.
    comments: bool,
    /// `U`: `\d`, `\w`, `\s` and the POSIX classes are those of Unicode.
    unicode: bool,
}

struct Translator<'p> {
    rest: &'p str,
    out: String,
    flags: Flags,
    /// The flags to restore at the end of each open group.
    open: Vec<Flags>,
    groups: Vec<Option<String>>,
    needs_backtracking: bool,
    /// True after what a `*` can repeat.
    is_repeatable: bool,
}

impl Translator<'_> {
    fn run(&mut self) -> Result<(), String> {
        while let Some(c) = self.next() {
            match c {
                '\\' => {
                    match self.escape(false)? {
                        Escape::Char(c) => push_literal(&mut self.out, c),
                        Escape::Class(class) => {
                            self.out.push('[');
                            self.out.push_str(&class);
                            self.out.push(']');
                        }
                        Escape::Other(text) => self.out.push_str(&text),
                        Escape::Quoted(text) => {
                            if text.is_empty() {
                                continue;
                            }
                            for c in text.chars() {
                                push_literal(&mut self.out, c);
                            }
                        }
                    }
                    self.is_repeatable = true;
                }
                '[' => {
                    self.class()?;
                    self.is_repeatable = true;
                }
                '(' => self.group()?,
                ')' => {
                    self.flags = self.open.pop().ok_or("\")\" closes no group")?;
                    self.out.push(')');
                    self.is_repeatable = true;
                }
                '|' => {
                    self.out.push('|');
                    self.is_repeatable = false;
                }
                '*' | '+' | '?' | '{' => self.repetition(c)?,
                '.' | '^' | '$' => {
                    self.out.push(c);
                    self.is_repeatable = true;
                }
                c => {
                    push_literal(&mut self.out, c);
                    self.is_repeatable = true;
                }
            }
        }
        if self.open.is_empty() {
            Ok(())
        } else {
            Err("a group is not closed".into())
        }
    }

    /// The next character of the pattern, without comments.
    fn next(&mut self) -> Option<char> {
        if self.flags.comments {
            self.skip_comments();
        }
        self.take()
    }

    /// The next character, whatever it is.
    fn take(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next();
        self.rest = chars.as_str();
        c
    }

    /// Takes the next character if it is this one.
    fn take_if(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn skip_comments(&mut self) {
        loop {
            self.rest = self.rest.trim_start_matches(is_java_space);
            let Some(comment) = self.rest.strip_prefix('#') else {
                return;
            };
            self.rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
        }
    }

    fn group(&mut self) -> Result<(), String> {
        let outer = self.flags;
        self.is_repeatable = false;
        let Some(rest) = self.rest.strip_prefix('?') else {
            self.groups.push(None);
            self.open.push(outer);
            self.out.push('(');
            return Ok(());
        };
        for (start, backtracks) in [
            ("?:", false),
            ("?=", true),
            ("?!", true),
            ("?<=", true),
            ("?<!", true),
            ("?>", true),
        ] {
            if let Some(rest) = self.rest.strip_prefix(start) {
                self.rest = rest;
                self.needs_backtracking |= backtracks;
                self.open.push(outer);
                self.out.push('(');
                self.out.push_str(start);
                return Ok(());
            }
        }
        if let Some(named) = rest.strip_prefix('<') {
            let (name, rest) = group_name(named)?;
            if self.group_named(name).is_some() {
                return Err(format!("group \"{name}\" is there twice"));
            }
            self.rest = rest;
            self.groups.push(Some(name.into()));
            self.open.push(outer);
            self.out.push_str("(?<");
            self.out.push_str(name);
            self.out.push('>');
            return Ok(());
        }
        self.rest = rest;
        self.inline_flags(outer)
    }

    /// `(?i)` and `(?i:`, behind the question mark.
    fn inline_flags(&mut self, outer: Flags) -> Result<(), String> {
        let (mut on, mut off) = (String::new(), String::new());
        let mut is_on = true;
        loop {
            match self.take().ok_or("a group is not closed")? {
                c @ ('i' | 'm' | 's') if is_on => on.push(c),
                c @ ('i' | 'm' | 's') => off.push(c),
                'x' => self.flags.comments = is_on,
                'U' => self.flags.unicode = is_on,
                // Case is folded as Unicode does, and lines end with a line feed, in any case.
                'd' | 'u' => {}
                '-' if is_on => is_on = false,
                end @ (')' | ':') => {
                    let minus = if off.is_empty() { "" } else { "-" };
                    let flags = format!("{on}{minus}{off}");
                    if end == ':' {
                        self.open.push(outer);
                        self.out.push_str(&format!("(?{flags}:"));
                    } else if !flags.is_empty() {
                        self.out.push_str(&format!("(?{flags})"));
                    }
                    return Ok(());
                }
                c => return Err(format!("flag \"{c}\" is not known")),
            }
        }
    }

    fn repetition(&mut self, c: char) -> Result<(), String> {
        if !self.is_repeatable {
            return Err(format!("nothing to repeat before \"{c}\""));
        }
        self.out.push(c);
        if c == '{' {
            let counts = self
                .rest
                .split_once('}')
                .filter(|(counts, _)| {
                    let (min, max) = counts.split_once(',').unwrap_or((counts, ""));
                    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
                    !min.is_empty() && digits(min) && digits(max)
                })
                .ok_or("\"{\" is not followed by a number of repetitions")?;
            self.rest = counts.1;
            self.out.push_str(counts.0);
            self.out.push('}');
        }
        if self.flags.comments {
            self.skip_comments();
        }
        if self.take_if('+') {
            self.out.push('+');
            self.needs_backtracking = true;
        } else if self.take_if('?') {
            self.out.push('?');
        }
        self.is_repeatable = false;
        Ok(())
    }

    /// A bracketed class, behind its `[`.
    fn class(&mut self) -> Result<(), String> {
        if self.rest.starts_with(':')
            && let Some((name, _)) = self.rest.get(1..).and_then(|rest| rest.split_once(":]"))
            && let Some((java, _, _)) = POSIX
                .iter()
                .find(|(java, _, _)| java.eq_ignore_ascii_case(name))
        {
            return Err(format!("\"[:{name}:]\" is not known; write \\p{{{java}}}"));
        }
        self.out.push('[');
        if self.take_if('^') {
            self.out.push('^');
        }
        let mut is_first = true;
        loop {
            let c = self.next().ok_or("a character class is not closed")?;
            let low = match c {
                ']' if !is_first => {
                    self.out.push(']');
                    return Ok(());
                }
                '[' => {
                    self.class()?;
                    None
                }
                '&' if self.take_if('&') => {
                    self.out.push_str("&&");
                    None
                }
                '\\' => self.class_escape()?,
                c => Some(c),
            };
            is_first = false;
            if let Some(low) = low {
                push_literal(&mut self.out, low);
                self.range()?;
            }
        }
    }

    /// The end of a range in a class, if one follows.
    fn range(&mut self) -> Result<(), String> {
        let Some(rest) = self.rest.strip_prefix('-') else {
            return Ok(());
        };
        if rest.is_empty() || rest.starts_with(['[', ']']) || rest.starts_with("&&") {
            return Ok(());
        }
        self.rest = rest;
        let high = match self.take() {
            Some('\\') => match self.escape(true)? {
                Escape::Char(c) => c,
                _ => return Err("a range of characters has no end".into()),
            },
            Some(c) => c,
            None => return Err("a character class is not closed".into()),
        };
        self.out.push('-');
        push_literal(&mut self.out, high);
        Ok(())
    }

    /// Writes an escape in a class; returns it if it is a character that may begin a range.
    fn class_escape(&mut self) -> Result<Option<char>, String> {
        match self.escape(true)? {
            Escape::Char(c) => return Ok(Some(c)),
            Escape::Class(text) | Escape::Other(text) => self.out.push_str(&text),
            Escape::Quoted(text) => {
                for c in text.chars() {
                    push_literal(&mut self.out, c);
                }
            }
        }
        Ok(None)
    }

    fn group_named(&self, name: &str) -> Option<usize> {
        self.groups
            .iter()
            .position(|group| group.as_deref() == Some(name))
    }
}

/// The name of a group up to its `>`, and what follows.
fn group_name(text: &str) -> Result<(&str, &str), String> {
    text.split_once('>')
        .filter(|(name, _)| {
            name.starts_with(|c: char| c.is_ascii_alphabetic())
                && name.chars().all(|c| c.is_ascii_alphanumeric())
        })
        .ok_or_else(|| {
            "a name of a group consists of ASCII letters and digits and starts with a letter".into()
        })
}

/// Writes a character that means itself, in a class or outside.
fn push_literal(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric() || !c.is_ascii() || matches!(c, '_' | ' ' | '<' | '>') {
        out.push(c);
    } else if c.is_ascii_punctuation() {
        out.push('\\');
        out.push(c);
    } else {
        out.push_str(&format!("\\x{{{:X}}}", u32::from(c)));
    }
}

/// White space that `(?x)` skips.
fn is_java_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r')
}
