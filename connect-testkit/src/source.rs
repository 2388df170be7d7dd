//! The conformance suite of source connectors: what the contract of
//! [`SourceTask`] promises, as tests that any connector can run.
//!
//! An author describes how to put records into the other system, and gets a test for each promise:
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
//! /// A counter: its records are the numbers up to its value.
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
//! Each case is a test of its own, with a system of its own.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "these are tests: a surprise is a failure of the connector under test"
)]

use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use connect_api::ConfigMap;
use connect_api::SourceConnector;
use connect_api::SourceTask;
use connect_api::record::Record;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_api::record::SourceRecord;

use crate::context::CaughtUp;
use crate::context::FakeConnector;
use crate::context::FakeSource;

/// A system that a source connector reads, and the connector.
#[async_trait]
pub trait System: Send {
    /// A fresh connector that reads this system.
    fn connector(&self) -> Box<dyn SourceConnector>;

    /// A configuration with which it does, by one task.
    fn config(&self) -> ConfigMap;

    /// Adds that many records behind those that are there. They differ from each other.
    async fn add(&mut self, count: usize);
}

/// Generates one `#[tokio::test]` for each case of the suite.
///
/// Takes the path of an `async fn` that returns a new [`System`](crate::source::System), after
/// attributes for all of the tests if there are any.
#[macro_export]
macro_rules! source_conformance {
    ($(#[$attribute:meta])* $system:path) => {
        $crate::source_conformance! { @cases [$(#[$attribute])*] $system;
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
    (@cases $attributes:tt $system:path; $($case:ident)*) => {
        $($crate::source_conformance! { @case $attributes $system; $case })*
    };
    (@case [$(#[$attribute:meta])*] $system:path; $case:ident) => {
        $(#[$attribute])*
        #[tokio::test]
        async fn $case() {
            $crate::source::$case($system().await).await;
        }
    };
}

/// [`Connector::task_configs`](connect_api::Connector::task_configs) gives the same answer while
/// nothing changed, and no more tasks than it may.
pub async fn a_connector_plans_the_same_work_each_time(system: impl System) {
    let mut connector = system.connector();
    connector
        .start(FakeConnector::new().context(), system.config())
        .await
        .unwrap();
    for most in [1, 2, 10] {
        let first = connector.task_configs(most).await.unwrap();
        let second = connector.task_configs(most).await.unwrap();
        assert_eq!(first, second, "the same work is planned differently");
        assert!(
            first.len() <= most,
            "{} tasks were planned, {most} are allowed",
            first.len()
        );
        assert!(!first.is_empty(), "there is work, but no task for it");
    }
    connector.stop().await.unwrap();
}

/// The future of `poll` may be dropped at any of its awaits.
pub async fn a_dropped_poll_loses_nothing(mut system: impl System) {
    system.add(RECORDS).await;
    let expected = Run::fresh(&system).await.rest().await;
    let mut run = Run::fresh(&system).await;
    let mut records = Vec::new();
    let mut patience = Duration::ZERO;
    within("all records came", async {
        while records.len() < expected.len() {
            // Each time a little later.
            match tokio::time::timeout(patience, run.task.poll()).await {
                Ok(more) => records.extend(more.unwrap()),
                Err(_) => patience += Duration::from_micros(50),
            }
        }
    })
    .await;
    assert_same(&records, &expected);
}

/// Definition, validation and the making of tasks work on an instance that was never started.
pub async fn a_fresh_connector_knows_its_configuration(system: impl System) {
    let connector = system.connector();
    let validation = connector.validate(&system.config()).await.unwrap();
    let errors: Vec<_> = validation.errors().collect();
    assert!(
        errors.is_empty(),
        "the configuration of the test is refused: {errors:?}"
    );
    for key in connector
        .config_def()
        .keys()
        .iter()
        .filter(|key| key.is_required())
    {
        let mut config = system.config();
        config.remove(&key.name);
        let validation = connector.validate(&config).await.unwrap();
        let is_named = validation.errors().any(|(name, _)| name == key.name);
        assert!(is_named, "{} is required, but may be absent", key.name);
    }
    drop(connector.task());
}

/// A task that starts with the committed offset of a record goes on with the record after it.
pub async fn a_restart_from_any_offset_gives_exactly_the_rest(mut system: impl System) {
    system.add(RECORDS).await;
    let all = Run::fresh(&system).await.rest().await;
    assert_eq!(all.len(), RECORDS);
    for done in 0..=all.len() {
        let mut run = Run::after(&system, &all[..done]).await;
        assert_same(&run.rest().await, &all[done..]);
    }
}

/// `stop` comes once, last, whatever happened before.
pub async fn a_task_can_be_stopped_at_any_moment(mut system: impl System) {
    let mut run = Run::fresh(&system).await;
    within("a task that never polled stops", run.task.stop())
        .await
        .unwrap();

    system.add(RECORDS).await;
    let mut run = Run::fresh(&system).await;
    run.poll().await;
    within("a task with records left stops", run.task.stop())
        .await
        .unwrap();

    let mut run = Run::fresh(&system).await;
    run.rest().await;
    within("a task that waits stops", run.task.stop())
        .await
        .unwrap();

    let mut task = system.connector().task();
    let fake = FakeSource::new(ConfigMap::new());
    if task.start(fake.context(), ConfigMap::new()).await.is_err() {
        within("a task that could not start stops", task.stop())
            .await
            .unwrap();
    }
}

/// A task that said that there is nothing more returns what comes later.
pub async fn a_waiting_poll_is_woken_by_new_records(mut system: impl System) {
    let mut run = Run::fresh(&system).await;
    assert_same(&run.rest().await, &[]);
    for _ in 0..3 {
        system.add(1).await;
        assert_eq!(run.poll().await.len(), 1);
        assert_same(&run.rest().await, &[]);
    }
}

/// The runtime tells the fate of records between polls.
pub async fn deliveries_and_commits_are_welcome_between_polls(mut system: impl System) {
    system.add(RECORDS).await;
    let mut run = Run::fresh(&system).await;
    let mut seen = 0;
    while seen < RECORDS as u64 {
        let records = run.poll().await;
        let range = seen..seen + records.len() as u64;
        seen = range.end;
        records.iter().for_each(|record| run.fake.commit(record));
        run.fake.deliver(seen);
        run.task
            .delivered(&[connect_api::record::Delivery::new(range, None)])
            .await
            .unwrap();
        run.task.committed().await.unwrap();
    }
    assert_same(&run.rest().await, &[]);
}

/// Nothing is lost, doubled or invented, and the end is said at the end only.
pub async fn every_record_comes_once_and_then_the_end_is_said(mut system: impl System) {
    system.add(RECORDS).await;
    let mut run = Run::fresh(&system).await;
    let mut records = Vec::new();
    while records.len() < RECORDS {
        assert_eq!(run.fake.caught_up(), CaughtUp::No, "records are left");
        records.extend(run.poll().await);
    }
    assert_same(&run.rest().await, &[]);
    assert_eq!(records.len(), RECORDS);
    let values: Vec<_> = records.iter().map(|record| &record.record.value).collect();
    for (index, value) in values.iter().enumerate() {
        assert!(
            !values[..index].contains(value),
            "a value came twice: {value:?}"
        );
    }
}

/// Every record has a partition and an offset, and offsets of a partition differ.
pub async fn offsets_are_kept_by_partition(mut system: impl System) {
    system.add(RECORDS).await;
    let records = Run::fresh(&system).await.rest().await;
    let mut places: Vec<(&SourcePartition, &SourceOffset)> = Vec::new();
    for record in records.iter().filter(|record| !record.more_follow) {
        assert!(
            !record.partition.is_null(),
            "a record without a source partition"
        );
        let place = (&record.partition, &record.offset);
        assert!(
            !places.contains(&place),
            "two records have the offset {:?}",
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
    async fn fresh(system: &impl System) -> Self {
        Self::after(system, &[]).await
    }

    /// A task after the records were committed.
    async fn after(system: &impl System, done: &[SourceRecord]) -> Self {
        let mut connector = system.connector();
        connector
            .start(FakeConnector::new().context(), system.config())
            .await
            .unwrap();
        let configs = connector.task_configs(1).await.unwrap();
        let fake = FakeSource::new(configs[0].clone());
        done.iter().for_each(|record| fake.commit(record));
        let mut task = connector.task();
        task.start(fake.context(), fake.config()).await.unwrap();
        Self { fake, task }
    }

    /// The next records.
    async fn poll(&mut self) -> Vec<SourceRecord> {
        within("records came", async {
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

    /// The records until the task says that there is nothing more.
    async fn rest(&mut self) -> Vec<SourceRecord> {
        let mut records = Vec::new();
        within("the end was said", async {
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

/// Compares what a record is and where it came from, but not when it was read.
fn assert_same(found: &[SourceRecord], expected: &[SourceRecord]) {
    let timeless = |record: &Record| Record {
        timestamp: None,
        ..record.clone()
    };
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(
            timeless(&found.record),
            timeless(&expected.record),
            "record {index}"
        );
        assert_eq!(
            found.partition, expected.partition,
            "partition of record {index}"
        );
    }
    assert_eq!(found.len(), expected.len(), "number of records");
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("waited {PATIENCE:?}, but not: {what}"),
    }
}

/// The longest that a case waits for something that has to happen.
const PATIENCE: Duration = Duration::from_secs(60);

const RECORDS: usize = 25;
