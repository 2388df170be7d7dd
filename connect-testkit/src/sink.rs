//! The conformance suite of sink connectors: a test for each promise of the contract of
//! [`SinkTask`], to run against any connector.
//!
//! Implement [`System`], which lets the suite look into the system that the connector writes:
//!
//! ```
//! use std::sync::{Arc, Mutex};
//!
//! use async_trait::async_trait;
//! use connect_api::*;
//! use connect_testkit::sink::System;
//! # use connect_api::config::ConfigDef;
//! # use connect_api::record::SinkRecord;
//!
//! /// A list of texts.
//! #[derive(Default)]
//! struct List(Arc<Mutex<Vec<String>>>);
//!
//! #[async_trait]
//! impl System for List {
//!     fn connector(&self) -> Box<dyn SinkConnector> {
//!         Box::new(ListConnector { list: self.0.clone(), config: ConfigMap::new() })
//!     }
//!     fn config(&self) -> ConfigMap {
//!         ConfigMap::new()
//!     }
//!     async fn written(&self) -> Vec<String> {
//!         self.0.lock().unwrap().clone()
//!     }
//! }
//!
//! async fn list() -> List {
//!     List::default()
//! }
//!
//! connect_testkit::sink_conformance!(list);
//! # struct ListConnector { list: Arc<Mutex<Vec<String>>>, config: ConfigMap }
//! # struct ListTask(Arc<Mutex<Vec<String>>>);
//! # #[async_trait] impl Connector for ListConnector {
//! #     fn config_def(&self) -> &ConfigDef { ConfigDef::empty() }
//! #     async fn start(&mut self, _: ConnectorContext, config: ConfigMap) -> Result<()> { self.config = config; Ok(()) }
//! #     async fn task_configs(&mut self, most: usize) -> Result<Vec<ConfigMap>> { Ok(vec![self.config.clone(); most]) }
//! # }
//! # impl SinkConnector for ListConnector {
//! #     fn task(&self) -> Box<dyn SinkTask> { Box::new(ListTask(self.list.clone())) }
//! # }
//! # #[async_trait] impl Task for ListTask {}
//! # #[async_trait] impl SinkTask for ListTask {
//! #     async fn start(&mut self, _: SinkTaskContext, _: ConfigMap) -> Result<()> { Ok(()) }
//! #     async fn put(&mut self, records: &[SinkRecord]) -> Result<()> {
//! #         let texts = records.iter().filter_map(|r| r.record.value.value.as_str()).map(str::to_owned);
//! #         self.0.lock().unwrap().extend(texts);
//! #         Ok(())
//! #     }
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! #     connect_testkit::sink::a_crash_loses_nothing(list().await).await;
//! #     connect_testkit::sink::committed_records_are_there_in_order(list().await).await;
//! # }
//! ```
//!
//! Each case is a separate test with its own system.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "these are tests: a surprise is a failure of the connector under test"
)]

use std::collections::BTreeMap;
use std::ops::Range;

use async_trait::async_trait;
use connect_api::ConfigMap;
use connect_api::LogOffsets;
use connect_api::LogPosition;
use connect_api::SinkConnector;
use connect_api::SinkTask;
use connect_api::TopicPartition;
use connect_api::data::Datum;
use connect_api::record::Record;
use connect_api::record::SinkRecord;

use crate::connector;
use crate::connector::within;
use crate::context::FakeSink;

/// A system that a sink connector writes, and the connector.
#[async_trait]
pub trait System: Send + Sync {
    /// Returns a new connector that writes to this system.
    fn connector(&self) -> Box<dyn SinkConnector>;

    /// Returns a configuration with which one task writes to this system.
    fn config(&self) -> ConfigMap;

    /// Returns the texts that are in the system now, in the order in which they were written.
    async fn written(&self) -> Vec<String>;

    /// Returns the value of the record for a text. The default is the text with a string schema.
    fn value(&self, text: &str) -> Datum {
        Datum::string(text)
    }

    /// True if no record is written twice, not even after a crash.
    fn is_exactly_once(&self) -> bool {
        false
    }
}

/// Generates one `#[tokio::test]` for each case of the suite.
///
/// Takes the path of an `async fn` that returns a new [`System`](crate::sink::System). Attributes
/// before the path are added to each test.
#[macro_export]
macro_rules! sink_conformance {
    ($(#[$attribute:meta])* $system:path) => {
        $crate::connector_conformance! { sink [$(#[$attribute])*] $system;
            a_connector_plans_the_same_work_each_time
            a_crash_loses_nothing
            a_crash_within_a_commit_loses_nothing
            a_fresh_connector_knows_its_configuration
            a_task_can_be_stopped_at_any_moment
            commits_never_run_ahead
            committed_records_are_there_in_order
            partitions_come_and_go
            records_put_again_after_a_clean_stop_are_the_next_ones
        }
    };
}

/// [`Connector::task_configs`](connect_api::Connector::task_configs) returns the same configurations
/// while nothing changes, and at most as many as allowed.
pub async fn a_connector_plans_the_same_work_each_time(system: impl System) {
    let mut connector = system.connector();
    connector::plans_the_same_work_each_time(&mut *connector, system.config(), 0).await;
}

/// A task that crashes between commits loses nothing. With exactly-once it writes nothing twice.
pub async fn a_crash_loses_nothing(system: impl System) {
    let mut log = Log::default();
    for (commits, puts) in [
        (0..0, 0..7),
        (0..0, 0..9),
        (0..20, 20..33),
        (20..40, 40..40),
        (40..45, 45..60),
    ] {
        let mut run = Run::start(&system, &mut log).await;
        run.catch_up(commits.end).await;
        run.commit(&mut log).await;
        run.catch_up(puts.end).await;
        drop(run); // neither committed nor stopped
    }
    let mut run = Run::start(&system, &mut log).await;
    run.catch_up(70).await;
    run.commit(&mut log).await;
    run.stop().await;
    assert_complete(&system, 70).await;
}

/// A task that crashes after `pre_commit`, before the offsets are committed, loses nothing. With
/// exactly-once it writes nothing twice.
pub async fn a_crash_within_a_commit_loses_nothing(system: impl System) {
    let mut log = Log::default();
    let mut run = Run::start(&system, &mut log).await;
    run.catch_up(10).await;
    run.commit(&mut log).await;
    run.catch_up(20).await;
    run.commit(&mut Log::default()).await; // the log never gets the offsets
    drop(run);
    let mut run = Run::start(&system, &mut log).await;
    run.catch_up(30).await;
    run.commit(&mut log).await;
    run.stop().await;
    assert_complete(&system, 30).await;
}

/// Definition, validation and creation of tasks work on a connector that was never started.
pub async fn a_fresh_connector_knows_its_configuration(system: impl System) {
    let connector = system.connector();
    connector::knows_its_configuration(&*connector, system.config()).await;
    drop(connector.task());
}

/// `stop` is called last, once, in any state of the task.
pub async fn a_task_can_be_stopped_at_any_moment(system: impl System) {
    let mut log = Log::default();
    let run = Run::start(&system, &mut log).await;
    run.stop().await;
    let mut run = Run::start(&system, &mut log).await;
    run.catch_up(5).await;
    run.stop().await;

    let connector = system.connector();
    let mut config = system.config();
    for name in connector::required(&*connector) {
        config.remove(&name);
    }
    let mut task = connector.task();
    let context = FakeSink::new(config.clone()).context();
    if task.start(context, config).await.is_err() {
        within("stop of a task that did not start", task.stop())
            .await
            .unwrap();
    }
}

/// `pre_commit` returns offsets of the given partitions only, and none beyond the given ones.
pub async fn commits_never_run_ahead(system: impl System) {
    let mut log = Log::default();
    let mut run = Run::start(&system, &mut log).await;
    for end in [0, 1, 2, 50] {
        run.catch_up(end).await;
        let given = run.offsets();
        let returned = within("pre_commit", run.task.pre_commit(given.clone()))
            .await
            .unwrap();
        for (partition, offset) in &returned {
            let given = given.get(partition).copied().unwrap_or(0);
            assert!(
                *offset <= given,
                "pre_commit returned the offset {offset} of {partition}, beyond {given}"
            );
        }
    }
    run.stop().await;
}

/// Records before the offsets that `pre_commit` returns are in the system.
pub async fn committed_records_are_there_in_order(system: impl System) {
    let mut log = Log::default();
    let mut run = Run::start(&system, &mut log).await;
    for end in [1, 2, 10, 1000, 5000] {
        run.catch_up(end).await;
        run.commit(&mut log).await;
        let expected: Vec<_> = (0..end).map(text).collect();
        assert_eq!(system.written().await, expected);
    }
    run.stop().await;
    assert_complete(&system, 5000).await;
}

/// Partitions are assigned and revoked while a task runs.
pub async fn partitions_come_and_go(system: impl System) {
    let mut log = Log::default();
    let mut run = Run::start(&system, &mut log).await;
    run.catch_up(10).await;
    run.commit(&mut log).await;
    let first = TopicPartition::new(TOPIC, 0);
    let second = TopicPartition::new(TOPIC, 1);
    run.fake.assign([first.clone(), second.clone()]);
    within("open", run.task.open(std::slice::from_ref(&second)))
        .await
        .unwrap();
    let record = |offset, number| {
        let position = LogPosition::new(TOPIC, 1, offset);
        SinkRecord::new(position, Record::new(TOPIC, system.value(&text(number))))
    };
    let records = [record(0, 10), record(1, 11)];
    within("put", run.task.put(&records)).await.unwrap();
    let both: LogOffsets = [(first.clone(), 10), (second.clone(), 2)]
        .into_iter()
        .collect();
    within("pre_commit", run.task.pre_commit(both))
        .await
        .unwrap();
    within("close", run.task.close(std::slice::from_ref(&second)))
        .await
        .unwrap();
    run.fake.assign([first]);
    run.next = 12;
    run.shift = 2;
    run.catch_up(20).await;
    run.commit(&mut log).await;
    run.stop().await;
    assert_complete(&system, 20).await;
}

/// After a clean stop nothing is written twice, with exactly-once or without.
pub async fn records_put_again_after_a_clean_stop_are_the_next_ones(system: impl System) {
    let mut log = Log::default();
    for end in [5, 5, 30, 31] {
        let mut run = Run::start(&system, &mut log).await;
        run.catch_up(end).await;
        run.commit(&mut log).await;
        run.stop().await;
    }
    let expected: Vec<_> = (0..31).map(text).collect();
    assert_eq!(system.written().await, expected);
}

/// The committed offsets.
type Log = BTreeMap<TopicPartition, i64>;

/// A started task with one partition, driven as the runtime does.
struct Run<'a, S> {
    system: &'a S,
    fake: FakeSink,
    task: Box<dyn SinkTask>,
    /// The number of the next record.
    next: i64,
    /// The number of a record minus its offset.
    shift: i64,
}

impl<'a, S: System> Run<'a, S> {
    async fn start(system: &'a S, log: &mut Log) -> Self {
        let mut connector = system.connector();
        connector::start(&mut *connector, system.config()).await;
        let configs = connector.task_configs(1).await.unwrap();
        let fake = FakeSink::new(configs[0].clone());
        let partition = TopicPartition::new(TOPIC, 0);
        fake.assign([partition.clone()]);
        let mut task = connector.task();
        within("start", task.start(fake.context(), fake.config()))
            .await
            .unwrap();
        within("open", task.open(std::slice::from_ref(&partition)))
            .await
            .unwrap();
        let committed = log.get(&partition).copied().unwrap_or(0);
        let next = fake
            .take_seeks()
            .get(&partition)
            .copied()
            .unwrap_or(committed);
        Self {
            system,
            fake,
            task,
            next,
            shift: 0,
        }
    }

    /// Puts the records before number `end`, in batches of different sizes.
    async fn catch_up(&mut self, end: i64) {
        let mut batch = 1;
        while self.next < end {
            let numbers = self.next..end.min(self.next + batch);
            let records = self.records(numbers.clone());
            within("put", self.task.put(&records)).await.unwrap();
            self.next = numbers.end;
            batch = batch * 2 % 500 + 1;
        }
    }

    fn records(&self, numbers: Range<i64>) -> Vec<SinkRecord> {
        let record = |number: i64| {
            let position = LogPosition::new(TOPIC, 0, number - self.shift);
            SinkRecord::new(
                position,
                Record::new(TOPIC, self.system.value(&text(number))),
            )
        };
        numbers.map(record).collect()
    }

    fn offsets(&self) -> LogOffsets {
        [(TopicPartition::new(TOPIC, 0), self.next - self.shift)]
            .into_iter()
            .collect()
    }

    async fn commit(&mut self, log: &mut Log) {
        let returned = within("pre_commit", self.task.pre_commit(self.offsets()))
            .await
            .unwrap();
        log.extend(returned);
    }

    async fn stop(mut self) {
        let partition = TopicPartition::new(TOPIC, 0);
        within("close", self.task.close(std::slice::from_ref(&partition)))
            .await
            .unwrap();
        within("stop", self.task.stop()).await.unwrap();
    }
}

/// Asserts that every text is there, in order. Without exactly-once, an earlier text may follow again,
/// with those after it.
async fn assert_complete(system: &impl System, count: i64) {
    let written = system.written().await;
    let expected: Vec<_> = (0..count).map(text).collect();
    if system.is_exactly_once() {
        assert_eq!(written, expected);
        return;
    }
    let mut next = 0;
    for (index, found) in written.iter().enumerate() {
        let number = expected.iter().position(|expected| expected == found);
        let Some(number) = number else {
            panic!("written text {index} is {found:?}, which was never put")
        };
        assert!(
            number <= next,
            "written text {index} is {found:?}, but {:?} is missing before it",
            expected[next]
        );
        next = next.max(number + 1);
    }
    assert_eq!(next, expected.len(), "number of different texts");
}

fn text(number: i64) -> String {
    format!("record number {number}")
}

const TOPIC: &str = "conformance";
