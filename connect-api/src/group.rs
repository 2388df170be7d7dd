//! Dividing parts of another system among tasks.

use std::num::NonZeroUsize;

/// Divides elements into groups of about the same size, in order: the first groups have one more
/// than the last ones. There are as many groups as asked for, some of them empty if there are fewer
/// elements.
///
/// *Java*: `ConnectorUtils.groupPartitions`.
///
/// ```
/// use std::num::NonZeroUsize;
///
/// let tables = ["a", "b", "c", "d", "e"];
/// let groups = connect_api::group_partitions(&tables, NonZeroUsize::MIN.saturating_add(1));
/// assert_eq!(groups, [&["a", "b", "c"][..], &["d", "e"][..]]);
/// ```
#[must_use]
pub fn group_partitions<T>(elements: &[T], groups: NonZeroUsize) -> Vec<&[T]> {
    let size = elements.len() / groups;
    let larger = elements.len() % groups;
    let mut rest = elements;
    (0..groups.get())
        .map(|group| {
            let size = size + usize::from(group < larger);
            let (group, others) = rest.split_at_checked(size).unwrap_or((rest, &[]));
            rest = others;
            group
        })
        .collect()
}
