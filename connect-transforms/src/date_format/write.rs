//! Moments to text.

use std::fmt::Write as _;

use connect_api::data::calendar::Moment;
use connect_api::data::calendar::days_of_date;

use super::field::Field;
use super::name;
use super::name::short;
use super::week;

/// Appends a field of a moment as `count` letters of a pattern write it.
pub(super) fn field(out: &mut String, field: Field, count: usize, moment: &Moment) {
    let Moment {
        year,
        month,
        day,
        hour,
        ..
    } = *moment;
    let days = || days_of_date(year, month, day);
    let is_long = count >= 4;
    let number = match field {
        Field::AmPm => return push_name(out, &name::HALF_DAYS, hour / 12, true),
        Field::DayOfMonth => day,
        Field::DayOfWeek => {
            let weekday = i64::try_from(moment.weekday).unwrap_or_default();
            return push_name(out, &name::WEEKDAYS, weekday, is_long);
        }
        Field::DayOfWeekInMonth => (days() - days_of_date(year, month, 1)) / 7 + 1,
        Field::DayOfYear => days() - days_of_date(year, 1, 1) + 1,
        Field::Era => return push_name(out, &name::ERAS, i64::from(year > 0), true),
        Field::Fraction => {
            push_number(out, moment.milli, 3);
            out.extend(std::iter::repeat_n(
                '0',
                count.min(MAX_WIDTH).saturating_sub(3),
            ));
            return;
        }
        Field::HourOfDay => hour,
        Field::HourOfDayFrom1 if hour == 0 => 24,
        Field::HourOfDayFrom1 => hour,
        Field::HourOfHalfDay => hour % 12,
        Field::HourOfHalfDayFrom1 if hour % 12 == 0 => 12,
        Field::HourOfHalfDayFrom1 => hour % 12,
        Field::IsoDayOfWeek if moment.weekday == 0 => 7,
        Field::IsoDayOfWeek => i64::try_from(moment.weekday).unwrap_or_default(),
        Field::IsoZone => return out.push('Z'),
        Field::Millisecond => moment.milli,
        Field::Minute => moment.minute,
        Field::Month if count >= 3 => return push_name(out, &name::MONTHS, month - 1, is_long),
        Field::Month => month,
        Field::Second => moment.second,
        Field::WeekOfMonth => week::number(days_of_date(year, month, 1), days()),
        Field::WeekOfYear => week::of_year(year, days()).0,
        Field::WeekYear => return push_year(out, week::of_year(year, days()).1, count),
        Field::Year => return push_year(out, moment.year_of_era(), count),
        Field::Zone if is_long => return out.push_str("Coordinated Universal Time"),
        Field::Zone => return out.push_str("UTC"),
        Field::ZoneOffset => return out.push_str("+0000"),
    };
    push_number(out, number, count);
}

fn push_name(out: &mut String, names: &[&str], index: i64, is_long: bool) {
    let name = usize::try_from(index)
        .ok()
        .and_then(|index| names.get(index));
    let name = name.copied().unwrap_or_default();
    out.push_str(if is_long { name } else { short(name) });
}

fn push_year(out: &mut String, year: i64, count: usize) {
    push_number(out, if count == 2 { year % 100 } else { year }, count);
}

/// As in Java, no more digits are written.
const MAX_WIDTH: usize = 309;

fn push_number(out: &mut String, number: i64, width: usize) {
    if number < 0 {
        out.push('-');
    }
    let (number, width) = (number.unsigned_abs(), width.min(MAX_WIDTH));
    // Writing to a string cannot fail.
    let _ = write!(out, "{number:0width$}");
}
