//! Moments as text, by the patterns of Java's `SimpleDateFormat`: in UTC, in US English, lenient.
//!
//! | letters | what is written | what is read as well |
//! | --- | --- | --- |
//! | `G` | `AD` | `Anno Domini` |
//! | `y`, `Y` | the year, the year of the week; two letters: its last two digits | for two letters, two digits are a year from 80 years ago to 20 years ahead |
//! | `M`, `L` | the month: `7`, `07`, `Jul`, `July` | from three letters on, either name |
//! | `d`, `D` | the day of the month, of the year | |
//! | `E`, `u` | the day of the week: `Tue`, from four letters on `Tuesday`; from 1 for Monday | either name |
//! | `F`, `W`, `w` | which one of its weekday in the month, the week of the month, of the year | |
//! | `a` | `AM`, `PM` | |
//! | `H`, `k`, `K`, `h` | the hour: 0–23, 1–24, 0–11, 1–12 | |
//! | `m`, `s`, `S` | minute, second, millisecond | |
//! | `z`, `Z`, `X` | `UTC`, `+0000`, `Z` | names, `GMT-08:00` and `-0800` for the first two |
//!
//! More letters pad numbers with zeros. Text in quotes, and characters that are no letters, stand for
//! themselves. Weeks begin on Sunday, and the first one is that of January 1.
//!
//! Reading is lenient: names are read in any case, blanks before numbers do not count, numbers may
//! leave their range, February 30 is March 1 or 2, and what follows in the text does not matter.
//! Later letters win where they contradict earlier ones.
//!
//! *Java*: a time zone that was read does not become that of the texts that follow. Named zones have
//! the offset that they have today, whatever the date. A moment beyond 64 bits is refused, and
//! `NaN` is no number.

mod field;
mod moment;
mod name;
mod pattern;
mod read;
mod week;
mod write;
mod zone;
mod zone_name;

use connect_api::data::calendar::Moment;
use connect_api::data::calendar::days_of_date;
use connect_api::data::logical::MILLIS_PER_DAY;

use self::pattern::Token;
use self::read::Reader;

/// A pattern, ready to write and read moments.
#[derive(Debug, Clone)]
pub(crate) struct DateFormat {
    pattern: String,
    tokens: Vec<Token>,
    /// The first moment, in milliseconds, that years of two digits can mean.
    century_start: i64,
}

impl DateFormat {
    /// A format of a pattern. The time now decides what years of two digits mean.
    ///
    /// # Errors
    /// What is wrong with the pattern, in Java's words.
    pub(crate) fn new(pattern: &str, now_millis: i64) -> Result<Self, String> {
        let now = Moment::of_millis(now_millis);
        let century_start = days_of_date(now.year - 80, now.month, now.day) * MILLIS_PER_DAY
            + now_millis.rem_euclid(MILLIS_PER_DAY);
        Ok(Self {
            pattern: pattern.into(),
            tokens: pattern::parse(pattern)?,
            century_start,
        })
    }

    /// The pattern.
    pub(crate) fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Appends the text of milliseconds since the epoch.
    pub(crate) fn write(&self, millis: i64, out: &mut String) {
        let moment = Moment::of_millis(millis);
        for token in &self.tokens {
            match token {
                Token::Field { field, count } => write::field(out, *field, *count, &moment),
                Token::Literal(text) => out.push_str(text),
            }
        }
    }

    /// Milliseconds since the epoch of a text; `None` if it does not match.
    pub(crate) fn read(&self, text: &str) -> Option<i64> {
        Reader::new(text, self.century_start).read(&self.tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-27T12:00:00Z.
    const NOW: i64 = 1_795_780_800_000;

    fn read(pattern: &str, text: &str) -> Option<i64> {
        DateFormat::new(pattern, NOW).unwrap().read(text)
    }

    #[test]
    fn two_digits_are_a_year_around_now() {
        let year = |text| {
            let millis = read("yy-MM-dd", text).unwrap();
            Moment::of_millis(millis).year
        };
        assert_eq!(year("46-11-28"), 1946);
        assert_eq!(year("46-11-26"), 2046);
        assert_eq!(year("47-01-01"), 1947);
        assert_eq!(year("45-12-31"), 2045);
        assert_eq!(year("7-01-01"), 7);
    }

    #[test]
    fn later_fields_win() {
        let day = |pattern, text| read(pattern, text).unwrap() / MILLIS_PER_DAY;
        assert_eq!(day("yyyy D MM dd", "1970 300 01 02"), 1);
        assert_eq!(day("yyyy MM dd D", "1970 01 02 300"), 299);
        assert_eq!(day("yyyy MM W u", "1970 01 2 2"), 5);
        assert_eq!(day("yyyy MM F u", "1970 01 2 2"), 12);
        assert_eq!(day("yyyy MM F u", "1970 01 -1 2"), 26);
        assert_eq!(day("yyyy w", "1970 2"), 3);
    }

    #[test]
    fn zones_are_read_and_forgotten() {
        let format = DateFormat::new("HH:mm z", NOW).unwrap();
        assert_eq!(format.read("00:00 PST"), Some(8 * 3_600_000));
        let mut text = String::new();
        format.write(0, &mut text);
        assert_eq!(text, "00:00 UTC");
        assert_eq!(read("HH:mm X", "00:00 -08"), Some(8 * 3_600_000));
        assert_eq!(read("HH:mm XX", "00:00 +0130"), Some(-90 * 60_000));
        assert_eq!(read("HH:mm XXX", "00:00 +0130"), None);
        assert_eq!(read("HH:mm Z", "00:00 gmt+1:30"), Some(-90 * 60_000));
    }

    #[test]
    fn characters_beyond_ascii_do_no_harm() {
        assert_eq!(read("yyyyMMdd", "\u{661}٩٧٠٠١٠٢"), Some(MILLIS_PER_DAY));
        assert_eq!(read("yyyyMMdd", "1970🙂"), None);
        assert_eq!(read("yyyy年MM月", "1970年02月"), Some(31 * MILLIS_PER_DAY));
        assert_eq!(read("yyMM", "7🙂"), None);
    }

    #[test]
    fn moments_beyond_64_bits_are_refused() {
        assert_eq!(read("yyyy", "292278994"), Some(9_223_372_017_129_600_000));
        assert_eq!(read("yyyy", "292278995"), None);
        assert_eq!(read("yyyy", "2147483647"), None);
        let mut text = String::new();
        DateFormat::new("yyyy ww YYYY", NOW)
            .unwrap()
            .write(i64::MIN, &mut text);
        assert!(text.starts_with("292269055"));
    }
}
