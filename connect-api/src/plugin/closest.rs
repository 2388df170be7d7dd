//! Suggestions for misspelled names.

/// Returns the candidate that is most similar to `name`, if one is similar.
///
/// Case is ignored. Up to a third of the characters may differ.
///
/// ```
/// use connect_api::plugin::closest;
///
/// let keys = ["tasks.max", "topics", "topics.regex"];
/// assert_eq!(closest("task.max", keys), Some("tasks.max"));
/// assert_eq!(closest("flush.size", keys), None);
/// ```
#[must_use]
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name: Vec<char> = name.to_lowercase().chars().collect();
    let limit = (name.len() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(&name, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The number of characters that must be inserted, removed or replaced.
fn distance(name: &[char], candidate: &str) -> usize {
    // `row` has the distances between each prefix of `name` and the candidate read so far.
    let mut row: Vec<usize> = (0..=name.len()).collect();
    for c in candidate.to_lowercase().chars() {
        let mut diagonal = 0;
        let mut left = 0;
        for (i, cell) in row.iter_mut().enumerate() {
            let replaced = match i.checked_sub(1).and_then(|i| name.get(i)) {
                None => *cell + 1,
                Some(same) if *same == c => diagonal,
                Some(_) => diagonal.min(left).min(*cell) + 1,
            };
            diagonal = *cell;
            *cell = replaced;
            left = replaced;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn between(a: &str, b: &str) -> usize {
        distance(&a.to_lowercase().chars().collect::<Vec<_>>(), b)
    }

    #[test]
    fn edits_are_counted() {
        for (a, b, edits) in [
            ("", "", 0),
            ("", "ab", 2),
            ("ab", "", 2),
            ("kitten", "sitting", 3),
            ("Json", "json", 0),
            ("FileStreamSorce", "FileStreamSource", 1),
        ] {
            assert_eq!(between(a, b), edits, "{a} {b}");
        }
    }

    #[test]
    fn names_that_differ_too_much_are_not_offered() {
        assert_eq!(closest("Json", ["String", "ByteArray"]), None);
        assert_eq!(closest("Strin", ["Short", "String"]), Some("String"));
        assert_eq!(closest("x", []), None);
    }

    proptest! {
        #[test]
        fn the_order_of_the_two_names_does_not_matter(a in "[abc]{0,6}", b in "[abc]{0,6}") {
            prop_assert_eq!(between(&a, &b), between(&b, &a));
            prop_assert_eq!(between(&a, &b) == 0, a == b);
            prop_assert!(between(&a, &b) <= a.len().max(b.len()));
        }
    }
}
