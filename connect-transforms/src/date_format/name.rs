//! Names in US English.

/// The names of months. The short forms are the first three letters.
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The names of the days of the week, from Sunday. The short forms are the first three letters.
pub(super) const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// The eras, earlier one first.
pub(super) const ERAS: [&str; 2] = ["BC", "AD"];

/// The long names of the eras, which are read but never written.
pub(super) const LONG_ERAS: [&str; 2] = ["Before Christ", "Anno Domini"];

/// The halves of the day.
pub(super) const HALF_DAYS: [&str; 2] = ["AM", "PM"];

/// The first three letters.
pub(super) fn short(name: &str) -> &str {
    name.get(..3).unwrap_or(name)
}

/// The index and the length of the name that a text begins with, ignoring case.
pub(super) fn find(names: &[&str], text: &str) -> Option<(i64, usize)> {
    find_as(names, text, |name| name)
}

/// The index of the name that a text begins with, in its long or short form, and the length of that
/// form.
pub(super) fn find_or_short(names: &[&str], text: &str) -> Option<(i64, usize)> {
    find(names, text).or_else(|| find_as(names, text, short))
}

fn find_as(names: &[&str], text: &str, form: fn(&str) -> &str) -> Option<(i64, usize)> {
    let (index, name) = (0..)
        .zip(names.iter().map(|name| form(name)))
        .find(|(_, name)| is_prefix(name, text))?;
    Some((index, name.len()))
}

/// True if a text begins with a name, ignoring case.
pub(super) fn is_prefix(name: &str, text: &str) -> bool {
    let start = text.as_bytes().get(..name.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
}
