//! Patterns as tokens.

use super::field::Field;

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Field {
        field: Field,
        /// The number of letters.
        count: usize,
    },
    Literal(String),
}

impl Token {
    /// True for a field that is written in digits.
    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Field { field, count } if field.is_number(*count))
    }
}

/// Reads a pattern.
///
/// # Errors
/// What is wrong with the pattern, in Java's words.
pub(super) fn parse(pattern: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut chars = pattern.chars().peekable();
    let mut is_quoted = false;
    while let Some(c) = chars.next() {
        if c == '\'' {
            if chars.next_if_eq(&'\'').is_some() {
                push_literal(&mut tokens, '\'');
            } else {
                is_quoted = !is_quoted;
            }
        } else if is_quoted || !c.is_ascii_alphabetic() {
            push_literal(&mut tokens, c);
        } else {
            let Some(field) = Field::of_letter(c) else {
                return Err(format!("Illegal pattern character '{c}'"));
            };
            let mut count = 1;
            while chars.next_if_eq(&c).is_some() {
                count += 1;
            }
            if field == Field::IsoZone && count > 3 {
                return Err(format!("invalid ISO 8601 format: length={count}"));
            }
            let field = match field {
                Field::Millisecond if is_after_second(&tokens) => Field::Fraction,
                field => field,
            };
            tokens.push(Token::Field { field, count });
        }
    }
    if is_quoted {
        return Err("Unterminated quote".into());
    }
    Ok(tokens)
}

/// True if the next letter follows a second, directly or after a decimal point.
fn is_after_second(tokens: &[Token]) -> bool {
    let before = match tokens {
        [before @ .., Token::Literal(point)] if matches!(point.as_str(), "." | ",") => before,
        tokens => tokens,
    };
    matches!(
        before,
        [
            ..,
            Token::Field {
                field: Field::Second,
                ..
            }
        ]
    )
}

fn push_literal(tokens: &mut Vec<Token>, c: char) {
    match tokens.last_mut() {
        Some(Token::Literal(text)) => text.push(c),
        _ => tokens.push(Token::Literal(c.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> Token {
        Token::Literal(text.into())
    }

    #[test]
    fn quotes_are_read_as_in_java() {
        let year = Token::Field {
            field: Field::Year,
            count: 4,
        };
        for (pattern, tokens) in [
            ("''''", vec![literal("''")]),
            ("'''a'", vec![literal("'a")]),
            ("'o''clock'", vec![literal("o'clock")]),
            ("yyyy'yyyy'-", vec![year.clone(), literal("yyyy-")]),
            ("yyyy''yyyy", vec![year.clone(), literal("'"), year]),
        ] {
            assert_eq!(parse(pattern).unwrap(), tokens, "{pattern}");
        }
    }

    #[test]
    fn milliseconds_after_a_second_are_its_fraction() {
        for (pattern, expected) in [
            ("ss.SSS", Field::Fraction),
            ("ss,S", Field::Fraction),
            ("ssSSS", Field::Fraction),
            ("ss:SSS", Field::Millisecond),
            ("mm.SSS", Field::Millisecond),
            ("SSS", Field::Millisecond),
        ] {
            let tokens = parse(pattern).unwrap();
            let is_expected =
                |token: &Token| matches!(token, Token::Field { field, .. } if *field == expected);
            assert!(tokens.last().is_some_and(is_expected), "{pattern}");
        }
    }

    #[test]
    fn mistakes_are_named_as_in_java() {
        for (pattern, reason) in [
            ("yyyyb", "Illegal pattern character 'b'"),
            ("'", "Unterminated quote"),
            ("'a''", "Unterminated quote"),
            ("XXXX", "invalid ISO 8601 format: length=4"),
        ] {
            assert_eq!(parse(pattern).unwrap_err(), reason);
        }
    }
}
