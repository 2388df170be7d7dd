//! The loop of a source task.

use std::sync::Arc;
use std::time::Duration;

use connect_api::ConfigMap;
use connect_api::Error;
use connect_api::ErrorKind;
use connect_api::Result;
use connect_api::SourceTask;
use connect_api::SourceTaskContext;
use connect_api::record::SourceRecord;
use connect_broker::BrokerError;
use connect_broker::Producer;
use connect_broker::ProducerRecord;
use connect_broker::Receipt;
use connect_broker::Receipts;
use connect_core::TaskId;
use connect_core::herder::Report;
use futures::FutureExt;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::pipeline::Chain;
use crate::pipeline::Encoder;
use crate::pipeline::Operator;
use crate::pipeline::Reports;
use crate::pipeline::interrupted;
use crate::pipeline::unless_interrupted;
use crate::plugin_threads::Call;
use crate::store::OffsetStore;
use crate::store::OffsetUpdate;
use crate::store::UsedTopics;
use crate::store::keep_newest;
use crate::task::Reporter;
use crate::task::TaskControl;
use crate::task::TaskShared;
use crate::task::contained;
use crate::task::source::context::Host;
use crate::task::source::errant;
use crate::task::source::errant::Errant;
use crate::task::source::pace;
use crate::task::source::pace::Pace;
use crate::task::source::send::Outbox;
use crate::task::source::topics::Topics;
use crate::task::source::transaction::End;
use crate::task::source::transaction::Transactions;

/// What a source task is made of.
pub(crate) struct SourceParts {
    pub(crate) task: Box<dyn SourceTask>,
    pub(crate) config: ConfigMap,
    pub(crate) chain: Chain,
    pub(crate) encoder: Box<dyn Encoder>,
    pub(crate) operator: Operator,
    pub(crate) reports: Reports,
    pub(crate) producer: Box<dyn Producer>,
    pub(crate) receipts: Box<dyn Receipts>,
    pub(crate) offsets: Arc<dyn OffsetStore>,
    /// With exactly-once delivery.
    pub(crate) transactions: Option<Transactions>,
    /// Where the connector says how its topics are created.
    pub(crate) topics: Option<Topics>,
    /// Where the worker records which topics are used.
    pub(crate) used: Option<UsedTopics>,
    /// Takes what the task itself reports, if there is somewhere to report it.
    pub(crate) errant: Option<Arc<Errant>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) control: TaskControl,
    pub(crate) reporter: Reporter,
    pub(crate) shared: Arc<TaskShared>,
    pub(crate) flush_interval: Duration,
    pub(crate) flush_timeout: Duration,
    pub(crate) graceful_timeout: Duration,
}

/// A source task and everything that it needs to run.
pub(crate) struct SourceLoop {
    task: Box<dyn SourceTask>,
    config: ConfigMap,
    outbox: Outbox,
    /// Absent while it sends.
    producer: Option<Box<dyn Producer>>,
    receipts: Box<dyn Receipts>,
    /// Offsets that are committable and not committed yet, the newest of each partition.
    due: Vec<OffsetUpdate>,
    offsets: Arc<dyn OffsetStore>,
    transactions: Option<Transactions>,
    topics: Option<Topics>,
    used: Option<UsedTopics>,
    clock: Arc<dyn Clock>,
    control: TaskControl,
    reporter: Reporter,
    shared: Arc<TaskShared>,
    flush_interval: Duration,
    flush_timeout: Duration,
    graceful_timeout: Duration,
    next_commit: Instant,
    pace: Pace,
    /// What the task itself reports.
    errant: Option<Arc<Errant>>,
    /// The plugin's `start` was called, so `stop` is owed.
    started: bool,
    /// The plugin has panicked: only `stop` is still called.
    broken: bool,
}

impl SourceLoop {
    pub(crate) fn new(parts: SourceParts) -> Self {
        Self {
            task: parts.task,
            config: parts.config,
            outbox: Outbox::new(parts.chain, parts.encoder, parts.operator, parts.reports),
            producer: Some(parts.producer),
            receipts: parts.receipts,
            due: Vec::new(),
            offsets: parts.offsets,
            transactions: parts.transactions,
            topics: parts.topics,
            used: parts.used,
            clock: parts.clock,
            control: parts.control,
            reporter: parts.reporter,
            shared: parts.shared,
            flush_interval: parts.flush_interval,
            flush_timeout: parts.flush_timeout,
            graceful_timeout: parts.graceful_timeout,
            next_commit: Instant::now() + parts.flush_interval,
            pace: Pace::default(),
            errant: parts.errant,
            started: false,
            broken: false,
        }
    }

    /// Runs the task to its end: a stop, an error or a panic. Reports its states.
    pub(crate) async fn run(mut self) {
        let ended = unless_interrupted(contained("the source task", self.work()).await);
        if let Err(error) = &ended {
            self.broken = error.kind() == ErrorKind::Panicked;
            self.failed(error).await;
        }
        // Whatever happened: what is durable by now can be committed.
        let drained = contained("the source task", self.finish(ended.is_ok())).await;
        if self.started
            && let Err(error) = contained("the source task", self.stop()).await
        {
            tracing::warn!(task = %self.reporter.id, error = error.report(), "stop failed");
        }
        if let (Ok(()), Err(error)) = (ended, drained) {
            self.failed(&error).await;
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

    async fn work(&mut self) -> Result<()> {
        if !self.wait_until_unpaused().await {
            return Ok(());
        }
        let context = SourceTaskContext::new(Arc::new(Host {
            shared: Arc::clone(&self.shared),
            config: self.config.clone(),
            offsets: Arc::clone(&self.offsets),
            transaction: self.transactions.as_ref().and_then(Transactions::context),
            errant: self.errant.as_ref().map(Errant::reporter),
            stop: self.control.stop.clone(),
            clock: Arc::clone(&self.clock),
        }));
        self.started = true;
        let call = self.shared.calling(Call::Start);
        self.task.start(context, self.config.clone()).await?;
        drop(call);
        self.reporter.report(Report::Running).await;
        loop {
            self.settle_ready().await?;
            if Instant::now() >= self.next_commit {
                self.commit().await?;
            }
            if self.control.stop.is_cancelled() {
                return Ok(());
            }
            if self.control.is_paused() {
                self.commit().await?;
                if !self.stay_paused().await? {
                    return Ok(());
                }
                self.reporter.report(Report::Running).await;
            }
            self.take_errant().await?;
            let (wake_at, stop) = (self.wake_at(), self.control.stop.clone());
            let (next_poll, errant) = (self.pace.next, self.errant.clone());
            // Dead letters that the log does not take hold the task up, as records do.
            let may_poll = !self.outbox.reports.is_full();
            let began = Instant::now();
            let poll = async {
                pace::wait(next_poll).await;
                self.task.poll().await
            };
            tokio::select! {
                biased;
                // Cancel-safe: all branches but `poll` by contract, `poll` because its contract
                // says so.
                () = stop.cancelled() => return Ok(()),
                () = self.control.changed() => {}
                receipts = self.receipts.next() => self.settle(receipts).await?,
                settled = self.outbox.reports.settle() => settled?,
                () = errant::reported(errant.as_deref()) => {}
                () = tokio::time::sleep_until(wake_at) => self.end_due_transaction().await?,
                batch = poll, if may_poll => match batch {
                    Ok(batch) if batch.is_empty() => {
                        self.pace.empty(&self.reporter.id, began.elapsed());
                        self.idle().await?;
                    }
                    Ok(batch) => {
                        self.pace.records();
                        self.dispatch(batch).await?;
                    }
                    Err(error) if error.is_retriable() => {
                        self.pace.failed(&self.reporter.id, &error);
                    }
                    Err(error) => return Err(error),
                },
            }
        }
    }

    /// `poll` returned nothing, which is legal.
    async fn idle(&mut self) -> Result<()> {
        let ends = self.transactions.as_ref();
        if ends.is_some_and(Transactions::ends_idle) {
            self.end_transaction(End::Commit).await?;
        }
        tokio::task::yield_now().await;
        Ok(())
    }

    /// Passes on what the task itself has reported.
    ///
    /// # Errors
    /// A report is not tolerated, or cannot be written.
    async fn take_errant(&mut self) -> Result<()> {
        let reports = self.errant.as_ref().map(|errant| errant.take());
        for report in reports.into_iter().flatten() {
            self.outbox.report_message(report).await?;
            self.shared.skipped(self.outbox.operator.skipped());
        }
        Ok(())
    }

    /// Sends a batch on its way; waits while the log is behind.
    async fn dispatch(&mut self, mut batch: Vec<SourceRecord>) -> Result<()> {
        self.shared.submitted(batch.len());
        let length = batch.len();
        let parts = match &self.transactions {
            Some(transactions) => transactions.split(length)?,
            None => vec![(length, None)],
        };
        let mut rest = batch.as_mut_slice();
        for (length, end) in parts {
            let (part, more) = rest.split_at_mut(length.min(rest.len()));
            self.send(part).await?;
            rest = more;
            if let Some(end) = end {
                self.end_transaction(end).await?;
            }
        }
        if let Some(transactions) = &mut self.transactions {
            transactions.added();
            if transactions.ends_now() {
                self.end_transaction(End::Commit).await?;
            }
        }
        tokio::task::yield_now().await;
        Ok(())
    }

    async fn send(&mut self, batch: &mut [SourceRecord]) -> Result<()> {
        if let (Some(transactions), Some(producer)) = (&mut self.transactions, &mut self.producer) {
            transactions.begin(&mut **producer).await?;
        }
        let mut records = Vec::with_capacity(batch.len());
        let call = self.shared.calling(Call::Transform);
        let converted = self
            .outbox
            .convert(batch, self.transactions.as_mut(), &mut records)
            .await;
        drop(call);
        if let Some(transactions) = &self.transactions {
            transactions.check(&records)?;
        }
        if let Some(topics) = &mut self.topics
            && let Err(error) = topics.ensure(&records, &self.outbox.operator).await
        {
            self.outbox.lose(records.len());
            return Err(error);
        }
        if !records.is_empty() {
            let topics = records.iter().map(|record| &record.topic);
            let unseen = self.used.as_mut().map(|used| used.unseen(topics));
            self.hand_over(records).await?;
            if let (Some(used), Some(unseen)) = (&mut self.used, unseen) {
                used.record(unseen);
            }
            tracing::debug!(task = %self.reporter.id, "records sent");
        }
        self.shared.skipped(self.outbox.operator.skipped());
        converted
    }

    /// Gives records to the log. While it makes the task wait, receipts are taken in and offsets are
    /// committed as ever.
    async fn hand_over(&mut self, records: Vec<ProducerRecord>) -> Result<()> {
        let Some(mut producer) = self.producer.take() else {
            return Err(Error::illegal_state("the producer of the task is gone"));
        };
        let sent = self.wait_for(producer.send(records)).await;
        self.producer = Some(producer);
        sent
    }

    async fn wait_for(
        &mut self,
        sending: impl Future<Output = Result<(), BrokerError>> + Send,
    ) -> Result<()> {
        let mut sending = std::pin::pin!(sending);
        let (stop, patience) = (self.control.stop.clone(), self.share_of_end(1));
        let mut given_up = std::pin::pin!(async move {
            stop.cancelled().await;
            tokio::time::sleep(patience).await;
        });
        loop {
            tokio::select! {
                biased;
                // Cancel-safe: the first is pinned and continues, the others only wait.
                sent = &mut sending => return Ok(sent?),
                () = &mut given_up => {
                    self.outbox.is_cut_off = true;
                    return Err(interrupted());
                }
                receipts = self.receipts.next() => self.settle(receipts).await?,
                () = tokio::time::sleep_until(self.next_commit), if self.transactions.is_none() => {
                    self.commit().await?;
                }
            }
        }
    }

    /// Commits the open transaction, records and offsets, or aborts its records.
    async fn end_transaction(&mut self, end: End) -> Result<()> {
        let (Some(transactions), Some(producer)) = (&mut self.transactions, &mut self.producer)
        else {
            return Ok(());
        };
        if !self.outbox.reports.flush(self.flush_timeout).await? {
            let text = "dead letters were not written in time, so that the transaction before them cannot be committed";
            return Err(Error::retriable(text));
        }
        self.outbox.take_letters();
        let (connector, now) = (&self.reporter.id.connector, self.clock.now());
        transactions
            .end(end, &mut **producer, &*self.offsets, connector, now)
            .await?;
        self.settle_ready().await?;
        let receipts = self.transactions.as_mut().map(|open| open.release(end));
        self.settle_now(receipts.unwrap_or_default()).await?;
        self.tell_committed().await;
        Ok(())
    }

    /// When something is to be done even if nothing happens.
    fn wake_at(&self) -> Instant {
        let transactions = self.transactions.as_ref();
        let deadline = transactions.and_then(Transactions::deadline);
        let drain = transactions
            .filter(|transactions| self.control.is_draining() && transactions.may_end_early())
            .map(|_| Instant::now() + DRAIN_WAIT);
        [deadline, drain]
            .into_iter()
            .flatten()
            .fold(self.next_commit, Instant::min)
    }

    async fn end_due_transaction(&mut self) -> Result<()> {
        let Some(transactions) = &self.transactions else {
            return Ok(());
        };
        // At the end of a one-shot run nobody waits for an interval.
        let is_last = self.control.is_draining()
            && self.shared.has_caught_up()
            && transactions.may_end_early();
        if is_last || transactions.ends_now() {
            self.end_transaction(End::Commit).await?;
        }
        Ok(())
    }

    async fn tell_committed(&mut self) {
        if self.broken {
            return;
        }
        let _call = self.shared.calling(Call::Committed);
        if let Err(error) = self.task.committed().await {
            tracing::warn!(task = %self.reporter.id, error = error.report(), "committed failed");
        }
    }

    /// Takes in the receipts that are there already.
    async fn settle_ready(&mut self) -> Result<()> {
        while let Some(receipts) = self.receipts.next().now_or_never() {
            self.settle(receipts).await?;
        }
        while let Some(settled) = self.outbox.reports.settle().now_or_never() {
            settled?;
        }
        self.outbox.take_letters();
        if self.outbox.has_dropped() && self.transactions.is_none() {
            self.settle_now(Vec::new()).await?;
        }
        Ok(())
    }

    /// Takes in receipts. Inside a transaction nothing is delivered before its end.
    async fn settle(&mut self, receipts: Option<Vec<Receipt>>) -> Result<()> {
        let Some(receipts) = receipts else {
            return Err(Error::external("the log closed the producer of the task"));
        };
        match &mut self.transactions {
            Some(open) => {
                let failed = open.hold(receipts);
                if failed.is_empty() {
                    Ok(())
                } else {
                    self.settle_now(failed).await
                }
            }
            None => self.settle_now(receipts).await,
        }
    }

    async fn settle_now(&mut self, receipts: Vec<Receipt>) -> Result<()> {
        let (deliveries, outcome) = self.outbox.settle(receipts).await;
        tracing::debug!(task = %self.reporter.id, "records acknowledged");
        if !self.broken {
            let call = self.shared.calling(Call::Delivered);
            let told = self.task.delivered(&deliveries).await;
            drop(call);
            if let Err(error) = told {
                tracing::warn!(task = %self.reporter.id, error = error.report(), "delivered failed");
            }
        }
        self.shared
            .delivered(self.outbox.tracker.acknowledged_prefix());
        self.shared.skipped(self.outbox.operator.skipped());
        outcome
    }

    /// Commits what is committable: no offset passes a record whose dead letter is not durable. A
    /// failure is logged and tried again at the next interval.
    async fn commit(&mut self) -> Result<()> {
        self.next_commit = Instant::now() + self.flush_interval;
        if let Some(transactions) = &self.transactions {
            if transactions.may_end_early() && (self.control.is_paused() || transactions.ends_now())
            {
                self.end_transaction(End::Commit).await?;
            }
            return Ok(());
        }
        self.collect_due();
        if self.due.is_empty() {
            return Ok(());
        }
        let connector = &self.reporter.id.connector;
        tracing::debug!(task = %self.reporter.id, "committing offsets");
        let write = self.offsets.write(connector, &self.due, self.clock.now());
        match tokio::time::timeout(self.flush_timeout, write).await {
            Ok(Ok(())) => {
                tracing::debug!(task = %self.reporter.id, partitions = self.due.len(), "offsets committed");
                self.due.clear();
                self.tell_committed().await;
            }
            Ok(Err(error)) => {
                tracing::error!(task = %self.reporter.id, error = error.report(), "offsets were not committed; trying again at the next interval");
            }
            Err(_) => {
                tracing::error!(task = %self.reporter.id, timeout = ?self.flush_timeout, "committing offsets took too long; trying again at the next interval");
            }
        }
        Ok(())
    }

    fn collect_due(&mut self) {
        for (partition, offset) in self.outbox.tracker.take_committable() {
            keep_newest(&mut self.due, partition, offset);
        }
    }

    /// A part of the time that a task has for its end, in fifths: one for a record that the log
    /// does not take now, two for what is under way, one for the offsets, one for the plugin.
    fn share_of_end(&self, fifths: u32) -> Duration {
        self.flush_timeout.min(self.graceful_timeout) / 5 * fifths
    }

    /// Waits for what is under way and commits, both within limits.
    async fn finish(&mut self, healthy: bool) -> Result<()> {
        if !self.started {
            return Ok(());
        }
        let (id, begin) = (self.reporter.id.clone(), Instant::now());
        let [settling, committing] = [2, 3].map(|fifths| begin + self.share_of_end(fifths));
        if self.transactions.is_some() {
            let late = "the last transaction did not end in time; unless it was committed, its records will come again";
            let end = self.finish_transaction(healthy);
            return in_time(&id, committing, late, end).await;
        }
        let late = "records were still under way at the end; they will come again";
        let settled = in_time(&id, settling, late, self.settle_all()).await;
        self.take_errant().await?;
        let late =
            "the last offsets were not committed; records since the commit before will come again";
        let committed = in_time(&id, committing, late, self.commit()).await;
        settled.and(committed)
    }

    async fn settle_all(&mut self) -> Result<()> {
        loop {
            self.settle_ready().await?;
            if self.outbox.under_way() == 0 && !self.outbox.reports.has_unsettled() {
                return Ok(());
            }
            tokio::select! {
                // Cancel-safe: both only wait.
                receipts = self.receipts.next() => self.settle(receipts).await?,
                settled = self.outbox.reports.settle() => settled?,
            }
        }
    }

    /// Commits the open transaction, or gives it up.
    async fn finish_transaction(&mut self, healthy: bool) -> Result<()> {
        let (Some(transactions), Some(producer)) = (&mut self.transactions, &mut self.producer)
        else {
            return Ok(());
        };
        if healthy && transactions.may_end_early() {
            return self.end_transaction(End::Commit).await;
        }
        transactions.abandon(&mut **producer).await;
        Ok(())
    }

    /// Before the plugin starts: waits while paused. False if the task must stop.
    async fn wait_until_unpaused(&mut self) -> bool {
        if self.control.is_paused() {
            self.reporter.report(Report::Paused).await;
        }
        let stop = self.control.stop.clone();
        while self.control.is_paused() {
            tokio::select! {
                () = stop.cancelled() => return false,
                () = self.control.changed() => {}
            }
        }
        !self.control.stop.is_cancelled()
    }

    /// Takes in receipts and commits, but does not poll. False if the task must stop.
    async fn stay_paused(&mut self) -> Result<bool> {
        self.reporter.report(Report::Paused).await;
        let stop = self.control.stop.clone();
        while self.control.is_paused() {
            tokio::select! {
                () = stop.cancelled() => return Ok(false),
                () = self.control.changed() => {}
                receipts = self.receipts.next() => self.settle(receipts).await?,
                settled = self.outbox.reports.settle() => {
                    settled?;
                    self.settle_ready().await?;
                }
                () = tokio::time::sleep_until(self.next_commit) => self.commit().await?,
            }
        }
        Ok(true)
    }
}

/// Waits for a part of the end of a task; where it takes too long, that is logged and no failure.
async fn in_time(
    id: &TaskId,
    deadline: Instant,
    late: &str,
    part: impl Future<Output = Result<()>>,
) -> Result<()> {
    match tokio::time::timeout_at(deadline, part).await {
        Ok(ended) => ended,
        Err(_) => {
            tracing::warn!(task = %id, "{late}");
            Ok(())
        }
    }
}

/// While draining: how often to look whether the task has caught up.
const DRAIN_WAIT: Duration = Duration::from_millis(20);
