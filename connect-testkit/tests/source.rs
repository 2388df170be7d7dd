//! The suite of source connectors passes for a healthy source of several partitions.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of tests may fail like tests"
)]

use std::sync::Arc;
use std::sync::Mutex;

use async_trait::async_trait;
use connect_api::Connector;
use connect_api::ConnectorContext;
use connect_api::Result;
use connect_api::SourceConnector;
use connect_api::SourceTask;
use connect_api::SourceTaskContext;
use connect_api::Task;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigMap;
use connect_api::data::Datum;
use connect_api::record::Record;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_api::record::SourceRecord;
use connect_testkit::source::System;
use tokio::sync::Notify;

/// Two queues, which are filled in turn.
#[derive(Clone, Default)]
struct Queues(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queues: Mutex<[Vec<String>; 2]>,
    changed: Notify,
}

#[async_trait]
impl System for Queues {
    fn connector(&self) -> Box<dyn SourceConnector> {
        Box::new(self.clone())
    }

    fn config(&self) -> ConfigMap {
        ConfigMap::new()
    }

    async fn add(&mut self, count: usize) {
        let mut queues = self.0.queues.lock().unwrap();
        for _ in 0..count {
            let number: usize = queues.iter().map(Vec::len).sum();
            queues[number % 2].push(format!("value {number}"));
        }
        self.0.changed.notify_one();
    }
}

#[async_trait]
impl Connector for Queues {
    fn config_def(&self) -> &ConfigDef {
        ConfigDef::empty()
    }

    async fn start(&mut self, _: ConnectorContext, _: ConfigMap) -> Result<()> {
        Ok(())
    }

    async fn task_configs(&mut self, _: usize) -> Result<Vec<ConfigMap>> {
        Ok(vec![ConfigMap::new()])
    }
}

impl SourceConnector for Queues {
    fn task(&self) -> Box<dyn SourceTask> {
        Box::new(QueuesTask {
            queues: self.clone(),
            next: [0, 0],
            polls: 0,
            context: None,
        })
    }
}

/// Reads the queues in its own order, which starts over with each task.
struct QueuesTask {
    queues: Queues,
    next: [usize; 2],
    polls: usize,
    context: Option<SourceTaskContext>,
}

fn partition(queue: usize) -> SourcePartition {
    SourcePartition::new([("queue", queue as i64)])
}

impl Task for QueuesTask {}

#[async_trait]
impl SourceTask for QueuesTask {
    async fn start(&mut self, context: SourceTaskContext, _: ConfigMap) -> Result<()> {
        for queue in 0..2 {
            let stored = context.offset(&partition(queue)).await?;
            let next = stored.and_then(|offset| offset.get("next")?.as_i64());
            self.next[queue] = next.unwrap_or(0) as usize;
        }
        self.context = Some(context);
        Ok(())
    }

    async fn poll(&mut self) -> Result<Vec<SourceRecord>> {
        loop {
            // One of the first queue, two of the second, three of the first, and so on.
            self.polls += 1;
            let order = [self.polls % 2, (self.polls + 1) % 2];
            for queue in order {
                let queues = self.queues.0.queues.lock().unwrap();
                let values = queues[queue].iter().skip(self.next[queue]);
                let values: Vec<_> = values.take(self.polls).cloned().collect();
                drop(queues);
                if values.is_empty() {
                    continue;
                }
                let records = values.into_iter().map(|value| {
                    self.next[queue] += 1;
                    SourceRecord::new(
                        partition(queue),
                        SourceOffset::new("next", self.next[queue] as i64),
                        Record::new("values", Datum::string(value)),
                    )
                });
                return Ok(records.collect());
            }
            self.context.as_ref().unwrap().caught_up();
            self.queues.0.changed.notified().await;
        }
    }
}

async fn queues() -> Queues {
    Queues::default()
}

connect_testkit::source_conformance!(queues);
