//! Runs to the end: when is everything done?

use std::time::Duration;

use connect_api::ConfigMap;
use connect_api::Error;
use connect_api::LogOffsets;
use connect_api::Result;
use connect_api::TopicPartition;
use connect_broker::Admin;
use connect_broker::AdminOptions;
use connect_broker::Isolation;
use connect_broker::Subscription;
use connect_core::ConnectorName;
use connect_core::cluster::TargetState;
use connect_core::herder::HerderCore;
use connect_core::status::State;
use tokio::time::Instant;

use crate::Connect;
use crate::config::ClientKind;
use crate::config::ConnectorSettings;
use crate::config::client_config;
use crate::config::way_to_cluster;
use crate::connect::status_of;
use crate::task::TaskProgress;
use crate::worker::Worker;
use crate::worker::group;
use crate::worker::subscription;

/// The outcome of a run to the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndReport {
    /// Records that source tasks delivered.
    pub records_in: u64,
    /// Records that sink tasks wrote.
    pub records_out: u64,
    /// Records that were skipped because of errors.
    pub skipped: u64,
    /// Records that the log removed before a sink read them; at most. Not zero means that the run
    /// did not do all that it should.
    pub lost: u64,
    /// Data that could not be delivered yet, such as a last line without its end, and topics that do
    /// not exist.
    pub leftovers: Vec<String>,
}

/// A sink connector and its configuration.
pub(crate) struct Sink {
    pub(crate) name: ConnectorName,
    pub(crate) config: ConfigMap,
    pub(crate) settings: ConnectorSettings,
}

/// What the wait depends on: failed connectors, the number of tasks, sinks to drain.
struct Picture {
    failed: Option<Error>,
    /// The tasks of some connector are not known yet.
    is_incomplete: bool,
    tasks: usize,
    sinks: Vec<Sink>,
}

pub(crate) async fn until_end(connect: &Connect, worker: &Worker) -> Result<EndReport> {
    let mut changed = worker.changed.subscribe();
    let mut clusters = Clusters::default();
    let mut looked: Option<Instant> = None;
    loop {
        changed.mark_unchanged();
        let progress = worker.progress();
        let sources_done = progress.iter().filter(|p| p.is_source).all(|p| p.caught_up);
        let is_news = sources_done || progress.iter().any(|p| p.failed);
        if is_news || looked.is_none_or(|at| at.elapsed() >= FAILURE_CHECK) {
            looked = Some(Instant::now());
            let picture = connect.look(picture).await?;
            if let Some(error) = picture.failed {
                return Err(error);
            }
            worker.drain(true);
            let is_complete = !picture.is_incomplete && progress.len() >= picture.tasks;
            if is_complete && sources_done {
                worker.drain(false);
                match sinks_done(&mut clusters, worker, &picture.sinks, &progress).await {
                    Ok(Some(missing)) => {
                        // Counters may have changed since.
                        let mut report = report(&worker.progress());
                        report.leftovers.extend(missing);
                        return Ok(report);
                    }
                    Ok(None) => {}
                    Err(error) if error.is_retriable() => {
                        let error = error.report();
                        tracing::warn!(
                            error,
                            "cannot find out now whether everything has arrived; trying again"
                        );
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        // Deliveries are notified by the thousand: one check is enough for many of them.
        tokio::time::sleep(SHORTEST_WAIT).await;
        // The start of a task is not notified, unlike its failure and its end.
        let _ = tokio::time::timeout(LONGEST_WAIT, changed.changed()).await;
    }
}

fn picture(core: &HerderCore) -> Picture {
    let mut picture = Picture {
        failed: None,
        is_incomplete: false,
        tasks: 0,
        sinks: Vec::new(),
    };
    for (name, connector) in core.desired().connectors() {
        let set = connector.task_set();
        picture.tasks += set.map_or(0, |set| set.configs().len());
        picture.is_incomplete |=
            connector.target_state() == TargetState::Started && !connector.tasks_are_up_to_date();
        if let Some(status) = status_of(core, name) {
            let itself = (status.state, "connector", name.to_string(), status.trace);
            let tasks = status
                .tasks
                .into_iter()
                .map(|t| (t.state, "task", t.id.to_string(), t.trace));
            let failed = std::iter::once(itself)
                .chain(tasks)
                .find(|s| s.0 == State::Failed);
            if let Some((_, what, name, trace)) = failed {
                let reason = trace.unwrap_or_default();
                let error = Error::external(format!("{what} \"{name}\" failed: {reason}"));
                picture.failed.get_or_insert(error);
            }
        }
    }
    picture.sinks = sinks(core);
    picture
}

/// All sink connectors.
pub(crate) fn sinks(core: &HerderCore) -> Vec<Sink> {
    let mut sinks = Vec::new();
    for (name, connector) in core.desired().connectors() {
        if let Ok(settings) = ConnectorSettings::new(connector.config())
            && (!settings.keys.topics.is_empty() || !settings.keys.topics_regex.is_empty())
        {
            let (name, config) = (name.clone(), (**connector.config()).clone());
            sinks.push(Sink {
                name,
                config,
                settings,
            });
        }
    }
    sinks
}

/// The clusters that sinks read, by the options to connect to them: the consumer of a sink may use
/// another cluster than the worker.
#[derive(Default)]
struct Clusters(Vec<(ConfigMap, Box<dyn Admin>)>);

impl Clusters {
    async fn read_by(&mut self, worker: &Worker, consumer: &ConfigMap) -> Result<&dyn Admin> {
        let way = way_to_cluster(consumer);
        let index = match self.0.iter().position(|(known, _)| *known == way) {
            Some(index) => index,
            None => {
                let mut options = AdminOptions::default();
                options.client_id = "until-end".into();
                options.client_config = way.clone();
                self.0.push((way, worker.broker()?.admin(options).await?));
                self.0.len() - 1
            }
        };
        #[expect(clippy::indexing_slicing, reason = "found or pushed above")]
        Ok(&*self.0[index].1)
    }
}

/// What sinks could not read because it does not exist, if every sink's group has committed the end
/// of every partition that it reads; `None` if not.
async fn sinks_done(
    clusters: &mut Clusters,
    worker: &Worker,
    sinks: &[Sink],
    progress: &[TaskProgress],
) -> Result<Option<Vec<String>>> {
    let mut missing = Vec::new();
    for Sink {
        name,
        config,
        settings,
    } in sinks
    {
        let running = progress
            .iter()
            .any(|p| p.id.connector == *name && !p.is_source);
        if !running {
            continue;
        }
        let consumer = client_config(ClientKind::Consumer, &worker.config, config);
        let admin = clusters.read_by(worker, &consumer).await?;
        let partitions = partitions_of(admin, settings).await?;
        // Including what is not readable yet: a log may still be completing a transaction that was
        // committed.
        let ends = admin
            .end_offsets(&partitions, Isolation::ReadUncommitted)
            .await?;
        let starts = admin.start_offsets(&partitions).await?;
        let committed = admin.group_offsets(&group(name, &consumer)).await?;
        if !reached(&starts, &ends, &committed) {
            tracing::trace!(connector = %name, ?ends, ?committed, "not at the end yet");
            return Ok(None);
        }
        for topic in settings.topics() {
            if !partitions.iter().any(|partition| partition.topic == topic) {
                missing.push(format!(
                    "topic \"{topic}\" of connector \"{name}\" does not exist"
                ));
            }
        }
    }
    Ok(Some(missing))
}

fn reached(starts: &LogOffsets, ends: &LogOffsets, committed: &LogOffsets) -> bool {
    ends.iter().all(|(partition, end)| {
        let start = starts.get(partition).unwrap_or(end);
        match committed.get(partition) {
            // A sink that has not reached the start yet has to count what it missed.
            Some(next) => next >= end,
            None => start == end,
        }
    })
}

async fn partitions_of(
    admin: &dyn Admin,
    settings: &ConnectorSettings,
) -> Result<Vec<TopicPartition>> {
    let reads = subscription(settings)?;
    let mut partitions = Vec::new();
    for topic in admin.list_topics().await? {
        let is_read = match &reads {
            Subscription::Pattern(pattern) => pattern.matches(&topic.name)?,
            Subscription::Topics(topics) => topics.contains(&topic.name),
            _ => false,
        };
        if is_read {
            let partition = |index| TopicPartition::new(topic.name.clone(), index);
            partitions.extend((0..topic.partitions).map(partition));
        }
    }
    Ok(partitions)
}

fn report(progress: &[TaskProgress]) -> EndReport {
    let mut report = EndReport::default();
    for task in progress {
        if task.is_source {
            report.records_in += task.records;
        } else {
            report.records_out += task.records;
        }
        report.skipped += task.skipped;
        report.lost += task.lost;
        report.leftovers.extend(task.leftover.clone());
    }
    report
}

/// The shortest time between two checks.
const SHORTEST_WAIT: Duration = Duration::from_millis(2);

/// The longest time between two checks, even if nothing is notified.
const LONGEST_WAIT: Duration = Duration::from_millis(20);

/// How often to check for failed connectors while sources are busy.
const FAILURE_CHECK: Duration = Duration::from_millis(250);
