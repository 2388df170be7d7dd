//! Text to moments.

use connect_api::data::calendar::Moment;
use connect_api::data::decimal_digit;

use super::Mismatch;
use super::field::Field;
use super::moment::Fields;
use super::name;
use super::pattern::Token;
use super::zone;
use super::zone::Zone;

/// Reads one text from front to back.
pub(super) struct Reader<'a> {
    text: &'a str,
    position: usize,
    fields: Fields,
    zones: Vec<Zone>,
    /// The first moment, in milliseconds, that years of two digits can mean.
    century_start: i64,
    /// A year of two digits was read that can be the first one or the last.
    is_ambiguous: bool,
}

/// A number and how it is written.
struct Number {
    value: i64,
    digits: usize,
    /// The number of characters, leading blanks included.
    width: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str, century_start: i64) -> Self {
        Self {
            text,
            position: 0,
            fields: Fields::default(),
            zones: Vec::new(),
            century_start,
            is_ambiguous: false,
        }
    }

    /// Returns milliseconds since the epoch.
    pub(super) fn read(mut self, tokens: &[Token]) -> Result<i64, Mismatch> {
        for (index, token) in tokens.iter().enumerate() {
            match token {
                Token::Field { field, count } if field.is_number(*count) => {
                    let before = index.checked_sub(1).and_then(|index| tokens.get(index));
                    let is_in_run = before.is_some_and(Token::is_number);
                    let is_before_number = tokens.get(index + 1).is_some_and(Token::is_number);
                    let limit = is_before_number.then_some(*count);
                    self.number_field(*field, *count, limit, is_in_run)?;
                }
                Token::Field { field, count } => {
                    self.name(*field, *count).ok_or(Mismatch::Text)??;
                }
                Token::Literal(literal) => {
                    self.rest()
                        .strip_prefix(literal.as_str())
                        .ok_or(Mismatch::Text)?;
                    self.position += literal.len();
                }
            }
        }
        if self.position == 0 {
            return Err(Mismatch::Text);
        }
        if !self.rest().trim_ascii().is_empty() {
            return Err(Mismatch::Rest(self.position));
        }
        let millis = self.millis()?;
        if self.is_ambiguous && millis < self.century_start {
            self.fields.add_century();
            return self.millis();
        }
        Ok(millis)
    }

    fn millis(&self) -> Result<i64, Mismatch> {
        let local = self.fields.to_local_millis().ok_or(Mismatch::Range)?;
        let mut offset = None;
        for zone in &self.zones {
            let next = zone.offset_at(local).ok_or(Mismatch::Text)?;
            if offset.replace(next).is_some_and(|first| first != next) {
                return Err(Mismatch::Range);
            }
        }
        local
            .checked_sub(offset.unwrap_or_default())
            .ok_or(Mismatch::Range)
    }

    /// Reads a field that is a number. In a run of such fields without anything between them, each
    /// has as many characters as the pattern has letters, because nothing else marks its end.
    fn number_field(
        &mut self,
        field: Field,
        count: usize,
        limit: Option<usize>,
        is_in_run: bool,
    ) -> Result<(), Mismatch> {
        if field == Field::Fraction && limit.is_none() {
            let millis = self.fraction()?;
            return self.set(Field::Millisecond, millis);
        }
        let number = self.number(limit).ok_or(Mismatch::Text)?;
        if (is_in_run || limit.is_some()) && number.width != count {
            return Err(Mismatch::Text);
        }
        let value = match (field, number.value) {
            (Field::HourOfDayFrom1, 24) | (Field::HourOfHalfDayFrom1, 12) => 0,
            // Other numbers are refused later, as out of range.
            (Field::IsoDayOfWeek, day @ 1..=7) => day % 7 + 1,
            (Field::Month, month) => month - 1,
            (Field::WeekYear | Field::Year, year) if count <= 2 && number.digits == 2 => {
                self.year_of_two_digits(year)
            }
            (_, value) => value,
        };
        self.set(field, value)
    }

    fn set(&mut self, field: Field, value: i64) -> Result<(), Mismatch> {
        if self.fields.set(field, value, self.position) {
            Ok(())
        } else {
            Err(Mismatch::Range)
        }
    }

    fn year_of_two_digits(&mut self, year: i64) -> i64 {
        let start = Moment::of_millis(self.century_start).year;
        self.is_ambiguous = year == start % 100;
        let century = start - start % 100;
        century + year + if year < start % 100 { 100 } else { 0 }
    }

    /// Reads a field that is not a number. None if the text has no such name.
    fn name(&mut self, field: Field, count: usize) -> Option<Result<(), Mismatch>> {
        let (value, length) = match field {
            Field::AmPm => name::find(&name::HALF_DAYS, self.rest())?,
            Field::DayOfWeek => {
                let (day, length) = name::find_or_short(&name::WEEKDAYS, self.rest())?;
                (day + 1, length)
            }
            Field::Era => name::find(&name::ERAS, self.rest())
                .or_else(|| name::find(&name::LONG_ERAS, self.rest()))?,
            Field::Month => name::find_or_short(&name::MONTHS, self.rest())?,
            _ => {
                self.skip_blanks();
                let (zone, length) = match field {
                    Field::IsoZone => zone::read_iso(self.rest(), count)?,
                    _ => zone::read(self.rest())?,
                };
                self.position += length;
                self.zones.push(zone);
                return Some(Ok(()));
            }
        };
        self.position += length;
        Some(self.set(field, value))
    }

    /// Reads a number of at most that many characters, leading blanks included.
    fn number(&mut self, limit: Option<usize>) -> Option<Number> {
        let rest = self.rest();
        let end = limit.map_or(Some(rest.len()), |limit| prefix_len(rest, limit))?;
        let text = rest.get(..end)?;
        let number = text.trim_start_matches([' ', '\t']);
        let blanks = text.len() - number.len();
        let (mut value, mut digits, mut length) = (0i64, 0, 0);
        for c in number.chars() {
            let Some(digit) = decimal_digit(c) else { break };
            value = value.checked_mul(10)?.checked_add(digit.into())?;
            digits += 1;
            length += c.len_utf8();
        }
        // A number beyond 32 bits is out of range for every field.
        if digits == 0 || i32::try_from(value).is_err() {
            return None;
        }
        self.position += blanks + length;
        Some(Number {
            value,
            digits,
            width: blanks + digits,
        })
    }

    /// Reads the digits of a fraction of a second and returns its milliseconds; what is smaller is
    /// cut off.
    ///
    /// One or two digits are refused unless they are zero: to Java `.5` is 5 ms.
    fn fraction(&mut self) -> Result<i64, Mismatch> {
        let digits = self
            .rest()
            .chars()
            .map_while(|c| Some((c, decimal_digit(c)?)));
        let (mut millis, mut count, mut length) = (0, 0, 0);
        for (c, digit) in digits {
            if count < 3 {
                millis = millis * 10 + i64::from(digit);
            }
            count += 1;
            length += c.len_utf8();
        }
        match count {
            0 => Err(Mismatch::Text),
            1 | 2 if millis > 0 => Err(Mismatch::Fraction),
            _ => {
                self.position += length;
                Ok(millis)
            }
        }
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.position += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }
}

/// The bytes of a prefix that has this length in Java; none if the text is shorter.
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
