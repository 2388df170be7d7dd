//! Text to moments.

use connect_api::data::calendar::Moment;
use connect_api::data::decimal_digit;

use super::field::Field;
use super::moment::Fields;
use super::name;
use super::pattern::Token;
use super::zone;

/// Reads one text from the front.
pub(super) struct Reader<'a> {
    text: &'a str,
    position: usize,
    fields: Fields,
    /// The first moment, in milliseconds, that years of two digits can mean.
    century_start: i64,
    /// A year of two digits was read that can be the first one or the last.
    is_ambiguous: bool,
}

struct Number {
    value: i64,
    /// Two digits without a sign.
    has_two_digits: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str, century_start: i64) -> Self {
        Self {
            text,
            position: 0,
            fields: Fields::default(),
            century_start,
            is_ambiguous: false,
        }
    }

    /// Milliseconds since the epoch; `None` if the text does not match.
    pub(super) fn read(mut self, tokens: &[Token]) -> Option<i64> {
        for (index, token) in tokens.iter().enumerate() {
            match token {
                Token::Field { field, count } if field.is_number(*count) => {
                    let is_before_number = matches!(
                        tokens.get(index + 1),
                        Some(Token::Field { field, count }) if field.is_number(*count)
                    );
                    let number = self.number(is_before_number.then_some(*count))?;
                    self.set_number(*field, *count, &number);
                }
                Token::Field { field, count } => self.name(*field, *count)?,
                Token::Literal(literal) => {
                    self.rest().strip_prefix(literal.as_str())?;
                    self.position += literal.len();
                }
            }
        }
        if self.position == 0 {
            return None;
        }
        let millis = self.fields.to_millis()?;
        if self.is_ambiguous && millis < self.century_start {
            self.fields.add_century();
            return self.fields.to_millis();
        }
        Some(millis)
    }

    fn set_number(&mut self, field: Field, count: usize, number: &Number) {
        let value = match (field, number.value) {
            (Field::HourOfDayFrom1, 24) | (Field::HourOfHalfDayFrom1, 12) => 0,
            // What is no day of the week stays as it is; with a year of weeks it counts on.
            (Field::IsoDayOfWeek, day @ 1..=7) => day % 7 + 1,
            (Field::Month, month) => month - 1,
            (Field::WeekYear | Field::Year, year) if count <= 2 && number.has_two_digits => {
                self.year_of_two_digits(year)
            }
            (_, value) => value,
        };
        self.fields.set(field, value, self.position);
    }

    fn year_of_two_digits(&mut self, year: i64) -> i64 {
        let start = Moment::of_millis(self.century_start).year;
        self.is_ambiguous = year == start % 100;
        let century = start - start % 100;
        century + year + if year < start % 100 { 100 } else { 0 }
    }

    /// Reads a field that is not a number.
    fn name(&mut self, field: Field, count: usize) -> Option<()> {
        let (value, length) = match field {
            Field::AmPm => name::find(&name::HALF_DAYS, self.rest())?,
            Field::DayOfWeek => {
                let (day, length) = name::find_or_short(&name::WEEKDAYS, self.rest())?;
                (day + 1, length)
            }
            Field::Era => name::find(&name::ERAS, self.rest())
                .or_else(|| name::find(&name::LONG_ERAS, self.rest()))?,
            Field::Month => name::find_or_short(&name::MONTHS, self.rest())?,
            Field::IsoZone => {
                self.skip_blanks();
                zone::read_iso(self.rest(), count)?
            }
            _ => {
                self.skip_blanks();
                zone::read(self.rest())?
            }
        };
        self.position += length;
        self.fields.set(field, value, self.position);
        Some(())
    }

    /// Reads a number. With a limit it ends at that many characters behind here, blanks included.
    fn number(&mut self, limit: Option<usize>) -> Option<Number> {
        let end = match limit {
            Some(limit) => self.position + prefix_len(self.rest(), limit)?,
            None => self.text.len(),
        };
        self.skip_blanks();
        let text = self.text.get(self.position..end)?;
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_negative = digits.len() < text.len();
        let mut value = 0i128;
        let (mut count, mut length) = (0, text.len() - digits.len());
        for c in digits.chars() {
            let Some(digit) = decimal_digit(c) else { break };
            value = value.saturating_mul(10).saturating_add(digit.into());
            count += 1;
            length += c.len_utf8();
        }
        if count == 0 {
            return None;
        }
        self.position += length;
        Some(Number {
            value: cut_to_32_bits(if is_negative { -value } else { value }),
            has_two_digits: count == 2 && !is_negative,
        })
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.position += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }
}

/// The number as Java sees it: 64 bits lose their upper half, beyond them it is the largest one.
#[expect(
    clippy::cast_possible_truncation,
    reason = "as Java does with long numbers"
)]
fn cut_to_32_bits(value: i128) -> i64 {
    let cut = match i64::try_from(value) {
        Ok(value) => value as i32,
        Err(_) if value < 0 => i32::MIN,
        Err(_) => i32::MAX,
    };
    cut.into()
}

/// The bytes of a prefix that has this length in Java; `None` if the text is shorter.
fn prefix_len(text: &str, java_len: usize) -> Option<usize> {
    let mut left = java_len;
    for (index, c) in text.char_indices() {
        let Some(rest) = left.checked_sub(c.len_utf16()) else {
            return Some(index);
        };
        left = rest;
    }
    (left == 0).then_some(text.len())
}
