//! Parsing of Dates, Times and Timestamps.

use std::sync::LazyLock;

use super::Datum;
use super::Logical;
use super::SchemaRef;
use super::Value;
use super::calendar::Moment;
use super::calendar::days_of_date;
use super::decimal_digit;
use super::logical::MILLIS_PER_DAY;

/// Parses a Date `2020-01-31`, a Time `12:34:56.789Z`, or a Timestamp, which is both with a `T`
/// between them. Colons may be escaped. Dates and times that do not exist are refused.
pub(super) fn parse_moment(token: &str) -> Option<Datum> {
    static DATE: LazyLock<Option<SchemaRef>> = LazyLock::new(|| Logical::date().build().ok());
    static TIME: LazyLock<Option<SchemaRef>> = LazyLock::new(|| Logical::time().build().ok());
    static TIMESTAMP: LazyLock<Option<SchemaRef>> =
        LazyLock::new(|| Logical::timestamp().build().ok());

    let token = token.replace("\\:", ":");
    let mut scanner = Scanner(&token);
    let datum = match token.chars().count() {
        10 => {
            let days = scanner.date()?.try_into().ok()?;
            Datum::new(DATE.clone()?, Value::Date(days))
        }
        13 => {
            let millis = scanner.time()?.try_into().ok()?;
            Datum::new(TIME.clone()?, Value::Time(millis))
        }
        24 => {
            let days = scanner.date()?;
            scanner.literal('T')?;
            let millis = days * MILLIS_PER_DAY + scanner.time()?;
            Datum::new(TIMESTAMP.clone()?, Value::Timestamp(millis))
        }
        _ => return None,
    };
    scanner.0.is_empty().then_some(datum)
}

/// Reads fields from the front.
struct Scanner<'a>(&'a str);

impl Scanner<'_> {
    fn date(&mut self) -> Option<i64> {
        let year = self.number(4).filter(|year| *year > 0)?;
        self.literal('-')?;
        let month = self.number(2)?;
        self.literal('-')?;
        let day = self.number(2)?;
        let days = days_of_date(year, month, day);
        // A day that does not exist, such as February 30 or 1582-10-10, comes out as another one.
        let moment = Moment::of_millis(days * MILLIS_PER_DAY);
        ((moment.year, moment.month, moment.day) == (year, month, day)).then_some(days)
    }

    fn time(&mut self) -> Option<i64> {
        let hour = self.number(2).filter(|hour| *hour < 24)?;
        self.literal(':')?;
        let minute = self.number(2).filter(|minute| *minute < 60)?;
        self.literal(':')?;
        let second = self.number(2).filter(|second| *second < 60)?;
        self.literal('.')?;
        let millis = self.number(3)?;
        self.literal('Z')?;
        Some(((hour * 60 + minute) * 60 + second) * 1000 + millis)
    }

    fn literal(&mut self, expected: char) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    /// A number of exactly this many digits, of any script.
    fn number(&mut self, digits: usize) -> Option<i64> {
        let mut chars = self.0.chars();
        let mut number = 0;
        for _ in 0..digits {
            number = number * 10 + i64::from(decimal_digit(chars.next()?)?);
        }
        self.0 = chars.as_str();
        Some(number)
    }
}
