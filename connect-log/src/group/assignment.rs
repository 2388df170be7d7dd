//! Spreads the partitions of a group over its members: balanced, and moving as little as it can.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use connect_api::TopicPartition;

/// Assigns partitions to members.
///
/// Every wanted partition goes to one of the members that want it. The loads of two members that
/// want the same partition end at most one apart where that partition could move; partitions stay
/// where they were unless balance asks otherwise.
pub(crate) fn assign(
    members: &[(u64, BTreeSet<TopicPartition>)],
    wanted: &BTreeMap<TopicPartition, Vec<u64>>,
) -> BTreeMap<u64, BTreeSet<TopicPartition>> {
    let mut loads: BTreeMap<u64, usize> = members.iter().map(|(id, _)| (*id, 0)).collect();
    let mut before: BTreeMap<&TopicPartition, u64> = BTreeMap::new();
    for (id, partitions) in members {
        before.extend(partitions.iter().map(|partition| (partition, *id)));
    }
    let mut owners: BTreeMap<&TopicPartition, u64> = BTreeMap::new();
    for (partition, who) in wanted {
        if let Some(owner) = before.get(partition).filter(|owner| who.contains(owner)) {
            owners.insert(partition, *owner);
            *loads.entry(*owner).or_default() += 1;
        }
    }
    for (partition, who) in wanted {
        if !owners.contains_key(partition)
            && let Some(owner) = least_loaded(who, &loads)
        {
            owners.insert(partition, owner);
            *loads.entry(owner).or_default() += 1;
        }
    }
    // Each move lowers the sum of the squares of the loads, so this ends.
    let mut moved = true;
    while moved {
        moved = false;
        for (partition, who) in wanted {
            let Some(owner) = owners.get(partition).copied() else {
                continue;
            };
            let Some(least) = least_loaded(who, &loads) else {
                continue;
            };
            if load(owner, &loads) > load(least, &loads) + 1 {
                owners.insert(partition, least);
                *loads.entry(owner).or_default() -= 1;
                *loads.entry(least).or_default() += 1;
                moved = true;
            }
        }
    }
    let mut result: BTreeMap<u64, BTreeSet<TopicPartition>> = BTreeMap::new();
    for (partition, owner) in owners {
        result.entry(owner).or_default().insert(partition.clone());
    }
    result
}

fn least_loaded(who: &[u64], loads: &BTreeMap<u64, usize>) -> Option<u64> {
    who.iter().copied().min_by_key(|id| (load(*id, loads), *id))
}

fn load(id: u64, loads: &BTreeMap<u64, usize>) -> usize {
    loads.get(&id).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn partitions(topic: &str, count: i32) -> Vec<TopicPartition> {
        (0..count)
            .map(|partition| TopicPartition::new(topic, partition))
            .collect()
    }

    #[test]
    fn many_topics_of_one_partition_are_spread() {
        let members = [(1, BTreeSet::new()), (2, BTreeSet::new())];
        let wanted = (0..10)
            .map(|n| (TopicPartition::new(format!("t{n}"), 0), vec![1, 2]))
            .collect();
        let result = assign(&members, &wanted);
        assert_eq!(
            result.values().map(BTreeSet::len).collect::<Vec<_>>(),
            [5, 5]
        );
    }

    #[test]
    fn a_newcomer_takes_no_more_than_balance_asks() {
        let all = partitions("t", 6);
        let members = [(1, all.iter().cloned().collect()), (2, BTreeSet::new())];
        let wanted = all
            .iter()
            .map(|partition| (partition.clone(), vec![1, 2]))
            .collect();
        let result = assign(&members, &wanted);
        assert_eq!(result.get(&1).map(BTreeSet::len), Some(3));
    }

    proptest! {
        #[test]
        fn every_partition_has_one_owner_and_loads_are_even(
            count in 0..40_i32,
            before in prop::collection::vec(0..5_u64, 40),
            members in 1..5_u64,
        ) {
            let all = partitions("t", count);
            let ids: Vec<u64> = (0..members).collect();
            let wanted = all.iter().map(|partition| (partition.clone(), ids.clone())).collect();
            let previous: Vec<_> = ids
                .iter()
                .map(|id| {
                    let own = all.iter().zip(&before).filter(|(_, owner)| *owner == id);
                    (*id, own.map(|(partition, _)| partition.clone()).collect())
                })
                .collect();
            let result = assign(&previous, &wanted);
            let loads: Vec<usize> =
                ids.iter().map(|id| result.get(id).map_or(0, BTreeSet::len)).collect();
            prop_assert_eq!(loads.iter().sum::<usize>(), all.len());
            prop_assert!(loads.iter().max().unwrap() - loads.iter().min().unwrap() <= 1);
        }
    }
}
