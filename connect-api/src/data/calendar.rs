//! Days and times of day as Java's calendar counts them: Julian until 1582-10-04, Gregorian from
//! 1582-10-15, always in UTC, lenient about fields out of range.

use super::logical::MILLIS_PER_DAY;

/// A moment in calendar fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// The year of the era: at least 1.
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
    /// 0 is Sunday.
    pub(super) weekday: usize,
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
    pub(super) milli: i64,
}

impl Moment {
    /// The fields of milliseconds since the epoch.
    pub(super) fn of_millis(millis: i64) -> Self {
        let days = millis.div_euclid(MILLIS_PER_DAY);
        let time = millis.rem_euclid(MILLIS_PER_DAY);
        let (year, month, day) = date_of_days(days);
        Self {
            // Years before 1 count backwards in an era of their own.
            year: if year > 0 { year } else { 1 - year },
            month,
            day,
            weekday: usize::try_from((days + 4).rem_euclid(7)).unwrap_or_default(),
            hour: time / 3_600_000,
            minute: time / 60_000 % 60,
            second: time / 1000 % 60,
            milli: time % 1000,
        }
    }

    /// `1970-01-01`.
    pub(super) fn date(&self) -> String {
        let Self {
            year, month, day, ..
        } = self;
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
            year,
            month,
            day,
            weekday,
            hour,
            minute,
            second,
            ..
        } = self;
        let weekday = WEEKDAYS.get(*weekday).copied().unwrap_or_default();
        let month = usize::try_from(month - 1)
            .ok()
            .and_then(|month| MONTHS.get(month).copied());
        let month = month.unwrap_or_default();
        format!("{weekday} {month} {day:02} {hour:02}:{minute:02}:{second:02} UTC {year:04}")
    }
}

/// Days since the epoch of a date; month and day may be out of range.
pub(super) fn days_of_date(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = (
        year + (month - 1).div_euclid(12),
        (month - 1).rem_euclid(12) + 1,
    );
    let gregorian = days_of_month(year, month, true) + day - 1;
    if gregorian >= FIRST_GREGORIAN_DAY {
        return gregorian;
    }
    // Days of the lost ten days stay where the Julian calendar has them.
    days_of_month(year, month, false) + day - 1
}

/// 1582-10-15.
const FIRST_GREGORIAN_DAY: i64 = -141_427;

/// The first day of a month in days since the epoch.
fn days_of_month(year: i64, month: i64, is_gregorian: bool) -> i64 {
    // Years that begin in March have their leap day at the end.
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5;
    let days = year * 365 + year.div_euclid(4) + day_of_year;
    if is_gregorian {
        days - year.div_euclid(100) + year.div_euclid(400) - 719_468
    } else {
        days - 719_470
    }
}

/// The date of days since the epoch; year 0 is the one before year 1.
fn date_of_days(days: i64) -> (i64, i64, i64) {
    let is_gregorian = days >= FIRST_GREGORIAN_DAY;
    // A guess that is never too late by more than a year, then exact steps.
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
        // The far ends of 64 bits do not overflow.
        Moment::of_millis(i64::MIN);
        assert_eq!(Moment::of_millis(i64::MAX).date(), "292278994-08-17");
    }
}
