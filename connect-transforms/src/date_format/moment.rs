//! Fields to a moment, by the rules of Java's calendar.
//!
//! The moment is computed as Java's lenient calendar does. It is then checked against every field
//! that was read, so that a field out of range or one that contradicts another is refused.

use std::cmp::Ordering;

use connect_api::data::calendar::FIRST_GREGORIAN_DAY;
use connect_api::data::calendar::Moment;
use connect_api::data::calendar::days_of_date;
use connect_api::data::calendar::gregorian_month;
use connect_api::data::calendar::julian_month;
use connect_api::data::logical::MILLIS_PER_DAY;

use super::field::Field;
use super::week;

/// The fields that were read. If they name the day in several ways, those read last decide.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// 0 or 1.
    am_pm: Slot,
    day_of_month: Slot,
    /// 1 is Sunday.
    day_of_week: Slot,
    day_of_week_in_month: Slot,
    day_of_year: Slot,
    /// 0 is the era before year 1.
    era: Slot,
    hour_of_day: Slot,
    hour_of_half_day: Slot,
    millisecond: Slot,
    minute: Slot,
    /// From 0.
    month: Slot,
    second: Slot,
    week_of_month: Slot,
    week_of_year: Slot,
    week_year: Slot,
    year: Slot,
}

/// A field, and when it was read.
#[derive(Debug, Default, Clone, Copy)]
struct Slot {
    value: i64,
    /// Later fields have higher stamps; 0 if it was not read.
    stamp: usize,
}

impl Slot {
    const fn is_set(self) -> bool {
        self.stamp > 0
    }

    fn or(self, default: i64) -> i64 {
        if self.is_set() { self.value } else { default }
    }

    /// When both were complete; 0 if one was not read.
    fn with(self, other: Self) -> usize {
        if self.is_set() && other.is_set() {
            self.stamp.max(other.stamp)
        } else {
            0
        }
    }
}

/// The fields that decide which day of the year it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DayRule {
    DayOfMonth,
    DayOfWeekInMonth,
    DayOfYear,
    WeekOfMonth,
    WeekOfYear,
}

impl Fields {
    /// Sets a field and returns true, or false if it was read before with another value. Later fields
    /// have higher stamps, from 1 on.
    pub(super) fn set(&mut self, field: Field, value: i64, stamp: usize) -> bool {
        let slot = match field {
            Field::AmPm => &mut self.am_pm,
            Field::DayOfMonth => &mut self.day_of_month,
            Field::DayOfWeek | Field::IsoDayOfWeek => &mut self.day_of_week,
            Field::DayOfWeekInMonth => &mut self.day_of_week_in_month,
            Field::DayOfYear => &mut self.day_of_year,
            Field::Era => &mut self.era,
            Field::Fraction | Field::Millisecond => &mut self.millisecond,
            Field::HourOfDay | Field::HourOfDayFrom1 => &mut self.hour_of_day,
            Field::HourOfHalfDay | Field::HourOfHalfDayFrom1 => &mut self.hour_of_half_day,
            Field::Minute => &mut self.minute,
            Field::Month => &mut self.month,
            Field::Second => &mut self.second,
            Field::WeekOfMonth => &mut self.week_of_month,
            Field::WeekOfYear => &mut self.week_of_year,
            Field::WeekYear => &mut self.week_year,
            Field::Year => &mut self.year,
            Field::IsoZone | Field::Zone | Field::ZoneOffset => return false,
        };
        let is_consistent = slot.or(value) == value;
        *slot = Slot { value, stamp };
        is_consistent
    }

    /// Moves the year by a hundred.
    pub(super) const fn add_century(&mut self) {
        self.year.value += 100;
        self.week_year.value += 100;
    }

    /// Milliseconds since the epoch, as if the time zone were UTC. None if they do not fit into 64
    /// bits, or if the moment does not have all the fields that were read: a field is out of range,
    /// or two contradict each other.
    pub(super) fn to_local_millis(&self) -> Option<i64> {
        let time = self.time_of_day();
        let carry = time.div_euclid(MILLIS_PER_DAY);
        let is_week_date = self.week_year.stamp > self.year.stamp;
        let day = if is_week_date {
            self.week_date() + carry
        } else {
            self.date(carry)
        };
        let millis = day
            .checked_mul(MILLIS_PER_DAY)?
            .checked_add(time.rem_euclid(MILLIS_PER_DAY))?;
        self.are_those_of(&Moment::of_millis(millis))
            .then_some(millis)
    }

    /// True if a moment has all the fields that were read.
    fn are_those_of(&self, moment: &Moment) -> bool {
        let Moment {
            year,
            month,
            day,
            hour,
            ..
        } = *moment;
        let days = days_of_date(year, month, day);
        let (week_of_year, week_year) = week::of_year(year, days);
        let weekday = i64::try_from(moment.weekday).unwrap_or_default() + week::SUNDAY;
        let (era, year_of_era) = if self.era.is_set() {
            (i64::from(year > 0), moment.year_of_era())
        } else {
            (0, year)
        };
        [
            (self.am_pm, hour / 12),
            (self.day_of_month, day),
            (self.day_of_week, weekday),
            (self.day_of_week_in_month, (day - 1) / 7 + 1),
            (self.day_of_year, days - days_of_date(year, 1, 1) + 1),
            (self.era, era),
            (self.hour_of_day, hour),
            (self.hour_of_half_day, hour % 12),
            (self.millisecond, moment.milli),
            (self.minute, moment.minute),
            (self.month, month - 1),
            (self.second, moment.second),
            (
                self.week_of_month,
                week::number(days_of_date(year, month, 1), days),
            ),
            (self.week_of_year, week_of_year),
            (self.year, year_of_era),
        ]
        .into_iter()
        .all(|(slot, value)| slot.or(value) == value)
            && (!self.week_year.is_set() || self.in_era(self.week_year.value) == week_year)
            && (self.era.is_set() || year > 0 || !self.year.is_set())
    }

    /// Milliseconds since midnight; more than a day if fields are out of range.
    fn time_of_day(&self) -> i64 {
        let halves = self.hour_of_half_day.with(self.am_pm);
        let hour = if self.hour_of_day.is_set() && self.hour_of_day.stamp >= halves {
            self.hour_of_day.value
        } else {
            self.hour_of_half_day.value + 12 * self.am_pm.value
        };
        ((hour * 60 + self.minute.value) * 60 + self.second.value) * 1000 + self.millisecond.value
    }

    /// The day of a week, its year and a day of the week.
    fn week_date(&self) -> i64 {
        let mut week = self.week_of_year.or(1);
        let mut weekday = self.day_of_week.or(week::SUNDAY);
        if !(1..=7).contains(&weekday) {
            // A number that is not a day of the week.
            week += (weekday - 1).div_euclid(7);
            weekday = weekday.rem_euclid(7) + 1;
        }
        let first = first_of_year(self.in_era(self.week_year.value));
        week::on_or_before(first, week::SUNDAY) + weekday - week::SUNDAY + 7 * (week - 1)
    }

    /// The day of the other fields, moved by some days.
    fn date(&self, carry: i64) -> i64 {
        let rule = self.day_rule();
        let year = self.in_era(self.year.or(1970));
        let gregorian = self.day(rule, year, gregorian_month) + carry;
        let is_gregorian = match year.cmp(&CHANGE_YEAR) {
            Ordering::Less => false,
            Ordering::Equal => {
                let counts_from_new_year = matches!(rule, DayRule::DayOfYear | DayRule::WeekOfYear);
                !counts_from_new_year && gregorian >= FIRST_GREGORIAN_DAY
            }
            Ordering::Greater => gregorian >= FIRST_GREGORIAN_DAY,
        };
        if is_gregorian {
            gregorian
        } else {
            self.day(rule, year, julian_month) + carry
        }
    }

    /// Applies the era that was read to a year; year 0 is the one before year 1.
    const fn in_era(&self, year: i64) -> i64 {
        let is_before_year_1 = self.era.is_set() && self.era.value == 0;
        if is_before_year_1 { 1 - year } else { year }
    }

    /// The day in a calendar, which is given by the first days of its months.
    fn day(&self, rule: DayRule, year: i64, first_of_month: fn(i64, i64) -> i64) -> i64 {
        let month = match rule {
            DayRule::DayOfYear | DayRule::WeekOfYear => 1,
            _ => self.month.value + 1,
        };
        let first = first_of_month(year, month);
        let first_week = || {
            let sunday = week::on_or_before(first, week::SUNDAY);
            let weekday = self.day_of_week.or(week::SUNDAY);
            week::on_or_before(sunday + 6, weekday)
        };
        match rule {
            DayRule::DayOfMonth => first + self.day_of_month.or(1) - 1,
            DayRule::DayOfWeekInMonth => {
                let nth = self.day_of_week_in_month.or(1);
                let last = if nth >= 0 {
                    7 * nth
                } else {
                    // Counted back from the end of the month.
                    first_of_month(year, month + 1) - first + 7 * (nth + 1)
                };
                week::on_or_before(first + last - 1, self.day_of_week.or(week::SUNDAY))
            }
            DayRule::DayOfYear => first + self.day_of_year.value - 1,
            DayRule::WeekOfMonth => first_week() + 7 * (self.week_of_month.value - 1),
            DayRule::WeekOfYear => first_week() + 7 * (self.week_of_year.value - 1),
        }
    }

    /// The rule whose fields were read last. Rules that lack a field come after complete ones.
    fn day_rule(&self) -> DayRule {
        let weekday = self.day_of_week;
        let complete = [
            (self.day_of_month.stamp, DayRule::DayOfMonth),
            (self.week_of_month.with(weekday), DayRule::WeekOfMonth),
            (
                self.day_of_week_in_month.with(weekday),
                DayRule::DayOfWeekInMonth,
            ),
            (self.week_of_year.with(weekday), DayRule::WeekOfYear),
            (self.day_of_year.stamp, DayRule::DayOfYear),
        ];
        let incomplete = [
            (self.week_of_month.stamp, DayRule::WeekOfMonth),
            (
                self.day_of_week_in_month.stamp.max(weekday.stamp),
                DayRule::DayOfWeekInMonth,
            ),
            (self.week_of_year.stamp, DayRule::WeekOfYear),
        ];
        self.latest(&complete)
            .or_else(|| self.latest(&incomplete))
            .unwrap_or(DayRule::DayOfMonth)
    }

    fn latest(&self, rules: &[(usize, DayRule)]) -> Option<DayRule> {
        let stamp = rules.iter().map(|(stamp, _)| *stamp).max()?;
        // If the day of the week was read last, several rules are equally late. Their own fields
        // decide then.
        let own = |rule: &DayRule| match rule {
            DayRule::DayOfMonth => self.day_of_month.stamp,
            DayRule::DayOfWeekInMonth => self.day_of_week_in_month.stamp,
            DayRule::DayOfYear => self.day_of_year.stamp,
            DayRule::WeekOfMonth => self.week_of_month.stamp,
            DayRule::WeekOfYear => self.week_of_year.stamp,
        };
        let latest = rules.iter().filter(|rule| rule.0 == stamp && stamp > 0);
        latest.map(|(_, rule)| *rule).max_by_key(own)
    }
}

/// The year of the change from the Julian to the Gregorian calendar.
const CHANGE_YEAR: i64 = 1582;

fn first_of_year(year: i64) -> i64 {
    if year > CHANGE_YEAR {
        gregorian_month(year, 1)
    } else {
        julian_month(year, 1)
    }
}
