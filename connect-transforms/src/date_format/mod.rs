//! Moments as text, by the patterns of Java's `SimpleDateFormat`: in UTC, in US English, strict.
//!
//! | letters | written | also read |
//! | --- | --- | --- |
//! | `G` | `AD` | `Anno Domini` |
//! | `y`, `Y` | the year, the year of the week; two letters: its last two digits | for two letters, two digits are a year from 80 years ago to 20 years ahead |
//! | `M`, `L` | the month: `7`, `07`, `Jul`, `July` | from three letters on, either name |
//! | `d`, `D` | the day of the month, of the year | |
//! | `E`, `u` | the day of the week: `Tue`, from four letters on `Tuesday`; from 1 for Monday | either name |
//! | `F`, `W`, `w` | the occurrence of the weekday in the month, the week of the month, of the year | |
//! | `a` | `AM`, `PM` | |
//! | `H`, `k`, `K`, `h` | the hour: 0–23, 1–24, 0–11, 1–12 | |
//! | `m`, `s` | minute, second | |
//! | `S` | milliseconds; after a second, as in `ss.SSS`, at least three digits of its fraction | more digits of the fraction, which are cut off |
//! | `z`, `Z`, `X` | `UTC`, `+0000`, `Z` | names, `GMT-08:00` and `-0800` for the first two |
//!
//! More letters pad numbers with zeros. Text in quotes, and characters that are not letters, stand
//! for themselves. Weeks begin on Sunday, and the first week is the one of January 1.
//!
//! Names are read in any case, and whitespace before numbers and at the end of the text is skipped.
//! Everything else must match: a text is refused if a field is out of range, if fields contradict
//! each other, or if some of the text is left. In a run of numbers such as `yyyyMMdd` each has as
//! many digits as the pattern has letters. One or two digits after a decimal point are refused unless
//! they are zero, because Java takes `.5` for 5 ms.
//!
//! The name of a time zone has the offset that it had at the date of the text, by the IANA database
//! that `jiff` carries along. `PST` is standard time in summer too, as in Java.
//!
//! *Java*: `SimpleDateFormat` is lenient. It shifts a moment by what a field exceeds its range, so
//! that six digits of a fraction are many seconds, and ignores the text after the last field.

mod field;
mod moment;
mod name;
mod pattern;
mod read;
mod week;
mod write;
mod zone;
mod zone_name;

use std::fmt;

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
    /// Creates a format from a pattern. The current time decides what years of two digits mean.
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

    /// Appends a moment, given in milliseconds since the epoch.
    pub(crate) fn write(&self, millis: i64, out: &mut String) {
        let moment = Moment::of_millis(millis);
        for token in &self.tokens {
            match token {
                Token::Field { field, count } => write::field(out, *field, *count, &moment),
                Token::Literal(text) => out.push_str(text),
            }
        }
    }

    /// Reads a text and returns milliseconds since the epoch.
    ///
    /// # Errors
    /// Why the text does not match the pattern.
    pub(crate) fn read(&self, text: &str) -> Result<i64, Mismatch> {
        Reader::new(text, self.century_start).read(&self.tokens)
    }
}

/// Why a text does not match a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// The fraction of a second has too few digits.
    Fraction,
    /// A field is out of range, or fields contradict each other.
    Range,
    /// The text from this byte on has no counterpart in the pattern.
    Rest(usize),
    /// Something in the text is not what the pattern has.
    Text,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fraction => f.write_str("the fraction of a second has fewer than three digits"),
            Self::Range => f.write_str("a field is out of range or contradicts another one"),
            Self::Rest(position) => {
                write!(f, "the pattern ends before byte {position} of the text")
            }
            Self::Text => f.write_str("a field or a separator is missing or malformed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use connect_api::data::decimal_digit;
    use proptest::prelude::*;

    use super::*;

    /// 2026-11-27T12:00:00Z.
    const NOW: i64 = 1_795_780_800_000;

    fn format(pattern: &str) -> DateFormat {
        DateFormat::new(pattern, NOW).unwrap()
    }

    fn read(pattern: &str, text: &str) -> Option<i64> {
        format(pattern).read(text).ok()
    }

    fn written(pattern: &str, millis: i64) -> String {
        let mut text = String::new();
        format(pattern).write(millis, &mut text);
        text
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
    fn a_day_can_be_named_in_several_ways() {
        let day = |pattern, text| read(pattern, text).map(|millis| millis / MILLIS_PER_DAY);
        for (pattern, text, expected) in [
            ("yyyy D", "1970 300", Some(299)),
            ("yyyy MM dd D", "1970 01 02 2", Some(1)),
            ("yyyy MM dd D", "1970 01 02 300", None),
            ("yyyy MM W u", "1970 01 2 2", Some(5)),
            ("yyyy MM F u", "1970 01 2 2", Some(12)),
            ("yyyy MM F u", "1970 01 6 2", None),
            ("yyyy w u", "1970 2 7", Some(3)),
            ("YYYY w u", "1970 2 7", Some(3)),
            ("YYYY-MM-dd", "1970-11-14", None),
        ] {
            assert_eq!(day(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn fields_out_of_range_are_refused() {
        for (pattern, text) in [
            ("yyyy-MM-dd", "2023-02-30"),
            ("yyyy-MM-dd", "2023-02-29"),
            ("yyyy-MM-dd", "2023-00-00"),
            ("yyyy-MM-dd", "0000-01-01"),
            ("yyyy-MM-dd", "1582-10-10"),
            ("HH:mm:ss", "25:61:61"),
            ("HH:mm", "24:00"),
            ("hh:mm a", "13:30 PM"),
            ("EEE, d MMM yyyy", "Mon, 14 Nov 2023"),
            ("D yyyy", "366 2023"),
            ("YYYY-'W'ww-u", "2023-W53-8"),
            ("S", "1000"),
            ("yyyy yyyy", "2023 2024"),
            ("HH:mm z Z", "12:00 UTC +0100"),
        ] {
            assert_eq!(format(pattern).read(text), Err(Mismatch::Range), "{text}");
        }
        assert!(read("yyyy-MM-dd", "2024-02-29").is_some());
        assert_eq!(read("yyyy-MM-dd", "2023--1-14"), None);
        assert_eq!(read("S", "99999999999999999999"), None);
    }

    #[test]
    fn text_after_the_last_field_is_refused() {
        let format = format("yyyy-MM-dd");
        for text in ["2023-11-14 22:13", "2023-11-14Z", "2023-11-14-"] {
            assert_eq!(format.read(text), Err(Mismatch::Rest(10)), "{text}");
        }
        assert!(format.read("2023-11-14 \r\n").is_ok());
    }

    #[test]
    fn numbers_in_a_run_have_as_many_digits_as_letters() {
        assert!(read("yyyyMMdd", "20231114").is_some());
        assert!(read("yyyyMMdd", "2023 1 4").is_some());
        for text in ["2023114", "202311145", "2023-1-4", "2023114 "] {
            assert_eq!(read("yyyyMMdd", text), None, "{text}");
        }
    }

    #[test]
    fn fractions_of_a_second_are_never_shifted() {
        for (pattern, text, expected) in [
            ("ss.SSS", "01.123", Some(1123)),
            ("ss.SSSSSS", "01.123456", Some(1123)),
            ("ss.SSS", "01.123456789", Some(1123)),
            ("ss,SSS", "01,000999", Some(1000)),
            ("ssSSSSSS", "01123456", Some(1123)),
            ("ss.S", "01.0", Some(1000)),
            ("ss.S", "01.5", None),
            ("ss.SSS", "01.1", None),
            ("ss.SSS", "01.", None),
            ("ss.SSS", "01. 123", None),
            ("ss:SSS", "01:123", Some(1123)),
            ("ss:SSS", "01:1234", None),
        ] {
            assert_eq!(read(pattern, text), expected, "{pattern} {text}");
        }
        for (pattern, expected) in [
            ("ss.SSSSSS", "01.007000"),
            ("ss.SSS", "01.007"),
            ("ss.S", "01.007"),
            ("ss:SSSS", "01:0007"),
        ] {
            assert_eq!(written(pattern, 1007), expected);
        }
    }

    #[test]
    fn zones_are_read_and_forgotten() {
        let format = format("HH:mm z");
        assert_eq!(format.read("00:00 PST"), Ok(8 * 3_600_000));
        let mut text = String::new();
        format.write(0, &mut text);
        assert_eq!(text, "00:00 UTC");
        assert_eq!(read("HH:mm X", "00:00 -08"), Some(8 * 3_600_000));
        assert_eq!(read("HH:mm XX", "00:00 +0130"), Some(-90 * 60_000));
        assert_eq!(read("HH:mm XXX", "00:00 +0130"), None);
        assert_eq!(read("HH:mm Z", "00:00 gmt+1:30"), Some(-90 * 60_000));
        // Moscow was four hours ahead in that year.
        let summer = read("yyyy-MM-dd HH:mm z", "2012-06-01 12:00 MSK");
        assert_eq!(summer, read("yyyy-MM-dd HH:mm X", "2012-06-01 12:00 +04"));
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
        assert!(written("yyyy ww YYYY", i64::MIN).starts_with("292269055"));
    }

    const PATTERNS: [&str; 9] = [
        "yyyy-MM-dd HH:mm:ss.SSS",
        "yyyy-MM-dd HH:mm:ss.SSSSSS",
        "yyyyMMddHHmmssSSS",
        "d.M.yyyy K:mm a",
        "EEE, d MMM yyyy G",
        "YYYY ww u",
        "yyyy DDD",
        "HH:mm:ss,SSS X",
        "yyyy-MM W F u",
    ];

    /// The numbers and words of a text, and the digits of its fraction of a second up to the
    /// milliseconds.
    fn parts(pattern: &str, text: &str) -> Vec<String> {
        let ascii = |c: char| match decimal_digit(c) {
            Some(digit) => char::from_digit(digit, 10).unwrap(),
            None => c.to_ascii_lowercase(),
        };
        let mut text: String = text.trim().chars().map(ascii).collect();
        let fraction = match pattern.split_once("SSS") {
            Some((before, _)) if before.ends_with(['.', ',']) => {
                text.rfind(['.', ',']).map(|at| at + 1)
            }
            Some((before, _)) => Some(before.len()),
            None => None,
        };
        let mut parts = Vec::new();
        if let Some(at) = fraction {
            let rest = text.split_off(at);
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            // One or two zeros are zero milliseconds.
            let millis = if digits.len() < 3 {
                format!("{digits:0<3}")
            } else {
                digits.clone()
            };
            parts.extend(millis.get(..3).map(String::from));
            text.push_str(rest.get(digits.len()..).unwrap_or_default());
        }
        let words = text.split(|c: char| !c.is_ascii_alphanumeric());
        let words = words.filter(|word| !word.is_empty());
        parts.extend(words.map(|word| match word.trim_start_matches('0') {
            "" => "0".to_owned(),
            word => word.to_owned(),
        }));
        parts
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            pattern in proptest::sample::select(&PATTERNS[..3]),
            millis in -62_135_596_800_000i64..253_402_300_800_000,
        ) {
            prop_assert_eq!(read(pattern, &written(pattern, millis)), Some(millis));
        }

        /// A text that is read has the same numbers and names as the moment, written again.
        #[test]
        fn any_text_is_read_exactly_or_refused(
            pattern in proptest::sample::select(&PATTERNS[..]),
            millis in 0i64..253_402_300_800_000,
            at in 0usize..24,
            cut in 0usize..3,
            new in "[0-9]{0,3}|[ -:a-zA-Z]{0,2}|\\PC",
        ) {
            let mut text = written(pattern, millis);
            let at = at.min(text.len());
            text.replace_range(at..(at + cut).min(text.len()), &new);
            if let Some(millis) = read(pattern, &text) {
                let again = written(pattern, millis);
                prop_assert_eq!(
                    parts(pattern, &text),
                    parts(pattern, &again),
                    "{} as {}",
                    text,
                    pattern
                );
            }
        }
    }
}
