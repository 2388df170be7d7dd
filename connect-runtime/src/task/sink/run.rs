//! The loop of a sink task.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use connect_api::ConfigMap;
use connect_api::Error;
use connect_api::ErrorKind;
use connect_api::LogOffsets;
use connect_api::Result;
use connect_api::SinkTask;
use connect_api::SinkTaskContext;
use connect_api::TopicPartition;
use connect_broker::BrokerError;
use connect_broker::Consumer;
use connect_broker::ConsumerEvent;
use connect_broker::Gap;
use connect_core::herder::Report;
use connect_core::sink::CommitTracker;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::config::ErrorTolerance;
use crate::pipeline::Chain;
use crate::pipeline::Decoder;
use crate::pipeline::Operator;
use crate::pipeline::Reports;
use crate::pipeline::Stage;
use crate::pipeline::unless_interrupted;
use crate::plugin_threads::Call;
use crate::store::UsedTopics;
use crate::task::Reporter;
use crate::task::TaskControl;
use crate::task::TaskShared;
use crate::task::contained;
use crate::task::errant::Errant;
use crate::task::sink::context::Host;
use crate::task::sink::context::Wishes;
use crate::task::sink::inbox::Again;
use crate::task::sink::inbox::Batch;
use crate::task::sink::inbox::Conversion;
use crate::task::sink::inbox::Inbox;
use crate::task::sink::inbox::dead_letter;
use crate::task::sink::inbox::describe;
use crate::task::sink::pending::Pending;
use crate::task::sink::pending::Work;
use crate::task::sink::pending::retry_delay;

/// What a sink task is made of.
pub(crate) struct SinkParts {
    pub(crate) task: Box<dyn SinkTask>,
    pub(crate) class: String,
    pub(crate) config: ConfigMap,
    pub(crate) chain: Chain,
    pub(crate) decoder: Box<dyn Decoder>,
    pub(crate) operator: Operator,
    pub(crate) reports: Reports,
    /// What to do with records that the task reports; `None` if there is nowhere to report them.
    pub(crate) errant: Option<ErrorTolerance>,
    pub(crate) consumer: Box<dyn Consumer>,
    /// Where the worker records which topics are used.
    pub(crate) used: Option<UsedTopics>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) control: TaskControl,
    pub(crate) reporter: Reporter,
    pub(crate) shared: Arc<TaskShared>,
    pub(crate) flush_interval: Duration,
    pub(crate) flush_timeout: Duration,
    pub(crate) graceful_timeout: Duration,
}

/// A sink task and everything that it needs to run.
pub(crate) struct SinkLoop {
    task: Box<dyn SinkTask>,
    config: ConfigMap,
    inbox: Inbox,
    errant: Option<Arc<Errant>>,
    consumer: Box<dyn Consumer>,
    used: Option<UsedTopics>,
    commits: CommitTracker,
    wishes: Arc<Wishes>,
    /// What did not go through for now.
    pending: Option<Pending>,
    /// What the consumer was told to pause.
    paused: BTreeSet<TopicPartition>,
    clock: Arc<dyn Clock>,
    control: TaskControl,
    reporter: Reporter,
    shared: Arc<TaskShared>,
    flush_interval: Duration,
    flush_timeout: Duration,
    graceful_timeout: Duration,
    next_commit: Instant,
    accepted: u64,
    /// Records that `put` took.
    written: u64,
    /// Records that the task itself reported.
    reported: u64,
    started: bool,
}

impl SinkLoop {
    pub(crate) fn new(parts: SinkParts) -> Self {
        let SinkParts {
            chain,
            decoder,
            operator,
            reports,
            ..
        } = parts;
        Self {
            task: parts.task,
            config: parts.config,
            inbox: Inbox {
                chain,
                decoder,
                operator,
                reports,
            },
            errant: parts
                .errant
                .map(|tolerance| Errant::new(tolerance, &parts.class)),
            consumer: parts.consumer,
            used: parts.used,
            commits: CommitTracker::default(),
            wishes: Arc::default(),
            pending: None,
            paused: BTreeSet::new(),
            clock: parts.clock,
            control: parts.control,
            reporter: parts.reporter,
            shared: parts.shared,
            flush_interval: parts.flush_interval,
            flush_timeout: parts.flush_timeout,
            graceful_timeout: parts.graceful_timeout,
            next_commit: Instant::now() + parts.flush_interval,
            accepted: 0,
            written: 0,
            reported: 0,
            started: false,
        }
    }

    /// Runs the task to its end: a stop, an error or a panic. Reports its states.
    pub(crate) async fn run(mut self) {
        let ended = unless_interrupted(contained("the sink task", self.work()).await);
        let mut broken = false;
        if let Err(error) = &ended {
            broken = error.kind() == ErrorKind::Panicked;
            self.failed(error).await;
        }
        // After a panic only `stop` is still called.
        let closed = if self.started && !broken {
            contained("the sink task", self.finish(ended.is_ok())).await
        } else {
            Ok(())
        };
        if self.started
            && let Err(error) = contained("the sink task", self.stop()).await
        {
            tracing::warn!(task = %self.reporter.id, error = error.report(), "stop failed");
        }
        if let (Ok(()), Err(error)) = (ended, closed) {
            self.failed(&error).await;
        }
        let leaving = tokio::time::timeout(self.share_of_end(1), self.consumer.close());
        if leaving.await.is_err() {
            tracing::warn!(task = %self.reporter.id, "the group was not left in time; it may wait for this member");
        }
    }

    async fn failed(&mut self, error: &Error) {
        self.shared.failed();
        self.reporter.failed(error).await;
    }

    async fn stop(&mut self) -> Result<()> {
        let _call = self.shared.calling(Call::Stop);
        self.task.stop().await
    }

    /// A part of the time that a task has for its end, in fifths: two for the last commit, one for
    /// leaving the group, the rest for the plugin.
    fn share_of_end(&self, fifths: u32) -> Duration {
        self.graceful_timeout / 5 * fifths
    }

    async fn work(&mut self) -> Result<()> {
        let context = SinkTaskContext::new(Arc::new(Host {
            shared: Arc::clone(&self.shared),
            config: self.config.clone(),
            wishes: Arc::clone(&self.wishes),
            errant: self.errant.as_ref().map(Errant::reporter),
            stop: self.control.stop.clone(),
            clock: Arc::clone(&self.clock),
        }));
        self.started = true;
        let call = self.shared.calling(Call::Start);
        self.task.start(context, self.config.clone()).await?;
        drop(call);
        let mut was_paused = self.control.is_paused();
        self.report_target(was_paused).await;
        loop {
            if self.control.stop.is_cancelled() {
                return Ok(());
            }
            if was_paused != self.control.is_paused() {
                was_paused = !was_paused;
                self.report_target(was_paused).await;
                self.commit_by(Instant::now());
            }
            self.apply_wishes()?;
            // While a converter is resolved nothing interrupts it but the group.
            let is_due = Instant::now() >= self.next_commit || self.wishes.take_commit();
            if is_due && self.resolving().is_none() {
                self.commit(None).await?;
            }
            self.deliver_pending().await?;
            let (wait, stop) = (self.wait(), self.control.stop.clone());
            let stage = self.resolving();
            let event = tokio::select! {
                biased;
                // Cancel-safe: by the contracts of token, watch, `Consumer::poll` and `resolve`.
                () = stop.cancelled() => return Ok(()),
                () = self.control.changed() => continue,
                resolved = resolve(&mut *self.inbox.decoder, stage) => {
                    if let Some(pending) = &mut self.pending {
                        pending.resolved(resolved);
                    }
                    continue;
                }
                settled = self.inbox.reports.settle(), if stage.is_none() => {
                    settled?;
                    self.inbox.reports.take_durable();
                    continue;
                }
                event = self.consumer.poll(wait) => event?,
            };
            self.handle(event).await?;
        }
    }

    async fn handle(&mut self, event: ConsumerEvent) -> Result<()> {
        match event {
            ConsumerEvent::Records(read) => {
                if let Some(used) = &mut self.used {
                    let topics = read.iter().map(|part| &part.partition.topic);
                    let unseen = used.unseen(topics);
                    used.record(unseen);
                }
                self.convert(Conversion::new(read)).await?;
                tokio::task::yield_now().await;
            }
            ConsumerEvent::Assigned(partitions) => self.assigned(&partitions).await?,
            ConsumerEvent::Revoked(partitions) => {
                self.commit(Some(&partitions)).await?;
                self.give_up(&partitions).await?;
            }
            ConsumerEvent::Gaps(gaps) => self.step_over(&gaps),
            ConsumerEvent::Lost(partitions) => self.give_up(&partitions).await?,
            _ => self.idle().await?,
        }
        Ok(())
    }

    async fn assigned(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.wishes.assign(partitions);
        if !partitions.is_empty() {
            let _call = self.shared.calling(Call::Open);
            self.task.open(partitions).await?;
        }
        self.consumer.rebalanced().await?;
        for partition in partitions {
            let next = self.position(partition).await?;
            self.commits.assigned(partition, next);
        }
        self.apply_wishes()
    }

    /// Where a partition is read on. A log that is away for a moment is waited for.
    async fn position(&mut self, partition: &TopicPartition) -> Result<i64> {
        loop {
            match self.consumer.position(partition).await.map_err(Error::from) {
                Err(error) if error.is_retriable() => {
                    tracing::warn!(task = %self.reporter.id, %partition, error = error.report(), "where to read on is not known yet");
                    self.inbox.operator.wait(POSITION_WAIT).await?;
                }
                known => return known,
            }
        }
    }

    /// Closes partitions and answers the log.
    async fn give_up(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.forget_pending(partitions);
        let closed = if partitions.is_empty() {
            Ok(())
        } else {
            {
                let _call = self.shared.calling(Call::Close);
                self.task.close(partitions).await
            }
        };
        self.commits.forget(partitions);
        self.wishes.unassign(partitions);
        self.paused
            .retain(|partition| !partitions.contains(partition));
        self.consumer.rebalanced().await?;
        closed
    }

    /// Counts records that the log removed before they were read, and continues behind them.
    fn step_over(&mut self, gaps: &[Gap]) {
        for gap in gaps {
            self.shared.lost(gap.records());
            let known = self.commits.position(&gap.partition);
            if known.is_some_and(|known| known < gap.to) {
                self.commits.accepted(&gap.partition, gap.to);
            }
        }
    }

    /// Nothing was there to read.
    async fn idle(&mut self) -> Result<()> {
        if self.pending.is_some() || self.control.is_paused() || !self.control.is_draining() {
            return Ok(());
        }
        // Offsets of records that are invisible to readers count as read, so that the group
        // reaches the end of the log.
        let partitions: Vec<_> = self.commits.partitions().cloned().collect();
        for partition in &partitions {
            let next = match self.consumer.position(partition).await.map_err(Error::from) {
                Err(error) if error.is_retriable() => return Ok(()),
                known => known?,
            };
            if self
                .commits
                .position(partition)
                .is_some_and(|known| next > known)
            {
                self.commits.accepted(partition, next);
            }
        }
        // Who waits for the end looks at the group, which may begin at the end without an offset.
        let untouched = self.commits.untouched().clone();
        if !untouched.is_empty() {
            self.send_commit(&untouched, false).await?;
        }
        self.commit(None).await?;
        if self.commits.due().is_empty() {
            self.shared.caught_up(None);
        }
        Ok(())
    }

    /// Converts what was read and hands it to the task; keeps it if a record has to wait.
    async fn convert(&mut self, mut conversion: Conversion) -> Result<()> {
        let call = self.shared.calling(Call::Transform);
        let again = self.inbox.convert(&mut conversion).await?;
        drop(call);
        match again {
            Some(Again::After(delay)) => {
                return self.put_off(Work::Convert(conversion), delay, 0, None);
            }
            Some(Again::Resolved(stage, class)) => {
                let work = Work::Convert(conversion);
                return self.put_off(work, Duration::ZERO, 0, Some((stage, class)));
            }
            None => {}
        }
        let batch = conversion.into_batch(self.errant.is_some());
        self.shared.submitted(batch.read);
        self.shared.skipped(self.inbox.operator.skipped());
        self.put(batch, 0).await
    }

    fn put_off(
        &mut self,
        work: Work,
        delay: Duration,
        attempts: u32,
        resolve: Option<(Stage, String)>,
    ) -> Result<()> {
        let again_at = Instant::now() + delay;
        self.pending = Some(Pending {
            work,
            again_at,
            attempts,
            resolve,
        });
        self.apply_wishes()
    }

    /// The stage whose converter is being resolved.
    fn resolving(&self) -> Option<Stage> {
        let resolve = self.pending.as_ref()?.resolve.as_ref()?;
        Some(resolve.0)
    }

    fn forget_pending(&mut self, partitions: &[TopicPartition]) {
        if let Some(pending) = &mut self.pending {
            pending.forget(&mut self.inbox, partitions);
        }
    }

    /// Hands a batch to the task; keeps it if the task asks for it again.
    async fn put(&mut self, batch: Batch, attempts: u32) -> Result<()> {
        let result = if batch.records.is_empty() {
            Ok(())
        } else {
            {
                let _call = self.shared.calling(Call::Put);
                self.task.put(&batch.records).await
            }
        };
        self.pass_on_reports(&batch).await?;
        match result {
            Ok(()) => {
                for (partition, next) in &batch.reach {
                    self.commits.accepted(partition, *next);
                }
                self.accepted += batch.read as u64;
                self.written += batch.records.len() as u64;
                self.shared
                    .written(self.written.saturating_sub(self.reported));
                tracing::debug!(task = %self.reporter.id, records = batch.read, "records put");
                self.shared.delivered(self.accepted);
                Ok(())
            }
            Err(error) if error.is_retriable() => {
                tracing::warn!(task = %self.reporter.id, error = error.report(), "put failed and is tried again");
                let wished = self.wishes.take_retry_after();
                let delay = wished.unwrap_or_else(|| retry_delay(attempts));
                self.put_off(Work::Put(batch), delay, attempts + 1, None)
            }
            Err(error) => Err(error.context(PUT_FAILED)),
        }
    }

    /// Reports the records that the task reported.
    async fn pass_on_reports(&mut self, batch: &Batch) -> Result<()> {
        let Some(errant) = &self.errant else {
            return Ok(());
        };
        for (record, failure) in errant.take() {
            let position = &record.position;
            let Inbox {
                reports, decoder, ..
            } = &mut self.inbox;
            let letter = || match batch.raw(position) {
                Some(fetched) => dead_letter(position, fetched),
                // A record of an earlier batch: rebuilt from its data.
                None => decoder.dead_letter(&record),
            };
            reports
                .report(&failure, &describe(position), letter)
                .await?;
            if errant.is_fatal() {
                return Err(failure.into_error(&describe(position)));
            }
            self.reported += 1;
        }
        self.shared
            .skipped(self.inbox.operator.skipped() + self.reported);
        Ok(())
    }

    async fn deliver_pending(&mut self) -> Result<()> {
        let due = self.pending.take_if(Pending::is_due);
        let Some(Pending { work, attempts, .. }) = due else {
            return Ok(());
        };
        match work {
            Work::Convert(conversion) => self.convert(conversion).await,
            Work::Put(batch) => self.put(batch, attempts).await,
        }
    }

    /// Carries out what the task asked of its context, and pauses what must not flow.
    fn apply_wishes(&mut self) -> Result<()> {
        for (partition, next) in self.wishes.take_seek() {
            self.forget_pending(std::slice::from_ref(&partition));
            self.consumer.seek(&partition, next)?;
            self.commits.accepted(&partition, next);
        }
        let assignment = self.wishes.assignment();
        let is_held =
            self.pending.is_some() || self.control.is_paused() || self.inbox.reports.is_full();
        let wanted: BTreeSet<_> = if is_held {
            assignment.into_iter().collect()
        } else {
            self.wishes.paused()
        };
        if wanted != self.paused {
            let pause: Vec<_> = wanted.difference(&self.paused).cloned().collect();
            let resume: Vec<_> = self.paused.difference(&wanted).cloned().collect();
            self.consumer.pause(&pause);
            self.consumer.resume(&resume);
            self.paused = wanted;
        }
        Ok(())
    }

    /// Commits what the task has made durable, of all partitions or of some that it must give up.
    async fn commit(&mut self, closing: Option<&[TopicPartition]>) -> Result<()> {
        self.next_commit = Instant::now() + self.flush_interval;
        let due = match closing {
            Some(partitions) => self.commits.due_of(partitions),
            None => self.commits.due(),
        };
        if due.is_empty() {
            return Ok(());
        }
        let call = self.shared.calling(Call::PreCommit);
        let answered = self.task.pre_commit(due.clone()).await;
        drop(call);
        self.pass_on_reports(&Batch::default()).await?;
        let flushed = self.inbox.reports.flush(self.flush_timeout).await?;
        self.inbox.reports.take_durable();
        if !flushed {
            tracing::error!(task = %self.reporter.id, timeout = ?self.flush_timeout, "dead letters were not written in time, so that the offsets behind them are not committed yet");
            return Ok(());
        }
        let answer = match answered {
            Ok(answer) => answer,
            Err(error) if closing.is_some() => {
                tracing::warn!(task = %self.reporter.id, error = error.report(), "pre_commit failed; records since the last commit will come again");
                return Ok(());
            }
            Err(error) if error.is_retriable() => return self.rewind(&error),
            Err(error) => return Err(error.context("offsets could not be made ready to commit")),
        };
        let (commit, refused) = self.commits.allow(&due, answer);
        if !refused.is_empty() {
            let named = |(partition, next)| format!("{partition} at {next}");
            let refused: Vec<_> = refused.iter().map(named).collect();
            tracing::warn!(
                task = %self.reporter.id,
                partitions = refused.join(", "),
                "pre_commit returned offsets that it was not asked for; they are not committed"
            );
        }
        if commit.is_empty() {
            return Ok(());
        }
        self.send_commit(&commit, closing.is_some()).await
    }

    async fn send_commit(&mut self, offsets: &LogOffsets, closing: bool) -> Result<()> {
        tracing::debug!(task = %self.reporter.id, "committing offsets");
        let is_last = self.control.stop.is_cancelled();
        let patience = if is_last {
            self.share_of_end(2)
        } else {
            self.flush_timeout
        };
        let commit = tokio::time::timeout(patience, self.consumer.commit(offsets));
        let committed = commit.await.unwrap_or_else(|_| {
            let text = "the log has not answered in time".to_owned();
            Err(BrokerError::Unavailable(text))
        });
        match committed {
            Ok(()) => {
                self.commits.committed(offsets);
                tracing::debug!(task = %self.reporter.id, partitions = offsets.len(), "offsets committed");
                Ok(())
            }
            Err(error @ (BrokerError::Corrupt { .. } | BrokerError::Closed)) if !closing => {
                Err(error.into())
            }
            Err(error) => {
                let error = Error::from(error).report();
                let then = if is_last {
                    "records since the last commit will come again"
                } else {
                    "trying again at the next interval"
                };
                tracing::error!(task = %self.reporter.id, error, "offsets were not committed; {then}");
                Ok(())
            }
        }
    }

    /// `pre_commit` failed for now: records since the last commit come again.
    fn rewind(&mut self, error: &Error) -> Result<()> {
        tracing::warn!(task = %self.reporter.id, error = error.report(), "pre_commit failed; records since the last commit are put again");
        for (partition, next) in self.commits.rewind() {
            // What waits of other partitions was read, so it is not read again.
            self.forget_pending(std::slice::from_ref(&partition));
            self.consumer.seek(&partition, next)?;
        }
        Ok(())
    }

    /// Commits and closes everything. After a failure nothing more is asked of the task than to
    /// close.
    async fn finish(&mut self, healthy: bool) -> Result<()> {
        let partitions = self.wishes.assignment();
        if partitions.is_empty() {
            return Ok(());
        }
        let committed = if healthy {
            self.commit(Some(&partitions)).await
        } else {
            Ok(())
        };
        self.wishes.unassign(&partitions);
        let _call = self.shared.calling(Call::Close);
        committed.and(self.task.close(&partitions).await)
    }

    async fn report_target(&mut self, paused: bool) {
        let report = if paused {
            Report::Paused
        } else {
            Report::Running
        };
        self.reporter.report(report).await;
    }

    fn commit_by(&mut self, moment: Instant) {
        self.next_commit = self.next_commit.min(moment);
    }

    /// How long to wait for records at most.
    fn wait(&self) -> Duration {
        if self.resolving().is_some() {
            return RESOLVE_WAIT;
        }
        let now = Instant::now();
        let mut until = self.next_commit;
        if let Some(pending) = &self.pending {
            until = until.min(pending.again_at);
        }
        let wait = until.saturating_duration_since(now);
        if self.control.is_draining() {
            wait.min(DRAIN_WAIT)
        } else {
            wait
        }
    }
}

/// Resolves the converter of a stage; waits for ever if there is none to resolve.
///
/// *Cancellation*: as `resolve`: it is called again.
async fn resolve(decoder: &mut dyn Decoder, stage: Option<Stage>) -> Result<()> {
    match stage {
        Some(stage) => decoder.resolve(stage).await,
        None => std::future::pending().await,
    }
}

/// How long the group is polled at once while a converter is resolved.
const RESOLVE_WAIT: Duration = Duration::from_secs(60);

/// Java's words around an error of `put`.
const PUT_FAILED: &str = "the sink could not write records";

/// The pause before a partition's position is asked for again.
const POSITION_WAIT: Duration = Duration::from_millis(500);

/// While draining: how long nothing must come before what was read is committed.
const DRAIN_WAIT: Duration = Duration::from_millis(20);
