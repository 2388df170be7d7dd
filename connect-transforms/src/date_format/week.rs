//! Weeks. They begin on Sunday, and the first week of a year or month is the one of its first day.

use connect_api::data::calendar::days_of_date;

/// Java's number of Sunday; Saturday is 7.
pub(super) const SUNDAY: i64 = 1;

/// The last day, in days since the epoch, that is not after `day` and falls on `weekday`.
pub(super) const fn on_or_before(day: i64, weekday: i64) -> i64 {
    // The epoch was a Thursday.
    day - (day + 5 - weekday).rem_euclid(7)
}

/// The number of the week of a day, from 1, in the year or month whose first day is `first`.
pub(super) const fn number(first: i64, day: i64) -> i64 {
    (day - on_or_before(first, SUNDAY)).div_euclid(7) + 1
}

/// The week of the year of a day, and the year to which this week belongs.
pub(super) const fn of_year(year: i64, day: i64) -> (i64, i64) {
    if day >= on_or_before(days_of_date(year + 1, 1, 1), SUNDAY) {
        return (1, year + 1);
    }
    (number(days_of_date(year, 1, 1), day), year)
}
