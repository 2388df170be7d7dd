//! Time zones in texts: offsets and names.

use connect_api::data::logical::MILLIS_PER_DAY;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use jiff::tz::TimeZoneTransition;

use super::name;
use super::zone_name::NAMES;

/// A time zone that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zone {
    /// Milliseconds east of Greenwich.
    Fixed(i64),
    /// A zone of the IANA database.
    Named { id: &'static str, season: Season },
}

/// The season to which the name of a zone refers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Season {
    /// Whatever clocks show at that date.
    Any,
    /// Daylight saving time, as `PDT`.
    Daylight,
    /// Standard time, as `PST`, even in summer.
    Standard,
}

impl Zone {
    /// The offset at a local time, both in milliseconds. A name has the offset that it had at that
    /// date. None if the database does not have the zone.
    pub(super) fn offset_at(self, local_millis: i64) -> Option<i64> {
        let (id, season) = match self {
            Self::Fixed(offset) => return Some(offset),
            Self::Named { id, season } => (id, season),
        };
        let zone = TimeZone::get(id).ok()?;
        // The first offset only matters if it leads across a change of the zone's offset.
        let guess = season.offset_of(&zone, timestamp(local_millis));
        Some(season.offset_of(&zone, timestamp(local_millis.saturating_sub(guess))))
    }
}

impl Season {
    /// The offset of a zone in this season, in milliseconds: the one at a moment, or, in the other
    /// season, the more similar one of the seasons before and after. Local mean time has no name
    /// and does not count.
    fn offset_of(self, zone: &TimeZone, at: Timestamp) -> i64 {
        let is_meant = |is_daylight: bool, abbreviation: &str| {
            let is_season = match self {
                Self::Any => true,
                Self::Daylight => is_daylight,
                Self::Standard => !is_daylight,
            };
            is_season && abbreviation != "LMT"
        };
        let now = zone.to_offset_info(at);
        let seconds = if is_meant(now.dst().is_dst(), now.abbreviation()) {
            now.offset().seconds()
        } else {
            let is_change_to = |change: &TimeZoneTransition<'_>| {
                is_meant(change.dst().is_dst(), change.abbreviation())
            };
            let seasons = [
                zone.preceding(at).find(is_change_to),
                zone.following(at).find(is_change_to),
            ];
            let offsets = seasons
                .iter()
                .flatten()
                .map(|change| change.offset().seconds());
            let now = now.offset().seconds();
            offsets
                .min_by_key(|offset| offset.abs_diff(now))
                .unwrap_or(now)
        };
        i64::from(seconds) * 1000
    }
}

/// The moment, or the nearest one that the database knows about.
fn timestamp(millis: i64) -> Timestamp {
    let (min, max) = (Timestamp::MIN, Timestamp::MAX);
    let millis = millis.clamp(
        min.as_millisecond() + MILLIS_PER_DAY,
        max.as_millisecond() - MILLIS_PER_DAY,
    );
    Timestamp::from_millisecond(millis).unwrap_or_default()
}

/// Reads a name, such as `PST` or `GMT`, or an offset: `GMT-8:00`, `-0800`. Returns the zone and the
/// length.
pub(super) fn read(text: &str) -> Option<(Zone, usize)> {
    if let Some(rest) = text.strip_prefix(['+', '-']) {
        return signed(text, rest, Form::Digits);
    }
    if name::is_prefix("GMT", text) {
        let after = text.get(3..)?;
        return match after.strip_prefix(['+', '-']) {
            Some(rest) => signed(after, rest, Form::Name).map(|(zone, len)| (zone, len + 3)),
            None => Some((Zone::Fixed(0), 3)),
        };
    }
    let names = NAMES.iter().flat_map(|(id, season, names)| {
        let zone = Zone::Named {
            id,
            season: *season,
        };
        names.split('|').map(move |name| (zone, name))
    });
    let matching = names.filter(|(_, name)| name::is_prefix(name, text));
    let (zone, name) = matching.max_by_key(|(_, name)| name.len())?;
    Some((zone, name.len()))
}

/// Reads what the letters `X`, `XX` and `XXX` write: `Z`, `-08`, `-0800`, `-08:00`.
pub(super) fn read_iso(text: &str, count: usize) -> Option<(Zone, usize)> {
    if text.starts_with('Z') {
        return Some((Zone::Fixed(0), 1));
    }
    let form = match count {
        1 => Form::Hours,
        2 => Form::Digits,
        _ => Form::Colon,
    };
    signed(text, text.strip_prefix(['+', '-'])?, form)
}

/// How an offset is written after its sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `08:00`
    Colon,
    /// `0800`
    Digits,
    /// `08`
    Hours,
    /// `8:00` or `08:00`
    Name,
}

/// Reads an offset. The text begins with its sign, `rest` is what follows it.
fn signed(text: &str, rest: &str, form: Form) -> Option<(Zone, usize)> {
    let (minutes, length) = minutes(rest.as_bytes(), form)?;
    let sign = if text.starts_with('-') { -1 } else { 1 };
    Some((Zone::Fixed(sign * minutes * MILLIS_PER_MINUTE), length + 1))
}

fn minutes(text: &[u8], form: Form) -> Option<(i64, usize)> {
    let digit = |place: usize| {
        let byte = text.get(place).filter(|byte| byte.is_ascii_digit())?;
        Some(i64::from(byte - b'0'))
    };
    let (hours, mut place) = match digit(1) {
        Some(ones) => (digit(0)? * 10 + ones, 2),
        None if form == Form::Name => (digit(0)?, 1),
        None => return None,
    };
    if matches!(form, Form::Colon | Form::Name) {
        text.get(place).filter(|byte| **byte == b':')?;
        place += 1;
    }
    let minutes = if form == Form::Hours {
        0
    } else {
        place += 2;
        digit(place - 2)? * 10 + digit(place - 1)?
    };
    (hours < 24 && minutes < 60).then_some((hours * 60 + minutes, place))
}

const MILLIS_PER_MINUTE: i64 = 60_000;

#[cfg(test)]
mod tests {
    use connect_api::data::calendar::days_of_date;

    use super::*;

    /// The offset in hours at noon of a date.
    fn hours(name: &str, (year, month, day): (i64, i64, i64)) -> f64 {
        let (zone, length) = read(name).unwrap();
        assert_eq!(length, name.len());
        let noon = days_of_date(year, month, day) * MILLIS_PER_DAY + MILLIS_PER_DAY / 2;
        let offset = zone.offset_at(noon).unwrap();
        f64::from(i32::try_from(offset / 1000).unwrap()) / 3600.0
    }

    #[test]
    fn every_zone_is_in_the_database() {
        for (id, season, _) in NAMES {
            let zone = Zone::Named {
                id,
                season: *season,
            };
            assert!(zone.offset_at(0).is_some(), "{id}");
        }
    }

    #[test]
    fn names_have_the_offset_of_the_date() {
        for (name, date, expected) in [
            ("MSK", (2005, 7, 1), 3.0),
            ("MSD", (2005, 7, 1), 4.0),
            ("MSK", (2012, 6, 1), 4.0),
            ("MSK", (2020, 6, 1), 3.0),
            ("VET", (2010, 1, 1), -4.5),
            ("Venezuela Time", (2020, 1, 1), -4.0),
            ("WSST", (2011, 12, 1), -11.0),
            ("WSST", (2012, 1, 1), 13.0),
            ("SGT", (1980, 1, 1), 7.5),
            ("IST", (2023, 1, 1), 2.0),
            ("Irish Standard Time", (2023, 7, 1), 1.0),
        ] {
            assert_eq!(hours(name, date), expected, "{name} {date:?}");
        }
    }

    #[test]
    fn a_name_keeps_its_season() {
        for (name, date, expected) in [
            ("PST", (2023, 7, 1), -8.0),
            ("PDT", (2023, 1, 1), -7.0),
            ("CET", (2023, 7, 1), 1.0),
            ("CEST", (2023, 7, 1), 2.0),
            ("LHST", (2023, 1, 1), 10.5),
            ("LHDT", (2023, 7, 1), 11.0),
        ] {
            assert_eq!(hours(name, date), expected, "{name} {date:?}");
        }
    }

    #[test]
    fn far_dates_have_the_nearest_offset() {
        for (name, year, expected) in [
            ("PST", 1800, -8.0),
            ("PST", -100_000, -8.0),
            ("PST", 100_000, -8.0),
            ("PDT", 100_000, -7.0),
            ("MSK", 1000, 2.0),
        ] {
            assert!(
                (hours(name, (year, 1, 1)) - expected).abs() < 0.6,
                "{name} {year}"
            );
        }
    }
}
