//! Moments as text.

use std::sync::LazyLock;

use super::Datum;
use super::Logical;
use super::SchemaRef;
use super::Value;
use super::calendar::days_of_date;
use super::decimal_digit;
use super::logical::MILLIS_PER_DAY;

/// Reads a moment, recognized by its length.
pub(super) fn parse_moment(token: &str) -> Option<Datum> {
    static DATE: LazyLock<Option<SchemaRef>> = LazyLock::new(|| Logical::date().build().ok());
    static TIME: LazyLock<Option<SchemaRef>> = LazyLock::new(|| Logical::time().build().ok());
    static TIMESTAMP: LazyLock<Option<SchemaRef>> =
        LazyLock::new(|| Logical::timestamp().build().ok());

    let token = token.replace("\\:", ":");
    let mut scanner = Scanner(&token);
    match token.encode_utf16().count() {
        10 => {
            let days = scanner.date()?;
            Some(Datum::new(
                DATE.clone()?,
                Value::Date(days.try_into().ok()?),
            ))
        }
        13 => {
            let millis = scanner.time()?;
            Some(Datum::new(
                TIME.clone()?,
                Value::Time(millis.try_into().ok()?),
            ))
        }
        24 => {
            let days = scanner.date()?;
            scanner.literal('T')?;
            let millis = days
                .checked_mul(MILLIS_PER_DAY)?
                .checked_add(scanner.time()?)?;
            Some(Datum::new(TIMESTAMP.clone()?, Value::Timestamp(millis)))
        }
        _ => None,
    }
}

/// Reads fields of a moment from the front; what follows them does not matter.
struct Scanner<'a>(&'a str);

impl Scanner<'_> {
    fn date(&mut self) -> Option<i64> {
        let year = self.number()?;
        self.literal('-')?;
        let month = self.number()?;
        self.literal('-')?;
        Some(days_of_date(year, month, self.number()?))
    }

    fn time(&mut self) -> Option<i64> {
        let hour = self.number()?;
        self.literal(':')?;
        let minute = self.number()?;
        self.literal(':')?;
        let second = self.number()?;
        self.literal('.')?;
        let millis = self.number()?;
        self.literal('Z')?;
        Some(((hour * 60 + minute) * 60 + second) * 1000 + millis)
    }

    fn literal(&mut self, expected: char) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    fn number(&mut self) -> Option<i64> {
        self.0 = self.0.trim_start_matches([' ', '\t']);
        let mut number = None;
        while let Some(digit) = self.0.chars().next().and_then(decimal_digit) {
            // Numbers that leave the range of years and times are not moments.
            number = Some(number.unwrap_or(0i64) * 10 + i64::from(digit)).filter(|n| *n < 1 << 32);
            number?;
            self.0 = self
                .0
                .get(self.0.chars().next().map_or(0, char::len_utf8)..)?;
        }
        number
    }
}
