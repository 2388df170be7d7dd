//! Java's calendar: Julian until 1582-10-04, Gregorian from 1582-10-15, always in UTC. Fields may be
//! out of range.
//!
//! ```
//! use connect_api::data::calendar::{Moment, days_of_date};
//!
//! let moment = Moment::of_millis(1_700_000_000_123);
//! assert_eq!((moment.year, moment.month, moment.day), (2023, 11, 14));
//! // 2024 is a leap year.
//! assert_eq!(days_of_date(2023, 14, 30), days_of_date(2024, 3, 1));
//! ```

use super::logical::MILLIS_PER_DAY;

/// A point in time as calendar fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Moment {
    /// The year; 0 is the one before year 1.
    pub year: i64,
    /// The month, from 1.
    pub month: i64,
    /// The day of the month, from 1.
    pub day: i64,
    /// The day of the week; 0 is Sunday.
    pub weekday: usize,
    /// The hour of the day, from 0.
    pub hour: i64,
    /// The minute.
    pub minute: i64,
    /// The second.
    pub second: i64,
    /// The millisecond.
    pub milli: i64,
}

impl Moment {
    /// Converts milliseconds since the epoch.
    #[must_use]
    pub fn of_millis(millis: i64) -> Self {
        let days = millis.div_euclid(MILLIS_PER_DAY);
        let time = millis.rem_euclid(MILLIS_PER_DAY);
        let (year, month, day) = date_of_days(days);
        Self {
            year,
            month,
            day,
            weekday: usize::try_from((days + 4).rem_euclid(7)).unwrap_or_default(),
            hour: time / 3_600_000,
            minute: time / 60_000 % 60,
            second: time / 1000 % 60,
            milli: time % 1000,
        }
    }

    /// The year of the era: 5 for the year 5 and for the year −4, which is 5 BC.
    #[must_use]
    pub const fn year_of_era(&self) -> i64 {
        if self.year > 0 {
            self.year
        } else {
            1 - self.year
        }
    }

    /// `1970-01-01`.
    pub(super) fn date(&self) -> String {
        let Self { month, day, .. } = self;
        let year = self.year_of_era();
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// `00:00:00.000Z`.
    pub(super) fn time(&self) -> String {
        let Self {
            hour,
            minute,
            second,
            milli,
            ..
        } = self;
        format!("{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }

    /// `Thu Jan 01 00:00:00 UTC 1970`.
    pub(super) fn java_date(&self) -> String {
        const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        const MONTHS: [&str; 12] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        let Self {
            month,
            day,
            weekday,
            hour,
            minute,
            second,
            ..
        } = self;
        let year = self.year_of_era();
        let weekday = WEEKDAYS.get(*weekday).copied().unwrap_or_default();
        let month = usize::try_from(month - 1)
            .ok()
            .and_then(|month| MONTHS.get(month).copied());
        let month = month.unwrap_or_default();
        format!("{weekday} {month} {day:02} {hour:02}:{minute:02}:{second:02} UTC {year:04}")
    }
}

/// Converts a date to days since the epoch. Month and day may be out of range. Year 0 is the year
/// before year 1.
#[must_use]
pub const fn days_of_date(year: i64, month: i64, day: i64) -> i64 {
    let gregorian = gregorian_month(year, month) + day - 1;
    if gregorian >= FIRST_GREGORIAN_DAY {
        return gregorian;
    }
    // The ten skipped days are read as dates of the Julian calendar.
    julian_month(year, month) + day - 1
}

/// 1582-10-15 in days since the epoch.
pub const FIRST_GREGORIAN_DAY: i64 = -141_427;

/// The first day of a month in days since the epoch, by the Gregorian calendar for all years. The
/// month may be out of range.
#[must_use]
pub const fn gregorian_month(year: i64, month: i64) -> i64 {
    days_of_month(year, month, true)
}

/// The first day of a month in days since the epoch, by the Julian calendar for all years. The
/// month may be out of range.
#[must_use]
pub const fn julian_month(year: i64, month: i64) -> i64 {
    days_of_month(year, month, false)
}

const fn days_of_month(year: i64, month: i64, is_gregorian: bool) -> i64 {
    let (year, month) = (
        year + (month - 1).div_euclid(12),
        (month - 1).rem_euclid(12) + 1,
    );
    // Count years from March, so that the leap day is the last day.
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5;
    let days = year * 365 + year.div_euclid(4) + day_of_year;
    if is_gregorian {
        days - year.div_euclid(100) + year.div_euclid(400) - 719_468
    } else {
        days - 719_470
    }
}

/// Converts days since the epoch to a date. Year 0 is the year before year 1.
fn date_of_days(days: i64) -> (i64, i64, i64) {
    let is_gregorian = days >= FIRST_GREGORIAN_DAY;
    // An estimate that is off by at most a year or so, then exact steps.
    let mut year = 1970 + (days * 400).div_euclid(146_097) - 1;
    while days_of_month(year + 1, 1, is_gregorian) <= days {
        year += 1;
    }
    while days_of_month(year, 1, is_gregorian) > days {
        year -= 1;
    }
    let month = (1..=12)
        .rev()
        .find(|month| days_of_month(year, *month, is_gregorian) <= days)
        .unwrap_or(1);
    (
        year,
        month,
        days - days_of_month(year, month, is_gregorian) + 1,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_count_as_in_java() {
        for (year, month, day, days) in [
            (1970, 1, 1, 0),
            (2019, 8, 23, 18_131),
            (2019, 13, 1, 18_262),
            (2019, 2, 30, 17_957),
            (1582, 10, 15, -141_427),
            (1582, 10, 10, -141_422),
            (1582, 10, 4, -141_428),
            (1, 1, 1, -719_164),
            (9999, 12, 31, 2_932_896),
        ] {
            assert_eq!(days_of_date(year, month, day), days, "{year}-{month}-{day}");
        }
    }

    #[test]
    fn dates_come_back() {
        for days in (-1_000_000..4_000_000)
            .step_by(13)
            .chain(-141_500..-141_400)
        {
            let (year, month, day) = date_of_days(days);
            assert_eq!(days_of_date(year, month, day), days);
        }
    }

    #[test]
    fn moments_print_as_in_java() {
        let moment = Moment::of_millis(1_700_000_000_123);
        assert_eq!(moment.java_date(), "Tue Nov 14 22:13:20 UTC 2023");
        assert_eq!(moment.date(), "2023-11-14");
        assert_eq!(moment.time(), "22:13:20.123Z");
        assert_eq!(Moment::of_millis(-1).time(), "23:59:59.999Z");
        // The limits of 64 bits do not overflow.
        assert_eq!(Moment::of_millis(i64::MIN).year, -292_269_054);
        assert_eq!(Moment::of_millis(i64::MAX).date(), "292278994-08-17");
    }
}
