//! The conformance suite of source connectors: a test for each promise of the contract of
//! [`SourceTask`], to run against any connector.
//!
//! Implement [`System`], which connects the suite to the system that the connector reads:
//!
//! ```
//! use async_trait::async_trait;
//! use connect_api::*;
//! use connect_testkit::source::System;
//! # use connect_api::config::ConfigDef;
//! # use connect_api::data::Datum;
//! # use connect_api::record::*;
//! # use std::sync::{Arc, atomic::{AtomicI64, Ordering::SeqCst}};
//! # use tokio::sync::Notify;
//!
//! /// A counter. Its records are the numbers from 1 to its value.
//! #[derive(Default)]
//! struct Counter(Arc<(AtomicI64, Notify)>);
//!
//! #[async_trait]
//! impl System for Counter {
//!     fn connector(&self) -> Box<dyn SourceConnector> {
//!         Box::new(CounterConnector { counter: self.0.clone(), config: ConfigMap::new() })
//!     }
//!     fn config(&self) -> ConfigMap {
//!         ConfigMap::new()
//!     }
//!     async fn add(&mut self, count: usize) {
//!         self.0.0.fetch_add(count as i64, SeqCst);
//!         self.0.1.notify_one();
//!     }
//! }
//!
//! async fn counter() -> Counter {
//!     Counter::default()
//! }
//!
//! connect_testkit::source_conformance!(counter);
//! # struct CounterConnector { counter: Arc<(AtomicI64, Notify)>, config: ConfigMap }
//! # struct CounterTask { counter: Arc<(AtomicI64, Notify)>, next: i64, context: Option<SourceTaskContext> }
//! # #[async_trait] impl Connector for CounterConnector {
//! #     fn config_def(&self) -> &ConfigDef { ConfigDef::empty() }
//! #     async fn start(&mut self, _: ConnectorContext, config: ConfigMap) -> Result<()> { self.config = config; Ok(()) }
//! #     async fn task_configs(&mut self, _: usize) -> Result<Vec<ConfigMap>> { Ok(vec![self.config.clone()]) }
//! # }
//! # impl SourceConnector for CounterConnector {
//! #     fn task(&self) -> Box<dyn SourceTask> { Box::new(CounterTask { counter: self.counter.clone(), next: 0, context: None }) }
//! # }
//! # #[async_trait] impl Task for CounterTask {}
//! # #[async_trait] impl SourceTask for CounterTask {
//! #     async fn start(&mut self, context: SourceTaskContext, _: ConfigMap) -> Result<()> {
//! #         let stored = context.offset(&SourcePartition::new([("of", "counter")])).await?;
//! #         self.next = stored.and_then(|o| o.get("next")?.as_i64()).unwrap_or(0);
//! #         self.context = Some(context);
//! #         Ok(())
//! #     }
//! #     async fn poll(&mut self) -> Result<Vec<SourceRecord>> {
//! #         while self.next >= self.counter.0.load(SeqCst) {
//! #             self.context.as_ref().unwrap().caught_up();
//! #             self.counter.1.notified().await;
//! #         }
//! #         self.next += 1;
//! #         let record = Record::new("t", Datum::schemaless(self.next));
//! #         Ok(vec![SourceRecord::new(SourcePartition::new([("of", "counter")]), SourceOffset::new("next", self.next), record)])
//! #     }
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! #     for _ in 0..2 { connect_testkit::source::a_restart_from_any_offset_gives_exactly_the_rest(counter().await).await; }
//! #     connect_testkit::source::a_dropped_poll_loses_nothing(counter().await).await;
//! #     connect_testkit::source::every_record_comes_once_and_then_the_end_is_said(counter().await).await;
//! # }
//! ```
//!
//! Each case is a separate test with its own system. A source may have several partitions: order
//! counts within a partition only, as in the contract.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "these are tests: a surprise is a failure of the connector under test"
)]

use std::time::Duration;

use async_trait::async_trait;
use connect_api::ConfigMap;
use connect_api::SourceConnector;
use connect_api::SourceTask;
use connect_api::record::Delivery;
use connect_api::record::Record;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_api::record::SourceRecord;

use crate::connector;
use crate::connector::within;
use crate::context::CaughtUp;
use crate::context::FakeSource;

/// A system that a source connector reads, and the connector.
#[async_trait]
pub trait System: Send {
    /// Returns a new connector that reads this system.
    fn connector(&self) -> Box<dyn SourceConnector>;

    /// Returns a configuration with which one task reads the whole system.
    fn config(&self) -> ConfigMap;

    /// Adds `count` records after the existing ones. The values of all records differ.
    async fn add(&mut self, count: usize);
}

/// Generates one `#[tokio::test]` for each case of the suite.
///
/// Takes the path of an `async fn` that returns a new [`System`](crate::source::System). Attributes
/// before the path are added to each test.
#[macro_export]
macro_rules! source_conformance {
    ($(#[$attribute:meta])* $system:path) => {
        $crate::connector_conformance! { source [$(#[$attribute])*] $system;
            a_connector_plans_the_same_work_each_time
            a_dropped_poll_loses_nothing
            a_fresh_connector_knows_its_configuration
            a_restart_from_any_offset_gives_exactly_the_rest
            a_task_can_be_stopped_at_any_moment
            a_waiting_poll_is_woken_by_new_records
            deliveries_and_commits_are_welcome_between_polls
            every_record_comes_once_and_then_the_end_is_said
            offsets_are_kept_by_partition
        }
    };
}

/// [`Connector::task_configs`](connect_api::Connector::task_configs) returns the same configurations
/// while nothing changes: at least one, and at most as many as allowed.
pub async fn a_connector_plans_the_same_work_each_time(system: impl System) {
    let mut connector = system.connector();
    connector::plans_the_same_work_each_time(&mut *connector, system.config(), 1).await;
}

/// The future of `poll` may be dropped at any await.
pub async fn a_dropped_poll_loses_nothing(mut system: impl System) {
    system.add(RECORDS).await;
    let expected = Run::start(&system, &[]).await.rest().await;
    let mut run = Run::start(&system, &[]).await;
    let mut records = Vec::new();
    let mut patience = Duration::ZERO;
    within("all records", async {
        while records.len() < expected.len() {
            // Each time a little later.
            match tokio::time::timeout(patience, run.task.poll()).await {
                Ok(more) => records.extend(more.unwrap()),
                Err(_) => patience += Duration::from_micros(50),
            }
        }
    })
    .await;
    assert_same(&records, &expected, "after dropped polls");
}

/// Definition, validation and creation of tasks work on a connector that was never started.
pub async fn a_fresh_connector_knows_its_configuration(system: impl System) {
    let connector = system.connector();
    connector::knows_its_configuration(&*connector, system.config()).await;
    drop(connector.task());
}

/// A task that starts with the committed offset of a record continues with the next record.
pub async fn a_restart_from_any_offset_gives_exactly_the_rest(mut system: impl System) {
    system.add(RECORDS).await;
    let all = Run::start(&system, &[]).await.rest().await;
    assert_eq!(all.len(), RECORDS, "number of records");
    for done in 0..=all.len() {
        let rest = Run::start(&system, &all[..done]).await.rest().await;
        let when = format!("after a restart with the offsets of the first {done} records");
        assert_same(&rest, &uncommitted(&all, done), &when);
    }
}

/// `stop` is called last, once, in any state of the task.
pub async fn a_task_can_be_stopped_at_any_moment(mut system: impl System) {
    let mut run = Run::start(&system, &[]).await;
    within("stop of a task that never polled", run.task.stop())
        .await
        .unwrap();

    system.add(RECORDS).await;
    let mut run = Run::start(&system, &[]).await;
    run.poll().await;
    within("stop of a task with records left", run.task.stop())
        .await
        .unwrap();

    let mut run = Run::start(&system, &[]).await;
    run.rest().await;
    within("stop of a task that waits", run.task.stop())
        .await
        .unwrap();

    let mut task = system.connector().task();
    let fake = FakeSource::new(ConfigMap::new());
    if task.start(fake.context(), ConfigMap::new()).await.is_err() {
        within("stop of a task that did not start", task.stop())
            .await
            .unwrap();
    }
}

/// A task that has caught up returns records that are added later.
pub async fn a_waiting_poll_is_woken_by_new_records(mut system: impl System) {
    let mut run = Run::start(&system, &[]).await;
    assert_same(&run.rest().await, &[], "of an empty system");
    for _ in 0..3 {
        system.add(1).await;
        assert_eq!(run.poll().await.len(), 1, "one record was added");
        assert_same(&run.rest().await, &[], "after the last record");
    }
}

/// The runtime reports deliveries and commits between polls.
pub async fn deliveries_and_commits_are_welcome_between_polls(mut system: impl System) {
    system.add(RECORDS).await;
    let mut run = Run::start(&system, &[]).await;
    let mut seen = 0;
    while seen < RECORDS as u64 {
        let records = run.poll().await;
        let range = seen..seen + records.len() as u64;
        seen = range.end;
        records.iter().for_each(|record| run.fake.commit(record));
        run.fake.deliver(seen);
        let deliveries = [Delivery::new(range, None)];
        within("delivered", run.task.delivered(&deliveries))
            .await
            .unwrap();
        within("committed", run.task.committed()).await.unwrap();
    }
    assert_same(&run.rest().await, &[], "after the last record");
}

/// Nothing is lost, duplicated or made up, and the task says that it has caught up only at the end.
pub async fn every_record_comes_once_and_then_the_end_is_said(mut system: impl System) {
    system.add(RECORDS).await;
    let mut run = Run::start(&system, &[]).await;
    let mut records = Vec::new();
    while records.len() < RECORDS {
        assert_eq!(
            run.fake.caught_up(),
            CaughtUp::No,
            "the task said that it has caught up after {} of {RECORDS} records",
            records.len()
        );
        records.extend(run.poll().await);
    }
    assert_same(&run.rest().await, &[], "after the last record");
    assert_eq!(records.len(), RECORDS, "number of records");
    let values: Vec<_> = records.iter().map(|record| &record.record.value).collect();
    for (index, value) in values.iter().enumerate() {
        assert!(
            !values[..index].contains(value),
            "a value came twice: {value:?}"
        );
    }
}

/// Every record has a partition and an offset, and the offsets of a partition differ.
pub async fn offsets_are_kept_by_partition(mut system: impl System) {
    system.add(RECORDS).await;
    let records = Run::start(&system, &[]).await.rest().await;
    let mut places: Vec<(&SourcePartition, &SourceOffset)> = Vec::new();
    for record in records.iter().filter(|record| !record.more_follow) {
        assert!(
            !record.partition.is_null(),
            "a record has no source partition"
        );
        let place = (&record.partition, &record.offset);
        assert!(
            !places.contains(&place),
            "two records of the partition {} have the offset {}",
            record.partition,
            record.offset
        );
        places.push(place);
    }
}

/// A started task.
struct Run {
    fake: FakeSource,
    task: Box<dyn SourceTask>,
}

impl Run {
    /// Starts a task with the offsets of `done` committed.
    async fn start(system: &impl System, done: &[SourceRecord]) -> Self {
        let mut connector = system.connector();
        connector::start(&mut *connector, system.config()).await;
        let configs = connector.task_configs(1).await.unwrap();
        let fake = FakeSource::new(configs[0].clone());
        done.iter().for_each(|record| fake.commit(record));
        let mut task = connector.task();
        within("start", task.start(fake.context(), fake.config()))
            .await
            .unwrap();
        Self { fake, task }
    }

    /// Returns the next records.
    async fn poll(&mut self) -> Vec<SourceRecord> {
        within("the next records", async {
            loop {
                let records = self.task.poll().await.unwrap();
                if !records.is_empty() {
                    self.fake.returned();
                    return records;
                }
            }
        })
        .await
    }

    /// Returns the records until the task says that it has caught up.
    async fn rest(&mut self) -> Vec<SourceRecord> {
        let mut records = Vec::new();
        within("the end, as the task has to say", async {
            loop {
                // Both are cancel-safe, by the contracts under test.
                tokio::select! {
                    biased;
                    said = self.fake.wait_caught_up() => {
                        assert_eq!(said, CaughtUp::Yes);
                        return;
                    }
                    more = self.task.poll() => {
                        let more = more.unwrap();
                        if !more.is_empty() {
                            self.fake.returned();
                        }
                        records.extend(more);
                    }
                }
            }
        })
        .await;
        self.fake.returned();
        records
    }
}

/// The records that come after a restart with the offsets of the first `done`: an offset counts only
/// with its last record.
fn uncommitted(all: &[SourceRecord], done: usize) -> Vec<SourceRecord> {
    let is_committed = |index: usize| {
        all[index..done]
            .iter()
            .any(|later| later.partition == all[index].partition && !later.more_follow)
    };
    let rest = (0..all.len()).filter(|&index| index >= done || !is_committed(index));
    rest.map(|index| all[index].clone()).collect()
}

/// Compares the records of each partition, in order. Timestamps may differ: they may say when a
/// record was read.
fn assert_same(found: &[SourceRecord], expected: &[SourceRecord], when: &str) {
    let mut partitions: Vec<_> = found.iter().chain(expected).map(|r| &r.partition).collect();
    partitions.sort_by_key(|partition| format!("{partition:?}"));
    partitions.dedup();
    for partition in partitions {
        let of_partition = |records: &[SourceRecord]| -> Vec<Record> {
            let own = records
                .iter()
                .filter(|record| record.partition == *partition);
            own.map(|record| Record {
                timestamp: None,
                ..record.record.clone()
            })
            .collect()
        };
        let (found, expected) = (of_partition(found), of_partition(expected));
        for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert_eq!(
                found, expected,
                "record {index} of the partition {partition} {when}"
            );
        }
        assert_eq!(
            found.len(),
            expected.len(),
            "number of records of the partition {partition} {when}"
        );
    }
}

const RECORDS: usize = 25;
