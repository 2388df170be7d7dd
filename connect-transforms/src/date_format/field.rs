//! The letters of patterns.

/// The meaning of a letter of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    AmPm,
    DayOfMonth,
    DayOfWeek,
    DayOfWeekInMonth,
    DayOfYear,
    Era,
    /// The digits after the decimal point of the second.
    Fraction,
    /// 0 to 23.
    HourOfDay,
    /// 1 to 24.
    HourOfDayFrom1,
    /// 0 to 11.
    HourOfHalfDay,
    /// 1 to 12.
    HourOfHalfDayFrom1,
    /// 1 is Monday.
    IsoDayOfWeek,
    IsoZone,
    Millisecond,
    Minute,
    Month,
    Second,
    WeekOfMonth,
    WeekOfYear,
    WeekYear,
    Year,
    /// The name of a zone, or its offset.
    Zone,
    ZoneOffset,
}

impl Field {
    pub(super) const fn of_letter(letter: char) -> Option<Self> {
        Some(match letter {
            'a' => Self::AmPm,
            'D' => Self::DayOfYear,
            'd' => Self::DayOfMonth,
            'E' => Self::DayOfWeek,
            'F' => Self::DayOfWeekInMonth,
            'G' => Self::Era,
            'H' => Self::HourOfDay,
            'h' => Self::HourOfHalfDayFrom1,
            'K' => Self::HourOfHalfDay,
            'k' => Self::HourOfDayFrom1,
            'L' | 'M' => Self::Month,
            'm' => Self::Minute,
            'S' => Self::Millisecond,
            's' => Self::Second,
            'u' => Self::IsoDayOfWeek,
            'W' => Self::WeekOfMonth,
            'w' => Self::WeekOfYear,
            'X' => Self::IsoZone,
            'Y' => Self::WeekYear,
            'y' => Self::Year,
            'Z' => Self::ZoneOffset,
            'z' => Self::Zone,
            _ => return None,
        })
    }

    /// True if the field is written in digits.
    pub(super) const fn is_number(self, count: usize) -> bool {
        match self {
            Self::Month => count <= 2,
            Self::AmPm
            | Self::DayOfWeek
            | Self::Era
            | Self::IsoZone
            | Self::Zone
            | Self::ZoneOffset => false,
            _ => true,
        }
    }
}
