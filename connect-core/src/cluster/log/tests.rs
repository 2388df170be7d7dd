//! The fold against its invariants.

use std::collections::BTreeMap;

use bytes::Bytes;
use connect_api::ConfigMap;
use connect_api::config_map;
use proptest::prelude::*;

use super::*;
use crate::ConnectorName;
use crate::TaskId;
use crate::cluster::TargetState;

const NAMES: [&str; 2] = ["a", "a-1"];

fn config(version: usize) -> ConfigMap {
    config_map! { "v" => version.to_string() }
}

fn put(name: &str, version: usize) -> ConfigRecord {
    ConfigRecord::Connector {
        name: name.into(),
        config: Some(config(version)),
    }
}

fn task(name: &str, index: usize, version: usize) -> ConfigRecord {
    ConfigRecord::Task {
        id: TaskId::new(name, index),
        config: config(version),
    }
}

fn commit(name: &str, tasks: usize) -> ConfigRecord {
    ConfigRecord::Commit {
        name: name.into(),
        tasks,
    }
}

fn fold(records: impl IntoIterator<Item = ConfigRecord>) -> ConfigLog {
    let mut log = ConfigLog::new();
    for (offset, record) in (0..).zip(records) {
        log.apply(offset, record);
    }
    log
}

#[test]
fn a_set_that_was_made_from_an_older_configuration_is_out_of_date() {
    let mut log = fold([put("a", 1), task("a", 0, 1), commit("a", 1)]);
    assert!(log.connector("a").unwrap().tasks_are_up_to_date());
    log.apply(3, put("a", 2));
    let connector = log.connector("a").unwrap();
    let set = connector.task_set().unwrap();
    assert!(!connector.tasks_are_up_to_date());
    assert_eq!(**set.applied_config(), config(1));
    assert_eq!(**connector.config(), config(2));
    assert_eq!((connector.config_offset(), set.committed_at()), (3, 2));
}

/// KAFKA-17719: an equal configuration is written, the tasks are not, compaction does the rest.
#[test]
fn a_commit_before_its_connector_is_told_apart() {
    let written = [put("a", 1), task("a", 0, 1), commit("a", 1), put("a", 1)];
    let full = fold(written.clone());
    let compacted = fold(written.into_iter().skip(1));
    let connector = compacted.connector("a").unwrap();
    let orphaned = Inconsistency::Orphaned { committed_at: 1 };
    assert_eq!(connector.inconsistency(), Some(orphaned));
    assert_eq!(connector.task_set(), None);
    // A leader that saw all of it knows that the set has to be written again.
    assert!(!full.connector("a").unwrap().tasks_are_up_to_date());
}

#[test]
fn tasks_of_a_deleted_connector_are_no_tasks_of_its_successor() {
    let mut log = fold([put("a", 1), task("a", 0, 1), commit("a", 1)]);
    let delete = ConfigRecord::delete_connector(&"a".into());
    for (offset, record) in (3..).zip(delete) {
        log.apply(offset, record);
    }
    assert!(log.connectors().is_empty());
    log.apply(5, put("a", 2));
    let connector = log.connector("a").unwrap();
    assert_eq!(
        (connector.task_set(), connector.inconsistency()),
        (None, None)
    );
    assert!(
        connector.is_pending_fencing(),
        "its producers may still be there"
    );
}

#[test]
fn what_is_missing_of_a_set_is_named() {
    let log = fold([
        put("a", 1),
        task("a", 0, 1),
        task("a", 2, 1),
        commit("a", 3),
    ]);
    let incomplete = Inconsistency::Incomplete {
        tasks: 3,
        first_missing: 1,
        committed_at: 3,
    };
    let connector = log.connector("a").unwrap();
    assert_eq!(connector.inconsistency(), Some(incomplete));
    assert_eq!(log.task_config(&TaskId::new("a", 0)), None);
}

#[test]
fn a_connector_created_stopped_was_never_started() {
    let create = ConfigRecord::put_connector(&"a".into(), config(1), Some(TargetState::Stopped));
    let mut log = ConfigLog::new();
    for (offset, record) in (0..).zip(create) {
        log.apply(offset, record);
        let states = log.connectors().values().map(Connector::target_state);
        assert!(
            states
                .into_iter()
                .all(|state| state == TargetState::Stopped)
        );
    }
    assert_eq!(log.connectors().len(), 1);
}

#[test]
fn fencing_is_due_from_a_commit_to_the_next_count() {
    let mut log = fold([put("a", 1), task("a", 0, 1), commit("a", 1)]);
    assert!(log.connector("a").unwrap().is_pending_fencing());
    let count = ConfigRecord::TaskCount {
        name: "a".into(),
        tasks: 1,
    };
    assert_eq!(log.apply(3, count), None);
    let connector = log.connector("a").unwrap();
    assert!(!connector.is_pending_fencing());
    assert_eq!(connector.task_count_record(), Some(1));
}

#[test]
fn a_record_that_cannot_be_used_is_reported_once() {
    let mut log = fold([put("a", 1)]);
    let before = log.clone();
    let error = log.read(1, Some(b"commit-a"), Some(b"{}")).unwrap_err();
    assert_eq!(error.key(), "commit-a");
    assert_eq!(log.connectors(), before.connectors());
    assert_eq!((log.last_offset(), log.config_offset()), (Some(1), 2));
    assert_eq!(log.read(1, Some(b"commit-a"), Some(b"{}")).unwrap(), None);

    log.read(2, Some(b"connector-a"), Some(b"junk"))
        .unwrap_err();
    assert_eq!((log.last_offset(), log.config_offset()), (Some(2), 2));
}

/// Records in any order, as no worker would write them.
fn any_record() -> impl Strategy<Value = ConfigRecord> {
    let name = prop::sample::select(&NAMES[..]);
    let states = [
        TargetState::Paused,
        TargetState::Started,
        TargetState::Stopped,
    ];
    let state = prop::option::of(prop::sample::select(states.to_vec()));
    (0..8u8, name, 0..3usize, 0..9usize, state).prop_map(|(kind, name, index, version, state)| {
        match kind {
            0 => ConfigRecord::Connector {
                name: name.into(),
                config: None,
            },
            1 | 2 => put(name, version),
            3..=5 => task(name, index, version),
            6 => commit(name, index),
            _ if version < 3 => ConfigRecord::TaskCount {
                name: name.into(),
                tasks: index,
            },
            _ => ConfigRecord::TargetState {
                name: name.into(),
                state,
            },
        }
    })
}

/// A change that a leader writes; it may end before it has written all of it.
#[derive(Debug, Clone)]
enum Change {
    Delete,
    Put { version: usize },
    PutTasks { tasks: usize, written: usize },
    Target(TargetState),
}

fn any_change(leaders_end: bool) -> impl Strategy<Value = (&'static str, Change)> {
    let name = prop::sample::select(&NAMES[..]);
    (name, 0..10u8, 0..4usize, 0..9usize).prop_map(move |(name, kind, tasks, version)| {
        let change = match kind {
            0 => Change::Delete,
            1 => Change::Target(TargetState::Paused),
            2..=4 => Change::Put {
                version: version % 2,
            },
            5 if leaders_end => Change::PutTasks {
                tasks,
                written: version,
            },
            _ => Change::PutTasks {
                tasks,
                written: usize::MAX,
            },
        };
        (name, change)
    })
}

/// The log that leaders write, one after the other; each knows what was written before it.
fn written(changes: Vec<(&'static str, Change)>) -> Vec<ConfigRecord> {
    let mut records = Vec::new();
    for (version, (name, change)) in changes.into_iter().enumerate() {
        let exists = fold(records.iter().cloned()).connector(name).is_some();
        let name = ConnectorName::new(name);
        match change {
            Change::Put { version } => {
                records.extend(ConfigRecord::put_connector(&name, config(version), None));
            }
            _ if !exists => {}
            Change::Delete => records.extend(ConfigRecord::delete_connector(&name)),
            Change::PutTasks { tasks, written } => {
                let set = ConfigRecord::put_tasks(&name, vec![config(version); tasks]);
                records.extend(set.into_iter().take(written));
            }
            Change::Target(state) => records.push(ConfigRecord::TargetState {
                name,
                state: Some(state),
            }),
        }
    }
    records
}

type Stored = (i64, Bytes, Option<Bytes>);

/// The log after its first part was compacted.
fn compacted(records: &[ConfigRecord], part: usize, drop_tombstones: bool) -> Vec<Stored> {
    let stored = (0..).zip(records);
    let stored: Vec<Stored> = stored
        .map(|(offset, record)| {
            let (key, value) = record.encode();
            (offset, key, value)
        })
        .collect();
    let (head, tail) = stored.split_at(part);
    let last: BTreeMap<_, _> = head.iter().map(|(offset, key, _)| (key, *offset)).collect();
    let head = head.iter().filter(|(offset, key, value)| {
        last.get(key) == Some(offset) && !(drop_tombstones && value.is_none())
    });
    head.chain(tail).cloned().collect()
}

fn read(stored: &[Stored]) -> ConfigLog {
    let mut log = ConfigLog::new();
    for (offset, key, value) in stored {
        log.read(*offset, Some(key), value.as_deref()).unwrap();
    }
    log
}

proptest! {
    /// C1: records that come again change nothing, and nothing follows from them.
    #[test]
    fn replay_changes_nothing(
        records in prop::collection::vec(any_record(), 1..40),
        again in prop::collection::vec(any::<prop::sample::Index>(), 40),
    ) {
        let once = fold(records.clone());
        let mut log = ConfigLog::new();
        for (end, again) in (1..=records.len()).zip(again) {
            let first = again.index(end);
            let last = end - 1;
            log.apply(last as i64, records[last].clone());
            for (offset, record) in (0..).zip(&records[..end]).skip(first) {
                let before = log.clone();
                prop_assert_eq!(log.apply(offset, record.clone()), None);
                prop_assert_eq!(&log, &before);
            }
        }
        prop_assert_eq!(log, once);
    }

    /// C2: tasks change with a commit only, to what was written since the one before.
    #[test]
    fn a_set_becomes_visible_with_its_commit_and_only_whole(
        records in prop::collection::vec(any_record(), 1..60),
    ) {
        let mut log = ConfigLog::new();
        for (end, record) in records.iter().enumerate() {
            let before = log.clone();
            log.apply(end as i64, record.clone());
            for name in NAMES {
                let sets = |log: &ConfigLog| Some(log.connector(name)?.task_set()?.clone());
                let is_about_it = match record {
                    ConfigRecord::Commit { name: other, .. }
                    | ConfigRecord::Connector { name: other, config: None } => &**other == name,
                    _ => false,
                };
                if !is_about_it {
                    prop_assert_eq!(sets(&log), sets(&before));
                    continue;
                }
                let ConfigRecord::Commit { tasks, .. } = record else {
                    prop_assert_eq!(sets(&log), None);
                    continue;
                };
                // What was written since the last record that ended a set.
                let since = records[..end].iter().rev().take_while(|record| match record {
                    ConfigRecord::Commit { name: other, .. }
                    | ConfigRecord::Connector { name: other, config: None } => &**other != name,
                    _ => true,
                });
                let mut written = BTreeMap::new();
                for record in since {
                    if let ConfigRecord::Task { id, config } = record
                        && &*id.connector == name
                    {
                        written.entry(id.index).or_insert(config);
                    }
                }
                let expected: Option<Vec<_>> =
                    (0..*tasks).map(|index| Some((*written.get(&index)?).clone())).collect();
                let expected = expected.filter(|_| before.connector(name).is_some());
                prop_assert_eq!(sets(&log).map(|set| set.configs().to_vec()), expected);
            }
        }
    }

    /// C3: compaction may hide a set of tasks; it never shows one that nobody sees without it.
    #[test]
    fn compaction_never_shows_another_set(
        changes in prop::collection::vec(any_change(true), 1..30),
        part in any::<prop::sample::Index>(),
        drop_tombstones: bool,
    ) {
        let records = written(changes);
        let full = fold(records.iter().cloned());
        let part = part.index(records.len() + 1);
        let log = read(&compacted(&records, part, drop_tombstones));
        prop_assert!(log.connectors().keys().eq(full.connectors().keys()));
        for (connector, full) in log.connectors().values().zip(full.connectors().values()) {
            prop_assert_eq!(connector.config(), full.config());
            prop_assert_eq!(connector.config_offset(), full.config_offset());
            prop_assert_eq!(connector.target_state(), full.target_state());
            if let Some(set) = connector.task_set() {
                prop_assert_eq!(Some(set), full.task_set());
            }
        }
    }

    /// A set that is up to date survives compaction, unless a leader ended while it wrote another.
    #[test]
    fn what_is_up_to_date_survives_compaction(
        changes in prop::collection::vec(any_change(false), 1..30),
        part in any::<prop::sample::Index>(),
        drop_tombstones: bool,
    ) {
        let records = written(changes);
        let full = fold(records.iter().cloned());
        let part = part.index(records.len() + 1);
        let log = read(&compacted(&records, part, drop_tombstones));
        for (name, full) in full.connectors() {
            if full.tasks_are_up_to_date() {
                let connector = log.connector(name).unwrap();
                prop_assert!(connector.tasks_are_up_to_date());
                prop_assert_eq!(connector.task_set(), full.task_set());
            }
        }
    }
}
